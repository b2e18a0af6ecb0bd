"""What is wrong with a set of rules, said before they run: unknown names, units that do not fit, what can never be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from recuo.values import format_duration
from triggers.base import Kind, MetricSpec
from triggers.rules import Reduce, RuleConfig, Threshold
from triggers.selectors import parse_selector

Path = tuple[str | int, ...]

MAX_LEVELS: Final = 32
"""Levels of `all` and `any`; what works on rules recursively relies on it."""


class RuleProblem(NamedTuple):
    """Something wrong, or (a warning) something that will not do what was hoped; `path` begins with the rule's name."""

    path: Path
    message: str
    warning: bool = False


class _Metric(NamedTuple):
    spec: MetricSpec
    source: str


def _nearest(word: str, words: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


def check_rules(
    rules: Mapping[str, RuleConfig],
    specs: Mapping[str, Sequence[MetricSpec]] | None,
    every_ms: Mapping[str, int],
) -> list[RuleProblem]:
    """All problems of these rules.

    `specs` is what each source brings, by the source's name; None leaves out everything about metrics (a file with only
    rules). `every_ms` is how often each source is asked.
    """
    problems = [problem for name, rule in rules.items() for problem in _check_parts(name, rule, rules)]
    problems += _cycles(rules)
    if specs is None:
        return problems
    metrics: dict[str, list[_Metric]] = {}
    for source, brought in specs.items():
        for spec in brought:
            metrics.setdefault(spec.name, []).append(_Metric(spec, source))
    for name, rule in rules.items():
        problems += _check_metrics(name, rule, metrics, every_ms)
    return problems


def _check_parts(name: str, rule: RuleConfig, rules: Mapping[str, RuleConfig]) -> Iterator[RuleProblem]:
    field = "all" if rule.all else "any"
    for index, part in enumerate(rule.parts):
        if part not in rules:
            others = [other for other in rules if other != name]
            yield RuleProblem((name, field, index), f"there is no rule {part}{_nearest(part, others)}")


def _cycles(rules: Mapping[str, RuleConfig]) -> list[RuleProblem]:
    """Rules that are made of themselves, and those that stand on more levels of rules than anyone can follow."""
    problems: list[RuleProblem] = []
    levels: dict[str, int] = {}

    def walk(name: str, above: tuple[str, ...]) -> int:
        if name in above:
            circle = " -> ".join((*above[above.index(name) :], name))
            problems.append(RuleProblem((name,), f"this rule is made of itself: {circle}"))
            return 0
        if name not in levels and name in rules and len(above) <= MAX_LEVELS:
            levels[name] = 1 + max((walk(part, (*above, name)) for part in rules[name].parts), default=0)
            if levels[name] > MAX_LEVELS:
                problems.append(RuleProblem((name,), f"rules are made of rules here on more than {MAX_LEVELS} levels"))
                levels[name] = 0  # said once, and not again of every rule above
        return levels.get(name, 0 if len(above) <= MAX_LEVELS else MAX_LEVELS)

    for name in rules:
        walk(name, ())
    return problems


def _check_metrics(
    name: str, rule: RuleConfig, metrics: Mapping[str, Sequence[_Metric]], every_ms: Mapping[str, int]
) -> Iterator[RuleProblem]:
    paths: list[Path] = [("ratio", "of"), ("ratio", "to")] if rule.ratio else [(rule.condition,)]
    for path, text in zip(paths, rule.selectors, strict=False):
        metric = parse_selector(text).metric
        found = metrics.get(metric)
        if not found:
            yield RuleProblem((name, *path), f"no source brings {metric}{_nearest(metric, metrics)}")
            continue
        yield from _check_kind((name, *path), rule, found[0].spec)
        yield from _check_labels(name, rule, path, text, found)
        if rule.metric is not None:
            yield from _check_units(name, rule, found[0].spec)
            yield from _check_window(name, rule, found, every_ms)
    if rule.ratio is not None:
        yield from _check_volume(name, rule, metrics, every_ms)


def _check_kind(path: Path, rule: RuleConfig, spec: MetricSpec) -> Iterator[RuleProblem]:
    is_event = spec.kind is Kind.EVENT
    if rule.event is not None and not is_event:
        yield RuleProblem(path, f"{spec.name} is a {spec.kind}, not an event; write metric: instead of event:")
    elif rule.ratio is not None and spec.kind not in {Kind.COUNTER, Kind.DELTA}:
        yield RuleProblem(path, f"{spec.name} is a {spec.kind}; a ratio divides counters or deltas")
    elif rule.metric is not None and is_event:
        yield RuleProblem(path, f"{spec.name} is an event; write event: instead of metric:")
    elif rule.metric is not None and rule.reduce.of_counter and spec.kind is Kind.GAUGE:
        path = (path[0], "reduce")
        yield RuleProblem(path, f"{spec.name} is a gauge; {rule.reduce} is of counters and deltas")
    elif rule.metric is not None and spec.kind is Kind.COUNTER and not rule.reduce.of_counter:
        path = (path[0], "reduce") if "reduce" in rule.model_fields_set else path
        words = f"{spec.name} is a counter, which only grows; its {rule.reduce} says little: use rate or increase"
        yield RuleProblem(path, words, warning=True)


def _check_labels(
    name: str, rule: RuleConfig, path: Path, text: str, found: Sequence[_Metric]
) -> Iterator[RuleProblem]:
    """A label that no source declares may still be added by configuration, so these are warnings."""
    declared = {label for metric in found for label in metric.spec.labels}
    if not declared:
        return
    spec = found[0].spec
    for matcher in parse_selector(text).matchers:
        if matcher.label not in declared:
            words = f"{spec.name} is not declared with the label {matcher.label}{_nearest(matcher.label, declared)}"
            yield RuleProblem((name, *path), words, warning=True)
    for index, label in enumerate(rule.by or ()):
        if label not in declared:
            words = f"{spec.name} is not declared with the label {label}{_nearest(label, declared)}"
            yield RuleProblem((name, "by", index), words, warning=True)


def _check_units(name: str, rule: RuleConfig, spec: MetricSpec) -> Iterator[RuleProblem]:
    limits: list[tuple[Path, Threshold | None]] = [(("above",), rule.above), (("below",), rule.below)]
    if rule.clear is not None:
        limits += [(("clear", "below"), rule.clear.below), (("clear", "above"), rule.clear.above)]
    for path, limit in limits:
        if limit is None:
            continue
        if rule.reduce in {Reduce.COUNT, Reduce.RATE}:
            if limit.unit:
                yield RuleProblem((name, *path), f"{rule.reduce} is a plain number; {limit.text} has a unit")
        elif not limit.fits(spec.unit):
            yield RuleProblem((name, *path), f"{spec.name} is in {spec.unit}; {limit.text} is not")
        elif not limit.unit and spec.unit == "ratio" and limit.number > 1 and rule.reduce is not Reduce.SUM:
            words = f"{spec.name} is a share between 0 and 1; write {limit.text}% if that is what {limit.text} means"
            yield RuleProblem((name, *path), words, warning=True)


def _check_window(
    name: str, rule: RuleConfig, found: Sequence[_Metric], every_ms: Mapping[str, int]
) -> Iterator[RuleProblem]:
    slowest = max((every_ms.get(metric.source, 0) for metric in found), default=0)
    if rule.over is not None and rule.over < slowest:
        words = f"over {format_duration(rule.over)} is shorter than the {format_duration(slowest)} between two polls"
        yield RuleProblem((name, "over"), f"{words}: it will often see nothing", warning=True)
    elif rule.over is not None and rule.reduce.of_counter and rule.over < 2 * slowest:
        words = f"over {format_duration(rule.over)} holds one poll of every {format_duration(slowest)}"
        yield RuleProblem((name, "over"), f"{words}: an increase needs two", warning=True)


def _check_volume(
    name: str, rule: RuleConfig, metrics: Mapping[str, Sequence[_Metric]], every_ms: Mapping[str, int]
) -> Iterator[RuleProblem]:
    """S9: whether the whole can reach `min_volume` in a window at the declared interval."""
    ratio = rule.ratio
    assert ratio is not None
    found = metrics.get(parse_selector(ratio.to).metric, ())
    known = [metric for metric in found if metric.spec.quantity is not None and every_ms.get(metric.source)]
    if not known or len(known) != len(found):
        return
    reach = max(ratio.over / every_ms[metric.source] * (metric.spec.quantity or 0.0) for metric in known)
    if reach < ratio.min_volume:
        every = format_duration(max(every_ms[metric.source] for metric in known))
        words = (
            f"{ratio.to} grows by about {reach:g} in {format_duration(ratio.over)} (one poll every {every}), so that "
            f"min_volume {ratio.min_volume:g} is not reached and this rule never answers"
        )
        yield RuleProblem((name, "ratio", "min_volume"), words, warning=True)
