"""Recuo's back-test decides as Debian's Prometheus does, at every evaluation step."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recuo.values import Labels
from tests.reference import promtool as prometheus
from tests.reference.profiles import oracle
from tests.reference.promtool_cases import SAMPLE_EVERY_MS, SAMPLES, Drawn, Values, all_rules, all_series
from tests.reference.replayed import active_alerts

RULES = 40
STEPS_MS = (7_000, 10_000, 15_000, 20_000, 30_000)

Drawings = Mapping[str, Drawn]
AllSeries = Mapping[tuple[str, Labels], Values]


def _case(rules: Drawings, series: AllSeries, step_ms: int) -> prometheus.Case:
    return prometheus.Case(
        {prometheus.selector(metric, labels): values for (metric, labels), values in series.items()},
        [drawn.prom for drawn in rules.values()],
        SAMPLE_EVERY_MS,
        step_ms,
        1 + (SAMPLES - 1) * SAMPLE_EVERY_MS // step_ms,
    )


def _complaint(program: Path, case: prometheus.Case, active: Sequence[prometheus.Active]) -> str:
    with tempfile.TemporaryDirectory() as directory:
        return prometheus.complaint(program, case, active, Path(directory))


@pytest.mark.parametrize("options", [{}, {"blocks_from": 1}], ids=["lists", "columns"])
@given(series=all_series(), rules=all_rules(RULES), step_ms=st.sampled_from(STEPS_MS))
@oracle(12, shrink=False)
def test_S5_and_S10_as_prometheus(promtool: Path, options, series: AllSeries, rules: Drawings, step_ms: int) -> None:
    """Which alerts are pending and firing, and since when, is at each step what Prometheus says."""
    case = _case(rules, series, step_ms)
    active = active_alerts({name: drawn.body for name, drawn in rules.items()}, series, step_ms, case.steps, **options)
    complaint = _complaint(promtool, case, active)
    assert not complaint, _told(complaint, rules)


def _told(complaint: str, rules: Drawings) -> str:
    """The first steps that differ, with only what differs in them, and the rules that it is about."""
    lines, names = [], set()
    for block in re.findall(r"time: (.*),\n +exp: ?(.*)\n +got: ?(.*)", complaint)[:8]:
        exp, got = ({found[0] + found[1] for found in re.findall(r"({[^}]*})( [^,\n]*)", part)} for part in block[1:])
        lines += [f"at {block[0]} Recuo only: {sorted(exp - got)}", f"at {block[0]} promtool only: {sorted(got - exp)}"]
        names |= set(re.findall(r'alertname="(\w+)"', "".join(exp ^ got)))
    return "\n".join([*lines, *(f"{name}: {rules[name]}" for name in sorted(names))]) or complaint


SERIES: AllSeries = {("m", (("a", "1"), ("b", "x"))): (0.0, 1.0, 5.0, 5.0, 5.0, 5.0, 1.0, 1.0, 1.0, 1.0) + (0.0,) * 38}
BODY = {"metric": "m", "above": 3, "for": "20s", "keep_firing_for": "20s"}
ONE: Drawings = {"high": Drawn(BODY, prometheus.PromRule("high", "m > 3", 20_000, 20_000))}
TRUTH = [
    prometheus.Active(at_ms, "high", (("a", "1"), ("b", "x")), state, 20_000)
    for at_ms, state in (
        (20_000, "pending"),
        (30_000, "pending"),
        (40_000, "firing"),
        (50_000, "firing"),
        (60_000, "firing"),
        (70_000, "firing"),
    )
]


def test_the_truth_is_accepted(promtool: Path) -> None:
    """Both promtool and the back-test say what a person finds with pencil and paper."""
    case = _case(ONE, SERIES, 10_000)
    assert not _complaint(promtool, case, TRUTH)
    assert sorted(active_alerts({"high": BODY}, SERIES, 10_000, case.steps)) == TRUTH


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(TRUTH[:-1], id="resolved a step early"),
        pytest.param([*TRUTH, TRUTH[-1]._replace(at_ms=80_000)], id="resolved a step late"),
        pytest.param([TRUTH[0], TRUTH[1]._replace(state="firing"), *TRUTH[2:]], id="fired a step early"),
        pytest.param([TRUTH[0]._replace(active_at_ms=10_000), *TRUTH[1:]], id="active since too early"),
        pytest.param([TRUTH[0]._replace(labels=(("a", "2"), ("b", "x"))), *TRUTH[1:]], id="other labels"),
        pytest.param([], id="nothing"),
    ],
)
def test_a_wrong_expectation_is_reported(promtool: Path, wrong: list[prometheus.Active]) -> None:
    """The harness can fail: promtool complains about each kind of difference."""
    complaint = _complaint(promtool, _case(ONE, SERIES, 10_000), wrong)
    assert "FAILED" in complaint and "high" in complaint
