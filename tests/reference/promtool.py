"""Debian's `promtool test rules` as an oracle: what Prometheus decides on given series, at every evaluation.

promtool asserts and does not print, so what Recuo decided is written down as what is expected, of `ALERTS` (pending and
firing) and of `ALERTS_FOR_STATE` (since when) at every step, for all the rules and series of an example in one run.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from recuo.values import Labels, format_duration

_TIMEOUT_S = 120


class PromRule(NamedTuple):
    """An alerting rule as Prometheus reads it."""

    name: str
    expr: str
    hold_ms: int = 0
    keep_ms: int = 0


class Active(NamedTuple):
    """One alert that is pending or firing at a step; instants in ms since the start of the series."""

    at_ms: int
    rule: str
    labels: Labels
    state: str
    active_at_ms: int


class Case(NamedTuple):
    """Series by selector (None: no sample), the rules, and how far apart samples and evaluations are."""

    series: Mapping[str, Sequence[float | None]]
    rules: Sequence[PromRule]
    sample_every_ms: int
    step_ms: int
    steps: int


def selector(metric: str, labels: Iterable[tuple[str, str]]) -> str:
    """A series as Prometheus writes it."""
    return metric + "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in labels) + "}"


def complaint(program: Path, case: Case, active: Iterable[Active], directory: Path) -> str:
    """What promtool finds wrong with the alerts that are said to be active; empty where it agrees with all of them."""
    (directory / "rules.yml").write_text(json.dumps(_rules(case)), "utf-8")
    (directory / "test.yml").write_text(json.dumps(_test(case, active)), "utf-8")
    done = subprocess.run(
        [program, "test", "rules", "test.yml"],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode == 0:
        return ""
    return (done.stdout + done.stderr).strip() or f"promtool ended with {done.returncode}"


def _rules(case: Case) -> dict[str, object]:
    rules = [
        {
            "alert": rule.name,
            "expr": rule.expr,
            "for": format_duration(rule.hold_ms),
            "keep_firing_for": format_duration(rule.keep_ms),
        }
        for rule in case.rules
    ]
    return {"groups": [{"name": "recuo", "interval": format_duration(case.step_ms), "rules": rules}]}


def _test(case: Case, active: Iterable[Active]) -> dict[str, object]:
    expected: dict[int, list[dict[str, object]]] = {step * case.step_ms: [] for step in range(case.steps)}
    for one in active:
        names = (("alertname", one.rule), *one.labels)
        expected[one.at_ms] += [
            {"labels": selector("ALERTS", (*names, ("alertstate", one.state))), "value": 1},
            {"labels": selector("ALERTS_FOR_STATE", names), "value": one.active_at_ms / 1000},
        ]
    asked = [
        {"expr": '{__name__=~"ALERTS|ALERTS_FOR_STATE"}', "eval_time": format_duration(at), "exp_samples": samples}
        for at, samples in expected.items()
    ]
    series = [
        {"series": name, "values": " ".join("_" if value is None else f"{value:g}" for value in values)}
        for name, values in case.series.items()
    ]
    return {
        "rule_files": ["rules.yml"],
        "evaluation_interval": format_duration(case.step_ms),
        "tests": [
            {
                "interval": format_duration(case.sample_every_ms),
                "input_series": series,
                "promql_expr_test": asked,
            }
        ],
    }
