"""What is in flight: the rules, the sources, the deadlines, and how each rule runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from recuo.values import Instant, format_duration
from triggers.alerts import FIRING, INACTIVE, AlertState, Transition
from triggers.base import Kind, MetricSpec
from triggers.compile import Plan, compile_rules
from triggers.conditions import AbsentWatch, EventWatch, JoinWatch, watch_for
from triggers.health import Series, Source, SourceInfo
from triggers.intake import Intake, Stats, forget_at
from triggers.rules import RuleConfig
from triggers.timers import Subject, Timers
from triggers.watches import Group, Watch

if TYPE_CHECKING:
    from triggers.columns import BlockClock, BlockWatch

BLOCKS_FROM: Final = 256
"""A rule that selects this many series runs in columns, and numpy is imported."""
DEFAULT_STALE_MS: Final = 300_000


class Flight:
    """Rules over sources. `now` is the instant of boot, from which absences count."""

    def __init__(
        self,
        rules: Mapping[str, RuleConfig],
        sources: Sequence[SourceInfo],
        *,
        now: Instant,
        stale_after_ms: int | None = None,
        stepped: bool = False,
        blocks_from: int = BLOCKS_FROM,
    ) -> None:
        self.now = now
        self.boot_at = now
        self.stats = Stats()
        self._stale_ms = DEFAULT_STALE_MS if stale_after_ms is None else stale_after_ms
        self._stepped = stepped
        self._sources = {info.name: Source(info) for info in sources}
        self._timers = Timers(self._deadline)
        self._rules = dict(rules)
        self._watches = self._build(compile_rules(rules, self._specs()), {})
        self._intake = Intake(
            self._watches.values(),
            self._event_metrics(),
            self.stats,
            blocks_from=blocks_from,
            on_crowd=self._to_columns,
        )
        self._joins_due = False
        self._schedule_all()

    def _specs(self) -> list[MetricSpec]:
        return [spec for source in self._sources.values() for spec in source.info.specs]

    def _event_metrics(self) -> set[str]:
        declared = {spec.name for spec in self._specs() if spec.kind is Kind.EVENT}
        plans = [watch.plan for watch in self._watches.values()]
        return declared | {plan.targets[0].selector.metric for plan in plans if plan.condition == "event"}

    def _build(self, plans: Iterable[Plan], kept: Mapping[str, Watch]) -> dict[str, Watch]:
        """A watch for each plan, parts before wholes; those that are `kept` go on as they are."""
        built: dict[str, Watch] = {}
        sources = list(self._sources.values())
        for plan in plans:
            if plan.condition in {"all", "any"}:
                built[plan.name] = JoinWatch(plan, [built[part] for part in plan.config.parts])
            elif plan.name in kept:
                built[plan.name] = kept[plan.name]
            elif plan.condition == "absent":
                built[plan.name] = AbsentWatch(plan, self.boot_at, sources)
            elif plan.condition == "event":
                built[plan.name] = EventWatch(plan, sources)
            else:
                built[plan.name] = watch_for(plan, sources)
        return built

    def _schedule_all(self) -> None:
        """Set every deadline anew."""
        self._timers.clear()
        for watch in self._watches.values():
            for group in watch.groups.values():
                self._timers.set(group, watch.deadline(group))
            if watch.blocks:
                block = cast("BlockWatch", watch)
                self._timers.set(block.clock, block.clock_deadline())
        for source in self._sources.values():
            self._timers.set(source, source.deadline())
            for series in source.series.values():
                self._timers.set(series, forget_at(series))

    def _source(self, name: str) -> Source:
        """A source that was not declared has no metrics of its own and the default staleness."""
        source = self._sources.get(name)
        if source is None:
            info = SourceInfo(name, 15_000, 0, self._stale_ms, self._stale_ms)
            source = self._sources[name] = Source(info)
        return source

    def _blind(self, source: Source, kind: str) -> Transition:
        """S7: a source that is blind is an alert of its own, which lists the rules that it leaves in the dark."""
        name = source.info.name
        rules = ", ".join(self._dependants(source)) or "none"
        since = source.failing_since if kind == "firing" else None
        labels = (("source", name),)
        state = AlertState(
            f"source:{name}", labels, FIRING if since is not None else INACTIVE, since, fired_at=self.now
        )
        words = f"{source.last_reason}; rules that depend on it: {rules}"
        text = f"source {name} has failed for more than {format_duration(source.info.blind_after_ms)}: {words}"
        if since is None:
            state, text = state._replace(fired_at=None), f"source {name} answers again"
        return Transition(f"source:{name}", labels, kind, self.now, None, since, words, text, state)

    def _dependants(self, source: Source) -> list[str]:
        return [name for name, watch in self._watches.items() if watch.depends_on(source)]

    def _deadline(self, subject: Subject) -> Instant | None:
        if isinstance(subject, Group):
            return subject.watch.deadline(subject)
        if isinstance(subject, Source):
            return subject.deadline()
        if isinstance(subject, Series):
            return forget_at(subject)
        return cast("BlockClock", subject).watch.clock_deadline()

    def _to_columns(self, watch: Watch) -> None:
        """A rule selects many series: it goes on in columns."""
        from triggers.promotion import to_columns

        for group in watch.groups.values():
            group.due_at = None
        self._replace(watch, to_columns(watch, self._sources, self.now))

    def _to_plain(self, block: BlockWatch) -> None:
        """A rule's samples have the wrong shape for columns: it goes on in plain Python."""
        from triggers.promotion import to_plain

        for group in block.groups.values():
            group.due_at = None
        plain = to_plain(block, self._sources.values())
        plain.may_block = False
        self._replace(block, plain)

    def _replace(self, old: Watch, new: Watch) -> None:
        new.wanted = old.wanted
        self._watches[old.plan.name] = new
        self._intake.replace(old, new)
        for watch in self._watches.values():
            if isinstance(watch, JoinWatch):
                watch.parts = [new if part is old else part for part in watch.parts]
        for group in new.groups.values():
            self._timers.set(group, new.deadline(group))
        if new.blocks:
            block = cast("BlockWatch", new)
            self._timers.set(block.clock, block.clock_deadline())
