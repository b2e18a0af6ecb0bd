"""The composition root: builds everything from the configuration, starts it, and stops it. Wiring only."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from daemon import banner, emergency, escalation, faults, figures, history, incidents, logs, tally, tokens, watching
from daemon.clock import SystemClock
from daemon.config import Config, ConfigError, Loaded, load
from daemon.context import PluginContext, Threads
from daemon.discovery import announce, withdraw
from daemon.heartbeat import Heartbeat
from daemon.language import say
from daemon.loop import STUCK_MS, Loop
from daemon.memory import give_back
from daemon.outbox import Outbox, Result
from daemon.redact import redactor
from daemon.reloading import Reloading
from daemon.scheduler import Scheduler
from daemon.serve import ServeError, bind, is_loopback, parse_listen, server, url_of
from daemon.store import Store, StoreError, backup
from daemon.systemd import Systemd
from daemon.telemetry import Telemetry
from recuo.values import Instant

if TYPE_CHECKING:
    import uvicorn

log = structlog.get_logger(__name__)

EXIT_DONE, EXIT_NO, EXIT_INPUT = 0, 1, 2
_PRUNE_EVERY_MS = 600_000
_FIRST_EVALUATION_S = 2.0
"""A source that does not answer at once does not keep the API waiting for longer."""


class Daemon:
    """Everything that runs, once it is built. `url` is where the API answers."""

    def __init__(
        self,
        loaded: Loaded,
        store: Store,
        bound: socket.socket,
        *,
        clock: SystemClock,
        systemd: Systemd,
        reread: Callable[[], Loaded],
    ) -> None:
        self.store, self.clock, self.systemd = store, clock, systemd
        self.url = url_of(bound)
        self.pid = os.getpid()
        self.started_at: Instant = clock.now()
        self.telemetry = Telemetry()
        self.threads = Threads()
        self.counted = store.read_now(tally.newest)
        """Up to which event the timeline has been counted for the metrics."""
        self._bound = bound
        self._server: uvicorn.Server | None = None
        self._contexts: dict[tuple[str, str], PluginContext] = {}
        self._stopping = asyncio.Event()
        self._ready = False
        self._reloads: set[asyncio.Task[Any]] = set()
        self.reloading = Reloading(self, loaded, reread)
        self.engine, decided = watching.restored(loaded, store, clock.now())
        self.loop = Loop(
            self.engine,
            store,
            clock,
            self.telemetry,
            lambda: self.loaded,
            on_messages=self._messages_may_wait,
            on_turn=self._turned,
            on_clock_set=self._clock_set,
        )
        self.loop.decided(decided)
        self.scheduler = Scheduler(clock, self.telemetry, self.loop.deliver)
        self.outbox = Outbox(
            store,
            lambda: self.config,
            clock,
            lambda name: self.context("receiver", name),
            on_delivered=incidents.first_delivery,
            on_undelivered=escalation.undelivered,
            observe=self._delivered,
        )
        self.emergency = emergency.Emergency(self.loop, lambda: self.config, clock, self.context)

    @property
    def loaded(self) -> Loaded:
        """The configuration in force, with where it came from."""
        return self.reloading.loaded

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.reloading.loaded.config

    def context(self, family: str, name: str, config: object = None) -> PluginContext:
        """What a source or receiver is given; the same one as long as it is called by that name."""
        key = (family, name)
        if key not in self._contexts:
            self._contexts[key] = PluginContext(
                name, clock=self.clock, threads=self.threads, state_dir=self.store.directory
            )
        return self._contexts[key]

    def forget_context(self, family: str, name: str) -> None:
        """Its configuration changed: it begins with an empty memory."""
        self._contexts.pop((family, name), None)

    async def run(self) -> int:
        """Watch until told to stop; the exit code."""
        self._listen_to_signals()
        tasks = self._begin()
        try:
            stopped = asyncio.create_task(self._stopping.wait())
            done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            return self._verdict(done - {stopped})
        finally:
            await self._end(tasks)

    def _verdict(self, ended: set[asyncio.Task[Any]]) -> int:
        """No part ends by itself: where one did, the daemon ends too, so that whoever started it does so again."""
        for task in ended:
            name, why = task.get_name(), None if task.cancelled() else task.exception()
            log.error("a part of the daemon ended, and the daemon with it", part=name, exc_info=why)
        return EXIT_NO if ended else EXIT_DONE

    def stop(self) -> None:
        """End soon, in order."""
        self._stopping.set()

    @property
    def in_service(self) -> bool:
        """Whether the service manager has been told that start-up is over, and not yet that the end has begun."""
        return self._ready and not self._stopping.is_set()

    def _begin(self) -> list[asyncio.Task[Any]]:
        self.scheduler.start()
        self.reloading.apply(self.loaded)
        self.scheduler.recurring("prune", _PRUNE_EVERY_MS, self._prune)
        return [
            asyncio.create_task(self.loop.run(), name="loop"),
            asyncio.create_task(self.outbox.run(), name="outbox"),
            asyncio.create_task(self.emergency.run(), name="emergency"),
            asyncio.create_task(self._serve_web(), name="web"),
        ]

    async def _serve_web(self) -> None:
        """Serve the API; watching comes first, so that rules are evaluated before the web's code is even loaded."""
        if self.config.sources:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.loop.first_evaluation.wait(), _FIRST_EVALUATION_S)
        if self.loop.first_evaluation.is_set():
            log.info("first evaluation", since_start_ms=_since_start_ms())
        elif self.config.sources:
            log.warning("no source has answered yet; the API begins without", since_start_ms=_since_start_ms())
        self._server = server(await asyncio.to_thread(self._web))
        serving = asyncio.create_task(self._server.serve(sockets=[self._bound]))
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        if not serving.done() and not self._stopping.is_set():
            announce(self.store.directory, self.url)
            self._ready = True
            self.systemd.ready(banner.one_line(self.loaded))
            give_back()
        await serving

    def _web(self) -> Any:
        from daemon.operations import DaemonOperations
        from daemon.web.app import build

        return build(
            DaemonOperations(self),
            loopback=is_loopback(self._bound.getsockname()[0]),
            allowed_hosts=lambda: self.config.api.allowed_hosts,
        )

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        self.systemd.stopping()
        withdraw(self.store.directory)
        for reload in self._reloads:
            reload.cancel()
        await self.scheduler.stop()
        self.loop.stop()
        if self._server is not None:
            self._server.should_exit = True
        for task in tasks:
            if task.get_name() not in ({"loop"} if self._server is None else {"loop", "web"}):
                task.cancel()
        await asyncio.wait(tasks, timeout=5)
        await self.loop.flush()

    def _listen_to_signals(self) -> None:
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, self.stop)
        running.add_signal_handler(signal.SIGHUP, self._reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    def _reload(self) -> None:
        task = asyncio.get_running_loop().create_task(self.reloading.reload(by="SIGHUP"))
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    def _messages_may_wait(self) -> None:
        self.outbox.wake()

    def _clock_set(self) -> None:
        self.scheduler.realign()

    def _turned(self) -> None:
        self.systemd.alive()

    def _delivered(self, result: Result) -> None:
        self.telemetry.deliveries.labels(result.receiver, result.result).inc()
        if result.result == "delivered":
            self.telemetry.delivery_seconds.labels(result.receiver).observe(result.age_ms / 1000)

    async def _prune(self) -> None:
        now, horizon_ms = self.clock.now(), self.engine.horizon_ms()
        retention_ms = self.config.state.retention
        await self.store.write(lambda tx: history.prune(tx, before=now - horizon_ms))
        await self.store.write(lambda tx: incidents.prune(tx, before=now - retention_ms, now=now))

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics, in the format that the scraper asks for, and the content type."""
        return self.telemetry.exposition(accept, await figures.read(self))

    def heartbeat(self, config: Config) -> None:
        """Begin, change or end the pings to the outside."""
        heartbeat = config.telemetry.heartbeat
        if heartbeat is None:
            self.scheduler.forget_recurring("heartbeat")
            return
        ping = Heartbeat(heartbeat.url.reveal(), alive=lambda: self.loop.silent_ms() < STUCK_MS).ping
        self.scheduler.recurring("heartbeat", heartbeat.every, ping)


def _since_start_ms() -> int:
    """Milliseconds since the kernel started this process (proc(5), field 22 of /proc/self/stat)."""
    try:
        ticks = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return -1
    return round((time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")) * 1000)


def main(
    config: Path,
    state: Path,
    listen: str | None = None,
    *,
    observe: bool = False,
    as_json: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Run the daemon until it is told to stop; the exit code of `recuo run`.

    0 stopped in order; 1 cannot run here now (the port or the state is in use, the disk is full); 2 the input is wrong
    (configuration, listen address, a state file that cannot be used).
    """
    _have_streams()
    faulthandler.enable()
    logs.set_up(as_json=as_json or logs.under_systemd())

    def reread() -> Loaded:
        loaded = load(config, environ=environ)
        if observe:
            loaded = loaded._replace(config=loaded.config.model_copy(update={"mode": "observe"}))
        return loaded

    try:
        loaded = reread()
    except ConfigError as err:
        return _refuse(str(err), EXIT_INPUT)
    redactor.learn(loaded.config)
    return _run(loaded, reread, state, listen or loaded.config.api.listen, banner_wanted=not as_json)


def _run(loaded: Loaded, reread: Callable[[], Loaded], state: Path, listen: str, *, banner_wanted: bool) -> int:
    locale = loaded.config.service.locale
    try:
        parse_listen(listen)
    except ServeError as err:
        return _refuse(str(err), EXIT_INPUT, locale)
    try:
        store = Store.open(state)
    except StoreError as err:
        return _refuse(str(err), EXIT_INPUT if err.kind in {"corrupt", "newer", "foreign"} else EXIT_NO, locale)
    try:
        backup.remove_leftovers(store.directory)
        bound = bind(listen)
        clock = SystemClock()
        store.write_now(lambda tx: tokens.ensure_first(tx, store.directory, now=clock.now()))
        return asyncio.run(_serve(loaded, reread, store, bound, clock, banner_wanted=banner_wanted))
    except ServeError as err:
        return _refuse(str(err), EXIT_NO, locale)
    except StoreError as err:
        return _refuse(str(err), EXIT_NO, locale)
    except OSError as err:
        return _refuse(f"cannot start: {err.strerror or err}", EXIT_NO, locale)
    finally:
        store.close()


async def _serve(
    loaded: Loaded,
    reread: Callable[[], Loaded],
    store: Store,
    bound: socket.socket,
    clock: SystemClock,
    *,
    banner_wanted: bool,
) -> int:
    daemon = Daemon(loaded, store, bound, clock=clock, systemd=Systemd.from_environment(), reread=reread)
    faults.report_to(loaded.config)
    if banner_wanted and not logs.under_systemd():
        _show("\n".join([*banner.lines(daemon), ""]))
    else:
        for name, value in banner.facts(daemon).items():
            log.info(name, **value)
    return await daemon.run()


def _have_streams() -> None:
    """A stream that was closed before the start (`>&-`) is one that leads nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for as long as we live


def _show(text: str) -> None:
    """Print, if somebody reads: a reader who has left (`recuo run | head -1`) ends no watching."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(text: str, code: int, locale: str = "en") -> int:
    for line in text.splitlines():
        sys.stderr.write(f"recuo: {logs.printable(say(line, locale))}\n")
    return code
