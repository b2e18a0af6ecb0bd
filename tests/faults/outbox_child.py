"""A process that queues pages and delivers them, to be killed: STATE HTTP_PORT SMTP_PORT ROUND COUNT.

It queues COUNT pages for each of two receivers, one after the other, and prints each key once its transaction has been
committed; meanwhile it delivers. With COUNT 0 it delivers what is left and ends when nothing is.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from functools import partial
from pathlib import Path

from daemon import escalation, outbox
from daemon.clock import SystemClock
from daemon.context import PluginContext, Threads
from daemon.store import Store
from tests.daemon.paging_kit import configuration, message


def _queue(tx: sqlite3.Connection, *, key: str, receiver: str, now: int) -> None:
    told = message(key)
    outbox.enqueue(tx, key=key, receiver=receiver, address="", incident=None, kind="page", message=told, now=now)


async def main(state: str, http_port: str, smtp_port: str, number: str, count: str) -> None:
    store, clock, threads = Store.open(Path(state)), SystemClock(), Threads()
    config = configuration(
        receivers={
            "hook": {"kind": "webhook", "url": f"http://127.0.0.1:{http_port}/", "timeout": "2s"},
            "mail": {
                "kind": "email",
                "host": "127.0.0.1",
                "port": int(smtp_port),
                "security": "none",
                "to": ["a@example.org"],
                "timeout": "2s",
            },
        },
        people={},
        schedules={},
        escalation={},
    )
    done = asyncio.Event()
    dispatcher = outbox.Outbox(
        store,
        lambda: config,
        clock,
        lambda name: PluginContext(name, clock=clock, threads=threads, state_dir=state),
        on_delivered=lambda *_: None,
        on_undelivered=escalation.undelivered,
        observe=lambda _: done.set(),
    )
    running = asyncio.create_task(dispatcher.run())
    for n in range(int(count)):
        for receiver in ("hook", "mail"):
            key = f"page-{number}-{n}-{receiver}"
            await store.write(partial(_queue, key=key, receiver=receiver, now=clock.now()))
            dispatcher.wake()
            print(key, flush=True)
    while True:
        done.clear()
        if not int(count) and not (await store.read(outbox.stats))["queued"]:
            break
        await done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
