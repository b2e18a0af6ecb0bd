"""The engine over recorded samples (design section 8): what would have become pending, fired and resolved, and when.

With `step`, rules are evaluated at start, start + step, ..., end and at no other instant, exactly as a Prometheus rule
group evaluates. Without it, as the daemon does live: when samples come and when something is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from recuo.values import Instant, Labels
from triggers.base import Batch, Bounds, Sample
from triggers.engine import Engine, SourceInfo, Transition
from triggers.rules import RuleConfig

SOURCE: Final = "recording"
STALE_AFTER_MS: Final = 300_000
"""S6: in back-tests a series is unknown when its newest sample is this old, as Prometheus' look-back."""
MAX_STEPS: Final = 10_000_000
_BOUNDS: Final = Bounds(series=1_000_000, labels=64, label_length=4096)


class Episodes:
    """Collects transitions into episodes: one for each time that an alert was pending or firing."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._open: dict[tuple[str, Labels], dict[str, Any]] = {}

    def take(self, transitions: Iterable[Transition]) -> None:
        """Add what was decided."""
        for each in transitions:
            key = (each.rule, each.labels)
            if each.kind == "pending":
                self._begin(each)
            elif each.kind == "firing":
                (self._open.get(key) or self._begin(each))["firing_at"] = each.at
            elif each.kind == "resolved" and key in self._open:
                self._open.pop(key)["resolved_at"] = each.at
            elif each.kind == "dropped":
                self._open.pop(key, None)

    def _begin(self, each: Transition) -> dict[str, Any]:
        at = each.at if each.active_at is None else each.active_at
        row = {
            "rule": each.rule, "labels": dict(each.labels), "pending_at": at, "firing_at": None, "resolved_at": None,
        }  # fmt: skip
        self.found.append(row)
        self._open[each.rule, each.labels] = row
        return row


def batches_of(samples: Iterable[Sample], sources: Sequence[SourceInfo]) -> Iterator[Batch]:
    """Samples in order of time, as batches of those that share an instant and a source."""
    owner = {spec.name: info.name for info in sources for spec in info.specs}

    def key(sample: Sample) -> tuple[Instant, str]:
        return sample.at, owner.get(sample.metric, SOURCE)

    for (at, source), group in groupby(sorted(samples, key=key), key):
        yield Batch(source, at, tuple(group), complete=False)


def replay(
    rules: Mapping[str, RuleConfig],
    samples: Iterable[Sample],
    *,
    start: Instant | None = None,
    end: Instant | None = None,
    step: int | None = None,
    sources: Sequence[SourceInfo] = (),
    stale_after_ms: int = STALE_AFTER_MS,
    observe: Callable[[Sequence[Transition]], object] | None = None,
) -> list[dict[str, Any]]:
    """Episodes `{"rule", "labels", "pending_at", "firing_at", "resolved_at"}` in order of time; instants in ms or None.

    `start` and `end` are those of the samples where not given; samples before `start` fill windows. Metrics that
    `sources` do not declare are counters where a ratio, rate or increase reads them, and gauges elsewhere. `observe` is
    given the transitions of each instant that had some. Raises
    ValueError for an end before the start or a step that is not positive.
    """
    batches = list(batches_of(samples, sources))
    if not batches and (start is None or end is None):
        return []
    start = batches[0].at if start is None else start
    end = batches[-1].at if end is None else end
    if end < start:
        raise ValueError("the end is before the start")
    if step is not None and (step <= 0 or (end - start) // step > MAX_STEPS):
        raise ValueError(f"the step must be positive, and give at most {MAX_STEPS} evaluations")
    episodes = Episodes()
    infos = [*sources, SourceInfo(SOURCE, 15_000, 0, stale_after_ms, stale_after_ms, bounds=_BOUNDS)]
    engine = Engine(rules, infos, now=start, stepped=step is not None)
    engine.fill(batch for batch in batches if batch.at < start)
    later = (batch for batch in batches if start <= batch.at <= end)
    for transitions in _live(engine, later, end) if step is None else _stepped(engine, later, start, end, step):
        decided = [each for each in transitions if not each.rule.startswith("source:")]
        episodes.take(decided)
        if observe is not None and decided:
            observe(decided)
    return episodes.found


def _live(engine: Engine, batches: Iterable[Batch], end: Instant) -> Iterator[list[Transition]]:
    for batch in batches:
        yield engine.feed(batch)
    yield engine.advance(end)


def _stepped(
    engine: Engine, batches: Iterable[Batch], start: Instant, end: Instant, step: int
) -> Iterator[list[Transition]]:
    waiting = iter(batches)
    batch = next(waiting, None)
    for now in range(start, end + 1, step):
        while batch is not None and batch.at <= now:
            engine.feed(batch)
            batch = next(waiting, None)
        yield engine.evaluate(now)
