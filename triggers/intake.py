"""From batches to windows: bounds, order, duplicates, events' identities, series that come and go (S1, S2, S6, S11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from recuo.values import Instant, Labels
from triggers.alerts import ENDED_AFTER_MS
from triggers.base import Batch, Sample
from triggers.health import Series, Source
from triggers.watches import Group, Watch

if TYPE_CHECKING:
    from triggers.blocks import Ints
    from triggers.columns import BlockWatch

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
    """Knows every series, and puts samples where they belong. `blocks`: the columns to evaluate, and which groups."""

    def __init__(
        self,
        watches: Iterable[Watch],
        event_metrics: Iterable[str],
        stats: Stats,
        *,
        blocks_from: int,
        on_crowd: Callable[[Watch], None],
    ) -> None:
        self.stats = stats
        self.blocks_from = blocks_from
        self.on_crowd = on_crowd
        self.blocks: dict[BlockWatch, list[Ints | None]] = {}
        self.changed = False
        """Whether groups came, went or came back since this was set to false."""
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

    def replace(self, old: Watch, new: Watch) -> None:
        """The same rule runs in another way."""
        for watches in self._by_metric.values():
            watches[:] = [new if each is old else each for each in watches]

    def take(self, source: Source, batch: Batch, now: Instant, touched: Touched) -> list[Sample]:
        """Put a batch's samples in their windows, marking the groups to evaluate; returns the events that are new."""
        if source.bulk is None:
            self.meet_all(source, ((sample[0], sample[1]) for sample in batch.samples))
        if source.bulk is not None:
            return source.bulk.take(batch.samples, now, touched, self)
        events: list[Sample] = []
        poll = source.polls
        accepted = 0
        known = source.series
        edge = now - source.info.lag_ms
        for sample in batch.samples:
            metric, labels, value, at, _, _ = sample
            series = known[metric, labels]
            series.seen = poll
            if series.ended_at is not None:
                series.revive()
                self.changed = True
                for sink in series.sinks:
                    if sink.freshens:  # it is back, whatever its sample is worth: known or unknown from now (S6)
                        touched.setdefault(sink.watch, {})[sink.group] = None
            if series.is_event:
                if self.is_new_event(series, sample) and self.put(series, sample, edge, now, touched):
                    events.append(sample)
                    accepted += 1
            elif value - value != 0:
                self._drop(source, "not finite")
            elif series.newest < at <= now and at > edge - series.nearest_ms and not series.waiting:
                series.newest = at
                accepted += 1
                for sink in series.sinks:
                    sink.take(at, value, now)
                    touched.setdefault(sink.watch, {})[sink.group] = None
            else:
                accepted += self.put(series, sample, edge, now, touched)
        self.stats.accepted += accepted
        return events

    def meet_all(self, source: Source, keys: Iterable[tuple[str, Labels]]) -> list[Series]:
        """The series of these keys; new ones are met, and rules that have become large go into columns."""
        known = source.series
        before = self._number
        found = [known.get(key) or self._meet(source, *key) for key in keys]
        if self._number != before:
            crowded = {watch for series in found for watch, _ in series.waiting if watch.wanted >= self.blocks_from}
            for watch in sorted(crowded, key=lambda each: each.plan.name):
                if watch.may_block and not watch.blocks:
                    self.on_crowd(watch)
        return found

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
        needs_rows = False
        for watch in watches:
            roles = watch.picks(series.metric, series.labels)
            series.waiting += [(watch, role) for role in roles]
            watch.wanted += len(roles)
            if roles:
                over_ms = watch.over_ms(series.source)
                series.horizon_ms = max(series.horizon_ms, over_ms)
                series.nearest_ms = min(series.nearest_ms, over_ms)
                needs_rows |= watch.blocks
        if needs_rows and series.source.bulk is None:
            from triggers.bulk import Bulk

            series.source.bulk = Bulk(series.source)

    def newcomers(self) -> list[Series]:
        """The series that came for the first time since this was asked."""
        found, self._newcomers = self._newcomers, []
        return found

    def is_new_event(self, series: Series, sample: Sample) -> bool:
        """S11: whether an event's id was not seen before."""
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

    def put(self, series: Series, sample: Sample, edge: Instant, now: Instant, touched: Touched) -> bool:
        """A sample out of order, late, early, or an event: into its place, or dropped and counted."""
        at = sample.at
        if sample.value - sample.value != 0:
            return self._drop(series.source, "not finite")
        if at <= edge - series.horizon_ms and series.horizon_ms:
            return self._drop(series.source, "late")
        if at > now + AHEAD_MS:
            return self._drop(series.source, "ahead")
        if at <= series.newest and not sample.id and (at == series.newest or self._holds(series, at)):
            return self._drop(series.source, "duplicate")
        self._hand_out(series, at, sample.value, edge, now, touched)
        return True

    def _hand_out(
        self, series: Series, at: Instant, value: float, edge: Instant, now: Instant, touched: Touched
    ) -> None:
        """To every rule whose window holds this instant, and to no other."""
        series.newest = max(series.newest, at)
        self.join(series, edge - at)
        for sink in series.sinks:
            if at > edge - sink.over_ms:
                sink.take(at, value, now)
                touched.setdefault(sink.watch, {})[sink.group] = None
        if series.source.bulk is not None:
            series.source.bulk.put_blocks(series, at, value, now, self)

    def join(self, series: Series, age_ms: int) -> None:
        """Let a series into the rules that wait for it and whose windows hold a sample of this age."""
        if not series.waiting:
            return
        self.changed = True
        bulk, source = series.source.bulk, series.source
        if bulk is None:
            series.join(age_ms)
            return
        blocks = [each for each in series.waiting if each[0].blocks and age_ms < each[0].over_ms(source)]
        later = [each for each in series.waiting if each[0].blocks and each not in blocks]
        series.waiting = [each for each in series.waiting if not each[0].blocks]
        series.join(age_ms)
        series.waiting += later
        bulk.enter(series, blocks)

    @staticmethod
    def _holds(series: Series, at: Instant) -> bool:
        bulk = series.source.bulk
        return any(sink.holds(at) for sink in series.sinks) or (bulk is not None and bulk.holds(series, at))

    def touch_block(self, watch: BlockWatch, numbers: Ints | None) -> None:
        """Groups of a rule in columns are to be evaluated (None: all)."""
        self.blocks.setdefault(watch, []).append(numbers)

    def _drop(self, source: Source, why: str) -> bool:
        self.stats.dropped[source.info.name, why] += 1
        return False

    def missing(self, source: Source, now: Instant) -> tuple[list[tuple[Watch, Group]], list[Series]]:
        """S6: end the series that the last poll, a complete one, did not bring; returns the groups, and the series."""
        if source.bulk is not None:
            return source.bulk.missing(now)
        ended: list[tuple[Watch, Group]] = []
        dead: list[Series] = []
        poll = source.polls
        for series in source.series.values():
            if series.seen != poll and series.ended_at is None and not series.is_event:
                ended += series.end(now)
                dead.append(series)
        return ended, dead

    def forget(self, series: Series) -> None:
        """Let go of a series and its samples."""
        if series.source.series.pop(series.key, None) is None:
            return
        series.source.live -= series.ended_at is None
        for watch in self._by_metric.get(series.metric, ()):
            watch.wanted -= len(watch.picks(series.metric, series.labels))
        for sink in list(series.sinks):
            sink.watch.leave(sink)
        if series.source.bulk is not None:
            series.source.bulk.forget(series)


def forget_at(series: Series) -> Instant | None:
    """When a series that has ended, or is silent for a day, may be forgotten."""
    if series.ended_at is not None:
        return series.ended_at + max(ENDED_AFTER_MS, series.horizon_ms + series.source.info.lag_ms) + 1
    bulk = series.source.bulk
    newest = series.newest if bulk is None else bulk.newest_of(series)
    return newest + FORGET_AFTER_MS + series.horizon_ms
