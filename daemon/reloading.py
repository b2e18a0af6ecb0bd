"""Takes up a changed configuration: whole, or not at all, and says which."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from daemon import audit, banner, faults, plugins, watching
from daemon.config import ConfigError, Loaded, changes
from daemon.redact import redactor
from daemon.scheduler import Source
from daemon.store import StoreError
from daemon.views import ReloadView

if TYPE_CHECKING:
    from daemon.app import Daemon

log = structlog.get_logger(__name__)


class Reloading:
    """Holds the configuration in force, and swaps it."""

    def __init__(self, daemon: Daemon, loaded: Loaded, reread: Callable[[], Loaded]) -> None:
        self.loaded = loaded
        self.loaded_at = daemon.clock.now()
        self.last: ReloadView | None = None
        self._daemon, self._reread = daemon, reread
        self._one_at_a_time = asyncio.Lock()

    async def reload(self, *, by: str) -> ReloadView:
        """Read the file again; take it up if it is good. Never raises for what stands in the file."""
        async with self._one_at_a_time:
            # Before start-up is over, READY would say that it is; after the end has begun, that it has not.
            if self._daemon.in_service:
                self._daemon.systemd.reloading()
            try:
                view = await self._attempt(by)
            except Exception as err:
                view = self._broke(by, err)
            finally:
                if self._daemon.in_service:
                    self._daemon.systemd.ready(banner.one_line(self.loaded))
            self.last = view
            self._daemon.telemetry.reload_ok.set(1 if view.ok else 0)
            return view

    async def _attempt(self, by: str) -> ReloadView:
        at = self._daemon.clock.now()
        try:
            fresh = await asyncio.to_thread(self._reread)
        except ConfigError as err:
            lines = tuple(redactor.text(line) for line in str(err).splitlines())
            log.warning("the configuration was not taken; the one before stays in force", by=by, problems=list(lines))
            await self._record("reload-refused", by, problems=list(lines))
            return ReloadView(at=at, ok=False, digest=self.loaded.digest, problems=lines)
        words = tuple(changes(self.loaded.config, fresh.config))
        self.apply(fresh)
        log.info(
            "the configuration was taken", by=by, changes=list(words) or ["nothing changed"], digest=fresh.digest[:12]
        )
        await self._record("reloaded", by, digest=fresh.digest, changes=list(words))
        return ReloadView(at=at, ok=True, digest=fresh.digest, changes=words)

    def _broke(self, by: str, err: Exception) -> ReloadView:
        """A fault of ours while reading or taking up; whoever asked is told, and the daemon goes on."""
        self._daemon.telemetry.faults.labels("reload").inc()
        log.error("the configuration was not taken, by a fault in Recuo itself", by=by, exc_info=err)
        problem = redactor.text(f"a fault in Recuo itself: {type(err).__name__}: {err}")
        return ReloadView(at=self._daemon.clock.now(), ok=False, digest=self.loaded.digest, problems=(problem,))

    def apply(self, loaded: Loaded) -> None:
        """Put a good configuration in force, in one step of the loop: nothing runs in between."""
        daemon, before = self._daemon, self.loaded.config
        redactor.learn(loaded.config)
        first, plan = loaded is self.loaded, watching.plan(loaded)
        if not first:
            decided = daemon.engine.replace_rules(plan.rules, plan.infos, now=daemon.clock.now())
            self.loaded, self.loaded_at = loaded, daemon.clock.now()
            daemon.loop.decided(decided)
            for name in set(before.sources) | set(loaded.config.sources):
                if before.sources.get(name) != loaded.config.sources.get(name):
                    daemon.forget_context("source", name)
            for name in set(before.receivers) | set(loaded.config.receivers):
                if before.receivers.get(name) != loaded.config.receivers.get(name):
                    daemon.forget_context("receiver", name)
            if before.telemetry.sentry_dsn != loaded.config.telemetry.sentry_dsn:
                faults.report_to(loaded.config)
        daemon.scheduler.watch(self._sources())
        if first or before.telemetry.heartbeat != loaded.config.telemetry.heartbeat:
            daemon.heartbeat(loaded.config)
        self._tell()
        daemon.loop.poke()

    def _sources(self) -> list[Source]:
        return [
            Source(name, plugins.load("source", config.kind), config, self._daemon.context("source", name))
            for name, config in self.loaded.config.sources.items()
        ]

    def _tell(self) -> None:
        telemetry, config = self._daemon.telemetry, self.loaded.config
        telemetry.reload_ok.set(1)
        telemetry.reload_at.set(self.loaded_at / 1000)
        telemetry.observe.set(1 if config.mode == "observe" else 0)
        for name in type(config.budgets).model_fields:
            telemetry.budget_limit.labels(name).set(getattr(config.budgets, name) / 1000)

    async def _record(self, kind: str, by: str, **facts: object) -> None:
        at = self._daemon.clock.now()
        try:
            await self._daemon.store.write(
                lambda tx: audit.record(tx, at=at, kind=kind, actor=by, incident=None, **facts)
            )
        except StoreError as err:
            # A full disk may be the very thing that the new configuration cures: it is taken, and the log has it.
            log.warning("a reload could not be recorded", kind=kind, by=by, why=str(err))
