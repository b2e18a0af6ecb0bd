"""Messages on their way: queued in the transaction that decided on them, delivered at least once, never lost.

A row (`outbox`) is one message to one address through one receiver, unique by `(key, receiver, address)`. The
dispatcher sends what is due, pages before everything else, a few at a time for each receiver. What is between the
sending and its record when the process dies is sent again after the restart under the same key, which receivers
can tell repetitions by (an e-mail's Message-ID, a webhook's webhook-id). Temporary failures are tried again with
exponential back-off and jitter, not before the receiver's Retry-After, for 24 hours; permanent ones fail at once.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

import structlog

from actions.base import Clock, Context, Delivery, DeliveryError, Message, ReceiverConfig
from actions.text import one_line
from daemon import audit, plugins
from daemon.configuration.models import Config
from daemon.reach import receiver_config
from daemon.store import Store
from recuo.values import Instant, format_duration

log = structlog.get_logger(__name__)

GIVE_UP_MS: Final = 24 * 3_600_000
"""A message that could not be delivered for so long has failed."""
STUCK_AFTER: Final = 3
"""After so many failed attempts at a page (some 5 seconds, and the time they took) another way is looked for."""

_FIRST_RETRY_MS: Final = 1_500
_LONGEST_RETRY_MS: Final = 300_000
_MOST_RETRY_AFTER_MS: Final = 3_600_000
_AT_ONCE: Final = 4
_SLOTS_FOR_PAGES: Final = 1
_STOP_GRACE_S: Final = 2.0
_LONGEST_SLEEP_S: Final = 3_600.0


class Result(NamedTuple):
    """How one attempt ended, for metrics: `delivered`, `retry` or `failed`; `age_ms` since the message was queued."""

    receiver: str
    kind: str
    result: str
    age_ms: int


def enqueue(
    tx: sqlite3.Connection,
    *,
    key: str,
    receiver: str,
    address: str,
    incident: int | None,
    kind: str,
    message: Message,
    now: Instant,
) -> bool:
    """Queue a message in the caller's transaction; False if this key went to this address by this receiver already."""
    payload = json.dumps(message._asdict(), sort_keys=True, separators=(",", ":"))
    done = tx.execute(
        "INSERT INTO outbox (key, receiver, address, incident, kind, payload, next_attempt_at, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key, receiver, address) DO NOTHING",
        (key, receiver, address, incident, kind, payload, now, now),
    )
    return done.rowcount > 0


def message_of(row: sqlite3.Row) -> Message:
    """The message that a row of the outbox holds."""
    fields = json.loads(row["payload"])
    fields["facts"] = tuple((str(name), str(value)) for name, value in fields["facts"])
    return Message(**fields)


def cancel_pages(tx: sqlite3.Connection, incident_id: int) -> int:
    """Cancel an incident's queued pages that were never tried; returns how many those were."""
    return tx.execute(
        "UPDATE outbox SET state = 'cancelled', next_attempt_at = NULL "
        "WHERE incident = ? AND kind = 'page' AND state = 'queued' AND attempts = 0",
        (incident_id,),
    ).rowcount


def with_key(conn: sqlite3.Connection, key: str) -> list[sqlite3.Row]:
    """All rows of one message, one for each receiver and address."""
    return conn.execute("SELECT * FROM outbox WHERE key = ? ORDER BY id", (key,)).fetchall()


def may_still_arrive(conn: sqlite3.Connection, key: str, *, besides: int) -> bool:
    """Whether another row of the message was delivered, or has not failed often enough yet to give up hope."""
    found = conn.execute(
        "SELECT 1 FROM outbox WHERE key = ? AND id <> ? "
        "AND (state = 'delivered' OR (state = 'queued' AND attempts < ?)) LIMIT 1",
        (key, besides, STUCK_AFTER),
    ).fetchone()
    return found is not None


def stats(conn: sqlite3.Connection) -> dict[str, Any]:
    """For status, doctor and metrics: how many are queued, delivered, failed, cancelled; when the oldest queued one was
    made (`oldest_at`), and for each receiver that has any the `waiting`, their `last_error` and the most `attempts`.
    """
    counts: dict[str, int] = dict.fromkeys(("queued", "delivered", "failed", "cancelled"), 0)
    counts |= dict(conn.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())
    waiting = conn.execute(
        "SELECT receiver, count(*) AS waiting, max(attempts) AS attempts, min(created_at) AS oldest_at, "
        "coalesce((SELECT last_error FROM outbox l WHERE l.receiver = o.receiver AND l.state = 'queued' "
        "AND l.last_error <> '' ORDER BY l.id DESC LIMIT 1), '') AS last_error "
        "FROM outbox o WHERE state = 'queued' GROUP BY receiver ORDER BY receiver"
    ).fetchall()
    return {
        **counts,
        "oldest_at": min((row["oldest_at"] for row in waiting), default=None),
        "receivers": {row["receiver"]: {k: row[k] for k in ("waiting", "attempts", "last_error")} for row in waiting},
    }


