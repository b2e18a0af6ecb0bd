"""A reference implementation of `Operations`: one service with its incidents and tokens, kept in memory.

Tokens are real ones, in a SQLite database in memory, through `daemon.tokens`.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from daemon import tokens, views
from daemon.web.operations import Identity, OperationError
from recuo.values import Instant
from tests.daemon import example_views

NOW = example_views.NOW
MIGRATION = Path(__file__).parents[2] / "daemon" / "store" / "migrations" / "0001_initial.sql"
PEOPLE = {"ana": ("responder", "approver"), "rui": ("viewer",)}


def token_table() -> sqlite3.Connection:
    """A connection with the store's own schema."""
    conn = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    conn.row_factory = sqlite3.Row
    conn.executescript(MIGRATION.read_text("utf-8"))
    return conn


class MemoryOperations:
    """Every method is what the protocol says it is; `fault` makes the next read fail as a bug would."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.conn = token_table()
        self.details = {1: example_views.incident()}
        self.alive_now = views.Liveness(alive=True)
        self.ready_now = views.Readiness(ready=True)
        self.reloaded = example_views.reload_ok()
        self.health = example_views.doctor()
        self.fault: Exception | None = None
        self.actors: list[str] = []

    def token(self, role: views.Role, person: str | None = None) -> str:
        """A new token with a role."""
        name = person or f"{role}-{secrets.token_hex(4)}"
        made = tokens.create(self.conn, name=name, role=role, person=person, people=PEOPLE, now=NOW)
        return made.token

    async def alive(self) -> views.Liveness:
        return self.alive_now

    async def ready(self) -> views.Readiness:
        return self.ready_now

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        openmetrics = "openmetrics" in accept
        return b"recuo_up 1\n", "application/openmetrics-text" if openmetrics else "text/plain; version=0.0.4"

    async def authenticate(self, token: str) -> Identity | None:
        return tokens.find(self.conn, token, PEOPLE)

    async def service(self) -> views.ServiceView:
        return example_views.service()

    async def status(self) -> views.Status:
        if self.fault is not None:
            raise self.fault
        return example_views.status_with_trouble()

    async def sources(self) -> Sequence[views.SourceView]:
        return example_views.status_with_trouble().sources

    async def rules(self) -> Sequence[views.RuleSummary]:
        return example_views.status_with_trouble().rules

    async def rule(self, name: str) -> views.RuleView:
        if name != "cpu-high":
            raise OperationError("not-found", f"there is no rule {name!r}; did you mean 'cpu-high'?")
        return example_views.rule()

    async def alerts(self) -> Sequence[views.AlertView]:
        return example_views.status_with_trouble().alerts

    async def incidents(
        self, *, state: views.IncidentState | Literal["open"] | None, limit: int, before: int | None
    ) -> Sequence[views.IncidentSummary]:
        states = {"triggered", "acknowledged"} if state == "open" else {state}
        found = [d for d in self.details.values() if (state is None or d.state in states) and d.id < (before or 2**63)]
        rows = sorted(found, key=lambda d: -d.id)[:limit]
        return [views.IncidentSummary.model_validate(row.model_dump()) for row in rows]

    async def incident(self, incident: int) -> views.IncidentDetail:
        if incident not in self.details:
            raise OperationError("not-found", f"there is no incident {incident}")
        return self.details[incident]

    async def explain_incident(self, incident: int) -> Sequence[views.Explanation]:
        await self.incident(incident)
        return [example_views.explanation()]

    async def explain(self, rule: str, labels: Mapping[str, str] | None) -> Sequence[views.Explanation]:
        await self.rule(rule)
        return [e for e in [example_views.explanation()] if labels is None or e.labels == labels]

    async def oncall(self, at: Instant | None) -> views.OnCall:
        return views.OnCall(at=NOW if at is None else at, schedules=example_views.on_call())

    async def deliveries(self, *, incident: int | None, limit: int) -> Sequence[views.DeliveryView]:
        found = [d for i, detail in self.details.items() if incident in {None, i} for d in detail.deliveries]
        return found[:limit]

    async def config(self) -> views.ConfigView:
        info = example_views.config_info().model_dump()
        return views.ConfigView(**info, config={"receivers": {"mail": {"password": "***"}}})

    async def doctor(self) -> views.Doctor:
        return self.health

    async def verify_audit(self) -> views.AuditCheck:
        return views.AuditCheck(ok=True, events=12, head="ab" * 32)

    async def _change(self, incident: int, by: str, kind: str, **facts: Any) -> views.IncidentDetail:
        found = await self.incident(incident)
        self.actors.append(by)
        event = views.TimelineEntry(id=len(found.timeline) + 100, at=NOW, actor=by, kind=kind, text=str(facts))
        changed = found.model_copy(update={**facts, "timeline": (*found.timeline, event)})
        self.details[incident] = changed
        return changed

    async def acknowledge(self, incident: int, *, by: str) -> views.IncidentDetail:
        found = await self.incident(incident)
        if found.state in {"resolved", "closed"}:
            raise OperationError("conflict", f"incident {incident} is over")
        if found.state == "acknowledged" and found.acknowledged_by == by:
            return found
        return await self._change(
            incident, by, "acknowledged", state="acknowledged", acknowledged_by=by, acknowledged_at=NOW
        )

    async def comment(self, incident: int, *, by: str, text: str) -> views.IncidentDetail:
        return await self._change(incident, by, "commented", resolution=text)

    async def resolve(self, incident: int, *, by: str, reason: str) -> views.IncidentDetail:
        found = await self.incident(incident)
        if found.state in {"resolved", "closed"}:
            return found
        if not reason:
            raise OperationError("conflict", "alerts still fire; give a reason", ["cpu-high fires"])
        return await self._change(incident, by, "resolved", state="resolved", resolved_by=by, resolved_at=NOW)

    async def assess(self, incident: int, *, by: str, fields: Mapping[str, str]) -> views.IncidentDetail:
        found = (await self.incident(incident)).assessment or views.Assessment()
        return await self._change(incident, by, "assessed", assessment=found.model_copy(update=dict(fields)))

    async def decide(self, incident: int, *, by: str, decision: str) -> views.IncidentDetail:
        return await self._change(incident, by, "decided", decision=decision)

    async def verify(self, incident: int, *, by: str, note: str) -> views.IncidentDetail:
        return await self._change(incident, by, "verified", verified_at=NOW)

    async def answer(self, incident: int, *, by: str, item: str, answer: str) -> views.IncidentDetail:
        found = await self.incident(incident)
        if item not in {i.item for i in found.checklist}:
            raise OperationError("invalid", f"there is no item {item!r}")
        answered = tuple(
            i.model_copy(update={"answer": answer, "by": by, "at": NOW}) if i.item == item else i
            for i in found.checklist
        )
        return await self._change(incident, by, "answered", checklist=answered)

    async def tokens(self) -> Sequence[views.TokenView]:
        return tokens.listing(self.conn)

    async def create_token(self, *, name: str, role: views.Role, person: str | None, by: str) -> views.NewToken:
        return tokens.create(self.conn, name=name, role=role, person=person, people=PEOPLE, now=NOW)

    async def revoke_token(self, name: str, *, by: str) -> views.TokenView:
        return tokens.revoke(self.conn, name, now=NOW)

    async def reload(self, *, by: str) -> views.ReloadView:
        return self.reloaded

    async def test_page(self, *, by: str) -> Sequence[views.DeliveryView]:
        return [views.DeliveryView(id=1, receiver="mail", kind="test", state="queued", created_at=NOW)]

    async def backup(self, *, by: str) -> Path:
        path = self.scratch / f"copy-{secrets.token_hex(4)}"
        path.write_bytes(b"SQLite format 3\0" + bytes(600_000))
        return path
