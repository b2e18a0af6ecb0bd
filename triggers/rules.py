"""A rule as it stands in configuration (design section 8): one strict model, whose every error says what is right.

Only what can be seen in the rule alone is checked here. Whether its metrics exist, whether units fit and whether the
rules that it names are there is checked by `triggers.checks.check_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from recuo.values import Duration, parse_duration
from triggers.selectors import SelectorError, parse_selector

EVENT_OVER_MS: Final = 300_000
"""S11: an event is true for this long from the last one, where the rule does not say."""

_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s?([A-Za-z%]*)")
_BYTES: Final[Mapping[str, int]] = {
    "B": 1,
    **{f"{p}B": 1000 ** (n + 1) for n, p in enumerate(("k", "M", "G", "T"))},
    **{f"{p}iB": 1024 ** (n + 1) for n, p in enumerate(("K", "M", "G", "T"))},
}
_TIMES: Final = ("ms", "s", "m", "h", "d", "w")


class Severity(StrEnum):
    """How bad it is, from worst to least."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Reduce(StrEnum):
    """What becomes of a window's samples."""

    LAST = "last"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    COUNT = "count"
    RATE = "rate"
    INCREASE = "increase"
    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"

    @property
    def quantile(self) -> float | None:
        """0.95 for p95; None where this is not a percentile."""
        return int(self.value[1:]) / 100 if self.value[0] == "p" else None

    @property
    def of_counter(self) -> bool:
        """Whether it reads a counter's increase."""
        return self in {Reduce.RATE, Reduce.INCREASE}


class Threshold(NamedTuple):
    """A limit as written: `number` in the base of its `unit`, which is `` (none), `ratio`, `ms` or `bytes`."""

    text: str
    number: float
    unit: str

    def in_unit(self, unit: str | None) -> float:
        """The number to compare with a metric whose unit is `unit` (None: not declared; milliseconds are assumed)."""
        if self.unit == "ms" and unit == "s":
            return float(Decimal(str(self.number)) / 1000)
        return self.number

    def fits(self, unit: str) -> bool:
        """Whether a metric of this unit can be compared with it; a bare number fits any."""
        return not self.unit or self.unit == unit or (self.unit == "ms" and unit == "s")


def parse_threshold(value: object) -> Threshold:
    """A threshold from `500`, `1%`, `500ms` or `2GiB`. Raises ValueError, saying what is right."""
    if isinstance(value, Threshold):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if number - number != 0:
            raise ValueError("a threshold is a finite number")
        return Threshold(f"{value:g}" if isinstance(value, float) else str(value), number, "")
    if not isinstance(value, str) or not (found := _NUMBER.fullmatch(value.strip())):
        raise ValueError(f"{value!r} is not a threshold; write it like 500, 1%, 500ms or 2GiB")
    number_text, unit = found.groups()
    exact = Decimal(number_text)
    if not unit:
        return Threshold(number_text, float(exact), "")
    if unit == "%":
        return Threshold(f"{number_text}%", float(exact / 100), "ratio")
    if unit in _BYTES:
        return Threshold(f"{number_text}{unit}", float(exact * _BYTES[unit]), "bytes")
    if unit in _TIMES:
        return Threshold(f"{number_text}{unit}", float(exact * parse_duration(f"1{unit}")), "ms")
    raise ValueError(
        f"{unit!r} is not a unit of a threshold; there are %, ms, s, m, h, d, B, kB, MB, GB, KiB, MiB, GiB, TiB"
    )


def _threshold(value: object) -> Threshold:
    try:
        return parse_threshold(value)
    except ValueError as err:
        raise PydanticCustomError("threshold", "{why}", {"why": str(err)}) from None


def _selector(value: str) -> str:
    try:
        parse_selector(value)
    except SelectorError as err:
        raise PydanticCustomError("selector", "{why}", {"why": str(err)}) from None
    return value


def _label_name(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", value):
        raise PydanticCustomError("label", "{name!r} is not a label's name", {"name": value})
    return value


def _rule_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", value):
        raise PydanticCustomError(
            "rule_name", "a rule's name has letters, digits, - _ and . (at most 100), not {name}", {"name": repr(value)}
        )
    return value


ThresholdField = Annotated[
    Threshold,
    BeforeValidator(_threshold),
    PlainSerializer(lambda value: value.text, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "examples": ["1%", "500ms", "2GiB"]}]}),
]
SelectorField = Annotated[str, AfterValidator(_selector), Field(min_length=1, examples=['app_latency_ms{route="/"}'])]
LabelName = Annotated[str, AfterValidator(_label_name), Field(max_length=256)]
RuleName = Annotated[str, AfterValidator(_rule_name)]
Positive = Annotated[Duration, Field(ge=1)]

_STRICT = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Clear(BaseModel):
    """S5's hysteresis: a firing alert resolves only after its value has been on this side for `for`."""

    model_config = _STRICT

    below: ThresholdField | None = None
    above: ThresholdField | None = None
    hold: Annotated[Duration, Field(alias="for", ge=0, description="how long it must stay clear")] = 0

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.below is None) == (self.above is None):
            raise PydanticCustomError("clear", "clear takes exactly one of below or above")
        return self


class Ratio(BaseModel):
    """S9: the increase of one counter divided by that of another, over the same window."""

    model_config = _STRICT

    of: Annotated[SelectorField, Field(description="the part: a counter or delta")]
    to: Annotated[SelectorField, Field(description="the whole: a counter or delta")]
    over: Annotated[Positive, Field(description="the look-back")]
    min_volume: Annotated[float, Field(ge=0, allow_inf_nan=False, description="below this much of `to`: no answer")] = (
        0.0
    )


