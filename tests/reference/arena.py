"""The engine and the naive model side by side: the same batches, the same instants, compared at every one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from recuo.values import Instant, Labels, rfc3339
from tests.reference.naive import Known, Model, Source
from tests.reference.naive_cases import BOOT, Bringer, Event, Look, Poll, Rules, SourceCase, Step
from triggers.base import Batch
from triggers.engine import Engine, SourceInfo
from triggers.rules import RuleConfig

_MOST_WAKES = 2_000


class Arena:
    """One comparison. `play` raises AssertionError with the whole story at the first difference."""

    def __init__(self, rules: Rules, sources: Sequence[SourceCase], **options: Any) -> None:
        self.now: Instant = BOOT
        self.bringer = Bringer()
        self.story: list[str] = [f"rule {name}: {body}" for name, body in rules.items()]
        self.engine = Engine(
            {name: RuleConfig.model_validate(body) for name, body in rules.items()},
            [SourceInfo(s.name, s.every, s.lag, s.stale_after, s.blind_after, s.specs) for s in sources],
            now=BOOT,
            **options,
        )
        self.metrics = re.findall(r"\w+", str(rules))
        self.model = Model(
            rules,
            [
                Source(s.name, s.lag, s.stale_after, s.blind_after, {spec.name: spec.kind for spec in s.specs}, BOOT)
                for s in sources
            ],
            BOOT,
        )

    def play(self, events: Sequence[Event]) -> None:
        """Everything that happens, and every instant between at which something ends."""
        for event in events:
            if isinstance(event, Step):
                self._step(event.delta)
                continue
            self._wait_until(self.now + event.wait)
            if isinstance(event, Poll):
                self._poll(event)
            elif isinstance(event, Look):
                self._advance(self.now)

    def _poll(self, poll: Poll) -> None:
        batch = self.bringer.batch(poll, self.now)
        self.story.append(f"{self._clock()} {self._brief(batch)}")
        self.engine.feed(batch)
        self.model.feed(batch)
        self._advance(self.now)

    def _brief(self, batch: Batch) -> str:
        if batch.failed:
            return f"{batch.source} failed"
        brought = [
            f"{s.metric}{[value for _, value in s.labels]}={s.value:g}@{(s.at - BOOT) / 1000:g}{s.id}"
            for s in batch.samples
            if s.metric in self.metrics
        ]
        return f"{batch.source}{'' if batch.complete else ' (partial)'}: {' '.join(brought)}"

    def _step(self, delta: int) -> None:
        self.story.append(f"{self._clock()} the clock is stepped by {delta} ms")
        self.now += delta
        self.engine.shift(delta)
        self.model.shift(delta)
        self.bringer.shift(delta)
        self._compare()

    def _wait_until(self, end: Instant) -> None:
        for _ in range(_MOST_WAKES):
            wakes = (self.engine.next_wake(), self.model.next_deadline())
            due = min((at for at in wakes if at is not None), default=None)
            if due is None or due >= end:
                self.now = end
                return
            assert due > self.now, self._told(f"a wake at {due}, which has passed: engine, model {wakes}")
            self.now = due
            self._advance(due)
        raise AssertionError(self._told("it wakes without end"))

    def _advance(self, now: Instant) -> None:
        self.engine.advance(now)
        self.model.advance(now)
        self._compare()

    def _compare(self) -> None:
        engine, model = self._engine_known(), self.model.known()
        if engine == model:
            return
        for key in sorted(set(engine) | set(model)):
            if engine.get(key) != model.get(key):
                self.story.append(f"{self._clock()} {key}: engine {engine.get(key)}, model {model.get(key)}")
        raise AssertionError(self._told("the engine and the model differ"))

    def _engine_known(self) -> dict[tuple[str, Labels], Known]:
        return {
            (view.rule, view.labels): Known(str(view.state), view.active_at, view.unknown_since is not None)
            for view in self.engine.alerts()
        }

    def _clock(self) -> str:
        return f"[{(self.now - BOOT) / 1000:g}s {rfc3339(self.now)}]"

    def _told(self, what: str) -> str:
        return "\n".join([what, *self.story])
