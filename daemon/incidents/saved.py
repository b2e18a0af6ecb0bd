"""The engine's alerts in the store: each as it was after its last transition (design S8)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from daemon import audit
from daemon.incidents.rows import labels_text
from recuo.values import Instant
from triggers.alerts import INACTIVE, AlertState


def save_alerts(tx: sqlite3.Connection, states: Iterable[AlertState], *, now: Instant) -> None:
    """Keep these states; one that is inactive and known has nothing to remember, and its row goes."""
    for state in states:
        key = (state.rule, labels_text(state.labels))
        if state.state == INACTIVE and state.unknown_since is None:
            tx.execute("DELETE FROM alerts WHERE rule = ? AND labels = ?", key)
        else:
            _put(tx, state, now)


def save_silences(tx: sqlite3.Connection, snapshot: Iterable[AlertState], *, now: Instant) -> None:
    """Of an engine's whole snapshot, keep from when each `absent` rule counts its silence (S8, S11).

    Such a rule is idle and makes no transition before it fires, so nothing else would write it down.
    """
    for state in snapshot:
        if state.state == INACTIVE and state.unknown_since is None and state.active_at is not None:
            _put(tx, state, now)


def _put(tx: sqlite3.Connection, state: AlertState, now: Instant) -> None:
    tx.execute(
        "INSERT INTO alerts (rule, labels, state, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT (rule, labels) "
        "DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at",
        (state.rule, labels_text(state.labels), audit.canonical(state.to_json()), now),
    )


def alert_states(conn: sqlite3.Connection) -> list[AlertState]:
    """All kept states, for `Engine.restore`."""
    rows = conn.execute("SELECT state FROM alerts ORDER BY rule, labels")
    return [AlertState.from_json(json.loads(row[0])) for row in rows]
