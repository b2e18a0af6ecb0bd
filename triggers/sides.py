"""The series of one selector of a rule in columns: their block, and the group and the end of each."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from triggers.base import Kind
from triggers.blocks import Block, Ints
from triggers.compile import Plan
from triggers.health import Series, Source
from triggers.reducers import CountBlock, ExtremeBlock, IncreaseBlock, SumBlock
from triggers.rules import Reduce


def block_for(plan: Plan, role: int, over_ms: int) -> Block:
    """An empty block that keeps what a rule's selector needs."""
    reduce = plan.config.reduce
    if plan.condition == "ratio" or reduce.of_counter:
        return SumBlock(over_ms) if plan.targets[role].kind is Kind.DELTA else IncreaseBlock(over_ms)
    if reduce is Reduce.LAST:
        return Block(over_ms)
    if reduce in {Reduce.MIN, Reduce.MAX}:
        return ExtremeBlock(over_ms, greatest=reduce is Reduce.MAX)
    return CountBlock(over_ms) if reduce is Reduce.COUNT else SumBlock(over_ms)


class Side:
    """One selector's series: their block, and the group and the source's times of each."""

    def __init__(self, block: Block, *, is_main: bool) -> None:
        self.block, self.is_main = block, is_main
        self.series: list[Series | None] = []
        self.slot_of: dict[Series, int] = {}
        self.sources: Counter[Source] = Counter()
        self.group: Ints = np.empty(0, np.int64)
        self.ended: npt.NDArray[np.bool_] = np.empty(0, np.bool_)
        self._free: list[int] = []

    def add(self, series: Series, group: int, over_ms: int) -> int:
        """A slot for a series."""
        if self._free:
            slot = self._free.pop()
            self.series[slot] = series
        else:
            slot = len(self.series)
            self.series.append(series)
            self.block.grow(slot + 1)
            room = len(self.block.last)
            if len(self.group) < room:
                self.group = np.concatenate([self.group, np.full(room - len(self.group), -1)])
                self.ended = np.concatenate([self.ended, np.ones(room - len(self.ended), np.bool_)])
        self.slot_of[series] = slot
        self.sources[series.source] += 1
        self.group[slot], self.ended[slot] = group, series.ended_at is not None
        self.block.over[slot] = over_ms
        return slot

    def remove(self, series: Series) -> None:
        """Forget a series."""
        slot = self.slot_of.pop(series)
        self.sources[series.source] -= 1
        if not self.sources[series.source]:
            del self.sources[series.source]
        self.block.free(slot)
        self.series[slot] = None
        self.group[slot], self.ended[slot] = -1, True
        self._free.append(slot)

    def nbytes(self) -> int:
        """The memory of its arrays."""
        return self.block.nbytes() + self.group.nbytes + self.ended.nbytes
