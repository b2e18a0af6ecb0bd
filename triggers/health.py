"""How a source is doing, and the series that it brings (design S6, S7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from recuo.values import Instant, Labels
from triggers.base import Batch, Bounds, MetricSpec

if TYPE_CHECKING:
    from triggers.bulk import Bulk
    from triggers.watches import Group, Sink, Watch

SeriesKey = tuple[str, Labels]


class SourceInfo(NamedTuple):
    """What the engine knows of a source beforehand; durations in milliseconds.

    `stale_after_ms` is counted from a sample's own time and includes the lag. `specs` are the metrics that it declares;
    `bounds` is how much it may bring, beyond which a whole poll counts as failed.
    """

    name: str
    every_ms: int
    lag_ms: int
    stale_after_ms: int
    blind_after_ms: int
    specs: tuple[MetricSpec, ...] = ()
    bounds: Bounds = Bounds()


class SourceView(NamedTuple):
    """A source's health, as people see it. `rules` are those that depend on it."""

    name: str
    last_ok_at: Instant | None
    failing_since: Instant | None
    last_reason: str
    blind: bool
    rules: tuple[str, ...]
    series: int


class Series:
    """One metric and label set that a source brings. `newest` is its newest sample's time; `seen` its last poll."""

    __slots__ = (
        "due_at",
        "ended_at",
        "horizon_ms",
        "is_event",
        "labels",
        "metric",
        "nearest_ms",
        "newest",
        "number",
        "seen",
        "sinks",
        "source",
        "waiting",
    )

    def __init__(self, number: int, metric: str, labels: Labels, source: Source, *, is_event: bool) -> None:
        self.number, self.metric, self.labels, self.source = number, metric, labels, source
        self.is_event = is_event
        self.due_at: Instant | None = None
        self.newest: Instant = -(1 << 62)
        self.horizon_ms = 0
        self.nearest_ms = 1 << 62
        """How far back the narrowest window on it looks; `horizon_ms` is the widest."""
        self.seen = 0
        self.ended_at: Instant | None = None
        self.sinks: list[Sink] = []
        self.waiting: list[tuple[Watch, int]] = []
        """The rules that it joins, and as what, with its first sample that is not dropped."""

    def join(self, age_ms: int) -> None:
        """Enter the rules that wait for it and whose windows hold a sample of this age."""
        waiting, self.waiting = self.waiting, []
        for watch, role in waiting:
            if age_ms < watch.over_ms(self.source):
                watch.join(self, role)
            else:
                self.waiting.append((watch, role))

    def revive(self) -> None:
        """It had ended, and is there again."""
        self.ended_at = None
        self.source.live += 1
        for sink in self.sinks:
            if sink.freshens and sink.watch.ends:
                sink.group.living += 1
                if sink.group.alert is not None:
                    sink.group.alert.ended_at = None

    def end(self, now: Instant) -> list[tuple[Watch, Group]]:
        """It is missing from a successful poll; returns the groups of which it was the last."""
        self.ended_at = now
        self.source.live -= 1
        ended = []
        for sink in self.sinks:
            if sink.freshens and sink.watch.ends:
                sink.group.living -= 1
                if not sink.group.living:
                    ended.append((sink.watch, sink.group))
        return ended

    @property
    def key(self) -> SeriesKey:
        """What makes it this series and no other."""
        return (self.metric, self.labels)


class Source:
    """A source in flight: when it last answered, since when it fails, and its living and ended series."""

    __slots__ = (
        "_metrics",
        "bulk",
        "due_at",
        "failing_since",
        "has_answered",
        "info",
        "last_ok_at",
        "last_reason",
        "live",
        "out",
        "polls",
        "series",
        "told_blind",
    )

    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self.series: dict[SeriesKey, Series] = {}
        self.bulk: Bulk | None = None
        """Its series as rows of arrays, where it brings so many that a rule runs in columns."""
        self.live = 0
        self.polls = 0
        self.last_ok_at: Instant | None = None
        self.failing_since: Instant | None = None
        self.last_reason = ""
        self.has_answered = False
        """Whether a complete poll succeeded since the process started."""
        self.told_blind = False
        self.out = False
        """S11: whether it has failed for as long as makes its events unknown."""
        self._metrics = {spec.name for spec in info.specs}
        self.due_at: Instant | None = None

    def reform(self, info: SourceInfo) -> None:
        """Take a new configuration."""
        self.info = info
        self._metrics = {spec.name for spec in info.specs}

    def declares(self, metric: str) -> bool:
        """Whether it said that it brings this metric."""
        return metric in self._metrics

    def brings(self, metric: str) -> bool:
        """Whether it declared this metric, or brought it."""
        return metric in self._metrics or any(name == metric for name, _ in self.series)

    def out_at(self) -> Instant | None:
        """When its events and absences become unknown: one failed poll alone changes nothing.

        Of a source that never answered it counts from its first failure: a restart does not begin it anew (S8).
        """
        if self.failing_since is None:
            return None
        ok_at = self.failing_since if self.last_ok_at is None else self.last_ok_at
        return max(self.failing_since, ok_at + self.info.stale_after_ms)

    def blind_at(self) -> Instant | None:
        """When it is blind (S7)."""
        return None if self.failing_since is None else self.failing_since + self.info.blind_after_ms

    def deadline(self) -> Instant | None:
        """When the next of those comes, of what has not been told yet."""
        due = [None if self.out else self.out_at(), None if self.told_blind else self.blind_at()]
        return min((at for at in due if at is not None), default=None)

    def failed(self, at: Instant, reason: str) -> None:
        """A poll failed."""
        if self.failing_since is None:
            self.failing_since = at
        self.last_reason = reason

    def answered(self, at: Instant) -> None:
        """A poll succeeded."""
        self.last_ok_at, self.failing_since = at, None
        self.polls += 1

    def shift(self, delta_ms: int) -> None:
        """Move everything in time."""
        if self.last_ok_at is not None:
            self.last_ok_at += delta_ms
        if self.failing_since is not None:
            self.failing_since += delta_ms
        if self.bulk is not None:
            self.bulk.shift(delta_ms)
        for series in self.series.values():
            series.newest += delta_ms
            if series.ended_at is not None:
                series.ended_at += delta_ms


def refusal(source: Source, batch: Batch) -> str:
    """Why a batch breaks its source's bounds, naming it; empty where it does not.

    Only series that were not there before are looked at: the others passed.
    """
    if source.bulk is not None and source.bulk.knows(batch.samples):
        return ""
    bounds, name = source.info.bounds, source.info.name
    known = source.series
    fresh = {(s.metric, s.labels) for s in batch.samples if (s.metric, s.labels) not in known}
    total = len(fresh) + (0 if batch.complete else source.live)
    if batch.complete and fresh:
        total = len({(s.metric, s.labels) for s in batch.samples})
    if total > bounds.series:
        return f"source {name} brought {total} series; its bounds.series is {bounds.series}"
    for metric, labels in fresh:
        if len(labels) > bounds.labels:
            return (
                f"source {name} brought {metric[:80]} with {len(labels)} labels; its bounds.labels is {bounds.labels}"
            )
        longest = max((len(text) for pair in labels for text in pair), default=0)
        if max(longest, len(metric)) > bounds.label_length:
            words = f"a label of {longest}" if longest > bounds.label_length else f"a metric's name of {len(metric)}"
            return f"source {name} brought {words} characters; its bounds.label_length is {bounds.label_length}"
    return ""
