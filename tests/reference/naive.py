"""A naive model of how a rule decides (design, section 3), written from the design and not from the engine.

It keeps every sample that ever came and, whenever a rule is evaluated, looks through all of them again. What it carries
from one evaluation to the next is only what the definitions themselves speak of: the state, and since when a condition
is true, false, clear, unknown or ended. It is slow, and meant to be read beside the design.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recuo.values import Instant, Labels
from tests.reference.naive_alerts import ENDED_AFTER, Alert, Answer, Known
from tests.reference.naive_rules import NaiveRule, in_order, rule_of
from tests.reference.naive_windows import Point, Series, Source, reduced, sum_of_increases
from triggers.base import Batch, Kind


@dataclass
class Model:
    """The model. Feed it batches and advance it as the engine; `next_deadline` says when something ends by itself."""

    rules: Mapping[str, Mapping[str, Any]]
    sources: Sequence[Source]
    now: Instant
    boot: Instant = 0
    series: dict[tuple[str, Labels], Series] = field(default_factory=dict)
    alerts: dict[tuple[str, Labels], Alert] = field(default_factory=dict)
    seen_ids: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.boot = self.now
        self.ordered = in_order({name: rule_of(name, body) for name, body in self.rules.items()})
        self.by_name = {rule.name: rule for rule in self.ordered}
        self.by_metric = {metric: source for source in self.sources for metric in source.metrics}
        for rule in self.ordered:
            if rule.form == "absent":
                assert rule.target
                self.alerts[rule.name, rule.target.equalities()] = Alert(
                    rule, evaluated_at=self.now, silent_since=self.now
                )

    # ------------------------------------------------------------------------------------------------- what comes in

    def feed(self, batch: Batch) -> None:
        """One poll: its samples are kept, its rules evaluated (S3)."""
        self.now = batch.at
        source = next(s for s in self.sources if s.name == batch.source)
        if batch.failed:
            source.failing_since = batch.at if source.failing_since is None else source.failing_since
            if source.fails(self.now):
                self._visit_dependants(source)
            self._visit_due()
            return
        was_failing = source.fails(self.now)
        source.ok_at, source.failing_since = batch.at, None
        present = {(s.metric, s.labels) for s in batch.samples}
        touched = {key: self._keep(source, batch, key) for key in present}
        back = {key for key in present & set(self.series) if self._is_back(self.series[key])}
        if batch.complete:
            self._end_missing(source, present)
        for rule in self.ordered:
            got = [key for key in present if self._gets(rule, key, touched[key])]
            again = [key for key in back if rule.form in {"metric", "ratio"} and self._has(rule, key)]
            for labels in sorted({self._key(rule, labels) for _, labels in got + again}):
                self._visit(rule, labels)
        if was_failing:
            self._visit_dependants(source)
        self._visit_due()

    def _visit_dependants(self, source: Source) -> None:
        """Events, absences and ratios look at how their sources do."""
        for rule, labels, _ in list(self._all()):
            if rule.form in {"event", "absent", "ratio"} and source in self._sources_of(rule):
                self._visit(rule, labels)

    def advance(self, now: Instant) -> None:
        """Everything that ends by itself until `now`, each at its own instant (S3)."""
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            self.now = deadline
            self._visit_due()
        self.now = now

    def _visit_due(self) -> None:
        """Evaluate what ends now, and then what is made of it: at one instant, parts come before wholes."""
        for rule, labels, alert in list(self._all()):
            if not rule.parts and any(
                alert.evaluated_at < due <= self.now for due in self._deadlines(rule, labels, alert)
            ):
                self._visit(rule, labels)
        self._combine()

    def shift(self, delta: int) -> None:
        """The wall clock was stepped: every instant that is in flight moves with it."""
        self.now += delta
        self.boot += delta
        for series in self.series.values():
            series.shift(delta)
        for source in self.sources:
            source.ok_at = None if source.ok_at is None else source.ok_at + delta
            source.failing_since = None if source.failing_since is None else source.failing_since + delta
        for alert in self.alerts.values():
            alert.shift(delta)

    def restart(self, down: int, kept: Sequence[Batch]) -> None:
        """S8: nothing is lost; what is in flight is unknown from the end of the process until there is a new answer."""
        for rule, _, alert in self._all():
            if alert.unknown_since is None and (alert.state != "inactive" or rule.form == "absent"):
                alert.unknown_since = self.now
        for source in self.sources:
            self._recall(source, [batch for batch in kept if batch.source == source.name])
        told = {(sample.metric, sample.labels) for batch in kept for sample in batch.samples}
        for rule, labels, alert in list(self._all()):
            if rule.form != "event" or not alert.says_nothing:
                continue
            if not told & {one.key for one in self._series(rule, labels)}:
                del self.alerts[rule.name, labels]  # nothing is kept that speaks of it
        self.now += down
        for rule, labels, _ in list(self._all()):
            if rule.form in {"event", "absent"}:
                self._visit(rule, labels)
        self._visit_due()

    def _recall(self, source: Source, kept: Sequence[Batch]) -> None:
        """How a source does is what the kept polls tell; that it is blind is a state of its own."""
        was_blind = source.name in self.blind()
        answered = [batch.at for batch in kept if not batch.failed]
        source.ok_at = max(answered, default=None)
        if source.failing_since is not None and not was_blind:
            last = -1 if source.ok_at is None else max(n for n, batch in enumerate(kept) if not batch.failed)
            source.failing_since = kept[last + 1].at if last + 1 < len(kept) else None

    # ------------------------------------------------------------------------------------------------ what comes out

    def known(self) -> dict[tuple[str, Labels], Known]:
        """Every alert that is not inactive, or is unknown; and the sources that are blind (S7)."""
        return {
            (rule.name, labels): Known(alert.state, alert.active_at, alert.unknown_since is not None)
            for rule, labels, alert in self._all()
            if not alert.says_nothing
        }

    def blind(self) -> set[str]:
        """The sources that have failed for longer than their `blind_after` (S7)."""
        return {
            source.name
            for source in self.sources
            if source.failing_since is not None and self.now - source.failing_since >= source.blind_after
        }

    def next_deadline(self) -> Instant | None:
        """When the next hold, clear, keep, staleness limit, ... ends."""
        due = [
            at
            for rule, labels, alert in self._all()
            for at in self._deadlines(rule, labels, alert)
            if at > alert.evaluated_at
        ]
        return min(due, default=None)

    # -------------------------------------------------------------------------------------------- samples and series

    def _keep(self, source: Source, batch: Batch, key: tuple[str, Labels]) -> list[Point]:
        """Put a batch's samples of one series in their place; those that found it free (S2)."""
        metric, labels = key
        got = []
        for sample in batch.samples:
            if (sample.metric, sample.labels) != key or not math.isfinite(sample.value):
                continue
            if sample.id and (metric, sample.id) in self.seen_ids:
                continue
            self.seen_ids.add((metric, sample.id))
            series = self.series.setdefault(key, Series(metric, labels, source.metrics[metric]))
            point = Point(sample.at, sample.value, batch.at - source.lag - sample.at, batch.at)
            if series.put(point):
                got.append(point)
        return got

    def _is_back(self, series: Series) -> bool:
        """Whether a series had ended and is there again; ten minutes after its end it is a new one."""
        ended_at, series.ended_at = series.ended_at, None
        if ended_at is not None and self.now - ended_at > ENDED_AFTER:
            series.points = [point for point in series.points if point.arrived == self.now]
        return ended_at is not None

    def _has(self, rule: NaiveRule, key: tuple[str, Labels]) -> bool:
        """Whether a series is what an alert of this rule is about, and has a sample."""
        return rule.target is not None and rule.target.picks(*key) and bool(self._series(rule, self._key(rule, key[1])))

    def _gets(self, rule: NaiveRule, key: tuple[str, Labels], points: Sequence[Point]) -> bool:
        """Whether a rule gets any of a series' new points: it reads the series, and they are not beyond its window."""
        if not any(target.picks(*key) for target in (rule.target, rule.numerator) if target):
            return False
        return any(point.late < self._over(rule) for point in points)

    def _over(self, rule: NaiveRule) -> int:
        return rule.over if rule.over is not None else self._source_of(rule).stale_after

    def _end_missing(self, source: Source, present: set[tuple[str, Labels]]) -> None:
        """S6: a series that is missing from a successful poll has ended."""
        for key, series in self.series.items():
            if key[0] in source.metrics and key not in present and series.kind is not Kind.EVENT:
                series.ended_at = self.now if series.ended_at is None else series.ended_at
        for rule, labels, alert in list(self._all()):
            if rule.form not in {"metric", "ratio"} or self._source_of(rule) is not source:
                continue
            if not all(series.ended_at is not None for series in self._series(rule, labels)):
                alert.ended_at = None
                continue
            if alert.state == "firing":
                alert.ended_at = self.now if alert.ended_at is None else alert.ended_at
            else:
                del self.alerts[rule.name, labels]

    def _source_of(self, rule: NaiveRule) -> Source:
        assert rule.target
        return self.by_metric[rule.target.metric]

    def _sources_of(self, rule: NaiveRule) -> list[Source]:
        return [self.by_metric[target.metric] for target in (rule.target, rule.numerator) if target]

    def _series(self, rule: NaiveRule, labels: Labels, *, numerator: bool = False) -> list[Series]:
        """The series of one alert, with the points that came in time for the rule's windows."""
        target = rule.numerator if numerator else rule.target
        assert target
        found = [
            series.of(self._over(rule))
            for (metric, own), series in sorted(self.series.items())
            if target.picks(metric, own) and self._key(rule, own) == labels
        ]
        return [series for series in found if series.points]

    def _key(self, rule: NaiveRule, labels: Labels) -> Labels:
        """The labels of the alert that a series belongs to; an absence is about all that is selected."""
        return rule.target.equalities() if rule.form == "absent" and rule.target else rule.key(labels)

    # ---------------------------------------------------------------------------------------------------- conditions

    def _answer(self, rule: NaiveRule, labels: Labels) -> Answer:
        if rule.form in {"all", "any"}:
            return self._kleene(rule, labels)
        source = self._source_of(rule)
        series = self._series(rule, labels)
        if rule.form == "event":
            return self._event(rule, source, series)
        if self._newest(series) + self._stale_after(rule, source) <= self.now:
            return Answer(None)
        windows = self._windows(rule, series)
        if rule.form == "ratio":
            over = self._windows(rule, self._series(rule, labels, numerator=True))
            return self._ratio(rule, over, windows)
        value = reduced(rule, windows)
        assert rule.threshold
        return Answer(None) if value is None else Answer(rule.threshold.holds(value), value)

    def _stale_after(self, rule: NaiveRule, source: Source) -> int:
        """S6; for `last`, `over` says how old a sample may be (section 8)."""
        if rule.form == "metric" and rule.reduce == "last" and rule.over is not None:
            return min(source.stale_after, rule.over + source.lag)
        return source.stale_after

    def _newest(self, series: Sequence[Series]) -> Instant:
        return max((point.at for one in series for point in one.points), default=-(10**15))

    def _windows(self, rule: NaiveRule, series: Sequence[Series]) -> list[Series]:
        """S2: of each series, the points in `(t - over, t]`, where t is now less the lag of the series' source."""
        ends = [self.now - self.by_metric[one.metric].lag for one in series]
        return [one.within(end - self._over(rule), end) for one, end in zip(series, ends, strict=True)]

    def _ratio(self, rule: NaiveRule, of: Sequence[Series], to: Sequence[Series]) -> Answer:
        """S9."""
        volume = sum_of_increases(to)
        if not volume or volume < rule.min_volume or any(source.fails(self.now) for source in self._sources_of(rule)):
            return Answer(None)
        value = (sum_of_increases(of) or 0.0) / volume
        assert rule.threshold
        return Answer(rule.threshold.holds(value), value)

    def _event(self, rule: NaiveRule, source: Source, series: Sequence[Series]) -> Answer:
        """S11: true for `over` from the last one; unknown only while its source fails."""
        if source.fails(self.now):
            return Answer(None)
        return Answer(any(window.points for window in self._windows(rule, series)))

    def _kleene(self, rule: NaiveRule, labels: Labels) -> Answer:
        """S12: Kleene logic over the parts' firing, joined on the labels that they share."""
        truths = [self._part(part, labels) for part in rule.parts]
        decisive = rule.form == "any"
        if decisive in truths:
            return Answer(decisive)
        return Answer(None if None in truths else not decisive)

    def _part(self, name: str, labels: Labels) -> bool | None:
        """Whether any alert of this rule that agrees with the labels is firing."""
        wanted = dict(labels)
        truths = [
            alert.fires
            for rule, own, alert in self._all()
            if rule.name == name and all(dict(own).get(label, value) == value for label, value in wanted.items())
        ]
        return True if True in truths else None if None in truths else False

    # -------------------------------------------------------------------------------------------------------- states

    def _all(self) -> Iterator[tuple[NaiveRule, Labels, Alert]]:
        for rule in self.ordered:
            for (name, labels), alert in list(self.alerts.items()):
                if name == rule.name:
                    yield rule, labels, alert

    def _combine(self) -> None:
        """Evaluate every `all` and `any`, parts before wholes; one that says nothing any more is forgotten."""
        for rule in self.ordered:
            if rule.form not in {"all", "any"}:
                continue
            for labels in self._joined(rule):
                self._visit(rule, labels)
                if self.alerts[rule.name, labels].says_nothing:
                    del self.alerts[rule.name, labels]

    def _names(self, rule: NaiveRule) -> set[str] | None:
        """The label names of a rule's alerts; None while there are none. A composite has those that its parts share."""
        if rule.parts:
            known = [names for part in rule.parts if (names := self._names(self.by_name[part])) is not None]
            return set.intersection(*known) if known else None
        alerts = [labels for name, labels in self.alerts if name == rule.name]
        return {name for labels in alerts for name, _ in labels} if alerts else None

    def _joined(self, rule: NaiveRule) -> list[Labels]:
        """The label sets of a composite: what its parts' alerts have in common, and what it already speaks of."""
        shared = self._names(rule) or set()
        parts = {labels for name, labels in self.alerts if name in rule.parts}
        found = {tuple(pair for pair in labels if pair[0] in shared) for labels in parts}
        return sorted(found | {labels for name, labels in self.alerts if name == rule.name})

    def _visit(self, rule: NaiveRule, labels: Labels) -> None:
        """Evaluate one alert now."""
        if (rule.name, labels) not in self.alerts:
            if rule.form == "ratio" and not self._series(rule, labels):
                return
            self.alerts[rule.name, labels] = Alert(rule)
        alert = self.alerts[rule.name, labels]
        alert.evaluated_at = self.now
        if rule.form == "absent":
            failing = self._source_of(rule).fails(self.now)
            alert.be_silent(self._silent_since(rule), self.now, failing=failing)
            return
        ended = rule.form in {"metric", "ratio"} and all(
            series.ended_at is not None for series in self._series(rule, labels)
        )
        alert.ended_at = alert.ended_at if ended else None
        if alert.ended_at is None or self.now - alert.ended_at < ENDED_AFTER:
            alert.step(self._answer(rule, labels), self.now)
            if not ended or alert.state == "firing":
                return
        del self.alerts[rule.name, labels]  # of what has ended nothing is left to be known or unknown

    def _silent_since(self, rule: NaiveRule) -> Instant:
        """S11: the last sample, on the clock of its source (S2), else boot."""
        assert rule.target
        series = self._series(rule, rule.target.equalities())
        return self._newest(series) + self._source_of(rule).lag if series else self.boot

    # ----------------------------------------------------------------------------------------------------- deadlines

    def _deadlines(self, rule: NaiveRule, labels: Labels, alert: Alert) -> Iterator[Instant]:
        """S3: the instants at which something about this alert ends, known beforehand."""
        yield from alert.deadlines()
        if rule.parts:
            return
        source = self._source_of(rule)
        if rule.form in {"metric", "ratio"}:
            yield self._newest(self._series(rule, labels)) + self._stale_after(rule, source)
        if rule.form == "event":
            yield self._newest(self._series(rule, labels)) + source.lag + self._over(rule)
        for other in self._sources_of(rule):
            if rule.form != "metric" and other.failing_since is not None:
                yield other.fails_at()
