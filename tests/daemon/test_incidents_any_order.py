"""A7, A8: whatever happens in whatever order, what is always true of incidents stays true."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from daemon import audit, incidents
from daemon.incidents import IncidentError
from daemon.incidents.rows import labels_text
from tests.daemon.incident_kit import CHECKLIST, MINUTE, SECOND, World
from triggers.alerts import FIRING, INACTIVE, PENDING

ALERTS = [
    ("latency-high", {"route": "/a"}),
    ("latency-high", {"route": "/a", "environment": "beta"}),
    ("cpu-high", {}),
    ("crash", {}),
    ("lonely", {"host": "h"}),
    ("silent", {}),
    ("source:site", {"source": "site"}),
]
NUMBERS = st.integers(1, 4)
STEPS = st.one_of(
    st.tuples(st.just("alert"), st.sampled_from(ALERTS), st.sampled_from(["up", "down", "unknown", "event"])),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, SECOND, MINUTE, 4 * MINUTE, 5 * MINUTE, 31 * MINUTE])),
    st.tuples(st.sampled_from(["ack", "end", "decide", "verify", "assess", "deliver"]), NUMBERS),
    st.tuples(st.just("answer"), NUMBERS, st.sampled_from(["services", "data"])),
    st.tuples(st.just("restart"), st.sampled_from([SECOND, 10 * MINUTE])),
    st.tuples(st.just("clock"), st.sampled_from([-MINUTE, 45 * MINUTE])),
)
_AFTER = {
    "triggered": {"triggered", "acknowledged", "resolved", "closed"},
    "acknowledged": {"acknowledged", "triggered", "resolved", "closed"},
    "resolved": {"resolved", "closed", "triggered"},
    "closed": {"closed", "triggered"},
}


def act(world: World, step: tuple) -> None:
    """Do one thing as the engine, the clock or a person would."""
    match step:
        case ("alert", (rule, labels), wish):
            alert(world, rule, labels, wish)
        case ("wait", duration_ms):
            world.wait(duration_ms)
        case ("restart", away_ms):
            down_from, world.now = world.now, world.now + away_ms
            world.conn.memo.clear()
            incidents.resume(world.conn, down_from=down_from, now=world.now)
            world.tick()
        case ("clock", moved_ms):
            incidents.shift(world.conn, moved_ms)
            world.now += moved_ms
            world.tick()
        case ("answer", number, item):
            world.answer(item, "yes", number)
        case ("ack", number):
            world.acknowledge("ana", number)
        case ("end", number):
            world.end("rui", "because", number)
        case ("deliver", number):
            incidents.first_delivery(world.conn, number, world.now)
        case ("decide", number):
            incidents.decide(world.conn, number, by="ana", decision="wait", now=world.now)
        case ("verify", number):
            incidents.verify(world.conn, number, by="ana", now=world.now)
        case ("assess", number):
            fields = dict.fromkeys(incidents.ASSESSMENT, "error")
            incidents.assess(world.conn, number, by="ana", fields=fields, now=world.now)


def alert(world: World, rule: str, labels: dict[str, str], wish: str) -> None:
    """The next transition that the engine could tell of this alert."""
    known = world.alerts.get((rule, tuple(sorted(labels.items()))))
    state = known.state if known else INACTIVE
    if wish == "unknown":
        world.tell("known" if known and known.unknown_since is not None else "unknown", rule, **labels)
    elif wish == "event" and rule == "crash" and state == FIRING:
        world.tell("event", rule, **labels)
    elif wish == "up" and state == INACTIVE:
        world.tell("pending", rule, **labels)
    elif wish == "up" and state == PENDING:
        world.tell("firing", rule, **labels)
    elif wish == "down" and state != INACTIVE:
        world.tell("resolved" if state == FIRING else "dropped", rule, **labels)


def check(world: World, before: dict[int, str]) -> dict[int, str]:
    """What is always true; answers with the incidents' states."""
    rows = world.conn.execute("SELECT * FROM incidents").fetchall()
    open_keys = Counter(
        (row["playbook"], row["group_key"]) for row in rows if row["state"] in {"triggered", "acknowledged"}
    )
    assert max(open_keys.values(), default=0) <= 1
    for row in rows:
        assert row["state"] in _AFTER[before.get(row["id"], "triggered")]
        is_open = row["state"] in {"triggered", "acknowledged"}
        assert is_open == (row["resolved_at"] is None)
        assert (row["state"] == "closed") == (row["closed_at"] is not None)
        assert (row["state"] == "acknowledged") <= (row["acknowledged_by"] is not None)
        for clock in world.detail(row["id"])["budgets"]:
            assert clock["spent_ms"] >= 0
            assert (clock["stopped_at"] is not None) == (clock["state"] in {"met", "missed"})
            assert is_open or clock["state"] in {"not_started", "met", "missed"}
    due = incidents.next_due(world.conn, world.config)
    assert due is None or due > world.now, "what is due has been done"
    assert audit.verify(world.conn).ok
    return {row["id"]: row["state"] for row in rows}


def firing_alerts_are_somewhere(world: World) -> None:
    """Each alert that fires and should page is firing in an incident: open, or resolved over its head by a person."""
    for (rule, labels), state in world.alerts.items():
        if state.state == FIRING and rule != "silent":
            found = world.conn.execute(
                "SELECT 1 FROM incident_alerts WHERE rule = ? AND labels = ? AND state = 'firing'",
                (rule, labels_text(labels)),
            ).fetchone()
            assert found, rule


@given(st.lists(STEPS, max_size=40))
def test_A7_A8_whatever_happens_in_whatever_order(steps):
    """One open incident a key, states in their order, clocks never negative, nothing overdue, the chain whole."""
    world = World(checklist=CHECKLIST)
    states: dict[int, str] = {}
    for step in steps:
        with suppress(IncidentError):
            act(world, step)
        world.tick()
        states = check(world, states)
        firing_alerts_are_somewhere(world)


@given(st.lists(st.tuples(st.sampled_from(ALERTS), st.sampled_from(["up", "down", "unknown"])), max_size=30))
def test_A7_everything_ends_once_all_is_calm(told):
    """After any alerts, when all have resolved and are known, only events' incidents stay open."""
    world = World()
    for (rule, labels), wish in told:
        alert(world, rule, labels, wish)
        world.wait(SECOND)
    for rule, labels in ALERTS:
        known = world.alerts.get((rule, tuple(sorted(labels.items()))))
        if known and known.unknown_since is not None:
            world.tell("known", rule, **labels)
        alert(world, rule, labels, "down")
    world.wait(5 * MINUTE)
    still = {row["playbook"] for row in incidents.listing(world.conn, state="open")}
    assert still <= {"bug"}
