"""The engine: samples in, transitions out (design section 3, S1 to S12).

It owns no clock and no loop. The same object runs live, in back-tests and in rule tests; with `stepped`, rules are
evaluated only by `evaluate`, as a Prometheus rule group does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from recuo.values import Instant, Labels
from triggers.alerts import PENDING, RULE_CHANGED, RULE_REMOVED, Alert, AlertState, Answer, Policy, Transition
from triggers.base import Batch
from triggers.compile import Plan, compile_rules
from triggers.conditions import AbsentWatch, JoinWatch
from triggers.evaluation import Evaluator
from triggers.explain import explain
from triggers.health import Source, SourceInfo, SourceView, refusal
from triggers.rules import RuleConfig
from triggers.watches import Watch

__all__ = ["AlertState", "AlertView", "Engine", "SourceInfo", "SourceView", "Transition"]

_BLIND_PREFIX = "source:"


class AlertView(NamedTuple):
    """An alert as people see it: not inactive, or unknown."""

    rule: str
    labels: Labels
    state: str
    active_at: Instant | None
    fired_at: Instant | None
    unknown_since: Instant | None
    reason: str
    value: float | None
    text: str


class Engine(Evaluator):
    """Rules over sources. See `Evaluator` for `feed`, `advance`, `evaluate` and `next_wake`."""

    def alerts(self) -> list[AlertView]:
        """Every alert that is not inactive, or is unknown; sources that are blind are in `sources`."""
        return [
            AlertView(
                alert.rule,
                alert.labels,
                alert.state,
                alert.active_at,
                alert.fired_at,
                alert.unknown_since,
                alert.reason,
                watch.value_of(alert),
                watch.plan.sentence(watch.value_of(alert)),
            )
            for watch in self._watches.values()
            for alert in watch.alerts.values()
        ]

    def sources(self) -> list[SourceView]:
        """The health of every source."""
        return [
            SourceView(
                source.info.name,
                source.last_ok_at,
                source.failing_since,
                source.last_reason,
                source.told_blind,
                tuple(self._dependants(source)),
                source.live,
            )
            for source in self._sources.values()
        ]

    def explain(self, rule: str, labels: Labels) -> dict[str, Any]:
        """What made a rule say what it says about these labels: JSON-able. Raises KeyError where there is nothing."""
        watch = self._watches[rule]
        if watch.blocks and labels not in watch.orphans:
            plain = watch.unfold(labels)
            plain.alerts = watch.alerts
            return explain(plain, labels, self.now)
        return explain(watch, labels, self.now)

    def label_sets(self, rule: str) -> list[Labels]:
        """The label sets that a rule looks at now. Raises KeyError for a rule that is not there."""
        return self._watches[rule].label_sets()

    def horizon_ms(self) -> int:
        """How far back any window looks, or a source may fail before it is blind: older batches change nothing."""
        infos = [source.info for source in self._sources.values()]
        stale = max((info.stale_after_ms + info.lag_ms for info in infos), default=self._stale_ms)
        plans = [watch.plan for watch in self._watches.values()]
        looks = stale + max((max(plan.over_ms or 0, plan.policy.hold_ms) for plan in plans), default=0)
        return max(looks, *(info.blind_after_ms for info in infos)) if infos else looks

    # ---------------------------------------------------------------------------------------------- restart, reload

    def snapshot_alerts(self) -> list[AlertState]:
        """What a restart must know: alerts that are not idle, sources that are blind, and from when silences count."""
        found = [alert.snapshot() for watch in self._watches.values() for alert in watch.alerts.values()]
        for watch in self._watches.values():
            if isinstance(watch, AbsentWatch) and not watch.alerts:
                labels = watch.only.labels
                found.append(AlertState(watch.plan.name, labels, active_at=watch.since(watch.only)))
        return found + [self._blind(s, "firing").state for s in self._sources.values() if s.told_blind]

    def restore(
        self, alerts: Iterable[AlertState], history: Iterable[Batch], *, down_from: Instant, now: Instant
    ) -> list[Transition]:
        """S8: go on as if the process had only been away from `down_from` to `now`.

        `history` is what the store kept and, later than `down_from`, what sources could tell about the gap: the former
        only fills windows, the latter is evaluated at its instants. What is left of the time down counts as unknown.
        A firing alert does not fire again. Returns what was decided on the way.
        """
        batches = sorted(history, key=lambda batch: batch.at)
        out: list[Transition] = []
        self.now = self.boot_at = down_from
        absences = [watch for watch in self._watches.values() if isinstance(watch, AbsentWatch)]
        for watch in absences:
            watch.begin(down_from)
        self.fill(batch for batch in batches if batch.at <= down_from)
        for state in alerts:
            self._take_over(state, out)
        self._go_down(self._watches.values(), down_from, out)
        self._schedule_all()
        gap = [batch for batch in batches if down_from < batch.at <= now]
        for batch in gap:
            out += self.feed(batch)
        for batch in {batch.source: batch for batch in gap}.values():
            source = self._source(batch.source)
            self._go_down([w for w in self._watches.values() if w.depends_on(source)], batch.at, out)
        self.now = max(self.now, now)  # what became due while nobody listened is settled now, not when it was due
        out += self.advance(now)
        self._come_up(out)
        return out

    def fill(self, batches: Iterable[Batch]) -> None:
        """Put samples into windows; evaluate nothing."""
        for batch in batches:
            source = self._source(batch.source)
            if reason := batch.failed or refusal(source, batch):
                source.failed(batch.at, reason)
            else:
                source.answered(batch.at)
                self._intake.take(source, batch, batch.at, {})
                if batch.complete:
                    self._intake.missing(source, batch.at)
        self._intake.newcomers()
        self._intake.blocks.clear()

    def _take_over(self, state: AlertState, out: list[Transition]) -> None:
        watch = self._watches.get(state.rule)
        if watch is None:
            self._take_over_other(state, out)
            return
        alert = Alert(state.rule, state.labels, watch.plan.policy)
        alert.take(state)
        if isinstance(watch, AbsentWatch) and state.active_at is not None:
            watch.resume(state.active_at)
        if alert.idle:
            return
        watch.alerts[alert.labels] = watch.orphans[alert.labels] = alert
        watch.label_names.update(name for name, _ in alert.labels)
        if not watch.ends:
            watch.adopt(alert.labels)
        elif (group := watch.group_of_alert(alert.labels)) is not None:
            group.alert = watch.orphans.pop(alert.labels)
        elif alert.ended_at is not None:
            watch.adopt(alert.labels)  # its ten minutes run on

    def _take_over_other(self, state: AlertState, out: list[Transition]) -> None:
        """The state of a source that was blind, or of a rule that is no more."""
        if state.rule.startswith(_BLIND_PREFIX):
            source = self._sources.get(state.rule.removeprefix(_BLIND_PREFIX))
            if source is not None and state.active_at is not None:
                source.failed(state.active_at, state.reason)
                source.failing_since = state.active_at  # the kept polls may begin later
                source.told_blind = True
            return
        alert = Alert(state.rule, state.labels, Policy())
        alert.take(state)
        self._tell_removed(alert, RULE_REMOVED, out)

    def _go_down(self, watches: Iterable[Watch], at: Instant, out: list[Transition]) -> None:
        """Everything in flight is unknown from this instant."""
        self.now = at
        for watch in watches:
            watch.pause(at)
            for alert in list(watch.alerts.values()):
                if alert.unknown_since is None:
                    self._tell(watch, alert, alert.step(Answer.DOWN, None, at), out)
            for group in watch.groups.values():
                if group.alert is not None:
                    watch.mark(group, Answer.DOWN)
                    self._timers.set(group, watch.deadline(group))
        self._joins_due = False

    def _come_up(self, out: list[Transition]) -> None:
        """What needs no new sample to be known is known again."""
        for watch in self._watches.values():
            if not watch.ends and not isinstance(watch, JoinWatch):
                for group in list(watch.groups.values()):
                    self._judge(watch, group, out)
            elif watch.ends:
                for alert in list(watch.orphans.values()):
                    if alert.state == PENDING and alert.is_due(self.now):
                        self._settle_orphan(watch, alert, out)
        self._joins_due = True
        self._evaluate({}, out)

    def _settle_orphan(self, watch: Watch, alert: Alert, out: list[Transition]) -> None:
        happened = alert.step(Answer.DOWN, None, self.now)
        if alert.idle:
            watch.alerts.pop(alert.labels, None)
            watch.orphans.pop(alert.labels, None)
        self._tell(watch, alert, happened, out)

    def shift(self, delta_ms: int) -> None:
        """The wall clock was stepped: everything in flight moves with it."""
        self.now += delta_ms
        self.boot_at += delta_ms
        for source in self._sources.values():
            source.shift(delta_ms)
        for watch in self._watches.values():
            watch.shift(delta_ms)
            for alert in watch.alerts.values():
                alert.take(alert.snapshot().shifted(delta_ms))
                alert.seen_at += delta_ms
        self._schedule_all()

    def replace_rules(
        self,
        rules: Mapping[str, RuleConfig],
        sources: Sequence[SourceInfo] | None = None,
        *,
        now: Instant,
        history: Iterable[Batch] = (),
    ) -> list[Transition]:
        """Swap the rules, and the sources where given.

        Rules whose definition and sources are unchanged keep windows and states. The alerts of those that are gone
        resolve as `rule removed`, the others as `rule changed`. `history` fills the windows of new rules.
        """
        out = self.advance(now)
        before, old_plans = self._watches, {name: watch.plan for name, watch in self._watches.items()}
        altered = self._swap_sources(sources, out) if sources is not None else set()
        plans = compile_rules(rules, self._specs())
        kept = {
            plan.name: before[plan.name]
            for plan in plans
            if plan.name in before and _same(plan, old_plans[plan.name]) and not self._reads(before[plan.name], altered)
        }
        self._rules = dict(rules)
        self._watches = self._build(plans, kept)
        for name, watch in before.items():
            if self._watches.get(name) is not watch:
                self._retire(name, watch, kept, out)
                for source in self._sources.values():
                    if source.bulk is not None:
                        source.bulk.drop_watch(watch)
        self._intake.use(self._watches.values(), self._event_metrics())
        self._join_new({name for name in self._watches if name not in kept}, history)
        self._joins_due = True
        self._evaluate({}, out)
        self._schedule_all()
        return out

    def _reads(self, watch: Watch, altered: set[str]) -> bool:
        return any(name in altered and watch.depends_on(source) for name, source in self._sources.items())

    def _retire(self, name: str, watch: Watch, kept: Mapping[str, Watch], out: list[Transition]) -> None:
        """A rule that is gone or changed; an unchanged `all` or `any` hands its alerts to its successor."""
        successor = self._watches.get(name)
        if name in kept and successor is not None:
            for alert in watch.alerts.values():
                group = successor.adopt(alert.labels)
                group.alert = successor.alerts[alert.labels] = alert
            return
        for alert in watch.alerts.values():
            self._tell_removed(alert, RULE_CHANGED if successor is not None else RULE_REMOVED, out)

    def _tell_removed(self, alert: Alert, reason: str, out: list[Transition]) -> None:
        active_at, happened = alert.active_at, alert.stop(reason)
        alert.forget_times()
        state = alert.snapshot()
        rows = [
            Transition(alert.rule, alert.labels, k, self.now, alert.value, active_at, reason, "", state)
            for k in happened
        ]
        out.extend(rows)

    def _join_new(self, fresh: set[str], history: Iterable[Batch]) -> None:
        """Take the series that are there into new rules; drop them from rules that are gone."""
        living = set(self._watches.values())
        new = [self._watches[name] for name in fresh]
        for source in self._sources.values():
            for series in source.series.values():
                series.sinks = [sink for sink in series.sinks if sink.watch in living]
                series.waiting = [(watch, role) for watch, role in series.waiting if watch in living]
                self._intake.match(series, new)
            if source.bulk is not None:
                source.bulk.refresh()
        for watch in new:
            if watch.may_block and watch.wanted >= self._intake.blocks_from:
                self._to_columns(watch)
        for batch in sorted(history, key=lambda batch: batch.at):
            series_of = self._source(batch.source).series
            for sample in batch.samples:
                found = series_of.get((sample.metric, sample.labels))
                if found is None:
                    continue
                self._intake.join(found, self.now - found.source.info.lag_ms - sample.at)
                for sink in found.sinks:
                    if sink.watch.plan.name in fresh and sample.value - sample.value == 0 and not sink.holds(sample.at):
                        sink.take(sample.at, sample.value, self.now)

    def _swap_sources(self, infos: Sequence[SourceInfo], out: list[Transition]) -> set[str]:
        """Take new sources, let go of old ones; returns the names of those whose times or metrics changed."""
        altered: set[str] = set()
        wanted = {info.name: info for info in infos}
        for name, source in list(self._sources.items()):
            if name in wanted:
                if source.info._replace(bounds=wanted[name].bounds) != wanted[name]:
                    altered.add(name)
                source.reform(wanted[name])
                continue
            if source.told_blind:
                out.append(self._blind(source, "resolved"))
            source.polls += 1
            self._intake.take(source, Batch(name, self.now), self.now, {})
            for watch, group in self._intake.missing(source, self.now)[0]:
                self._end(watch, group, out)
            del self._sources[name]
        for info in infos:
            if info.name not in self._sources:
                self._sources[info.name] = Source(info)
                altered.add(info.name)
        return altered


def _same(one: Plan, other: Plan) -> bool:
    """Whether two plans decide alike; compiled predicates are not compared, their selectors are."""
    return (
        one.config == other.config
        and [t[0::2] for t in one.targets] == [t[0::2] for t in other.targets]
        and (one.limit, one.clear_limit) == (other.limit, other.clear_limit)
    )
