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
from triggers.windows import Window, window_for

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
        if is_main:
            self.orphans.pop(group.labels, None)
        elif group.alert is not None and not group.members:
            self.orphans[group.labels] = group.alert  # a part alone does not bring it back (S8, S9)
        return sink

    def join(self, series: Series, role: int) -> None:
        """A series that the rule selects has come."""
        sink = self.sink(series, role)
        series.sinks.append(sink)
        if sink.freshens and series.ended_at is None:
            sink.group.living += 1
            if sink.group.alert is not None:
                sink.group.alert.ended_at = None

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
