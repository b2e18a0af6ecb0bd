from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import escalation, outbox
from daemon.store import Store
from tests.daemon.paging_kit import (
    ESCALATION,
    MINUTE,
    NOW,
    PEOPLE,
    RECEIVERS,
    configuration,
    events,
    insert_incident,
    message,
    queued,
    ways,
)

ANA, RUI = ("team-mail", "ana@example.org"), ("team-mail", "rui@example.org")
HOOK = ("hook", "")
LOCAL = [("terminal", ""), ("file", "")]


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def start(store: Store, config, why: escalation.Why = "opened", now=NOW, **fields: Any) -> int:
    """Open an incident and begin to page for it, in one transaction; its number."""

    def change(tx):
        row = insert_incident(tx, **fields)
        escalation.start(tx, row, config=config, now=now, why=why)
        return row["id"]

    return store.write_now(change)


def again(store: Store, config, incident: int, why: escalation.Why, now=NOW, **fields: Any) -> None:
    """Let an incident that is there page again, after changing its row."""

    def change(tx):
        for name, value in fields.items():
            tx.execute(f"UPDATE incidents SET {name} = ? WHERE id = ?", (value, incident))
        row = tx.execute("SELECT * FROM incidents WHERE id = ?", (incident,)).fetchone()
        escalation.start(tx, row, config=config, now=now, why=why)

    store.write_now(change)


def tick(store: Store, config, now) -> None:
    store.write_now(lambda tx: escalation.tick(tx, config=config, now=now))


def due(store: Store):
    return store.read_now(escalation.next_due)


def standing(store: Store, config, incident: int = 1):
    return store.read_now(lambda conn: escalation.describe(conn, incident, config))


def test_the_first_step_is_queued_with_the_incident_in_one_transaction(store):
    """Starting queues the page for whoever is on call at once, and leaves the cursor for the next step."""
    config = configuration()
    start(store, config)
    assert ways(queued(store)) == [ANA]
    assert due(store) == NOW + 5 * MINUTE
    assert standing(store, config) == {
        "policy": "default",
        "state": "running",
        "step": 1,
        "steps": 2,
        "cycle": 1,
        "cycles": 2,
        "next_at": NOW + 5 * MINUTE,
        "reason": "opened",
    }
    [paged] = events(store, "paged")
    assert (paged["to"], paged["step"], paged["why"]) == (["ana (team-mail)"], 1, "opened")


def test_nothing_is_queued_when_the_transaction_that_opens_the_incident_fails(store):
    """An incident that is not written down pages nobody."""

    def change(tx):
        escalation.start(tx, insert_incident(tx), config=configuration(), now=NOW, why="opened")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        store.write_now(change)
    assert queued(store) == []
    assert due(store) is None


