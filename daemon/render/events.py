"""One entry of a timeline in words: what happened, and the facts that came with it."""

from __future__ import annotations

import string
from collections.abc import Mapping

from daemon import views
from daemon.render.screen import Look
from daemon.render.words import WORDS

_FORMATTER = string.Formatter()


def described(entry: views.TimelineEntry, look: Look) -> str:
    """The entry's own text; else the words for its kind, with the facts that they leave out after them.

    A kind that this version has no words for is told by its name: a newer daemon's timeline stays readable.
    """
    if entry.text:
        return entry.text
    facts = {name: _value(value) for name, value in entry.data.items() if value not in (None, "", [], {})}
    template = WORDS[look.locale].get(f"event.{entry.kind}", entry.kind.replace("{", "{{").replace("}", "}}"))
    wanted = [field for _, field, _, _ in _FORMATTER.parse(template) if field]
    words = template.format_map({name: facts.pop(name, "?") for name in wanted})
    rest = ", ".join(f"{name} {value}" for name, value in facts.items())
    return f"{words} ({rest})" if rest else words


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}={_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
