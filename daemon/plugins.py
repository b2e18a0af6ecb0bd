"""Finds sources and notifiers by file name: adding one is adding one file, and no list is edited.

A module is imported when its kind is first asked for, so that a configuration without e-mail never imports the SMTP
library.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

_FAMILIES = {"source": "triggers.sources", "notifier": "actions.notifiers"}


class UnknownKindError(LookupError):
    """No file of that name."""


@cache
def kinds(family: str) -> tuple[str, ...]:
    """The names of all files of a family (`source` or `notifier`), sorted; none is imported."""
    package = importlib.import_module(_FAMILIES[family])
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")))


@cache
def load(family: str, kind: str) -> ModuleType:
    """The module of one kind. Raises UnknownKindError for a kind that no file has: input never becomes a path."""
    if kind not in kinds(family):
        raise UnknownKindError(f"there is no {family} of kind {kind!r}")
    return importlib.import_module(f"{_FAMILIES[family]}.{kind}")
