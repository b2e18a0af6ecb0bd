"""What the daemon says of itself to Prometheus, in the field's naming conventions; every name starts with `recuo_`.

Counters and histograms are written where things happen; states are read when they are asked for, so that a scrape
never sees an old one.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from recuo import __version__

_POLL_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_EVALUATION_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_BUDGET_BUCKETS = (15, 60, 120, 240, 300, 480, 600, 720, 900, 1440, 1800, 3600, 7200, 21600)
_DELIVERY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


Figure = tuple[tuple[str, ...], float]
"""One value with its label values."""


class States(NamedTuple):
    """What is read when it is asked for, each a list of (label values, value); the totals are counted by the engine."""

    sources: Sequence[Figure] = ()
    source_success: Sequence[Figure] = ()
    series: Sequence[Figure] = ()
    alerts: Sequence[Figure] = ()
    unknown: Sequence[Figure] = ()
    incidents: Sequence[Figure] = ()
    outbox: Sequence[Figure] = ()
    evaluations: Sequence[Figure] = ()
    dropped: Sequence[Figure] = ()
    refused: Sequence[Figure] = ()


_FAMILIES: tuple[tuple[type[GaugeMetricFamily | CounterMetricFamily], str, str, tuple[str, ...]], ...] = (
    (GaugeMetricFamily, "recuo_source_up", "Whether the last poll of the source succeeded.", ("source",)),
    (
        GaugeMetricFamily,
        "recuo_source_last_success_timestamp_seconds",
        "When the source last answered.",
        ("source",),
    ),
    (GaugeMetricFamily, "recuo_series", "Living series, by source.", ("source",)),
    (GaugeMetricFamily, "recuo_alerts", "Alerts that are not inactive, by rule and state.", ("rule", "state")),
    (GaugeMetricFamily, "recuo_alerts_unknown", "Alerts whose data is missing, by rule.", ("rule",)),
    (GaugeMetricFamily, "recuo_incidents", "Incidents by state and severity.", ("state", "severity")),
    (GaugeMetricFamily, "recuo_outbox_messages", "Messages in the outbox by state.", ("state",)),
    (CounterMetricFamily, "recuo_rule_evaluations", "Evaluations of a rule for one label set.", ()),
    (
        CounterMetricFamily,
        "recuo_samples_dropped",
        "Samples that were not taken, by source and reason.",
        ("source", "reason"),
    ),
    (CounterMetricFamily, "recuo_polls_refused", "Polls that brought more than the bounds allow.", ("source",)),
)
"""In the order of the fields of `States`."""


class _StateCollector(Collector):
    """Shows the states that were read for this scrape."""

    def __init__(self) -> None:
        self.states = States()

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        for (family, name, text, labels), figures in zip(_FAMILIES, self.states, strict=True):
            metric = family(name, text, labels=labels)
            for values, number in figures:
                metric.add_metric(values, number)
            yield metric


class Telemetry:
    """All of the daemon's metrics in one registry; one instance a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._states = _StateCollector()
        self.registry.register(self._states)
        self._about_the_process()
        self._about_watching()
        self._about_people()

    def _about_the_process(self) -> None:
        registry = self.registry
        ProcessCollector(registry=registry)
        build = Gauge("recuo_build_info", "The version that runs.", ("version", "python_version"), registry=registry)
        build.labels(__version__, platform.python_version()).set(1)
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
        self.polls = Counter(
            "recuo_polls_total", "Polls by source and result.", ("source", "result"), registry=registry
        )
        self.poll_seconds = Histogram(
            "recuo_poll_duration_seconds", "Time a poll took.", ("source",), buckets=_POLL_BUCKETS, registry=registry
        )
        self.samples = Counter("recuo_samples_total", "Samples brought by source.", ("source",), registry=registry)
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
        self.opened = Counter(
            "recuo_incidents_opened_total", "Incidents opened, and opened again.", ("how",), registry=registry
        )
        self.pages = Counter(
            "recuo_pages_total",
            "Times that people were paged: a step of an escalation, or its fallback.",
            registry=registry,
        )
        self.deliveries = Counter(
            "recuo_deliveries_total",
            "Delivery attempts by receiver and result.",
            ("receiver", "result"),
            registry=registry,
        )
        self.delivery_seconds = Histogram(
            "recuo_delivery_duration_seconds",
            "Time from a message's creation to its delivery.",
            ("receiver",),
            buckets=_DELIVERY_BUCKETS,
            registry=registry,
        )

    def exposition(self, accept: str, states: States) -> tuple[bytes, str]:
        """The text for a scrape, in the format that its Accept header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        self._states.states = states
        return encode(self.registry), content_type
