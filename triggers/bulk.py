"""From large batches to columns: what `triggers.intake` does a sample at a time, done for a whole poll at once.

A source brings much the same series in the same order at every poll. So the rows that its samples belong to are kept
with the keys that they came from, and a poll with the same keys costs one comparison instead of a look-up a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from recuo.values import Instant, Labels
from triggers.base import Sample
from triggers.blocks import NEVER, Floats, Ints, Slots
from triggers.columns import BlockWatch
from triggers.health import Series, Source
from triggers.watches import Group, Watch

if TYPE_CHECKING:
    from triggers.intake import Intake, Touched

_METRIC: Final = itemgetter(0)
_LABELS: Final = itemgetter(1)
_VALUE: Final = itemgetter(2)
_AT: Final = itemgetter(3)


class _Entry:
    """Which places of a batch go to which slots of one selector of one rule."""

    __slots__ = ("places", "role", "slots", "watch")

    def __init__(self, watch: BlockWatch, role: int, places: Slots, slots: Slots) -> None:
        self.watch, self.role, self.places, self.slots = watch, role, places, slots


class _Shape:
    """The keys of a poll, in order, and where they lead."""

    __slots__ = ("entries", "keys", "plain", "python", "rows", "version")

    def __init__(self, keys: tuple[list[str], list[Labels]], rows: Ints, plain: npt.NDArray[np.bool_]) -> None:
        self.keys, self.rows, self.plain = keys, rows, plain
        self.entries: list[_Entry] = []
        self.python: list[tuple[int, Series]] = []
        self.version = -1


def _compact(numbers: Ints) -> Slots:
    """A slice where the numbers are consecutive: a view instead of a copy."""
    if len(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1 and (np.diff(numbers) == 1).all():
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers


def _instants(samples: Sequence[Sample]) -> Ints:
    """The samples' times; a poll mostly has one."""
    found = list(map(_AT, samples))
    if found.count(found[0]) == len(found):
        return np.full(len(found), found[0], np.int64)
    return np.array(found, np.int64)


