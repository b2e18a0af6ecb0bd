"""Incidents: what people see and work on."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from daemon.views.base import AlertState, At, ClockState, IncidentState, Severity, View


class IncidentSummary(View):
    """One incident in one line."""

    id: int
    playbook: str
    group: dict[str, str] = Field(default_factory=dict)
    environment: str
    severity: Severity
    title: str
    state: IncidentState
    began_at: At = Field(description="when the first of its alerts became active")
    opened_at: At = Field(description="when the first of its alerts fired")
    acknowledged_at: At | None = None
    acknowledged_by: str | None = None
    recovered_at: At | None = None
    resolved_at: At | None = None
    closed_at: At | None = None
    reopened: int = Field(0, description="how many times it was reopened")
    observe: bool = Field(False, description="opened in mode observe: people were told, nothing was done")


class IncidentAlert(View):
    """An alert that belongs to an incident."""

    rule: str
    labels: dict[str, str] = Field(default_factory=dict)
    severity: Severity
    state: AlertState
    active_at: At | None = None
    firing_at: At | None = None
    resolved_at: At | None = None
    unknown_since: At | None = None
    fired: int = Field(1, description="how many times it fired within this incident")
    value: float | None = None
    unit: str = ""
    reason: str = ""
    text: str = Field("", description="what fired, in words")


class TimelineEntry(View):
    """One fact or decision: what happened, when, and who did it (`recuo` for the daemon itself)."""

    id: int
    at: At
    actor: str
    kind: str
    text: str = Field("", description="one line for people")
    data: dict[str, Any] = Field(default_factory=dict)


class BudgetClock(View):
    """One documented time limit of an incident as a running clock (design A8)."""

    name: str = Field(description="identify, decide, execute, first_update or downtime")
    limit_ms: int
    started_at: At | None = None
    stopped_at: At | None = None
    spent_ms: int = 0
    state: ClockState


class Assessment(View):
    """The quick assessment that the procedures ask for in the first five minutes."""

    impact: str = ""
    scope: str = ""
    resources: str = ""
    severity: str = ""
    time_to_fix: str = ""
    data_loss_risk: str = ""


class ChecklistItem(View):
    """One question of the checklist after a rollback, and its answer where it has one."""

    item: str
    section: str = ""
    text: str
    answer: str | None = None
    by: str | None = None
    at: At | None = None


class DeliveryView(View):
    """One message to one receiver: queued, delivered, failed or cancelled."""

    id: int
    receiver: str
    address: str = Field("", description="to whom; masked as far as a reader need not know it")
    incident: int | None = None
    kind: str
    state: Literal["queued", "delivered", "failed", "cancelled"]
    attempts: int = 0
    created_at: At
    next_attempt_at: At | None = None
    delivered_at: At | None = None
    last_error: str = ""


class EscalationView(View):
    """Where the escalation of an incident stands. Steps and cycles count from 1."""

    policy: str
    state: Literal["running", "stopped", "exhausted"]
    step: int
    steps: int
    cycle: int
    cycles: int
    next_at: At | None = Field(None, description="when the next step is paged, unless someone acknowledges")
    reason: str = ""


class IncidentDetail(IncidentSummary):
    """One incident with everything that is known about it."""

    resolved_by: str | None = None
    resolution: str | None = Field(None, description="why it is over, in the words of who resolved it")
    quiet_since: At | None = None
    assessed_at: At | None = None
    decided_at: At | None = None
    decided_by: str | None = None
    verified_at: At | None = None
    first_update_at: At | None = None
    alerts: tuple[IncidentAlert, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    budgets: tuple[BudgetClock, ...] = ()
    assessment: Assessment | None = None
    missing: tuple[str, ...] = Field((), description="what the assessment still lacks; it is done once nothing is")
    decision: str | None = None
    checklist: tuple[ChecklistItem, ...] = ()
    deliveries: tuple[DeliveryView, ...] = ()
    escalation: EscalationView | None = None
