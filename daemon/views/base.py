"""What the shapes of the API are made of: instants, states, roles, and the class that all of them share."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from recuo.values import parse_instant, rfc3339


def _instant(value: object) -> int:
    if isinstance(value, str):
        return parse_instant(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("an instant is wanted here: RFC 3339 text, or milliseconds since the epoch")


At = Annotated[
    int,
    BeforeValidator(_instant),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant: milliseconds in code, RFC 3339 in JSON."""

Severity = Literal["critical", "error", "warning", "info"]
Role = Literal["viewer", "responder", "approver", "admin"]
Mode = Literal["live", "observe"]
AlertState = Literal["inactive", "pending", "firing"]
IncidentState = Literal["triggered", "acknowledged", "resolved", "closed"]
SourceState = Literal["waiting", "ok", "failing", "blind", "off"]
ClockState = Literal["not_started", "running", "warned", "passed", "met", "missed"]
Level = Literal["ok", "warn", "fail"]

ROLES: Final[tuple[Role, ...]] = ("viewer", "responder", "approver", "admin")
"""Each role may do what the ones before it may."""


def allows(role: Role, wanted: Role) -> bool:
    """Whether a role may do what another is asked for."""
    return ROLES.index(role) >= ROLES.index(wanted)


class View(BaseModel):
    """What every shape shares: frozen, lenient about fields that it does not know, built when first used."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)
