from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import audit
from daemon.store import schema


def fresh() -> sqlite3.Connection:
    conn = sqlite3.connect(":memory:", isolation_level=None)
    conn.row_factory = sqlite3.Row
    schema.migrate(conn, schema.migrations())
    return conn


def filled(count: int = 6) -> sqlite3.Connection:
    conn = fresh()
    for n in range(count):
        audit.record(conn, at=1000 + n, kind="noted", actor="ana", incident=n % 2 or None, n=n, words="ação")
    return conn


def forge(conn: sqlite3.Connection, *sql: str) -> None:
    """Do what someone with the file in hand can do: the triggers are no obstacle to them."""
    for name in ("events_never_change", "events_never_go", "events_only_grow"):
        conn.execute(f"DROP TRIGGER {name}")
    for statement in sql:
        conn.execute(statement)


def test_a_chain_that_nobody_touched_is_whole():
    """Verifying reads every event and finds nothing wrong."""
    verdict = audit.verify(filled())
    assert (verdict.ok, verdict.rows) == (True, 6)
    nothing = audit.verify(fresh())
    assert (nothing.ok, nothing.rows, nothing.head) == (True, 0, "")


FORGERIES = {
    "text": ("UPDATE events SET data = json_set(data, '$.n', 77) WHERE id = 3", "event 3 was changed"),
    "actor": ("UPDATE events SET actor = 'rui' WHERE id = 3", "event 3 was changed"),
    "instant": ("UPDATE events SET at = at + 1 WHERE id = 1", "event 1 was changed"),
    "incident": ("UPDATE events SET incident = NULL WHERE id = 2", "event 2 was changed"),
    "kind": ("UPDATE events SET kind = 'other' WHERE id = 6", "event 6 was changed"),
    "removed": ("DELETE FROM events WHERE id = 3", "events 3 to 3 are gone"),
    "removed first": ("DELETE FROM events WHERE id <= 2", "events 1 to 2 are gone"),
    "removed last": ("DELETE FROM events WHERE id = 6", "the newest events are gone"),
    "removed all": ("DELETE FROM events", "the newest events are gone"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_changed_or_removed_event_is_found(name):
    """Any column that is changed and any event that is removed is named, the newest included."""
    statement, words = FORGERIES[name]
    conn = filled()
    forge(conn, statement)
    assert any(words in fault for fault in audit.verify(conn).faults)


def test_reordered_events_are_found():
    """Two events that change places are found even when each is otherwise as it was."""
    conn = filled()
    forge(conn, "UPDATE events SET id = 99 WHERE id = 2", "UPDATE events SET id = 2 WHERE id = 3")
    conn.execute("UPDATE events SET id = 3 WHERE id = 99")
    assert not audit.verify(conn).ok


def test_a_rehashed_event_breaks_the_chain_behind_it():
    """Whoever changes an event and its hash is found by the event after it."""
    conn = filled()
    row = list(conn.execute("SELECT * FROM events WHERE id = 3").fetchone())
    row[3] = "rui"
    digest = audit._digest(*row[:7])
    forge(conn, f"UPDATE events SET actor = 'rui', hash = '{digest}' WHERE id = 3")
    assert audit.verify(conn).faults == ("event 4 does not follow the one before it",)


def test_a_removed_tail_is_found_after_new_events_too():
    """A number is never given again: a gap stays visible however many events follow."""
    conn = filled()
    forge(conn, "DELETE FROM events WHERE id >= 5")
    audit.record(conn, at=9, kind="later", actor="recuo")
    assert audit.verify(conn).faults == ("events 5 to 6 are gone",)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'x' WHERE id = 1",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events VALUES (1, 1, NULL, 'x', 'x', '{}', '', '')",
        "INSERT INTO events (at, actor, kind, data, prev_hash, hash) VALUES (1, 'x', 'x', '{}', '', '')",
    ],
)
def test_the_database_itself_refuses_to_change_events(statement):
    """Events only grow, and only through the chain: SQL that would change, remove or slip one in fails."""
    conn = filled()
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        conn.execute(statement)
    assert audit.verify(conn).ok


def test_an_undone_change_leaves_no_gap():
    """An event whose transaction is rolled back was never there, and the next one takes its number."""
    conn = filled(2)
    conn.execute("BEGIN")
    assert audit.record(conn, at=1, kind="undone", actor="recuo") == 3
    conn.execute("ROLLBACK")
    assert audit.record(conn, at=1, kind="kept", actor="recuo") == 3
    assert audit.verify(conn).ok


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(actor=st.text(), value=ANYTHING, at=st.integers(-(2**62), 2**62))
def test_anything_can_be_recorded_and_verifies(actor, value, at):
    """Text in any script, broken text, numbers that JSON does not know: it is recorded, and the chain is whole."""
    conn = fresh()
    audit.record(conn, at=at, kind="noted", actor=actor, value=value)
    audit.record(conn, at=at, kind="noted", actor=actor, incident=1, value=[value])
    assert audit.verify(conn).ok
    assert audit.timeline(conn, 1)[0]["id"] == 2


def test_broken_text_and_numbers_are_recorded_as_far_as_they_can_be():
    """A lone surrogate becomes a question mark, NaN and infinity become null, endless text is cut."""
    conn = fresh()
    audit.record(
        conn, at=1, kind="noted", actor="a", odd="x\ud800y", no=float("nan"), far=float("inf"), long="z" * 20_000
    )
    data = audit.newest(conn)[0]["data"]
    assert data["odd"] == "x?y" and data["no"] is None and data["far"] is None
    assert len(data["long"]) == 10_001


def test_a_timeline_is_one_incident_s_events_in_order():
    """The timeline holds an incident's own events, oldest first, with their data unpacked."""
    found = audit.timeline(filled(), 1)
    assert [event["data"]["n"] for event in found] == [1, 3, 5]
    assert json.dumps(found)
    assert [event["id"] for event in audit.newest(filled(), limit=2)] == [6, 5]
