"""What the models cannot see alone: whether the parts of the configuration fit together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from daemon import plugins
from daemon.configuration.models import Playbook
from daemon.configuration.parts import Parts, validated
from daemon.configuration.people import Escalation, Schedule, parse_target
from daemon.configuration.problems import Path, nearest, shown, suggestion
from daemon.configuration.steps import action_names, arguments_of
from daemon.configuration.words import complaints
from daemon.reach import BUILT_IN
from recuo.values import format_duration
from triggers.checks import check_rules

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEFAULT: Final = "default"


def check(parts: Parts) -> None:
    """Hold the valid parts against each other; what is wrong is added to their problems."""
    _check_rules(parts)
    for section in ("sources", "rules"):
        for name in parts.names(section):
            _check_labels(parts, (section, name, "labels"))
    for name, person in parts.valid.get("people", {}).items():
        _check_contacts(parts, name, person.contacts)
    for name, schedule in parts.valid.get("schedules", {}).items():
        _check_schedule(parts, name, schedule)
    for name, policy in parts.valid.get("escalation", {}).items():
        _check_escalation(parts, name, policy)
    for name, playbook in parts.valid.get("playbooks", {}).items():
        _check_playbook(parts, name, playbook)
    _check_triggers(parts)
    _check_checklist(parts)


def _check_rules(parts: Parts) -> None:
    """Rules by the engine's own checks; without sources, or with a wrong one, nothing is said of metrics."""
    specs = parts.specs if parts.names("sources") and "sources" not in parts.broken else None
    if specs is not None and set(specs) != set(parts.names("sources")):
        specs = None
    for path, message, is_warning in check_rules(parts.valid.get("rules", {}), specs, parts.every_ms):
        note = parts.warn if is_warning else parts.error
        note(("rules", *path), message, key=len(path) == 1)


def _check_labels(parts: Parts, path: Path) -> None:
    for label in parts.document.get(*path) or ():
        if not _LABEL.fullmatch(str(label)) or str(label).startswith("__"):
            words = "a label's name has letters, digits and _ in it, and begins with a letter or a single _"
            parts.error((*path, str(label)), words, key=True)


def _exists(parts: Parts, path: Path, name: str, section: str, *, what: str, also: Sequence[str] = ()) -> None:
    """An error at the path unless the section defines the name, be it valid, wrong in itself, or off."""
    known = [*parts.names(section), *also]
    if name not in known:
        hint = suggestion(name, known, f"the section `{section}` defines none")
        parts.error(path, f'there is no {what} "{shown(name)}"; {hint}')


def _check_contacts(parts: Parts, name: str, contacts: Iterable[Mapping[str, str]]) -> None:
    """Warn of contacts that no receiver can write to: the person would not be paged that way."""
    spoken = {_contact_kind(parts, receiver) for receiver in parts.names("receivers")} - {""}
    for index, contact in enumerate(contacts):
        for kind in set(contact) - spoken:
            close = nearest(kind, spoken)
            hint = f'; did you mean "{close}"?' if close else ""
            words = f"no receiver speaks to {shown(kind)}, so nobody is reached this way{hint}"
            parts.warn(("people", name, "contacts", index, kind), words, key=True)


def _contact_kind(parts: Parts, receiver: str) -> str:
    kind = parts.document.get("receivers", receiver, "kind")
    if not isinstance(kind, str) or kind not in plugins.kinds("notifier"):
        return ""
    try:
        return str(getattr(plugins.load("notifier", kind), "CONTACT", ""))
    except ImportError:
        return ""


def _check_schedule(parts: Parts, name: str, schedule: Schedule) -> None:
    for layer_index, layer in enumerate(schedule.layers):
        for index, person in enumerate(layer.people):
            path = ("schedules", name, "layers", layer_index, "people", index)
            _exists(parts, path, person, "people", what="person")


