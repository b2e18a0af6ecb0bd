"""Who is on call at an instant: rotations with hand-over times, time zones and daylight saving, by arithmetic alone.

A hand-over happens when the local wall clock shows its time, as in GoAlert (`schedule/rotation`: the difference in
clock time, modulo the shift's length): a weekly shift from Monday 09:00 ends on Monday 09:00, whether the week had 167,
168 or 169 hours. A wall-clock time that does not exist (clocks go forward) is the first instant after the gap; one that
exists twice (clocks go back) is the first of the two. Shifts of hours follow the wall clock too: with one-hour shifts
the hour that is skipped in spring is nobody's, and the hour that is repeated in autumn stays with whoever has it.

Shifts are counted from the layer's `start`: the first person of the list begins at the first hand-over on or after it,
and before that the layer puts nobody on call. Where no `start` is given they are counted from Monday 2024-01-01, in
both directions, the same for everyone, so that two machines agree without having to talk. Later layers override earlier
ones wherever they put somebody on call.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from recuo.values import Instant

ANCHOR: Final = date(2024, 1, 1)
"""The Monday from which shifts are counted where a layer has no `start`."""

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HANDOVER = re.compile(r"(?:([A-Za-z]{3}) +)?([01]?\d|2[0-3]):([0-5]\d)")
_LENGTH_MINUTES = {"hourly": 60, "daily": 1_440, "weekly": 10_080}
_MOST_SHIFTS = 100_000


class Layer(Protocol):
    """One rotation of a schedule, as in the configuration."""

    @property
    def rotation(self) -> str:
        """`hourly`, `daily` or `weekly`."""

    @property
    def every(self) -> int:
        """How many hours, days or weeks a shift lasts."""

    @property
    def handover(self) -> str:
        """`Mon 09:00` or `09:00`; the day counts for weekly rotations only."""

    @property
    def start(self) -> date | None:
        """The day on or after which the first person begins."""

    @property
    def people(self) -> Sequence[str]:
        """Who takes turns, in this order; never empty."""


class Schedule(Protocol):
    """A schedule, as in the configuration."""

    @property
    def timezone(self) -> str:
        """An IANA name."""

    @property
    def layers(self) -> Sequence[Layer]:
        """The later override the earlier."""


class Shift(NamedTuple):
    """One person on call from `start_at`, inclusive, to `end_at`, exclusive."""

    person: str
    start_at: Instant
    end_at: Instant


def parse_handover(text: str) -> tuple[int | None, int]:
    """The weekday (0 is Monday; None if not said) and the minute of the day in `Mon 09:00` or `09:00`.

    Raises ValueError, with what would be right, for anything else.
    """
    match = _HANDOVER.fullmatch(text.strip())
    day = match and match[1] and match[1].lower()
    if not match or (day and day not in _WEEKDAYS):
        raise ValueError(f'{text!r} is not a hand-over time; write "Mon 09:00" for weekly rotations, else "09:00"')
    return (_WEEKDAYS.index(day) if day else None), int(match[2]) * 60 + int(match[3])


def on_call(schedule: Schedule, at: Instant) -> str | None:
    """The person on call at an instant, or None where no layer puts anyone on call."""
    zone = ZoneInfo(schedule.timezone)
    found = (_shift_of(layer, zone, at) for layer in reversed(schedule.layers))
    return next((shift.person for shift in found if shift is not None), None)


def shifts(schedule: Schedule, start: Instant, end: Instant) -> list[Shift]:
    """Who is on call when, from `start` to `end`: in order, without overlap, gaps only where nobody is on call.

    Neighbouring shifts of one person are one shift. Raises ValueError for a span of more than a hundred thousand
    hand-overs.
    """
    zone = ZoneInfo(schedule.timezone)
    cover: list[Shift] = []
    for layer in schedule.layers:
        cover = _override(cover, list(_layer_shifts(layer, zone, start, end)))
    return _joined(cover)


def shift_at(schedule: Schedule, at: Instant, *, within_ms: int = 35 * 86_400_000) -> Shift | None:
    """The whole shift that covers an instant, looked for at most `within_ms` to either side; None if nobody has it."""
    return next((s for s in shifts(schedule, at - within_ms, at + within_ms) if s.start_at <= at < s.end_at), None)


def _anchor(layer: Layer) -> datetime:
    """The local wall-clock time at which shift 0 begins."""
    weekday, minute = parse_handover(layer.handover)
    day = layer.start or ANCHOR
    if layer.rotation == "weekly" and weekday is not None:
        day += timedelta(days=(weekday - day.weekday()) % 7)
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - wall-clock time is meant


def _length(layer: Layer) -> timedelta:
    return timedelta(minutes=_LENGTH_MINUTES[layer.rotation] * layer.every)


def _boundary(layer: Layer, zone: ZoneInfo, index: int) -> Instant:
    """When shift `index` of a layer begins."""
    return _instant(_anchor(layer) + index * _length(layer), zone)


def _instant(wall: datetime, zone: ZoneInfo) -> Instant:
    """The first instant at which a zone's clocks show a time, or the first after the gap in which it is missing."""
    early = wall.replace(tzinfo=zone, fold=0)
    as_utc = early.astimezone(UTC)
    if as_utc.astimezone(zone).replace(tzinfo=None) == wall:
        return _ms(as_utc)
    # PEP 495: in a gap, fold=0 reads the offset from before it and fold=1 the one from after it, so the gap's end
    # lies between the two readings.
    low, high = _ms(wall.replace(tzinfo=zone, fold=1)), _ms(as_utc)
    before = _offset_s(low, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset_s(middle, zone) == before else (low, middle)
    return high


def _ms(moment: datetime) -> Instant:
    return round(moment.timestamp() * 1000)


def _offset_s(at: Instant, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(at / 1000, zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def _index(layer: Layer, zone: ZoneInfo, at: Instant) -> int:
    """Which shift of a layer an instant falls into: clock time since the anchor by the shift's length, then corrected
    by the few shifts that a change of the clocks can move it.
    """
    wall = datetime.fromtimestamp(at / 1000, zone).replace(tzinfo=None)
    index = (wall - _anchor(layer)) // _length(layer)
    while _boundary(layer, zone, index) > at:
        index -= 1
    while _boundary(layer, zone, index + 1) <= at:
        index += 1
    return index


def _shift_of(layer: Layer, zone: ZoneInfo, at: Instant) -> Shift | None:
    index = _index(layer, zone, at)
    if index < 0 and layer.start is not None:
        return None
    person = layer.people[index % len(layer.people)]
    return Shift(person, _boundary(layer, zone, index), _boundary(layer, zone, index + 1))


def _layer_shifts(layer: Layer, zone: ZoneInfo, start: Instant, end: Instant) -> Iterator[Shift]:
    if start >= end:
        return
    first, last = _index(layer, zone, start), _index(layer, zone, end - 1)
    if layer.start is not None:
        first = max(first, 0)
    if last - first > _MOST_SHIFTS:
        raise ValueError(f"that is more than {_MOST_SHIFTS} shifts; ask for a shorter time")
    for index in range(first, last + 1):
        begins = max(_boundary(layer, zone, index), start)
        ends = min(_boundary(layer, zone, index + 1), end)
        if begins < ends:
            yield Shift(layer.people[index % len(layer.people)], begins, ends)


def _override(below: Sequence[Shift], above: Sequence[Shift]) -> list[Shift]:
    """Both layers laid over each other: where `above` has somebody, it wins."""
    if not above:
        return list(below)
    edges = sorted({edge for shift in (*below, *above) for edge in (shift.start_at, shift.end_at)})
    laid = []
    for begins, ends in pairwise(edges):
        person = _person_at(above, begins) or _person_at(below, begins)
        if person:
            laid.append(Shift(person, begins, ends))
    return laid


def _person_at(row: Sequence[Shift], at: Instant) -> str | None:
    place = bisect_right(row, at, key=lambda shift: shift.start_at) - 1
    return row[place].person if place >= 0 and at < row[place].end_at else None


def _joined(row: Sequence[Shift]) -> list[Shift]:
    joined: list[Shift] = []
    for shift in row:
        if joined and joined[-1].person == shift.person and joined[-1].end_at == shift.start_at:
            joined[-1] = joined[-1]._replace(end_at=shift.end_at)
        else:
            joined.append(shift)
    return joined
