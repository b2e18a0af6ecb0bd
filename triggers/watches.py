"""A rule in flight, in plain Python: its groups of series, their windows, and what it answers for each (S2, S9 to S11).

A group is what one alert is about: one label set, or with `by` all series that share those labels. `triggers.columns`
does the same for many series at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from recuo.values import Instant, Labels
from triggers.alerts import Alert, Answer
from triggers.base import Kind
from triggers.compile import Plan
from triggers.health import Series, Source
from triggers.rules import Reduce
from triggers.windows import CountWindow, IncreaseWindow, SumWindow, Window, window_for

NEVER: Final[Instant] = -(1 << 62)
Reading = tuple[int, float | None]


class Group:
    """What one alert is about. `fresh_until` is when the newest sample of its series turns stale."""

    __slots__ = (
        "alert", "answer", "due_at", "fresh_until", "key", "labels", "living", "members", "others", "pool", "value",
        "watch",
    )  # fmt: skip

    def __init__(self, watch: Watch, key: Labels, labels: Labels) -> None:
        self.watch, self.key, self.labels = watch, key, labels
        self.members: list[Sink] = []
        self.others: list[Sink] = []
        self.pool: Window | None = None
        self.fresh_until: Instant = NEVER
        self.living = 0
        self.answer: int = Answer.FALSE
        self.value: float | None = None
        self.alert: Alert | None = None
        self.due_at: Instant | None = None

    def windows(self) -> list[Window]:
        """Its windows, each once."""
        if self.pool is not None:
            return [self.pool]
        return [sink.window for sink in (*self.members, *self.others)]


class Sink:
    """Where a series' samples go in one rule. `lag_ms` and `stale_ms` are those of its source."""

    __slots__ = ("freshens", "group", "lag_ms", "over_ms", "series", "stale_ms", "watch", "window")

    def __init__(self, watch: Watch, group: Group, series: Series, window: Window, *, freshens: bool) -> None:
        self.watch, self.group, self.series, self.window, self.freshens = watch, group, series, window, freshens
        info = series.source.info
        self.lag_ms = info.lag_ms
        self.stale_ms = watch.stale_ms(series.source)
        self.over_ms = watch.over_ms(series.source)

    def take(self, at: Instant, value: float, now: Instant) -> None:
        """A sample for its window."""
        self.window.add(at + self.lag_ms, self.series.number, value, now)
        if self.freshens and at + self.stale_ms > self.group.fresh_until:
            self.group.fresh_until = at + self.stale_ms

    def holds(self, at: Instant) -> bool:
        """Whether a sample for this instant is in the window."""
        return self.window.holds(at + self.lag_ms, self.series.number)


