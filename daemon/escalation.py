"""Pages one step after the other until somebody acknowledges; where it stands is in the store.

The cursor (`escalations`: the step and cycle paged last, counted from 0, and when the next is due) moves in the same
transaction in which the messages are queued, so that a page is neither lost nor skipped by a crash. Each step is due
`after` the escalation began. After the last step the steps begin again, `repeat` times, after a pause that is as long
as the one before the last step (five minutes if there is only one). When they are used up the fallback is paged once.

A daemon that was down while steps came due pages the one it stopped at and goes on from there with the usual pauses:
an hour of standstill does not page everyone at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from daemon import audit, messages, outbox
from daemon.configuration.models import Config
from daemon.configuration.people import Target
from daemon.reach import Reach, local_ways, reachability, resolve
from recuo.values import Instant

__all__ = ["Why", "describe", "next_due", "reachability", "reached_now", "start", "stop", "tick", "undelivered"]

Why = Literal["opened", "reopened", "raised", "budget"]
"""Why an incident pages: it opened, opened again, became more severe, or passed one of its time budgets."""

_ACTOR: Final = "recuo"
_LONE_PAUSE_MS: Final = 300_000
_SHORTEST_PAUSE_MS: Final = 60_000
_LOCAL_SUFFIX: Final = "-local"
_FALLBACK_SUFFIX: Final = "-fallback"


class _Step(NamedTuple):
    targets: tuple[Target, ...]
    after_ms: int


class _Plan(NamedTuple):
    """An escalation as it is carried out, configured or not."""

    name: str
    steps: tuple[_Step, ...]
    repeat: int
    fallback: tuple[Target, ...]

    def pause_ms(self, step: int) -> int:
        """How long the step before `step` has; for step 0, the pause between two cycles."""
        if step:
            return max(0, self.steps[step].after_ms - self.steps[step - 1].after_ms)
        last = self.pause_ms(len(self.steps) - 1) if len(self.steps) > 1 else _LONE_PAUSE_MS
        return max(last, _SHORTEST_PAUSE_MS)


class _Cursor(NamedTuple):
    step: int
    cycle: int


def start(
    tx: sqlite3.Connection, incident: Mapping[str, Any] | sqlite3.Row, *, config: Config, now: Instant, why: Why
) -> None:
    """Begin to page for an incident, or page again for it; the first step's messages are queued in this transaction.

    `incident` is its row as it is now; its alerts are in the store already. `opened` and `reopened` begin with the
    first step. So does `raised` where nobody has acknowledged; a passed `budget` then goes on to the next step at once.
    Where somebody has acknowledged, `raised` pages the last step's people once more and `budget` the next step's, and
    neither runs on by itself.
    """
    row = dict(incident)
    plan = _plan(config, row["escalation"])
    held = _held(tx, row["id"])
    if why in {"raised", "budget"} and held is not None and row["state"] == "acknowledged":
        cursor = _Cursor(max(0, held["step"]), held["cycle"])
        if why == "budget":
            cursor = cursor._replace(step=min(held["step"] + 1, len(plan.steps) - 1))
        _save(tx, row["id"], plan, cursor, None, "stopped", held["reason"])
        _page(tx, row, plan, cursor, config=config, now=now, due=now, why=why)
        return
    if why == "budget" and held is not None and held["state"] == "running":
        _run(tx, row, plan, _Cursor(held["step"], held["cycle"]), config=config, now=now, due=now, why=why)
        return
    if why == "budget" and held is not None and held["state"] == "exhausted":
        _page_exhausted(tx, row, plan, config=config, now=now, why=why)
        return
    fresh, due = _Cursor(-1, 0), now + plan.steps[0].after_ms
    _save(tx, row["id"], plan, fresh, due, "running", why)
    if due <= now:
        _run(tx, row, plan, fresh, config=config, now=now, due=due, why=why)


def stop(tx: sqlite3.Connection, incident_id: int, *, reason: str, now: Instant) -> None:
    """Page no further (acknowledged, resolved); queued pages that were never tried are cancelled."""
    changed = tx.execute(
        "UPDATE escalations SET state = 'stopped', next_at = NULL, reason = ? "
        "WHERE incident = ? AND state <> 'stopped'",
        (reason, incident_id),
    ).rowcount
    cancelled = outbox.cancel_pages(tx, incident_id)
    if changed or cancelled:
        facts = {"reason": reason, "cancelled": cancelled}
        audit.record(tx, at=now, kind="escalation-stopped", actor=_ACTOR, incident=incident_id, **facts)


def tick(tx: sqlite3.Connection, *, config: Config, now: Instant) -> None:
    """Page every step that has come due."""
    due = tx.execute(
        "SELECT e.step, e.cycle, e.next_at, e.reason, i.* FROM escalations e JOIN incidents i ON i.id = e.incident "
        "WHERE e.state = 'running' AND e.next_at <= ? ORDER BY e.next_at, i.id",
        (now,),
    ).fetchall()
    for row in due:
        plan = _plan(config, row["escalation"])
        cursor = _Cursor(row["step"], row["cycle"])
        _run(tx, dict(row), plan, cursor, config=config, now=now, due=row["next_at"], why=row["reason"])


def next_due(conn: sqlite3.Connection) -> Instant | None:
    """When the next step of any incident is due; None if nothing is being paged."""
    found = conn.execute("SELECT min(next_at) FROM escalations WHERE state = 'running'").fetchone()[0]
    return None if found is None else int(found)


def describe(conn: sqlite3.Connection, incident_id: int, config: Config) -> dict[str, Any] | None:
    """Where an incident's escalation stands; None if it never paged.

    Keys: policy, state, step, steps, cycle, cycles (counted from 1; step 0: none was paged yet), next_at, reason.
    """
    held = _held(conn, incident_id)
    if held is None:
        return None
    plan = _plan(config, held["policy"])
    return {
        "policy": held["policy"] or plan.name,
        "state": held["state"],
        "step": held["step"] + 1,
        "steps": len(plan.steps),
        "cycle": held["cycle"] + 1,
        "cycles": plan.repeat + 1,
        "next_at": held["next_at"],
        "reason": held["reason"],
    }


def reached_now(
    conn: sqlite3.Connection, incident: Mapping[str, Any] | sqlite3.Row, *, config: Config, now: Instant
) -> tuple[Reach, ...]:
    """The ways to the people of the step that was paged last: for messages about an incident that page nobody."""
    held = _held(conn, incident["id"])
    plan = _plan(config, held["policy"] if held else incident["escalation"])
    step = min(max(0, held["step"]), len(plan.steps) - 1) if held else 0
    return resolve(config, plan.steps[step].targets, now).ways


def undelivered(tx: sqlite3.Connection, message_id: int, *, config: Config, now: Instant) -> None:
    """A page could not be delivered, or several attempts at it failed: if nobody else gets it, find another way.

    The other way is the escalation's fallback, and if that fails too, the terminal and the file of this machine. Does
    nothing for updates, once the incident is acknowledged, and while another message of the same page may arrive.
    """
    row = tx.execute("SELECT * FROM outbox WHERE id = ?", (message_id,)).fetchone()
    if row is None or row["kind"] != "page" or row["incident"] is None or row["key"].endswith(_LOCAL_SUFFIX):
        return
    held = _held(tx, row["incident"])
    if held is None or held["state"] == "stopped" or outbox.may_still_arrive(tx, row["key"], besides=message_id):
        return
    base = row["key"].removesuffix(_FALLBACK_SUFFIX)
    ways: Sequence[Reach] = ()
    if row["key"] == base:
        tried = {(r["receiver"], r["address"]) for r in outbox.with_key(tx, base)}
        found = resolve(config, _plan(config, held["policy"]).fallback, now).ways
        ways = [way for way in found if (way.receiver, way.address) not in tried]
    key = base + (_FALLBACK_SUFFIX if ways else _LOCAL_SUFFIX)
    ways = ways or local_ways(config)
    for way in ways:
        message = messages.relayed(outbox.message_of(row), key=key, receiver=row["receiver"])
        _enqueue(tx, way, row["incident"], message, now)
    facts = {"instead_of": row["receiver"], "to": _names(ways)}
    audit.record(tx, at=now, kind="paged-otherwise", actor=_ACTOR, incident=row["incident"], **facts)


def _held(conn: sqlite3.Connection, incident_id: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = conn.execute("SELECT * FROM escalations WHERE incident = ?", (incident_id,)).fetchone()
    return row


def _save(
    tx: sqlite3.Connection,
    incident_id: int,
    plan: _Plan,
    cursor: _Cursor,
    next_at: Instant | None,
    state: str,
    reason: str,
) -> None:
    tx.execute(
        "INSERT INTO escalations (incident, policy, step, cycle, next_at, state, reason) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (incident) DO UPDATE SET policy = excluded.policy, step = excluded.step, cycle = excluded.cycle, "
        "next_at = excluded.next_at, state = excluded.state, reason = excluded.reason",
        (incident_id, plan.name, cursor.step, cursor.cycle, next_at, state, reason),
    )


def _plan(config: Config, name: str | None) -> _Plan:
    """The escalation of that name, else `default`, else the only sensible one: whoever is on call, or everyone."""
    for key in (name, "default"):
        if key is not None and key in config.escalation:
            policy = config.escalation[key]
            steps = tuple(_Step(step.targets, step.after) for step in policy.steps)
            return _Plan(key, steps, policy.repeat, policy.fallback_targets)
    everyone = tuple(Target("person", key) for key in config.people)
    on_call = tuple(Target("schedule", key) for key in config.schedules)
    receivers = tuple(Target("receiver", key) for key in config.receivers)
    return _Plan("default", (_Step(on_call or everyone or receivers, 0),), 3, receivers)


def _run(
    tx: sqlite3.Connection,
    incident: Mapping[str, Any],
    plan: _Plan,
    cursor: _Cursor,
    *,
    config: Config,
    now: Instant,
    due: Instant,
    why: str,
) -> None:
    """Page the step after the cursor, and every further one that is due with it; leave the cursor for the next."""
    while due <= now:
        following = cursor.step + 1
        cursor = _Cursor(following, cursor.cycle) if following < len(plan.steps) else _Cursor(0, cursor.cycle + 1)
        if cursor.cycle > plan.repeat:
            last = _Cursor(len(plan.steps) - 1, plan.repeat)
            _save(tx, incident["id"], plan, last, None, "exhausted", why)
            _page_exhausted(tx, incident, plan, config=config, now=now, why=why)
            return
        _page(tx, incident, plan, cursor, config=config, now=now, due=due, why=why)
        pause_ms = plan.pause_ms((cursor.step + 1) % len(plan.steps))
        due = due + pause_ms if due + pause_ms > now else now + pause_ms
    _save(tx, incident["id"], plan, cursor, due, "running", why)


def _page(
    tx: sqlite3.Connection,
    incident: Mapping[str, Any],
    plan: _Plan,
    cursor: _Cursor,
    *,
    config: Config,
    now: Instant,
    due: Instant,
    why: str,
) -> None:
    position = messages.Position(cursor.step + 1, len(plan.steps), cursor.cycle + 1, plan.repeat + 1)
    reached = resolve(config, plan.steps[cursor.step].targets, now)
    ways = reached.ways
    if reached.problems:
        audit.record(
            tx, at=now, kind="unreachable", actor=_ACTOR, incident=incident["id"], problems=list(reached.problems)
        )
    if not ways:
        position = position._replace(fallback=True)
        ways = _last_ways(config, plan, now)
    key = f"page-{incident['id']}-{cursor.cycle + 1}-{cursor.step + 1}-{due}"
    _queue(tx, incident, ways, key=key, position=position, config=config, now=now, why=why)
    audit.record(
        tx,
        at=now,
        kind="paged",
        actor=_ACTOR,
        incident=incident["id"],
        escalation=plan.name,
        step=cursor.step + 1,
        cycle=cursor.cycle + 1,
        why=why,
        fallback=position.fallback,
        to=_names(ways),
    )


def _page_exhausted(
    tx: sqlite3.Connection, incident: Mapping[str, Any], plan: _Plan, *, config: Config, now: Instant, why: str
) -> None:
    """Everyone was paged as often as configured and nobody answered: page the fallback, once."""
    ways = _last_ways(config, plan, now)
    position = messages.Position(len(plan.steps), len(plan.steps), plan.repeat + 1, plan.repeat + 1, fallback=True)
    key = f"page-{incident['id']}-exhausted-{now}"
    _queue(tx, incident, ways, key=key, position=position, config=config, now=now, why="exhausted")
    audit.record(
        tx,
        at=now,
        kind="escalation-exhausted",
        actor=_ACTOR,
        incident=incident["id"],
        escalation=plan.name,
        why=why,
        to=_names(ways),
    )


def _last_ways(config: Config, plan: _Plan, now: Instant) -> tuple[Reach, ...]:
    return resolve(config, plan.fallback, now).ways or local_ways(config)


def _queue(
    tx: sqlite3.Connection,
    incident: Mapping[str, Any],
    ways: Sequence[Reach],
    *,
    key: str,
    position: messages.Position,
    config: Config,
    now: Instant,
    why: str,
) -> None:
    view = messages.incident_view(tx, incident, position=position)
    for way in ways:
        message = messages.page(view, config=config, locale=way.locale, now=now, why=why, key=key)
        _enqueue(tx, way, incident["id"], message, now)


def _enqueue(tx: sqlite3.Connection, way: Reach, incident_id: int, message: messages.Message, now: Instant) -> None:
    outbox.enqueue(
        tx,
        key=message.key,
        receiver=way.receiver,
        address=way.address,
        incident=incident_id,
        kind="page",
        message=message,
        now=now,
    )


def _names(ways: Sequence[Reach]) -> list[str]:
    """Whom a page goes to, as the timeline shows it: people by their key, never by their address."""
    return [f"{way.person} ({way.receiver})" if way.person else way.receiver for way in ways]
