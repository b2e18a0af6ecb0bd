"""What plugins are given of the daemon: threads that cannot be used up by one of them, and a memory of their own."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from daemon.clock import ManualClock
from daemon.context import PluginContext, Threads


def made(name, threads, **more):
    return PluginContext(name, clock=ManualClock(), threads=threads, state_dir="/var/lib/recuo", **more)


def test_a_call_in_a_thread_returns_raises_and_inherits_context():
    """Its answer, its error and the caller's context variables pass through."""
    whose = contextvars.ContextVar("whose", default="nobody's")

    def fail():
        raise LookupError("as told")

    async def scenario():
        whose.set("the caller's")
        context = made("a", Threads())
        assert await context.in_thread(lambda: (whose.get(), threading.current_thread().daemon)) == (
            "the caller's",
            True,
        )
        with pytest.raises(LookupError, match="as told"):
            await context.in_thread(fail)

    asyncio.run(scenario())


def test_one_name_that_hangs_leaves_threads_to_the_others():
    """Calls that were given up keep counting against their own name, and come back when the kernel lets go."""
    let_go = threading.Event()

    async def scenario():
        threads = Threads(limit=6, per_name=2)
        hung = [asyncio.ensure_future(threads.run("nfs", let_go.wait, 30)) for _ in range(5)]
        assert await threads.run("other", lambda: 1) == 1
        for call in hung:
            call.cancel()
        await asyncio.gather(*hung, return_exceptions=True)
        assert threads.busy == 2
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await threads.run("nfs", lambda: 1)
        assert await threads.run("other", lambda: 2) == 2
        let_go.set()
        assert await threads.run("nfs", lambda: 3) == 3
        return threads

    threads = asyncio.run(scenario())
    assert threads.busy <= 1  # the other call that had hung may still be on its way back


def test_calls_beyond_the_limit_wait_and_all_come_in_order():
    """Fifty calls through three threads: each is answered, never more than three at once."""
    now, most, lock = 0, 0, threading.Lock()

    def work(number):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.001)
        with lock:
            now -= 1
        return number

    async def scenario():
        threads = Threads(limit=3, per_name=3)
        return await asyncio.gather(*(threads.run("a", work, n) for n in range(50)))

    assert asyncio.run(scenario()) == list(range(50))
    assert most <= 3


def test_a_cancelled_wait_gives_its_turn_to_the_next():
    """Who gives up while waiting takes no place with him, even when it comes at the same moment."""
    let_go = threading.Event()

    async def scenario():
        threads = Threads(limit=1, per_name=1)
        first = asyncio.ensure_future(threads.run("a", let_go.wait, 30))
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(threads.run("a", lambda n=n: n)) for n in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        let_go.set()
        await first
        waiting[1].cancel()
        return await waiting[2], threads

    found, threads = asyncio.run(scenario())
    assert found == 2
    assert threads.busy == 0


def test_a_context_is_its_plugins_own():
    """Name, clock, state directory and memory are given; memories are not shared."""
    threads = Threads()
    one, other = made("one", threads), made("other", threads)
    one.memory["cursor"] = 5
    assert (one.name, one.state_dir, one.clock.now() > 0) == ("one", "/var/lib/recuo", True)
    assert dict(other.memory) == {}
    assert one.log is not None


def test_a_thread_that_hangs_does_not_keep_the_loop_from_ending():
    """asyncio.run comes back although a call never does."""
    never = threading.Event()

    async def scenario():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await made("a", Threads()).in_thread(never.wait, 30)

    asyncio.run(scenario())
    never.set()
