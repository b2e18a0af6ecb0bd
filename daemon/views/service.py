"""The service and the daemon itself: status, configuration, who is on call, tokens, checks."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from daemon.views.base import At, Level, Mode, Role, View
from daemon.views.incidents import IncidentSummary
from daemon.views.watching import AlertView, RuleSummary, SourceView


class ServiceView(View):
    """Which service is watched, and by which Recuo: what every screen needs to render the rest."""

    name: str
    environment: str
    mode: Mode
    version: str
    locale: str = Field(description="pt-BR or en: the language of texts for people")
    timezone: str = Field(description="IANA name; clocks on screens are in it")
    url: str = Field(description="where this API is reached")


class Liveness(View):
    """The process answers, and the loop that evaluates rules is turning."""

    alive: bool
    detail: str = ""


class Readiness(View):
    """Whether the daemon does its work; each reason says in words what is missing."""

    ready: bool
    reasons: tuple[str, ...] = ()


class OffView(View):
    """A part of the configuration that is off, and why (a credential that is not there)."""

    part: str
    reason: str


class ReloadView(View):
    """How the last reload of the configuration ended. One that failed changed nothing."""

    at: At
    ok: bool
    digest: str = Field(description="of the configuration in force after it")
    changes: tuple[str, ...] = Field((), description="what is different now, in words")
    problems: tuple[str, ...] = Field((), description="FILE:LINE:COLUMN: message")


class ConfigInfo(View):
    """Which configuration is in force."""

    path: str
    digest: str
    loaded_at: At
    last_reload: ReloadView | None = None


class ConfigView(ConfigInfo):
    """The effective configuration: defaults filled in, secrets masked."""

    config: dict[str, Any]
    warnings: tuple[str, ...] = ()
    off: tuple[OffView, ...] = ()


class OnCallView(View):
    """Who is on call in one schedule; `person` is null where nobody is."""

    schedule: str
    person: str | None = None
    name: str | None = None
    since_at: At | None = None
    until_at: At | None = None
    next_person: str | None = None
    next_name: str | None = None


class OnCall(View):
    """Who is on call at an instant, in every schedule."""

    at: At
    schedules: tuple[OnCallView, ...]


class Outbox(View):
    """What waits to be delivered, and what could not be."""

    queued: int = 0
    failed: int = Field(0, description="given up in the last 24 hours")
    oldest_at: At | None = None


class StoreView(View):
    """Whether the state can be written, and how large it is."""

    ok: bool
    detail: str = ""
    bytes: int = 0


class Status(View):
    """Everything that a person wants to know first."""

    service: ServiceView
    now_at: At
    started_at: At
    pid: int
    state_dir: str
    config: ConfigInfo
    store: StoreView
    sources: tuple[SourceView, ...] = ()
    rules: tuple[RuleSummary, ...] = ()
    off: tuple[OffView, ...] = ()
    alerts: tuple[AlertView, ...] = Field((), description="pending, firing and unknown ones")
    incidents: tuple[IncidentSummary, ...] = Field((), description="open ones: triggered or acknowledged")
    on_call: tuple[OnCallView, ...] = ()
    unreachable: tuple[str, ...] = Field((), description="why a page would not reach anyone, in words")
    outbox: Outbox = Outbox()
    warnings: tuple[str, ...] = Field((), description="anything else that a person should know")


class TokenView(View):
    """One token; what it opens is never shown again."""

    id: int
    name: str
    role: Role
    person: str | None = None
    created_at: At
    revoked_at: At | None = None
    last_used_at: At | None = None


class NewToken(TokenView):
    """A token that was just made: the only time that it is shown."""

    token: str


class DoctorCheck(View):
    """One thing that was looked at."""

    name: str
    level: Level
    detail: str
    fix: str = Field("", description="what to do about it")


class Doctor(View):
    """What was looked at, and whether all of it is well (warnings are)."""

    ok: bool
    checks: tuple[DoctorCheck, ...]


class AuditCheck(View):
    """Whether the chain of events is whole. Who keeps `head` elsewhere can tell later that nothing was rewritten."""

    ok: bool
    events: int
    head: str = Field("", description="the hash of the newest event")
    faults: tuple[str, ...] = Field((), description="what does not fit, the first twenty")
