"""Windows over thousands of series at once: columns of values that share an instant (design S3), in numpy.

A block keeps one row of accumulators a series and one column of values an instant. A poll adds a column and takes the
oldest away, each one vector operation, so that a tick costs the same whatever the window's length. Sums carry what
addition rounds away (as `windows.SumWindow`), extremes are kept on two stacks, an increase is the last value less the
first plus what was lost at restarts: answers are those of `triggers.windows`. Time is a sample's own plus its source's
lag, as there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from recuo.values import Instant

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Slots: TypeAlias = "Ints | slice"

NEVER: Final[Instant] = -(1 << 62)
_SPARSE_COLUMNS: Final = 48
_SPARSE_SHARE: Final = 8


def count_of(slots: Slots) -> int:
    """How many slots there are."""
    return slots.stop - slots.start if isinstance(slots, slice) else len(slots)


class Column:
    """The values of one instant; NaN where a series has none. `filled` counts those that are not."""

    __slots__ = ("at", "filled", "values")

    def __init__(self, at: Instant, values: Floats) -> None:
        self.at, self.values, self.filled = at, values, 0


class Block:
    """The newest sample of each series: `last`. `over` is how old it may be, for each series."""

    def __init__(self, over_ms: int) -> None:
        self.over_ms = over_ms
        self.size = 0
        self.last: Floats = np.empty(0)
        self.last_at: Ints = np.empty(0, np.int64)
        self.over: Ints = np.empty(0, np.int64)
        self.ahead: list[tuple[Instant, int, float]] = []

    # Arrays by name, with what a new row holds: subclasses add theirs.
    rows: dict[str, float] = {"last": np.nan, "last_at": NEVER, "over": 0}  # noqa: RUF012

    def grow(self, size: int) -> None:
        """Have rows for this many series."""
        room = len(self.last)
        if size > room:
            room = max(size, room + room // 4, 64)
            for name, empty in self.rows.items():
                old = getattr(self, name)
                new = np.full(room, empty, old.dtype)
                new[: self.size] = old[: self.size]
                setattr(self, name, new)
        self.size = max(self.size, size)

    def put(self, at: Instant, slots: Slots, values: Floats) -> None:
        """Values of one instant that is later than any these series have, and has come."""
        self.last[slots] = values
        self.last_at[slots] = at

    def put_one(self, at: Instant, slot: int, value: float, now: Instant) -> None:
        """One value, early, late or in order."""
        if at > now:
            heappush(self.ahead, (at, slot, value))
        elif at > now - int(self.over[slot]):
            self._place(at, slot, value)

    def _place(self, at: Instant, slot: int, value: float) -> None:
        if at > self.last_at[slot]:
            self.last_at[slot], self.last[slot] = at, value

    def trim(self, now: Instant) -> None:
        """Bring it to `now`."""
        while self.ahead and self.ahead[0][0] <= now:
            at, slot, value = heappop(self.ahead)
            self._place(at, slot, value)

    def holds(self, at: Instant, slot: int) -> bool:
        """Whether a value of this series for this instant is in it."""
        return bool(self.last_at[slot] == at) or any(a == at and s == slot for a, s, _ in self.ahead)

    def has(self, slots: Slots, now: Instant) -> npt.NDArray[np.bool_]:
        """Which of these series have a sample in the window."""
        found: npt.NDArray[np.bool_] = self.last_at[slots] > now - self.over[slots]
        return found

    def value(self, slots: Slots) -> Floats:
        """What the windows of these series come to; meaningless where there is no sample."""
        return self.last[slots]

    def free(self, slot: int) -> None:
        """Forget one series."""
        for name, empty in self.rows.items():
            getattr(self, name)[slot] = empty
        self.ahead = [each for each in self.ahead if each[1] != slot]

    def shift(self, delta_ms: int) -> None:
        """Move every sample in time."""
        self.last_at[self.last_at != NEVER] += delta_ms
        self.ahead = [(at + delta_ms, slot, value) for at, slot, value in self.ahead]

    def points(self, slot: int) -> Iterator[tuple[Instant, float]]:
        """The samples of one series, oldest first."""
        if self.last_at[slot] != NEVER:
            yield int(self.last_at[slot]), float(self.last[slot])

    @property
    def sparse(self) -> bool:
        """Whether its series do not share instants, so that columns are the wrong shape for them."""
        return False

    def nbytes(self) -> int:
        """The memory of its arrays."""
        return sum(getattr(self, name).nbytes for name in self.rows)


class ColumnBlock(Block):
    """The values in `(now - over, now]`, one column an instant, oldest first."""

    def __init__(self, over_ms: int) -> None:
        super().__init__(over_ms)
        self.columns: list[Column] = []
        self._spare: list[Floats] = []
        self._cells = 0

    def _new_column(self, index: int, at: Instant) -> Column:
        room = len(self.last)
        values = self._spare.pop() if self._spare else np.empty(room)
        if len(values) < room:
            values = np.empty(room)
        values.fill(np.nan)
        column = Column(at, values)
        self.columns.insert(index, column)
        self._opened(index)
        return column

    def _column(self, at: Instant) -> tuple[int, Column]:
        """The column of an instant, made where it is not there yet, and its place."""
        columns = self.columns
        if not columns or at > columns[-1].at:
            return len(columns), self._new_column(len(columns), at)
        index = bisect_left(columns, at, key=lambda column: column.at)
        if columns[index].at == at:
            return index, self._widened(columns[index])
        return index, self._new_column(index, at)

    def _widened(self, column: Column) -> Column:
        if len(column.values) < len(self.last):
            wider = np.full(len(self.last), np.nan)
            wider[: len(column.values)] = column.values
            column.values = wider
        return column

    def put(self, at: Instant, slots: Slots, values: Floats) -> None:
        """Values of one instant that is later than any these series have, and has come."""
        index, column = self._column(at)
        column.values[slots] = values
        column.filled += count_of(slots)
        self._cells += count_of(slots)
        self._enter(index, slots, values)
        super().put(at, slots, values)

    def _place(self, at: Instant, slot: int, value: float) -> None:
        index, column = self._column(at)
        if column.values[slot] == column.values[slot]:
            return
        column.values[slot] = value
        column.filled += 1
        self._cells += 1
        one = np.array([slot])
        if at > self.last_at[slot]:
            self._enter(index, one, np.array([value]))
            super()._place(at, slot, value)
        else:
            self._insert(index, slot, value)

    def trim(self, now: Instant) -> None:
        """Bring it to `now`: what was ahead enters, columns that are too old leave."""
        super().trim(now)
        edge = now - self.over_ms
        gone = 0
        while gone < len(self.columns) and self.columns[gone].at <= edge:
            column = self.columns[gone]
            gone += 1
            self._cells -= column.filled
            self._leave(column)
            self._spare.append(column.values)
        if gone:
            del self.columns[:gone]
            del self._spare[2:]
            self._left(edge, gone)

    def holds(self, at: Instant, slot: int) -> bool:
        """Whether a value of this series for this instant is in it."""
        index = bisect_left(self.columns, at, key=lambda column: column.at)
        if index < len(self.columns) and self.columns[index].at == at:
            values = self.columns[index].values
            if slot < len(values) and values[slot] == values[slot]:
                return True
        return any(a == at and s == slot for a, s, _ in self.ahead)

    def free(self, slot: int) -> None:
        """Forget one series."""
        for column in self.columns:
            if slot < len(column.values) and column.values[slot] == column.values[slot]:
                column.values[slot] = np.nan
                column.filled -= 1
                self._cells -= 1
        super().free(slot)

    def shift(self, delta_ms: int) -> None:
        """Move every sample in time."""
        super().shift(delta_ms)
        for column in self.columns:
            column.at += delta_ms

    def points(self, slot: int) -> Iterator[tuple[Instant, float]]:
        """The samples of one series, oldest first."""
        for column in self.columns:
            if slot < len(column.values) and column.values[slot] == column.values[slot]:
                yield column.at, float(column.values[slot])

    @property
    def sparse(self) -> bool:
        """Whether its series do not share instants, so that columns are the wrong shape for them."""
        wide = len(self.columns)
        return wide > _SPARSE_COLUMNS and self._cells * _SPARSE_SHARE < wide * self.size

    def nbytes(self) -> int:
        """The memory of its arrays."""
        return super().nbytes() + sum(c.values.nbytes for c in self.columns) + sum(s.nbytes for s in self._spare)

    def _opened(self, index: int) -> None:
        """A column was put at this place."""

    def _enter(self, index: int, slots: Slots, values: Floats) -> None:
        """These values are the newest of their series."""

    def _insert(self, index: int, slot: int, value: float) -> None:
        """A value came in the middle of its series."""
        self._enter(index, np.array([slot]), np.array([value]))

    def _leave(self, column: Column) -> None:
        """The oldest column goes."""

    def _left(self, edge: Instant, gone: int) -> None:
        """So many columns went."""


class SumBlock(ColumnBlock):
    """`sum`, `avg` and `count`."""

    rows = {**Block.rows, "high": 0.0, "low": 0.0, "count": 0}

    def __init__(self, over_ms: int) -> None:
        super().__init__(over_ms)
        self.high: Floats = np.empty(0)
        self.low: Floats = np.empty(0)
        self.count: Ints = np.empty(0, np.int64)

    def _add(self, slots: Slots, values: Floats) -> None:
        high = self.high[slots]
        with np.errstate(over="ignore", invalid="ignore"):
            total = high + values
            back = total - high
            values = values - back
            back -= total
            back += high
            back += values
        self.low[slots] += back
        self.high[slots] = total

    def _enter(self, index: int, slots: Slots, values: Floats) -> None:
        self._add(slots, values)
        self.count[slots] += 1

    def _leave(self, column: Column) -> None:
        size = min(self.size, len(column.values))
        values = -column.values[:size]
        slots = slice(0, size)
        if column.filled == size:
            self._add(slots, values)
            self.count[slots] -= 1
        else:
            there = values == values
            values[~there] = 0.0
            self._add(slots, values)
            self.count[slots] -= there
        # An empty window starts again from an exact zero, as in windows.SumWindow.
        empty = np.flatnonzero(self.count[slots] == 0)
        if len(empty):
            self.high[empty] = self.low[empty] = 0.0

    def total(self, slots: Slots) -> Floats:
        """The sums; where one went beyond what a float holds, added up anew."""
        with np.errstate(invalid="ignore"):
            found = self.high[slots] + self.low[slots]
        if not np.isfinite(found).all():
            self._again(np.flatnonzero(~np.isfinite(self.high + self.low)))
            with np.errstate(invalid="ignore"):
                found = self.high[slots] + self.low[slots]
            found = np.where(np.isnan(found), self.high[slots], found)
        return found

    def _again(self, slots: Ints) -> None:
        for slot in slots.tolist():
            self.high[slot] = self.low[slot] = 0.0
            one = np.array([slot])
            for _, value in self.points(slot):
                self._add(one, np.array([value]))

    def value(self, slots: Slots) -> Floats:
        """The sums."""
        return self.total(slots)


class CountBlock(SumBlock):
    """`count`."""

    def value(self, slots: Slots) -> Floats:
        """How many samples there are."""
        return self.count[slots].astype(np.float64)


class ExtremeBlock(ColumnBlock):
    """`min` and `max`, on two stacks: suffix extremes of the older columns, and the extreme of the newer ones."""

    rows = {**Block.rows, "back": np.nan}

    def __init__(self, over_ms: int, *, greatest: bool) -> None:
        super().__init__(over_ms)
        self.back: Floats = np.empty(0)
        self._pick = np.fmax if greatest else np.fmin
        self._front: list[Floats] = []

    def _opened(self, index: int) -> None:
        if index < len(self._front):
            self._front.insert(index, self._front[index].copy())

    def _enter(self, index: int, slots: Slots, values: Floats) -> None:
        if index >= len(self._front):
            self.back[slots] = self._pick(self.back[slots], values)
            return
        for place in range(index + 1):
            suffix = self._front[place] = self._wide(self._front[place])
            suffix[slots] = self._pick(suffix[slots], values)

    def _wide(self, suffix: Floats) -> Floats:
        if len(suffix) == len(self.last):
            return suffix
        wider = np.full(len(self.last), np.nan)
        wider[: len(suffix)] = suffix
        return wider

    def _left(self, edge: Instant, gone: int) -> None:
        if gone <= len(self._front):
            del self._front[:gone]
        else:
            self._front.clear()
        if self._front:
            return
        running = np.full(len(self.last), np.nan)
        for column in reversed(self.columns):
            running = self._pick(running, self._wide(column.values))
            self._front.append(running)
        self._front.reverse()
        self.back.fill(np.nan)

    def free(self, slot: int) -> None:
        """Forget one series."""
        super().free(slot)
        for suffix in self._front:
            if slot < len(suffix):
                suffix[slot] = np.nan

    def value(self, slots: Slots) -> Floats:
        """The extremes."""
        back = self.back[slots]
        return self._pick(self._wide(self._front[0])[slots], back) if self._front else back

    def nbytes(self) -> int:
        """The memory of its arrays."""
        return super().nbytes() + sum(suffix.nbytes for suffix in self._front)


class IncreaseBlock(ColumnBlock):
    """A counter's increase, as `windows.IncreaseWindow`: the last value less the first, plus what restarts lost."""

    rows = {**Block.rows, "first": np.nan, "first_at": NEVER, "lost": 0.0}

    def __init__(self, over_ms: int) -> None:
        super().__init__(over_ms)
        self.first: Floats = np.empty(0)
        self.first_at: Ints = np.empty(0, np.int64)
        self.lost: Floats = np.empty(0)
        self._restarts: dict[int, list[tuple[Instant, float]]] = {}
        self._restarts_at: list[tuple[Instant, int]] = []

    def _enter(self, index: int, slots: Slots, values: Floats) -> None:
        at = self.columns[index].at
        fresh = self.first_at[slots] == NEVER
        if fresh.any():
            which = self._pick_slots(slots, fresh)
            self.first[which] = values[fresh]
            self.first_at[which] = at
        with np.errstate(invalid="ignore"):
            fell = ~fresh & (values < self.last[slots])
        if fell.any():
            for slot in self._pick_slots(slots, fell).tolist():
                self._restart(slot, int(self.last_at[slot]), float(self.last[slot]))

    @staticmethod
    def _pick_slots(slots: Slots, mask: npt.NDArray[np.bool_]) -> Ints:
        return np.flatnonzero(mask) + slots.start if isinstance(slots, slice) else slots[mask]

    def _restart(self, slot: int, at: Instant, value: float) -> None:
        self._restarts.setdefault(slot, []).append((at, value))
        heappush(self._restarts_at, (at, slot))
        self._sum(slot)

    def _sum(self, slot: int) -> None:
        self.lost[slot] = sum(value for _, value in self._restarts.get(slot, ()))

    def _insert(self, index: int, slot: int, value: float) -> None:
        points = list(self.points(slot))
        self.first_at[slot], self.first[slot] = points[0]
        self._restarts[slot] = []
        for (at, old), (_, new) in zip(points, points[1:], strict=False):
            if new < old:
                self._restart(slot, at, old)
        self._sum(slot)

    def _left(self, edge: Instant, gone: int) -> None:
        while self._restarts_at and self._restarts_at[0][0] <= edge:
            _, slot = heappop(self._restarts_at)
            kept = [each for each in self._restarts.get(slot, ()) if each[0] > edge]
            if kept:
                self._restarts[slot] = kept
            else:
                self._restarts.pop(slot, None)
            self._sum(slot)
        left = np.flatnonzero((self.first_at[: self.size] <= edge) & (self.first_at[: self.size] != NEVER))
        for column in self.columns:
            if not len(left):
                return
            width = len(column.values)
            inside = left if not len(left) or left[-1] < width else left[left < width]
            there = ~np.isnan(column.values[inside])
            found = inside[there]
            self.first[found], self.first_at[found] = column.values[found], column.at
            left = left[self.first_at[left] <= edge]
        self.first_at[left] = NEVER

    def free(self, slot: int) -> None:
        """Forget one series."""
        super().free(slot)
        self._restarts.pop(slot, None)

    def shift(self, delta_ms: int) -> None:
        """Move every sample in time."""
        super().shift(delta_ms)
        self.first_at[self.first_at != NEVER] += delta_ms
        self._restarts_at = [(at + delta_ms, slot) for at, slot in self._restarts_at]
        self._restarts = {s: [(at + delta_ms, value) for at, value in each] for s, each in self._restarts.items()}

    def value(self, slots: Slots) -> Floats:
        """The increases."""
        found: Floats = self.last[slots] - self.first[slots]
        found += self.lost[slots]
        return found
