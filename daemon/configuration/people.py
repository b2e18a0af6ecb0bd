"""The part of the configuration that is about people: who they are, who is on call when, and who is paged next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from daemon.oncall import parse_handover
from recuo.values import Duration, Setting

Locale: TypeAlias = Literal["pt-BR", "en"]
Role: TypeAlias = Literal["viewer", "responder", "approver", "admin"]

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,64}@[^\W_](?:[\w.-]{0,251}[^\W_])?")


class Part(BaseModel):
    """A part of the configuration: read once, never changed, and without keys that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError("zone", "there is no such time zone; write it like America/Sao_Paulo") from None
    return name


TimeZone = Annotated[
    str,
    AfterValidator(_zone),
    WithJsonSchema({"type": "string", "examples": ["America/Sao_Paulo", "UTC"]}),
]
"""A time zone's name in the IANA database."""


def is_email(address: str) -> bool:
    """Whether an address can be one: a name, one @ and a host; whether it exists, only delivery tells."""
    return _EMAIL.fullmatch(address) is not None and ".." not in address


def _contact(contact: dict[str, str]) -> dict[str, str]:
    if len(contact) != 1:
        raise PydanticCustomError("contact", "one contact is one kind and its address, like {email: ana@example.org}")
    if "email" in contact and not is_email(contact["email"]):
        raise PydanticCustomError("contact", "this is no e-mail address; write it like ana@example.org")
    return contact


Contact = Annotated[
    dict[str, Setting],
    AfterValidator(_contact),
    Field(json_schema_extra={"minProperties": 1, "maxProperties": 1}),
]
"""One way to reach a person: `{email: ana@example.org}`; the key is what a notifier calls its contacts."""


class Person(Part):
    """Someone who is paged, answers, approves or only looks."""

    name: Annotated[str, Field(min_length=1, max_length=100, description="as shown to others")]
    roles: Annotated[tuple[Role, ...], Field(description="what this person may do")] = ("responder",)
    contacts: Annotated[tuple[Contact, ...], Field(description="how to reach this person, the best way first")] = ()
    locale: Annotated[Locale | None, Field(description="the language of messages; default: the service's")] = None


class Layer(Part):
    """One rotation: its people take turns, each for `every` hours, days or weeks, and hand over at a fixed time."""

    rotation: Annotated[Literal["hourly", "daily", "weekly"], Field(description="the unit of one turn")]
    every: Annotated[int, Field(ge=1, le=366, description="how many of these units a turn lasts")] = 1
    handover: Annotated[str, Field(description='"Mon 09:00" for weekly rotations, else a time of day like "09:00"')] = (
        "Mon 09:00"
    )
    start: Annotated[
        date | None,
        Field(description="the first of `people` begins on this day; nobody is on call before it"),
    ] = None
    people: Annotated[tuple[str, ...], Field(min_length=1, description="who takes turns, in this order")]

    @field_validator("handover")
    @classmethod
    def _handover(cls, handover: str, info: ValidationInfo) -> str:
        """Hold the handover against the unit of the turn: a week needs its day named, the others have none."""
        try:
            day, _ = parse_handover(handover)
        except ValueError as err:
            raise PydanticCustomError("handover", "{why}", {"why": str(err)}) from None
        rotation = info.data.get("rotation", "")
        if rotation == "weekly" and day is None:
            raise PydanticCustomError("handover", 'a weekly handover names its day too, like "Mon 09:00"')
        if rotation in {"daily", "hourly"} and day is not None:
            raise PydanticCustomError("handover", 'only a weekly handover names a day; write a time, like "09:00"')
        return handover


class Schedule(Part):
    """Who is on call when: layers of rotations, a later layer over the earlier ones."""

    timezone: Annotated[TimeZone, Field(description="default: the service's")] = "UTC"
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]


class Target(NamedTuple):
    """Whom an escalation step pages: a schedule's person on call, a person, or a receiver as it stands."""

    kind: Literal["schedule", "person", "receiver"]
    name: str


def parse_target(text: str) -> Target:
    """`schedule:primary`, `receiver:team-mail`, or a person's key."""
    kind, colon, name = text.partition(":")
    if colon and kind == "schedule":
        return Target("schedule", name)
    if colon and kind == "receiver":
        return Target("receiver", name)
    return Target("person", text)


class EscalationStep(Part):
    """One step: these are paged, and if nobody acknowledges the next step follows."""

    page: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="each schedule:NAME, receiver:NAME or a person's key"),
    ]
    after: Annotated[Duration, Field(ge=0, description="how long after the escalation began")] = 0

    @property
    def targets(self) -> tuple[Target, ...]:
        """The parsed `page`."""
        return tuple(parse_target(text) for text in self.page)


class Escalation(Part):
    """The order in which people are paged until someone acknowledges."""

    steps: Annotated[tuple[EscalationStep, ...], Field(min_length=1)]
    repeat: Annotated[int, Field(ge=0, le=100, description="how often the steps begin again")] = 3
    fallback: Annotated[
        tuple[str, ...], Field(description="paged when nobody is on call or the steps are used up")
    ] = ()

    @property
    def fallback_targets(self) -> tuple[Target, ...]:
        """The parsed `fallback`."""
        return tuple(parse_target(text) for text in self.fallback)


LocalText: TypeAlias = str | Mapping[Locale, str]
"""Text shown to people: one text for all, or one for each language."""


def in_locale(text: LocalText, locale: str) -> str:
    """The text in a language, else in English, else in the first language given."""
    if isinstance(text, str):
        return text
    for key, words in text.items():
        if key == locale:
            return words
    return text.get("en") or next(iter(text.values()), "")
