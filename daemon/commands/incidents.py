"""`recuo incidents`, `show`, `ack`, `comment`, `assess`, `decide`, `verify`, `resolve` and `checklist`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from daemon.client import EXIT_INPUT, ClientError
from daemon.commands.completing import incident_ids
from daemon.commands.session import Session, with_session

_STATES = ("open", "triggered", "acknowledged", "resolved", "closed")
_number = click.argument("incident", metavar="ID", type=click.IntRange(1, 10**18 - 1), shell_complete=incident_ids)
_text = click.argument("text", nargs=-1, required=True)


@click.command()
@click.option("--only", type=click.Choice(_STATES), help="Only those in this state; open: triggered or acknowledged.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--before", type=click.IntRange(1, 10**18 - 1), metavar="ID", help="Only older ones than this.")
@with_session
def incidents(session: Session, only: str | None, limit: int, before: int | None) -> None:
    """Incidents, newest first."""
    from daemon import views
    from daemon.render.incident import incidents as screen

    client = session.client()
    query = {"state": only, "limit": str(limit), "before": None if before is None else str(before)}
    session.show(client.get("/api/v1/incidents", query), views.Incidents, screen, client)


@click.command()
@_number
@with_session
def show(session: Session, incident: int) -> None:
    """One incident: alerts, time budgets, assessment, checklist, messages and timeline."""
    from daemon import views
    from daemon.render.incident import incident as screen

    client = session.client()
    session.show(client.get(f"/api/v1/incidents/{incident}"), views.IncidentDetail, screen, client)


@click.command()
@_number
@with_session
def ack(session: Session, incident: int) -> None:
    """Take an incident: the escalation stops. Taking it twice is no error."""
    _change(session, incident, "ack", {})


@click.command()
@_number
@_text
@with_session
def comment(session: Session, incident: int, text: tuple[str, ...]) -> None:
    """Add a remark to the timeline; `-` reads it from standard input."""
    _change(session, incident, "comment", {"text": _said(text)})


@click.command()
@_number
@click.option("--reason", default="", help="Why it is over, in a few words.")
@with_session
def resolve(session: Session, incident: int, reason: str) -> None:
    """Say that an incident is over. Exits 1 while an alert of it still fires and no reason is given."""
    _change(session, incident, "resolve", {"reason": reason})


@click.command()
@_number
@click.option("--impact", help="What users notice.")
@click.option("--scope", help="How much is affected.")
@click.option("--resources", help="What putting it right needs.")
@click.option("--severity", type=click.Choice(["critical", "error", "warning", "info"]), help="How bad it is.")
@click.option("--time-to-fix", help="How long putting it right would take, like 30m.")
@click.option("--data-loss-risk", help="What could be lost.")
@with_session
def assess(session: Session, /, incident: int, **fields: str | None) -> None:
    """Assess an incident, or correct the assessment: what is given replaces what was there."""
    given = {name: value for name, value in fields.items() if value is not None}
    if not given:
        raise ClientError(EXIT_INPUT, "say what is assessed, like --impact TEXT; see `recuo assess --help`")
    _change(session, incident, "assessment", given, "assess")


@click.command()
@_number
@_text
@with_session
def decide(session: Session, incident: int, text: tuple[str, ...]) -> None:
    """Write down what was decided, and why; `-` reads it from standard input."""
    _change(session, incident, "decision", {"decision": _said(text)}, "decide")


@click.command()
@_number
@click.option("--note", default="", help="What was seen to work again.")
@with_session
def verify(session: Session, incident: int, note: str) -> None:
    """Say that it works again, after the decision was carried out."""
    _change(session, incident, "verify", {"note": note})


@click.command()
@_number
@click.argument("item", required=False)
@click.argument("answer", nargs=-1)
@with_session
def checklist(session: Session, incident: int, item: str | None, answer: tuple[str, ...]) -> None:
    """The checklist after an incident, or the answer to one item; the last answer closes the incident."""
    if item is not None:
        if not answer:
            raise ClientError(EXIT_INPUT, f"say the answer too, like: recuo checklist {incident} {item} yes")
        _change(session, incident, "checklist", {"item": item, "answer": _said(answer)})
        return
    from daemon import views
    from daemon.render.lists import checklist as screen

    client = session.client()
    found = client.get(f"/api/v1/incidents/{incident}")
    data = {"id": found["id"], "state": found["state"], "checklist": found["checklist"]} if session.as_json else found
    session.show(data, views.IncidentDetail, screen, client)


def _said(words: tuple[str, ...]) -> str:
    return sys.stdin.read() if words == ("-",) else " ".join(words)


def _change(session: Session, incident: int, path: str, body: Mapping[str, Any], done: str = "") -> None:
    from daemon import views
    from daemon.render.lists import done as screen

    client = session.client()
    data = client.post(f"/api/v1/incidents/{incident}/{path}", body)
    session.show(data, views.IncidentDetail, lambda view, look: screen(view, look, f"done.{done or path}"), client)
