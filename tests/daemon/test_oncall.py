from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import oncall
from daemon.configuration.people import Layer, Schedule
from recuo.values import Instant, parse_instant

PEOPLE = ("ana", "rui", "eva")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
ZONES = (
    "America/Sao_Paulo",
    "America/New_York",
    "Europe/Lisbon",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/St_Johns",
    "UTC",
)


def schedule(zone: str = "UTC", *layers: dict[str, Any], **layer: Any) -> Schedule:
    given_layers = layers or ({"rotation": "daily", "handover": "09:00", "people": PEOPLE, **layer},)
    return Schedule(timezone=zone, layers=tuple(Layer(**each) for each in given_layers))


def at(text: str) -> Instant:
    return parse_instant(text)


def wall(instant: Instant, zone: str) -> datetime:
    return datetime.fromtimestamp(instant / 1000, ZoneInfo(zone)).replace(tzinfo=None)


def by_brute_force(zone: str, layer: Layer, start: Instant, end: Instant, step_ms: int) -> list[tuple[Instant, str]]:
    """Who is on call at each step: the shift number is the highest that the wall clock has shown so far.

    Clocks that go back never go back by as much as the day and a half that this starts early.
    """
    weekday, minute = oncall.parse_handover(layer.handover)
    day = layer.start or date(2024, 1, 1)
    while layer.rotation == "weekly" and day.weekday() != (weekday or 0):
        day += timedelta(days=1)
    anchor = datetime.combine(day, time()) + timedelta(minutes=minute)
    length = timedelta(hours={"hourly": 1, "daily": 24, "weekly": 168}[layer.rotation] * layer.every)
    found, highest = [], -(10**9)
    for instant in range(start - 36 * HOUR, end, step_ms):
        highest = max(highest, (wall(instant, zone) - anchor) // length)
        if instant >= start:
            found.append((instant, layer.people[highest % len(layer.people)]))
    return found


@pytest.mark.parametrize(
    ("zone", "around", "layer"),
    [
        ("America/Sao_Paulo", "2018-11-04T03:00:00Z", {"rotation": "daily", "handover": "00:00"}),
        ("America/Sao_Paulo", "2019-02-17T02:00:00Z", {"rotation": "daily", "handover": "23:30"}),
        ("America/New_York", "2026-03-08T07:00:00Z", {"rotation": "daily", "handover": "02:30"}),
        ("America/New_York", "2026-11-01T06:00:00Z", {"rotation": "daily", "handover": "01:30"}),
        ("America/New_York", "2026-03-08T07:00:00Z", {"rotation": "hourly", "handover": "00:00"}),
        ("America/New_York", "2026-11-01T06:00:00Z", {"rotation": "hourly", "handover": "00:00"}),
        ("America/New_York", "2026-11-01T06:00:00Z", {"rotation": "hourly", "handover": "00:00", "every": 6}),
        ("America/New_York", "2026-03-08T07:00:00Z", {"rotation": "hourly", "handover": "00:15", "every": 5}),
        ("Europe/Lisbon", "2026-03-29T01:00:00Z", {"rotation": "weekly", "handover": "Sun 01:30"}),
        ("Europe/Lisbon", "2026-10-25T01:00:00Z", {"rotation": "weekly", "handover": "Sun 01:30"}),
        ("Europe/Lisbon", "2026-10-25T01:00:00Z", {"rotation": "weekly", "handover": "Mon 09:00", "every": 2}),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00Z", {"rotation": "daily", "handover": "02:15"}),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00Z", {"rotation": "daily", "handover": "01:45"}),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00Z", {"rotation": "hourly", "handover": "00:00", "every": 2}),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", {"rotation": "daily", "handover": "09:00"}),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", {"rotation": "hourly", "handover": "09:00", "every": 12}),
        ("Africa/Casablanca", "2026-02-15T02:00:00Z", {"rotation": "daily", "handover": "02:00"}),
        ("Asia/Kathmandu", "1985-12-31T18:30:00Z", {"rotation": "hourly", "handover": "00:05"}),
    ],
)
def test_hand_overs_around_clock_changes_are_those_that_a_wall_clock_shows(zone, around, layer):
    """Around changes of the clocks the person on call is the one that watching the wall clock gives."""
    rota = schedule(zone, **layer)
    start = at(around) - 2 * DAY
    expected = by_brute_force(zone, rota.layers[0], start, start + 4 * DAY, 5 * MINUTE)
    assert [(instant, oncall.on_call(rota, instant)) for instant, _ in expected] == expected


