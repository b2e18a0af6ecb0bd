"""`recuo backtest` over recorded samples: the interface that scripts are written against."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RULES = """
rules:
  latency-high: {metric: app_latency_ms, above: 500, for: 5m, over: 1m}
  error-rate:
    ratio: {of: app_errors_total, to: app_requests_total, over: 5m, min_volume: 20}
    by: [route]
    above: 1%
"""
START = 1_700_000_000


def at(second: int) -> str:
    from recuo.values import rfc3339

    return rfc3339((START + second) * 1000)


def latency(second: int) -> int:
    return 600 if 300 <= second < 1000 else 100


def backtest(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "rules.yaml").write_text(RULES)
    argv = [sys.executable, "-m", "daemon", "backtest", "--config", str(tmp_path / "rules.yaml"), *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


def answer(tmp_path: Path, *words: str) -> dict[str, Any]:
    done = backtest(tmp_path, *words, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"alerts", "incidents", "pages", "actions"}
    return found


def openmetrics(unit: int = 1) -> str:
    lines = ["# TYPE app_latency_ms gauge"]
    for second in range(0, 1800, 15):
        stamp = (START + second) * unit
        lines.append(f'app_latency_ms{{route="/a"}} {latency(second)} {stamp}')
        lines.append(f'app_requests_total{{route="/a"}} {second * 10} {stamp}')
        lines.append(f'app_errors_total{{route="/a"}} {max(0, second - 600)} {stamp}')
    return "\n".join([*lines, "# EOF", ""])


@pytest.mark.parametrize("unit", [1, 1000])
def test_openmetrics_in_steps_gives_alerts_with_their_instants(tmp_path: Path, unit: int) -> None:
    """Evaluated every 15 s, an alert is pending, firing and resolved at the instants of a Prometheus rule group."""
    (tmp_path / "data.txt").write_text(openmetrics(unit))
    found = answer(tmp_path, "--input", str(tmp_path / "data.txt"), "--step", "15s")
    assert found["alerts"][0] == {
        "rule": "latency-high",
        "labels": {"route": "/a"},
        "pending_at": at(300),
        "firing_at": at(600),
        "resolved_at": at(1005),
    }
    assert [row["rule"] for row in found["alerts"]] == ["latency-high", "error-rate"]
    assert found["alerts"][1]["resolved_at"] is None
    assert [row["opened_at"] for row in found["incidents"]] == [at(600), found["alerts"][1]["firing_at"]]
    assert found["incidents"][0]["resolved_at"] == at(1305)
    assert {page["incident"] for page in found["pages"]} == {1, 2}


@pytest.mark.parametrize(
    ("text", "words", "labels"),
    [
        ("timestamp,value\n{t},{v}", ("--metric", "app_latency_ms"), {}),
        ("{t},{v}", ("--metric", "app_latency_ms"), {}),
        ("timestamp,metric,route,value\n{t},app_latency_ms,/b,{v}", (), {"route": "/b"}),
        ('timestamp,metric,labels,value\n{t},app_latency_ms,"route=""/b""",{v}', (), {"route": "/b"}),
        ("timestamp,metric,labels,value\n{t},app_latency_ms,route=/b,{v}", (), {"route": "/b"}),
    ],
)
def test_csv_in_every_form(tmp_path: Path, text: str, words: tuple[str, ...], labels: dict[str, str]) -> None:
    """CSV with and without a metric's column and with labels in columns of their own or in one gives the same alert."""
    *header, row = text.split("\n")
    rows = [row.format(t=START + second, v=latency(second)) for second in range(0, 1800, 15)]
    (tmp_path / "data.csv").write_text("\n".join([*header, *rows, ""]))
    (alert,) = answer(tmp_path, "--input", str(tmp_path / "data.csv"), *words)["alerts"]
    assert alert["labels"] == labels
    assert (alert["pending_at"], alert["firing_at"], alert["resolved_at"]) == (at(300), at(600), at(1005))


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        ("timestamp,value\n1,2\n", (), "data:2: which metric"),
        ("app_latency_ms 3\n", (), "data:1: this sample of app_latency_ms has no timestamp"),
        ("app_latency_ms{a=b} 3 4\n", (), "data:1"),
        ("timestamp,value\n1,two\n", ("--metric", "m"), "data:2: 'two' is no number"),
        ("app_latency_ms 3 4\n", ("--step", "15"), "15"),
        ("app_latency_ms 3 4\n", ("--start", "20", "--end", "10"), "the end is before the start"),
        ("", (), "there is no sample in the input"),
        ("timestamp,value\n", ("--metric", "m"), "there is no sample in the input"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(
    tmp_path: Path, content: str, words: tuple[str, ...], said: str
) -> None:
    """A recording or an argument that is wrong ends with 2 and says where."""
    (tmp_path / "data").write_text(content)
    done = backtest(tmp_path, "--input", str(tmp_path / "data"), *words)
    assert done.returncode == 2
    assert done.stderr.startswith("recuo: ")
    assert said in done.stderr


def test_a_spreadsheets_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    """CSV that begins with a byte order mark reads like the same CSV without it."""
    rows = "".join(f"{START + second},app_latency_ms,{latency(second)}\n" for second in range(0, 1800, 15))
    (tmp_path / "data.csv").write_text("\ufefftimestamp,metric,value\n" + rows, "utf-8")
    (alert,) = answer(tmp_path, "--input", str(tmp_path / "data.csv"), "--step", "15s")["alerts"]
    assert (alert["pending_at"], alert["firing_at"], alert["resolved_at"]) == (at(300), at(600), at(1005))


def test_without_steps_it_is_what_runs_live(tmp_path: Path) -> None:
    """Without --step a hold ends at its own instant, between two samples."""
    rows = [f"{START + second},{latency(second)}" for second in range(0, 1800, 7)]
    (tmp_path / "data.csv").write_text("\n".join(["timestamp,value", *rows, ""]))
    words = ("--input", str(tmp_path / "data.csv"), "--metric", "app_latency_ms")
    (alert,) = answer(tmp_path, *words)["alerts"]
    assert (alert["pending_at"], alert["firing_at"]) == (at(301), at(601))
