"""An engine with one source, fed by hand: what the tests of S1 to S12 share."""

from __future__ import annotations

from typing import Any

from recuo.values import Labels
from triggers.base import Batch, Bounds, Kind, MetricSpec, Sample
from triggers.engine import Engine, SourceInfo, Transition
from triggers.rules import RuleConfig

S = 1_000
M = 60_000
T0 = 1_700_000_000_000
SPECS = (
    MetricSpec("g", Kind.GAUGE, "ms", "a gauge"),
    MetricSpec("req", Kind.COUNTER, "count", "requests"),
    MetricSpec("err", Kind.COUNTER, "count", "errors"),
    MetricSpec("d", Kind.DELTA, "count", "a delta"),
    MetricSpec("boom", Kind.EVENT, "info", "an event"),
)


def source(name: str = "s", *, lag: int = 0, stale: int = M, blind: int = 5 * M, bounds: Bounds | None = None):
    return SourceInfo(name, 15 * S, lag, stale, blind, SPECS, bounds or Bounds())


class Rig:
    """`poll` feeds values at a second after T0; everything that happened is in `told`, as `kind rule`."""

    def __init__(self, rules: dict[str, dict[str, Any]], *sources: SourceInfo, **options: Any) -> None:
        self.rules = {name: RuleConfig.model_validate(body) for name, body in rules.items()}
        self.engine = Engine(self.rules, sources or (source(),), now=T0, **options)
        self.happened: list[Transition] = []

    def poll(self, at_s: float, *samples: Sample, complete: bool = True, name: str = "s", **values: float) -> list[str]:
        at = T0 + round(at_s * S)
        brought = [*samples, *(Sample(metric, (), value, at) for metric, value in values.items())]
        return self._note(self.engine.feed(Batch(name, at, brought, complete=complete)))

    def fail(self, at_s: float, why: str = "refused", name: str = "s") -> list[str]:
        return self._note(self.engine.feed(Batch(name, T0 + round(at_s * S), failed=why)))

    def wait(self, at_s: float) -> list[str]:
        return self._note(self.engine.advance(T0 + round(at_s * S)))

    def _note(self, transitions: list[Transition]) -> list[str]:
        self.happened += transitions
        return [f"{each.kind} {each.rule}" for each in transitions]

    def state(self, rule: str, labels: Labels = ()) -> str:
        """The state, with ` unknown` after it where it is."""
        for alert in self.engine.alerts():
            if (alert.rule, alert.labels) == (rule, labels):
                return alert.state + (" unknown" if alert.unknown_since is not None else "")
        return "inactive"

    def value(self, rule: str, labels: Labels = ()) -> float | None:
        found: float | None = self.engine.explain(rule, labels)["value"]
        return found


def sample(metric: str, value: float, at_s: float, _id: str = "", **labels: str) -> Sample:
    return Sample(metric, tuple(sorted(labels.items())), value, T0 + round(at_s * S), _id, _id)
