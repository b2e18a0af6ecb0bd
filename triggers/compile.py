"""From rules as written to plans that the engine runs, and what is wrong with them before that.

`check_rules` is what `recuo check` says about rules; it lives in `triggers.checks` and is given again here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from recuo.values import Labels, format_duration, format_quantity, labels_of
from triggers.alerts import Answer, Policy
from triggers.base import Kind, MetricSpec
from triggers.checks import RuleProblem, check_rules
from triggers.rules import EVENT_OVER_MS, Reduce, RuleConfig, Threshold
from triggers.selectors import Selector, compile_selector, parse_selector

__all__ = ["Plan", "RuleProblem", "Target", "check_rules", "compile_rules"]

_AGGREGATES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
}


class Target(NamedTuple):
    """One selector of a rule, with what is known of its metric."""

    selector: Selector
    selects: Callable[[Labels], bool]
    kind: Kind
    unit: str | None


class Plan(NamedTuple):
    """A rule ready to run. Of a ratio, `targets` are the part and the whole, in this order."""

    name: str
    config: RuleConfig
    condition: str
    targets: tuple[Target, ...]
    policy: Policy
    over_ms: int | None
    limit: float
    clear_limit: float
    static: tuple[tuple[str, str], ...]

    def group_of(self, labels: Labels) -> Labels:
        """Which of the rule's alerts a series belongs to (S10)."""
        if self.condition == "absent":
            return labels_of(self.targets[0].selector.equalities())
        by = self.config.by
        return labels if by is None else tuple(pair for pair in labels if pair[0] in by)

    def alert_labels(self, group: Labels) -> Labels:
        """The labels of a group's alert: its own, and those that the rule adds."""
        return labels_of({**dict(group), **dict(self.static)}) if self.static else group

    def judge(self, value: float) -> int:
        """What the rule says about a value: true, clear, or only false. Strictly, as written."""
        if self.config.above is not None:
            if value > self.limit:
                return Answer.TRUE
            return Answer.CLEAR if self.policy.clears and value < self.clear_limit else Answer.FALSE
        if value < self.limit:
            return Answer.TRUE
        return Answer.CLEAR if self.policy.clears and value > self.clear_limit else Answer.FALSE

    def aggregate(self, values: Sequence[float]) -> float:
        """One value from those of several series (S10); a group of one series needs no `aggregate`."""
        return _AGGREGATES[self.config.aggregate or "max"](values)

    @property
    def pools(self) -> bool:
        """S10: whether one window holds the samples of all series of a group."""
        reduce = self.config.reduce
        return reduce is not Reduce.LAST and (not reduce.of_counter or self.targets[0].kind is Kind.DELTA)

    @property
    def fits_columns(self) -> bool:
        """Whether it can run in columns: percentiles are kept in order a group, in `triggers.windows`."""
        return self.condition == "ratio" or (self.condition == "metric" and self.config.reduce.quantile is None)

    @property
    def limit_text(self) -> str:
        """The threshold in words, like `above 500`."""
        if (limit := self.config.above) is not None:
            return f"above {limit.text}"
        return f"below {self.config.below.text}" if self.config.below is not None else ""

    @property
    def subject(self) -> str:
        """What is measured, in words."""
        config = self.config
        if config.ratio is not None:
            return f"{config.ratio.of} / {config.ratio.to} over {format_duration(config.ratio.over)}"
        if config.parts:
            return f"{self.condition} of {', '.join(config.parts)}"
        if self.condition != "metric":
            return f"{self.condition} {self.targets[0].selector}"
        over = f" over {format_duration(config.over)}" if config.over is not None else ""
        by = f" by {', '.join(config.by)}" if config.by else ""
        return f"{config.reduce.value} of {self.targets[0].selector}{over}{by}"

    def sentence(self, value: float | None) -> str:
        """A value beside its threshold, in words."""
        if value is None or self.config.parts:
            return self.subject
        if not self.limit_text:
            return f"{self.subject}: {self.quantity(value)}"
        return f"{self.subject} is {self.quantity(value)}, limit {self.limit_text}"

    @property
    def unit(self) -> str:
        """The unit of the number that it compares: the metric's, else the limit's; none of a count or a rate."""
        config = self.config
        if config.ratio is not None:
            return "ratio"
        if self.condition != "metric" or config.reduce in {Reduce.COUNT, Reduce.RATE}:
            return ""
        limit = config.above or config.below
        return self.targets[0].unit or (limit.unit if limit is not None else "")

    def quantity(self, value: float) -> str:
        """A value as a person reads it, with the rule's unit: `93.1%`, `612 ms`."""
        return format_quantity(value, self.unit)


def _kinds(rules: Iterable[RuleConfig], specs: Mapping[str, MetricSpec]) -> dict[str, Kind]:
    """The kind of every metric in use: as declared, else as the rules read it."""
    found: dict[str, Kind] = {}
    for rule in rules:
        for text in rule.selectors:
            metric = parse_selector(text).metric
            if metric in specs:
                found[metric] = specs[metric].kind
            elif rule.event is not None:
                found[metric] = Kind.EVENT
            elif rule.ratio is not None or rule.reduce.of_counter:
                found[metric] = Kind.COUNTER
            else:
                found.setdefault(metric, Kind.GAUGE)
    return found


def _limit(threshold: Threshold | None, unit: str | None) -> float:
    return threshold.in_unit(unit) if threshold is not None else 0.0


def _over(rule: RuleConfig) -> int | None:
    if rule.ratio is not None:
        return rule.ratio.over
    return rule.over or EVENT_OVER_MS if rule.event is not None else rule.over


def _plan(name: str, rule: RuleConfig, kinds: Mapping[str, Kind], specs: Mapping[str, MetricSpec]) -> Plan:
    targets = []
    for text in rule.selectors:
        selector = parse_selector(text)
        unit = specs[selector.metric].unit if selector.metric in specs else None
        targets.append(Target(selector, compile_selector(selector), kinds[selector.metric], unit))
    unit = targets[0].unit if rule.metric is not None else None
    clear = rule.clear
    policy = Policy(
        rule.hold, rule.keep_firing_for, clear is not None, clear.hold if clear else 0, rule.absent is not None
    )
    return Plan(
        name, rule, rule.condition, tuple(targets), policy, _over(rule),
        _limit(rule.above or rule.below, unit), _limit((clear.below or clear.above) if clear else None, unit),
        labels_of(rule.labels),
    )  # fmt: skip


def compile_rules(rules: Mapping[str, RuleConfig], specs: Iterable[MetricSpec]) -> list[Plan]:
    """Plans, each after the parts that it is made of. Raises ValueError for a cycle or a part that is not there."""
    known = {spec.name: spec for spec in specs}
    kinds = _kinds(rules.values(), known)
    plans = {name: _plan(name, rule, kinds, known) for name, rule in rules.items()}
    ordered: dict[str, Plan] = {}

    def place(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"rule {name} is made of itself: {' -> '.join((*above, name))}")
        if name in ordered:
            return
        if name not in plans:
            raise ValueError(f"rule {above[-1]} is made of {name}, which is not a rule")
        for part in plans[name].config.parts:
            place(part, (*above, name))
        ordered[name] = plans[name]

    for name in plans:
        place(name, ())
    return list(ordered.values())
