"""What is watched, and why a rule fires."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from daemon.views.base import AlertState, At, Severity, SourceState, View


class SourceView(View):
    """One configured source and how it fares."""

    name: str
    kind: str
    state: SourceState = Field(description="waiting: not yet asked; failing: the last poll failed; blind: for too long")
    every_ms: int
    last_ok_at: At | None = None
    failing_since: At | None = None
    reason: str = Field("", description="why it is failing, blind or off")
    samples: int = Field(0, description="samples taken since the start")
    series: int = 0
    rules: tuple[str, ...] = Field((), description="the rules that depend on it")


class AlertCounts(View):
    """How many of a rule's alerts are in which state. `unknown` counts alerts of any state whose data is missing."""

    inactive: int = 0
    pending: int = 0
    firing: int = 0
    unknown: int = 0


class RuleSummary(View):
    """One rule in one line."""

    name: str
    condition: str = Field(description="in words, like: avg of cpu_ratio over 1m above 80% for 3m")
    severity: Severity
    watched: bool
    why_not: str = Field("", description="why it is not watched: its source is off")
    counts: AlertCounts = AlertCounts()


class AlertView(View):
    """The state of one rule for one label set."""

    rule: str
    labels: dict[str, str] = Field(default_factory=dict)
    severity: Severity
    state: AlertState
    active_at: At | None = None
    firing_at: At | None = None
    unknown_since: At | None = None
    value: float | None = None
    unit: str = Field("", description="ms, s, ratio, bytes, count or info")
    reason: str = Field("", description="why it is in this state, or why it is unknown")


class RuleView(RuleSummary):
    """One rule with all that is known about it."""

    definition: dict[str, Any] = Field(
        default_factory=dict, description="as written in the configuration, defaults filled in"
    )
    sources: tuple[str, ...] = ()
    playbooks: tuple[str, ...] = Field((), description="the playbooks that it triggers")
    summary: str = ""
    alerts: tuple[AlertView, ...] = ()


class Point(View):
    """One sample of a window."""

    at: At
    value: float


class SeriesWindow(View):
    """The samples of one series in a rule's window; `total` says how many there are when not all are shown."""

    labels: dict[str, str] = Field(default_factory=dict)
    unit: str = Field("", description="the unit of the samples, which a ratio or a rate of them does not have")
    points: tuple[Point, ...]
    total: int


class Deadline(View):
    """An instant at which the state will change unless a sample comes before it."""

    what: str
    at: At


class Explanation(View):
    """Why one alert is in its state: the samples, the window and the arithmetic."""

    rule: str
    labels: dict[str, str] = Field(default_factory=dict)
    condition: str
    severity: Severity
    state: AlertState
    unknown_since: At | None = None
    reason: str = ""
    at: At = Field(description="the instant that is explained")
    metric: str = ""
    unit: str = ""
    window_start_at: At | None = Field(None, description="exclusive (design S2)")
    window_end_at: At | None = Field(None, description="inclusive")
    series: tuple[SeriesWindow, ...] = ()
    steps: tuple[str, ...] = Field((), description="the arithmetic, one step a line")
    value: float | None = None
    above: float | None = None
    below: float | None = None
    active_at: At | None = None
    firing_at: At | None = None
    for_ms: int = 0
    deadlines: tuple[Deadline, ...] = ()
