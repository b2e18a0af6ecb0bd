"""What people read when they are paged: rendered once, when the message is queued, in the reader's language.

Everything that comes from outside (labels, the text of events, titles) is data for the templates in `daemon/templates/`
and never a template; it is cut to one line, and escaped in HTML. Jinja is imported when the first page is rendered.
Should a template fail, the page goes out in plain words all the same.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import structlog

from actions.base import Message
from actions.text import one_line
from daemon.configuration.models import Config
from daemon.configuration.people import in_locale
from daemon.language import say
from daemon.render import units
from recuo.values import Instant, format_duration, labels_of
from triggers.rules import RuleConfig

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = [
    "Fired",
    "IncidentView",
    "Message",
    "Position",
    "incident_view",
    "page",
    "prepare",
    "relayed",
    "test",
    "warm_up",
]

log = structlog.get_logger(__name__)

_MOST_ALERTS: Final = 10
_NOTE_PLACE: Final = "<!-- note -->"
_SEVERITIES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {},
    "pt-BR": {"critical": "crítico", "error": "erro", "warning": "aviso", "info": "informação"},
}
_GRAVITY: Final = {"en": {}, "pt-BR": {**_SEVERITIES["pt-BR"], "critical": "crítica"}}
"""The same where it is said of the severity, and not of the incident."""
_COLOURS: Final = {"critical": "#b3261e", "error": "#b3541e", "warning": "#8a6d00", "info": "#1f5f8b"}
_WHY: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "opened": "A new incident.",
        "reopened": "The incident has come back: it fires again.",
        "raised": "The incident has become more severe.",
        "budget": "A time budget of the incident has been used up.",
        "exhausted": "Everybody was paged and nobody has acknowledged.",
    },
    "pt-BR": {
        "opened": "Um novo incidente.",
        "reopened": "O incidente voltou: está disparando de novo.",
        "raised": "O incidente ficou mais grave.",
        "budget": "Um limite de tempo do incidente se esgotou.",
        "exhausted": "Todas as pessoas foram chamadas e ninguém assumiu.",
    },
}
_FACTS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "incident": "Incident",
        "severity": "Severity",
        "service": "Service",
        "environment": "Environment",
        "since": "Since",
        "position": "Escalation",
        "runbook": "Procedure",
        "ago": "{time} ({ago} ago)",
        "step": "step {0} of {1}, round {2} of {3}",
        "fallback": "fallback, because nobody else can be reached or has answered",
        "above": "above",
        "below": "below",
        "held": " for {0}",
        "relayed": "This page could not be delivered through {0}; it comes to you instead.",
    },
    "pt-BR": {
        "incident": "Incidente",
        "severity": "Gravidade",
        "service": "Serviço",
        "environment": "Ambiente",
        "since": "Desde",
        "position": "Escalonamento",
        "runbook": "Procedimento",
        "ago": "{time} (há {ago})",
        "step": "etapa {0} de {1}, rodada {2} de {3}",
        "fallback": "último recurso, porque ninguém mais pôde ser contatado ou respondeu",
        "above": "acima de",
        "below": "abaixo de",
        "held": " por {0}",
        "relayed": "Esta chamada não pôde ser entregue por {0}; por isso chega até você.",
    },
}


class Fired(NamedTuple):
    """One alert of an incident as a page tells it."""

    rule: str
    labels: str
    text: str
    value: float | None
    active_at: Instant
    severity: str


class Position(NamedTuple):
    """Where the escalation stands, counted from 1; `fallback` says that the fallback is paged."""

    step: int
    steps: int
    cycle: int
    cycles: int
    fallback: bool = False


class IncidentView(NamedTuple):
    """What a page says of an incident: the firing alerts, the oldest first, and how many are left out of them."""

    id: int
    playbook: str
    title: str
    severity: str
    environment: str
    began_at: Instant
    observe: bool
    alerts: tuple[Fired, ...]
    more: int
    position: Position


def incident_view(
    conn: sqlite3.Connection, incident: Mapping[str, Any] | sqlite3.Row, *, position: Position
) -> IncidentView:
    """What a page needs, from an incident's row and its firing alerts in the store."""
    row = dict(incident)
    rows = conn.execute(
        "SELECT rule, labels, text, reason, value, active_at, severity FROM incident_alerts "
        "WHERE incident = ? AND resolved_at IS NULL ORDER BY firing_at, rule, labels",
        (row["id"],),
    ).fetchall()
    return IncidentView(
        row["id"],
        row["playbook"],
        one_line(row["title"]),
        row["severity"],
        one_line(row["environment"]),
        row["began_at"],
        bool(row["observe"]),
        tuple(_fired(alert) for alert in rows[:_MOST_ALERTS]),
        max(0, len(rows) - _MOST_ALERTS),
        position,
    )


def page(incident: IncidentView, *, config: Config, locale: str, now: Instant, why: str, key: str) -> Message:
    """The page that an incident sends now, in a language.

    `why` is why it pages: opened, reopened, raised, budget or exhausted. `key` names the message for good.
    """
    language = locale if locale in _FACTS else "en"
    facts = _facts(incident, config, language, now)
    message = Message(
        key=key,
        kind="page",
        incident=incident.id,
        event=why,
        severity=incident.severity,
        environment=incident.environment,
        service=config.service.name,
        title=_title(incident, config, language),
        text="",
        html="",
        facts=facts,
        url=_url(incident, config),
        locale=language,
        at=now,
    )
    reason = _WHY[language].get(why, "")
    alerts = [_alert(alert, config, language, now) for alert in incident.alerts]
    return _rendered(message, "page", incident=incident, why=reason, alerts=alerts)


