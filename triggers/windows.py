"""Windows over samples, and what they come to (design S2, S3): plain Python, for a few hundred series.

Time in a window is a sample's time plus its source's lag, so that one rule holds for every source: at `now` the window
is `(now - over, now]`. A sample that is early for its source's lag waits in `ahead`. Adding a sample, trimming and
reading are O(1) amortised whatever the window's length; percentiles are O(log n) and exact. Windows hold the samples of
a whole group: sums, counts, means, extremes and percentiles pool (S10), so that one window a group is enough; what is
taken a series (`last`, increases) has one window each.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

from recuo.values import Instant
from triggers.rules import Reduce


class Point(NamedTuple):
    """A sample in a window: when it counts from, the number of its series, its value."""

    at: Instant
    series: int
    value: float


class _Sorted(Protocol):
    def add(self, value: float) -> None: ...
    def remove(self, value: float) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> float: ...


class Window:
    """The points in `(now - over, now]`, oldest first. Subclasses keep what they need up to date."""

    __slots__ = ("ahead", "over_ms", "points")

    def __init__(self, over_ms: int) -> None:
        self.over_ms = over_ms
        self.points: deque[Point] = deque()
        self.ahead: list[Point] = []

    def add(self, at: Instant, series: int, value: float, now: Instant) -> None:
        """Put a point in its place; one that is beyond the window leaves no trace."""
        point = Point(at, series, value)
        if at > now:
            insort(self.ahead, point)
        elif at > now - self.over_ms:
            self._place(point)

    def _place(self, point: Point) -> None:
        points = self.points
        if not points or point.at >= points[-1].at:
            points.append(point)
            self._enter(point)
            return
        index = len(points)
        while index and points[index - 1].at > point.at:
            index -= 1
        points.insert(index, point)
        self._insert(point)

    def trim(self, now: Instant) -> None:
        """Bring it to `now`: what was ahead enters, what is too old leaves."""
        while self.ahead and self.ahead[0].at <= now:
            self._place(self.ahead.pop(0))
        edge = now - self.over_ms
        points = self.points
        while points and points[0].at <= edge:
            self._leave(points.popleft())

    def holds(self, at: Instant, series: int) -> bool:
        """Whether a point of this series for this instant is in it."""
        for point in reversed(self.points):
            if point.at < at:
                break
            if point.at == at and point.series == series:
                return True
        return any(point.at == at and point.series == series for point in self.ahead)

    def drop(self, series: int) -> None:
        """Forget one series' points."""
        kept = [point for point in self.points if point.series != series]
        self.ahead = [point for point in self.ahead if point.series != series]
        while self.points:
            self._leave(self.points.popleft())
        for point in kept:
            self._place(point)

    def shift(self, delta_ms: int) -> None:
        """Move every point in time."""
        self.points = deque(point._replace(at=point.at + delta_ms) for point in self.points)
        self.ahead = [point._replace(at=point.at + delta_ms) for point in self.ahead]

    def _enter(self, point: Point) -> None:
        """A point came at the new end."""

    def _leave(self, point: Point) -> None:
        """The oldest point went."""

    def _insert(self, point: Point) -> None:
        """A point came in the middle."""
        self._enter(point)

    def value(self) -> float | None:
        """What the points come to; None where there is none."""
        return self.points[-1].value if self.points else None

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)


class LastWindow(Window):
    """`last`."""

    __slots__ = ()


class CountWindow(Window):
    """`count`."""

    __slots__ = ()

    def value(self) -> float | None:
        """How many points there are."""
        return float(len(self.points)) if self.points else None


class SumWindow(Window):
    """`sum`. What addition rounds away is kept beside the sum and given back (Neumaier 1974), so it never drifts."""

    __slots__ = ("high", "low")

    def __init__(self, over_ms: int) -> None:
        super().__init__(over_ms)
        self.high = self.low = 0.0

    def _add(self, value: float) -> None:
        high = self.high
        total = high + value
        back = total - high
        self.low += (high - (total - back)) + (value - back)
        self.high = total

    def _enter(self, point: Point) -> None:
        self._add(point.value)

    def _leave(self, point: Point) -> None:
        if self.points:
            self._add(-point.value)
        else:
            self.high = self.low = 0.0

    def total(self) -> float:
        """The sum of the points; infinite where it is beyond what a float holds."""
        total = self.high + self.low
        if total - total == 0:
            return total
        self.high, self.low = 0.0, 0.0
        for point in self.points:
            self._add(point.value)
        again = self.high + self.low
        return again if again - again == 0 else self.high

    def value(self) -> float | None:
        """The sum."""
        return self.total() if self.points else None