def test_steps_repeat_and_when_they_are_used_up_the_fallback_is_paged_once(store):
    """Steps come at their time from the start, cycle after cycle; then the fallback, once, and nothing more."""
    config = configuration()
    start(store, config)
    seen = []
    while (at := due(store)) is not None:
        tick(store, config, at - 1)
        before = len(queued(store))
        tick(store, config, at)
        seen.append(((at - NOW) // MINUTE, ways(queued(store)[before:])))
    assert seen == [(5, [ANA, RUI]), (10, [ANA]), (15, [ANA, RUI]), (20, [HOOK])]
    assert standing(store, config)["state"] == "exhausted"
    assert len(events(store, "escalation-exhausted")) == 1
    tick(store, config, NOW + 1000 * MINUTE)
    assert len(queued(store)) == 7
    assert len({row["key"] for row in queued(store)}) == 5


def test_a_single_step_repeats_every_five_minutes(store):
    """An escalation of one step has no pause of its own to repeat by: it is five minutes."""
    config = configuration(escalation={"default": {"steps": [{"page": ["ana"]}], "repeat": 1}})
    start(store, config)
    assert due(store) == NOW + 5 * MINUTE


def test_steps_of_the_same_time_are_paged_together_and_a_late_first_step_waits(store):
    """Two steps after 1m page together at one minute, and nothing is queued before."""
    steps = [{"page": ["ana"], "after": "1m"}, {"page": ["rui"], "after": "1m"}]
    config = configuration(escalation={"default": {"steps": steps}})
    start(store, config)
    assert queued(store) == []
    assert standing(store, config)["step"] == 0
    tick(store, config, NOW + MINUTE)
    assert ways(queued(store)) == [ANA, RUI]


def test_acknowledging_stops_it_and_cancels_pages_that_were_never_tried(store):
    """After stop nothing comes due; the queued page that was never tried is cancelled, the one that was goes on."""
    config = configuration()
    incident = start(store, config)
    tick(store, config, NOW + 5 * MINUTE)
    store.write_now(lambda tx: tx.execute("UPDATE outbox SET attempts = 1 WHERE id = 1"))
    store.write_now(lambda tx: escalation.stop(tx, incident, reason="acknowledged by ana", now=NOW + 6 * MINUTE))
    assert [row["state"] for row in queued(store)] == ["queued", "cancelled", "cancelled"]
    assert due(store) is None
    assert standing(store, config)["state"] == "stopped"
    assert events(store, "escalation-stopped")[0]["cancelled"] == 2
    tick(store, config, NOW + 60 * MINUTE)
    assert len(queued(store)) == 3


def test_nobody_on_call_is_an_event_and_pages_the_fallback(store):
    """A schedule that has nobody on call pages the fallback, and the timeline says so."""
    schedules = {
        "primary": {
            "timezone": "UTC",
            "layers": [{"rotation": "daily", "handover": "09:00", "people": ["ana"], "start": "2099-01-01"}],
        }
    }
    start(store, configuration(schedules=schedules))
    assert ways(queued(store)) == [HOOK]
    assert events(store, "unreachable")[0]["problems"] == ["nobody is on call in schedule primary"]
    assert "último recurso" in json.loads(queued(store)[0]["payload"])["text"]


def test_a_person_without_a_way_is_an_event_and_the_others_of_the_step_are_paged(store):
    """Somebody whose contacts no receiver speaks to is named; who can be reached is paged, each address once."""
    config = configuration(escalation={"default": {"steps": [{"page": ["eva", "rui", "rui", "receiver:hook"]}]}})
    start(store, config)
    assert ways(queued(store)) == [RUI, HOOK]
    assert events(store, "unreachable")[0]["problems"] == ["eva cannot be reached: no receiver speaks to discord"]


def test_with_no_receiver_at_all_the_page_goes_to_the_terminal_and_the_file(store):
    """A configuration that reaches nobody still shows its pages on this machine."""
    start(store, configuration(receivers={}, escalation={}))
    assert ways(queued(store)) == LOCAL


def test_every_contact_goes_through_the_first_receiver_that_speaks_to_its_kind(store):
    """Two e-mail addresses of one person are two messages, both through the first e-mail receiver."""
    people = {"ana": {"name": "Ana", "contacts": [{"email": "a@example.org"}, {"email": "b@example.org"}]}}
    second = {"kind": "email", "host": "other.example.org", "to": ["x@example.org"]}
    config = configuration(people=people, escalation={}, schedules={}, receivers={**RECEIVERS, "other": second})
    start(store, config)
    assert ways(queued(store)) == [("team-mail", "a@example.org"), ("team-mail", "b@example.org")]


def test_people_are_paged_in_their_own_language(store):
    """A person's locale holds over the service's."""
    start(store, configuration(escalation={"default": {"steps": [{"page": ["ana", "rui"]}]}}))
    portuguese, english = (json.loads(row["payload"]) for row in queued(store))
    assert "Para assumir: recuo ack 1" in portuguese["text"]
    assert "Acknowledge it: recuo ack 1" in english["text"]


def test_a_reopened_incident_begins_again_with_the_first_step(store):
    """Firing again after acknowledge and resolve pages from the start, under new keys."""
    config = configuration()
    incident = start(store, config)
    tick(store, config, NOW + 5 * MINUTE)
    store.write_now(lambda tx: escalation.stop(tx, incident, reason="resolved", now=NOW + 6 * MINUTE))
    again(store, config, incident, "reopened", NOW + 20 * MINUTE)
    assert standing(store, config)["step"] == 1
    assert queued(store)[-1]["state"] == "queued"
    assert len({row["key"] for row in queued(store)}) == 3
    assert due(store) == NOW + 25 * MINUTE


def test_a_passed_budget_goes_on_to_the_next_step_at_once(store):
    """Nobody has acknowledged and a budget is passed: the next people are paged now, and their time counts from now."""
    config = configuration()
    incident = start(store, config)
    again(store, config, incident, "budget", NOW + 2 * MINUTE)
    assert ways(queued(store)) == [ANA, ANA, RUI]
    assert due(store) == NOW + 7 * MINUTE


def test_a_passed_budget_of_an_acknowledged_incident_pages_the_next_people_once(store):
    """Somebody works on it: the next people hear of the passed budget, and the escalation does not run on."""
    config = configuration()
    incident = start(store, config)
    store.write_now(lambda tx: escalation.stop(tx, incident, reason="acknowledged", now=NOW + MINUTE))
    again(store, config, incident, "budget", NOW + 5 * MINUTE, state="acknowledged")
    assert ways(queued(store, state="queued")) == [ANA, RUI]
    assert due(store) is None
    again(store, config, incident, "budget", NOW + 9 * MINUTE)
    assert ways(queued(store, state="queued")) == [ANA, RUI, ANA, RUI]


def test_a_raised_severity_pages_again(store):
    """Unacknowledged, it starts anew; acknowledged, whoever was paged last hears of it once more."""
    config = configuration()
    incident = start(store, config, severity="warning")
    again(store, config, incident, "raised", NOW + MINUTE, severity="critical")
    assert ways(queued(store)) == [ANA, ANA]
    assert "O incidente ficou mais grave." in json.loads(queued(store)[1]["payload"])["text"]
    assert due(store) == NOW + 6 * MINUTE
    store.write_now(lambda tx: escalation.stop(tx, incident, reason="acknowledged", now=NOW + 2 * MINUTE))
    again(store, config, incident, "raised", NOW + 3 * MINUTE, state="acknowledged")
    assert len(queued(store, state="queued")) == 1
    assert due(store) is None


def test_a_passed_budget_after_the_end_pages_the_fallback_again(store):
    """Nobody ever answered and a budget is passed: the fallback hears of it."""
    config = configuration()
    incident = start(store, config)
    while (at := due(store)) is not None:
        tick(store, config, at)
    before = len(queued(store))
    again(store, config, incident, "budget", NOW + 30 * MINUTE)
    assert ways(queued(store)[before:]) == [HOOK]


def test_a_daemon_that_was_down_does_not_page_everyone_at_once(store):
    """After an hour of standstill one step is paged, and the next one keeps its usual pause."""
    config = configuration()
    start(store, config)
    tick(store, config, NOW + 60 * MINUTE)
    assert ways(queued(store)) == [ANA, ANA, RUI]
    assert due(store) == NOW + 65 * MINUTE


def test_an_escalation_that_was_configured_away_goes_on_as_the_default_one(store):
    """A reload that removes a running escalation leaves nobody unpaged."""
    config = configuration(escalation={**ESCALATION, "other": {"steps": [{"page": ["rui"]}]}})
    start(store, config, escalation="other")
    assert ways(queued(store)) == [RUI]
    tick(store, configuration(), NOW + 5 * MINUTE)
    assert ways(queued(store)[1:]) == [ANA, RUI]


def test_without_any_escalation_whoever_is_on_call_is_paged(store):
    """A configuration with people and a schedule but no escalation pages the schedule."""
    start(store, configuration(escalation={}))
    assert ways(queued(store)) == [ANA]


def undelivered(store: Store, config, row) -> None:
    store.write_now(lambda tx: escalation.undelivered(tx, row["id"], config=config, now=NOW))


def fail(store: Store, row) -> None:
    store.write_now(
        lambda tx: tx.execute("UPDATE outbox SET state = 'failed', attempts = 1 WHERE id = ?", (row["id"],))
    )


def test_a_page_that_nobody_gets_goes_to_the_fallback_and_then_to_this_machine(store):
    """When the only way fails the fallback is paged, saying so; when that fails too, terminal and file."""
    config = configuration()
    start(store, config)
    [first] = queued(store)
    fail(store, first)
    undelivered(store, config, first)
    undelivered(store, config, first)
    fallback = queued(store)[1]
    assert ways(queued(store)) == [ANA, HOOK]
    assert "não pôde ser entregue por team-mail" in json.loads(fallback["payload"])["text"]
    fail(store, fallback)
    undelivered(store, config, fallback)
    assert ways(queued(store)[2:]) == LOCAL
    fail(store, queued(store)[2])
    undelivered(store, config, queued(store)[2])
    assert len(queued(store)) == 4


def test_a_failed_page_is_left_alone_while_another_of_its_step_arrived_or_may(store):
    """Two are paged and one way fails: no fallback, since the other one gets it; once both fail, the fallback."""
    config = configuration(escalation={"default": {"steps": [{"page": ["ana", "rui"]}], "fallback": ["receiver:hook"]}})
    start(store, config)
    one, two = queued(store)
    fail(store, one)
    undelivered(store, config, one)
    assert len(queued(store)) == 2
    fail(store, two)
    undelivered(store, config, two)
    assert ways(queued(store)[2:]) == [HOOK]


def test_a_failed_page_of_an_acknowledged_incident_is_left_alone(store):
    """Somebody has it: nobody else is woken for a page that could not be delivered."""
    config = configuration()
    incident = start(store, config)
    [row] = queued(store)
    fail(store, row)
    store.write_now(lambda tx: escalation.stop(tx, incident, reason="acknowledged", now=NOW))
    undelivered(store, config, row)
    assert len(queued(store)) == 1


def test_a_failed_update_pages_nobody(store):
    """Only pages look for another way."""
    config = configuration()
    start(store, config)

    def change(tx):
        outbox.enqueue(
            tx,
            key="u",
            receiver="hook",
            address="",
            incident=1,
            kind="update",
            message=message("u", kind="update"),
            now=NOW,
        )

    store.write_now(change)
    undelivered(store, config, queued(store)[1])
    assert len(queued(store)) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"receivers": {}}, ["nobody can be reached"]),
        ({"receivers": {"screen": {"kind": "terminal"}}}, ["nobody can be reached"]),
        (
            {
                "receivers": {"m": {"kind": "email", "host": "smtp.example.org"}},
                "people": {},
                "escalation": {},
                "schedules": {},
            },
            ["nobody can be reached"],
        ),
        ({}, ["eva cannot be reached: no receiver speaks to discord"]),
        (
            {"people": {"ana": PEOPLE["ana"], "zoe": {"name": "Zoe"}}, "escalation": {}},
            ["zoe cannot be reached: no contacts are given"],
        ),
        (
            {"escalation": {"night": {"steps": [{"page": ["eva"]}]}}},
            ["eva cannot be reached", "escalation night reaches nobody"],
        ),
        (
            {"escalation": {"night": {"steps": [{"page": ["eva"]}], "fallback": ["receiver:hook"]}}},
            ["eva cannot be reached", "only its fallback is paged"],
        ),
        ({"people": {"ana": PEOPLE["ana"]}, "escalation": {}}, []),
    ],
)
def test_reachability_says_who_cannot_be_reached_and_why(changes, words):
    """Status and doctor are told in words whom a page would not reach; nothing when it reaches everyone."""
    found = escalation.reachability(configuration(**changes))
    assert len(found) == len(words)
    assert all(part in line for part, line in zip(words, found, strict=True))


