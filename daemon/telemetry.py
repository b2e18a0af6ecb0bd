"""What the daemon says of itself to Prometheus, in the field's naming conventions; every name starts with `recuo_`.

Counters and histograms are written where things happen; states are read when they are asked for, so that a scrape
never sees an old one.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from recuo import __version__

_POLL_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_EVALUATION_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_BUDGET_BUCKETS = (15, 60, 120, 240, 300, 480, 600, 720, 900, 1440, 1800, 3600, 7200, 21600)
_DELIVERY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class States(NamedTuple):
    """The states to show, each a list of (label values, value)."""

    sources: list[tuple[tuple[str, ...], float]]
    source_success: list[tuple[tuple[str, ...], float]]
    series: list[tuple[tuple[str, ...], float]]
    alerts: list[tuple[tuple[str, ...], float]]
    unknown: list[tuple[tuple[str, ...], float]]
    incidents: list[tuple[tuple[str, ...], float]]
    outbox: list[tuple[tuple[str, ...], float]]


_STATE_FAMILIES = (
    ("sources", "recuo_source_up", "Whether the last poll of the source succeeded.", ("source",)),
    (
        "source_success",
        "recuo_source_last_success_timestamp_seconds",
        "When the source last answered.",
        ("source",),
    ),
    ("series", "recuo_series", "Series held in memory, by source.", ("source",)),
    ("alerts", "recuo_alerts", "Alerts by rule and state.", ("rule", "state")),
    ("unknown", "recuo_alerts_unknown", "Alerts whose data is missing, by rule.", ("rule",)),
    ("incidents", "recuo_incidents", "Incidents that are not closed, by state and severity.", ("state", "severity")),
    ("outbox", "recuo_outbox_messages", "Messages in the outbox by state.", ("state",)),
)


class _StateCollector(Collector):
    def __init__(self, read: Callable[[], States]) -> None:
        self._read = read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        states = self._read()
        for field, name, text, labels in _STATE_FAMILIES:
            family = GaugeMetricFamily(name, text, labels=labels)
            for values, number in getattr(states, field):
                family.add_metric(values, number)
            yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [GaugeMetricFamily(name, text, labels=labels) for _, name, text, labels in _STATE_FAMILIES]


class Telemetry:
    """All of the daemon's metrics in one registry; one instance a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._about_the_process()
        self._about_watching()
        self._about_people()

    def _about_the_process(self) -> None:
        registry = self.registry
        ProcessCollector(registry=registry)
        Gauge(
            "recuo_build_info", "The version that runs.", ("version", "python_version"), registry=registry
        ).labels(__version__, platform.python_version()).set(1)
        self.reload_ok = Gauge(
            "recuo_config_last_reload_successful", "Whether the last configuration was taken.", registry=registry
        )
        self.reload_at = Gauge(
            "recuo_config_last_reload_success_timestamp_seconds",
            "When a configuration was last taken.",
            registry=registry,
        )
        self.observe = Gauge("recuo_observe_mode", "1 when effects are switched off.", registry=registry)
        self.faults = Counter(
            "recuo_faults_total", "Errors inside the daemon itself, by part.", ("part",), registry=registry
        )
        self.clock_steps = Counter(
            "recuo_clock_steps_total", "Times that the system's clock was set.", registry=registry
        )
        self.turn_at = Gauge(
            "recuo_loop_last_turn_timestamp_seconds", "When the evaluating loop last turned.", registry=registry
        )

    def _about_watching(self) -> None:
        registry = self.registry
        self.polls = Counter("recuo_polls_total", "Polls by source and result.", ("source", "result"), registry=registry)
        self.poll_seconds = Histogram(
            "recuo_poll_duration_seconds", "Time a poll took.", ("source",), buckets=_POLL_BUCKETS, registry=registry
        )
        self.samples = Counter("recuo_samples_total", "Samples brought by source.", ("source",), registry=registry)
        self.samples_dropped = Counter(
            "recuo_samples_dropped_total", "Samples not taken, by reason.", ("reason",), registry=registry
        )
        self.evaluations = Counter(
            "recuo_rule_evaluations_total", "Rule evaluations, one a rule and instant.", registry=registry
        )
        self.evaluation_seconds = Histogram(
            "recuo_evaluation_duration_seconds",
            "Time from samples in hand to alerts decided, a batch.",
            buckets=_EVALUATION_BUCKETS,
            registry=registry,
        )
        self.transitions = Counter(
            "recuo_alert_transitions_total", "Alert transitions by kind.", ("kind",), registry=registry
        )
        self.commit_seconds = Histogram(
            "recuo_store_commit_duration_seconds",
            "Time a change of the state took to be on disk.",
            buckets=_EVALUATION_BUCKETS,
            registry=registry,
        )
        self.store_errors = Counter(
            "recuo_store_errors_total", "Changes of the state that could not be written.", registry=registry
        )

    def _about_people(self) -> None:
        registry = self.registry
        self.budget_seconds = Histogram(
            "recuo_budget_spent_seconds",
            "Time spent of each documented budget when its clock stopped.",
            ("budget",),
            buckets=_BUDGET_BUCKETS,
            registry=registry,
        )
        self.budget_limit = Gauge(
            "recuo_budget_limit_seconds", "The documented budgets.", ("budget",), registry=registry
        )
        self.budgets_passed = Counter(
            "recuo_budgets_passed_total", "Budgets that were passed, by budget.", ("budget",), registry=registry
        )
        self.pages = Counter("recuo_pages_total", "Pages handed to the outbox.", registry=registry)
        self.deliveries = Counter(
            "recuo_deliveries_total", "Delivery attempts by receiver and result.", ("receiver", "result"), registry=registry
        )
        self.delivery_seconds = Histogram(
            "recuo_delivery_duration_seconds",
            "Time from a message's creation to its delivery.",
            ("receiver",),
            buckets=_DELIVERY_BUCKETS,
            registry=registry,
        )

    def show(self, read: Callable[[], States]) -> None:
        """Show the states that `read` answers with at each scrape."""
        self.registry.register(_StateCollector(read))

    def exposition(self) -> tuple[bytes, str]:
        """The text for a scrape and its content type (Prometheus text format 0.0.4)."""
        return generate_latest(self.registry), "text/plain; version=0.0.4; charset=utf-8"
