"""One tick of the engine: keyed samples in, alerts out; three rules (mean, hold, ratio by label), 10 to 100 000 series.

Each rule looks at N series: the mean and the hold at the same N gauges, the ratio at N/2 error and N/2 request
counters; so a tick brings 2 N samples and answers 3 N questions. A tick is `Engine.feed` of one complete poll, a list
of `Sample`; making the list is the source's work and not counted. Each size runs in a process of its own, so that
memory is its own.
"""

from __future__ import annotations

import gc
import http.server
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench import references
from bench.frame import Result
from bench.processes import free_port, get, installed, metric, process, until
from recuo.values import Labels
from triggers.base import Batch, Bounds, Kind, MetricSpec, Sample
from triggers.engine import Engine, SourceInfo
from triggers.rules import RulesFile

SERIES = (10, 100, 1_000, 10_000, 100_000)
WINDOWS_S = (60, 300)
TICKS = 20
START = 1_700_000_000_000
REFERENCE_SERIES = 10_000
REFERENCE_S = 75.0
"""Prometheus is asked after its 60 s windows have filled."""
_REFERENCE_RULES = """groups:
  - name: bench
    rules:
      - {alert: Mean, expr: 'avg_over_time(latency[1m]) > 900'}
      - {alert: Hold, expr: 'latency > 995', for: 30s}
      - {alert: Errors, expr: 'increase(errors[1m]) / increase(requests[1m]) > 0.05'}
"""
_SPECS = (
    MetricSpec("latency", Kind.GAUGE, "ms", "latency"),
    MetricSpec("requests", Kind.COUNTER, "count", "requests"),
    MetricSpec("errors", Kind.COUNTER, "count", "failures"),
)


def _rules(window_s: int) -> Any:
    over = f"{window_s}s"
    return TypeAdapter(RulesFile).validate_python(
        {
            "mean": {"metric": "latency", "reduce": "avg", "over": over, "above": 900},
            "hold": {"metric": "latency", "above": 995, "for": "30s"},
            "errors": {"ratio": {"of": "errors", "to": "requests", "over": over}, "above": "5%"},
        }
    )


class Feed:
    """What a source brings, second by second: the label sets are those of the poll before, or (`fresh`) built anew."""

    def __init__(self, count: int, *, fresh: bool = False) -> None:
        self.count, self.fresh = count, fresh
        self._labels = self._build()

    def _build(self) -> list[Labels]:
        return [(("host", f"h{number % 97}"), ("route", f"/api/{number}")) for number in range(self.count)]

    def poll(self, second: int) -> Batch:
        at = START + second * 1000
        labels = self._build() if self.fresh else self._labels
        half = labels[: max(1, self.count // 2)]
        ats, numbers = repeat(at), range(self.count)
        latencies = (float((n * 7919 + second * 31) % 1000) for n in numbers)
        samples = list(map(Sample, repeat("latency"), labels, latencies, ats))
        samples += map(Sample, repeat("requests"), half, (float(second * 10 + n) for n in numbers), ats)
        samples += map(Sample, repeat("errors"), half, (float(second // 7 + n % 3) for n in numbers), ats)
        return Batch("bench", at, samples)


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def one(count: int, window_s: int, *, fresh: bool = False) -> dict[str, float]:
    """Measure one size, in this process."""
    feed = Feed(count, fresh=fresh)
    feed.poll(0)  # what making a poll needs once is not the engine's memory
    before = _resident()
    info = SourceInfo("bench", 1000, 0, 60_000, 300_000, _SPECS, Bounds(series=1_000_000))
    engine = Engine(_rules(window_s), [info], now=START)
    for second in range(window_s + 5):
        engine.feed(feed.poll(second))
    held = _resident() - before
    took, cpu, decided = [], [], 0
    for second in range(window_s + 5, window_s + 5 + TICKS):
        batch = feed.poll(second)
        began, began_cpu = time.perf_counter(), time.process_time()
        decided += len(engine.feed(batch))
        cpu.append(time.process_time() - began_cpu)
        took.append(time.perf_counter() - began)
    return {
        "median_ms": statistics.median(took) * 1e3,
        "worst_ms": max(took) * 1e3,
        "cpu_ms": statistics.median(cpu) * 1e3,
        "transitions": decided / TICKS,
        "bytes": held / (2 * count),
    }


class _Exposed(http.server.BaseHTTPRequestHandler):
    """The same series for Prometheus, each second anew."""

    protocol_version = "HTTP/1.1"
    feed = Feed(0)

    def do_GET(self):
        second = int(time.monotonic())
        lines = [
            f'{s.metric}{{host="{s.labels[0][1]}",route="{s.labels[1][1]}"}} {s.value:g}'
            for s in self.feed.poll(second).samples
        ]
        body = "\n".join([*lines, ""]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def _prometheus_us() -> float | None:
    """What the same three rules cost Prometheus a series and rule, in microseconds; None where it is not installed."""
    program = installed("prometheus")
    if program is None:
        return None
    _Exposed.feed = Feed(REFERENCE_SERIES)
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Exposed) as server,
        tempfile.TemporaryDirectory(prefix="recuo-bench-") as name,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        directory, port = Path(name), free_port()
        target = server.server_address[1]
        argv = references.prometheus(program, directory / "prom", port, targets=[target], rules=_REFERENCE_RULES)
        took: list[float] = []
        with process(argv, directory / "log"):
            until(lambda: get(port, "/-/ready"), "Prometheus is ready")
            ends = time.monotonic() + REFERENCE_S
            while time.monotonic() < ends:
                time.sleep(1)
                if time.monotonic() > ends - 10:
                    text = get(port, "/metrics")
                    took.append(metric(text, "prometheus_rule_group_last_duration_seconds"))
        server.shutdown()
    return statistics.median(took) * 1e6 / (3 * REFERENCE_SERIES)


def measure() -> Iterator[Result]:
    """Every size, and 10 000 series whose labels are built anew at every poll; Prometheus on the same rules."""
    reference = _prometheus_us()
    if reference is not None:
        yield Result("tick.prometheus", reference, "us a series and rule", {"series": REFERENCE_SERIES, "rules": 3})
    cases = [(count, window_s, False) for count in SERIES for window_s in WINDOWS_S]
    for count, window_s, fresh in [*cases, (10_000, 60, True)]:
        argv = [sys.executable, "-m", "bench.tick", str(count), str(window_s), *(["fresh"] if fresh else [])]
        root = Path(__file__).resolve().parents[1]
        found = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True, cwd=root).stdout)
        where = {"series": count, "window_s": window_s, "rules": 3, "labels": "anew" if fresh else "kept"}
        yield Result("tick", found["median_ms"], "ms", where)
        yield Result("tick.worst", found["worst_ms"], "ms", where)
        yield Result("tick.cpu", found["cpu_ms"], "ms", where)
        each = found["median_ms"] * 1e3 / (3 * count)
        yield Result("tick.each", each, "us a series and rule", where)
        if reference is not None:
            yield Result("tick: prometheus / recuo", reference / each, "x", where)
        yield Result("tick.transitions", found["transitions"], "a tick", where)
        yield Result("tick.memory", found["bytes"], "bytes a series", where)


if __name__ == "__main__":
    print(json.dumps(one(int(sys.argv[1]), int(sys.argv[2]), fresh="fresh" in sys.argv)))
