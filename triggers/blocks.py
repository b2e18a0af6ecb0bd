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
from typing import ClassVar, Final, TypeAlias

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
    rows: ClassVar[dict[str, float]] = {"last": np.nan, "last_at": NEVER, "over": 0}

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