class MeanWindow(SumWindow):
    """`avg`."""

    __slots__ = ()

    def value(self) -> float | None:
        """The arithmetic mean."""
        return self.total() / len(self.points) if self.points else None


class ExtremeWindow(Window):
    """`min` and `max`: the points that no later point outdoes, so that the first is the extreme."""

    __slots__ = ("best", "sign")

    def __init__(self, over_ms: int, sign: float) -> None:
        super().__init__(over_ms)
        self.sign = sign
        self.best: deque[Point] = deque()

    def _enter(self, point: Point) -> None:
        best, value, sign = self.best, point.value, self.sign
        while best and (value - best[-1].value) * sign >= 0:
            best.pop()
        best.append(point)

    def _leave(self, point: Point) -> None:
        if self.best and self.best[0] is point:
            self.best.popleft()

    def _insert(self, point: Point) -> None:
        self.best.clear()
        for each in self.points:
            self._enter(each)

    def shift(self, delta_ms: int) -> None:
        """Move every point in time."""
        super().shift(delta_ms)
        self.best.clear()
        for each in self.points:
            self._enter(each)

    def value(self) -> float | None:
        """The smallest or the greatest value."""
        return self.best[0].value if self.best else None


class QuantileWindow(Window):
    """`p50` to `p99`, exact: linear between the two nearest ranks, as PromQL's quantile_over_time."""

    __slots__ = ("ordered", "share")

    def __init__(self, over_ms: int, share: float) -> None:
        from sortedcontainers import SortedList

        super().__init__(over_ms)
        self.share = share
        self.ordered: _Sorted = SortedList()

    def _enter(self, point: Point) -> None:
        self.ordered.add(point.value)

    def _leave(self, point: Point) -> None:
        self.ordered.remove(point.value)

    def value(self) -> float | None:
        """The value below which this share of the points lies."""
        count = len(self.ordered)
        if not count:
            return None
        rank = self.share * (count - 1)
        low = int(rank)
        weight = rank - low
        above = self.ordered[min(low + 1, count - 1)]
        return self.ordered[low] * (1 - weight) + above * weight


class IncreaseWindow(Window):
    """A counter's increase: the sum of positive steps between consecutive points that are both in the window.

    A fall is a restart from zero and counts the new value, as in PromQL; nothing is extrapolated to the window's edges,
    so that ten more requests are ten. It is the last value less the first, plus what was lost at each restart.
    """

    __slots__ = ("lost", "restarts")

    def __init__(self, over_ms: int) -> None:
        super().__init__(over_ms)
        self.restarts: deque[tuple[Point, float]] = deque()
        self.lost = 0.0

    def _enter(self, point: Point) -> None:
        if len(self.points) > 1 and point.value < (before := self.points[-2]).value:
            self.restarts.append((before, before.value))
            self._sum()

    def _leave(self, point: Point) -> None:
        if self.restarts and self.restarts[0][0] is point:
            self.restarts.popleft()
            self._sum()

    def _sum(self) -> None:
        self.lost = sum(value for _, value in self.restarts)

    def _insert(self, point: Point) -> None:
        pairs = pairwise(self.points)
        self.restarts = deque((old, old.value) for old, new in pairs if new.value < old.value)
        self._sum()

    def shift(self, delta_ms: int) -> None:
        """Move every point in time."""
        super().shift(delta_ms)
        if self.points:
            self._insert(self.points[-1])

    def value(self) -> float | None:
        """The increase; 0 for a single point."""
        return self.points[-1].value - self.points[0].value + self.lost if self.points else None


def window_for(reduce: Reduce, over_ms: int, *, is_delta: bool = False) -> Window:
    """An empty window that keeps what `reduce` needs; the increase of a delta is its sum (S9)."""
    if reduce.of_counter:
        return SumWindow(over_ms) if is_delta else IncreaseWindow(over_ms)
    if reduce.quantile is not None:
        return QuantileWindow(over_ms, reduce.quantile)
    return _PLAIN[reduce](over_ms)


_PLAIN: dict[Reduce, Callable[[int], Window]] = {
    Reduce.LAST: LastWindow,
    Reduce.COUNT: CountWindow,
    Reduce.SUM: SumWindow,
    Reduce.AVG: MeanWindow,
    Reduce.MIN: lambda over_ms: ExtremeWindow(over_ms, -1.0),
    Reduce.MAX: lambda over_ms: ExtremeWindow(over_ms, 1.0),
}
