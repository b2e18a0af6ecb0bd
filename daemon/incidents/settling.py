"""What an open incident's alerts say about it: whether it has recovered, is quiet, and has been verified.

Recovered: no alert fires, and the rest is known; for an incident with an event, only once it has been verified, since
an event that is over by time says nothing about what it did (S11). Quiet: besides, none is pending or unknown. A
decision whose incident recovers is verified by that.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from daemon import audit
from daemon.incidents import rows
from recuo.values import Instant

# Named indexes: SQLite would rather look through all alerts of the incident than use a partial one.
_ALERTS: Final = "SELECT 1 FROM incident_alerts INDEXED BY incident_alerts_"
_CALM: Final = (
    f"SELECT EXISTS ({_ALERTS}astir WHERE incident = :id AND state = 'firing' AND event = 0 AND state <> 'inactive'), "
    f"EXISTS ({_ALERTS}astir WHERE incident = :id AND state = 'pending' AND event = 0 AND state <> 'inactive'), "
    f"EXISTS ({_ALERTS}unknown WHERE incident = :id AND unknown_since IS NOT NULL), "
    f"EXISTS ({_ALERTS}event WHERE incident = :id AND event = 1)"
)


class Calm(NamedTuple):
    """What is not in order: whether alerts fire, are pending, or are unknown, and whether an event waits for someone.

    Events are not counted as firing: what matters is only whether they have been verified.
    """

    firing: bool
    pending: bool
    unknown: bool
    held: bool

    @property
    def recovered(self) -> bool:
        """Nothing fires, and that is known."""
        return not (self.firing or self.unknown or self.held)

    @property
    def quiet(self) -> bool:
        """Recovered, and nothing is about to fire."""
        return self.recovered and not self.pending


def calm(conn: sqlite3.Connection, incident: sqlite3.Row) -> Calm:
    """How calm the alerts of an incident are; costs the same however many it has."""
    firing, pending, unknown, event = conn.execute(_CALM, {"id": incident["id"]}).fetchone()
    return Calm(bool(firing), bool(pending), bool(unknown), bool(event) and incident["verified_at"] is None)


def settle(tx: sqlite3.Connection, incident: int, at: Instant) -> None:
    """Bring the columns that follow from the alerts up to date, after anything about them or the incident changed."""
    row = rows.get(tx, incident)
    found = calm(tx, row)
    at = max(at, row["opened_at"])
    if found.firing or found.held:
        _fires_again(tx, row, at)
    elif found.recovered and row["recovered_at"] is None:
        tx.execute("UPDATE incidents SET recovered_at = ? WHERE id = ?", (at, incident))
        audit.record(tx, at=at, kind="recovered", actor=rows.ACTOR, incident=incident)
    row = rows.get(tx, incident)
    if row["recovered_at"] is not None and row["decided_at"] is not None and row["verified_at"] is None:
        tx.execute("UPDATE incidents SET verified_at = ? WHERE id = ?", (at, incident))
        audit.record(tx, at=at, kind="verified", actor=rows.ACTOR, incident=incident, how="recovered")
    quiet_since = (at if row["quiet_since"] is None else row["quiet_since"]) if found.quiet else None
    tx.execute("UPDATE incidents SET quiet_since = ? WHERE id = ?", (quiet_since, incident))


def _fires_again(tx: sqlite3.Connection, row: sqlite3.Row, at: Instant) -> None:
    """What had been reached is lost; the time for which the service had recovered is not counted as down."""
    if row["recovered_at"] is None:
        return
    tx.execute(
        "UPDATE incidents SET recovered_ms = recovered_ms + max(0, ? - recovered_at), recovered_at = NULL, "
        "verified_at = NULL WHERE id = ?",
        (at, row["id"]),
    )
