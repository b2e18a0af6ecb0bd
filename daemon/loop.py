"""The loop that evaluates rules, and everything that must be true at once with what they decide.

One turn: the engine is told what time it is; what it decided since the last turn, the samples it decided on, the
incidents, the escalation's cursor and the messages for people become one transaction; then the outbox is woken. A turn
comes when a batch decided something, when a deadline comes that is known beforehand, and at least once a second, so
that the watchdog, which only this loop feeds, knows that it turns.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from daemon import audit, escalation, history, incidents, messages
from daemon.clock import SystemClock
from daemon.config import Loaded
from daemon.store import Store, StoreError
from daemon.telemetry import Telemetry
from recuo.values import Instant, format_duration
from triggers.base import Batch
from triggers.engine import AlertState, Engine, Transition

log = structlog.get_logger(__name__)

FLUSH_MS = 1_000
"""Samples are on disk at most this much later than in memory (S8)."""
STUCK_MS = 10_000
"""The loop turns at least once a second; silent for longer it is stuck."""
_RETRY_MS = 1_000
_STEP_MS = 1_500
"""The system's clock has been set if it is this far from ours; slewing by NTP stays far below."""
_MOST_BATCHES_WAITING = 10_000


class _Outcome(NamedTuple):
    next_due_at: Instant | None
    touched: list[int]


