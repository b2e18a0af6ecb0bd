"""From the instant that a hold ends to the page in the SMTP server's hands, beside Prometheus and Alertmanager.

One endpoint is down from the start. Many rules watch it, each with another hold, so that each ends at another instant
and pages by itself. The hold's end is `active_at` plus the hold, as each program itself reports it. Both send to the
same SMTP server on loopback; Alertmanager once without waiting for its group, and once with its default of 30 s.
"""

from __future__ import annotations

import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from aiosmtpd.controller import Controller

from bench import references
from bench.frame import Result
from bench.processes import free_port, get, get_json, installed, process, recuo_argv, until

PAGES = 25
HOLD_MS = {f"hold-{number:02}": 3000 + 370 * number for number in range(PAGES)}
_TOKEN_FILE = "token"


class _Server:
    """Takes every message at once, and remembers when the first for each rule and recipient came."""

    def __init__(self) -> None:
        self.arrived: dict[tuple[str, str], float] = {}

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (aiosmtpd's name)
        now = time.time()
        for rule in set(re.findall(rb"hold-\d\d", envelope.content)):
            for recipient in envelope.rcpt_tos:
                self.arrived.setdefault((recipient, rule.decode()), now)
        return "250 OK"

    def came(self, recipient: str) -> dict[str, float]:
        """Seconds since the epoch by rule."""
        return {rule: at for (to, rule), at in self.arrived.items() if to == recipient}


def _recuo_config(closed_port: int, smtp_port: int) -> str:
    site = {"kind": "http", "url": f"http://127.0.0.1:{closed_port}/", "every": "1s", "timeout": "500ms"}
    return json.dumps({
        "service": {"name": "bench", "environment": "production", "locale": "en", "timezone": "UTC"},
        "sources": {"site": site},
        "rules": {
            name: {"metric": "http_up", "below": 1, "for": f"{hold_ms}ms", "summary": name}
            for name, hold_ms in HOLD_MS.items()
        },
        "people": {"ana": {"name": "Ana", "roles": ["responder"], "contacts": [{"email": "recuo@example.org"}]}},
        "escalation": {"default": {"steps": [{"page": ["ana"], "after": "0m"}]}},
        "receivers": {"mail": {
            "kind": "email", "host": "127.0.0.1", "port": smtp_port, "security": "none", "from": "bench@example.org",
        }},
    })  # fmt: skip


def _prometheus_rules() -> str:
    rules = [
        {"alert": name, "expr": "up == 0", "for": f"{hold_ms}ms", "labels": {"rule": name}}
        for name, hold_ms in HOLD_MS.items()
    ]
    return json.dumps({"groups": [{"name": "holds", "rules": rules}]})


def _seconds(instant: str) -> float:
    # Prometheus writes nanoseconds; Python reads microseconds.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", instant)).timestamp()


def _recuo_active(port: int, state: Path) -> dict[str, float]:
    token = (state / _TOKEN_FILE).read_text().strip()
    found = {}
    for incident in get_json(port, "/api/v1/incidents?limit=100", token)["incidents"]:
        detail = get_json(port, f"/api/v1/incidents/{incident['id']}", token)
        for alert in detail["alerts"]:
            found[alert["rule"]] = _seconds(alert["active_at"])
    return found


def _prometheus_active(port: int) -> dict[str, float]:
    alerts = get_json(port, "/api/v1/alerts")["data"]["alerts"]
    return {alert["labels"]["alertname"]: _seconds(alert["activeAt"]) for alert in alerts}


def _delays_s(active: Mapping[str, float], came: Mapping[str, float]) -> list[float]:
    return [at - active[rule] - HOLD_MS[rule] / 1000 for rule, at in came.items() if rule in active]


def measure() -> Iterable[Result]:
    """Seconds from the hold's end to the page; median and slowest of each program."""
    server, closed = _Server(), free_port()
    smtp = Controller(server, hostname="127.0.0.1", port=free_port())
    smtp.start()
    try:
        with tempfile.TemporaryDirectory(prefix="recuo-bench-") as name:
            directory = Path(name)
            ours = _recuo(server, directory, closed, smtp.port)
            theirs = _reference(server, directory, closed, smtp.port)
    finally:
        smtp.stop()
    yield from _said("recuo", ours, {"polls": "1 s"})
    for label, delays in theirs.items():
        yield from _said(f"prometheus + alertmanager, {label}", delays, {"scrapes_and_evaluations": "1 s"})
    if waiting_nothing := theirs.get("group_wait 0s"):
        ratio = statistics.median(ours) / statistics.median(waiting_nothing)
        yield Result("recuo / prometheus + alertmanager, group_wait 0s", ratio, "x")


def _said(who: str, delays: list[float], conditions: Mapping[str, object]) -> Iterable[Result]:
    given = {"pages": len(delays), **conditions}
    yield Result(f"{who}: hold's end to page, median", statistics.median(delays), "s", given)
    yield Result(f"{who}: hold's end to page, slowest", max(delays), "s", given)


def _recuo(server: _Server, directory: Path, closed: int, smtp_port: int) -> list[float]:
    config, state, port = directory / "recuo.yaml", directory / "state", free_port()
    config.write_text(_recuo_config(closed, smtp_port))
    with process(recuo_argv(config, state, port), directory / "recuo.log") as running:
        until(
            lambda: len(server.came("recuo@example.org")) == PAGES or running.poll() is not None,
            f"Recuo has paged {PAGES} times: {server.came('recuo@example.org')}",
            every_s=0.2,
        )
        if running.poll() is not None:
            raise RuntimeError((directory / "recuo.log").read_text())
        return _delays_s(_recuo_active(port, state), server.came("recuo@example.org"))


def _reference(server: _Server, directory: Path, closed: int, smtp_port: int) -> dict[str, list[float]]:
    prometheus, alertmanager = installed("prometheus"), installed("prometheus-alertmanager")
    if not prometheus or not alertmanager:
        return {}
    waits = {"0s": "wait0@example.org", "30s": "wait30@example.org"}
    ports = {wait: free_port() for wait in waits}
    port = free_port()
    with ExitStack() as stack:
        for wait, to in waits.items():
            argv = references.alertmanager(
                alertmanager, directory / f"am-{wait}", ports[wait], smtp_port=smtp_port, to=to, group_wait=wait
            )
            stack.enter_context(process(argv, directory / "am.log"))
            until(lambda wait=wait: get(ports[wait], "/-/ready"), "Alertmanager is ready")  # type: ignore[misc]
        argv = references.prometheus(
            prometheus, directory / "prom", port, targets=[closed], rules=_prometheus_rules(),
            alertmanagers=list(ports.values()),
        )  # fmt: skip
        stack.enter_context(process(argv, directory / "prom.log"))
        for to in waits.values():
            until(lambda to=to: len(server.came(to)) == PAGES, f"{to} has {PAGES}", within_s=120, every_s=0.2)  # type: ignore[misc]
        active = _prometheus_active(port)
    return {f"group_wait {wait}": _delays_s(active, server.came(to)) for wait, to in waits.items()}
