"""What the tests of incidents build with: rules, playbooks, a state in memory, and the engine's transitions by hand."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from daemon import audit, incidents
from daemon.configuration.models import Config
from daemon.store import schema
from daemon.store.connections import Connection
from recuo.values import Instant, labels_of
from tests.daemon.paging_kit import configuration
from triggers.alerts import FIRING, INACTIVE, PENDING, AlertState, Transition

NOW: Instant = 1_795_000_000_000
SECOND, MINUTE = 1_000, 60_000

RULES = {
    "latency-high": {"metric": "latency_ms", "above": 500, "for": "5m", "severity": "critical"},
    "cpu-high": {"metric": "cpu_ratio", "above": "80%", "for": "3m"},
    "crash": {"event": "crash", "severity": "error"},
    "lonely": {"metric": "x", "above": 1, "summary": {"en": "x is high", "pt-BR": "x está alto"}},
    "silent": {"metric": "y", "above": 1, "page": False},
    "silent-part": {"metric": "z", "above": 1, "page": False},
    "crash-or-slow": {"any": ["latency-high", "crash"], "severity": "error"},
}
PLAYBOOKS = {
    "performance": {"triggers": ["latency-high", "cpu-high", "silent-part"], "title": {"en": "Slow", "pt-BR": "Lento"}},
    "bug": {"triggers": ["crash"], "severity": "critical"},
}
CHECKLIST = [{"id": "services", "text": "Services work"}, {"id": "data", "text": {"en": "Data", "pt-BR": "Dados"}}]


def config(**changes: Any) -> Config:
    """The configuration that most tests use, with sections replaced."""
    return configuration(**{"rules": RULES, "playbooks": PLAYBOOKS, **changes})


class World:
    """A state in memory, a clock that stands still, and an engine whose transitions the test writes."""

    def __init__(self, **changes: Any) -> None:
        self.conn: Connection = sqlite3.connect(":memory:", isolation_level=None, factory=Connection)
        self.conn.row_factory = sqlite3.Row
        self.conn.execute("PRAGMA foreign_keys = ON")
        schema.migrate(self.conn, schema.migrations())
        self.now = NOW
        self.config = config(**changes)
        self.alerts: dict[tuple[str, Any], AlertState] = {}

    def wait(self, duration_ms: int) -> None:
        """Time passes; what comes due is done at the end of it."""
        self.now += duration_ms
        self.tick()

    def tick(self) -> None:
        incidents.tick(self.conn, config=self.config, now=self.now)

    def sleep_until_due(self) -> Instant:
        """Jump to the next instant at which something comes due, and do it."""
        due = incidents.next_due(self.conn, self.config)
        assert due is not None and due > self.now
        self.now = due
        self.tick()
        return due

    def apply(self, *transitions: Transition) -> list[int]:
        return incidents.apply(self.conn, transitions, config=self.config, digest="d1", now=self.now)

    def transition(self, kind: str, rule: str, labels: dict[str, str], **facts: Any) -> Transition:
        """What the engine would tell now, keeping the alert's state from one to the next."""
        key = (rule, labels_of(labels))
        old = self.alerts.get(key, AlertState(rule, key[1]))
        active_at = facts.pop("active_at", old.active_at if old.active_at is not None else self.now)
        match kind:
            case "pending":
                new = old._replace(state=PENDING, active_at=active_at)
            case "firing":
                new = old._replace(state=FIRING, active_at=active_at, fired_at=self.now)
            case "resolved" | "dropped":
                new = old._replace(state=INACTIVE, active_at=None, fired_at=None)
            case "unknown":
                new = old._replace(unknown_since=self.now)
            case "known":
                new = old._replace(unknown_since=None)
            case _:
                new = old
        self.alerts[key] = new
        told = {"value": 1.0, "reason": "", "text": "", **facts}
        return Transition(rule, key[1], kind, self.now, active_at=active_at, state=new, **told)

    def fire(
        self, rule: str = "latency-high", *, active_ms: int = 5 * MINUTE, text: str = "", **labels: str
    ) -> list[int]:
        """An alert that became active `active_ms` ago fires."""
        return self.apply(self.transition("firing", rule, labels, active_at=self.now - active_ms, text=text))

    def tell(self, kind: str, rule: str = "latency-high", **labels: str) -> list[int]:
        return self.apply(self.transition(kind, rule, labels))

    def resolve(self, rule: str = "latency-high", **labels: str) -> list[int]:
        return self.tell("resolved", rule, **labels)

    def row(self, incident: int = 1) -> sqlite3.Row:
        found: sqlite3.Row = self.conn.execute("SELECT * FROM incidents WHERE id = ?", (incident,)).fetchone()
        return found

    def state(self, incident: int = 1) -> str:
        return str(self.row(incident)["state"])

    def detail(self, incident: int = 1) -> dict[str, Any]:
        return incidents.detail(self.conn, incident, self.config, self.now)

    def clock(self, name: str, incident: int = 1) -> dict[str, Any]:
        return next(clock for clock in self.detail(incident)["budgets"] if clock["name"] == name)

    def kinds(self, incident: int | None = 1) -> list[str]:
        """The kinds of an incident's events that are not about paging."""
        paging = {"paged", "escalation-stopped", "unreachable", "escalation-exhausted"}
        rows = self.conn.execute("SELECT kind FROM events WHERE incident IS ? ORDER BY id", (incident,))
        return [row[0] for row in rows if row[0] not in paging]

    def event(self, kind: str, incident: int = 1) -> dict[str, Any]:
        """The newest event of a kind."""
        return [event for event in audit.timeline(self.conn, incident) if event["kind"] == kind][-1]

    def pages(self) -> list[str]:
        """Why people were paged, in order; each page once, however many ways it went."""
        rows = self.conn.execute("SELECT key, payload FROM outbox WHERE kind = 'page' ORDER BY id")
        return list({row[0]: json.loads(row[1])["event"] for row in rows}.values())

    def acknowledge(self, by: str = "ana", incident: int = 1) -> None:
        incidents.acknowledge(self.conn, incident, by=by, now=self.now)

    def end(self, by: str = "ana", reason: str = "", incident: int = 1) -> None:
        incidents.resolve(self.conn, incident, by=by, reason=reason, config=self.config, now=self.now)

    def answer(self, item: str, answer: str = "yes", incident: int = 1) -> None:
        incidents.answer(self.conn, incident, by="ana", item=item, answer=answer, config=self.config, now=self.now)

    def assess(self, **fields: str) -> None:
        incidents.assess(self.conn, 1, by="ana", fields=fields, now=self.now)

    def assess_all(self) -> None:
        self.assess(impact="i", scope="s", resources="r", severity="error", time_to_fix="20m", data_loss_risk="none")

    def decide(self, decision: str = "roll back") -> None:
        incidents.decide(self.conn, 1, by="ana", decision=decision, now=self.now)

    def verify(self) -> None:
        incidents.verify(self.conn, 1, by="ana", now=self.now)
