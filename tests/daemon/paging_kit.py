"""What the paging tests build with: a configuration, a store with an incident in it, and what was queued."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from actions.base import Message
from daemon import plugins
from daemon.clock import ManualClock
from daemon.configuration.models import Config
from daemon.context import PluginContext, Threads
from daemon.store import Store
from recuo.values import Instant

NOW: Instant = 1_795_000_000_000
MINUTE = 60_000

PEOPLE = {
    "ana": {"name": "Ana", "contacts": [{"email": "ana@example.org"}]},
    "rui": {"name": "Rui", "contacts": [{"email": "rui@example.org"}], "locale": "en"},
    "eva": {"name": "Eva", "contacts": [{"discord": "1234"}]},
}
RECEIVERS = {
    "team-mail": {"kind": "email", "host": "smtp.example.org", "to": ["team@example.org"]},
    "hook": {"kind": "webhook", "url": "https://example.org/hook"},
}
ESCALATION = {
    "default": {
        "steps": [{"page": ["schedule:primary"]}, {"page": ["ana", "rui"], "after": "5m"}],
        "repeat": 1,
        "fallback": ["receiver:hook"],
    }
}
SCHEDULES = {
    "primary": {"timezone": "UTC", "layers": [{"rotation": "weekly", "handover": "Mon 09:00", "people": ["ana"]}]}
}
RULES = {
    "cpu-high": {"metric": "cpu_ratio", "above": "80%", "for": "3m", "summary": {"en": "busy", "pt-BR": "ocupado"}}
}
SERVICE = {"name": "VocalCoach AI", "environment": "production", "locale": "pt-BR", "timezone": "America/Sao_Paulo"}


def receivers(parts: dict[str, Any]) -> dict[str, Any]:
    """Receivers as the configuration reader makes them: each by its kind's own model."""
    return {name: plugins.load("notifier", part["kind"]).Config.model_validate(part) for name, part in parts.items()}


def configuration(**changes: Any) -> Config:
    """The configuration that most tests use, with sections replaced."""
    parts = {
        "service": SERVICE,
        "people": PEOPLE,
        "schedules": SCHEDULES,
        "escalation": ESCALATION,
        "receivers": RECEIVERS,
        "rules": RULES,
        **changes,
    }
    return Config.model_validate({**parts, "receivers": receivers(parts["receivers"])})


def insert_incident(tx: sqlite3.Connection, *, alerts: int = 1, at: Instant = NOW, **fields: Any) -> sqlite3.Row:
    """An incident in the store, with firing alerts."""
    row = {
        "playbook": "performance",
        "group_key": json.dumps({"n": tx.execute("SELECT count(*) FROM incidents").fetchone()[0]}),
        "environment": "production",
        "severity": "critical",
        "title": "cpu-high",
        "escalation": "default",
        "began_at": at - 3 * MINUTE,
        "opened_at": at,
        **fields,
    }
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    number = tx.execute(f"INSERT INTO incidents ({names}) VALUES ({marks})", tuple(row.values())).lastrowid
    for n in range(alerts):
        tx.execute(
            "INSERT INTO incident_alerts (incident, rule, labels, state, severity, active_at, firing_at, value) "
            "VALUES (?, 'cpu-high', ?, 'firing', 'critical', ?, ?, 0.931)",
            (number, json.dumps({"host": f"h{n}"}), at - 3 * MINUTE, at + n),
        )
    found: sqlite3.Row = tx.execute("SELECT * FROM incidents WHERE id = ?", (number,)).fetchone()
    return found


def queued(store: Store, **where: Any) -> list[sqlite3.Row]:
    """The outbox's rows, oldest first, that have these values."""
    condition = " AND ".join(f"{name} = ?" for name in where) or "1"
    return store.read_now(
        lambda conn: conn.execute(
            f"SELECT * FROM outbox WHERE {condition} ORDER BY id", tuple(where.values())
        ).fetchall()
    )


def ways(rows: list[sqlite3.Row]) -> list[tuple[str, str]]:
    """Receiver and address of each row."""
    return [(row["receiver"], row["address"]) for row in rows]


def events(store: Store, kind: str = "") -> list[dict[str, Any]]:
    """The data of the events of a kind, or the kinds of all events."""
    rows = store.read_now(lambda conn: conn.execute("SELECT kind, data FROM events ORDER BY id").fetchall())
    return [json.loads(row["data"]) | {"kind": row["kind"]} for row in rows if kind in {"", row["kind"]}]


def message(key: str = "page-1", **changes: Any) -> Message:
    """A page as the outbox holds it."""
    return Message(
        key=key,
        kind="page",
        incident=1,
        event="opened",
        severity="critical",
        environment="production",
        service="VocalCoach AI",
        title="[crítico] VocalCoach AI production: cpu-high",
        text="[crítico] VocalCoach AI production: cpu-high\n\nUm novo incidente.\n",
        html="<p>Um novo incidente.</p>",
        facts=(("Ambiente", "production"),),
        url="",
        locale="pt-BR",
        at=NOW,
    )._replace(**changes)


def context(name: str, directory: Path, clock: ManualClock | None = None) -> PluginContext:
    """What the daemon gives a notifier, for real."""
    return PluginContext(name, clock=clock or ManualClock(NOW), threads=Threads(), state_dir=directory)
