"""A rule over thousands of series: the same answers as `triggers.watches`, computed for all groups at once, in numpy.

Groups are numbers here. What each answered last is an array; only a group whose answer changed, or whose alert is in
flight, becomes a `Group` that the state machine sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from recuo.values import Instant, Labels
from triggers.alerts import Alert, Answer
from triggers.blocks import (
    NEVER,
    Floats,
    Ints,
    Slots,
    count_of,
)
from triggers.compile import Plan
from triggers.conditions import watch_for
from triggers.health import Series, Source
from triggers.tallies import Tally
from triggers.watches import Group, Sink, Watch

Bools = npt.NDArray[np.bool_]


class BlockClock:
    """The block's own deadline: when the first of its groups turns stale."""

    __slots__ = ("due_at", "watch")

    def __init__(self, watch: BlockWatch) -> None:
        self.watch = watch
        self.due_at: Instant | None = None


class BlockWatch(Tally):
    """One rule over its groups, in columns. `groups` holds only those whose alert is in flight."""

    blocks = True

    def __init__(self, plan: Plan, sources: Iterable[Source] = ()) -> None:
        super().__init__(plan, sources)
        self.clock = BlockClock(self)
        self.members: Ints = np.empty(0, np.int64)
        self.soonest: Instant | None = None
        """When the first of the groups whose answer changed last turns stale."""
        self._free: list[int] = []
        self._has_new = False
        """Whether a series came since the clock was set: it may turn stale before all others."""

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
        self._has_new = True
        self.living[group] += side.is_main and series.ended_at is None
        labels = self.plan.alert_labels(self.keys[group])
        if side.is_main and labels in self.orphans:
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
        self._has_new |= not ended
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
        """The groups of these slots, some perhaps twice; None for all groups there are."""
        side = self.sides[role]
        if side.is_main and count_of(slots) == side.block.size:
            return None
        return side.group[slots]

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
                dead &= ~self._flies()[which]
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
        some = [each for each in numbers if each is not None]
        if len(some) < len(numbers):
            return self.evaluate(now, None)
        mark = np.zeros(len(self.keys), np.bool_)
        for each in some:
            mark[each] = True
        return self.evaluate(now, np.flatnonzero(mark))

    def clock_floor(self) -> Instant | None:
        """An instant before which no group turns stale that is not: cheap, and checked when it comes."""
        if self.clock.due_at is None or self._has_new:
            self._has_new = False
            return self.clock_deadline()
        return self.soonest

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
