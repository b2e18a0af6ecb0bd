"""What every bench gives back, and where it goes: a table for people, JSON lines for scripts."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).resolve().parent / "results"


class Result(NamedTuple):
    """One measured number; `conditions` is what it was measured under, and `reference` marks another program's."""

    name: str
    value: float
    unit: str
    conditions: Mapping[str, object] = {}


def machine() -> dict[str, object]:
    """What the numbers depend on: kept with each of them."""
    return {"cpus": len(os.sched_getaffinity(0)), "machine": platform.machine(), "python": platform.python_version()}


def write(bench: str, results: Iterable[Result]) -> Path:
    """Write one file of JSON lines, anew; returns its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{bench}.jsonl"
    lines = (
        json.dumps({**result._asdict(), "conditions": {**machine(), **result.conditions}}, ensure_ascii=False)
        for result in results
    )
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def table(bench: str, results: Iterable[Result]) -> str:
    """Lines of name, value, unit and conditions, aligned."""
    rows = [
        (
            each.name,
            _number(each.value),
            each.unit,
            ", ".join(f"{key} {value}" for key, value in each.conditions.items()),
        )
        for each in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"  {name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {conditions}".rstrip()
        for name, value, unit, conditions in rows
    ]
    return "\n".join([bench, *lines])


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"
