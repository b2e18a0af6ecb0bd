"""The evaluating loop with a real store: what is decided reaches the disk, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from daemon import history, incidents
from daemon.clock import SystemClock
from daemon.config import Loaded
from daemon.loop import Loop
from daemon.store import Store
from daemon.telemetry import Telemetry
from tests.daemon.paging_kit import configuration
from triggers.base import Batch, Kind, MetricSpec, Sample
from triggers.engine import Engine, SourceInfo

RULES = {"high": {"metric": "g", "above": 1, "severity": "critical"}, "slow": {"metric": "g", "above": 1, "for": "10m"}}
HOUR = 3_600_000


class SettableClock(SystemClock):
    """The real clock, and a system time that the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.set_by = 0

    def drift_ms(self) -> int:
        return super().drift_ms() + self.set_by


class Bench:
    """A loop over a real store with one gauge and two rules."""

    def __init__(self, directory: Path) -> None:
        self.store, self.clock, self.telemetry = Store.open(directory), SettableClock(), Telemetry()
        config = configuration(rules=RULES)
        self.loaded = Loaded(config=config, off=(), warnings=(), digest="d", path="config.yaml")
        specs = (MetricSpec("g", Kind.GAUGE, "count", "a gauge"),)
        info = SourceInfo("s", 1_000, 0, 60_000, 300_000, specs)
        self.engine = Engine(config.rules, [info], now=self.clock.now())
        self.turned, self.clock_set = asyncio.Event(), 0
        self.loop = Loop(
            self.engine,
            self.store,
            self.clock,
            self.telemetry,
            lambda: self.loaded,
            on_messages=lambda: None,
            on_turn=self.turned.set,
            on_clock_set=self._was_set,
        )

    def _was_set(self) -> None:
        self.clock_set += 1

    def bring(self, value: float) -> None:
        """One sample, now."""
        now = self.clock.now()
        self.loop.deliver(Batch("s", now, [Sample("g", (), value, now)]))

    async def turns(self, number: int = 1) -> None:
        """Wait until the loop has come around."""
        async with asyncio.timeout(15):
            for _ in range(number):
                self.turned.clear()
                self.loop.poke()
                await self.turned.wait()

    def open_incidents(self) -> list[dict[str, Any]]:
        return self.store.read_now(lambda conn: incidents.listing(conn, state="open"))


def played(directory: Path, scene: Callable[[Bench], Any]) -> None:
    """Run a scene beside the running loop."""

    async def play() -> None:
        bench = Bench(directory)
        task = asyncio.create_task(bench.loop.run())
        try:
            await scene(bench)
        finally:
            bench.loop.stop()
            await asyncio.wait_for(task, 15)
            await bench.loop.flush()
            bench.store.close()

    asyncio.run(play())


def test_what_is_on_its_way_to_disk_when_the_loop_is_stopped_arrives_once(tmp_path: Path) -> None:
    """A stop while a commit waits behind a slow disk neither loses nor repeats the incident."""

    async def scene() -> None:
        bench, held = Bench(tmp_path), threading.Event()
        task = asyncio.create_task(bench.loop.run())
        await bench.turns()
        blocked = asyncio.create_task(bench.store.write(lambda _tx: held.wait(10)))
        bench.bring(5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        bench.loop.stop()
        held.set()
        await blocked
        await asyncio.wait_for(task, 15)
        await bench.loop.flush()
        assert len(bench.open_incidents()) == 1
        assert len(bench.store.read_now(lambda conn: list(history.load(conn, 0)))) == 1
        bench.store.close()

    asyncio.run(scene())


def test_a_fault_in_writing_down_loses_no_decision_and_counts_as_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is not the disk's keeps what was decided, is told as trouble, and the next try succeeds."""
    real = incidents.apply

    async def scene(bench: Bench) -> None:
        def broken(*_args: Any, **_named: Any) -> list[int]:
            raise KeyError("a fault")

        monkeypatch.setattr(incidents, "apply", broken)
        bench.bring(5)
        await bench.turns()
        assert bench.loop.trouble is not None
        assert "KeyError" in str(bench.loop.trouble)
        assert {each.rule for each in bench.loop.waiting()} == {"high", "slow"}
        monkeypatch.setattr(incidents, "apply", real)
        async with asyncio.timeout(10):
            while bench.loop.trouble is not None:
                await bench.turns()
                await asyncio.sleep(0.02)
        assert len(bench.open_incidents()) == 1

    played(tmp_path, scene)


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_clock_that_is_set_moves_engine_and_store_together(tmp_path: Path, by: int) -> None:
    """Holds under way, saved states and logged samples all move by the same step, and the intervals begin anew."""

    async def scene(bench: Bench) -> None:
        bench.bring(5)
        await bench.turns(2)
        before = {a.rule: a.active_at for a in bench.engine.alerts()}
        bench.clock.set_by = by
        await bench.turns(2)
        moved = {a.rule: cast("int", a.active_at) - cast("int", before[a.rule]) for a in bench.engine.alerts()}
        assert all(abs(each - by) < 1_000 for each in moved.values()), moved
        saved = {s.rule: s.active_at for s in bench.store.read_now(incidents.alert_states)}
        assert saved == {a.rule: a.active_at for a in bench.engine.alerts()}
        assert bench.clock_set == 1
        assert bench.loop.silent_ms() < 60_000

    played(tmp_path, scene)


def test_a_clock_that_is_set_while_the_store_is_in_trouble_is_followed_once_it_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engine and store never part: with a store that refuses, neither moves; afterwards both do."""

    async def scene(bench: Bench) -> None:
        bench.bring(5)
        await bench.turns(2)
        before = {a.rule: a.active_at for a in bench.engine.alerts()}

        def refuse(tx: sqlite3.Connection, _moved: int) -> None:
            tx.execute("INSERT INTO nowhere VALUES (1)")

        with monkeypatch.context() as patched:
            patched.setattr(history, "shift", refuse)
            bench.clock.set_by = HOUR
            bench.loop.poke()
            async with asyncio.timeout(10):
                while not bench.clock_set:  # noqa: ASYNC110 - of a running loop, with a deadline
                    await asyncio.sleep(0.01)
            assert {a.rule: a.active_at for a in bench.engine.alerts()} == before
        async with asyncio.timeout(10):
            while bench.clock.drift_ms() > 1_000:  # noqa: ASYNC110 - of a running loop, with a deadline
                await asyncio.sleep(0.02)
        saved = {s.rule: s.active_at for s in bench.store.read_now(incidents.alert_states)}
        assert saved == {a.rule: a.active_at for a in bench.engine.alerts()}
        assert saved["slow"] != before["slow"]

    played(tmp_path, scene)


def test_a_failed_poll_is_an_answer_and_no_evaluation(tmp_path: Path) -> None:
    """When every source fails the daemon knows how things are, and does not claim to have evaluated a rule."""

    async def scene(bench: Bench) -> None:
        bench.loop.deliver(Batch("s", bench.clock.now(), failed="refused"))
        assert bench.loop.first_answer.is_set()
        assert not bench.loop.first_evaluation.is_set()

    played(tmp_path, scene)
