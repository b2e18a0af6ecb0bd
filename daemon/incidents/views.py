"""Incidents as plain data for the surfaces: instants in milliseconds, JSON unpacked."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from daemon import audit, budgets, escalation
from daemon.configuration.models import Config
from daemon.configuration.people import in_locale
from daemon.incidents import rows
from daemon.incidents.people import ASSESSMENT
from daemon.incidents.words import describe
from recuo.values import Instant

_HIDDEN = ("group_key", "pauses", "recovered_ms")


def listing(
    conn: sqlite3.Connection, *, state: str | None = None, limit: int = 50, before: int | None = None
) -> list[dict[str, Any]]:
    """Incidents, newest first: at most `limit`, in a state (or `open`: not yet resolved), with an id below `before`."""
    states = rows.OPEN if state == "open" else (state,) if state else rows.STATES
    found = conn.execute(
        "SELECT i.*, count(a.rule) AS alerts, coalesce(sum(a.state = 'firing'), 0) AS firing FROM incidents i "
        "LEFT JOIN incident_alerts a ON a.incident = i.id WHERE i.state IN (SELECT value FROM json_each(?)) "
        "AND i.id < ? GROUP BY i.id ORDER BY i.id DESC LIMIT ?",
        (json.dumps(states), 2**63 - 1 if before is None else before, limit),
    )
    return [_plain(row) for row in found]


def detail(conn: sqlite3.Connection, incident: int, config: Config, now: Instant) -> dict[str, Any]:
    """Everything about an incident: its row, alerts, timeline, budgets' clocks, assessment, checklist, deliveries,
    escalation. Raises IncidentError `not-found`.
    """
    row = rows.get(conn, incident)
    locale = config.service.locale
    assessment: dict[str, str] = json.loads(row["assessment"])
    return {
        **_plain(row),
        "alerts": [_alert(alert) for alert in rows.alerts(conn, incident)],
        "timeline": [{**event, "text": describe(event, locale)} for event in audit.timeline(conn, incident)],
        "budgets": [_clock(clock) for clock in budgets.clocks(row, config, now)],
        "assessment": assessment,
        "missing": [name for name in ASSESSMENT if name not in assessment],
        "checklist": _checklist(conn, incident, config),
        "deliveries": _deliveries(conn, incident),
        "escalation": escalation.describe(conn, incident, config),
    }


def counts(conn: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """How many incidents there are by state and severity, for the metrics."""
    found = conn.execute("SELECT state, severity, count(*) FROM incidents GROUP BY state, severity")
    return {(row[0], row[1]): row[2] for row in found}


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    found = {name: value for name, value in dict(row).items() if name not in _HIDDEN}
    return {
        **found,
        "group": json.loads(row["group_key"]),
        "assessment": json.loads(row["assessment"]),
        "observe": bool(row["observe"]),
    }


def _alert(row: sqlite3.Row) -> dict[str, Any]:
    return {**dict(row), "labels": json.loads(row["labels"]), "event": bool(row["event"])}


def _clock(clock: budgets.Clock) -> dict[str, Any]:
    return clock._asdict()


def _checklist(conn: sqlite3.Connection, incident: int, config: Config) -> list[dict[str, Any]]:
    locale = config.service.locale
    given = {
        row["item"]: row for row in conn.execute("SELECT * FROM checklist_answers WHERE incident = ?", (incident,))
    }
    found = []
    for entry in config.checklist:
        row = given.get(entry.id)
        answered = {"answer": row["answer"], "by": row["by"], "at": row["at"]} if row else {}
        section = in_locale(entry.group, locale) if entry.group else ""
        found.append({"item": entry.id, "section": section, "text": in_locale(entry.text, locale), **answered})
    return found


def _deliveries(conn: sqlite3.Connection, incident: int) -> list[dict[str, Any]]:
    """Messages about the incident, without their text."""
    found = conn.execute(
        "SELECT id, key, receiver, address, incident, kind, state, attempts, created_at, next_attempt_at, "
        "delivered_at, last_error, delivery_id FROM outbox WHERE incident = ? ORDER BY id",
        (incident,),
    )
    return [dict(row) for row in found]
