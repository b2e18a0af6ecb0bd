"""The engine and the naive model side by side: the same batches, the same instants, compared at every one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from recuo.values import Instant, Labels
from tests.reference.naive import Model
from tests.reference.naive_alerts import Known
from tests.reference.naive_cases import BOOT, Bringer, Event, Look, Poll, Restart, Rules, SourceCase, Step
from tests.reference.naive_windows import Source
from triggers.base import Batch
from triggers.engine import AlertState, Engine, SourceInfo, Transition
from triggers.rules import RuleConfig

_MOST_WAKES = 2_000


class Arena:
    """One comparison. `play` raises AssertionError with the whole story at the first difference."""

    def __init__(self, rules: Rules, sources: Sequence[SourceCase], *, drowsy: bool = False, **options: Any) -> None:
        self.now: Instant = BOOT
        self.drowsy = drowsy
        self.bringer = Bringer()
        self.story: list[str] = [f"rule {name}: {body}" for name, body in rules.items()]
        self.metrics = re.findall(r"\w+", str(rules))
        self.history: list[Batch] = []
        self.told: dict[tuple[str, Labels], AlertState] = {}
        self._new_engine = partial(
            Engine,
            {name: RuleConfig.model_validate(body) for name, body in rules.items()},
            [SourceInfo(s.name, s.every, s.lag, s.stale_after, s.blind_after, s.specs) for s in sources],
            **options,
        )
        self.engine = self._new_engine(now=BOOT)
        self.model = Model(
            rules,
            [
                Source(s.name, s.lag, s.stale_after, s.blind_after, {spec.name: spec.kind for spec in s.specs})
                for s in sources
            ],
            BOOT,
        )

    def play(self, events: Sequence[Event]) -> None:
        """Everything that happens, and every instant between at which something ends."""
        for event in events:
            if isinstance(event, Step):
                self._step(event.delta)
            elif isinstance(event, Restart):
                self._restart(event.down)
            else:
                for _ in range(event.times if isinstance(event, Poll) else 1):
                    self._pass(event)

    def _pass(self, event: Poll | Look) -> None:
        """Time passes until the event, and it happens. A drowsy engine sleeps over what was due in between."""
        end = self.now + event.wait
        if self.drowsy:
            self.model.advance(end - 1)
            self.now = end
        else:
            self._wait_until(end)
        if isinstance(event, Poll):
            self._poll(event)
        else:
            self._advance(self.now)

    def _poll(self, poll: Poll) -> None:
        batch = self.bringer.batch(poll, self.now)
        self.story.append(f"{self._clock()} {self._brief(batch)}")
        self.history.append(batch)
        self._hear(self.engine.feed(batch))
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
        self.told = {key: state.shifted(delta) for key, state in self.told.items()}
        self._compare()

    def _restart(self, down: int) -> None:
        """The process dies; what the store kept, as JSON, goes into a new engine."""
        self.story.append(f"{self._clock()} restart, down for {down} ms")
        kept = json.dumps([state.to_json() for state in self.engine.snapshot_alerts()])
        states = [AlertState.from_json(state) for state in json.loads(kept)]
        since = self.now - self.engine.horizon_ms()
        down_from, self.now = self.now, self.now + down
        self.engine = self._new_engine(now=self.now)
        history = [batch for batch in self.history if batch.at >= since]
        self._hear(self.engine.restore(states, history, down_from=down_from, now=self.now))
        self.model.restart(down, history)
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
        self._hear(self.engine.advance(now))
        self.model.advance(now)
        self._compare()

    def _hear(self, transitions: Sequence[Transition]) -> None:
        """Go along with what the engine tells: at most one end and one beginning of an alert at an instant."""
        for each in transitions:
            self.told[each.rule, each.labels] = each.state
            self.story.append(f"{self._clock()} told: {each.kind} {each.rule} {each.labels} {each.reason}")

    def _compare(self) -> None:
        engine, model = self._engine_known(), self.model.known()
        if engine != model:
            for key in sorted(set(engine) | set(model)):
                if engine.get(key) != model.get(key):
                    self.story.append(f"{self._clock()} {key}: engine {engine.get(key)}, model {model.get(key)}")
            raise AssertionError(self._told("the engine and the model differ"))
        blind = {view.name for view in self.engine.sources() if view.blind}
        assert blind == self.model.blind(), self._told(f"blind are {blind} and {self.model.blind()}")
        told = {
            key: Known(state.state, state.active_at, state.unknown_since is not None)
            for key, state in self.told.items()
            if (state.state != "inactive" or state.unknown_since is not None) and not key[0].startswith("source:")
        }
        assert told == engine, self._told(f"the transitions tell {told}, the alerts are {engine}")

    def _engine_known(self) -> dict[tuple[str, Labels], Known]:
        return {
            (view.rule, view.labels): Known(str(view.state), view.active_at, view.unknown_since is not None)
            for view in self.engine.alerts()
        }

    def _clock(self) -> str:
        return f"[{(self.now - BOOT) / 1000:g}s]"

    def _told(self, what: str) -> str:
        return "\n".join([what, *self.story])
