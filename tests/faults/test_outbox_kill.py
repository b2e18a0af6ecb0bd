"""The promise of the outbox (design section 7): killed at any instant, it loses no message."""

from __future__ import annotations

import asyncio
import email
import random
import signal
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from daemon.store import Store
from tests.actions.notifiers.peers import http_peer, smtp_peer
from tests.daemon.paging_kit import queued

ROUNDS, PAGES = 5, 12
ROOT = Path(__file__).parents[2]


async def _child(state: Path, ports: tuple[int, int], number: int, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.outbox_child", str(state), *map(str, ports), str(number), str(count)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


def _flaky(moment: asyncio.Event, chance: random.Random) -> Any:
    """A server that takes most messages and refuses some for now; at some it says that now is the time to kill."""

    def answer(_request: Any) -> Any:
        if chance.random() < 0.3:
            moment.set()
        return chance.choice([(200, {}, b""), (200, {}, b""), (500, {}, b""), "cut"])

    return answer


async def _scenario(state: Path) -> tuple[set[str], dict[str, int], dict[str, set[str]]]:
    """Kill the process round after round; the keys it said it had queued, and what arrived."""
    promised: set[str] = set()
    moment, chance = asyncio.Event(), random.Random(7)
    async with http_peer(_flaky(moment, chance)) as hook, smtp_peer() as mail:
        ports = (hook.port, mail.port)
        for number in range(ROUNDS):
            moment.clear()
            process = await _child(state, ports, number, PAGES)
            assert process.stdout
            async with asyncio.timeout(60):
                promised.add((await process.stdout.readline()).decode().strip())
                await moment.wait()
            process.send_signal(signal.SIGKILL)
            promised |= set((await process.stdout.read()).decode().split())
            assert await process.wait() == -signal.SIGKILL
        hook.answers = [(200, {}, b"")]
        async with asyncio.timeout(60):
            last = await _child(state, ports, ROUNDS, 0)
            await last.communicate()
        assert last.returncode == 0
        times: dict[str, int] = defaultdict(int)
        for request in hook.requests:
            times[request.headers["webhook-id"]] += 1
        ids: dict[str, set[str]] = defaultdict(set)
        for each in mail.mails:
            identifier = email.message_from_bytes(each.content)["Message-ID"]
            key = identifier.strip("<").partition(".")[0]
            times[key] += 1
            ids[key].add(identifier)
        return promised, times, ids


def test_a_dispatcher_killed_again_and_again_loses_no_message_and_keeps_each_key(tmp_path):
    """Every page whose queueing was committed arrives at least once, under its one key, and ends as delivered."""
    promised, times, ids = asyncio.run(_scenario(tmp_path))
    assert len(promised) >= 2 * ROUNDS
    assert promised <= set(times)
    assert all(len(found) == 1 for found in ids.values())
    store = Store.open(tmp_path)
    try:
        rows = queued(store)
    finally:
        store.close()
    assert {row["state"] for row in rows} == {"delivered"}
    assert promised <= {row["key"] for row in rows}
    assert set(times) == {row["key"] for row in rows}
