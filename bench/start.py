"""From the start of the process to the first rule evaluated on real samples, beside Prometheus in the same run.

Recuo: until `recuo_rule_evaluations_total` at /metrics is above 0, asked every 5 ms. Prometheus, which scrapes and
evaluates every second: until a rule over node_exporter's metrics has a value.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from bench import references
from bench.frame import Result
from bench.processes import REPOSITORY, free_port, get, get_json, installed, metric, process, recuo_argv, until

RUNS = 10
REFERENCE_RUNS = 3
_RULES = "groups: [{name: first, rules: [{record: first, expr: node_load1}]}]\n"


def _recuo_s(directory: Path, run: int) -> float:
    port = free_port()
    argv = recuo_argv(REPOSITORY / "config.yaml", directory / f"state-{run}", port)
    began = time.perf_counter()
    with process(argv, directory / "recuo.log"):
        until(lambda: metric(get(port, "/metrics"), "recuo_rule_evaluations_total") > 0, "Recuo has evaluated a rule")
        return time.perf_counter() - began


def _prometheus_s(program: str, directory: Path, run: int, target: int) -> float:
    port = free_port()
    argv = references.prometheus(program, directory / f"prometheus-{run}", port, targets=[target], rules=_RULES)
    began = time.perf_counter()
    with process(argv, directory / "prometheus.log"):
        until(lambda: get_json(port, "/api/v1/query?query=first")["data"]["result"], "Prometheus has evaluated a rule")
        return time.perf_counter() - began


def measure() -> Iterable[Result]:
    """Seconds; the median, and the slowest."""
    with tempfile.TemporaryDirectory(prefix="recuo-bench-") as name:
        directory = Path(name)
        ours = [_recuo_s(directory, run) for run in range(RUNS)]
        theirs: list[float] = []
        prometheus, exporter = installed("prometheus"), installed("prometheus-node-exporter")
        if prometheus and exporter:
            target = free_port()
            with process(references.node_exporter(exporter, target), directory / "exporter.log"):
                until(lambda: get(target, "/metrics"), "node_exporter answers")
                theirs = [_prometheus_s(prometheus, directory, run, target) for run in range(REFERENCE_RUNS)]
    median = statistics.median(ours)
    yield Result("recuo: start to first rule evaluated", median, "s", {"median_of": RUNS})
    yield Result("recuo: start to first rule evaluated, slowest", max(ours), "s", {"of": RUNS})
    if theirs:
        reference = statistics.median(theirs)
        yield Result("prometheus: start to first rule evaluated", reference, "s", {"median_of": REFERENCE_RUNS})
        yield Result("recuo / prometheus", median / reference, "x")
