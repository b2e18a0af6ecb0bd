"""What time alone does to incidents: quiet ones are resolved, clocks warn and pass; and what the past leaves behind."""

from __future__ import annotations

import json
import sqlite3

from daemon import audit, budgets
from daemon.configuration.models import Config
from daemon.incidents import rows
from daemon.incidents.people import end
from recuo.values import Instant

_INSTANTS = (
    "began_at",
    "opened_at",
    "acknowledged_at",
    "assessed_at",
    "decided_at",
    "verified_at",
    "first_update_at",
    "recovered_at",
    "quiet_since",
    "reopened_at",
)


def tick(tx: sqlite3.Connection, *, config: Config, now: Instant) -> None:
    """Resolve what has been quiet for long enough, then let the clocks of what is still open warn and pass."""
    for row in rows.all_open(tx):
        if row["quiet_since"] is not None and now - row["quiet_since"] >= config.incidents.quiet:
            end(tx, row, by=rows.ACTOR, reason="", config=config, now=now)
    budgets.tick(tx, config=config, now=now)


def next_due(conn: sqlite3.Connection, config: Config) -> Instant | None:
    """When `tick` has something to do next; None if nothing comes with time alone."""
    found: list[Instant | None] = []
    for row in rows.all_open(conn):
        found.append(budgets.next_due(conn, config, row))
        if row["quiet_since"] is not None:
            found.append(row["quiet_since"] + config.incidents.quiet)
    return min((at for at in found if at is not None), default=None)


def first_delivery(tx: sqlite3.Connection, incident: int, at: Instant) -> None:
    """A message about the incident reached somebody: the first one stops its clock. Unknown incidents are let be."""
    done = tx.execute(
        "UPDATE incidents SET first_update_at = max(?, opened_at) WHERE id = ? AND first_update_at IS NULL",
        (at, incident),
    )
    if done.rowcount:
        audit.record(tx, at=at, kind="first-update", actor=rows.ACTOR, incident=incident)


def resume(tx: sqlite3.Connection, *, down_from: Instant, now: Instant) -> None:
    """After a start: the time that the daemon was down for is unknown, so it does not count as quiet (S6, S8)."""
    away = max(0, now - down_from)
    tx.execute(
        "UPDATE incidents SET quiet_since = min(?, quiet_since + ?) "
        "WHERE quiet_since IS NOT NULL AND state IN ('triggered', 'acknowledged')",
        (now, away),
    )


def shift(tx: sqlite3.Connection, delta_ms: int) -> None:
    """The system's clock was set by so much: the clocks of open incidents move with it; the timeline stays."""
    moved = ", ".join(f"{name} = {name} + :by" for name in _INSTANTS)
    for row in rows.all_open(tx):
        pauses = [[begin + delta_ms, end_at + delta_ms] for begin, end_at in json.loads(row["pauses"])]
        tx.execute(
            f"UPDATE incidents SET {moved}, pauses = :pauses WHERE id = :id",  # noqa: S608 (our own column names)
            {"by": delta_ms, "pauses": audit.canonical(pauses), "id": row["id"]},
        )
        tx.execute(
            "UPDATE incident_alerts SET active_at = active_at + :by, firing_at = firing_at + :by, "
            "resolved_at = resolved_at + :by, unknown_since = unknown_since + :by WHERE incident = :id",
            {"by": delta_ms, "id": row["id"]},
        )


def prune(tx: sqlite3.Connection, *, before: Instant, now: Instant) -> int:
    """Remove incidents that were closed before an instant, and messages of theirs or of none; how many incidents went.

    Their events stay: the audit trail has no holes, and a number is never given twice.
    """
    old = [row[0] for row in tx.execute("SELECT id FROM incidents WHERE state = 'closed' AND closed_at < ?", (before,))]
    for incident in old:
        for table in ("incident_alerts", "checklist_answers", "budget_marks", "escalations", "outbox"):
            tx.execute(f"DELETE FROM {table} WHERE incident = ?", (incident,))  # noqa: S608 (our own table names)
        tx.execute("DELETE FROM incidents WHERE id = ?", (incident,))
    tx.execute(
        "DELETE FROM outbox WHERE incident IS NULL AND state <> 'queued' AND created_at < ?",
        (before,),
    )
    if old:
        audit.record(tx, at=now, kind="pruned", actor=rows.ACTOR, incidents=old[:100], count=len(old))
    return len(old)
