"""Keeps secrets out of whatever is written: the last net, behind the type `Secret` that never shows itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from recuo.values import Secret

_SHORTEST = 6
"""Shorter secrets would blank out ordinary words; they are kept out by `Secret` alone."""


def secrets_in(value: object) -> Iterable[str]:
    """Every secret inside a configuration model, however deep."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_in(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secrets_in(item)


class Redactor:
    """Replaces known secrets in text and in log events by `***`."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()

    def learn(self, config: object) -> None:
        """Take up the secrets of a configuration; those known before stay known, since old text may still hold them."""
        self._known |= {s for s in secrets_in(config) if len(s) >= _SHORTEST}

    def text(self, text: str) -> str:
        """The text without any known secret."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, "***")
        return text

    def value(self, value: object) -> object:
        """The same for a value of a log event: text, exceptions, and text within lists and mappings."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool | int | float) or value is None:
            return value
        if isinstance(value, Mapping):
            return {str(k): self.value(v) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(v) for v in value]
        return self.text(str(value))

    def __call__(self, _logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """As a structlog processor: everything in the event but the exception, which comes as text later."""
        return {k: v if k == "exc_info" else self.value(v) for k, v in event.items()}


redactor = Redactor()
"""The process's one redactor: what any part of it has learnt to keep quiet holds for all of it."""
