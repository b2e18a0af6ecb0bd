"""Which incidents an alert belongs to (design A7): one for each playbook that it triggers, and each group."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from daemon.configuration.models import Config, Playbook
from daemon.configuration.people import in_locale
from daemon.incidents.rows import worse
from recuo.values import Labels

BUILT_IN: Final = "page"
"""The playbook of alerts that have none: it does nothing but page."""

SOURCE: Final = "source:"
"""Rules of this prefix are the engine's own: a source has gone blind (S7)."""

_BLIND_TITLE: Final = {"en": "Source {0} cannot be asked", "pt-BR": "A fonte {0} não pode ser consultada"}


class Target(NamedTuple):
    """Where an alert goes: the playbook and group that are an incident's key, and what it is opened with.

    `severity` is the playbook's where it names one, else the rule's; a rule worse than its playbook keeps its own.
    `event` alerts do not end by themselves (S11).
    """

    playbook: str
    group_key: str
    environment: str
    severity: str
    title: str
    escalation: str
    event: bool


def targets(config: Config, rule: str, labels: Labels) -> list[Target]:
    """All incidents' keys that an alert belongs to; none for a rule that pages nobody and triggers no playbook."""
    if rule.startswith(SOURCE):
        return [_blind(config, rule.removeprefix(SOURCE), labels)]
    found = [
        _of_playbook(config, name, playbook, rule, labels)
        for name, playbook in config.playbooks.items()
        if rule in playbook.triggers
    ]
    if not found and rule in config.rules and config.rules[rule].page:
        found = [_built_in(config, rule, labels)]
    return found


def is_event(config: Config, rule: str) -> bool:
    """Whether a rule is an event, or combines rules of which one is: what happened once is not over by waiting."""
    return _is_event(config, rule, frozenset())


def _is_event(config: Config, rule: str, above: frozenset[str]) -> bool:
    found = config.rules.get(rule)
    if found is None or rule in above:
        return False
    parts = (*(found.all or ()), *(found.any or ()))
    return found.event is not None or any(_is_event(config, part, above | {rule}) for part in parts)


def _of_playbook(config: Config, name: str, playbook: Playbook, rule: str, labels: Labels) -> Target:
    given = dict(labels)
    environment = given.get("environment") or config.service.environment
    values = {**given, "environment": environment}
    severity = _severity(config, rule)
    return Target(
        playbook=name,
        group_key=_key({label: values.get(label, "") for label in playbook.group_by}),
        environment=environment,
        severity=worse(playbook.severity, severity) if playbook.severity else severity,
        title=in_locale(playbook.title, config.service.locale) if playbook.title else name,
        escalation=playbook.page_escalation,
        event=is_event(config, rule),
    )


def _built_in(config: Config, rule: str, labels: Labels) -> Target:
    environment = dict(labels).get("environment") or config.service.environment
    summary = config.rules[rule].summary
    return Target(
        playbook=BUILT_IN,
        group_key=_key({"rule": rule, "environment": environment}),
        environment=environment,
        severity=_severity(config, rule),
        title=in_locale(summary, config.service.locale) if summary else rule,
        escalation="default",
        event=is_event(config, rule),
    )


def _blind(config: Config, source: str, labels: Labels) -> Target:
    own = config.sources[source].labels if source in config.sources else {}
    environment = dict(labels).get("environment") or own.get("environment") or config.service.environment
    return Target(
        playbook=BUILT_IN,
        group_key=_key({"rule": SOURCE + source, "environment": environment}),
        environment=environment,
        severity="error",
        title=_BLIND_TITLE.get(config.service.locale, _BLIND_TITLE["en"]).format(source),
        escalation="default",
        event=False,
    )


def _severity(config: Config, rule: str) -> str:
    return str(config.rules[rule].severity) if rule in config.rules else "warning"


def _key(values: dict[str, str]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))
