"""What differs between two configurations, in plain words: for the log line of a reload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from daemon.configuration.models import Config

_NAMES: Final[Mapping[str, str]] = {
    "sources": "source",
    "rules": "rule",
    "people": "person",
    "schedules": "schedule",
    "escalation": "escalation",
    "receivers": "receiver",
    "playbooks": "playbook",
}
_AT_START: Final = ("listen",)
"""Keys of `api` that a running daemon cannot take up: the socket is bound once."""


def changes(old: Config, new: Config) -> list[str]:
    """What a reload changes, in the file's order of sections; empty where nothing does. No values, so no secrets."""
    words: list[str] = []
    for section in Config.model_fields:
        before, after = getattr(old, section), getattr(new, section)
        if before == after:
            continue
        if section in _NAMES:
            words += _named(_NAMES[section], before, after)
        elif hasattr(type(after), "model_fields"):
            words += _fields(section, before, after)
        else:
            words.append(f"{section} changed")
    return words


def _named(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    added = [f"{what} {name} added" for name in after if name not in before]
    removed = [f"{what} {name} removed" for name in before if name not in after]
    changed = [f"{what} {name} changed" for name in after if name in before and before[name] != after[name]]
    return added + changed + removed


def _fields(section: str, before: Any, after: Any) -> list[str]:
    words = []
    for name in type(after).model_fields:
        if getattr(before, name) != getattr(after, name):
            late = " (takes effect at the next start)" if section == "api" and name in _AT_START else ""
            words.append(f"{section}.{name} changed{late}")
    return words
