"""The state of one alert in the naive model, and how the answer of its condition changes it (design S4 to S6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from recuo.values import Instant
from tests.reference.naive_rules import NaiveRule

MINUTE = 60_000
ENDED_AFTER = 10 * MINUTE  # S6


class Known(NamedTuple):
    """What an oracle and the engine are compared by: one alert as people see it."""

    state: str
    active_at: Instant | None
    unknown: bool


class Answer(NamedTuple):
    """A condition at an instant: true, false, or None for unknown; and the value that it is about."""

    truth: bool | None
    value: float | None = None


@dataclass
class Alert:
    """The state of one rule for one label set."""

    rule: NaiveRule
    state: str = "inactive"
    active_at: Instant | None = None
    false_since: Instant | None = None
    clear_since: Instant | None = None
    unknown_since: Instant | None = None
    ended_at: Instant | None = None
    evaluated_at: Instant = -1
    silent_since: Instant = 0  # of `absent`: the last sample
    paused: int = 0  # and how long it was unknown since

    @property
    def says_nothing(self) -> bool:
        """Inactive, and known to be."""
        return self.state == "inactive" and self.unknown_since is None

    @property
    def fires(self) -> bool | None:
        """S12: whether it fires; None for unknown."""
        return None if self.unknown_since is not None else self.state == "firing"

    def step(self, answer: Answer, now: Instant) -> None:
        """Take the answer of an evaluation (S5)."""
        if answer.truth is None:
            self.be_unknown(now)
            return
        self.be_known(now)
        if answer.truth:
            self.false_since = self.clear_since = None
            if self.state == "inactive":
                self.state, self.active_at = "pending", now
            assert self.active_at is not None
            if self.state == "pending" and now - self.active_at >= self.rule.hold:
                self.state = "firing"
        elif self.state == "pending":
            self._rest()
        elif self.state == "firing":
            self._maybe_resolve(answer, now)

    def _maybe_resolve(self, answer: Answer, now: Instant) -> None:
        """S5: firing resolves when the condition is false, clear has held and keep has passed."""
        rule = self.rule
        self.false_since = now if self.false_since is None else self.false_since
        cleared = rule.clear is None
        if rule.clear is not None:
            assert answer.value is not None
            if rule.clear.holds(answer.value):
                self.clear_since = now if self.clear_since is None else self.clear_since
                cleared = now - self.clear_since >= rule.clear_hold
            else:
                self.clear_since = None
        if cleared and now - self.false_since >= rule.keep:
            self._rest()

    def _rest(self) -> None:
        self.state, self.active_at = "inactive", None
        self.false_since = self.clear_since = None

    def be_unknown(self, now: Instant) -> None:
        """S6: nothing resolves, nothing starts; pending is dropped after a while."""
        if self.unknown_since is None:
            self.unknown_since = now
        if self.state == "pending" and now - self.unknown_since >= self._patience:
            self._rest()

    @property
    def _patience(self) -> int:
        return max(self.rule.hold, MINUTE)

    def be_known(self, now: Instant) -> None:
        """S6: time spent unknown does not count: hold, clear and keep move by it."""
        if self.unknown_since is None:
            return
        away = now - self.unknown_since
        self.unknown_since = None
        if self.state == "pending" and self.active_at is not None:
            self.active_at += away
        self.false_since = None if self.false_since is None else self.false_since + away
        self.clear_since = None if self.clear_since is None else self.clear_since + away

    def be_silent(self, since: Instant, now: Instant, *, failing: bool) -> None:
        """S11: of `absent`, nothing came since then; silence while the source fails does not count."""
        if since != self.silent_since:
            self.silent_since, self.paused = since, 0
        if failing:
            self.be_unknown(now)
            return
        if self.unknown_since is not None:
            self.paused += max(0, now - max(self.unknown_since, since))
        if now - since - self.paused < self.rule.hold:
            self.step(Answer(False), now)
            return
        self.be_known(now)
        self.false_since = None
        if self.state != "firing":
            self.state, self.active_at = "firing", since + self.paused

    def deadlines(self) -> Iterator[Instant]:
        """The instants at which one of its own times ends."""
        if self.ended_at is not None:
            yield self.ended_at + ENDED_AFTER
        if self.unknown_since is not None:
            if self.state == "pending":
                yield self.unknown_since + self._patience
            return
        if self.rule.form == "absent":
            yield self.silent_since + self.paused + self.rule.hold
        if self.state == "pending" and self.active_at is not None:
            yield self.active_at + self.rule.hold
        if self.false_since is not None:
            yield self.false_since + self.rule.keep
        if self.clear_since is not None:
            yield self.clear_since + self.rule.clear_hold

    def shift(self, delta: int) -> None:
        """Every instant moves."""
        self.evaluated_at += delta
        self.silent_since += delta
        for name in ("active_at", "false_since", "clear_since", "unknown_since", "ended_at"):
            if getattr(self, name) is not None:
                setattr(self, name, getattr(self, name) + delta)
