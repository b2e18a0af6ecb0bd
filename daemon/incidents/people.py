"""What people do to an incident: acknowledge, comment, assess, decide, verify, resolve, answer the checklist.

Each is one fact in the timeline with who and when. Asking for what is already so changes nothing and is no error.
"""

from __future__ import annotations

import difflib
import json
import sqlite3
from collections.abc import Mapping
from typing import Final

from daemon import audit, escalation
from daemon.configuration.models import Config
from daemon.incidents import rows
from daemon.incidents.rows import IncidentError
from daemon.incidents.settling import calm, settle
from recuo.values import Instant

ASSESSMENT: Final = ("impact", "scope", "resources", "severity", "time_to_fix", "data_loss_risk")
"""The documented quick assessment (impact, scope, resources) and what the decision rests on (severity, time to fix,
risk of data loss). An incident is assessed when all six are given (A8).
"""

_LONGEST: Final = 4_000


def acknowledge(tx: sqlite3.Connection, incident: int, *, by: str, now: Instant) -> None:
    """Someone works on it: paging stops. A second person takes over. Raises IncidentError for one that is over."""
    row = rows.get_open(tx, incident, "acknowledging")
    paging = tx.execute("SELECT 1 FROM escalations WHERE incident = ? AND state = 'running'", (incident,)).fetchone()
    if row["state"] == "acknowledged" and row["acknowledged_by"] == by and not paging:
        return
    tx.execute(
        "UPDATE incidents SET state = 'acknowledged', acknowledged_at = ?, acknowledged_by = ? WHERE id = ?",
        (now, by, incident),
    )
    facts = {"instead_of": row["acknowledged_by"]} if row["acknowledged_by"] not in {None, by} else {}
    audit.record(tx, at=now, kind="acknowledged", actor=by, incident=incident, **facts)
    escalation.stop(tx, incident, reason="acknowledged", now=now)


def comment(tx: sqlite3.Connection, incident: int, *, by: str, text: str, now: Instant) -> None:
    """A remark for the timeline, at any time. Raises IncidentError `invalid` for an empty or endless one."""
    rows.get(tx, incident)
    text = rows.wanted_text(text, "the comment", longest=_LONGEST)
    audit.record(tx, at=now, kind="commented", actor=by, incident=incident, text=text)


def assess(tx: sqlite3.Connection, incident: int, *, by: str, fields: Mapping[str, str], now: Instant) -> None:
    """Fill in or correct some of the assessment; what is not given stays. Assessed once all six are there.

    `severity` becomes the incident's own, and pages nobody: whoever assesses is there. Raises IncidentError `invalid`
    for an unknown field, an empty text or a severity that is none; corrections are welcome after the end too.
    """
    row = rows.get(tx, incident)
    given = {name: _assessed(name, value) for name, value in fields.items()}
    before: dict[str, str] = json.loads(row["assessment"])
    changed = {name: {"old": before.get(name), "new": new} for name, new in given.items() if before.get(name) != new}
    if not changed:
        return
    after = {**before, **given}
    complete_at = now if row["assessed_at"] is None and set(ASSESSMENT) <= set(after) else row["assessed_at"]
    tx.execute(
        "UPDATE incidents SET assessment = ?, assessed_at = ?, severity = ? WHERE id = ?",
        (audit.canonical(after), complete_at, after.get("severity", row["severity"]), incident),
    )
    done = set(ASSESSMENT) <= set(after)
    audit.record(tx, at=now, kind="assessed", actor=by, incident=incident, changed=changed, complete=done)


