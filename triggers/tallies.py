"""Answers of all groups of a rule at once: the arithmetic of `triggers.columns` (S9, S10)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from recuo.values import Instant, Labels
from triggers.alerts import Answer
from triggers.blocks import Floats, Ints, Slots
from triggers.compile import Plan
from triggers.conditions import declaring
from triggers.health import Source
from triggers.reducers import SumBlock
from triggers.rules import Reduce
from triggers.sides import Side, block_for
from triggers.watches import Watch

Bools = npt.NDArray[np.bool_]


class Tally(Watch):
    """One rule's groups as numbers: what each answered last, until when it is fresh, how many of its series live."""

    blocks = True

    def __init__(self, plan: Plan, sources: Iterable[Source] = ()) -> None:
        super().__init__(plan)
        self.part_sources = declaring(sources, plan)
        self.sides = [
            Side(block_for(plan, role, plan.over_ms or 0), is_main=role == len(plan.targets) - 1)
            for role in range(len(plan.targets))
        ]
        self.keys: list[Labels] = []
        self.number: dict[Labels, int] = {}
        self.answer: npt.NDArray[np.int8] = np.empty(0, np.int8)
        self.values: Floats = np.empty(0)
        self.fresh_until: Ints = np.empty(0, np.int64)
        self.living: Ints = np.empty(0, np.int64)
        self._alone = plan.config.by is None and len(self.sides) == 1
        """Whether a group is a series, so that groups and slots have the same numbers."""

    def _answers(self, which: Slots, now: Instant) -> tuple[Ints, Floats]:
        values, has, lacking = self._values(which, now)
        with np.errstate(invalid="ignore"):
            answers = np.where(has, self._judge(values), lacking)
        answers = np.where(now >= self.fresh_until[which], np.int64(Answer.STALE), answers)
        return answers, values

    def _judge(self, values: Floats) -> Ints:
        plan = self.plan
        above = plan.config.above is not None
        true = values > plan.limit if above else values < plan.limit
        if not plan.policy.clears:
            return np.where(true, np.int64(Answer.TRUE), np.int64(Answer.FALSE))
        clear = values < plan.clear_limit if above else values > plan.clear_limit
        return np.where(true, np.int64(Answer.TRUE), np.where(clear, np.int64(Answer.CLEAR), np.int64(Answer.FALSE)))

    def _values(self, which: Slots, now: Instant) -> tuple[Floats, Bools, Ints | np.int64]:
        """Values, where there is one, and what it is where there is none."""
        empty = np.int64(Answer.EMPTY)
        if len(self.sides) == 2:
            return self._ratios(which, now)
        reduce, side = self.plan.config.reduce, self.sides[0]
        if self._alone:
            has = side.block.has(which, now)
            if reduce is Reduce.LAST:
                has &= ~side.ended[which]
            values = side.block.value(which)
            if reduce is Reduce.AVG and isinstance(side.block, SumBlock):
                with np.errstate(invalid="ignore", divide="ignore"):
                    values = values / side.block.count[which]
        else:
            values, has = self._grouped(side, now)
            values, has = values[which], has[which]
        return self._rated(values), has, empty

    def _rated(self, values: Floats) -> Floats:
        if self.plan.config.reduce is not Reduce.RATE:
            return values
        return values / ((self.plan.over_ms or 1) / 1000)

    def _there(self, side: Side, now: Instant) -> tuple[Ints, Slots]:
        """The slots that have something to say, and their groups."""
        everyone = slice(0, side.block.size)
        has = side.block.has(everyone, now) & (side.group[everyone] >= 0)
        if self.plan.config.reduce is Reduce.LAST and len(self.sides) == 1:
            has &= ~side.ended[everyone]
        if has.all():
            return side.group[everyone], everyone
        slots = np.flatnonzero(has)
        return side.group[slots], slots

    def _sums(self, side: Side, now: Instant) -> tuple[Floats, Floats]:
        """Each group's sum over its series' values, and how many series there are."""
        size = len(self.keys)
        groups, slots = self._there(side, now)
        counts: Floats = np.bincount(groups, minlength=size).astype(np.float64)
        sums: Floats = np.bincount(groups, weights=side.block.value(slots), minlength=size).astype(np.float64)
        return sums, counts

    def _grouped(self, side: Side, now: Instant) -> tuple[Floats, Bools]:
        reduce, aggregate = self.plan.config.reduce, self.plan.config.aggregate
        is_last = reduce is Reduce.LAST
        if reduce in {Reduce.MIN, Reduce.MAX} or (is_last and aggregate in {"min", "max"}):
            return self._extremes(side, now, greatest=reduce is Reduce.MAX or (is_last and aggregate == "max"))
        sums, counts = self._sums(side, now)
        has = counts > 0
        if reduce is Reduce.AVG and isinstance(side.block, SumBlock):
            groups, slots = self._there(side, now)
            weights = side.block.count[slots]
            counts = np.bincount(groups, weights=weights, minlength=len(self.keys)).astype(np.float64)
        if reduce is Reduce.AVG or (is_last and aggregate == "avg"):
            with np.errstate(invalid="ignore", divide="ignore"):
                sums = sums / counts
        return sums, has

    def _extremes(self, side: Side, now: Instant, *, greatest: bool) -> tuple[Floats, Bools]:
        groups, slots = self._there(side, now)
        found = np.full(len(self.keys), np.nan)
        (np.fmax if greatest else np.fmin).at(found, groups, side.block.value(slots))
        return found, ~np.isnan(found)

    def _ratios(self, which: Slots, now: Instant) -> tuple[Floats, Bools, Ints | np.int64]:
        """S9, for all groups."""
        of, to = self.sides
        parts, _ = self._sums(of, now)
        wholes, _ = self._sums(to, now)
        ratio = self.plan.config.ratio
        assert ratio is not None
        enough = (wholes != 0) & (wholes >= ratio.min_volume)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = parts / wholes
        lacking = np.full(len(self.keys), np.int64(Answer.INSUFFICIENT))
        out = self._failing(of)
        if out is not None:
            lacking[out & enough] = Answer.FAILING
            enough &= ~out
        return values[which], enough[which], lacking[which]

    def _failing(self, side: Side) -> Bools | None:
        """The groups of which a part's source fails."""
        if not any(source.out for source in (*side.sources, *self.part_sources)):
            return None
        size = len(self.keys)
        slots = [slot for series, slot in side.slot_of.items() if series.source.out]
        found: Bools = np.bincount(side.group[slots], minlength=size) > 0
        if any(source.out for source in self.part_sources):
            used = side.group[: side.block.size]
            found |= np.bincount(used[used >= 0], minlength=size) == 0
        return found
