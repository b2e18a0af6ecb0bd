"""When rules are evaluated, and what comes of it (design section 3): the running part of the engine.

`feed` takes what a poll brought, `advance` takes the time; both first do everything that was due before, each at its
own instant, so that what is decided depends on samples and instants alone and never on how promptly it was woken.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, cast

from recuo.values import Instant, Labels
from triggers.alerts import ENDED, INACTIVE, Alert, AlertState, Answer, Transition
from triggers.base import Batch, Sample
from triggers.conditions import AbsentWatch, EventWatch, JoinWatch, RatioWatch
from triggers.flight import Flight
from triggers.health import Series, Source, refusal
from triggers.intake import FORGET_AFTER_MS, Touched, forget_at
from triggers.watches import Group, Watch

if TYPE_CHECKING:
    from triggers.columns import BlockClock, BlockWatch

MAX_TEXT: Final = 500


class Evaluator(Flight):
    """Evaluates what is in flight."""

    # ---------------------------------------------------------------------------------------------- what comes in

    def feed(self, batch: Batch) -> list[Transition]:
        """Take what a poll brought, or its failure; evaluate the rules that it touches (S3).

        A batch that breaks its source's bounds counts as a failed poll, with that reason.
        """
        out: list[Transition] = []
        now = max(batch.at, self.now)
        self._catch_up(now, out, inclusive=False)
        self.now = now
        source = self._source(batch.source)
        reason = batch.failed or refusal(source, batch)
        touched: Touched = {}
        events: list[Sample] = []
        if reason:
            self._failed(source, reason, refused=not batch.failed)
        else:
            events = self._answered(source, batch, touched, out)
        if self._stepped:
            return out
        self._collect_due(now, touched, out)
        self._evaluate(touched, out)
        self._tell_events(events, out)
        self._catch_up(now, out, inclusive=True)
        return out

    def advance(self, now: Instant) -> list[Transition]:
        """Do everything that is due until `now`, each at its own instant."""
        out: list[Transition] = []
        self._catch_up(now, out, inclusive=True)
        self.now = max(now, self.now)
        return out

    def evaluate(self, now: Instant) -> list[Transition]:
        """Evaluate every rule now, whatever is due: one step of a back-test."""
        out: list[Transition] = []
        self.now = max(now, self.now)
        for source in self._sources.values():
            self._source_due(source, {}, out)
        touched: Touched = {
            watch: dict.fromkeys(watch.groups.values())
            for watch in self._watches.values()
            if not isinstance(watch, JoinWatch) and not watch.blocks
        }
        self._intake.blocks.clear()
        for watch in self._watches.values():
            if watch.blocks:
                block = cast("BlockWatch", watch)
                for group in block.evaluate(self.now, None):
                    self._settle_block(block, group, out)
                due = [group for group in block.groups.values() if group.alert and group.alert.is_due(self.now)]
                self._judge_due(block, due, out)
        self._joins_due = True
        self._evaluate(touched, out)
        return out

    def next_wake(self) -> Instant | None:
        """The earliest instant at which something is known to be due; None where nothing is."""
        return self._timers.next()

    def _catch_up(self, until: Instant, out: list[Transition], *, inclusive: bool) -> None:
        if self._stepped:
            return
        while (at := self._timers.next()) is not None and (at < until or (inclusive and at == until)):
            touched: Touched = {}
            self._collect_due(at, touched, out)
            self._evaluate(touched, out)

    def _collect_due(self, at: Instant, touched: Touched, out: list[Transition]) -> None:
        """Mark the groups whose deadline has come; do at once what is due of sources, series and columns."""
        due = self._timers.take(at)
        self.now = max(self.now, at)
        for subject in due:
            if isinstance(subject, Group):
                touched.setdefault(subject.watch, {})[subject] = None
            elif isinstance(subject, Source):
                self._source_due(subject, touched, out)
            elif isinstance(subject, Series):
                self._forget(subject, out)
            else:
                self._judge_stale(cast("BlockClock", subject).watch, out)

    # ---------------------------------------------------------------------------------------------- sources

    def _failed(self, source: Source, reason: str, *, refused: bool) -> None:
        source.failed(self.now, reason)
        if refused:
            self.stats.refused[source.info.name] += 1
        self._timers.set(source, source.deadline())

    def _answered(self, source: Source, batch: Batch, touched: Touched, out: list[Transition]) -> list[Sample]:
        source.answered(self.now)
        if source.told_blind:
            source.told_blind = False
            out.append(self._blind(source, "resolved"))
        was_out, source.out = source.out, False
        events = self._intake.take(source, batch, self.now, touched)
        if was_out:
            self._touch_dependants(source, touched)
        for series in self._intake.newcomers():
            self._timers.set(series, forget_at(series))
        if batch.complete:
            source.has_answered = True
            ended, dead = self._intake.missing(source, self.now)
            self._joins_due |= bool(dead)
            for watch, group in ended:
                self._end(watch, group, out)
            for series in dead:
                self._timers.set(series, forget_at(series))
            self._end_orphans(source, out)
        return events

    def _source_due(self, source: Source, touched: Touched, out: list[Transition]) -> None:
        out_at, blind_at = source.out_at(), source.blind_at()
        if not source.out and out_at is not None and out_at <= self.now:
            source.out = True
            self._touch_dependants(source, touched)
        if not source.told_blind and blind_at is not None and blind_at <= self.now:
            source.told_blind = True
            out.append(self._blind(source, "firing"))
        self._timers.set(source, source.deadline())

    def _touch_dependants(self, source: Source, touched: Touched) -> None:
        """Events, absences and ratios look at a source's health itself."""
        for watch in self._watches.values():
            if watch.blocks and watch.plan.condition == "ratio" and watch.depends_on(source):
                self._intake.touch_block(cast("BlockWatch", watch), None)
            if isinstance(watch, EventWatch | AbsentWatch | RatioWatch) and watch.depends_on(source):
                touched.setdefault(watch, {}).update(dict.fromkeys(watch.groups.values()))

    # ---------------------------------------------------------------------------------------------- evaluation

    def _evaluate(self, touched: Touched, out: list[Transition]) -> None:
        began = time.perf_counter()
        joins: dict[Watch, dict[Group, None]] = {}
        for watch, groups in touched.items():
            if isinstance(watch, JoinWatch):
                joins[watch] = groups
            elif watch.blocks:
                self._judge_due(watch, groups, out)
            else:
                for group in groups:
                    self._judge(watch, group, out)
        if self._intake.blocks:
            self._judge_blocks(out)
        if self._intake.changed:
            self._intake.changed, self._joins_due = False, True
        if self._joins_due or joins:
            self._evaluate_joins(joins, out)
        self.stats.evaluation_seconds = time.perf_counter() - began

    def _evaluate_joins(self, due: Mapping[Watch, Mapping[Group, None]], out: list[Transition]) -> None:
        """S12: parts come before wholes in `_watches`, so one pass settles them all."""
        for watch in self._watches.values():
            if not isinstance(watch, JoinWatch):
                continue
            watch.begin()
            keys = watch.label_keys() if self._joins_due else ()
            groups = [watch.group_for(key) for key in keys] or list(due.get(watch, ()))
            for group in groups:
                self._judge(watch, group, out)
                if group.alert is None:
                    watch.discard(group)
        self._joins_due = False

    def _judge(self, watch: Watch, group: Group, out: list[Transition]) -> None:
        """Evaluate one group now. Only a changed answer, or a deadline that has come, moves its alert."""
        alert, now = group.alert, self.now
        if not watch.is_alive(group):
            return
        self.stats.evaluations += 1
        if alert is not None and not group.living and alert.has_ended(now):
            self._end(watch, group, out)
            return
        answer, value = watch.read(group, now)
        group.value = value
        is_due = alert is not None and alert.is_due(now)
        if answer == group.answer and not is_due:
            if alert is not None:
                alert.seen_at = now
                alert.value = alert.value if value is None else value
        else:
            group.answer = answer
            self._settle(watch, group, answer, value, out)
        if group.due_at is None or not watch.ends:
            self._schedule(watch, group)

    def _judge_blocks(self, out: list[Transition]) -> None:
        """Evaluate what samples touched in columns: everything at once, and only changed answers one by one."""
        blocks, self._intake.blocks = self._intake.blocks, {}
        for block, numbers in blocks.items():
            if self._watches.get(block.plan.name) is not block:
                continue
            self.stats.evaluations += len(block.keys)
            for group in block.touched(numbers, self.now):
                self._settle_block(block, group, out)
            self._timers.set(block.clock, block.clock_floor())
            if block.sparse:
                self._to_plain(block)

    def _judge_due(self, watch: Watch, groups: Iterable[Group], out: list[Transition]) -> None:
        """Groups in columns whose deadline has come."""
        block = cast("BlockWatch", watch)
        groups = list(groups)
        for group in block.evaluate(self.now, block.numbers_of(groups), forced=True):
            self._settle_block(block, group, out)
        for group in groups:
            if group.key not in block.number:
                group.answer, group.value = Answer.STALE, None
                self._settle_block(block, group, out)

    def _judge_stale(self, block: BlockWatch, out: list[Transition]) -> None:
        stale = block.stale(self.now)
        if len(stale):
            for group in block.evaluate(self.now, stale, forced=True):
                self._settle_block(block, group, out)
        self._timers.set(block.clock, block.clock_deadline())

    def _settle_block(self, block: BlockWatch, group: Group, out: list[Transition]) -> None:
        alert = group.alert
        if alert is not None and not group.living and alert.has_ended(self.now):
            self._end(block, group, out)
        else:
            self._settle(block, group, group.answer, group.value, out)
        if group.alert is None:
            block.discard(group)

    def _settle(self, watch: Watch, group: Group, answer: int, value: float | None, out: list[Transition]) -> None:
        alert = group.alert
        if alert is None:
            if answer in {Answer.FALSE, Answer.CLEAR}:
                return
            alert = Alert(watch.plan.name, group.labels, watch.plan.policy)
        happened = alert.step(answer, value, self.now, watch.since(group))
        alert.seen_at = self.now
        self._keep(watch, group, alert)
        self._tell(watch, alert, happened, out)
        self._schedule(watch, group)

    def _schedule(self, watch: Watch, group: Group) -> None:
        """When to look at a group again; what was due until now has just been done."""
        at = watch.deadline(group)
        self._timers.set(group, None if at is None else max(at, self.now + 1))

    def _keep(self, watch: Watch, group: Group, alert: Alert) -> None:
        if alert.idle:
            group.alert = None
            watch.alerts.pop(group.labels, None)
        else:
            group.alert = watch.alerts[group.labels] = alert

    def _end(self, watch: Watch, group: Group, out: list[Transition]) -> None:
        """S6: the last series of a group is gone."""
        alert = group.alert
        if alert is None:
            return
        self._tell(watch, alert, alert.end(self.now), out, reason=ENDED)
        self._keep(watch, group, alert)
        if group.alert is None:
            watch.mark(group, Answer.FALSE)
            if watch.blocks:
                watch.discard(group)
                return
        self._schedule(watch, group)

    def _end_orphans(self, source: Source, out: list[Transition]) -> None:
        """S8: alerts from before the restart whose series are in no poll since, of any source that may bring them."""
        for watch in self._watches.values():
            if not watch.ends or not watch.orphans:
                continue
            metric = watch.plan.targets[-1].selector.metric
            bringing = [each for each in self._sources.values() if each.brings(metric)]
            if source in bringing and all(each.has_answered for each in bringing):
                there = self._labels_there(watch)
                for labels in list(watch.orphans):
                    if labels not in there:
                        self._end(watch, watch.adopt(labels), out)

    def _labels_there(self, watch: Watch) -> set[Labels]:
        """The alerts of a rule whose series were in the last polls, also where none of their samples could be used."""
        main = len(watch.plan.targets) - 1
        return {
            watch.plan.alert_labels(watch.plan.group_of(series.labels))
            for source in self._sources.values()
            for series in source.series.values()
            if series.ended_at is None and main in watch.picks(series.metric, series.labels)
        }

    def _tell(
        self, watch: Watch, alert: Alert, happened: Iterable[str], out: list[Transition], reason: str = ""
    ) -> None:
        happened = list(happened)
        if not happened:
            return
        self._joins_due = True
        active_at, text = alert.active_at, watch.plan.sentence(alert.value)
        why = reason or alert.reason
        if alert.state == INACTIVE:
            alert.forget_times()
        state = alert.snapshot()
        out += [
            Transition(alert.rule, alert.labels, kind, self.now, alert.value, active_at, why, text, state)
            for kind in happened
        ]
        self.stats.transitions += len(happened)

    def _tell_events(self, events: Iterable[Sample], out: list[Transition]) -> None:
        """S11: each new event is told, so that a person reads every one of them."""
        for sample in events:
            for watch in self._watches.values():
                if not isinstance(watch, EventWatch) or not watch.picks(sample.metric, sample.labels):
                    continue
                group = watch.group_for(watch.plan.group_of(sample.labels))
                state = group.alert.snapshot() if group.alert else AlertState(watch.plan.name, group.labels)
                words = (sample.text or watch.plan.subject)[:MAX_TEXT]
                out.append(
                    Transition(
                        watch.plan.name,
                        group.labels,
                        "event",
                        self.now,
                        sample.value,
                        state.active_at,
                        sample.id[:MAX_TEXT],
                        words,
                        state,
                    )
                )

    def _forget(self, series: Series, out: list[Transition]) -> None:
        """A series that ended is let go; one that is only silent stays while an alert of it is pending or firing."""
        flying = [(watch, group.alert) for watch, group in self._groups_of(series) if group.alert is not None]
        if series.ended_at is None and any(alert.state != INACTIVE for _, alert in flying):
            self._timers.set(series, self.now + FORGET_AFTER_MS)
            return
        self._intake.forget(series)
        self._joins_due = True
        for watch, alert in flying:
            if watch.orphans.pop(alert.labels, None) is not None:
                watch.alerts.pop(alert.labels, None)
                self._tell(watch, alert, alert.stop(ENDED), out)

    def _groups_of(self, series: Series) -> Iterator[tuple[Watch, Group]]:
        for sink in series.sinks:
            yield sink.watch, sink.group
        for watch in self._watches.values():
            if watch.blocks and watch.groups and watch.picks(*series.key):
                group = watch.groups.get(watch.plan.group_of(series.labels))
                if group is not None:
                    yield watch, group
