"""Asks the sources: each at its interval, behind a deadline, never twice at once.

APScheduler keeps the time; a source that is slow delays no other one, and a poll that is still under way when the next
is due is not started again. What a poll brought, or why it failed, goes to one function as a `Batch`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from daemon.redact import redactor
from daemon.telemetry import Telemetry
from recuo.values import Labels, format_duration
from triggers.base import Batch, Clock, Context, PollError, Sample, SourceConfig

log = structlog.get_logger(__name__)

_OVERALL_GRACE_MS = 1_000
"""A probe that measures a time-out needs a moment more than the time-out to say so."""


class Source(NamedTuple):
    """One configured source, ready to be asked."""

    name: str
    module: ModuleType
    config: SourceConfig
    context: Context

    def deadline_ms(self) -> int:
        """The deadline of one poll, in milliseconds."""
        own: Callable[[SourceConfig], int] | None = getattr(self.module, "deadline_ms", None)
        return own(self.config) if own else self.config.timeout + _OVERALL_GRACE_MS


def labelled(samples: Sequence[Sample], extra: Mapping[str, str]) -> Sequence[Sample]:
    """The samples with the configuration's labels added; what the source itself measured wins."""
    if not extra:
        return samples
    known: dict[Labels, Labels] = {}
    for sample in samples:
        if sample.labels not in known:
            known[sample.labels] = tuple(sorted({**extra, **dict(sample.labels)}.items()))
    return [sample._replace(labels=known[sample.labels]) for sample in samples]


class Scheduler:
    """Polls and other recurring work on the daemon's loop."""

    def __init__(self, clock: Clock, telemetry: Telemetry, deliver: Callable[[Batch], None]) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._deliver = deliver
        self._aps = AsyncIOScheduler(timezone="UTC")
        self._sources: dict[str, Source] = {}
        self._asking: dict[str, Source] = {}
        self._first: set[asyncio.Task[None]] = set()
        self._not_before: dict[str, float] = {}
        self.brought: Counter[str] = Counter()
        """How many samples each source has brought since the start."""

    def start(self) -> None:
        """Begin to keep time; needs a running loop."""
        self._aps.start()

    async def stop(self) -> None:
        """Stop asking; polls under way are abandoned."""
        if self._aps.running:
            self._aps.shutdown(wait=False)
        for task in self._first:
            task.cancel()
        await asyncio.gather(*self._first, return_exceptions=True)

    def recurring(self, name: str, every_ms: int, work: Callable[[], Awaitable[None]]) -> None:
        """Do something else at an interval, first after one interval: heartbeat, pruning. Replaces one of that name."""

        async def guarded() -> None:
            try:
                await work()
            except Exception:
                self._telemetry.faults.labels(name).inc()
                log.exception("recurring work failed", work=name)

        trigger = IntervalTrigger(seconds=every_ms / 1000)
        self._aps.add_job(guarded, trigger, id=f"work:{name}", replace_existing=True, **_job_options(every_ms))

    def forget_recurring(self, name: str) -> None:
        """Do it no more."""
        if self._aps.get_job(f"work:{name}"):
            self._aps.remove_job(f"work:{name}")

    def watch(self, sources: Sequence[Source]) -> None:
        """Ask exactly these sources from now on, the new and changed ones at once; the others keep their rhythm."""
        wanted = {source.name: source for source in sources}
        for name in [n for n, old in self._sources.items() if wanted.get(n) != old]:
            self._aps.remove_job(f"poll:{name}")
            del self._sources[name]
            # What it asked for (Retry-After), and a poll of it that is still under way, do not hold up its successor.
            self._not_before.pop(name, None)
        for name, source in wanted.items():
            if name not in self._sources:
                self._sources[name] = source
                self._begin(source)

    def realign(self) -> None:
        """The system's clock, by which APScheduler counts, was set: every interval begins anew at this instant.

        Otherwise nothing would be asked until a clock that was set back has come to where it was.
        """
        for job in self._aps.get_jobs():
            old = job.trigger
            job.reschedule(IntervalTrigger(seconds=old.interval.total_seconds(), jitter=old.jitter))

    def _begin(self, source: Source) -> None:
        every_ms = source.config.every
        # Polls of one interval are spread by a little jitter, so that they do not all fall on the same instant.
        trigger = IntervalTrigger(
            seconds=every_ms / 1000, jitter=min(every_ms / 1000 / 20, 2) if every_ms >= 5_000 else None
        )
        self._aps.add_job(
            self._poll,
            trigger,
            args=(source.name,),
            id=f"poll:{source.name}",
            replace_existing=True,
            **_job_options(every_ms),
        )
        task = asyncio.get_running_loop().create_task(self._poll(source.name))
        self._first.add(task)
        task.add_done_callback(self._first.discard)

    async def _poll(self, name: str) -> None:
        source = self._sources.get(name)
        if source is None or self._asking.get(name) is source:
            return
        if self._clock.monotonic() < self._not_before.get(name, 0.0):
            return
        self._asking[name] = source
        try:
            batch = await self._ask(source)
        finally:
            if self._asking.get(name) is source:
                del self._asking[name]
        if self._sources.get(name) is source:
            self._hand_over(batch)

    def _hand_over(self, batch: Batch) -> None:
        try:
            self._deliver(batch)
        except Exception:
            self._telemetry.faults.labels("engine").inc()
            log.exception("what a source brought could not be evaluated", source=batch.source)

    async def _ask(self, source: Source) -> Batch:
        began = time.perf_counter()
        failed = ""
        samples: Sequence[Sample] = ()
        try:
            async with asyncio.timeout(source.deadline_ms() / 1000):
                samples = labelled(await source.module.poll(source.config, source.context), source.config.labels)
        except PollError as err:
            failed = redactor.text(err.reason)
            if err.retry_after_s and self._sources.get(source.name) is source:
                self._not_before[source.name] = self._clock.monotonic() + err.retry_after_s
        except TimeoutError:
            failed = f"no answer within {format_duration(source.deadline_ms())}"
        except Exception as err:
            # A fault of ours in one source must not blind the others; it is told as what it is.
            failed = redactor.text(f"fault in source {source.config.kind}: {type(err).__name__}: {err}")
            self._telemetry.faults.labels(f"source {source.config.kind}").inc()
            log.exception("a source broke", source=source.name)
        self._count(source, began, failed, len(samples))
        return Batch(source.name, self._clock.now(), samples, failed)

    def _count(self, source: Source, began: float, failed: str, samples: int) -> None:
        self._telemetry.poll_seconds.labels(source.name).observe(time.perf_counter() - began)
        self._telemetry.polls.labels(source.name, "failed" if failed else "ok").inc()
        self._telemetry.samples.labels(source.name).inc(samples)
        self.brought[source.name] += samples


def _job_options(every_ms: int) -> dict[str, Any]:
    # A late run is better than none: after a suspend or a busy second the poll is made once, whatever the delay.
    return {"max_instances": 1, "coalesce": True, "misfire_grace_time": max(1, 10 * every_ms // 1000)}
