"""The state of an alert, and how an answer changes it (design S4, S5, S6).

One machine serves every rule. It is given an answer at an instant and says what happened. Three internal references
carry time: `active_at`, `false_since` and `clear_since`; time spent unknown does not count, so when an alert is known
again those move by it. All limits are reached *at* their instant: with `for: 5m`, true since 03:00:00, it fires at
03:05:00.000.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple, Self

from recuo.values import Instant, Labels, labels_of

INACTIVE: Final = "inactive"
PENDING: Final = "pending"
FIRING: Final = "firing"

MINUTE_MS: Final = 60_000
ENDED_AFTER_MS: Final = 600_000
"""S6: how long a firing alert outlives the end of its series."""


class Answer(IntEnum):
    """What a condition says at an instant; below zero it says nothing, and why."""

    DOWN = -6
    PARTS = -5
    FAILING = -4
    INSUFFICIENT = -3
    EMPTY = -2
    STALE = -1
    FALSE = 0
    CLEAR = 1
    TRUE = 2


REASONS: Final[dict[int, str]] = {
    Answer.DOWN: "recuo was not running",
    Answer.PARTS: "a part is unknown",
    Answer.FAILING: "source failing",
    Answer.INSUFFICIENT: "insufficient sample",
    Answer.EMPTY: "no sample in the window",
    Answer.STALE: "no fresh sample",
}
ENDED: Final = "ended"
RULE_REMOVED: Final = "rule removed"
RULE_CHANGED: Final = "rule changed"


class Policy(NamedTuple):
    """S5's times, in milliseconds. `clears` says that the rule has hysteresis; `instant` that it holds by itself."""

    hold_ms: int = 0
    keep_ms: int = 0
    clears: bool = False
    clear_ms: int = 0
    instant: bool = False

    @property
    def patience_ms(self) -> int:
        """S6: unknown for this long drops pending."""
        return max(self.hold_ms, MINUTE_MS)


