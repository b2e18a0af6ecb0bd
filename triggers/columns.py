"""A rule over thousands of series: the same answers as `triggers.watches`, computed for all groups at once, in numpy.

Groups are numbers here. What each answered last is an array; only a group whose answer changed, or whose alert is in
flight, becomes a `Group` that the state machine sees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
import numpy as np
import numpy.typing as npt

from recuo.values import Instant, Labels
from triggers.alerts import Alert, Answer
from triggers.base import Kind
from triggers.blocks import NEVER, Block, CountBlock, ExtremeBlock, Floats, IncreaseBlock, Ints, Slots, SumBlock, count_of
from triggers.compile import Plan
from triggers.health import Series, Source
from triggers.rules import Reduce
from triggers.watches import Group, Sink, Watch, declaring, watch_for

Bools = npt.NDArray[np.bool_]


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
        self.ended: Bools = np.empty(0, np.bool_)
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


class BlockClock:
    """The block's own deadline: when the first of its groups turns stale."""

    __slots__ = ("due_at", "watch")

    def __init__(self, watch: BlockWatch) -> None:
        self.watch = watch
        self.due_at: Instant | None = None


class BlockWatch(Watch):
    """One rule over its groups, in columns. `groups` holds only those whose alert is in flight."""

    blocks = True

    def __init__(self, plan: Plan, sources: Iterable[Source] = ()) -> None:
        super().__init__(plan)
        self.part_sources = declaring(sources, plan)
        self.clock = BlockClock(self)
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
        self.members: Ints = np.empty(0, np.int64)
        self.soonest: Instant | None = None
        """When the first of the groups whose answer changed last turns stale."""
        self._free: list[int] = []
        self._alone = plan.config.by is None and len(self.sides) == 1
        """Whether a group is a series, so that groups and slots have the same numbers."""

    # ---------------------------------------------------------------------------------------- series and groups

    def _group(self, key: Labels) -> int:
        number = self.number.get(key)
        if number is not None:
            return number
        if self._free:
            number = self._free.pop()
            self.keys[number] = key
        else:
            number = len(self.keys)
            self.keys.append(key)
            self._grow(number + 1)
        self.number[key] = number
        self.label_names.update(name for name, _ in self.plan.alert_labels(key))
        self.answer[number], self.values[number] = Answer.FALSE, np.nan
        self.fresh_until[number], self.living[number], self.members[number] = NEVER, 0, 0
        return number

    def _grow(self, size: int) -> None:
        if size <= len(self.answer):
            return
        room = max(size, len(self.answer) * 5 // 4, 64)
        for name in ("answer", "values", "fresh_until", "living", "members"):
            old = getattr(self, name)
            new = np.zeros(room, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def enter(self, series: Series, role: int) -> int:
        """A series that the rule selects has come; returns its slot."""
        side = self.sides[role]
        group = self._group(self.plan.group_of(series.labels))
        slot = side.add(series, group, self.over_ms(series.source))
        assert not self._alone or slot == group
        self.members[group] += 1
        self.living[group] += side.is_main and series.ended_at is None
        labels = self.plan.alert_labels(self.keys[group])
        if labels in self.orphans:
            self.adopt(labels)
            self.answer[group] = Answer.DOWN
        flying = self.groups.get(self.keys[group])
        if flying is not None and self.living[group]:
            flying.living = int(self.living[group])
            if flying.alert is not None:
                flying.alert.ended_at = None
        return slot

    def leave_block(self, series: Series, role: int) -> None:
        """A series is forgotten, and a group without series."""
        side = self.sides[role]
        group = int(side.group[side.slot_of[series]])
        self.living[group] -= side.is_main and not side.ended[side.slot_of[series]]
        side.remove(series)
        self.members[group] -= 1
        if not self.members[group]:
            key = self.keys[group]
            flying = self.groups.get(key)
            if flying is not None:
                self.discard(flying)
            del self.number[key]
            self.keys[group] = ()
            self.fresh_until[group], self.answer[group] = NEVER, Answer.FALSE
            self._free.append(group)

    def set_ended(self, role: int, slots: Ints, *, ended: bool) -> list[Group]:
        """Series are missing from a complete poll, or back; returns the groups in flight that ended with them."""
        side = self.sides[role]
        slots = slots[side.ended[slots] != ended]
        side.ended[slots] = ended
        if not side.is_main or not len(slots):
            return []
        groups = side.group[slots]
        np.add.at(self.living, groups, -1 if ended else 1)
        touched = np.unique(groups)
        if not ended:
            for group in self._flying(touched):
                group.living = 1
                if group.alert is not None:
                    group.alert.ended_at = None
            return []
        over = touched[self.living[touched] == 0]
        gone = self._flying(over)
        for group in gone:
            group.living = 0
        return gone

    def _flying(self, numbers: Ints) -> list[Group]:
        if not self.groups:
            return []
        return [group for n in numbers.tolist() if (group := self.groups.get(self.keys[n])) is not None]

    def _in_flight(self, number: int) -> Group:
        key = self.keys[number]
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(self, key, self.plan.alert_labels(key))
        group.living = int(self.living[number])
        return group

    def take_alert(self, number: int, alert: Alert) -> None:
        """An alert that is in flight already."""
        group = self._in_flight(number)
        group.alert, group.answer = alert, int(self.answer[number])

    # ---------------------------------------------------------------------------------------- samples

    def take(self, role: int, at: Instant, slots: Slots, values: Floats, stale_ms: int) -> None:
        """Values of one instant, in order; `at` includes the lag, `stale_ms` counts from it."""
        side = self.sides[role]
        side.block.put(at, slots, values)
        if side.is_main:
            self._freshen(side.group[slots], at + stale_ms)

    def take_one(self, role: int, at: Instant, slot: int, value: float, stale_ms: int, now: Instant) -> None:
        """One value, in whatever order."""
        side = self.sides[role]
        side.block.trim(now)
        side.block.put_one(at, slot, value, now)
        if side.is_main:
            group = side.group[slot]
            self.fresh_until[group] = max(int(self.fresh_until[group]), at + stale_ms)

    def groups_of(self, role: int, slots: Slots) -> Ints | None:
        """The groups of these slots; None for all groups there are."""
        side = self.sides[role]
        if side.is_main and count_of(slots) == side.block.size:
            return None
        groups = side.group[slots]
        return groups if self._alone else np.unique(groups)

    def _freshen(self, groups: Ints, until: Instant) -> None:
        self.fresh_until[groups] = np.maximum(self.fresh_until[groups], until)

    @property
    def sparse(self) -> bool:
        """Whether its samples have the wrong shape for columns."""
        return any(side.block.sparse for side in self.sides)

    def trim(self, now: Instant) -> None:
        """Bring every window to `now`."""
        for side in self.sides:
            side.block.trim(now)

    # ---------------------------------------------------------------------------------------- answers

    def evaluate(self, now: Instant, numbers: Ints | None, *, forced: bool = False) -> list[Group]:
        """Evaluate groups (None: all); returns those whose answer changed, with answer and value set.

        `forced`: all of `numbers` are returned, changed or not, living or not: their deadline has come.
        """
        self.trim(now)
        which: Slots = slice(0, len(self.keys)) if numbers is None else numbers
        answers, values = self._answers(which, now)
        old = self.answer[which]
        seen = answers != old if not forced else np.ones(len(answers), np.bool_)
        if not forced:
            dead = self.living[which] == 0
            if dead.any():
                dead &= ~self._flies()[which]  # of what has ended, an alert in flight is still spoken of
                seen &= ~dead
                answers = np.where(dead, old, answers)
        self.values[which] = values
        places = np.flatnonzero(seen)
        self.answer[which] = answers
        found = []
        fresh = self.fresh_until[which][places][answers[places] != Answer.STALE]
        self.soonest = int(fresh.min()) if len(fresh) else None
        for place in places.tolist():
            group = self._in_flight(place if numbers is None else int(numbers[place]))
            group.answer = int(answers[place])
            group.value = float(values[place]) if group.answer >= 0 else None
            found.append(group)
        return found

    def touched(self, numbers: Sequence[Ints | None], now: Instant) -> list[Group]:
        """Evaluate the groups that samples touched."""
        if len(numbers) == 1:
            return self.evaluate(now, numbers[0])
        some = [each for each in numbers if each is not None]
        return self.evaluate(now, None if len(some) < len(numbers) else np.unique(np.concatenate(some)))

    def clock_floor(self) -> Instant | None:
        """An instant before which no group turns stale that is not: cheap, and checked when it comes."""
        return self.soonest if self.clock.due_at is not None else self.clock_deadline()

    def adopt(self, labels: Labels) -> Group:
        """A group without a number, for an alert from before a restart whose series have not come back (S8)."""
        key = self._key_of(labels)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(self, key, labels)
        group.alert = self.orphans.pop(labels, group.alert)
        return group

    def group_of_alert(self, labels: Labels) -> Group | None:
        """The group that has these labels, if it is there."""
        number = self.number.get(self._key_of(labels))
        return None if number is None else self._in_flight(number)

    def mark(self, group: Group, answer: int) -> None:
        """Set what a group answered last."""
        super().mark(group, answer)
        if group.key in self.number:
            self.answer[self.number[group.key]] = answer

    def value_of(self, alert: Alert) -> float | None:
        """The last value of a group, which its alert does not follow while nothing changes."""
        number = self.number.get(self._key_of(alert.labels))
        if number is None or self.answer[number] < 0:
            return alert.value
        return float(self.values[number])

    def label_sets(self) -> list[Labels]:
        """The labels of every group."""
        return [self.plan.alert_labels(key) for key in self.number]

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

    # ---------------------------------------------------------------------------------------- the engine's questions

    def is_alive(self, group: Group) -> bool:
        """Whether there is anything to say about a group."""
        return group.alert is not None or (group.key in self.number and self.living[self.number[group.key]] > 0)

    def deadline(self, group: Group) -> Instant | None:
        """When time alone changes an alert; staleness is the clock's."""
        return group.alert.deadline() if group.alert else None

    def clock_deadline(self) -> Instant | None:
        """When the first group turns stale that is not."""
        size = len(self.keys)
        fresh = self.fresh_until[:size]
        wanted = (self.answer[:size] != Answer.STALE) & (fresh != NEVER)
        wanted &= self.living[:size] > 0
        if self.groups:
            wanted |= self._flies() & (self.answer[:size] != Answer.STALE) & (fresh != NEVER)
        return int(fresh[wanted].min()) if wanted.any() else None

    def stale(self, now: Instant) -> Ints:
        """The groups that are stale now and have not said so."""
        size = len(self.keys)
        alive = (self.living[:size] > 0) | self._flies()
        return np.flatnonzero(alive & (self.fresh_until[:size] <= now) & (self.answer[:size] != Answer.STALE))

    def _flies(self) -> Bools:
        found = np.zeros(len(self.keys), np.bool_)
        for key in self.groups:
            if key in self.number:
                found[self.number[key]] = True
        return found

    def unfold(self, labels: Labels) -> Watch:
        """One group as plain Python has it, to be explained. Raises KeyError where there is none."""
        plain = watch_for(self.plan, self.part_sources)
        number = self.number[self._key_of(labels)]
        for role in range(len(self.sides)):
            for series, sink in self.sinks(plain, role, number):
                sink.group.living += sink.freshens and series.ended_at is None
        group = plain.group_for(self.keys[number])
        group.fresh_until, group.answer = int(self.fresh_until[number]), int(self.answer[number])
        return plain

    def sinks(self, plain: Watch, role: int, number: int | None = None) -> list[tuple[Series, Sink]]:
        """The series of one selector (of one group) with their samples, as sinks of a plain watch."""
        side, found = self.sides[role], []
        for series, slot in side.slot_of.items():
            if number is None or side.group[slot] == number:
                sink = plain.sink(series, role)
                for at, value in side.block.points(slot):
                    sink.window.add(at, series.number, value, at)
                for at, other, value in side.block.ahead:
                    if other == slot:
                        sink.window.add(at, series.number, value, at - 1)
                found.append((series, sink))
        return found

    def numbers_of(self, groups: Sequence[Group]) -> Ints:
        """The numbers of groups."""
        return np.array(sorted(self.number[group.key] for group in groups if group.key in self.number), np.int64)

    def names(self) -> set[str] | None:
        """The names of the labels that its alerts have; None where it has said nothing about anything yet."""
        return self.label_names if self.alerts or bool((self.living[: len(self.keys)] > 0).any()) else None

    def shift(self, delta_ms: int) -> None:
        """Move everything in time."""
        self.fresh_until[self.fresh_until != NEVER] += delta_ms
        for side in self.sides:
            side.block.shift(delta_ms)
        for group in self.groups.values():
            group.due_at = None
