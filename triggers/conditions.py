"""The other kinds of conditions in flight: ratios, events, absences, and rules made of rules (S9, S11, S12)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from recuo.values import Instant, Labels
from triggers.alerts import Alert, Answer
from triggers.base import Kind
from triggers.compile import Plan
from triggers.health import Series, Source
from triggers.watches import Group, Reading, Sink, Watch, earliest, total
from triggers.windows import CountWindow, IncreaseWindow, SumWindow, Window


class RatioWatch(Watch):
    """S9: the increase of the part divided by the increase of the whole."""

    def __init__(self, plan: Plan, sources: Iterable[Source]) -> None:
        super().__init__(plan)
        self.part_sources = declaring(sources, plan)

    def _window(self, group: Group, series: Series, role: int) -> Window:
        is_delta = self.plan.targets[role].kind is Kind.DELTA
        return (SumWindow if is_delta else IncreaseWindow)(self.over_ms(series.source))

    def is_alive(self, group: Group) -> bool:
        """A part without its whole says nothing."""
        return (bool(group.members) and super().is_alive(group)) or group.alert is not None

    def read(self, group: Group, now: Instant) -> Reading:
        """A missing part beside a fresh whole is 0, unless its own source fails; too little volume is no answer."""
        if now >= group.fresh_until:
            return Answer.STALE, None
        volume = total(group.members, now)
        if not volume or volume < self._min_volume:
            return Answer.INSUFFICIENT, None
        sources = [sink.series.source for sink in group.others] or self.part_sources
        if any(source.out for source in sources):
            return Answer.FAILING, None
        value = (total(group.others, now) or 0.0) / volume
        return self.plan.judge(value), value

    @property
    def _min_volume(self) -> float:
        ratio = self.plan.config.ratio
        return ratio.min_volume if ratio is not None else 0.0

    def arithmetic(self, group: Group) -> dict[str, Any]:
        """The two increases and the volume that is wanted."""
        return {
            "value": group.value,
            "of": sum(sink.window.value() or 0.0 for sink in group.others),
            "to": sum(sink.window.value() or 0.0 for sink in group.members),
            "min_volume": self._min_volume,
        }


def watch_for(plan: Plan, sources: Iterable[Source] = ()) -> Watch:
    """A watch for a rule on a metric or a ratio; `sources` are all there are."""
    return RatioWatch(plan, sources) if plan.condition == "ratio" else Watch(plan)


def declaring(sources: Iterable[Source], plan: Plan) -> list[Source]:
    """The sources that said that they bring what a rule's first selector names."""
    metric = plan.targets[0].selector.metric
    return [source for source in sources if source.declares(metric)]


class EventWatch(Watch):
    """S11: true for `over` from the last event; unknown only while its source fails."""

    ends = False

    def __init__(self, plan: Plan, sources: Iterable[Source]) -> None:
        super().__init__(plan)
        self._sources = declaring(sources, plan)

    def _window(self, group: Group, series: Series, role: int) -> Window:
        if group.pool is None:
            group.pool = CountWindow(self.over_ms(series.source))
        return group.pool

    def is_alive(self, group: Group) -> bool:
        """An event has no end but its own."""
        return True

    def read(self, group: Group, now: Instant) -> Reading:
        """How many events there are in the window."""
        sources = [sink.series.source for sink in group.members] or self._sources
        if any(source.out for source in sources):
            return Answer.FAILING, None
        if group.pool is None:
            return Answer.FALSE, 0.0
        group.pool.trim(now)
        count = float(len(group.pool))
        return (Answer.TRUE if count else Answer.FALSE), count

    def deadline(self, group: Group) -> Instant | None:
        """When the last event is over, or one that came early begins."""
        alert_at = group.alert.deadline() if group.alert else None
        pool = group.pool
        if pool is None or group.answer == Answer.FAILING:
            return alert_at
        begins = pool.ahead[0].at if pool.ahead else None
        return earliest(alert_at, begins, pool.points[-1].at + pool.over_ms if pool.points else None)


class AbsentWatch(Watch):
    """S11: true when nothing came for `for`, counted from the last sample, else from boot."""

    ends = False

    def __init__(self, plan: Plan, boot_at: Instant, sources: Iterable[Source]) -> None:
        super().__init__(plan)
        self._sources = declaring(sources, plan)
        self.last_at = boot_at
        self.has_heard = False
        self.paused_ms = 0
        self.out_since: Instant | None = None
        self.only = self.group_for(plan.group_of(()))

    def join(self, series: Series, role: int) -> None:
        """A series that must not fall silent has come."""
        sink = _Beat(self, self.only, series)
        self.only.members.append(sink)
        series.sinks.append(sink)

    def leave(self, sink: Sink) -> None:
        """The group stays: silence is what it is about."""
        self.only.members.remove(sink)

    def pause(self, at: Instant) -> None:
        """S8: silence while nobody listened does not count."""
        self.out_since = at if self.out_since is None else self.out_since

    def beat(self, at: Instant) -> None:
        """A sample came, on its source's clock. The first one replaces boot, whenever it is from."""
        if at > self.last_at or not self.has_heard:
            self.last_at, self.paused_ms, self.has_heard = at, 0, True

    def begin(self, boot_at: Instant) -> None:
        """S8: what counts where no sample is known of."""
        self.last_at, self.paused_ms, self.has_heard = boot_at, 0, False

    def resume(self, since: Instant) -> None:
        """S8: go on with what was known before a restart: from when the silence counted."""
        if not self.has_heard:
            self.last_at = since
        elif since > self.last_at:
            self.paused_ms = since - self.last_at

    def is_alive(self, group: Group) -> bool:
        """Always: it speaks of what is not there."""
        return True

    def since(self, group: Group) -> Instant:
        """From when the silence counts; time in which the source failed does not."""
        return self.last_at + self.paused_ms

    def read(self, group: Group, now: Instant) -> Reading:
        """How long nothing came, in milliseconds."""
        if any(source.out for source in self._sources):
            self.out_since = now if self.out_since is None else self.out_since
            return Answer.FAILING, None
        if self.out_since is not None:
            self.paused_ms += max(0, now - max(self.out_since, self.last_at))
            self.out_since = None
        silent_ms = now - self.since(group)
        return (Answer.TRUE if silent_ms >= self.plan.policy.hold_ms else Answer.FALSE), float(silent_ms)

    def deadline(self, group: Group) -> Instant | None:
        """When it will have been silent for long enough."""
        due = self.since(group) + self.plan.policy.hold_ms
        fires_at = due if group.answer == Answer.FALSE and self.out_since is None else None
        return earliest(fires_at, group.alert.deadline() if group.alert else None)

    def shift(self, delta_ms: int) -> None:
        """Move everything in time."""
        super().shift(delta_ms)
        self.last_at += delta_ms
        if self.out_since is not None:
            self.out_since += delta_ms


