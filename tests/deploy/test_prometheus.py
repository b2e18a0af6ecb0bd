"""The shipped Prometheus files, read by promtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import daemon.telemetry
from tests.machine import program

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"


def test_the_scrape_example_and_its_rules_are_valid():
    """`promtool check config` accepts the example and the rule file beside it."""
    tool = program("promtool", "prometheus")
    done = subprocess.run(
        [tool, "check", "config", str(PROMETHEUS / "scrape.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_the_rules_do_what_they_say():
    """`promtool test rules` passes on the cases beside the rules."""
    tool = program("promtool", "prometheus")
    done = subprocess.run(
        [tool, "test", "rules", str(PROMETHEUS / "rules.test.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_name_metrics_that_the_daemon_has():
    """Every recuo_ metric in the rules is one that /metrics shows."""
    rules = (PROMETHEUS / "rules.yml").read_text()
    exposed = Path(daemon.telemetry.__file__).read_text()
    for name in set(re.findall(r"\brecuo_\w+", rules)):
        assert re.search(rf'"{name}"', exposed), name
