"""What the HTTP surface asks of the daemon (`daemon.web.operations.Operations`), done with the daemon's own parts."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from daemon import audit, doctor, incidents, messages, outbox, rota, status, tokens, views
from daemon.configuration.people import Target
from daemon.incidents import IncidentError
from daemon.loop import STUCK_MS
from daemon.reach import local_ways, resolve
from daemon.store import StoreError
from daemon.store.backup import for_download
from daemon.web.operations import Identity, OperationError
from daemon.web.reading import nearest
from recuo.values import Instant, format_duration, labels_of

if TYPE_CHECKING:
    from daemon.app import Daemon

T = TypeVar("T")

_MOST_EXPLAINED = 100
"""Nobody reads more at once, and rules are not evaluated while they are put together; name labels for one of them."""
_USED_EVERY_MS = 60_000


class DaemonOperations:
    """The one implementation that runs; each method is what the protocol says."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    # --- the daemon itself

    async def alive(self) -> views.Liveness:
        since_ms = self._daemon.loop.silent_ms()
        if since_ms > STUCK_MS:
            return views.Liveness(alive=False, detail=f"the loop has not turned for {format_duration(since_ms)}")
        return views.Liveness(alive=True)

    async def ready(self) -> views.Readiness:
        daemon, reasons = self._daemon, []
        if not (await self.alive()).alive:
            reasons.append("the loop that evaluates rules does not turn")
        if daemon.config.sources and not daemon.loop.first_answer.is_set():
            reasons.append("no rule has been evaluated yet")
        if daemon.loop.trouble is not None:
            reasons.append(f"the state cannot be written: {daemon.loop.trouble}")
        return views.Readiness(ready=not reasons, reasons=tuple(reasons))

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        return await self._daemon.exposition(accept)

    async def authenticate(self, token: str) -> Identity | None:
        daemon = self._daemon
        people = {key: person.roles for key, person in daemon.config.people.items()}
        found = await self._read(lambda conn: tokens.find(conn, token, people))
        now = daemon.clock.now()
        if found is not None and now - (found.last_used_at or 0) > _USED_EVERY_MS and daemon.loop.trouble is None:
            with suppress(OperationError):  # when it was last used is worth no refusal
                await self._write(lambda tx: tokens.used(tx, found.token_id, now=now))
        return found

    # --- what is

    async def service(self) -> views.ServiceView:
        return status.service(self._daemon)

    async def status(self) -> views.Status:
        try:
            return await status.status(self._daemon)
        except StoreError as err:
            raise OperationError("unavailable", str(err)) from err

    async def sources(self) -> Sequence[views.SourceView]:
        return status.sources(self._daemon)

    async def rules(self) -> Sequence[views.RuleSummary]:
        return status.rules(self._daemon)

    async def rule(self, name: str) -> views.RuleView:
        self._known_rule(name)
        return status.rule(self._daemon, name)

    async def alerts(self) -> Sequence[views.AlertView]:
        return status.alerts(self._daemon)

    async def incidents(
        self, *, state: views.IncidentState | Literal["open"] | None, limit: int, before: int | None
    ) -> Sequence[views.IncidentSummary]:
        found = await self._read(lambda conn: incidents.listing(conn, state=state, limit=limit, before=before))
        return [views.IncidentSummary.model_validate(row) for row in found]

    async def incident(self, incident: int) -> views.IncidentDetail:
        config, now = self._daemon.config, self._daemon.clock.now()
        found = await self._read(lambda conn: incidents.detail(conn, incident, config, now))
        return self._detail(found)

    def _detail(self, found: Mapping[str, Any]) -> views.IncidentDetail:
        specs, rules = status.specs_of(self._daemon), self._daemon.config.rules
        alerts = [
            {**alert, "unit": status.unit_of(rules[alert["rule"]], specs) if alert["rule"] in rules else ""}
            for alert in found["alerts"]
        ]
        return views.IncidentDetail.model_validate({**found, "alerts": alerts})

    async def explain_incident(self, incident: int) -> Sequence[views.Explanation]:
        detail = await self.incident(incident)
        found: list[views.Explanation] = []
        for alert in detail.alerts:
            if alert.rule in self._daemon.config.rules and len(found) < _MOST_EXPLAINED:
                found += self._explained(alert.rule, alert.labels)
        return found

    async def explain(self, rule: str, labels: Mapping[str, str] | None) -> Sequence[views.Explanation]:
        self._known_rule(rule)
        if labels is not None:
            found = self._explained(rule, labels)
            if not found:
                raise OperationError("not-found", f"rule {rule} looks at no series with these labels")
            return found
        try:
            sets = self._daemon.engine.label_sets(rule)
        except KeyError:
            return []
        return [view for pairs in sets[:_MOST_EXPLAINED] for view in self._explained(rule, dict(pairs))]

    def _explained(self, rule: str, labels: Mapping[str, str]) -> list[views.Explanation]:
        try:
            return [status.explanation(self._daemon, rule, labels_of(labels))]
        except KeyError:
            return []

    def _known_rule(self, name: str) -> None:
        known = self._daemon.config.rules
        if name not in known:
            raise OperationError("not-found", f"there is no rule {name!r}{nearest(name, known)}")

    async def oncall(self, at: Instant | None) -> views.OnCall:
        return rota.at(self._daemon.config, self._daemon.clock.now() if at is None else at)

    async def deliveries(self, *, incident: int | None, limit: int) -> Sequence[views.DeliveryView]:
        def query(conn: sqlite3.Connection) -> list[dict[str, Any]]:
            rows = conn.execute(
                "SELECT * FROM outbox WHERE ?1 IS NULL OR incident = ?1 ORDER BY id DESC LIMIT ?2", (incident, limit)
            )
            return [dict(row) for row in rows]

        return [views.DeliveryView.model_validate(row) for row in await self._read(query)]

    async def config(self) -> views.ConfigView:
        loaded = self._daemon.loaded
        return views.ConfigView(
            **status.config_info(self._daemon).model_dump(),
            config=loaded.config.model_dump(mode="json", by_alias=True),
            warnings=tuple(f"{w.file}:{w.line}:{w.column}: {w.message}" for w in loaded.warnings),
            off=tuple(views.OffView(part=off.part, reason=off.reason) for off in loaded.off),
        )

    async def doctor(self) -> views.Doctor:
        return await doctor.examine(self._daemon)

    async def verify_audit(self) -> views.AuditCheck:
        verdict = await self._read(audit.verify)
        return views.AuditCheck(ok=verdict.ok, events=verdict.rows, head=verdict.head, faults=verdict.faults)

    # --- what people do to an incident

    async def acknowledge(self, incident: int, *, by: str) -> views.IncidentDetail:
        return await self._change(incident, lambda tx, now: incidents.acknowledge(tx, incident, by=by, now=now))

    async def comment(self, incident: int, *, by: str, text: str) -> views.IncidentDetail:
        return await self._change(incident, lambda tx, now: incidents.comment(tx, incident, by=by, text=text, now=now))

    async def resolve(self, incident: int, *, by: str, reason: str) -> views.IncidentDetail:
        config = self._daemon.config
        return await self._change(
            incident, lambda tx, now: incidents.resolve(tx, incident, by=by, reason=reason, config=config, now=now)
        )

    async def assess(self, incident: int, *, by: str, fields: Mapping[str, str]) -> views.IncidentDetail:
        return await self._change(
            incident, lambda tx, now: incidents.assess(tx, incident, by=by, fields=fields, now=now)
        )

    async def decide(self, incident: int, *, by: str, decision: str) -> views.IncidentDetail:
        return await self._change(
            incident, lambda tx, now: incidents.decide(tx, incident, by=by, decision=decision, now=now)
        )

    async def verify(self, incident: int, *, by: str, note: str) -> views.IncidentDetail:
        return await self._change(incident, lambda tx, now: incidents.verify(tx, incident, by=by, note=note, now=now))

    async def answer(self, incident: int, *, by: str, item: str, answer: str) -> views.IncidentDetail:
        config = self._daemon.config
        return await self._change(
            incident,
            lambda tx, now: incidents.answer(tx, incident, by=by, item=item, answer=answer, config=config, now=now),
        )

    async def _change(
        self, incident: int, change: Callable[[sqlite3.Connection, Instant], None]
    ) -> views.IncidentDetail:
        now = self._daemon.clock.now()
        await self._write(lambda tx: change(tx, now))
        self._daemon.loop.poke()
        return await self.incident(incident)

    # --- administration

    async def tokens(self) -> Sequence[views.TokenView]:
        return await self._read(tokens.listing)

    async def create_token(self, *, name: str, role: views.Role, person: str | None, by: str) -> views.NewToken:
        now, people = self._daemon.clock.now(), tuple(self._daemon.config.people)

        def change(tx: sqlite3.Connection) -> views.NewToken:
            made = tokens.create(tx, name=name, role=role, person=person, people=people, now=now)
            audit.record(tx, at=now, kind="token-created", actor=by, name=name, role=role, person=person)
            return made

        return await self._write(change)

    async def revoke_token(self, name: str, *, by: str) -> views.TokenView:
        now = self._daemon.clock.now()

        def change(tx: sqlite3.Connection) -> views.TokenView:
            found = tokens.revoke(tx, name, now=now)
            audit.record(tx, at=now, kind="token-revoked", actor=by, name=name)
            return found

        return await self._write(change)

    async def reload(self, *, by: str) -> views.ReloadView:
        return await self._daemon.reloading.reload(by=by)

    async def test_page(self, *, by: str) -> Sequence[views.DeliveryView]:
        config, now = self._daemon.config, self._daemon.clock.now()
        targets = [Target("person", key) for key in config.people]
        targets += [Target("receiver", name) for name in config.receivers]
        ways = resolve(config, targets, now).ways or local_ways(config)
        key = f"test-{now}"

        def change(tx: sqlite3.Connection) -> list[dict[str, Any]]:
            for way in ways:
                message = messages.test(config=config, locale=way.locale, now=now, key=key)
                outbox.enqueue(
                    tx,
                    key=key,
                    receiver=way.receiver,
                    address=way.address,
                    incident=None,
                    kind=message.kind,
                    message=message,
                    now=now,
                )
            audit.record(tx, at=now, kind="test-page", actor=by, receivers=[way.receiver for way in ways])
            return [dict(row) for row in outbox.with_key(tx, key)]

        queued = await self._write(change)
        self._daemon.outbox.wake()
        return [views.DeliveryView.model_validate(row) for row in queued]

    async def backup(self, *, by: str) -> Path:
        now, store = self._daemon.clock.now(), self._daemon.store
        target = for_download(store.directory)
        try:
            await asyncio.to_thread(store.backup, target)
            await self._write(lambda tx: audit.record(tx, at=now, kind="state-backed-up", actor=by))
        except StoreError as err:
            raise OperationError("unavailable", str(err)) from err
        except OperationError:
            target.unlink(missing_ok=True)
            raise
        return target

    # --- the store, with its refusals in the API's words

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._daemon.store.read(query)
        except IncidentError as err:
            raise _refusal(err) from err
        except StoreError as err:
            raise OperationError("unavailable", str(err)) from err

    async def _write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._daemon.store.write(change)
        except IncidentError as err:
            raise _refusal(err) from err
        except StoreError as err:
            raise OperationError("unavailable", str(err)) from err


def _refusal(err: IncidentError) -> OperationError:
    return OperationError(err.kind, err.message, err.details)
