"""Series and rules that both Prometheus and Recuo can read, drawn by Hypothesis; many in one example.

The domain is where the two mean the same: gaps shorter than any look-back, so that an empty window (inactive there,
unknown here) does not come up; windows that end half a second off every sample, since Prometheus 2 takes in a sample on
the left edge and Recuo does not; no `rate` and `increase`, which Prometheus extrapolates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from recuo.values import Labels, format_duration
from tests.reference.promtool import PromRule

SAMPLE_EVERY_MS = 10_000
SAMPLES = 48
_LONGEST_GAP = 2
_OVERS_MS = (35_500, 45_500, 75_500, 125_500)
_HOLDS_MS = (0, 0, 7_000, 10_000, 20_000, 25_000, 30_000, 60_000, 90_000)
_MATCHERS = ("", '{a="1"}', '{a!="1"}', '{b=~"x|z"}', '{b!~"x.*"}', '{c=""}', '{c!="",a=~"[12]"}', '{b=~"y"}')
_PROM_OVER_TIME = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_POOLED_FRACTION = 0.3717  # no mean or percentile of small whole numbers ends so: rounding cannot decide
_LABELS: tuple[Labels, ...] = (
    (("a", "1"), ("b", "x")),
    (("a", "1"), ("b", "y")),
    (("a", "2"), ("b", "x")),
    (("a", "2"), ("b", "xy"), ("c", "q")),
    (("a", "3"), ("b", "z")),
)

Values = tuple[float | None, ...]


class Drawn(NamedTuple):
    """A rule in both languages."""

    body: Mapping[str, Any]
    prom: PromRule


def _expanded(seed: bytes, lead: int) -> Values:
    """Runs of equal values with short gaps: three bits say how much, the rest how long."""
    values: list[float | None] = [None] * lead
    for byte in seed:
        value, run = byte & 7, 1 + (byte >> 3) % 7
        if value == 7 and values and values[-1] is not None:
            values += [None] * min(run, _LONGEST_GAP)
        values.append(float(value))
        values += [float(value)] * (run - 1 if value < 7 else 0)
    values += [0.0] * (SAMPLES - len(values))
    if values[SAMPLES - 1] is None:
        values[SAMPLES - 1] = 1.0
    return tuple(values[:SAMPLES])


def _one_series() -> st.SearchStrategy[Values]:
    return st.builds(_expanded, st.binary(min_size=10, max_size=40), st.integers(0, 12))


def all_series() -> st.SearchStrategy[dict[tuple[str, Labels], Values]]:
    """Two gauges, `m` and `n` (whose series all have the same label names), and two deltas, `part` and `whole`."""
    names = [("m", labels) for labels in _LABELS] + [("n", labels) for labels in _LABELS if "c" not in dict(labels)]
    gauges = st.dictionaries(st.sampled_from(names), _one_series(), min_size=3)
    return st.builds(lambda some, pairs: {**some, **pairs}, gauges, _ratio_series())


def _ratio_series() -> st.SearchStrategy[dict[tuple[str, Labels], Values]]:
    """Numerator and denominator together, the latter never 0."""

    def pair(labels: Labels, part: bytes, whole: bytes) -> dict[tuple[str, Labels], Values]:
        wholes = tuple(None if value is None else value + 1 for value in _expanded(whole, 0))
        return {("part", labels): _expanded(part, 0), ("whole", labels): wholes}

    seeds = st.binary(min_size=10, max_size=40)
    return st.builds(pair, st.sampled_from(_LABELS[:3]), seeds, seeds)


@st.composite
def _plain(draw: st.DrawFn, name: str) -> Drawn:
    """A threshold on a window, each label set by itself or `by`."""
    reduce = draw(st.sampled_from(("last", "avg", "min", "max", "sum", "count", *_PROM_OVER_TIME)))
    over = draw(st.sampled_from(_OVERS_MS))
    by = draw(st.sampled_from((None, None, ("a",), ("a", "b"), ("b",), ())))
    matchers = draw(st.sampled_from(_MATCHERS))
    selected = draw(st.sampled_from(("m", "n"))) + matchers
    body: dict[str, Any] = {"metric": selected, "reduce": reduce}
    if reduce == "last" and draw(st.booleans()):
        expr = selected  # both look back five minutes then
    else:
        body["over"] = format_duration(over)
        expr = _over_time(reduce, f"{selected}[{over}ms]")
    if by is not None and reduce in _PROM_OVER_TIME:
        by = None  # PromQL cannot pool samples of several series for a percentile
    if by is not None:
        body["by"] = list(by)
        expr = _by(draw, body, expr, f"{selected}[{over}ms]", by)
    limit = draw(st.integers(0, 8)) * (3 if reduce == "sum" else 1)
    exact = reduce in {"last", "min", "max", "sum", "count"} and body.get("aggregate") != "avg"
    return _timed(draw, name, body, expr, limit if exact else limit + _POOLED_FRACTION)


def _over_time(reduce: str, window: str) -> str:
    if reduce in _PROM_OVER_TIME:
        return f"quantile_over_time({_PROM_OVER_TIME[reduce]}, {window})"
    return f"{reduce}_over_time({window})"


def _by(draw: st.DrawFn, body: dict[str, Any], expr: str, window: str, by: tuple[str, ...]) -> str:
    """S10 in PromQL: sums of sums and counts, a mean of the pooled samples, extremes of extremes."""
    names = ",".join(by)
    reduce = body["reduce"]
    if reduce == "last":
        body["aggregate"] = draw(st.sampled_from(("sum", "avg", "min", "max")))
        return f"{body['aggregate']} by ({names}) ({expr})"
    if reduce == "avg":
        return f"sum by ({names}) (sum_over_time({window})) / sum by ({names}) (count_over_time({window}))"
    return f"{'sum' if reduce == 'count' else reduce} by ({names}) ({expr})"


@st.composite
def _ratio(draw: st.DrawFn, name: str) -> Drawn:
    """A ratio of deltas, each label set by itself or `by`."""
    over = draw(st.sampled_from(_OVERS_MS))
    by = draw(st.sampled_from((None, ("a",), ())))
    body: dict[str, Any] = {"ratio": {"of": "part", "to": "whole", "over": format_duration(over)}}
    of, to = (f"sum_over_time({metric}[{over}ms])" for metric in ("part", "whole"))
    if by is not None:
        body["by"] = list(by)
        of, to = (f"sum by ({','.join(by)}) ({one})" for one in (of, to))
    return _timed(draw, name, body, f"{of} / {to}", draw(st.sampled_from((0.13717, 0.5, 0.93717, 1.23717))))


def _timed(draw: st.DrawFn, name: str, body: dict[str, Any], expr: str, limit: float) -> Drawn:
    side = draw(st.sampled_from(("above", "below")))
    hold, keep = draw(st.sampled_from(_HOLDS_MS)), draw(st.sampled_from(_HOLDS_MS))
    body |= {side: limit, "for": format_duration(hold), "keep_firing_for": format_duration(keep)}
    return Drawn(body, PromRule(name, f"{expr} {'>' if side == 'above' else '<'} {limit}", hold, keep))


@st.composite
def _joined(draw: st.DrawFn, name: str, parts: tuple[str, ...]) -> Drawn:
    """`all` or `any` of rules that keep each series' own labels."""
    form = draw(st.sampled_from(("all", "any")))
    both = f'count by (a,b) (ALERTS{{alertname=~"{"|".join(parts)}",alertstate="firing"}})'
    hold, keep = draw(st.sampled_from(_HOLDS_MS)), draw(st.sampled_from(_HOLDS_MS))
    body = {form: list(parts), "for": format_duration(hold), "keep_firing_for": format_duration(keep)}
    return Drawn(body, PromRule(name, f"{both} {f'== {len(parts)}' if form == 'all' else '> 0'}", hold, keep))


@st.composite
def all_rules(draw: st.DrawFn, count: int) -> dict[str, Drawn]:
    """`count` rules over the series, of every form that Prometheus has too; the parts before what is made of them."""
    rules: dict[str, Drawn] = {}
    for number in range(count):
        name = f"r{number}"
        own = tuple(
            other
            for other, drawn in rules.items()
            if drawn.body.get("metric", "").startswith("n") and "by" not in drawn.body
        )
        form = draw(st.sampled_from(("plain", "plain", "plain", "plain", "ratio", "joined")))
        if form == "joined" and len(own) > 1:
            parts = tuple(draw(st.lists(st.sampled_from(own), min_size=2, max_size=3, unique=True)))
            rules[name] = draw(_joined(name, parts))
        else:
            rules[name] = draw(_ratio(name) if form == "ratio" else _plain(name))
    return rules
