"""The daemon as Prometheus, a dead man's switch and Sentry see it, and what a restart in the middle of a hold does."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from recuo.values import parse_instant
from tests.e2e.conftest import small
from tests.e2e.running import ROOT, Product, eventually, running
from tests.machine import program

Write = Callable[[dict[str, Any]], Path]


def test_promtool_finds_nothing_wrong_with_the_metrics(product: Product, write: Write, tmp_path: Path) -> None:
    """`promtool check metrics` is silent about everything that is exposed, with an incident open and after a reload."""
    promtool = program("promtool", "prometheus")
    with running(write(small(product)), tmp_path / "state") as daemon:
        product.status = 503
        eventually(lambda: daemon.get("/api/v1/incidents?state=open")["incidents"], what="an incident")
        daemon.post("/api/v1/reload")
        with urlopen(f"{daemon.url}/metrics", timeout=10) as answer:
            text = answer.read()
        checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
        found = daemon.metrics()
        assert found['recuo_incidents{severity="critical",state="triggered"}'] == 1
        assert found['recuo_incidents_opened_total{how="opened"}'] == 1
        assert found['recuo_alerts{rule="endpoint-down",state="firing"}'] == 1
        assert found["recuo_rule_evaluations_total"] > 0
        assert found['recuo_source_up{source="site"}'] == 1
        assert found['recuo_budget_limit_seconds{budget="identify"}'] == 300


def test_a_resolved_incident_is_in_the_budget_histograms_once(product: Product, write: Write, tmp_path: Path) -> None:
    """When an incident ends, what its clocks have spent is observed, and further scrapes add nothing."""
    with running(write(small(product)), tmp_path / "state") as daemon:
        product.status = 503
        incident = eventually(lambda: daemon.get("/api/v1/incidents?state=open")["incidents"], what="an incident")[0]
        product.status = 200
        eventually(
            lambda: daemon.get(f"/api/v1/incidents/{incident['id']}")["state"] in {"resolved", "closed"},
            what="the resolution",
        )
        for _ in range(3):
            found = daemon.metrics()
            assert found['recuo_budget_spent_seconds_count{budget="downtime"}'] == 1
            assert found["recuo_pages_total"] == 1


def test_the_external_heartbeat_is_pinged(product: Product, write: Write, tmp_path: Path) -> None:
    """The configured URL is asked for at its interval, and never stands in the log."""
    settings = small(product)
    settings["telemetry"] = {"heartbeat": {"url": {"env": "HEARTBEAT"}, "every": "1s"}}
    url = product.url.replace("/health", "/ping/very-secret-token")
    with running(write(settings), tmp_path / "state", environ={"HEARTBEAT": url}) as daemon:
        eventually(
            lambda: [path for path, _, _ in product.requests if path.startswith("/ping/")][1:], what="a second ping"
        )
        assert "very-secret-token" not in daemon.output()
        assert "very-secret-token" not in str(daemon.get("/api/v1/config"))


def test_a_hold_goes_on_after_kill_dash_nine_without_the_time_away(
    product: Product, write: Write, tmp_path: Path
) -> None:
    """S8: killed in the middle of a hold, the daemon goes on with it; the time that it was away does not count."""
    settings = small(product)
    settings["rules"]["endpoint-down"]["for"] = "10m"
    config, state = write(settings), tmp_path / "state"
    with running(config, state) as daemon:
        product.status = 503
        before = eventually(lambda: daemon.get("/api/v1/alerts")["alerts"], what="a pending alert")[0]
        assert before["state"] == "pending"
        daemon.kill()
    with running(config, state) as daemon:
        after = eventually(
            lambda: [a for a in daemon.get("/api/v1/alerts")["alerts"] if a["unknown_since"] is None],
            what="the same alert, known again",
        )[0]
        started_at = parse_instant(daemon.get("/api/v1/status")["started_at"])
        assert after["state"] == "pending"
        assert parse_instant(before["active_at"]) <= parse_instant(after["active_at"])
        assert parse_instant(after["active_at"]) < started_at + 2_000


def test_faults_of_its_own_go_to_sentry_without_secrets(product: Product, tmp_path: Path) -> None:
    """With a DSN an exception in the daemon arrives as an event, and a known secret in its text does not."""
    script = textwrap.dedent(
        f"""
        import structlog
        from daemon import faults, logs
        from daemon.config import loads
        from daemon.redact import redactor
        from recuo.values import Secret
        loaded = loads(b"telemetry: {{sentry_dsn: {{env: DSN}}}}", environ={{"DSN": {_dsn(product)!r}}})
        redactor.learn({{"password": Secret("hunter2-hunter2")}})
        logs.set_up(as_json=True)
        assert faults.report_to(loaded.config)
        try:
            raise RuntimeError("the password is hunter2-hunter2")
        except RuntimeError:
            structlog.get_logger("test").exception("it broke")
        import sentry_sdk
        sentry_sdk.flush(10)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    bodies = [_plain(headers, body) for path, headers, body in product.requests if "/envelope" in path]
    assert any(b"RuntimeError" in body for body in bodies)
    assert not any(b"hunter2" in body for body in bodies)
    assert "hunter2" not in done.stderr


def _dsn(product: Product) -> str:
    return product.url.replace("http://", "http://0123456789abcdef@").replace("/health", "/1")


def _plain(headers: dict[str, str], body: bytes) -> bytes:
    import gzip

    return gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body


def test_a_silence_goes_on_counting_after_kill_dash_nine(product: Product, write: Write, tmp_path: Path) -> None:
    """S8, S11: the count of an `absent` rule that never saw a sample goes on after a restart, less the time away."""
    settings = small(product)
    settings["rules"]["silent"] = {"absent": 'http_up{endpoint="nobody"}', "for": "10m"}
    config, state = write(settings), tmp_path / "state"
    ok = 'recuo_polls_total{result="ok",source="site"}'
    with running(config, state) as daemon:
        eventually(lambda: daemon.metrics().get(ok, 0) > 15, what="three seconds of polls")
        assert _silence(state) is not None
        daemon.kill()
    with running(config, state) as daemon:
        started_at = parse_instant(daemon.get("/api/v1/status")["started_at"])
        kept = eventually(lambda: _silence(state), what="the row of the silence")
        assert started_at - kept > 1_000


def _silence(state: Path) -> int | None:
    import json
    import sqlite3

    with sqlite3.connect(f"file:{state / 'recuo.db'}?mode=ro", uri=True) as connection:
        row = connection.execute("SELECT state FROM alerts WHERE rule = 'silent'").fetchone()
    connection.close()
    return json.loads(row[0])["active_at"] if row else None
