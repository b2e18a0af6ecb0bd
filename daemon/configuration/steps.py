"""The actions that a playbook's step can name, and the arguments that each takes.

This is the one place that says so: a built-in action is a line in `_BUILT_IN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from daemon.configuration.people import Part


class PageArguments(Part):
    """`page`: reach the person on call, and those after, until someone acknowledges."""

    escalation: Annotated[
        str | None, Field(description="who is paged, in which order; default: the playbook's own escalation")
    ] = None


_BUILT_IN: Final[Mapping[str, type[Part]]] = {"page": PageArguments}


def action_names() -> tuple[str, ...]:
    """Every action that there is, sorted."""
    return tuple(sorted(_BUILT_IN))


def arguments_of(action: str) -> type[Part] | None:
    """The model of an action's `with`, or None where there is no such action."""
    return _BUILT_IN.get(action)