def _assessed(name: str, value: str) -> str:
    if name not in ASSESSMENT:
        near = difflib.get_close_matches(name, ASSESSMENT, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise IncidentError("invalid", f"an assessment has no {name!r}, but {', '.join(ASSESSMENT)}{hint}")
    if not isinstance(value, str):
        raise IncidentError("invalid", f"{name} is not text")
    text = rows.wanted_text(value, name, longest=_LONGEST)
    if name == "severity" and text not in rows.SEVERITIES:
        raise IncidentError("invalid", f"severity is one of {', '.join(reversed(rows.SEVERITIES))}, not {text!r}")
    return text


def decide(tx: sqlite3.Connection, incident: int, *, by: str, decision: str, now: Instant) -> None:
    """Write down what is done: roll back, wait, repair. A later decision corrects it, and leaves the clock as it is."""
    row = rows.get_open(tx, incident, "deciding")
    decision = rows.wanted_text(decision, "the decision", longest=_LONGEST)
    if row["decision"] == decision:
        return
    first = row["decided_at"] is None
    tx.execute(
        "UPDATE incidents SET decision = ?, decided_at = coalesce(decided_at, ?), decided_by = ? WHERE id = ?",
        (decision, now, by, incident),
    )
    facts = {} if first else {"old": row["decision"]}
    audit.record(tx, at=now, kind="decided", actor=by, incident=incident, decision=decision, **facts)
    settle(tx, incident, now)


def verify(tx: sqlite3.Connection, incident: int, *, by: str, now: Instant, note: str = "") -> None:
    """It works again, someone has seen it: the incident of an event may end now (S11), after its quiet time."""
    row = rows.get_open(tx, incident, "verifying")
    if row["verified_at"] is not None:
        return
    tx.execute("UPDATE incidents SET verified_at = ? WHERE id = ?", (now, incident))
    facts = {"note": rows.wanted_text(note, "the note", longest=_LONGEST)} if note.strip() else {}
    audit.record(tx, at=now, kind="verified", actor=by, incident=incident, how="seen", **facts)
    settle(tx, incident, now)


def resolve(tx: sqlite3.Connection, incident: int, *, by: str, reason: str, config: Config, now: Instant) -> None:
    """A person says that it is over. Over already: nothing changes.

    While alerts fire or are unknown that wants a reason, and they are named in the timeline; those alerts reopen
    nothing until they have resolved and fire anew. Raises IncidentError `conflict`, with the alerts, where the reason
    is missing.
    """
    row = rows.get(tx, incident)
    if row["state"] not in rows.OPEN:
        return
    found = [
        rows.alert_name(alert["rule"], alert["labels"])
        for alert in rows.alerts(tx, incident)
        if (alert["state"] == "firing" and not alert["event"]) or alert["unknown_since"] is not None
    ]
    if found and not reason.strip():
        raise IncidentError(
            "conflict",
            f"incident {incident} has alerts that fire or are unknown; give a reason to resolve it anyway",
            found,
        )
    text = rows.wanted_text(reason, "the reason", longest=_LONGEST) if reason.strip() else ""
    end(tx, row, by=by, reason=text, config=config, now=now, still=found)


def end(
    tx: sqlite3.Connection,
    incident: sqlite3.Row,
    *,
    by: str,
    reason: str,
    config: Config,
    now: Instant,
    still: list[str] | None = None,
) -> None:
    """Resolve an open incident: clocks and paging stop; it is closed where no checklist is left to answer."""
    number, at = incident["id"], max(now, incident["opened_at"])
    recovered_at = incident["recovered_at"]
    if recovered_at is None and calm(tx, incident)._replace(held=False).recovered:
        recovered_at = at  # only an event waited for somebody to say so
    tx.execute(
        "UPDATE incidents SET state = 'resolved', resolved_at = ?, resolved_by = ?, resolution = ?, recovered_at = ?, "
        "quiet_since = NULL WHERE id = ?",
        (at, by, reason, recovered_at, number),
    )
    facts = {"still": still} if still else {}
    audit.record(tx, at=at, kind="resolved", actor=by, incident=number, reason=reason, **facts)
    escalation.stop(tx, number, reason="resolved", now=now)
    _close_when_answered(tx, number, by=by, config=config, now=at)


def answer(
    tx: sqlite3.Connection, incident: int, *, by: str, item: str, answer: str, config: Config, now: Instant
) -> None:
    """Answer one item of the checklist; when all are answered a resolved incident is closed.

    Raises IncidentError `invalid` for an item that the checklist does not have, `conflict` for a closed incident.
    """
    row = rows.get(tx, incident)
    known = [entry.id for entry in config.checklist]
    if item not in known:
        near = difflib.get_close_matches(item, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
        raise IncidentError("invalid", f"the checklist has no item {item!r}; {hint}")
    text = rows.wanted_text(answer, "the answer", longest=_LONGEST)
    before = tx.execute(
        "SELECT answer FROM checklist_answers WHERE incident = ? AND item = ?", (incident, item)
    ).fetchone()
    if before is not None and before[0] == text:
        return
    if row["state"] == "closed":
        raise IncidentError("conflict", f"incident {incident} is closed: its checklist stays as it is; add a comment")
    tx.execute(
        "INSERT INTO checklist_answers (incident, item, answer, by, at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (incident, item) DO UPDATE SET answer = excluded.answer, by = excluded.by, at = excluded.at",
        (incident, item, text, by, now),
    )
    facts = {"old": before[0]} if before is not None else {}
    audit.record(tx, at=now, kind="checklist-answered", actor=by, incident=incident, item=item, answer=text, **facts)
    if row["state"] == "resolved":
        _close_when_answered(tx, incident, by=by, config=config, now=now)


def _close_when_answered(tx: sqlite3.Connection, incident: int, *, by: str, config: Config, now: Instant) -> None:
    answered = {row[0] for row in tx.execute("SELECT item FROM checklist_answers WHERE incident = ?", (incident,))}
    if {entry.id for entry in config.checklist} <= answered:
        tx.execute("UPDATE incidents SET state = 'closed', closed_at = ? WHERE id = ?", (now, incident))
        audit.record(tx, at=now, kind="closed", actor=by, incident=incident)
