"""What Recuo decides at each step of a back-test, as alerts that promtool can be asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recuo.values import Instant, Labels
from tests.reference.promtool import Active
from tests.reference.promtool_cases import SAMPLE_EVERY_MS
from triggers.base import Batch, Kind, MetricSpec, Sample
from triggers.engine import Engine, SourceInfo
from triggers.replay import STALE_AFTER_MS, replay
from triggers.rules import RuleConfig

AllSeries = Mapping[tuple[str, Labels], Sequence[float | None]]

_KINDS = {"m": Kind.GAUGE, "n": Kind.GAUGE, "part": Kind.DELTA, "whole": Kind.DELTA}
SOURCE = SourceInfo(
    "recorded",
    every_ms=SAMPLE_EVERY_MS,
    lag_ms=0,
    stale_after_ms=STALE_AFTER_MS,
    blind_after_ms=STALE_AFTER_MS,
    specs=tuple(MetricSpec(name, kind, "count", name) for name, kind in _KINDS.items()),
)


def _samples(series: AllSeries) -> list[Sample]:
    return [
        Sample(metric, labels, value, number * SAMPLE_EVERY_MS)
        for (metric, labels), values in series.items()
        for number, value in enumerate(values)
        if value is not None
    ]


def active_alerts(
    bodies: Mapping[str, Mapping[str, Any]], series: AllSeries, step_ms: int, steps: int, **options: Any
) -> list[Active]:
    """Every alert that is pending or firing at 0, step, ..., by the engine evaluated at those instants only.

    `options` go to the engine. The episodes that `replay` tells are checked against the same steps on the way.
    """
    rules = {name: RuleConfig.model_validate(body) for name, body in bodies.items()}
    samples = _samples(series)
    engine = Engine(rules, [SOURCE], now=0, stepped=True, **options)
    found: list[Active] = []
    waiting = sorted(samples, key=lambda sample: sample.at)
    for now in range(0, steps * step_ms, step_ms):
        came = [sample for sample in waiting if sample.at <= now]
        waiting = waiting[len(came) :]
        for sample in came:
            engine.feed(Batch("recorded", sample.at, (sample,), complete=False))
        engine.evaluate(now)
        found += [
            Active(now, view.rule, view.labels, view.state, view.active_at)
            for view in engine.alerts()
            if view.state != "inactive" and view.active_at is not None
        ]
    end = (steps - 1) * step_ms
    told = replay(rules, samples, start=0, end=end, step=step_ms, sources=[SOURCE])
    assert _episodes(told) == _firing_episodes(found, step_ms, end)
    return found


Episode = tuple[str, Labels, Instant, Instant, Instant | None]


def _episodes(told: Sequence[Mapping[str, Any]]) -> list[Episode]:
    return sorted(
        (row["rule"], tuple(sorted(row["labels"].items())), row["pending_at"], row["firing_at"], row["resolved_at"])
        for row in told
        if row["firing_at"] is not None
    )


def _firing_episodes(found: Sequence[Active], step_ms: int, end: Instant) -> list[Episode]:
    """The same from what was seen at each step; an alert that resolved and fired again has another `active_at`."""
    firing: dict[tuple[str, Labels, Instant], list[Instant]] = {}
    for one in found:
        if one.state == "firing":
            firing.setdefault((one.rule, one.labels, one.active_at_ms), []).append(one.at_ms)
    return sorted((*key, seen[0], seen[-1] + step_ms if seen[-1] < end else None) for key, seen in firing.items())