async def check_receiver(config: Config, name: str, context: Context) -> str:
    """Ask a receiver whether it would take messages, without sending one; says in words what was found.

    Raises DeliveryError as sending would. A notifier that cannot be asked is said to be configured, no more.
    """
    receiver = receiver_config(config, name)
    if receiver is None:
        raise DeliveryError(f"there is no receiver {name}", permanent=True)
    probe = getattr(plugins.load("notifier", receiver.kind), "probe", None)
    if probe is None:
        return f"{name} is configured; it can only be tried by sending a message"
    try:
        async with asyncio.timeout(receiver.timeout / 1000):
            return str(await probe(receiver, context))
    except DeliveryError:
        raise
    except TimeoutError:
        raise _too_slow(receiver) from None
    except Exception as err:
        log.warning("a notifier failed", receiver=name, fault=type(err).__name__)
        raise DeliveryError(f"the notifier {receiver.kind} failed: {type(err).__name__}") from None


class Outbox:
    """The dispatcher: one instance a daemon, and the only one that sends.

    `config` is asked anew for each message, so that a reload counts at once. `context` makes what a receiver is given,
    by its name. `on_delivered(tx, incident_id, at)` is called in the transaction that records an incident's first
    delivery; `on_undelivered(tx, message_id, config=…, now=…)` when a page failed or is stuck. `observe` sees each
    attempt's result.
    """

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        clock: Clock,
        context: Callable[[str], Context],
        *,
        on_delivered: Callable[[sqlite3.Connection, int, Instant], object],
        on_undelivered: Callable[..., object],
        observe: Callable[[Result], object] = lambda _: None,
    ) -> None:
        self._store, self._config, self._clock, self._context = store, config, clock, context
        self._on_delivered, self._on_undelivered, self._observe = on_delivered, on_undelivered, observe
        self._wake = asyncio.Event()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._busy: defaultdict[str, int] = defaultdict(int)

    def wake(self) -> None:
        """Something may have been queued or come due: look. Call it after every commit that may have queued."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; what is being sent then has two seconds to end, or is sent again by the next run."""
        try:
            while True:
                self._wake.clear()
                delay_s = await self._turn()
                with suppress(TimeoutError):
                    async with asyncio.timeout(delay_s):
                        await self._wake.wait()
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=_STOP_GRACE_S)
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _turn(self) -> float:
        """Start what is due and there is room for; seconds until something else comes due."""
        now = self._clock.now()
        busy = dict(self._busy)
        sending = frozenset(self._tasks)
        try:
            due, next_at = await self._store.read(lambda conn: _look(conn, now, busy, sending))
        except Exception as err:
            log.warning("the outbox cannot be read; trying again", why=type(err).__name__)
            return 1.0
        for row in due:
            self._busy[row["receiver"]] += 1
            task = asyncio.create_task(self._deliver(row), name=f"message {row['id']} to {row['receiver']}")
            self._tasks[row["id"]] = task
        return _LONGEST_SLEEP_S if next_at is None else min(max(0.0, (next_at - now) / 1000), _LONGEST_SLEEP_S)

    async def _deliver(self, row: sqlite3.Row) -> None:
        try:
            outcome = await self._attempt(row)
            await self._record(row, outcome)
        finally:
            self._busy[row["receiver"]] -= 1
            del self._tasks[row["id"]]
            self.wake()

    async def _attempt(self, row: sqlite3.Row) -> Delivery | DeliveryError:
        """Hand one message over once; every way in which that can go wrong comes back as a DeliveryError."""
        name = row["receiver"]
        receiver = receiver_config(self._config(), name)
        if receiver is None:
            return DeliveryError(f"receiver {name} is no longer in the configuration", permanent=True)
        context = self._context(name)
        try:
            notifier = plugins.load("notifier", receiver.kind)
            async with asyncio.timeout(receiver.timeout / 1000):
                delivery: Delivery = await notifier.send(receiver, message_of(row), row["address"], context)
                return delivery
        except DeliveryError as err:
            return err
        except TimeoutError:
            return _too_slow(receiver)
        except Exception as err:
            # A fault of ours. Its text may hold anything, so only its type is told; it is tried again like an outage.
            log.warning("a notifier failed", receiver=name, fault=type(err).__name__)
            return DeliveryError(f"the notifier {receiver.kind} failed: {type(err).__name__}")

    async def _record(self, row: sqlite3.Row, outcome: Delivery | DeliveryError) -> None:
        """Write down how it ended, and keep trying to: a message whose delivery is not recorded would go out again."""
        at = self._clock.now()
        delay_s = 0.5
        while True:
            try:
                result = await self._store.write(lambda tx: self._settle(tx, row, outcome, at))
            except Exception as err:
                log.warning("a delivery cannot be recorded; trying again", message=row["id"], why=type(err).__name__)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 30.0)
            else:
                self._observe(Result(row["receiver"], row["kind"], result, at - row["created_at"]))
                return

    def _settle(self, tx: sqlite3.Connection, row: sqlite3.Row, outcome: Delivery | DeliveryError, at: Instant) -> str:
        if isinstance(outcome, Delivery):
            self._settle_delivered(tx, row, outcome, at)
            return "delivered"
        next_at = at + _retry_delay_ms(row["attempts"], outcome.retry_after_s)
        final = outcome.permanent or next_at > row["created_at"] + GIVE_UP_MS
        reason = outcome.reason
        if final and not outcome.permanent:
            reason = f"gave up after {format_duration(GIVE_UP_MS)}: {reason}"
        still_wanted = tx.execute(
            "UPDATE outbox SET attempts = attempts + 1, last_error = ?, state = ?, next_attempt_at = ? "
            "WHERE id = ? AND state = 'queued'",
            (one_line(reason, 500), "failed" if final else "queued", None if final else next_at, row["id"]),
        ).rowcount
        if not still_wanted:
            return "retry"
        if final:
            _tell(tx, row, "delivery-failed", at, reason=one_line(reason, 500), attempts=row["attempts"] + 1)
        if final or row["attempts"] + 1 == STUCK_AFTER:
            self._on_undelivered(tx, row["id"], config=self._config(), now=at)
        return "failed" if final else "retry"

    def _settle_delivered(self, tx: sqlite3.Connection, row: sqlite3.Row, delivery: Delivery, at: Instant) -> None:
        first = tx.execute(
            "SELECT 1 FROM outbox WHERE incident = ? AND state = 'delivered' LIMIT 1", (row["incident"],)
        ).fetchone()
        tx.execute(
            "UPDATE outbox SET state = 'delivered', attempts = attempts + 1, delivered_at = ?, delivery_id = ?, "
            "next_attempt_at = NULL, last_error = '' WHERE id = ?",
            (at, one_line(delivery.id, 300), row["id"]),
        )
        _tell(tx, row, "delivered", at, detail=one_line(delivery.detail))
        if row["incident"] is not None and first is None:
            self._on_delivered(tx, row["incident"], at)


