"""From batches to windows: bounds, order, duplicates, events' identities, series that come and go (S1, S2, S6, S11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from recuo.values import Instant, Labels
from triggers.alerts import ENDED_AFTER_MS
from triggers.base import Batch, Sample
from triggers.health import Series, Source
from triggers.watches import Group, Watch

AHEAD_MS: Final = 3_600_000
"""A sample that claims to be further ahead of now than this is dropped: its clock is wrong."""
MAX_IDS: Final = 100_000
"""How many events' ids are remembered; beyond it the oldest is forgotten."""
FORGET_AFTER_MS: Final = 24 * 3_600_000
"""A series of a source whose polls are not complete never ends; silent for so long, and calm, it is forgotten."""

Touched = dict[Watch, dict[Group, None]]


class Stats:
    """What came in, counted since the start; `dropped` by (source, reason)."""

    def __init__(self) -> None:
        self.accepted = 0
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.refused: Counter[str] = Counter()
        self.evaluations = 0
        self.transitions = 0
        self.evaluation_seconds = 0.0

    @property
    def late(self) -> int:
        """Samples that came when every window had passed them."""
        return self._sum("late")

    @property
    def duplicate(self) -> int:
        """Samples of which the first for the instant, or the event of that id, was already there."""
        return self._sum("duplicate")

    def _sum(self, reason: str) -> int:
        return sum(count for (_, why), count in self.dropped.items() if why == reason)


class Intake:
    """Knows every series, and puts samples where they belong."""

    def __init__(self, watches: Iterable[Watch], event_metrics: Iterable[str], stats: Stats) -> None:
        self.stats = stats
        self._ids: dict[tuple[str, str], None] = {}
        self._number = 0
        self._newcomers: list[Series] = []
        self.use(watches, event_metrics)

    def use(self, watches: Iterable[Watch], event_metrics: Iterable[str]) -> None:
        """The rules that samples are for."""
        self._event_metrics = frozenset(event_metrics)
        self._by_metric: dict[str, list[Watch]] = {}
        for watch in watches:
            for metric in {target.selector.metric for target in watch.plan.targets}:
                self._by_metric.setdefault(metric, []).append(watch)

    def take(self, source: Source, batch: Batch, now: Instant, touched: Touched) -> list[Sample]:
        """Put a batch's samples in their windows, marking the groups to evaluate; returns the events that are new."""
        events: list[Sample] = []
        poll = source.polls
        accepted = 0
        known = source.series
        edge = now - source.info.lag_ms
        for sample in batch.samples:
            metric, labels, value, at, _, _ = sample
            series = known.get((metric, labels)) or self._meet(source, metric, labels)
            series.seen = poll
            if series.ended_at is not None:
                revive(series)
            if series.is_event:
                if self._is_new_event(series, sample):
                    if self._put(series, sample, edge, now, touched):
                        events.append(sample)
                        accepted += 1
            elif value - value != 0:
                self._drop(source, "not finite")
            elif at > series.newest and edge - series.horizon_ms < at <= now:
                series.newest = at
                if series.waiting:
                    join(series)
                accepted += 1
                for sink in series.sinks:
                    sink.take(at, value, now)
                    touched.setdefault(sink.watch, {})[sink.group] = None
            else:
                accepted += self._put(series, sample, edge, now, touched)
        self.stats.accepted += accepted
        return events

    def _meet(self, source: Source, metric: str, labels: Labels) -> Series:
        self._number += 1
        series = Series(self._number, metric, labels, source, is_event=metric in self._event_metrics)
        source.series[metric, labels] = series
        source.live += 1
        self._newcomers.append(series)
        self.match(series, self._by_metric.get(metric, ()))
        return series

    @staticmethod
    def match(series: Series, watches: Iterable[Watch]) -> None:
        """Find the rules that want a series; it joins them with its first sample that is not dropped."""
        for watch in watches:
            roles = watch.picks(series.metric, series.labels)
            series.waiting += [(watch, role) for role in roles]
            if roles:
                series.horizon_ms = max(series.horizon_ms, watch.over_ms(series.source))

    def newcomers(self) -> list[Series]:
        """The series that came for the first time since this was asked."""
        found, self._newcomers = self._newcomers, []
        return found

    def _is_new_event(self, series: Series, sample: Sample) -> bool:
        if not sample.id:
            return True
        key = (sample.metric, sample.id)
        if key in self._ids:
            self._drop(series.source, "duplicate")
            return False
        self._ids[key] = None
        if len(self._ids) > MAX_IDS:
            del self._ids[next(iter(self._ids))]
        return True

    def _put(self, series: Series, sample: Sample, edge: Instant, now: Instant, touched: Touched) -> bool:
        """A sample out of order, late, early, or an event: into its place, or dropped and counted."""
        at = sample.at
        if sample.value - sample.value != 0:
            return self._drop(series.source, "not finite")
        if at <= edge - series.horizon_ms and series.horizon_ms:
            return self._drop(series.source, "late")
        if at > now + AHEAD_MS:
            return self._drop(series.source, "ahead")
        if at <= series.newest and not sample.id and (at == series.newest or any(s.holds(at) for s in series.sinks)):
            return self._drop(series.source, "duplicate")
        series.newest = max(series.newest, at)
        join(series)
        for sink in series.sinks:
            sink.take(at, sample.value, now)
            touched.setdefault(sink.watch, {})[sink.group] = None
        return True

    def _drop(self, source: Source, why: str) -> bool:
        self.stats.dropped[source.info.name, why] += 1
        return False

    def missing(self, source: Source, now: Instant) -> list[tuple[Watch, Group]]:
        """S6: end the series that a complete poll did not bring; returns the groups that ended with them."""
        ended: list[tuple[Watch, Group]] = []
        poll = source.polls
        for series in source.series.values():
            if series.seen != poll and series.ended_at is None and not series.is_event:
                ended += end(series, now)
        return ended

    def forget(self, series: Series) -> None:
        """Let go of a series and its samples."""
        if series.source.series.pop(series.key, None) is None:
            return
        series.source.live -= series.ended_at is None
        for sink in list(series.sinks):
            sink.watch.leave(sink)


def join(series: Series) -> None:
    """Let a series into the rules that wait for it."""
    waiting, series.waiting = series.waiting, []
    for watch, role in waiting:
        watch.join(series, role)


def revive(series: Series) -> None:
    """A series that had ended is there again."""
    series.ended_at = None
    series.source.live += 1
    for sink in series.sinks:
        if sink.freshens and sink.watch.ends:
            sink.group.living += 1
            if sink.group.alert is not None:
                sink.group.alert.ended_at = None


def end(series: Series, now: Instant) -> list[tuple[Watch, Group]]:
    """A series is missing from a successful poll; returns the groups of which it was the last."""
    series.ended_at = now
    series.source.live -= 1
    ended = []
    for sink in series.sinks:
        if sink.freshens and sink.watch.ends:
            sink.group.living -= 1
            if not sink.group.living:
                ended.append((sink.watch, sink.group))
    return ended


def forget_at(series: Series) -> Instant | None:
    """When a series that has ended, or is silent for a day, may be forgotten."""
    if series.ended_at is not None:
        return series.ended_at + max(ENDED_AFTER_MS, series.horizon_ms + series.source.info.lag_ms) + 1
    return series.newest + FORGET_AFTER_MS + series.horizon_ms