def _check_escalation(parts: Parts, name: str, policy: Escalation) -> None:
    began = 0
    for index, step in enumerate(policy.steps):
        path = ("escalation", name, "steps", index)
        _check_targets(parts, (*path, "page"), step.page)
        if step.after < began:
            words = (
                f"this is before the step above, at {format_duration(began)}; times count from the escalation's begin"
            )
            parts.error((*path, "after"), words)
        began = max(began, step.after)
    _check_targets(parts, ("escalation", name, "fallback"), policy.fallback)


def _check_targets(parts: Parts, base: Path, targets: Sequence[str]) -> None:
    for index, text in enumerate(targets):
        path, target = (*base, index), parse_target(text)
        if target.kind == "schedule":
            _exists(parts, path, target.name, "schedules", what="schedule")
        elif target.kind == "receiver":
            _exists(parts, path, target.name, "receivers", what="receiver", also=BUILT_IN)
        elif ":" in text:
            parts.error(path, "write a person's key, schedule:NAME or receiver:NAME")
        else:
            _check_person(parts, path, text)


def _check_person(parts: Parts, path: Path, name: str) -> None:
    for section, prefix in (("schedules", "schedule"), ("receivers", "receiver")):
        if name not in parts.names("people") and name in parts.names(section):
            parts.error(path, f'"{shown(name)}" is no person; did you mean "{prefix}:{shown(name)}"?')
            return
    _exists(parts, path, name, "people", what="person")


def _check_playbook(parts: Parts, name: str, playbook: Playbook) -> None:
    for index, rule in enumerate(playbook.triggers):
        _exists(parts, ("playbooks", name, "triggers", index), rule, "rules", what="rule")
    if "escalation" in playbook.model_fields_set:
        _exists(parts, ("playbooks", name, "escalation"), playbook.escalation, "escalation", what="escalation")
    elif (known := parts.names("escalation")) and _DEFAULT not in known:
        words = f"no escalation is named here, and none is called {_DEFAULT}; " + suggestion(_DEFAULT, known)
        parts.error(("playbooks", name), words, key=True)
    seen: set[str] = set()
    for index, step in enumerate(playbook.steps):
        path = ("playbooks", name, "steps", index)
        if step.id in seen:
            parts.error((*path, "id"), f'the step "{shown(step.id)}" stands here twice; each wants an id of its own')
        seen.add(step.id)
        _check_step(parts, path, step.action)


def _check_step(parts: Parts, path: Path, action: str) -> None:
    model = arguments_of(action)
    if model is None:
        parts.error((*path, "action"), f'there is no action "{shown(action)}"; ' + suggestion(action, action_names()))
        return
    node = parts.document.root
    for part in (*path, "with"):
        node = node.child(part) or node._replace(value={}, keys={})
    arguments, errors = validated(model, node.plain(), parts.environ)
    for complaint in complaints(errors, node, model):
        parts.error((*path, "with", *complaint.path), complaint.message, key=complaint.key)
    escalation = getattr(arguments, "escalation", None)
    if escalation is not None:
        _exists(parts, (*path, "with", "escalation"), escalation, "escalation", what="escalation")


def _check_triggers(parts: Parts) -> None:
    """An alert belongs to one incident, so a rule triggers one playbook."""
    owner: dict[str, str] = {}
    for name, playbook in parts.valid.get("playbooks", {}).items():
        for index, rule in enumerate(playbook.triggers):
            if rule in owner:
                where = "this playbook" if owner[rule] == name else f"playbook {shown(owner[rule])}"
                words = f'the rule "{shown(rule)}" already triggers {where}; an alert belongs to one incident'
                parts.error(("playbooks", name, "triggers", index), words)
            owner.setdefault(rule, name)


def _check_checklist(parts: Parts) -> None:
    seen: set[str] = set()
    for index, item in enumerate(parts.single.get("checklist", ())):
        if item.id in seen:
            words = f'the item "{shown(item.id)}" stands here twice; each wants an id of its own'
            parts.error(("checklist", index, "id"), words)
        seen.add(item.id)
