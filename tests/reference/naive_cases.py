"""Sources, rules and histories on which the engine and the naive model are compared, drawn by Hypothesis.

Windows are short and lie on the same grid as the samples, so that samples stand exactly on their edges; gaps lie around
the staleness limit; values flap around the limits; and what a source can do wrong it does: failed polls, series that
are missing, samples that are late, twice, out of order, not finite, fresher than the lag.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from recuo.values import Instant, Labels, format_duration
from triggers.base import Batch, Kind, MetricSpec, Sample

BOOT: Instant = 1_000_000_000
GRID_MS = 5_000


class SourceCase(NamedTuple):
    """A source of the arena; durations in ms."""

    name: str
    every: int
    lag: int
    stale_after: int
    blind_after: int
    series: tuple[tuple[str, Kind, Labels], ...]

    def __repr__(self) -> str:
        return self.name.upper()

    @property
    def specs(self) -> tuple[MetricSpec, ...]:
        """Its declarations."""
        kinds = {metric: (kind, tuple(name for name, _ in labels)) for metric, kind, labels in self.series}
        return tuple(MetricSpec(metric, kind, "count", metric, names) for metric, (kind, names) in kinds.items())


def _labels(a: str, b: str) -> Labels:
    return (("a", a), ("b", b))


FAST = SourceCase(
    "fast",
    every=5_000,
    lag=0,
    stale_after=20_000,
    blind_after=30_000,
    series=(
        ("g", Kind.GAUGE, _labels("1", "x")),
        ("g", Kind.GAUGE, _labels("1", "y")),
        ("g", Kind.GAUGE, _labels("2", "x")),
        ("req", Kind.COUNTER, _labels("1", "x")),
        ("err", Kind.COUNTER, _labels("1", "x")),
        ("req", Kind.COUNTER, _labels("2", "x")),
        ("err", Kind.COUNTER, _labels("2", "x")),
        ("whole", Kind.DELTA, _labels("1", "x")),
        ("part", Kind.DELTA, _labels("1", "x")),
        ("boom", Kind.EVENT, _labels("1", "x")),
    ),
)
LAGGING = SourceCase(
    "lagging",
    every=10_000,
    lag=10_000,
    stale_after=45_000,
    blind_after=100_000,
    series=(
        ("s", Kind.GAUGE, _labels("1", "x")),
        ("s", Kind.GAUGE, _labels("2", "x")),
        ("hits", Kind.COUNTER, _labels("1", "x")),
        ("faults", Kind.COUNTER, _labels("1", "x")),
    ),
)
SOURCES = (FAST, LAGGING)

# ------------------------------------------------------------------------------------------------------------- rules

_OVERS = st.sampled_from((GRID_MS, 10_000, 12_500, 15_000, 30_000, 60_000))
_HOLDS = st.sampled_from((0, 0, 1_000, GRID_MS, 10_000, 12_500, 30_000, 70_000))
_GAUGES = st.sampled_from(("g", "g", "g", "s", 'g{a="1"}', 'g{b!="x"}', 's{a=~"1|2"}'))
_COUNTERS = st.sampled_from(("req", "err", "hits"))
_BY = st.sampled_from((None, None, ("a",), ("b",), ()))
_FRACTION = 0.3717  # no mean, rate or percentile of small whole numbers ends so: rounding cannot decide

Rules = dict[str, dict[str, Any]]


def _put_times(body: dict[str, Any], hold: int, keep: int) -> dict[str, Any]:
    return body | {"for": format_duration(hold), "keep_firing_for": format_duration(keep)}


@st.composite
def _with_limit(draw: st.DrawFn, body: dict[str, Any], limit: float) -> dict[str, Any]:
    """A limit on one side, sometimes with a clear on the other side."""
    side = draw(st.sampled_from(("above", "above", "below")))
    body = _put_times(body, draw(_HOLDS), draw(_HOLDS)) | {side: limit}
    if draw(st.booleans()):
        back = draw(st.integers(0, 2))
        clear = {"below": limit - back} if side == "above" else {"above": limit + back}
        body["clear"] = clear | {"for": format_duration(draw(_HOLDS))}
    return body


@st.composite
def metric_rules(draw: st.DrawFn) -> dict[str, Any]:
    """A limit on a window of a gauge or a counter."""
    reduce = draw(
        st.sampled_from(("last", "last", "avg", "min", "max", "sum", "count", "p50", "p95", "rate", "increase"))
    )
    target = draw(_COUNTERS if reduce in {"rate", "increase"} else _GAUGES)
    body: dict[str, Any] = {"metric": target, "reduce": reduce}
    if reduce != "last" or draw(st.booleans()):
        body["over"] = format_duration(draw(_OVERS))
    by = draw(_BY)
    if by is not None:
        body["by"] = list(by)
        if reduce == "last":
            body["aggregate"] = draw(st.sampled_from(("sum", "avg", "min", "max")))
    whole = reduce in {"last", "min", "max", "sum", "count", "increase"} and body.get("aggregate") != "avg"
    return draw(_with_limit(body, draw(st.integers(0, 7)) + (0 if whole else _FRACTION)))


@st.composite
def ratio_rules(draw: st.DrawFn) -> dict[str, Any]:
    """Errors among requests, or a delta in another."""
    of, to = draw(st.sampled_from((("err", "req"), ("err", "req"), ("part", "whole"), ("faults", "req"))))
    ratio = {
        "of": of,
        "to": to,
        "over": format_duration(draw(_OVERS)),
        "min_volume": draw(st.sampled_from((0, 1, 4, 9))),
    }
    body: dict[str, Any] = {"ratio": ratio}
    by = draw(_BY)
    if by is not None:
        body["by"] = list(by)
    return draw(_with_limit(body, draw(st.sampled_from((0.13717, 0.5, 0.93717, 1.23717)))))


@st.composite
def event_rules(draw: st.DrawFn) -> dict[str, Any]:
    """True for a while from the last event."""
    body: dict[str, Any] = {"event": "boom"}
    if draw(st.booleans()):
        body["over"] = format_duration(draw(_OVERS))
    return _put_times(body, draw(st.sampled_from((0, 0, 0, 5_000))), draw(_HOLDS))


@st.composite
def absent_rules(draw: st.DrawFn) -> dict[str, Any]:
    """True when nothing has come for a while."""
    hold = draw(st.sampled_from((10_000, 12_500, 30_000, 70_000)))
    return _put_times({"absent": draw(st.sampled_from(("g", 'g{a="2"}', "s")))}, hold, 0)


@st.composite
def rule_sets(draw: st.DrawFn, *forms: st.SearchStrategy[dict[str, Any]], composites: bool = False) -> Rules:
    """One to five rules of the given forms, and up to three made of them where asked."""
    bodies = draw(st.lists(st.one_of(*forms), min_size=2 if composites else 1, max_size=5))
    rules = {f"r{number}": body for number, body in enumerate(bodies)}
    for number in range(draw(st.integers(1, 3)) if composites else 0):
        parts = draw(st.lists(st.sampled_from(sorted(rules)), min_size=2, max_size=3, unique=True))
        form = draw(st.sampled_from(("all", "any")))
        rules[f"z{number}"] = _put_times({form: parts}, draw(_HOLDS), draw(_HOLDS))
    return rules


# ----------------------------------------------------------------------------------------------------------- histories


class Poll(NamedTuple):
    """`times` polls of a source, each `wait` ms after what came before; a byte for each series says what it brings."""

    wait: int
    source: SourceCase
    bytes: bytes = b""
    failed: bool = False
    complete: bool = True
    times: int = 1


class Look(NamedTuple):
    """Time passes; nothing comes."""

    wait: int


class Step(NamedTuple):
    """The wall clock is stepped."""

    delta: int


class Restart(NamedTuple):
    """The process ends, and `down` ms later another goes on with its state and its samples."""

    down: int


Event = Poll | Look | Step | Restart

_WAITS = st.sampled_from(
    (0, 1, 2_500, 5_000, 5_000, 5_000, 5_000, 5_000, 5_001, 10_000, 15_000, 20_000, 25_000, 62_000)
)
_LONG_WAITS = st.sampled_from((19_999, 20_000, 20_001, 60_000, 70_000, 100_000, 300_000, 599_999, 600_000, 605_000))
_DOWN = st.sampled_from((0, 0, 0, 1, 2_500, 5_000, 10_000, 30_000))
_DELTAS = st.sampled_from((-3_600_000, -5_000, -1, 1, 2_500, 5_000, 3_600_000))


@st.composite
def _polls(draw: st.DrawFn, sources: tuple[SourceCase, ...]) -> Poll:
    source = draw(st.sampled_from(sources))
    outcome = draw(st.sampled_from(("calm",) * 6 + ("wild",) * 4 + ("failed", "partial")))
    if outcome == "failed":
        return Poll(draw(_WAITS), source, failed=True, times=draw(st.integers(1, 6)))
    brings = draw(st.binary(min_size=3, max_size=len(source.series)))
    if outcome == "calm":
        brings = bytes(byte & 7 for byte in brings)
    return Poll(draw(_WAITS), source, brings, complete=outcome != "partial", times=draw(st.integers(1, 8)))


def histories(
    sources: tuple[SourceCase, ...] = SOURCES, *, steps: bool = False, restarts: bool = False, most: int = 30
) -> st.SearchStrategy[list[Event]]:
    """What happens, in order; with clock steps and restarts where asked."""
    kinds: list[st.SearchStrategy[Event]] = [_polls(sources)] * 8
    kinds.append(st.builds(Look, st.one_of(_WAITS, _LONG_WAITS)))
    if steps:
        kinds.append(st.builds(Step, _DELTAS))
    if restarts:
        kinds.append(st.builds(Restart, _DOWN))
    return st.lists(st.one_of(*kinds), min_size=6, max_size=most)


_SHORT = st.sampled_from((0, GRID_MS, 10_000, 15_000))


@st.composite
def hysteresis_rules(draw: st.DrawFn) -> dict[str, Any]:
    """A limit on the last value with a clear below it; every time is a few polls long."""
    body = _put_times({"metric": "g", "above": 4}, draw(_SHORT), draw(_SHORT))
    return body | {"clear": {"below": draw(st.integers(1, 4)), "for": format_duration(draw(_SHORT))}}


@st.composite
def _runs(draw: st.DrawFn) -> Event:
    """A few polls of equal values on the grid, seldom a gap that is long enough to be unknown."""
    if draw(st.integers(0, 9)) == 0:
        return Look(draw(st.sampled_from((2_500, 15_000, 22_500, 30_000))))
    return Poll(
        GRID_MS, FAST, bytes(draw(st.lists(st.integers(0, 7), min_size=3, max_size=3))), times=draw(st.integers(1, 4))
    )


def flapping() -> st.SearchStrategy[list[Event]]:
    """Values that go to and fro between true, clear and neither while times run."""
    return st.lists(_runs(), min_size=15, max_size=40)


class Bringer:
    """Turns the bytes of polls into samples; remembers counters, and when each series last had a sample."""

    def __init__(self) -> None:
        self.totals: dict[tuple[str, Labels], float] = {}
        self.last_at: dict[tuple[str, Labels], Instant] = {}
        self.events = 0

    def batch(self, poll: Poll, now: Instant) -> Batch:
        """The batch that a poll brings at `now`."""
        if poll.failed:
            return Batch(poll.source.name, now, failed="no route to host")
        brings = poll.bytes.ljust(len(poll.source.series), b"\x03")
        samples = tuple(
            sample
            for (metric, kind, labels), byte in zip(poll.source.series, brings, strict=True)
            for sample in self._samples(metric, kind, labels, byte, now, poll.source.lag)
        )
        return Batch(poll.source.name, now, samples, complete=poll.complete)

    def shift(self, delta: int) -> None:
        """The clock was stepped: what was last seen moves along."""
        self.last_at = {key: at + delta for key, at in self.last_at.items()}

    def _samples(self, metric: str, kind: Kind, labels: Labels, byte: int, now: Instant, lag: int) -> Iterator[Sample]:
        number, what = byte & 7, byte >> 3
        if kind is Kind.EVENT:
            yield from self._event(metric, labels, number, what, now)
            return
        value = self._value((metric, labels), kind, number, reset=what == 31)
        for at, own in self._places((metric, labels), what, now, lag):
            yield Sample(metric, labels, value if own else math.nan, at)
            self.last_at[metric, labels] = at

    def _event(self, metric: str, labels: Labels, number: int, what: int, now: Instant) -> Iterator[Sample]:
        """Rare, sometimes late, sometimes told again."""
        if what < 26:
            return
        key = (metric, labels)
        if what != 27 or key not in self.last_at:
            self.events += 1
            self.last_at[key] = now - (GRID_MS if what == 28 else 0)
        yield Sample(metric, labels, 1.0, self.last_at[key], id=f"e{self.events}", text=f"exit {number}")

    def _value(self, key: tuple[str, Labels], kind: Kind, number: int, *, reset: bool) -> float:
        if kind is not Kind.COUNTER:
            return float(number)
        self.totals[key] = float(number if reset else self.totals.get(key, 0) + number)
        return self.totals[key]

    def _places(self, key: tuple[str, Labels], what: int, now: Instant, lag: int) -> Iterator[tuple[Instant, bool]]:
        """Where in time a series' samples stand, and whether they are numbers."""
        fresh = now - lag
        table: Mapping[int, tuple[tuple[Instant, bool], ...]] = {
            21: (),
            22: (),
            23: ((fresh, False),),
            24: ((fresh - 1, True),),
            25: ((fresh - GRID_MS, True),),
            26: ((fresh - 2_500, True),),
            27: ((fresh - 12_500, True), (fresh, True)),
            28: ((fresh - 600_000, True),),
            29: ((self.last_at.get(key, fresh), True),),
            30: ((fresh - 2_500, True), (fresh, False)),
        }
        yield from table.get(what, ((fresh, True),))
