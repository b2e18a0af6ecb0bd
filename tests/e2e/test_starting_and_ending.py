"""How the process begins and ends: signals at any time, readers that leave, copies that a crash has left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.e2e.conftest import small
from tests.e2e.running import ROOT, Product, Running, eventually, running

Write = Callable[[dict[str, Any]], Path]


def test_what_a_crash_left_behind_is_removed_at_the_start(product: Product, write: Write, tmp_path: Path) -> None:
    """A copy that was being handed out goes; one that a person has named stays."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    stale = [state / "backup-0123456789abcdef.db", state / ".backup-0123456789abcdef.db.01234567.part"]
    kept = state / "backup-before-the-move.db"
    for path in [*stale, kept]:
        path.write_bytes(b"x")
    with running(write(small(product)), state):
        assert not any(path.exists() for path in stale)
        assert kept.exists()


def test_hang_ups_and_terminations_at_the_start_do_no_harm(product: Product, write: Write, tmp_path: Path) -> None:
    """Two SIGHUP as soon as it speaks are reloads, and two SIGTERM end it in order, with exit 0 and no trace."""
    state = tmp_path / "state"
    daemon = Running(write(small(product)), state, wait=False)
    try:
        eventually(daemon.output, what="the report at the start")
        daemon.signal(signal.SIGHUP)
        daemon.signal(signal.SIGHUP)
        eventually(lambda: "the configuration was taken" in daemon.output(), what="the reload")
        daemon.signal(signal.SIGTERM)
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(15) == 0
    finally:
        daemon.process.kill()
    assert not (state / "daemon.json").exists()
    assert "Traceback" not in daemon.output()


def test_without_a_standard_output_it_watches_all_the_same(product: Product, write: Write, tmp_path: Path) -> None:
    """Closed streams, and a reader who leaves after the first line, end nothing."""
    state = tmp_path / "state"
    words = ["run", "--config", str(write(small(product))), "--state", str(state), "--listen", "127.0.0.1:0"]
    for closed in (">&- 2>&-", "| head -c 1 >&2"):
        line = f'"$@" {closed}'
        with subprocess.Popen(
            ["bash", "-c", line, "bash", sys.executable, "-m", "daemon", *words],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as shell:
            found = eventually(lambda: (state / "daemon.json").read_text() if (state / "daemon.json").exists() else "")
            assert '"url"' in found
            subprocess.run(["kill", "-TERM", str(json.loads(found)["pid"])], check=True)
            shell.wait(15)


def test_an_address_that_is_none_is_wrong_input(product: Product, write: Write, tmp_path: Path) -> None:
    """`--listen nonsense` exits 2 in words, before the state is touched."""
    words = ["run", "--config", str(write(small(product))), "--state", str(tmp_path / "state"), "--listen", "nonsense"]
    done = subprocess.run(
        [sys.executable, "-m", "daemon", *words], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert "write HOST:PORT" in done.stderr
    assert not (tmp_path / "state").exists()


def test_the_metrics_are_open_metrics_for_who_asks_for_that(product: Product, write: Write, tmp_path: Path) -> None:
    """The reference parser of OpenMetrics 1.0 reads all of it."""
    with running(write(small(product)), tmp_path / "state") as daemon:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        with urlopen(Request(f"{daemon.url}/metrics", headers=accept), timeout=10) as answer:
            text = answer.read().decode()
        assert text.endswith("# EOF\n")
        names = {family.name for family in text_string_to_metric_families(text)}
        assert {"recuo_polls", "recuo_alerts", "recuo_evaluation_duration_seconds"} <= names