@pytest.mark.parametrize(
    ("zone", "layer", "before", "after"),
    [
        # 02:30 does not exist in New York on 2026-03-08: 02:00 EST is 03:00 EDT, 07:00 UTC.
        ("America/New_York", {"handover": "02:30"}, "2026-03-08T06:59:59.999Z", "2026-03-08T07:00:00Z"),
        # 01:30 exists twice on 2026-11-01: the first is 05:30 UTC.
        ("America/New_York", {"handover": "01:30"}, "2026-11-01T05:29:59.999Z", "2026-11-01T05:30:00Z"),
        # Midnight did not exist in São Paulo on 2018-11-04: the day began at 01:00, 03:00 UTC.
        ("America/Sao_Paulo", {"handover": "00:00"}, "2018-11-04T02:59:59.999Z", "2018-11-04T03:00:00Z"),
    ],
)
def test_a_missing_time_is_the_first_instant_after_the_gap_and_a_double_one_the_first(zone, layer, before, after):
    """A hand-over at a time that does not exist comes at the gap's end, one at a double time at the first."""
    rota = schedule(zone, **layer)
    assert oncall.on_call(rota, at(before)) != oncall.on_call(rota, at(after))
    assert oncall.on_call(rota, at(after)) == oncall.on_call(rota, at(after) + HOUR)
    found = oncall.shift_at(rota, at(after))
    assert found is not None and found.start_at == at(after)