Summary: TypeAlias = str | dict[Literal["pt-BR", "en"], str]

_CONDITIONS: Final = ("metric", "ratio", "event", "absent", "all", "any")
_ONLY: Final[Mapping[str, tuple[str, ...]]] = {
    "reduce": ("metric",),
    "over": ("metric", "event"),
    "above": ("metric", "ratio"),
    "below": ("metric", "ratio"),
    "clear": ("metric", "ratio"),
    "by": ("metric", "ratio", "event", "absent"),
    "aggregate": ("metric",),
}


class RuleConfig(BaseModel):
    """One rule. Exactly one of metric, ratio, event, absent, all, any says what it looks at."""

    model_config = _STRICT

    metric: Annotated[SelectorField | None, Field(description="a metric, with matchers as in PromQL")] = None
    ratio: Annotated[Ratio | None, Field(description="one counter's increase divided by another's")] = None
    event: Annotated[SelectorField | None, Field(description="true for `over` from the last such event")] = None
    absent: Annotated[SelectorField | None, Field(description="true when no sample came for `for`")] = None
    all: Annotated[tuple[RuleName, ...] | None, Field(min_length=1, description="all of these rules fire")] = None
    any: Annotated[tuple[RuleName, ...] | None, Field(min_length=1, description="one of these rules fires")] = None

    reduce: Annotated[Reduce, Field(description="what becomes of a window's samples")] = Reduce.LAST
    over: Annotated[Positive | None, Field(description="the look-back; with last, how old a sample may be")] = None
    above: Annotated[ThresholdField | None, Field(description="true when the value is strictly above")] = None
    below: Annotated[ThresholdField | None, Field(description="true when the value is strictly below")] = None
    hold: Annotated[Duration, Field(alias="for", ge=0, description="how long it must be true before it fires")] = 0
    keep_firing_for: Annotated[Duration, Field(ge=0, description="how long it goes on firing when false")] = 0
    clear: Annotated[Clear | None, Field(description="hysteresis: when a firing alert may resolve")] = None
    by: Annotated[tuple[LabelName, ...] | None, Field(description="one alert for each value of these labels")] = None
    aggregate: Annotated[
        Literal["sum", "avg", "min", "max"] | None, Field(description="with reduce last and by: how series become one")
    ] = None
    severity: Severity = Severity.WARNING
    page: Annotated[bool, Field(description="whether it opens an incident by itself")] = True
    summary: Annotated[Summary | None, Field(description="one line for people, plain or {pt-BR: …, en: …}")] = None
    labels: Annotated[Mapping[LabelName, str], Field(description="added to its alerts' labels")] = {}

    @property
    def condition(self) -> str:
        """Which of metric, ratio, event, absent, all, any this rule is."""
        return next(name for name in _CONDITIONS if getattr(self, name) is not None)

    @property
    def parts(self) -> tuple[str, ...]:
        """The rules that an `all` or `any` is made of; empty for others."""
        return self.all or self.any or ()

    @property
    def selectors(self) -> tuple[str, ...]:
        """What it selects: for a ratio the part, then the whole; empty for `all` and `any`."""
        if self.ratio is not None:
            return (self.ratio.of, self.ratio.to)
        one = self.metric or self.event or self.absent
        return (one,) if one else ()

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        given = [name for name in _CONDITIONS if getattr(self, name) is not None]
        if len(given) != 1:
            seen = "none" if not given else " and ".join(given)
            raise PydanticCustomError(
                "condition",
                "exactly one of metric, ratio, event, absent, all, any is wanted; here is {seen}",
                {"seen": seen},
            )
        self._check_fields(given[0])
        if given[0] in {"metric", "ratio"}:
            self._check_threshold()
        if given[0] == "metric":
            self._check_window()
        if given[0] == "absent" and not self.hold:
            raise PydanticCustomError("absent_for", "absent wants for: how long nothing may come, like for: 10m")
        return self

    def _check_fields(self, condition: str) -> None:
        for field, allowed in _ONLY.items():
            if field in self.model_fields_set and condition not in allowed:
                raise PydanticCustomError(
                    "field_unused", "{field} means nothing beside {condition}", {"field": field, "condition": condition}
                )

    def _check_threshold(self) -> None:
        if (self.above is None) == (self.below is None):
            raise PydanticCustomError("threshold", "exactly one of above or below is wanted")
        if self.clear is None:
            return
        limit, back = (self.above, self.clear.below) if self.above else (self.below, self.clear.above)
        if back is None or limit is None:
            raise PydanticCustomError("clear", "clear is on the other side: above goes with clear: {below: …}")
        if limit.unit == back.unit and ((back.number > limit.number) if self.above else (back.number < limit.number)):
            raise PydanticCustomError(
                "clear", "clear at {back} is already past the limit {limit}", {"back": back.text, "limit": limit.text}
            )

    def _check_window(self) -> None:
        if self.over is None and self.reduce is not Reduce.LAST:
            raise PydanticCustomError(
                "over", "reduce {reduce} wants over, like over: 5m", {"reduce": self.reduce.value}
            )
        if self.aggregate and (self.reduce is not Reduce.LAST or self.by is None):
            raise PydanticCustomError("aggregate", "aggregate goes with reduce last and by")
        if self.reduce is Reduce.LAST and self.by is not None and self.aggregate is None:
            raise PydanticCustomError("aggregate", "last with by wants aggregate: sum, avg, min or max")

    def definition(self) -> dict[str, Any]:
        """The rule as plain data: equal exactly when two rules decide alike and read alike."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


RulesFile = dict[RuleName, RuleConfig]
"""The `rules:` part of a configuration."""
