"""Counts what the timeline tells: pages, opened incidents, budgets spent and passed; at each scrape what is new."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from daemon import budgets
from daemon.configuration.models import Config
from daemon.incidents import IncidentError
from daemon.telemetry import Telemetry
from recuo.values import Instant

_KINDS = ("opened", "reopened", "resolved", "paged", "budget-passed")


class Fact(NamedTuple):
    """One event that is counted; `spent` are the milliseconds of each stopped clock of an incident that ended."""

    kind: str
    data: dict[str, Any]
    spent: dict[str, int]


def newest(conn: sqlite3.Connection) -> int:
    """The number of the newest event; what comes after it is counted."""
    return int(conn.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])


def since(conn: sqlite3.Connection, last: int, config: Config, now: Instant) -> tuple[int, list[Fact]]:
    """The facts after an event, and the number of the newest event."""
    rows = conn.execute(
        "SELECT kind, data, incident FROM events WHERE id > ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY id",
        (last, json.dumps(_KINDS)),
    ).fetchall()
    return newest(conn), [_fact(conn, row, config, now) for row in rows]


def _fact(conn: sqlite3.Connection, row: sqlite3.Row, config: Config, now: Instant) -> Fact:
    spent: dict[str, int] = {}
    if row["kind"] == "resolved":
        try:
            spent = budgets.spent(conn, row["incident"], config, now)
        except IncidentError:
            spent = {}
    return Fact(row["kind"], json.loads(row["data"]), spent)


def count(telemetry: Telemetry, facts: list[Fact]) -> None:
    """Add the facts to the metrics."""
    for fact in facts:
        if fact.kind in {"opened", "reopened"}:
            telemetry.opened.labels(fact.kind).inc()
        elif fact.kind == "paged":
            telemetry.pages.inc()
        elif fact.kind == "budget-passed":
            telemetry.budgets_passed.labels(fact.data.get("budget", "")).inc()
        for name, spent_ms in fact.spent.items():
            telemetry.budget_seconds.labels(name).observe(spent_ms / 1000)
