"""Lists of shapes: an object around each, so that more can be said beside it later."""

from __future__ import annotations

from pydantic import Field

from daemon.views.base import View
from daemon.views.incidents import DeliveryView, IncidentSummary, TimelineEntry
from daemon.views.service import TokenView
from daemon.views.watching import AlertView, Explanation, RuleSummary, SourceView


class Sources(View):
    """Every configured source, those that are off too."""

    sources: tuple[SourceView, ...]


class Rules(View):
    """Every rule, those that are not watched too."""

    rules: tuple[RuleSummary, ...]


class Alerts(View):
    """Every alert that is pending, firing or unknown."""

    alerts: tuple[AlertView, ...]


class Incidents(View):
    """Incidents, newest first."""

    incidents: tuple[IncidentSummary, ...]
    next_before: int | None = Field(
        None, description="ask with `before` set to this for the next page; null at the end"
    )


class Timeline(View):
    """What happened in one incident, oldest first."""

    timeline: tuple[TimelineEntry, ...]


class Explanations(View):
    """Why alerts are in their states, one each."""

    explanations: tuple[Explanation, ...]


class Deliveries(View):
    """Messages to people, newest first."""

    deliveries: tuple[DeliveryView, ...]


class Tokens(View):
    """Every token, revoked ones too; what they open is not shown."""

    tokens: tuple[TokenView, ...]