class Loop:
    """Turns samples into decisions on disk. One instance a daemon; everything runs on one asyncio loop."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        clock: SystemClock,
        telemetry: Telemetry,
        loaded: Callable[[], Loaded],
        *,
        on_messages: Callable[[], None],
        on_turn: Callable[[], None],
        on_clock_set: Callable[[], None] = lambda: None,
    ) -> None:
        self.engine = engine
        self.trouble: StoreError | None = None
        self.trouble_since: Instant | None = None
        self.last_turn_at: Instant = clock.now()
        self.first_answer = asyncio.Event()
        """A source has answered, or its poll has failed: from then on it is known how things are."""
        self.first_evaluation = asyncio.Event()
        self._store, self._clock, self._telemetry, self._loaded = store, clock, telemetry, loaded
        self._on_messages, self._on_turn, self._on_clock_set = on_messages, on_turn, on_clock_set
        self._stopping = False
        self._drift_known_ms = 0
        self._wake = asyncio.Event()
        self._batches: list[Batch] = []
        self._transitions: list[Transition] = []
        self._due_at: Instant | None = 0
        self._flush_at: Instant | None = None
        self._silences_kept = False
        self._retry_at: Instant = 0
        self._planned_at: Instant = 0
        self._committing = asyncio.Lock()

    def deliver(self, batch: Batch) -> None:
        """Take what a poll brought: rules are evaluated before this returns."""
        began = time.perf_counter()
        decided = self.engine.feed(batch)
        self._telemetry.evaluation_seconds.observe(time.perf_counter() - began)
        self._decided(decided)
        self._batches.append(batch)
        del self._batches[:-_MOST_BATCHES_WAITING]
        if self._flush_at is None:
            self._flush_at = batch.at + FLUSH_MS
        self.first_answer.set()
        if not batch.failed:
            self.first_evaluation.set()
        if decided or self._next_at() < self._planned_at:
            self._wake.set()

    def decided(self, transitions: Sequence[Transition]) -> None:
        """Take decisions that came about outside of a poll (a restart, a reload)."""
        self._decided(transitions)
        self._silences_kept = False
        self._wake.set()

    def poke(self) -> None:
        """Something in the store changed that deadlines depend on: look again."""
        self._due_at = 0
        self._wake.set()

    def silent_ms(self) -> int:
        """How long ago the last turn that came to its end was."""
        return self._clock.now() - self.last_turn_at

    def waiting(self) -> list[Transition]:
        """What is decided and not yet on disk."""
        return list(self._transitions)

    def stop(self) -> None:
        """End `run` after the turn that is under way: a change that is on its way to disk is never abandoned."""
        self._stopping = True
        self._planned_at = 0
        self._wake.set()

    async def run(self) -> None:
        """Turn until stopped. An error in one turn is reported and the next one is tried."""
        while not self._stopping:
            self._wake.clear()
            try:
                await self._turn()
            except Exception:
                self._telemetry.faults.labels("loop").inc()
                log.exception("a turn of the evaluating loop failed")
                self._planned_at = self._clock.now() + _RETRY_MS
            else:
                self.last_turn_at = self._clock.now()
                self._telemetry.turn_at.set(self.last_turn_at / 1000)
                self._on_turn()
            delay_ms = self._planned_at - self._clock.now()
            try:
                async with asyncio.timeout(max(0.0, delay_ms / 1000)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def flush(self) -> None:
        """Bring to disk what is waiting; at the end of the process."""
        if self._batches or self._transitions:
            await self._commit(self._clock.now())

    async def _turn(self) -> None:
        await self._follow_the_clock()
        now = self._clock.now()
        self._decided(self.engine.advance(now))
        if self._has_work(now):
            await self._commit(now)
        self._planned_at = 0 if self._stopping else min(self._next_at(), self._clock.now() + FLUSH_MS)

    def _has_work(self, now: Instant) -> bool:
        if self.trouble and now < self._retry_at:
            return False
        return bool(
            self._transitions
            or (self._flush_at is not None and now >= self._flush_at)
            or (self._due_at is not None and now >= self._due_at)
        )

    def _next_at(self) -> Instant:
        # While the store is in trouble nothing in it can come due; the engine's deadlines still do.
        known = [self.engine.next_wake()]
        known += [self._retry_at] if self.trouble else [self._flush_at, self._due_at]
        return min((at for at in known if at is not None), default=self._clock.now() + FLUSH_MS)

    async def _commit(self, now: Instant) -> None:
        async with self._committing:
            batches, self._batches = self._batches, []
            transitions, self._transitions = self._transitions, []
            flush_at, self._flush_at = self._flush_at, None
            due_at, self._due_at = self._due_at, None
            began = time.perf_counter()
            silences = [] if self._silences_kept else self.engine.snapshot_alerts()
            try:
                outcome = await self._store.write(lambda tx: self._change(tx, batches, transitions, silences, now))
            except Exception as err:
                # A fault of ours in writing it down is as bad as a full disk: nothing decided is thrown away for it,
                # and people are told directly (daemon.emergency).
                self._batches[:0], self._transitions[:0] = batches, transitions
                del self._batches[:-_MOST_BATCHES_WAITING]
                self._flush_at, self._due_at = flush_at, due_at
                self._in_trouble(err, now)
                return
            self._silences_kept = True
            self._telemetry.commit_seconds.observe(time.perf_counter() - began)
            self._out_of_trouble()
            earlier = [at for at in (self._due_at, outcome.next_due_at) if at is not None]
            self._due_at = min(earlier, default=None)
        self._on_messages()

    def _change(
        self,
        tx: sqlite3.Connection,
        batches: Sequence[Batch],
        transitions: Sequence[Transition],
        silences: Sequence[AlertState],
        now: Instant,
    ) -> _Outcome:
        loaded = self._loaded()
        history.append(tx, batches)
        history.mark_alive(tx, now)
        incidents.save_silences(tx, silences, now=now)
        touched = incidents.apply(tx, transitions, config=loaded.config, digest=loaded.digest, now=now)
        incidents.tick(tx, config=loaded.config, now=now)
        escalation.tick(tx, config=loaded.config, now=now)
        due = [incidents.next_due(tx, loaded.config), escalation.next_due(tx)]
        return _Outcome(min((at for at in due if at is not None), default=None), touched)

    def _decided(self, transitions: Sequence[Transition]) -> None:
        for transition in transitions:
            self._telemetry.transitions.labels(transition.kind).inc()
            if transition.kind == "pending":
                messages.prepare()
        self._transitions.extend(transitions)

    def _in_trouble(self, err: Exception, now: Instant) -> None:
        ours = not isinstance(err, StoreError)
        self._telemetry.store_errors.inc()
        self._retry_at = now + _RETRY_MS
        if self.trouble is None:
            self.trouble_since = now
            log.error(
                "the state cannot be written; watching goes on, and it is tried again every second",
                why=str(err),
                exc_info=err if ours else None,
            )
        if ours:
            self._telemetry.faults.labels("loop").inc()
        self.trouble = err if isinstance(err, StoreError) else StoreError("io", f"{type(err).__name__}: {err}")

    def _out_of_trouble(self) -> None:
        if self.trouble is not None and self.trouble_since is not None:
            log.info("the state can be written again", after=format_duration(self._clock.now() - self.trouble_since))
        self.trouble = self.trouble_since = None

    async def _follow_the_clock(self) -> None:
        """Take the system's time up once it was set: the store first, and memory only when the store has moved.

        A store in trouble makes this wait; nothing is lost by that, since our clock goes on by itself.
        """
        moved = self._clock.drift_ms()
        if abs(moved - self._drift_known_ms) >= _STEP_MS:
            self._drift_known_ms = moved
            self._on_clock_set()
        if abs(moved) < _STEP_MS or self.trouble:
            return
        if self._transitions:  # they were decided by the old time, and are written by it
            await self._commit(self._clock.now())
            if self._transitions or self.trouble:
                return
        now = self._clock.now() + moved
        states = [state.shifted(moved) for state in self.engine.snapshot_alerts()]
        try:
            self._store.write_now(lambda tx: _move(tx, moved, states, now))
        except StoreError as err:
            self._in_trouble(err, self._clock.now())
            return
        self._clock.follow(moved)
        self.last_turn_at += moved
        self.engine.shift(moved)
        self._batches = [_moved(batch, moved) for batch in self._batches]
        self._flush_at, self._due_at, self._drift_known_ms = now, 0, 0
        self._telemetry.clock_steps.inc()
        log.warning("the system's clock was set; holds and windows move with it", by=format_duration(moved))


def _moved(batch: Batch, by_ms: int) -> Batch:
    samples = [sample._replace(at=sample.at + by_ms) for sample in batch.samples]
    return batch._replace(at=batch.at + by_ms, samples=samples)


def _move(tx: sqlite3.Connection, moved_ms: int, states: Sequence[AlertState], now: Instant) -> None:
    """Everything in the store that is under way moves with the clock; what is written down stays as it was."""
    incidents.shift(tx, moved_ms)
    incidents.save_alerts(tx, states, now=now)
    incidents.save_silences(tx, states, now=now)
    history.shift(tx, moved_ms)
    tx.execute("UPDATE escalations SET next_at = next_at + ? WHERE next_at IS NOT NULL", (moved_ms,))
    tx.execute(  # a message's age decides when it is given up, so that it moves too
        "UPDATE outbox SET next_attempt_at = next_attempt_at + ?, created_at = created_at + ? WHERE state = 'queued'",
        (moved_ms, moved_ms),
    )
    audit.record(tx, at=now, kind="clock-stepped", actor="recuo", moved_ms=moved_ms)