@given(
    afters=st.lists(st.integers(0, 20), min_size=1, max_size=5).map(sorted),
    repeat=st.integers(0, 3),
    stops=st.lists(st.integers(0, 600), max_size=40).map(sorted),
)
def test_every_step_is_paged_once_a_cycle_whenever_the_daemon_looks(tmp_path_factory, afters, repeat, stops):
    """However irregularly it is looked at, each step is paged exactly once a cycle, in order, and never too early."""
    config = configuration(
        people={},
        schedules={},
        receivers={f"hook{n}": {"kind": "webhook", "url": "https://example.org/"} for n in range(len(afters))},
        escalation={
            "default": {
                "steps": [{"page": [f"receiver:hook{n}"], "after": f"{after}m"} for n, after in enumerate(afters)],
                "repeat": repeat,
            }
        },
    )
    opened = Store.open(tmp_path_factory.mktemp("state"))
    try:
        start(opened, config)
        for minute in stops:
            tick(opened, config, NOW + minute * MINUTE)
        now = NOW + (stops[-1] if stops else 0) * MINUTE
        while (at := due(opened)) is not None:
            now = max(now, at)
            tick(opened, config, now)
        rows = [row for row in queued(opened) if row["receiver"].startswith("hook")]
        assert [row["receiver"] for row in rows] == [f"hook{n}" for n in range(len(afters))] * (repeat + 1)
        first = rows[: len(afters)]
        assert all(row["created_at"] >= NOW + after * MINUTE for row, after in zip(first, afters, strict=True))
    finally:
        opened.close()
