"""What the engine's transitions do to incidents (design A7): open, join, raise, reopen, recover.

One open incident for each playbook and group. An alert that fires again within `reopen_within` of the resolution opens
the same incident again. An alert that a person resolved over (it fired on) reopens nothing until the engine has
resolved it and it fires anew; an event that happens again always does, for it is news.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from daemon import audit, escalation
from daemon.configuration.models import Config
from daemon.incidents import rows
from daemon.incidents.grouping import Target, targets
from daemon.incidents.saved import save_alerts
from daemon.incidents.settling import settle
from recuo.values import Instant
from triggers.alerts import FIRING, Transition

_LONGEST_TEXT = 2_000
_STATES = {"pending": "pending", "dropped": "inactive", "resolved": "inactive"}
_TOLD = frozenset({"resolved", "unknown", "known"})
"""What goes into the timeline. Pending and dropped are seen in the alert, and would flood it when a value hovers."""


def apply(
    tx: sqlite3.Connection, transitions: Sequence[Transition], *, config: Config, digest: str, now: Instant
) -> list[int]:
    """Save the alerts and bring their incidents up to date; answers with the incidents touched, each once.

    New, reopened and raised incidents start their escalation in this transaction, after all transitions, so that the
    page tells of every alert that fired at once. `digest` names the configuration that an incident begins with (A10).
    """
    save_alerts(tx, (transition.state for transition in transitions), now=now)
    applying = _Applying(tx, config, digest, now)
    for transition in transitions:
        if transition.kind == "firing" or (transition.kind == "event" and transition.state.state == FIRING):
            applying.fired(transition)
        else:
            applying.changed(transition)
    applying.page()
    return list(applying.touched)


class _Applying:
    """One call of `apply`: which incidents it touched, and why some of them page."""

    def __init__(self, tx: sqlite3.Connection, config: Config, digest: str, now: Instant) -> None:
        self.tx, self.config, self.digest, self.now = tx, config, digest, now
        self.touched: dict[int, None] = {}
        self._pages: dict[int, escalation.Why] = {}

    def page(self) -> None:
        """Start the escalations: once for each incident, for the first reason that it gave."""
        for incident, why in self._pages.items():
            escalation.start(self.tx, rows.get(self.tx, incident), config=self.config, now=self.now, why=why)

    def fired(self, transition: Transition) -> None:
        """An alert began to fire, or an event happened again."""
        found = targets(self.config, transition.rule, transition.labels)
        for target in found:
            self.touched[self._fired_for(transition, target)] = None
        if not found:
            audit.record(self.tx, at=transition.at, kind="alert-fired", actor=rows.ACTOR, **_facts(transition))

    def _fired_for(self, transition: Transition, target: Target) -> int:
        last = _last(self.tx, target)
        if last is None:
            return self._open(transition, target)
        number = int(last["id"])
        if _told_already(self.tx, last, transition):
            return number
        if last["state"] in rows.OPEN:
            self._join(last, transition, target)
        elif transition.at - last["resolved_at"] <= self.config.incidents.reopen_within:
            self._reopen(last, transition, target)
        else:
            return self._open(transition, target)
        return number

    def _open(self, transition: Transition, target: Target) -> int:
        opened_at = min(transition.at, self.now)
        began_at = min(_active_at(transition), opened_at)
        observe = self.config.mode == "observe"
        incident = self.tx.execute(
            "INSERT INTO incidents (playbook, group_key, environment, severity, title, escalation, began_at, "
            "opened_at, config_digest, observe) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*target[:6], began_at, opened_at, self.digest, observe),
        ).lastrowid
        assert incident is not None
        _note_alert(self.tx, incident, transition, target)
        audit.record(
            self.tx,
            at=opened_at,
            kind="opened",
            actor=rows.ACTOR,
            incident=incident,
            playbook=target.playbook,
            group=json.loads(target.group_key),
            title=target.title,
            severity=target.severity,
            observe=observe,
            **_facts(transition),
        )
        self._pages[incident] = "opened"
        return incident

    def _join(self, incident: sqlite3.Row, transition: Transition, target: Target) -> None:
        number, at = int(incident["id"]), transition.at
        _note_alert(self.tx, number, transition, target)
        began_at = min(incident["began_at"], _active_at(transition))
        self.tx.execute("UPDATE incidents SET began_at = ? WHERE id = ?", (began_at, number))
        kind = "event-seen" if transition.kind == "event" else "alert-fired"
        audit.record(self.tx, at=at, kind=kind, actor=rows.ACTOR, incident=number, **_facts(transition))
        if target.event:  # what was verified before it says nothing about it
            self.tx.execute("UPDATE incidents SET verified_at = NULL WHERE id = ?", (number,))
        settle(self.tx, number, at)
        if self._raise(incident, transition, target):
            self._pages.setdefault(number, "raised")

    def _raise(self, incident: sqlite3.Row, transition: Transition, target: Target) -> bool:
        old, new = incident["severity"], rows.worse(incident["severity"], target.severity)
        if old != new:
            self.tx.execute("UPDATE incidents SET severity = ? WHERE id = ?", (new, incident["id"]))
            facts = {"old": old, "new": new, "rule": transition.rule}
            audit.record(self.tx, at=transition.at, kind="raised", actor=rows.ACTOR, incident=incident["id"], **facts)
        return bool(old != new)

    def _reopen(self, incident: sqlite3.Row, transition: Transition, target: Target) -> None:
        """Open again: the clocks go on from where the resolution stopped them; the checklist is to be answered anew."""
        number, at = int(incident["id"]), max(transition.at, incident["resolved_at"])
        well_since = incident["resolved_at"] if incident["recovered_at"] is None else incident["recovered_at"]
        pauses = [*json.loads(incident["pauses"]), [incident["resolved_at"], at]]
        self.tx.execute(
            "UPDATE incidents SET state = 'triggered', reopened = reopened + 1, reopened_at = ?, pauses = ?, "
            "recovered_ms = recovered_ms + ?, recovered_at = NULL, verified_at = NULL, quiet_since = NULL, "
            "resolved_at = NULL, resolved_by = NULL, resolution = NULL, closed_at = NULL, acknowledged_at = NULL, "
            "acknowledged_by = NULL WHERE id = ?",
            (at, audit.canonical(pauses), max(0, at - well_since), number),
        )
        self.tx.execute("DELETE FROM checklist_answers WHERE incident = ?", (number,))
        _note_alert(self.tx, number, transition, target)
        audit.record(self.tx, at=at, kind="reopened", actor=rows.ACTOR, incident=number, **_facts(transition))
        self._raise(incident, transition, target)
        settle(self.tx, number, at)
        self._pages[number] = "reopened"

    def changed(self, transition: Transition) -> None:
        """Anything but firing: noted in the incidents that the alert is part of."""
        found = _memberships(self.tx, transition)
        for row in found:
            _note_change(self.tx, row["incident"], transition)
            _tell(self.tx, transition, row["incident"])
            if row["is_open"]:
                settle(self.tx, row["incident"], transition.at)
            self.touched[row["incident"]] = None
        if not found and transition.kind == "resolved":
            _tell(self.tx, transition, None)


def _last(conn: sqlite3.Connection, target: Target) -> sqlite3.Row | None:
    row: sqlite3.Row | None = conn.execute(
        "SELECT * FROM incidents WHERE playbook = ? AND group_key = ? ORDER BY id DESC LIMIT 1",
        (target.playbook, target.group_key),
    ).fetchone()
    return row


def _told_already(tx: sqlite3.Connection, incident: sqlite3.Row, transition: Transition) -> bool:
    """Whether this firing is in the incident already; an event that happens again is always news."""
    row = tx.execute(
        "SELECT state, firing_at FROM incident_alerts WHERE incident = ? AND rule = ? AND labels = ?",
        (incident["id"], transition.rule, rows.labels_text(transition.labels)),
    ).fetchone()
    if row is None or row["state"] != "firing" or transition.kind == "event":
        return False
    return incident["state"] in rows.OPEN or transition.at <= row["firing_at"]


def _memberships(tx: sqlite3.Connection, transition: Transition) -> list[sqlite3.Row]:
    """The incidents to which a change of the alert matters: open ones, and those it still fired in at their end."""
    return tx.execute(
        "SELECT a.incident, i.state IN ('triggered', 'acknowledged') AS is_open FROM incident_alerts a "
        "JOIN incidents i ON i.id = a.incident WHERE a.rule = ? AND a.labels = ? "
        "AND (is_open OR a.state <> 'inactive') ORDER BY a.incident",
        (transition.rule, rows.labels_text(transition.labels)),
    ).fetchall()


def _note_alert(tx: sqlite3.Connection, incident: int, transition: Transition, target: Target) -> None:
    tx.execute(
        "INSERT INTO incident_alerts (incident, rule, labels, state, severity, event, active_at, firing_at, "
        "unknown_since, value, reason, text) VALUES (?, ?, ?, 'firing', ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (incident, rule, labels) DO UPDATE SET state = 'firing', severity = excluded.severity, "
        "event = excluded.event, active_at = CASE state WHEN 'firing' THEN active_at ELSE excluded.active_at END, "
        "firing_at = excluded.firing_at, resolved_at = NULL, fired = fired + 1, "
        "unknown_since = excluded.unknown_since, value = excluded.value, reason = excluded.reason, "
        "text = excluded.text",
        (
            incident,
            transition.rule,
            rows.labels_text(transition.labels),
            target.severity,
            target.event,
            _active_at(transition),
            transition.at,
            transition.state.unknown_since,
            transition.value,
            _shown(transition.reason),
            _shown(transition.text),
        ),
    )


def _note_change(tx: sqlite3.Connection, incident: int, transition: Transition) -> None:
    tx.execute(
        "UPDATE incident_alerts SET state = coalesce(:state, state), unknown_since = :unknown, value = :value, "
        "reason = :reason, resolved_at = CASE WHEN :state = 'inactive' AND state = 'firing' THEN :at "
        "ELSE resolved_at END WHERE incident = :incident AND rule = :rule AND labels = :labels",
        {
            "state": _STATES.get(transition.kind),
            "unknown": transition.state.unknown_since,
            "value": transition.value,
            "reason": _shown(transition.reason),
            "at": transition.at,
            "incident": incident,
            "rule": transition.rule,
            "labels": rows.labels_text(transition.labels),
        },
    )


def _tell(tx: sqlite3.Connection, transition: Transition, incident: int | None) -> None:
    if transition.kind in _TOLD:
        kind = f"alert-{transition.kind}"
        audit.record(tx, at=transition.at, kind=kind, actor=rows.ACTOR, incident=incident, **_facts(transition))


def _active_at(transition: Transition) -> Instant:
    return transition.at if transition.active_at is None else transition.active_at


def _facts(transition: Transition) -> dict[str, Any]:
    return {
        "rule": transition.rule,
        "labels": dict(transition.labels),
        "value": transition.value,
        "active_at": transition.active_at,
        "reason": _shown(transition.reason),
        "text": _shown(transition.text),
    }


def _shown(text: str) -> str:
    """Text from outside, as much of it as is kept."""
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
