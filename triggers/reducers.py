"""What blocks come to: sums, extremes and increases of thousands of windows at once (S9, S10)."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import pairwise
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from recuo.values import Instant
from triggers.blocks import NEVER, Block, Column, ColumnBlock, Floats, Ints, Slots


class SumBlock(ColumnBlock):
    """`sum`, `avg` and `count`."""

    rows: ClassVar[dict[str, float]] = {**Block.rows, "high": 0.0, "low": 0.0, "count": 0}

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
            there = ~np.isnan(values)
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

    rows: ClassVar[dict[str, float]] = {**Block.rows, "back": np.nan}

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

    rows: ClassVar[dict[str, float]] = {**Block.rows, "first": np.nan, "first_at": NEVER, "lost": 0.0}

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
        for (at, old), (_, new) in pairwise(points):
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
