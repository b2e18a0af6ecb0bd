"""The documented time budgets of an incident as running clocks (design A8).

Identify runs from opened to assessed, decide from assessed to decided, execute from decided to verified, first update
from opened to the first message delivered, downtime from began to recovered. Whoever decides has identified, so a
decision without an assessment stops the first clock and spends nothing of the second. A resolution stops all; after a
reopening they go on without the time in between, and downtime leaves out whatever time the service had recovered for.

A clock warns once at 80 % (a message to whoever is being paged, or has acknowledged) and once when it is passed, when
the escalation goes on. Once the service has recovered nobody is woken any more: that a clock is passed is then only
written down.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from daemon import audit, escalation, notices
from daemon.configuration.models import Config
from daemon.incidents.rows import ACTOR, OPEN, all_open, get
from recuo.values import Instant

BUDGETS: Final = ("identify", "decide", "execute", "first_update", "downtime")
WARN_AT: Final = 0.8
"""The share of a budget at which its clock warns."""
_EVER: Final = 2**63

State = Literal["not_started", "running", "warned", "passed", "met", "missed"]


class Clock(NamedTuple):
    """One budget of one incident at an instant. `spent_ms` leaves pauses out and is never negative.

    `warn_at` and `pass_at` are when a running clock reaches 80 % and all of its limit, if nothing stops it.
    """

    name: str
    limit_ms: int
    started_at: Instant | None
    stopped_at: Instant | None
    spent_ms: int
    state: State
    warn_at: Instant | None
    pass_at: Instant | None


def clocks(incident: sqlite3.Row, config: Config, now: Instant) -> list[Clock]:
    """All five clocks of an incident, in the order of the budgets."""
    limits = config.budgets
    identified_at = _first(incident["assessed_at"], incident["decided_at"])
    return [
        _clock("identify", limits.identify, incident, incident["opened_at"], identified_at, now),
        _clock("decide", limits.decide, incident, identified_at, incident["decided_at"], now),
        _clock("execute", limits.execute, incident, incident["decided_at"], incident["verified_at"], now),
        _clock("first_update", limits.first_update, incident, incident["opened_at"], incident["first_update_at"], now),
        _clock("downtime", limits.downtime, incident, incident["began_at"], incident["recovered_at"], now),
    ]


def _first(*instants: Instant | None) -> Instant | None:
    return min((at for at in instants if at is not None), default=None)


def _clock(
    name: str, limit_ms: int, incident: sqlite3.Row, start: Instant | None, stop: Instant | None, now: Instant
) -> Clock:
    ended_at = _first(stop, incident["resolved_at"])
    if start is None or (stop is None and ended_at is not None and ended_at < start):
        return Clock(name, limit_ms, None, None, 0, "not_started", None, None)
    stopped_at = None if ended_at is None else max(ended_at, start)
    until = max(start, now) if stopped_at is None else stopped_at
    # Pauses are over: of a running clock all of them since its start count, whatever `now` is.
    left_out = _paused_ms(incident, start, _EVER if stopped_at is None else stopped_at)
    if name == "downtime":
        left_out = incident["recovered_ms"]
    spent_ms = max(0, until - start - left_out)
    if stopped_at is not None:
        state: State = "met" if spent_ms < limit_ms else "missed"
        return Clock(name, limit_ms, start, stopped_at, spent_ms, state, None, None)
    warn_ms = int(limit_ms * WARN_AT)
    state = "passed" if spent_ms >= limit_ms else "warned" if spent_ms >= warn_ms else "running"
    return Clock(name, limit_ms, start, None, spent_ms, state, start + left_out + warn_ms, start + left_out + limit_ms)


def _paused_ms(incident: sqlite3.Row, start: Instant, until: Instant) -> int:
    """How long the incident was resolved between two instants."""
    pauses: list[list[int]] = json.loads(incident["pauses"])
    return sum(max(0, min(end, until) - max(begin, start)) for begin, end in pauses)


def tick(tx: sqlite3.Connection, *, config: Config, now: Instant) -> None:
    """Warn and escalate for the clocks of open incidents that have come so far; once each, whatever restarts.

    Clocks that are passed at the same time escalate by one step, not by one each.
    """
    for incident in all_open(tx):
        marks, passed = _marks(tx, incident["id"]), False
        for clock in clocks(incident, config, now):
            if clock.state == "passed" and (clock.name, "passed") not in marks:
                _mark(tx, incident, clock, "passed", now)
                passed = True
            elif clock.state == "warned" and (clock.name, "warned") not in marks:
                _mark(tx, incident, clock, "warned", now)
                if incident["recovered_at"] is None:
                    spent_ms, limit_ms = clock.spent_ms, clock.limit_ms
                    notices.budget_warning(tx, incident, clock.name, limit_ms, spent_ms, config=config, now=now)
        if passed and incident["recovered_at"] is None:
            escalation.start(tx, get(tx, incident["id"]), config=config, now=now, why="budget")


def next_due(conn: sqlite3.Connection, config: Config, incident: sqlite3.Row) -> Instant | None:
    """When the next clock of an open incident warns or is passed; None if none will."""
    if incident["state"] not in OPEN:
        return None
    marks = _marks(conn, incident["id"])
    return min(_due(clocks(incident, config, incident["opened_at"]), marks), default=None)


def _due(found: list[Clock], marks: set[tuple[str, str]]) -> Iterator[Instant]:
    for clock in found:
        if clock.pass_at is None or clock.warn_at is None or (clock.name, "passed") in marks:
            continue
        yield clock.pass_at if (clock.name, "warned") in marks else clock.warn_at


def _marks(conn: sqlite3.Connection, incident: int) -> set[tuple[str, str]]:
    rows = conn.execute("SELECT budget, mark FROM budget_marks WHERE incident = ?", (incident,))
    return {(row[0], row[1]) for row in rows}


def _mark(tx: sqlite3.Connection, incident: sqlite3.Row, clock: Clock, mark: str, now: Instant) -> None:
    tx.execute(
        "INSERT INTO budget_marks (incident, budget, mark, at) VALUES (?, ?, ?, ?)",
        (incident["id"], clock.name, mark, now),
    )
    facts: dict[str, Any] = {"budget": clock.name, "limit_ms": clock.limit_ms, "spent_ms": clock.spent_ms}
    audit.record(tx, at=now, kind=f"budget-{mark}", actor=ACTOR, incident=incident["id"], **facts)


def spent(conn: sqlite3.Connection, incident: int, config: Config, now: Instant) -> dict[str, int]:
    """What each stopped clock of an incident has spent, in milliseconds: what the histograms observe when it ends.

    Raises IncidentError `not-found`.
    """
    found = clocks(get(conn, incident), config, now)
    return {clock.name: clock.spent_ms for clock in found if clock.stopped_at is not None}
