"""What a daemon does when one of its own parts breaks: a reload, or a part that was to run for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.app import EXIT_DONE, EXIT_NO, Daemon
from daemon.clock import SystemClock
from daemon.config import Loaded
from daemon.serve import bind
from daemon.store import Store
from daemon.systemd import Systemd
from tests.daemon.paging_kit import configuration


def loaded() -> Loaded:
    return Loaded(config=configuration(), off=(), warnings=(), digest="d", path="config.yaml")


def lived(directory: Path, scene: Callable[[Daemon], Any], reread: Callable[[], Loaded] = loaded) -> int:
    """Run a daemon without sources beside a scene; its exit code."""

    async def live() -> int:
        store = Store.open(directory)
        bound = bind("127.0.0.1:0")
        daemon = Daemon(loaded(), store, bound, clock=SystemClock(), systemd=Systemd(), reread=reread)
        task = asyncio.create_task(daemon.run())
        try:
            async with asyncio.timeout(20):
                while not daemon.in_service and not task.done():  # noqa: ASYNC110 - with a deadline
                    await asyncio.sleep(0.01)
                await scene(daemon)
                return await task
        finally:
            bound.close()
            store.close()

    return asyncio.run(live())


def test_a_fault_of_ours_during_a_reload_is_told_and_changes_nothing(tmp_path: Path) -> None:
    """Whoever asked gets an answer, the configuration before stays in force, and the daemon lives on."""

    def broken() -> Loaded:
        raise RuntimeError("a fault")

    async def scene(daemon: Daemon) -> None:
        before = daemon.config
        view = await daemon.reloading.reload(by="test")
        assert not view.ok
        assert "RuntimeError" in view.problems[0]
        assert daemon.config is before
        assert daemon.reloading.last is view
        daemon.stop()

    assert lived(tmp_path, scene, broken) == EXIT_DONE


@pytest.mark.parametrize("part", ["loop", "outbox", "emergency", "web"])
def test_when_a_part_ends_the_daemon_ends_too_and_says_that_it_failed(tmp_path: Path, part: str) -> None:
    """No zombie: the exit code is not 0 and daemon.json is gone, so that the service manager starts it again."""

    async def scene(daemon: Daemon) -> None:
        if part == "web":
            assert daemon._server is not None
            daemon._server.should_exit = True
            return
        next(task for task in asyncio.all_tasks() if task.get_name() == part).cancel()

    assert lived(tmp_path, scene) == EXIT_NO
    assert not (tmp_path / "daemon.json").exists()
