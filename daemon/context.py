"""What sources and notifiers are given of the daemon, for real: `triggers.base.Context` and `actions.base.Context`.

Blocking calls go to daemon threads of a bounded pool. A call whose caller gave up (its poll's deadline passed) keeps
its thread until the system lets go of it, and keeps counting: one source whose file system hangs can hold
`_PER_NAME` threads and no more, so that the others still have theirs. Threads are daemon threads because a thread
that hangs in the kernel must not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import Counter, deque
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar, cast

import structlog

from triggers.base import Clock, Logger

T = TypeVar("T")

_LIMIT = 16
_PER_NAME = 4


class Threads:
    """A bounded pool for blocking calls, at most `per_name` of them for one name at a time; use it from one loop."""

    def __init__(self, limit: int = _LIMIT, per_name: int = _PER_NAME) -> None:
        self._limit = limit
        self._per_name = per_name
        self._busy: Counter[str] = Counter()
        self._waiting: deque[_Turn] = deque()
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._started = 0

    @property
    def busy(self) -> int:
        """How many calls are under way, those whose caller gave up included."""
        return self._busy.total()

    async def run(self, name: str, function: Callable[..., T], /, *args: object) -> T:
        """What `function(*args)` returns or raises, called in a thread on behalf of `name`.

        Waits for a free thread. Cancelling returns at once, although a call that has begun cannot be stopped and goes
        on in its thread.
        """
        await self._place(name)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        inherited = contextvars.copy_context()

        def finish(found: T | None, error: BaseException | None) -> None:
            self._release(name)
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(cast("T", found))

        def call() -> None:
            found, error = None, None
            try:
                found = inherited.run(function, *args)
            except BaseException as err:
                error = err
            with suppress(RuntimeError):  # the loop has closed: nobody waits for the answer
                loop.call_soon_threadsafe(finish, found, error)

        self._work.put(call)
        if self._started < self._busy.total():
            # Every place taken has its own thread, so that no call waits behind one that hangs.
            self._started += 1
            threading.Thread(target=_serve, args=(self._work,), name="recuo-blocking", daemon=True).start()
        return await answer

    async def _place(self, name: str) -> None:
        """Take a place for one call of this name, in the order of asking."""
        if self._free(name) and not any(turn.name == name for turn in self._waiting):
            self._busy[name] += 1
            return
        turn = _Turn(name, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        try:
            await turn.come
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._release(name)  # the place came together with the cancellation
            raise

    def _free(self, name: str) -> bool:
        return self._busy.total() < self._limit and self._busy[name] < self._per_name

    def _release(self, name: str) -> None:
        self._busy[name] -= 1
        for turn in list(self._waiting):
            if self._free(turn.name) and not turn.come.done():
                self._waiting.remove(turn)
                self._busy[turn.name] += 1
                turn.come.set_result(None)


class _Turn(NamedTuple):
    name: str
    come: asyncio.Future[None]


def _serve(work: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        work.get()()


class PluginContext:
    """One source's or one receiver's view of the daemon; it lives as long as that part's configuration is unchanged."""

    def __init__(
        self, name: str, *, clock: Clock, threads: Threads, state_dir: Path | str, log: Logger | None = None
    ) -> None:
        self._name = name
        self._clock = clock
        self._threads = threads
        self._state_dir = str(state_dir)
        self._log: Logger = log if log is not None else structlog.get_logger("plugin").bind(plugin=name)
        self._memory: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The source's or receiver's name in the configuration."""
        return self._name

    @property
    def clock(self) -> Clock:
        """The daemon's clock."""
        return self._clock

    @property
    def log(self) -> Logger:
        """A logger that says whose line it is."""
        return self._log

    @property
    def memory(self) -> MutableMapping[str, Any]:
        """What the plugin wants to know at its next call: last counters, cursors. Not kept over a restart."""
        return self._memory

    @property
    def state_dir(self) -> str:
        """The daemon's state directory."""
        return self._state_dir

    async def in_thread(self, function: Callable[..., T], /, *args: object) -> T:
        """Run a blocking call in a thread; the caller's deadline still holds for the caller."""
        return await self._threads.run(self._name, function, *args)
