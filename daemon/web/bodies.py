"""What may be asked of the API: the bodies of POST requests and the parameters of GET requests, strictly.

An unknown field is refused with the nearest right word. Text from people loses its control characters, since it will be
shown in terminals, mails and reports.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from daemon.render.clean import lines, one_line
from daemon.views import Role, Severity
from recuo.values import parse_instant, rfc3339

_MOST_ID = 2**63 - 1
_LAST_INSTANT = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


def _wanted(text: str) -> str:
    if not text:
        raise ValueError("some text is wanted here")
    return text


Line = Annotated[str, AfterValidator(one_line), AfterValidator(_wanted), StringConstraints(max_length=200)]
Text = Annotated[str, AfterValidator(lines), AfterValidator(_wanted), StringConstraints(max_length=4000)]
Reason = Annotated[str, AfterValidator(lines), StringConstraints(max_length=4000)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$")]
IncidentId = Annotated[int, Field(ge=1, le=_MOST_ID)]


def _instant(value: str) -> int:
    """A plus sign that was not escaped arrives as a blank: before an offset it can mean nothing else."""
    try:
        at = parse_instant(re.sub(r" (?=\d\d:\d\d$)", "+", value))
    except OverflowError:
        at = -1
    if not 0 <= at <= _LAST_INSTANT:
        raise ValueError(f"an instant from {rfc3339(0)} on is wanted here, with a year of four digits")
    return at


AtParameter = Annotated[int, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]


class Asked(BaseModel):
    """What every body and parameter set shares: nothing unknown is let through."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Asked):
    """No field: the path says it all."""


class CommentBody(Asked):
    """A remark for the timeline."""

    text: Text


class ResolveBody(Asked):
    """Why the incident is over, in a few words."""

    reason: Reason = ""


class AssessmentBody(Asked):
    """The quick assessment; what is given replaces what was there, what is left out stays."""

    impact: Text | None = Field(None, description="what users notice")
    scope: Text | None = Field(None, description="how much is affected")
    resources: Text | None = Field(None, description="what putting it right needs")
    severity: Severity | None = None
    time_to_fix: Line | None = Field(None, description="how long putting it right would take, like 30m")
    data_loss_risk: Text | None = Field(None, description="what could be lost")

    @model_validator(mode="after")
    def _something(self) -> AssessmentBody:
        if not self.model_fields_set or all(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError(f"at least one of {', '.join(type(self).model_fields)} is wanted")
        return self


class DecisionBody(Asked):
    """What was decided: roll back, wait, repair, and why."""

    decision: Text


class VerifyBody(Asked):
    """What was seen to work again, in a few words."""

    note: Reason = ""


class ChecklistBody(Asked):
    """The answer to one item of the checklist."""

    item: Line
    answer: Text


class TokenBody(Asked):
    """A token to be made; bound to a person of the configuration, it acts in that person's name."""

    name: Name
    role: Role
    person: Line | None = None


class IncidentsQuery(Asked):
    """Which incidents, newest first."""

    state: Literal["open", "triggered", "acknowledged", "resolved", "closed"] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    before: IncidentId | None = Field(None, description="only those with a smaller id: the next page")


class OnCallQuery(Asked):
    """At which instant; now when left out."""

    at: AtParameter | None = None


class DeliveriesQuery(Asked):
    """Of which incident, and how many at most."""

    incident: IncidentId | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


def _labels(value: object) -> object:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError('labels are written as a JSON object, like {"route":"/api/analyze"}') from None
    return value


Labels = Annotated[dict[str, str], BeforeValidator(_labels), WithJsonSchema({"type": "string"})]


class ExplainQuery(Asked):
    """Which rule, and which of its label sets; all of them when left out."""

    rule: Line
    labels: Labels | None = Field(None, description="a JSON object of label names and values")
