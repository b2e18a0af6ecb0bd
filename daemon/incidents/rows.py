"""What every part of the incidents' code reads and writes: rows, their order of severity, and the one error."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final, Literal

from recuo.values import Labels

ACTOR: Final = "recuo"
"""Who did what no person did."""

OPEN: Final = ("triggered", "acknowledged")
STATES: Final = (*OPEN, "resolved", "closed")
SEVERITIES: Final = ("info", "warning", "error", "critical")
"""From least to worst."""


class IncidentError(Exception):
    """What was asked cannot be done, and nothing was changed.

    `not-found`: no such incident; `conflict`: not in its present state; `invalid`: the argument itself is wrong.
    `details` are the reasons one by one, such as the alerts that still fire.
    """

    def __init__(
        self, kind: Literal["not-found", "conflict", "invalid"], message: str, details: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.details = tuple(details)


def get(conn: sqlite3.Connection, incident: int) -> sqlite3.Row:
    """An incident's row. Raises IncidentError `not-found`."""
    row: sqlite3.Row | None = None
    if -(2**63) <= incident < 2**63:
        row = conn.execute("SELECT * FROM incidents WHERE id = ?", (incident,)).fetchone()
    if row is None:
        raise IncidentError("not-found", f"there is no incident {incident}; `recuo incidents` lists them")
    return row


def get_open(conn: sqlite3.Connection, incident: int, wish: str) -> sqlite3.Row:
    """The row of an open incident. Raises IncidentError `not-found`, or `conflict` saying what is not possible."""
    row = get(conn, incident)
    if row["state"] not in OPEN:
        raise IncidentError("conflict", f"incident {incident} is {row['state']}: {wish} is possible while it is open")
    return row


def all_open(conn: sqlite3.Connection) -> list[sqlite3.Row]:
    """The rows of all open incidents, the oldest first."""
    return conn.execute("SELECT * FROM incidents WHERE state IN ('triggered', 'acknowledged') ORDER BY id").fetchall()


def alerts(conn: sqlite3.Connection, incident: int) -> list[sqlite3.Row]:
    """The alerts of an incident, in the order in which they first fired."""
    return conn.execute(
        "SELECT * FROM incident_alerts WHERE incident = ? ORDER BY firing_at, rule, labels", (incident,)
    ).fetchall()


def worse(one: str, other: str) -> str:
    """The worse of two severities."""
    return max(one, other, key=SEVERITIES.index)


def labels_text(labels: Labels) -> str:
    """A label set as it stands in a key: a JSON object, sorted, ASCII so that no text is lost in it."""
    return json.dumps(dict(labels), sort_keys=True, separators=(",", ":"))


def alert_name(rule: str, labels: str | Labels) -> str:
    """`latency-high{route=/api}`: an alert as a person reads it; `labels` as in a row or as the engine has them."""
    pairs = json.loads(labels) if isinstance(labels, str) else dict(labels)
    return rule + ("{" + ", ".join(f"{name}={value}" for name, value in sorted(pairs.items())) + "}" if pairs else "")


def wanted_text(text: str, what: str, *, longest: int) -> str:
    """Text that a person gave, without blanks around it. Raises IncidentError `invalid` for none or too much."""
    found = text.strip().encode("utf-8", "replace").decode("utf-8")
    if not found:
        raise IncidentError("invalid", f"{what} is empty")
    if len(found) > longest:
        raise IncidentError("invalid", f"{what} is {len(found)} characters long; at most {longest} are kept")
    return found