class _Beat(Sink):
    """Tells an `absent` rule that something came."""

    __slots__ = ()

    def __init__(self, watch: AbsentWatch, group: Group, series: Series) -> None:
        super().__init__(watch, group, series, Window(1), freshens=False)

    def take(self, at: Instant, value: float, now: Instant) -> None:
        """A sample came."""
        assert isinstance(self.watch, AbsentWatch)
        self.watch.beat(at + self.lag_ms)

    def holds(self, at: Instant) -> bool:
        """It keeps none."""
        return False


class JoinWatch(Watch):
    """S12: Kleene logic over the firing of other rules' alerts, for each value of the labels that all of them have."""

    ends = False

    def __init__(self, plan: Plan, parts: list[Watch]) -> None:
        super().__init__(plan)
        self.parts = parts
        self._said: dict[tuple[str, tuple[str, ...]], _Said] = {}

    def begin(self) -> None:
        """The parts may say something else now."""
        self._said.clear()

    def is_alive(self, group: Group) -> bool:
        """Always."""
        return True

    def depends_on(self, source: Source) -> bool:
        """Whether this source brings what one of its parts looks at."""
        return any(part.depends_on(source) for part in self.parts)

    def names(self) -> set[str] | None:
        """The label names that all parts have; parts of which nothing is known yet do not count."""
        known = [names for part in self.parts if (names := part.names()) is not None]
        return set.intersection(*known) if known else None

    def label_keys(self) -> set[Labels]:
        """The label sets for which there may be something to say: nothing is, where no part fires or is unknown."""
        shared = self.names() or set()
        found = {tuple(pair for pair in labels if pair[0] in shared) for part in self.parts for labels in part.alerts}
        return found | {group.key for group in self.groups.values() if group.alert is not None}

    def truths(self, key: Labels) -> dict[str, bool | None]:
        """What each part says for a label set: firing if any of its alerts that agree with the labels is."""
        names = tuple(name for name, _ in key)
        found: dict[str, bool | None] = {}
        for part in self.parts:
            where = (part.plan.name, names)
            if where not in self._said:
                self._said[where] = _Said(part.alerts.values(), names)
            found[part.plan.name] = self._said[where].about(key)
        return found

    def read(self, group: Group, now: Instant) -> Reading:
        """True, false or unknown of all parts together; the value is how many fire."""
        truths = list(self.truths(group.key).values())
        decisive = self.plan.condition == "any"
        count = float(sum(truth is True for truth in truths))
        if decisive in truths:
            return (Answer.TRUE if decisive else Answer.FALSE), count
        if None in truths:
            return Answer.PARTS, None
        return (Answer.FALSE if decisive else Answer.TRUE), count

    def arithmetic(self, group: Group) -> dict[str, Any]:
        """What each part says."""
        words = {True: "firing", False: "not firing", None: "unknown"}
        return {"value": group.value, "parts": {name: words[t] for name, t in self.truths(group.key).items()}}


class _Said:
    """What a part's alerts say, by their values of some labels: found once, however many label sets ask."""

    def __init__(self, alerts: Iterable[Alert], names: tuple[str, ...]) -> None:
        self._by_values: dict[Labels, bool | None] = {}
        self._loose: list[Alert] = []
        """Alerts that lack one of the labels: they agree with any value of it."""
        for alert in alerts:
            mine = tuple(pair for pair in alert.labels if pair[0] in names)
            if len(mine) < len(names):
                self._loose.append(alert)
            else:
                self._by_values[mine] = _either(self._by_values.get(mine, False), alert.truth)

    def about(self, key: Labels) -> bool | None:
        """Kleene's or over the alerts that agree with these labels."""
        wanted = dict(key)
        found = self._by_values.get(key, False)
        for alert in self._loose:
            if all(wanted.get(name, value) == value for name, value in alert.labels):
                found = _either(found, alert.truth)
        return found


def _either(one: bool | None, other: bool | None) -> bool | None:  # noqa: FBT001 (three values of Kleene's logic)
    return True if one or other else None if one is None or other is None else False