class Watch:
    """One rule over its groups. `alerts` holds those that are not idle, by their labels."""

    blocks = False
    ends = True
    """Whether its alerts end when their series do (S6)."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.groups: dict[Labels, Group] = {}
        self.alerts: dict[Labels, Alert] = {}
        self.orphans: dict[Labels, Alert] = {}
        """Alerts taken over from before a restart whose series have not come back yet (S8)."""
        self.label_names: set[str] = set()
        self.wanted = 0
        """How many series its selectors pick."""
        self.may_block = plan.fits_columns

    def picks(self, metric: str, labels: Labels) -> list[int]:
        """Which of the rule's selectors pick this series."""
        targets = enumerate(self.plan.targets)
        return [role for role, t in targets if t.selector.metric == metric and t.selects(labels)]

    def depends_on(self, source: Source) -> bool:
        """Whether this source brings what the rule looks at."""
        return any(source.brings(target.selector.metric) for target in self.plan.targets)

    def adopt(self, labels: Labels) -> Group:
        """The group of an alert from before a restart (S8)."""
        group = self.group_for(self._key_of(labels))
        group.alert = self.orphans.pop(labels, group.alert)
        return group

    def stale_ms(self, source: Source) -> int:
        """S6; with `last`, `over` says how old a sample may be."""
        info, plan = source.info, self.plan
        if plan.condition == "metric" and plan.config.reduce is Reduce.LAST and plan.over_ms is not None:
            return min(info.stale_after_ms, plan.over_ms + info.lag_ms)
        return info.stale_after_ms

    def over_ms(self, source: Source) -> int:
        """How far back its windows look."""
        return self.plan.over_ms or source.info.stale_after_ms

    def group_of_alert(self, labels: Labels) -> Group | None:
        """The group that has these labels, if it is there."""
        return self.groups.get(self._key_of(labels))

    def _key_of(self, labels: Labels) -> Labels:
        static = dict(self.plan.static)
        return tuple(pair for pair in labels if pair[0] not in static)

    def pause(self, at: Instant) -> None:
        """S8: nothing is known from this instant."""

    def group_for(self, key: Labels) -> Group:
        """The group of this key, made where it is not there yet."""
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(self, key, self.plan.alert_labels(key))
            self.label_names.update(name for name, _ in group.labels)
            group.alert = self.orphans.pop(group.labels, None)
            if group.alert is not None:
                group.answer = Answer.DOWN
        return group

    def sink(self, series: Series, role: int) -> Sink:
        """Where a series' samples go, in its group; the group does not count it as living yet."""
        group = self.group_for(self.plan.group_of(series.labels))
        is_main = role == len(self.plan.targets) - 1
        sink = Sink(self, group, series, self._window(group, series, role), freshens=is_main)
        (group.members if is_main else group.others).append(sink)
        return sink

    def join(self, series: Series, role: int) -> None:
        """A series that the rule selects has come."""
        sink = self.sink(series, role)
        sink.group.living += sink.freshens and series.ended_at is None
        series.sinks.append(sink)

    def leave(self, sink: Sink) -> None:
        """A series is forgotten: so are its samples, and a group without series."""
        group = sink.group
        if sink in group.members:
            group.members.remove(sink)
            group.living -= sink.series.ended_at is None
        else:
            group.others.remove(sink)
        if group.pool is not None:
            group.pool.drop(sink.series.number)
        if not group.members and not group.others:
            self.discard(group)

    def discard(self, group: Group) -> None:
        """Forget a group."""
        if self.groups.get(group.key) is group:
            del self.groups[group.key]
            if group.alert is not None:
                self.orphans[group.labels] = group.alert

    def _window(self, group: Group, series: Series, role: int) -> Window:
        reduce, is_delta = self.plan.config.reduce, self.plan.targets[role].kind is Kind.DELTA
        if not self.plan.pools:
            return window_for(reduce, self.over_ms(series.source), is_delta=is_delta)
        if group.pool is None:
            group.pool = window_for(reduce, self.over_ms(series.source), is_delta=is_delta)
        return group.pool

    def mark(self, group: Group, answer: int) -> None:
        """Set what a group answered last."""
        group.answer = answer

    def is_alive(self, group: Group) -> bool:
        """Whether there is anything to say about a group."""
        return group.living > 0 or group.alert is not None

    def read(self, group: Group, now: Instant) -> Reading:
        """What the rule answers for a group, and the value that the answer is about."""
        if now >= group.fresh_until:
            return Answer.STALE, None
        value = self._value(group, now)
        return (Answer.EMPTY, None) if value is None else (self.plan.judge(value), value)

    def _value(self, group: Group, now: Instant) -> float | None:
        if group.pool is not None:
            group.pool.trim(now)
            value = group.pool.value()
        elif self.plan.config.reduce is Reduce.LAST:
            values = [v for sink in group.members if sink.series.ended_at is None and (v := _at(sink, now)) is not None]
            return self.plan.aggregate(values) if values else None
        else:
            value = total(group.members, now)
        if value is not None and self.plan.config.reduce is Reduce.RATE:
            return value / ((self.plan.over_ms or 1) / 1000)
        return value

    def deadline(self, group: Group) -> Instant | None:
        """The next instant at which time alone changes what is to be said about a group."""
        if not self.is_alive(group):
            return None
        stale_at = group.fresh_until if group.answer != Answer.STALE and group.fresh_until != NEVER else None
        return earliest(stale_at, group.alert.deadline() if group.alert else None)

    def since(self, group: Group) -> Instant | None:
        """From when a true answer counts, where that is not now."""
        return None

    def value_of(self, alert: Alert) -> float | None:
        """The newest value that an alert is about."""
        return alert.value

    def label_sets(self) -> list[Labels]:
        """The labels of every group."""
        return [group.labels for group in self.groups.values()]

    def unfold(self, labels: Labels) -> Watch:
        """The watch with this group as a `Group` with windows: itself."""
        return self

    def names(self) -> set[str] | None:
        """The names of the labels that its alerts have; None where it has said nothing about anything yet."""
        speaks = bool(self.alerts) or any(self.is_alive(group) for group in self.groups.values())
        return self.label_names if speaks else None

    def shift(self, delta_ms: int) -> None:
        """Move everything in time."""
        for group in self.groups.values():
            group.fresh_until += delta_ms if group.fresh_until != NEVER else 0
            group.due_at = None
            for window in group.windows():
                window.shift(delta_ms)

    def arithmetic(self, group: Group) -> dict[str, Any]:
        """The numbers behind the last answer, for `explain`."""
        return {"value": group.value}


def _at(sink: Sink, now: Instant) -> float | None:
    sink.window.trim(now)
    return sink.window.value()


def total(sinks: Iterable[Sink], now: Instant) -> float | None:
    """S10: taken a series, then summed; None where no series has a sample."""
    found = [value for sink in sinks if (value := _at(sink, now)) is not None]
    return sum(found) if found else None


def earliest(*instants: Instant | None) -> Instant | None:
    """The first of those that are set."""
    return min((at for at in instants if at is not None), default=None)


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
        return bool(group.members) and super().is_alive(group) or group.alert is not None

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

    def keys(self) -> set[Labels]:
        """The label sets for which there may be something to say: nothing is, where no part fires or is unknown."""
        shared = self.names() or set()
        found = {tuple(pair for pair in labels if pair[0] in shared) for part in self.parts for labels in part.alerts}
        return found | {group.key for group in self.groups.values() if group.alert is not None}

    def truths(self, key: Labels) -> dict[str, bool | None]:
        """What each part says for a label set: firing if any of its alerts that agree with the labels is."""
        wanted = dict(key)
        return {part.plan.name: _kleene_any(part.alerts.values(), wanted) for part in self.parts}

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


def _kleene_any(alerts: Iterable[Alert], wanted: dict[str, str]) -> bool | None:
    unknown = False
    for alert in alerts:
        if all(wanted.get(name, value) == value for name, value in alert.labels):
            truth = alert.truth
            if truth:
                return True
            unknown = unknown or truth is None
    return None if unknown else False
