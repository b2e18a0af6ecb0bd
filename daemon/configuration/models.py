"""The models of config.yaml. Every field is read by some part of the daemon; an unknown key is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SerializeAsAny, field_validator
from pydantic_core import PydanticCustomError

from actions.base import ReceiverConfig
from daemon.configuration.people import (
    Escalation,
    Locale,
    LocalText,
    Part,
    Person,
    Schedule,
    TimeZone,
)
from daemon.serve import ServeError, parse_listen
from recuo.values import Duration, Secret, Setting
from triggers.base import SourceConfig
from triggers.rules import RuleConfig

MINUTE: Final = 60_000
DEFAULT_LISTEN: Final = "127.0.0.1:8787"


class Service(Part):
    """The product that is watched, as people are told of it."""

    name: Annotated[str, Field(min_length=1, max_length=100, description="the product's name in messages")] = "service"
    environment: Annotated[
        str, Field(min_length=1, max_length=64, description="where an alert belongs that carries no such label")
    ] = "production"
    locale: Annotated[Locale, Field(description="the language of messages and of the console")] = "en"
    timezone: Annotated[TimeZone, Field(description="for times shown to people, and schedules that name none")] = "UTC"


class Api(Part):
    """Where the HTTP API and the console answer."""

    listen: Annotated[str, Field(description="HOST:PORT; loopback unless others must reach it")] = DEFAULT_LISTEN
    allowed_hosts: Annotated[
        tuple[str, ...], Field(description="names under which it is reached, beside loopback and `listen` itself")
    ] = ()
    url: Annotated[Setting | None, Field(description="the address that people open; put into pages as a link")] = None

    @field_validator("listen")
    @classmethod
    def _listen(cls, listen: str) -> str:
        try:
            parse_listen(listen)
        except ServeError as err:
            raise PydanticCustomError("listen", "{why}", {"why": str(err)}) from None
        return listen


class State(Part):
    """How long the store keeps what is over."""

    retention: Annotated[
        Duration, Field(ge=86_400_000, description="how long closed incidents and delivered messages are kept")
    ] = 400 * 86_400_000


class Heartbeat(Part):
    """A dead man's switch: someone outside raises the alarm when these pings stop."""

    url: Annotated[Secret, Field(description="asked by GET; by reference, since such addresses are a credential")]
    every: Annotated[Duration, Field(ge=1_000, description="how often")] = MINUTE


class Telemetry(Part):
    """Where the daemon reports its own faults and that it lives."""

    sentry_dsn: Annotated[Secret | None, Field(description="a Sentry DSN for the daemon's own faults")] = None
    heartbeat: Annotated[Heartbeat | None, Field(description="an external dead man's switch")] = None


class Incidents(Part):
    """When an incident is over (design A7)."""

    quiet: Annotated[Duration, Field(ge=0, description="so long after the last alert it is resolved")] = 5 * MINUTE
    reopen_within: Annotated[
        Duration, Field(ge=0, description="firing again within this opens the same incident again")
    ] = 30 * MINUTE


class Budgets(Part):
    """The documented time limits (design A8), each a clock that warns at 80 % and escalates when it is passed."""

    identify: Annotated[Duration, Field(ge=1_000, description="opened to assessed")] = 5 * MINUTE
    decide: Annotated[Duration, Field(ge=1_000, description="assessed to decided")] = 10 * MINUTE
    execute: Annotated[Duration, Field(ge=1_000, description="decided to verified")] = 15 * MINUTE
    first_update: Annotated[Duration, Field(ge=1_000, description="opened to the first update delivered")] = 5 * MINUTE
    downtime: Annotated[Duration, Field(ge=1_000, description="began to recovered")] = 30 * MINUTE


class ChecklistItem(Part):
    """One thing that a person confirms before an incident is closed."""

    id: Annotated[str, Field(min_length=1, max_length=64, description="its name in the API and the CLI")]
    text: Annotated[LocalText, Field(description="what is asked, one text or one for each language")]
    group: Annotated[LocalText | None, Field(description="the heading it stands under")] = None


class Step(Part):
    """One action of a playbook, with its arguments."""

    id: Annotated[str, Field(min_length=1, max_length=64, description="unique within the playbook")]
    action: Annotated[str, Field(description="what is done")]
    with_: Annotated[Mapping[str, Any], Field(alias="with", description="the action's arguments")] = {}


class Playbook(Part):
    """What is done for one kind of incident."""

    triggers: Annotated[tuple[str, ...], Field(min_length=1, description="the rules whose alerts open it")]
    severity: Annotated[
        Literal["critical", "error", "warning", "info"] | None,
        Field(description="the incident's at least; default: that of its worst alert"),
    ] = None
    escalation: Annotated[str, Field(description="who is paged, in which order")] = "default"
    group_by: Annotated[tuple[str, ...], Field(description="alerts that agree on these labels share an incident")] = (
        "environment",
    )
    title: Annotated[LocalText | None, Field(description="what people call it; default: the playbook's name")] = None
    runbook: Annotated[Setting | None, Field(description="where the procedure is written; put into pages")] = None
    steps: Annotated[tuple[Step, ...], Field(description="done in this order")] = ()

    @property
    def page_escalation(self) -> str:
        """Which escalation pages: that of its first step `page` which names one, else the playbook's own."""
        named = (step.with_.get("escalation") for step in self.steps if step.action == "page")
        return next((str(name) for name in named if name is not None), self.escalation)


class Config(Part):
    """The whole configuration. A file with only `rules` is enough for `backtest` and `test`."""

    service: Annotated[Service, Field(description="the product that is watched")] = Service()
    mode: Annotated[Literal["live", "observe"], Field(description="observe: everything but effects")] = "live"
    sources: Annotated[
        Mapping[str, SerializeAsAny[SourceConfig]], Field(description="where measurements come from")
    ] = {}
    rules: Annotated[Mapping[str, RuleConfig], Field(description="conditions over the measurements")] = {}
    people: Annotated[Mapping[str, Person], Field(description="who is paged and who may approve")] = {}
    schedules: Annotated[Mapping[str, Schedule], Field(description="who is on call when")] = {}
    escalation: Annotated[Mapping[str, Escalation], Field(description="who is paged next")] = {}
    receivers: Annotated[Mapping[str, SerializeAsAny[ReceiverConfig]], Field(description="where messages go")] = {}
    playbooks: Annotated[Mapping[str, Playbook], Field(description="what is done for which kind of incident")] = {}
    budgets: Annotated[Budgets, Field(description="the documented time limits")] = Budgets()
    checklist: Annotated[
        tuple[ChecklistItem, ...], Field(description="answered by people before an incident is closed")
    ] = ()
    incidents: Annotated[Incidents, Field(description="when an incident is over")] = Incidents()
    api: Annotated[Api, Field(description="where the HTTP API answers")] = Api()
    state: Annotated[State, Field(description="how long the store keeps what is over")] = State()
    telemetry: Annotated[Telemetry, Field(description="the daemon's own health, told to others")] = Telemetry()
