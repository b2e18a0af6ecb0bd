"""Rules for the naive model: read from the same mappings as config.yaml, by code of their own.

Nothing here is shared with `triggers`: a fault in the engine's reading of a rule must not be a fault of the oracle too.
Only the kinds that samples are declared with, and durations, come from the packages under test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recuo.values import Labels, parse_duration

DEFAULT_EVENT_OVER_MS = 300_000  # S11


@dataclass(frozen=True)
class Selector:
    """A metric's name and PromQL matchers: `app_latency_ms{route="/a", host!~"b.*"}`."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...] = ()

    def picks(self, metric: str, labels: Labels) -> bool:
        """Whether it names this series. A label that is not there is the empty text, patterns are anchored (PromQL)."""
        if metric != self.metric:
            return False
        have = dict(labels)
        return all(_matches(op, have.get(name, ""), wanted) for name, op, wanted in self.matchers)

    def equalities(self) -> Labels:
        """The labels that it pins to one value."""
        return tuple(sorted((name, wanted) for name, op, wanted in self.matchers if op == "=" and wanted))


def _matches(op: str, value: str, wanted: str) -> bool:
    if op in {"=", "!="}:
        return (value == wanted) == (op == "=")
    return (re.fullmatch(wanted, value) is not None) == (op == "=~")


def selector(text: str) -> Selector:
    """The selector that a text such as `m{a="1",b!="2"}` writes."""
    name, brace, rest = text.partition("{")
    if not brace:
        return Selector(name)
    found = re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"', rest)
    return Selector(name.strip(), tuple((label, op, wanted) for label, op, wanted in found))


@dataclass(frozen=True)
class Threshold:
    """`above` or `below` a limit, both strictly (section 8)."""

    above: float | None = None
    below: float | None = None

    def holds(self, value: float) -> bool:
        """Whether the value is beyond the limit."""
        if self.above is not None:
            return value > self.above
        assert self.below is not None
        return value < self.below


@dataclass(frozen=True)
class NaiveRule:
    """One rule. `form` is metric, ratio, event, absent, all or any; durations are ms, None where not written."""

    name: str
    form: str
    target: Selector | None = None
    numerator: Selector | None = None
    min_volume: float = 0
    reduce: str = "last"
    over: int | None = None
    threshold: Threshold | None = None
    hold: int = 0
    keep: int = 0
    clear: Threshold | None = None
    clear_hold: int = 0
    by: tuple[str, ...] | None = None
    aggregate: str | None = None
    parts: tuple[str, ...] = field(default=())

    def key(self, labels: Labels) -> Labels:
        """The label set of the alert that a series belongs to (S10)."""
        if self.by is None:
            return labels
        return tuple((name, value) for name, value in labels if name in self.by)


def _threshold(body: Mapping[str, Any]) -> Threshold | None:
    if "above" not in body and "below" not in body:
        return None
    return Threshold(above=body.get("above"), below=body.get("below"))


def _ms(body: Mapping[str, Any], name: str) -> int:
    return parse_duration(body.get(name, "0"))


def rule_of(name: str, body: Mapping[str, Any]) -> NaiveRule:
    """The rule that a mapping as under `rules:` in config.yaml describes."""
    (form,) = {"metric", "ratio", "event", "absent", "all", "any"} & set(body)
    clear = body.get("clear", {})
    common: dict[str, Any] = {
        "hold": _ms(body, "for"),
        "keep": _ms(body, "keep_firing_for"),
        "threshold": _threshold(body),
        "clear": _threshold(clear),
        "clear_hold": _ms(clear, "for"),
        "by": tuple(body["by"]) if "by" in body else None,
        "aggregate": body.get("aggregate"),
    }
    if form in {"all", "any"}:
        return NaiveRule(name, form, parts=tuple(body[form]), **common)
    if form == "ratio":
        ratio = body["ratio"]
        return NaiveRule(
            name,
            form,
            target=selector(ratio["to"]),
            numerator=selector(ratio["of"]),
            over=_ms(ratio, "over"),
            min_volume=float(ratio.get("min_volume", 0)),
            **common,
        )
    over = _ms(body, "over") if "over" in body else DEFAULT_EVENT_OVER_MS if form == "event" else None
    return NaiveRule(name, form, target=selector(body[form]), reduce=body.get("reduce", "last"), over=over, **common)


def in_order(rules: Mapping[str, NaiveRule]) -> Sequence[NaiveRule]:
    """The rules, each after the parts that it is made of."""
    ordered: dict[str, NaiveRule] = {}

    def place(name: str) -> None:
        for part in rules[name].parts:
            place(part)
        ordered.setdefault(name, rules[name])

    for name in rules:
        place(name)
    return list(ordered.values())
