"""One tick of the engine: keyed samples in, alerts out. Three rules (mean, hold, ratio by label) at 10 to 100 000 series.

    .venv/bin/python bench/tick.py [--series 10,100,…] [--seconds 12] [--fresh-labels]

Each rule looks at N series: the mean and the hold at the same N gauges, the ratio at N/2 error and N/2 request counters;
so a tick brings 2 N samples and asks 3 N questions. A tick is `Engine.feed` of one complete poll, a list of `Sample`;
making the list is not counted, as it is the source's work. Lines go to bench/results/tick.jsonl.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pydantic import TypeAdapter

from recuo.values import Labels
from triggers.base import Batch, Bounds, Kind, MetricSpec, Sample
from triggers.engine import Engine, SourceInfo
from triggers.rules import RulesFile

RESULTS = Path(__file__).parent / "results" / "tick.jsonl"
SERIES = (10, 100, 1_000, 10_000, 100_000)
WINDOWS_S = (60, 300)
START = 1_700_000_000_000
PROMETHEUS_US = 5.5
"""Prometheus' cost a series and rule on a two-core machine, measured for the same three rules (microseconds)."""


def rules(window_s: int) -> dict[str, Any]:
    over = f"{window_s}s"
    return TypeAdapter(RulesFile).validate_python(
        {
            "mean": {"metric": "latency", "reduce": "avg", "over": over, "above": 900},
            "hold": {"metric": "latency", "above": 995, "for": "30s"},
            "errors": {"ratio": {"of": "errors", "to": "requests", "over": over}, "above": "5%"},
        }
    )


def labels_of(number: int) -> Labels:
    return (("host", f"h{number % 97}"), ("route", f"/api/{number}"))


class Feed:
    """What a source would bring, second by second."""

    def __init__(self, count: int, *, fresh_labels: bool) -> None:
        self.half = max(1, count // 2)
        self.count = count
        self.fresh = fresh_labels
        self.keys = [labels_of(number) for number in range(count)]

    def poll(self, second: int) -> Batch:
        at = START + second * 1000
        keys = [labels_of(number) for number in range(self.count)] if self.fresh else self.keys
        samples = [Sample("latency", key, float((n * 7919 + second * 31) % 1000), at) for n, key in enumerate(keys)]
        samples += [Sample("requests", key, float(second * 10 + n), at) for n, key in enumerate(keys[: self.half])]
        samples += [
            Sample("errors", key, float(second // 7 + n % 3), at) for n, key in enumerate(keys[: self.half])
        ]
        return Batch("bench", at, samples)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measure(count: int, window_s: int, ticks: int, *, fresh_labels: bool) -> dict[str, float]:
    gc.collect()
    before = resident()
    feed = Feed(count, fresh_labels=fresh_labels)
    specs = (
        MetricSpec("latency", Kind.GAUGE, "ms", "", ()),
        MetricSpec("requests", Kind.COUNTER, "count", "", ()),
        MetricSpec("errors", Kind.COUNTER, "count", "", ()),
    )
    bounds = Bounds(series=1_000_000)
    engine = Engine(rules(window_s), [SourceInfo("bench", 1000, 0, 60_000, 300_000, specs, bounds)], now=START)
    keys = resident()
    for second in range(window_s + 5):
        engine.feed(feed.poll(second))
    took, decided, cpu = [], 0, []
    for second in range(window_s + 5, window_s + 5 + ticks):
        batch = feed.poll(second)
        began, began_cpu = time.perf_counter(), time.process_time()
        decided += len(engine.feed(batch))
        took.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    gc.collect()
    held = resident() - keys
    return {
        "median_ms": statistics.median(took) * 1000,
        "worst_ms": max(took) * 1000,
        "cpu_ms": statistics.median(cpu) * 1000,
        "us_a_series_and_rule": statistics.median(took) * 1e6 / (3 * count),
        "transitions_a_tick": decided / ticks,
        "state_bytes_a_series": held / (2 * count),
        "keys_bytes_a_series": (keys - before) / (2 * count),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--series", default=",".join(map(str, SERIES)))
    parser.add_argument("--windows", default=",".join(map(str, WINDOWS_S)))
    parser.add_argument("--seconds", type=int, default=30, help="measured ticks of one second each")
    parser.add_argument("--fresh-labels", action="store_true", help="build every label anew at each poll")
    options = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    print(f"{'series':>8} {'window':>7} {'median':>10} {'worst':>10} {'a series, rule':>15} {'x Prom.':>8} {'state/series':>13}")
    with RESULTS.open("a", encoding="utf-8") as out:
        for count in map(int, options.series.split(",")):
            for window_s in map(int, options.windows.split(",")):
                found = measure(count, window_s, options.seconds, fresh_labels=options.fresh_labels)
                each = found["us_a_series_and_rule"]
                print(
                    f"{count:>8} {window_s:>6}s {found['median_ms']:>8.3f}ms {found['worst_ms']:>8.3f}ms "
                    f"{each:>12.3f} us {PROMETHEUS_US / each:>7.0f}x {found['state_bytes_a_series']:>10.0f} B"
                )
                conditions = {
                    "series_a_rule": count, "samples_a_tick": count + 2 * max(1, count // 2), "rules": 3,
                    "window_s": window_s, "every_s": 1, "ticks": options.seconds, "fresh_labels": options.fresh_labels,
                    "python": platform.python_version(), "machine": platform.machine(), "cores": 1,
                }  # fmt: skip
                units = {"ms": "ms", "rule": "us", "tick": "count", "series": "bytes"}
                for name, value in found.items():
                    unit = units[name.rsplit("_", 1)[-1]]
                    line = {"name": f"tick.{name}", "value": round(value, 4), "unit": unit, "conditions": conditions}
                    out.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