def test(*, config: Config, locale: str, now: Instant, key: str) -> Message:
    """A message that says that it is only a test of the way it came."""
    language = locale if locale in _FACTS else "en"
    name = config.service.name
    title = {"en": f"[test] {name}: Recuo can reach you", "pt-BR": f"[teste] {name}: o Recuo consegue falar com você"}
    words = _FACTS[language]
    facts = ((words["service"], name), (words["environment"], config.service.environment))
    message = Message(
        key=key,
        kind="test",
        incident=None,
        event="test",
        severity="info",
        environment=config.service.environment,
        service=name,
        title=one_line(title[language], 250),
        text="",
        html="",
        facts=facts,
        url="",
        locale=language,
        at=now,
    )
    return _rendered(message, "test")


def relayed(message: Message, *, key: str, receiver: str) -> Message:
    """The same page for somebody else, under another key, saying through which receiver it could not be delivered."""
    note = _FACTS[message.locale]["relayed"].format(receiver)
    html = message.html.replace(_NOTE_PLACE, f'<p style="margin:0 0 12px"><em>{escape(note)}</em></p>', 1)
    return message._replace(key=key, text=f"{note}\n\n{message.text}", html=html)


@cache
def prepare() -> None:
    """Get ready, in a thread and once, for the first page: call it when one may soon be wanted (an alert is pending).

    Importing Jinja and compiling the templates takes some 0.2 s, which the first page would otherwise wait for, and
    6 MB, which a daemon that pages nobody need not have.
    """
    threading.Thread(target=warm_up, name="recuo-templates", daemon=True).start()


def warm_up() -> None:
    """Import Jinja and compile every template."""
    for name in ("page", "test"):
        for language in _FACTS:
            for form in ("txt", "html"):
                _environment().get_template(f"{name}.{language}.{form}.j2")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(("html.j2",), default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
    )


def _rendered(message: Message, template: str, **values: object) -> Message:
    facts = {"message": message, "colour": _COLOURS.get(message.severity, "#444444"), **values}
    try:
        text = _environment().get_template(f"{template}.{message.locale}.txt.j2").render(facts)
        html = _environment().get_template(f"{template}.{message.locale}.html.j2").render(facts)
    except Exception as err:
        # Whatever is wrong with a template, the page goes out, and the change that it belongs to is not undone.
        log.warning("a template failed; the message goes out without it", template=template, fault=type(err).__name__)
        lines = [message.title, "", *(f"{name}: {value}" for name, value in message.facts)]
        if message.incident is not None:
            lines += ["", f"recuo show {message.incident}", f"recuo ack {message.incident}"]
        return message._replace(text="\n".join(lines) + "\n")
    return message._replace(text=text.strip() + "\n", html=html)


def _fired(row: sqlite3.Row) -> Fired:
    pairs = labels_of(json.loads(row["labels"]))
    return Fired(
        rule=one_line(row["rule"]),
        labels=one_line(", ".join(f"{name}={value}" for name, value in pairs)),
        text=one_line(row["text"] or row["reason"], 400),
        value=row["value"],
        active_at=row["active_at"],
        severity=row["severity"],
    )


def _title(incident: IncidentView, config: Config, language: str) -> str:
    severity = _SEVERITIES[language].get(incident.severity, incident.severity)
    observe = "[observe] " if incident.observe else ""
    return one_line(f"[{severity}] {observe}{config.service.name} {incident.environment}: {incident.title}", 250)


def _url(incident: IncidentView, config: Config) -> str:
    return f"{config.api.url.rstrip('/')}/api/v1/incidents/{incident.id}" if config.api.url else ""


def _facts(incident: IncidentView, config: Config, language: str, now: Instant) -> tuple[tuple[str, str], ...]:
    words, position = _FACTS[language], incident.position
    found = [
        (words["incident"], f"#{incident.id} {incident.title}"),
        (words["severity"], _GRAVITY[language].get(incident.severity, incident.severity)),
        (words["service"], config.service.name),
        (words["environment"], incident.environment),
        (words["since"], _since(incident.began_at, config, language, now)),
        (words["position"], words["fallback"] if position.fallback else words["step"].format(*position)),
    ]
    playbook = config.playbooks.get(incident.playbook)
    if playbook is not None and playbook.runbook:
        found.append((words["runbook"], one_line(playbook.runbook)))
    return tuple(found)


def _since(at: Instant, config: Config, language: str, now: Instant) -> str:
    local = datetime.fromtimestamp(at / 1000, ZoneInfo(config.service.timezone))
    ago = format_duration(max(0, now - at) // 1000 * 1000)
    return _FACTS[language]["ago"].format(time=local.isoformat(" ", "seconds"), ago=ago)


def _alert(alert: Fired, config: Config, language: str, now: Instant) -> dict[str, str]:
    rule = config.rules.get(alert.rule)
    summary = rule.summary if rule else None
    return {
        "name": alert.rule + (f" ({alert.labels})" if alert.labels else ""),
        "text": _measured(alert, rule, language),
        "since": _since(alert.active_at, config, language, now),
        "summary": one_line(in_locale(summary, language), 400) if summary else "",
    }


def _measured(alert: Fired, rule: RuleConfig | None, language: str) -> str:
    """The value against its limit, in the limit's unit; for rules without one, what the engine says."""
    if rule is None or alert.value is None or not (limit := rule.above or rule.below):
        return say(alert.text, language) or ("" if alert.value is None else units.number(alert.value, language))
    words = _FACTS[language]
    held = words["held"].format(format_duration(rule.hold)) if rule.hold else ""
    side = words["above" if rule.above else "below"]
    return f"{units.quantity(alert.value, limit.unit, language)} ({side} {units.local(limit.text, language)}{held})"
