"""Sources, series, and what comes of the part of them that a window shows: the arithmetic of the naive model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from recuo.values import Instant, Labels
from tests.reference.naive_rules import NaiveRule
from triggers.base import Kind


@dataclass
class Source:
    """What the model must know of a source, and how its polls went."""

    name: str
    lag: int
    stale_after: int
    blind_after: int
    metrics: Mapping[str, Kind]
    ok_at: Instant | None = None
    failing_since: Instant | None = None

    def fails(self, now: Instant) -> bool:
        """Whether it fails for long enough to count: one failed poll alone changes nothing (S6)."""
        return self.failing_since is not None and now >= self.fails_at()

    def fails_at(self) -> Instant:
        """From when it counts, of a source whose polls fail."""
        assert self.failing_since is not None
        return max(self.failing_since, (self.ok_at or self.failing_since) + self.stale_after)


class Point(NamedTuple):
    """One sample, how much older than the newest instant of any window it was when it came, and when it came."""

    at: Instant
    value: float
    late: int = 0
    arrived: Instant = 0


@dataclass
class Series:
    """Every sample of one metric and label set, in order of time. `ended_at`: missing from a successful poll (S6)."""

    metric: str
    labels: Labels
    kind: Kind
    points: list[Point] = field(default_factory=list)
    ended_at: Instant | None = None

    @property
    def key(self) -> tuple[str, Labels]:
        """Its metric and labels."""
        return (self.metric, self.labels)

    def put(self, point: Point) -> bool:
        """Put a point in its place; the first one for an instant stays."""
        if any(have.at == point.at for have in self.points):
            return False
        self.points = sorted([*self.points, point])
        return True

    def shift(self, delta: int) -> None:
        """Every instant moves."""
        self.points = [point._replace(at=point.at + delta, arrived=point.arrived + delta) for point in self.points]
        self.ended_at = None if self.ended_at is None else self.ended_at + delta

    def of(self, over: int) -> Series:
        """The part that came in time for windows of this length (S2): what is beyond one never was in it."""
        return Series(self.metric, self.labels, self.kind, [p for p in self.points if p.late < over], self.ended_at)

    def within(self, start: Instant, end: Instant) -> Series:
        """The part in `(start, end]` (S2)."""
        points = [point for point in self.points if start < point.at <= end]
        return Series(self.metric, self.labels, self.kind, points, self.ended_at)

    @property
    def values(self) -> list[float]:
        """The values, oldest first."""
        return [point.value for point in self.points]

    def increase(self) -> float | None:
        """S9: of a delta the sum; of a counter the positive steps, a fall being a restart from 0."""
        if not self.points:
            return None
        if self.kind is Kind.DELTA:
            return sum(self.values)
        return float(sum(new - old if new >= old else new for old, new in pairwise(self.values)))


def sum_of_increases(windows: Sequence[Series]) -> float | None:
    """Increases are taken a series and then summed (S10); None where no series has a sample."""
    found = [increase for window in windows if (increase := window.increase()) is not None]
    return sum(found) if found else None


def quantile(share: float, values: Sequence[float]) -> float:
    """Prometheus' quantile: linear between the two nearest ranks."""
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    weight = rank - low
    return ordered[low] * (1 - weight) + ordered[high] * weight


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


_POOLED: Mapping[str, Callable[[Sequence[float]], float]] = {
    "avg": _mean,
    "min": min,
    "max": max,
    "p50": lambda values: quantile(0.50, values),
    "p90": lambda values: quantile(0.90, values),
    "p95": lambda values: quantile(0.95, values),
    "p99": lambda values: quantile(0.99, values),
}
_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {"sum": sum, "avg": _mean, "min": min, "max": max}


def reduced(rule: NaiveRule, windows: Sequence[Series]) -> float | None:
    """S10: the value of a rule over the windows of its series; None where no sample is in them."""
    windows = [window for window in windows if window.points]
    if not windows:
        return None
    if rule.reduce in _POOLED:
        return _POOLED[rule.reduce]([value for window in windows for value in window.values])
    if rule.reduce == "sum":
        return sum(sum(window.values) for window in windows)
    if rule.reduce == "count":
        return sum(len(window.points) for window in windows)
    if rule.reduce in {"increase", "rate"}:
        total = sum_of_increases(windows)
        assert total is not None
        assert rule.over is not None
        return total if rule.reduce == "increase" else total / (rule.over / 1000)
    newest = [window.values[-1] for window in windows if window.ended_at is None]
    if not newest:
        return None
    return _AGGREGATES[rule.aggregate or "max"](newest)