def test_a_week_is_handed_over_at_the_same_local_time_all_year():
    """Weekly shifts begin on Monday 09:00 by the clock on the wall, whatever the offset from UTC."""
    rota = schedule("Europe/Lisbon", rotation="weekly", handover="Mon 09:00")
    found = oncall.shifts(rota, at("2026-01-05T09:00:00Z"), at("2027-01-04T09:00:00Z"))
    assert len(found) == 52
    assert {wall(shift.start_at, "Europe/Lisbon").strftime("%a %H:%M") for shift in found} == {"Mon 09:00"}
    assert {(shift.end_at - shift.start_at) // HOUR for shift in found} == {167, 168, 169}


def test_the_first_person_begins_at_the_first_hand_over_on_or_after_start_and_nobody_before():
    """A layer with a start has nobody on call before it, and the first of the list from then on."""
    rota = schedule("UTC", rotation="weekly", handover="Mon 09:00", start=date(2026, 11, 25))
    assert oncall.on_call(rota, at("2026-11-30T08:59:59Z")) is None
    assert oncall.on_call(rota, at("2026-11-30T09:00:00Z")) == "ana"
    assert oncall.on_call(rota, at("2026-12-07T09:00:00Z")) == "rui"
    [first, *_] = oncall.shifts(rota, at("2026-11-01T00:00:00Z"), at("2026-12-31T00:00:00Z"))
    assert first == oncall.Shift("ana", at("2026-11-30T09:00:00Z"), at("2026-12-07T09:00:00Z"))


def test_without_a_start_the_first_person_has_the_week_of_the_first_of_january_2024():
    """The documented anchor holds in both directions."""
    rota = schedule("UTC", rotation="weekly", handover="Mon 09:00")
    assert oncall.on_call(rota, at("2024-01-01T09:00:00Z")) == "ana"
    assert oncall.on_call(rota, at("2024-01-01T08:59:59Z")) == "eva"


def test_a_later_layer_overrides_an_earlier_one_only_where_it_has_somebody():
    """From its start on the second layer wins; before it the first one holds."""
    rota = schedule(
        "UTC",
        {"rotation": "daily", "handover": "09:00", "people": ("ana",)},
        {"rotation": "daily", "handover": "00:00", "people": ("rui",), "start": date(2026, 11, 25)},
    )
    assert oncall.shifts(rota, at("2026-11-24T00:00:00Z"), at("2026-11-26T00:00:00Z")) == [
        oncall.Shift("ana", at("2026-11-24T00:00:00Z"), at("2026-11-25T00:00:00Z")),
        oncall.Shift("rui", at("2026-11-25T00:00:00Z"), at("2026-11-26T00:00:00Z")),
    ]


def test_an_instant_centuries_away_costs_no_more_than_one_today():
    """The person on call is computed, not counted up from the anchor: ten thousand far instants take no time at all."""
    rota = schedule("America/New_York", rotation="hourly", handover="00:00")
    assert {oncall.on_call(rota, at("2999-06-01T12:00:00Z") + n * HOUR) for n in range(10_000)} == set(PEOPLE)


@pytest.mark.parametrize("text", ["9", "25:00", "Mon", "Mon 9", "Foo 09:00", "09:60", "", "Mon09:00"])
def test_what_is_no_hand_over_time_is_refused_with_what_would_be_right(text):
    """A wrong hand-over time is a ValueError that shows a right one."""
    with pytest.raises(ValueError, match="Mon 09:00"):
        oncall.parse_handover(text)


def test_asking_for_too_many_shifts_is_refused():
    """A span with more than a hundred thousand hand-overs is a ValueError, not minutes of work."""
    with pytest.raises(ValueError, match="shorter"):
        oncall.shifts(schedule(rotation="hourly", handover="00:00"), 0, 400_000 * HOUR)


_LAYERS = st.builds(
    lambda kind, every, hour, minute, day, people, start: {
        "rotation": kind,
        "every": every,
        "handover": f"{day} {hour:02}:{minute:02}" if kind == "weekly" else f"{hour:02}:{minute:02}",
        "people": tuple(people),
        "start": start,
    },
    st.sampled_from(["hourly", "daily", "weekly"]),
    st.integers(1, 9),
    st.integers(0, 23),
    st.sampled_from([0, 1, 15, 30, 59]),
    st.sampled_from(["Mon", "Sat", "Sun"]),
    st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4),
    st.none() | st.dates(date(2025, 12, 1), date(2026, 12, 1)),
)


@given(
    zone=st.sampled_from(ZONES),
    layers=st.lists(_LAYERS, min_size=1, max_size=3),
    begin=st.integers(parse_instant("2025-10-01T00:00:00Z"), parse_instant("2027-01-01T00:00:00Z")),
    days=st.integers(1, 20),
    data=st.data(),
)
def test_shifts_tile_time_and_agree_with_who_is_on_call(zone, layers, begin, days, data):
    """Shifts are in order without overlap, leave gaps only where nobody is on call, and agree with on_call anywhere."""
    rota = schedule(zone, *layers)
    end = begin + days * DAY
    found = oncall.shifts(rota, begin, end)
    edges = [begin, *(edge for shift in found for edge in (shift.start_at, shift.end_at)), end]
    assert edges == sorted(edges)
    assert all(shift.start_at < shift.end_at for shift in found)
    if any(layer["start"] is None for layer in layers):
        assert [s.end_at for s in found[:-1]] == [s.start_at for s in found[1:]]
        assert (found[0].start_at, found[-1].end_at) == (begin, end)
    moments = [edge + step for edge in edges for step in (-1, 0, 1)]
    moments += data.draw(st.lists(st.integers(begin, end - 1), max_size=20))
    for moment in {m for m in moments if begin <= m < end}:
        covering = [s.person for s in found if s.start_at <= moment < s.end_at]
        assert covering == [p for p in [oncall.on_call(rota, moment)] if p is not None]
