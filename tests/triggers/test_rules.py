"""Rules as written: what is accepted, what is refused, and what the refusal says."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from triggers.base import Kind, MetricSpec
from triggers.compile import check_rules
from triggers.rules import RuleConfig, parse_threshold
from triggers.selectors import SelectorError, compile_selector, parse_selector

SPECS = {
    "site": [
        MetricSpec("latency_ms", Kind.GAUGE, "ms", "", ("route",)),
        MetricSpec("cpu", Kind.GAUGE, "ratio", ""),
        MetricSpec("req", Kind.COUNTER, "count", "", quantity=1),
        MetricSpec("crash", Kind.EVENT, "info", ""),
    ]
}


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [(500, 500, ""), ("1%", 0.01, "ratio"), ("500ms", 500, "ms"), ("2s", 2000, "ms"), ("2GiB", 2 * 1024**3, "bytes")],
)
def test_thresholds_carry_their_unit(text, number, unit):
    """A threshold is a number in the base of its unit."""
    found = parse_threshold(text)
    assert (found.number, found.unit) == (number, unit)


def test_a_threshold_in_ms_is_compared_with_a_metric_in_seconds():
    """500ms is 0.5 for a metric in seconds."""
    assert parse_threshold("500ms").in_unit("s") == 0.5


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"metric": "m", "above": 1, "below": 2}, "exactly one of above or below"),
        ({"metric": "m{", "above": 1}, "column 3"),
        ({"metric": "m", "reduce": "avg", "above": 1}, "wants over"),
        ({"metric": "m", "by": ["a"], "above": 1}, "wants aggregate"),
        ({"metric": "m", "above": 5, "clear": {"below": 6}}, "already past"),
        ({"metric": "m", "above": 5, "clear": {"above": 4}}, "other side"),
        ({"event": "e", "above": 1}, "above means nothing beside event"),
        ({"metric": "m", "event": "e", "above": 1}, "exactly one of"),
        ({"absent": "m"}, "absent wants for"),
        ({"metric": "m", "above": "5 parsecs"}, "parsecs"),
        ({"metric": "m", "above": 1, "for": 30}, "no unit"),
        ({"metric": "m", "above": 1, "hight": 1}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_said(body, told):
    """Every refusal says what is wrong in words."""
    with pytest.raises(ValidationError, match=told):
        RuleConfig.model_validate(body)


def test_selectors_match_as_in_promql():
    """Whole values, anchored patterns, a missing label as the empty text."""
    selects = compile_selector(parse_selector('m{a="1", b!="2", c=~"x.", d!~"y|z"}'))
    assert selects((("a", "1"), ("c", "xy")))
    assert not selects((("a", "1"), ("c", "xyz")))
    assert not selects((("a", "1"), ("b", "2"), ("c", "xy")))
    assert not selects((("a", "1"), ("c", "xy"), ("d", "z")))


@pytest.mark.parametrize(
    ("text", "column"), [("1m", 1), ("m{a}", 4), ('m{a="1"', 8), ('m{a=~"("}', 6), ("m x", 3), ('m{a="1" b="2"}', 9)]
)
def test_a_broken_selector_names_the_column(text, column):
    """The error says where."""
    with pytest.raises(SelectorError, match=f"column {column}:"):
        parse_selector(text)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"metric": "latncy_ms", "above": 1}, "did you mean latency_ms"),
        ({"metric": "latency_ms", "above": "1%"}, "latency_ms is in ms"),
        ({"ratio": {"of": "cpu", "to": "req", "over": "5m"}, "above": "1%"}, "cpu is a gauge"),
        ({"metric": "cpu", "reduce": "rate", "over": "5m", "above": 1}, "is of counters"),
        ({"metric": "crash", "above": 1}, "write event:"),
        ({"event": "cpu"}, "not an event"),
        ({"metric": "cpu", "above": 80}, "80%"),
        ({"ratio": {"of": "req", "to": "req", "over": "5m", "min_volume": 200}, "above": "1%"}, "20 in 5m"),
        ({"metric": "latency_ms", "above": 1, "by": ["rout"], "aggregate": "max"}, "did you mean route"),
    ],
)
def test_check_says_what_cannot_work(body, told):
    """Names, units, kinds and volumes are checked against what the sources declare."""
    problems = check_rules({"r": RuleConfig.model_validate(body)}, SPECS, {"site": 15_000})
    assert any(told in problem.message for problem in problems), problems