class Bulk:
    """The series of one source as rows of arrays."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.series: list[Series | None] = []
        self.row: dict[Series, int] = {}
        self.newest: Ints = np.empty(0, np.int64)
        self.horizon: Ints = np.empty(0, np.int64)
        self.alive: npt.NDArray[np.bool_] = np.empty(0, np.bool_)
        self.waiting: npt.NDArray[np.bool_] = np.empty(0, np.bool_)
        self.maps: dict[tuple[BlockWatch, int], Ints] = {}
        self.version = 0
        self._shapes: list[_Shape] = []
        self._last: Ints = np.empty(0, np.int64)
        self._keys: tuple[list[str], list[Labels]] | None = None
        self._known: _Shape | None = None
        self._free: list[int] = []
        for series in source.series.values():
            self.add(series)

    # ---------------------------------------------------------------------------------------- rows

    def add(self, series: Series) -> int:
        """A row for a series."""
        if self._free:
            row = self._free.pop()
            self.series[row] = series
        else:
            row = len(self.series)
            self.series.append(series)
            self._grow(row + 1)
        self.row[series] = row
        self.newest[row], self.horizon[row] = series.newest, min(series.nearest_ms, 1 << 61)
        self.alive[row] = series.ended_at is None and not series.is_event
        self.waiting[row] = bool(series.waiting)
        for slots in self.maps.values():
            slots[row] = -1
        self.version += 1
        return row

    def _grow(self, size: int) -> None:
        room = len(self.newest)
        if size <= room:
            return
        more = max(size, room * 5 // 4, 64) - room
        self.newest = np.concatenate([self.newest, np.full(more, NEVER)])
        self.horizon = np.concatenate([self.horizon, np.zeros(more, np.int64)])
        self.alive = np.concatenate([self.alive, np.zeros(more, np.bool_)])
        self.waiting = np.concatenate([self.waiting, np.zeros(more, np.bool_)])
        self.maps = {key: np.concatenate([slots, np.full(more, -1)]) for key, slots in self.maps.items()}

    def lead(self, series: Series, watch: BlockWatch, role: int, slot: int) -> None:
        """A series' samples go to this slot."""
        key = (watch, role)
        if key not in self.maps:
            self.maps[key] = np.full(len(self.newest), -1)
        self.maps[key][self.row[series]] = slot
        self.version += 1

    def enter(self, series: Series, blocks: Sequence[tuple[Watch, int]]) -> None:
        """Let a series into rules that run in columns."""
        for watch, role in blocks:
            assert isinstance(watch, BlockWatch)
            self.lead(series, watch, role, watch.enter(series, role))
        self.waiting[self.row[series]] = bool(series.waiting)

    def newest_of(self, series: Series) -> Instant:
        """The time of its newest sample."""
        return int(self.newest[self.row[series]])

    def drop_watch(self, watch: Watch) -> None:
        """A rule is gone."""
        for key in [key for key in self.maps if key[0] is watch]:
            del self.maps[key]
        self.version += 1

    def refresh(self) -> None:
        """Read again what series know of themselves."""
        for series, row in self.row.items():
            self.horizon[row], self.waiting[row] = min(series.nearest_ms, 1 << 61), bool(series.waiting)
        self.version += 1

    def forget(self, series: Series) -> None:
        """A series is forgotten."""
        row = self.row.pop(series)
        for (watch, role), slots in self.maps.items():
            if slots[row] >= 0:
                watch.leave_block(series, role)
                slots[row] = -1
        self.series[row] = None
        self.newest[row], self.alive[row], self.waiting[row] = NEVER, False, False
        self._free.append(row)
        self._shapes.clear()

    # ---------------------------------------------------------------------------------------- samples

    def take(self, samples: Sequence[Sample], now: Instant, touched: Touched, intake: Intake) -> list[Sample]:
        """As `Intake.take`."""
        self._last = np.empty(0, np.int64)
        if not samples:
            return []
        shape = self._shape(samples, intake)
        self._last = shape.rows
        values = np.fromiter(map(_VALUE, samples), np.float64, len(samples))
        ats = _instants(samples)
        rows, edge = shape.rows, now - self.source.info.lag_ms
        clean = np.isfinite(values)
        clean &= ats > self.newest[rows]
        clean &= ats > edge - self.horizon[rows]
        clean &= ats <= edge
        clean &= shape.plain
        self._revive(rows, touched, intake)
        if self.waiting[rows].any():
            self._join(rows[clean], edge - ats[clean], intake)
        if shape.version != self.version:
            self._lead(shape)
        everything = bool(clean.all())
        self.newest[rows if everything else rows[clean]] = ats if everything else ats[clean]
        for entry in shape.entries:
            self._put(entry, values, ats, None if everything else clean, now, intake)
        self._put_python(shape, values, ats, clean, now, touched)
        intake.stats.accepted += int(np.count_nonzero(clean))
        if everything:
            return []
        return self._put_odd(shape, samples, np.flatnonzero(~clean), now, touched, intake)

    def knows(self, samples: Sequence[Sample]) -> bool:
        """Whether a poll has the keys of one before, so that there is nothing new in it to look at."""
        self._keys = (list(map(_METRIC, samples)), list(map(_LABELS, samples)))
        self._known = next((shape for shape in self._shapes if shape.keys == self._keys), None)
        return self._known is not None

    def _shape(self, samples: Sequence[Sample], intake: Intake) -> _Shape:
        if self._keys is None:
            self.knows(samples)
        assert self._keys is not None
        (metrics, labels), known = self._keys, self._known
        self._keys = self._known = None
        if known is not None and known in self._shapes:
            return known
        met = intake.meet_all(self.source, zip(metrics, labels, strict=True))
        found = [self.add(series) if (row := self.row.get(series)) is None else row for series in met]
        rows = np.array(found, np.int64)
        plain = np.zeros(len(rows), np.bool_)
        plain[np.unique(rows, return_index=True)[1]] = True
        plain &= np.array([not series.is_event for series in met], np.bool_)
        shape = _Shape((metrics, labels), rows, plain)
        self._shapes = [shape, *self._shapes[:1]]
        return shape

    def _lead(self, shape: _Shape) -> None:
        """Where the places of a shape lead."""
        shape.entries = []
        for (watch, role), slots in self.maps.items():
            mine = np.where(shape.plain, slots[shape.rows], -1)
            places = np.flatnonzero(mine >= 0)
            if len(places):
                shape.entries.append(_Entry(watch, role, _compact(places), _compact(mine[places])))
        shape.python = [
            (place, series)
            for place, row in enumerate(shape.rows.tolist())
            if (series := self.series[row]) is not None and series.sinks and shape.plain[place]
        ]
        shape.version = self.version

    def _join(self, rows: Ints, ages_ms: Ints, intake: Intake) -> None:
        there = self.waiting[rows]
        for row, age_ms in zip(rows[there].tolist(), ages_ms[there].tolist(), strict=True):
            series = self.series[row]
            if series is not None:
                intake.join(series, age_ms)

    def _put(
        self,
        entry: _Entry,
        values: Floats,
        ats: Ints,
        clean: npt.NDArray[np.bool_] | None,
        now: Instant,
        intake: Intake,
    ) -> None:
        mine, at, slots = values[entry.places], ats[entry.places], entry.slots
        if clean is not None and not (ok := clean[entry.places]).all():
            mine, at = mine[ok], at[ok]
            slots = np.arange(slots.start, slots.stop)[ok] if isinstance(slots, slice) else slots[ok]
            if not len(mine):
                return
        watch, role, lag_ms = entry.watch, entry.role, self.source.info.lag_ms
        stale_ms = watch.stale_ms(self.source) - lag_ms
        watch.sides[role].block.trim(now)
        if (at == at[0]).all():
            watch.take(role, int(at[0]) + lag_ms, slots, mine, stale_ms)
        else:
            each = np.arange(slots.start, slots.stop) if isinstance(slots, slice) else slots
            for instant in np.unique(at):
                there = at == instant
                watch.take(role, int(instant) + lag_ms, each[there], mine[there], stale_ms)
        intake.touch_block(watch, watch.groups_of(role, slots))

    @staticmethod
    def _put_python(
        shape: _Shape, values: Floats, ats: Ints, clean: npt.NDArray[np.bool_], now: Instant,
        touched: Touched,
    ) -> None:  # fmt: skip
        for place, series in shape.python:
            if clean[place]:
                for sink in series.sinks:
                    sink.take(int(ats[place]), float(values[place]), now)
                    touched.setdefault(sink.watch, {})[sink.group] = None

    def _put_odd(
        self, shape: _Shape, samples: Sequence[Sample], places: Ints, now: Instant, touched: Touched, intake: Intake
    ) -> list[Sample]:
        events = []
        edge = now - self.source.info.lag_ms
        for place in places.tolist():
            series, sample = self.series[int(shape.rows[place])], samples[place]
            if series is None or (series.is_event and not intake.is_new_event(series, sample)):
                continue
            row = self.row[series]
            series.newest = int(self.newest[row])
            if intake.put(series, sample, edge, now, touched):
                intake.stats.accepted += 1
                self.newest[row] = series.newest
                if series.is_event:
                    events.append(sample)
        return events

    def put_blocks(self, series: Series, at: Instant, value: float, now: Instant, intake: Intake) -> None:
        """One sample for every column of its series."""
        row = self.row[series]
        lag_ms = self.source.info.lag_ms
        for (watch, role), slots in self.maps.items():
            slot = int(slots[row])
            if slot >= 0 and at > now - lag_ms - watch.over_ms(self.source):
                stale_ms = watch.stale_ms(self.source) - lag_ms
                watch.take_one(role, at + lag_ms, slot, value, stale_ms, now)
                intake.touch_block(watch, watch.groups_of(role, np.array([slot])))

    def holds(self, series: Series, at: Instant) -> bool:
        """Whether a column has a sample of this series for this instant."""
        row, lag_ms = self.row[series], self.source.info.lag_ms
        pairs = ((watch.sides[role].block, int(slots[row])) for (watch, role), slots in self.maps.items())
        return any(slot >= 0 and block.holds(at + lag_ms, slot) for block, slot in pairs)

    # ---------------------------------------------------------------------------------------- life and death

    def _revive(self, rows: Ints, touched: Touched, intake: Intake) -> None:
        """They are back, whatever their samples are worth: known or unknown from now (S6)."""
        back = rows[~self.alive[rows]]
        for row in np.unique(back).tolist():
            series = self.series[row]
            if series is None or series.is_event:
                continue
            if series.ended_at is not None:
                series.revive()
                intake.changed = True
                for sink in series.sinks:
                    if sink.freshens:
                        touched.setdefault(sink.watch, {})[sink.group] = None
            self.alive[row] = True
            for (watch, role), slots in self.maps.items():
                if slots[row] >= 0:
                    watch.set_ended(role, slots[row : row + 1], ended=False)
                    if watch.sides[role].is_main:
                        intake.touch_block(watch, watch.sides[role].group[slots[row : row + 1]])

    def missing(self, now: Instant) -> tuple[list[tuple[Watch, Group]], list[Series]]:
        """S6: end the series that the last poll did not bring; returns the groups, and the series, that ended."""
        seen = np.zeros(len(self.alive), np.bool_)
        seen[self._last] = True
        gone = np.flatnonzero(self.alive & ~seen)
        ended: list[tuple[Watch, Group]] = []
        if not len(gone):
            return ended, []
        dead = [series for row in gone.tolist() if (series := self.series[row]) is not None]
        for series in dead:
            ended += series.end(now)
        self.alive[gone] = False
        for (watch, role), slots in self.maps.items():
            mine = slots[gone]
            ended += [(watch, group) for group in watch.set_ended(role, mine[mine >= 0], ended=True)]
        return ended, dead

    def shift(self, delta_ms: int) -> None:
        """Move everything in time."""
        self.newest[self.newest != NEVER] += delta_ms
