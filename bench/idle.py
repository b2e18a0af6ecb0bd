"""What Recuo costs while nothing happens: resident memory and processor time, beside Debian's programs in the same run.

Two daemons: one on the shipped configuration exactly as it is (this machine, each second), and one with everything on:
both endpoints answered on loopback and asked each second, mail and webhook configured.
"""

from __future__ import annotations

import http.server
import os
import re
import tempfile
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import references
from bench.frame import Result
from bench.processes import REPOSITORY, free_port, get, installed, metric, process, recuo_argv, until, usage

SETTLE_S = 20.0
MEASURE_S = 60.0
_TOGETHER = ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter")
_RULES = """groups:
  - name: idle
    rules:
      - {alert: Cpu, expr: '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[10s])) > 0.8', for: 3m}
      - {alert: Memory, expr: '1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes > 0.9', for: 3m}
      - {alert: Disk, expr: '1 - node_filesystem_avail_bytes / node_filesystem_size_bytes > 0.9', for: 5m}
"""


class _Ok(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


def _everything_on(stack: ExitStack, directory: Path) -> tuple[Path, dict[str, str]]:
    """A copy of the shipped configuration in which every poll is each second, and the environment that turns all on."""
    server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Ok))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.shutdown)
    config = directory / "everything.yaml"
    shipped = (REPOSITORY / "config.yaml").read_text("utf-8")
    config.write_text(re.sub(r"^(    every: )2s$", r"\g<1>1s", shipped, flags=re.MULTILINE), "utf-8")
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    return config, {
        **os.environ,
        "VOCALCOACH_PRODUCTION_URL": url,
        "VOCALCOACH_BETA_URL": url,
        "RECUO_ANA_EMAIL": "ana@example.org",
        "RECUO_RUI_EMAIL": "rui@example.org",
        "RECUO_SMTP_HOST": "127.0.0.1",
        "RECUO_SMTP_USER": "bench",
        "RECUO_SMTP_PASSWORD": "bench",
        "RECUO_MAIL_FROM": "recuo@example.org",
        "RECUO_TEAM_EMAIL": "team@example.org",
        "RECUO_WEBHOOK_URL": url,
        "RECUO_WEBHOOK_SECRET": "whsec_YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5jaA==",
    }


def _programs(stack: ExitStack, directory: Path) -> dict[str, tuple[list[str], dict[str, str] | None]]:
    """Command and environment of everything that runs side by side."""
    config, environ = _everything_on(stack, directory)
    ports = {name: free_port() for name in ("plain", "everything", *_TOGETHER)}
    found: dict[str, tuple[list[str], dict[str, str] | None]] = {
        "recuo, as shipped": (recuo_argv(REPOSITORY / "config.yaml", directory / "plain", ports["plain"]), None),
        "recuo, everything on": (recuo_argv(config, directory / "everything", ports["everything"]), environ),
    }
    if program := installed("prometheus"):
        argv = references.prometheus(
            program,
            directory / "prometheus",
            ports["prometheus"],
            targets=[ports["prometheus-node-exporter"]],
            rules=_RULES,
            alertmanagers=[ports["prometheus-alertmanager"]],
        )
        found["prometheus"] = (argv, None)
    if program := installed("prometheus-alertmanager"):
        argv = references.alertmanager(
            program,
            directory / "am",
            ports["prometheus-alertmanager"],
            smtp_port=9,
            to="a@example.org",
            group_wait="0s",
        )
        found["prometheus-alertmanager"] = (argv, None)
    if program := installed("prometheus-node-exporter"):
        found["prometheus-node-exporter"] = (references.node_exporter(program, ports["prometheus-node-exporter"]), None)
    if program := installed("monit"):
        found["monit"] = (references.monit(program, directory / "monit"), None)
    return found


def _evaluating(port: int) -> bool:
    return metric(get(port, "/metrics"), "recuo_rule_evaluations_total") > 0


def measure() -> Iterable[Result]:
    """Megabytes and percent of a core of each program, all running at once."""
    with tempfile.TemporaryDirectory(prefix="recuo-bench-") as name, ExitStack() as stack:
        directory = Path(name)
        running = {}
        for label, (argv, environ) in _programs(stack, directory).items():
            log = directory / f"{label.replace(', ', '-').replace(' ', '-')}.log"
            running[label] = stack.enter_context(process(argv, log, environ))
        for label, each in running.items():
            if label.startswith("recuo"):
                port = int(each.cmdline()[-1].rsplit(":", 1)[1])
                until(partial(_evaluating, port), label)
        threading.Event().wait(SETTLE_S)
        with ThreadPoolExecutor(len(running)) as pool:
            used = dict(zip(running, pool.map(lambda each: usage(each, MEASURE_S), running.values()), strict=True))
    yield from _results(used)


def _results(used: dict[str, tuple[float, float]]) -> Iterable[Result]:
    conditions = {"polls": "1 s", "settled_s": SETTLE_S, "measured_s": MEASURE_S}
    for label, (megabytes, percent) in used.items():
        yield Result(f"{label}: resident memory", megabytes, "MB", conditions)
        yield Result(f"{label}: processor", percent, "% of a core", conditions)
    if all(label in used for label in _TOGETHER):
        megabytes, percent = (sum(used[label][which] for label in _TOGETHER) for which in (0, 1))
        yield Result("the Prometheus three: resident memory", megabytes, "MB", conditions)
        yield Result("the Prometheus three: processor", percent, "% of a core", conditions)
        ours = used["recuo, as shipped"]
        yield Result("recuo / the Prometheus three: resident memory", ours[0] / megabytes, "x", conditions)
        yield Result("recuo / the Prometheus three: processor", ours[1] / percent, "x", conditions)
