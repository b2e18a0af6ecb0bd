"""Asking the sources: what was replaced, what breaks, and what a clock that is set does to the intervals."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daemon.clock import ManualClock
from daemon.context import PluginContext, Threads
from daemon.scheduler import Scheduler, Source
from daemon.telemetry import Telemetry
from triggers.base import Batch, PollError, Sample, SourceConfig

Poll = Callable[[SourceConfig, Any], Awaitable[Sequence[Sample]]]


def source(poll: Poll, every: str = "1h", name: str = "s") -> Source:
    """A source whose poll the test writes."""
    config = SourceConfig.model_validate({"kind": "hand", "every": every, "timeout": "5s"})
    context = PluginContext(name, clock=ManualClock(), threads=Threads(), state_dir="/")
    return Source(name, cast("Any", SimpleNamespace(poll=poll)), config, context)


class Desk:
    """A scheduler and what it has handed over."""

    def __init__(self, deliver: Callable[[Batch], None] | None = None) -> None:
        self.came: asyncio.Queue[Batch] = asyncio.Queue()
        self.telemetry = Telemetry()
        self.scheduler = Scheduler(ManualClock(), self.telemetry, deliver or self.came.put_nowait)

    async def next(self) -> Batch:
        async with asyncio.timeout(10):
            return await self.came.get()


@contextlib.asynccontextmanager
async def desk(deliver: Callable[[Batch], None] | None = None):
    """A scheduler that runs for the length of a block."""
    made = Desk(deliver)
    made.scheduler.start()
    try:
        yield made
    finally:
        await made.scheduler.stop()


def sample(value: float) -> Sample:
    return Sample("g", (), value, 0)


def test_a_changed_source_is_asked_at_once_while_a_poll_of_the_old_one_hangs() -> None:
    """The first poll of a new definition does not wait for the old one's, whose late answer is dropped."""

    async def scene() -> None:
        begun, let_go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def slow(*_: Any) -> Sequence[Sample]:
            begun.set()
            await let_go.wait()
            ended.set()
            return [sample(1)]

        async def quick(*_: Any) -> Sequence[Sample]:
            return [sample(2)]

        async with desk() as made:
            made.scheduler.watch([source(slow)])
            await begun.wait()
            made.scheduler.watch([source(quick)])
            assert [s.value for s in (await made.next()).samples] == [2]
            let_go.set()
            await ended.wait()
            made.scheduler.watch([source(quick, name="other")])
            assert (await made.next()).source == "other"
            assert made.came.empty()

    asyncio.run(scene())


def test_a_changed_source_does_not_inherit_how_long_the_old_one_was_told_to_wait() -> None:
    """Retry-After holds for the definition that was told so: with a new token it is asked at once."""

    async def scene() -> None:
        async def refused(*_: Any) -> Sequence[Sample]:
            raise PollError("too many requests", retry_after_s=3600)

        async def good(*_: Any) -> Sequence[Sample]:
            return [sample(1)]

        async with desk() as made:
            made.scheduler.watch([source(refused)])
            assert (await made.next()).failed == "too many requests"
            made.scheduler.watch([source(good)])
            assert not (await made.next()).failed

    asyncio.run(scene())


def test_a_batch_that_cannot_be_evaluated_is_counted_as_a_fault_and_polls_go_on() -> None:
    """A fault behind the scheduler ends no poll silently."""

    async def scene() -> None:
        came: asyncio.Queue[Batch] = asyncio.Queue()

        def deliver(batch: Batch) -> None:
            came.put_nowait(batch)
            raise ValueError("cannot be evaluated")

        async def poll(*_: Any) -> Sequence[Sample]:
            return [sample(1)]

        async with desk(deliver) as made:
            made.scheduler.watch([source(poll, every="100ms")])
            async with asyncio.timeout(10):
                for _ in range(2):
                    await came.get()
        assert made.telemetry.registry.get_sample_value("recuo_faults_total", {"part": "engine"}) >= 1

    asyncio.run(scene())


def test_polls_go_on_after_the_system_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour back, and the source is asked at its interval all the same, not an hour later."""

    class AnHourBack(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - timedelta(hours=1)

    async def scene() -> None:
        async def poll(*_: Any) -> Sequence[Sample]:
            return [sample(1)]

        async with desk() as made:
            made.scheduler.watch([source(poll, every="200ms")])
            await made.next()
            for part in ("schedulers.base", "triggers.interval", "executors.base"):
                monkeypatch.setattr(f"apscheduler.{part}.datetime", AnHourBack)
            made.scheduler.realign()
            for _ in range(3):
                await made.next()

    asyncio.run(scene())