class AlertState(NamedTuple):
    """Everything about one alert that must outlive the process: JSON-able, instants in milliseconds UTC."""

    rule: str
    labels: Labels
    state: str = INACTIVE
    active_at: Instant | None = None
    fired_at: Instant | None = None
    false_since: Instant | None = None
    clear_since: Instant | None = None
    unknown_since: Instant | None = None
    ended_at: Instant | None = None
    reason: str = ""
    value: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not set is left out."""
        found = {name: value for name, value in self._asdict().items() if value is not None and value != ""}
        found["labels"] = dict(self.labels)
        return found

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """What `to_json` gave. Raises TypeError or KeyError for anything else."""
        return cls(**{**data, "labels": labels_of(data["labels"])})

    def shifted(self, delta_ms: int) -> AlertState:
        """The same with every instant moved."""
        moved = {
            name: at + delta_ms
            for name in ("active_at", "fired_at", "false_since", "clear_since", "unknown_since", "ended_at")
            if (at := getattr(self, name)) is not None
        }
        return self._replace(**moved)


class Transition(NamedTuple):
    """Something that happened to an alert at an instant.

    `kind` is pending, firing, resolved, dropped (pending ended without firing), unknown, known or event. `reason` says
    why it is unknown, or why it ended; `text` is the arithmetic in words, or the event's own text. `state` is the whole
    state after it.
    """

    rule: str
    labels: Labels
    kind: str
    at: Instant
    value: float | None
    active_at: Instant | None
    reason: str
    text: str
    state: AlertState


class Alert:
    """One rule for one label set, in flight. `step` moves it; `deadline` says when it must be looked at again."""

    __slots__ = (
        "active_at", "clear_since", "ended_at", "false_since", "fired_at", "labels", "policy", "reason", "rule",
        "seen_at", "state", "unknown_since", "value",
    )  # fmt: skip

    def __init__(self, rule: str, labels: Labels, policy: Policy) -> None:
        self.rule, self.labels, self.policy = rule, labels, policy
        self.state = INACTIVE
        self.seen_at: Instant = -1
        """When it was last looked at."""
        self.reason = ""
        self.value: float | None = None
        self.active_at: Instant | None = None
        self.fired_at: Instant | None = None
        self.false_since: Instant | None = None
        self.clear_since: Instant | None = None
        self.unknown_since: Instant | None = None
        self.ended_at: Instant | None = None

    @property
    def idle(self) -> bool:
        """Inactive and known: nothing to remember."""
        return self.state == INACTIVE and self.unknown_since is None

    @property
    def truth(self) -> bool | None:
        """S12: whether it fires; None while unknown."""
        return None if self.unknown_since is not None else self.state == FIRING

    def step(self, answer: int, value: float | None, now: Instant, since: Instant | None = None) -> list[str]:
        """Take an answer; returns the kinds of what happened, in order. `since` dates a true answer back (S11)."""
        if answer < 0:
            return self._unknown(REASONS[answer], now)
        self.value = value
        happened = self._known(now)
        if answer == Answer.TRUE:
            happened += self._true(now, now if since is None else since)
        elif self.state == PENDING:
            happened.append(self._rest("dropped"))
        elif self.state == FIRING:
            happened += self._false(answer, now)
        return happened

    def _true(self, now: Instant, since: Instant) -> list[str]:
        self.false_since = self.clear_since = None
        if self.state == INACTIVE:
            self.state, self.active_at = PENDING, since
            if not self.policy.hold_ms or self.policy.instant:
                return [self._fire(now)]
            return ["pending", self._fire(now)] if now - since >= self.policy.hold_ms else ["pending"]
        if self.state == PENDING and self.active_at is not None and now - self.active_at >= self.policy.hold_ms:
            return [self._fire(now)]
        return []

    def _fire(self, now: Instant) -> str:
        self.state, self.fired_at = FIRING, now
        return "firing"

    def _false(self, answer: int, now: Instant) -> list[str]:
        if self.false_since is None:
            self.false_since = now
        if self.policy.clears:
            if answer != Answer.CLEAR:
                self.clear_since = None
                return []
            if self.clear_since is None:
                self.clear_since = now
            if now - self.clear_since < self.policy.clear_ms:
                return []
        return [self._rest("resolved")] if now - self.false_since >= self.policy.keep_ms else []

    def _rest(self, kind: str) -> str:
        """Back to inactive; `active_at` and `fired_at` stay readable until the transition is made."""
        self.state = INACTIVE
        self.false_since = self.clear_since = self.ended_at = None
        return kind

    def forget_times(self) -> None:
        """Called when a transition to inactive has been told."""
        self.active_at = self.fired_at = None

    def _unknown(self, reason: str, now: Instant) -> list[str]:
        happened = []
        self.reason = reason
        if self.unknown_since is None:
            self.unknown_since = now
            happened.append("unknown")
        if self.state == PENDING and now - self.unknown_since >= self.policy.patience_ms:
            happened.append(self._rest("dropped"))
        return happened

    def _known(self, now: Instant) -> list[str]:
        if self.unknown_since is None:
            return []
        away = now - self.unknown_since
        self.unknown_since, self.reason = None, ""
        if self.state == PENDING and self.active_at is not None:
            self.active_at += away
        if self.false_since is not None:
            self.false_since += away
        if self.clear_since is not None:
            self.clear_since += away
        return ["known"]

    def end(self, now: Instant) -> list[str]:
        """S6: every series of it is gone from successful polls. Pending drops; firing resolves 10 minutes later."""
        if self.state != FIRING:
            happened = [self._rest("dropped")] if self.state == PENDING else []
            happened += ["known"] if self.unknown_since is not None else []
            self.unknown_since, self.reason = None, ENDED
            return happened
        if self.ended_at is None:
            self.ended_at = now
        if now - self.ended_at < ENDED_AFTER_MS:
            return []
        return self.stop(ENDED)

    def has_ended(self, now: Instant) -> bool:
        """Whether its series are gone for so long that it resolves."""
        return self.ended_at is not None and now - self.ended_at >= ENDED_AFTER_MS

    def stop(self, reason: str) -> list[str]:
        """Take it out of flight: firing resolves, pending drops, whatever is known."""
        happened = [self._rest("resolved" if self.state == FIRING else "dropped")] if self.state != INACTIVE else []
        happened += ["known"] if self.unknown_since is not None and not happened else []
        self.unknown_since, self.reason = None, reason
        return happened

    def deadline(self) -> Instant | None:
        """The next instant at which time alone changes it."""
        if self.state == PENDING and self.active_at is not None:
            if self.unknown_since is not None:
                return self.unknown_since + self.policy.patience_ms
            return self.active_at + self.policy.hold_ms
        if self.state != FIRING:
            return None
        ends = None if self.ended_at is None else self.ended_at + ENDED_AFTER_MS
        rests = self._rests_at()
        return ends if rests is None else rests if ends is None else min(ends, rests)

    def is_due(self, now: Instant) -> bool:
        """Whether time alone may have changed it."""
        due_at = self.deadline()
        return due_at is not None and due_at <= now

    def _rests_at(self) -> Instant | None:
        """When keep or clear ends next: each is an instant to look at (S3)."""
        if self.unknown_since is not None or self.false_since is None:
            return None
        keep_at = self.false_since + self.policy.keep_ms
        clear_at = keep_at if self.clear_since is None else self.clear_since + self.policy.clear_ms
        return min((at for at in (keep_at, clear_at) if at > self.seen_at), default=None)

    def snapshot(self) -> AlertState:
        """Its whole state, as it must be kept."""
        return AlertState(
            self.rule, self.labels, self.state, self.active_at, self.fired_at, self.false_since, self.clear_since,
            self.unknown_since, self.ended_at, self.reason, self.value,
        )  # fmt: skip

    def take(self, state: AlertState) -> None:
        """Go on from a kept state (S8)."""
        for name in state._fields:
            if name not in {"rule", "labels"}:
                setattr(self, name, getattr(state, name))
