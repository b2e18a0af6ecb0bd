"""Messages that wake nobody: that a time budget of an incident is running out."""

from __future__ import annotations

import sqlite3
from typing import Final

from daemon import escalation, messages, outbox
from daemon.configuration.models import Config
from daemon.configuration.people import Target
from daemon.reach import Reach, local_ways, resolve
from recuo.values import Instant, format_duration

_NAMES: Final = {
    "en": {
        "identify": "identification",
        "decide": "decision",
        "execute": "execution",
        "first_update": "first update",
        "downtime": "downtime",
    },
    "pt-BR": {
        "identify": "identificação",
        "decide": "decisão",
        "execute": "execução",
        "first_update": "primeira atualização",
        "downtime": "indisponibilidade",
    },
}
_WARNING: Final = {
    "en": "{spent} of {limit} are used up: {name}. When the limit is passed, the next people are paged.",
    "pt-BR": "{spent} de {limit} já foram usados: {name}. Passado o limite, as próximas pessoas são chamadas.",
}


def budget_name(budget: str, locale: str) -> str:
    """What a budget is called in a language, in the words of the procedures."""
    return _NAMES.get(locale, _NAMES["en"]).get(budget, budget)


def budget_warning(
    tx: sqlite3.Connection,
    incident: sqlite3.Row,
    budget: str,
    limit_ms: int,
    spent_ms: int,
    *,
    config: Config,
    now: Instant,
) -> None:
    """Queue the warning that a budget runs out, for whoever acknowledged the incident, else whoever is being paged."""
    position = messages.Position(1, 1, 1, 1)
    view = messages.incident_view(tx, incident, position=position)
    key = f"budget-{incident['id']}-{budget}"
    for way in _ways(tx, incident, config, now):
        language = way.locale if way.locale in _WARNING else "en"
        spent = format_duration(spent_ms // 1000 * 1000)
        words = _WARNING[language].format(
            spent=spent, limit=format_duration(limit_ms), name=budget_name(budget, language)
        )
        page = messages.page(view, config=config, locale=language, now=now, why="budget-warning", key=key)
        # The page's facts without where the escalation stands, which this message has no part in.
        facts = (*page.facts[:5], *page.facts[6:])
        lines = (words, "", *(f"{name}: {value}" for name, value in facts), "", f"recuo show {incident['id']}")
        message = page._replace(kind="update", text="\n".join(lines) + "\n", html="", facts=facts)
        outbox.enqueue(
            tx,
            key=key,
            receiver=way.receiver,
            address=way.address,
            incident=incident["id"],
            kind="update",
            message=message,
            now=now,
        )


def _ways(tx: sqlite3.Connection, incident: sqlite3.Row, config: Config, now: Instant) -> tuple[Reach, ...]:
    if incident["acknowledged_by"] in config.people:
        ways = resolve(config, (Target("person", incident["acknowledged_by"]),), now).ways
        if ways:
            return ways
    return escalation.reached_now(tx, incident, config=config, now=now) or local_ways(config)