def _look(
    conn: sqlite3.Connection, now: Instant, busy: dict[str, int], sending: frozenset[int]
) -> tuple[list[sqlite3.Row], Instant | None]:
    """What is due and has room, pages first, and when the next message comes due that has."""
    due: list[sqlite3.Row] = []
    for (receiver,) in conn.execute("SELECT DISTINCT receiver FROM outbox WHERE state = 'queued'").fetchall():
        due.extend(_due_for(conn, receiver, now, busy.get(receiver, 0), sending))
    due.sort(key=lambda row: (row["kind"] != "page", row["id"]))
    next_at = conn.execute(
        "SELECT min(next_attempt_at) FROM outbox WHERE state = 'queued' AND next_attempt_at > ?", (now,)
    ).fetchone()[0]
    return due, next_at


def _due_for(
    conn: sqlite3.Connection, receiver: str, now: Instant, busy: int, sending: frozenset[int]
) -> Iterator[sqlite3.Row]:
    """The due messages of one receiver, as many as may be sent at once; the last places are kept for pages."""
    rows = conn.execute(
        "SELECT * FROM outbox WHERE state = 'queued' AND receiver = ? AND next_attempt_at <= ? "
        "ORDER BY kind <> 'page', next_attempt_at, id LIMIT ?",
        (receiver, now, _AT_ONCE + busy),
    ).fetchall()
    for row in rows:
        room = _AT_ONCE - (0 if row["kind"] == "page" else _SLOTS_FOR_PAGES)
        if row["id"] not in sending and busy < room:
            busy += 1
            yield row


def _retry_delay_ms(attempts: int, retry_after_s: float | None) -> int:
    """Milliseconds to wait after a failure that `attempts` others came before: 1.5 s doubled each time up to 5 min, a
    third more or less, and at least what the receiver asked for, up to an hour.
    """
    plain: int = min(_FIRST_RETRY_MS * 2 ** min(attempts, 20), _LONGEST_RETRY_MS)
    jittered = min(round(plain * random.uniform(2 / 3, 4 / 3)), _LONGEST_RETRY_MS)
    asked = min(max(0, round((retry_after_s or 0.0) * 1000)), _MOST_RETRY_AFTER_MS)
    return max(jittered, asked)


def _too_slow(receiver: ReceiverConfig) -> DeliveryError:
    return DeliveryError(f"no answer within {format_duration(receiver.timeout)}")


def _tell(tx: sqlite3.Connection, row: sqlite3.Row, kind: str, at: Instant, **facts: object) -> None:
    """An event on the incident's timeline; the address is left out, being somebody's."""
    audit.record(
        tx,
        at=at,
        kind=kind,
        actor="recuo",
        incident=row["incident"],
        receiver=row["receiver"],
        message=row["id"],
        message_kind=row["kind"],
        **facts,
    )
