"""Reads, for one scrape, the states that metrics show."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from daemon import incidents, outbox, tally
from daemon.store import StoreError
from daemon.telemetry import Figure, States

if TYPE_CHECKING:
    from daemon.app import Daemon


async def read(daemon: Daemon) -> States:
    """The states at this instant. A store that cannot be read leaves its own figures out, and the others stay."""
    engine = daemon.engine
    sources, alerts, stats = engine.sources(), engine.alerts(), engine.stats
    config, now, last = daemon.config, daemon.clock.now(), daemon.counted
    try:
        counts, messages = await daemon.store.read(_stored)
        newest, facts = await daemon.store.read(lambda conn: tally.since(conn, last, config, now))
    except StoreError:
        counts, messages = [], []
    else:
        if daemon.counted == last:  # another scrape may have been quicker
            daemon.counted = newest
            tally.count(daemon.telemetry, facts)
    return States(
        sources=[((s.name,), float(s.failing_since is None and s.last_ok_at is not None)) for s in sources],
        source_success=[((s.name,), s.last_ok_at / 1000) for s in sources if s.last_ok_at is not None],
        series=[((s.name,), float(s.series)) for s in sources],
        alerts=_counted((a.rule, a.state) for a in alerts if a.state != "inactive"),
        unknown=_counted((a.rule,) for a in alerts if a.unknown_since is not None),
        incidents=counts,
        outbox=messages,
        evaluations=[((), float(stats.evaluations))],
        dropped=[(key, float(number)) for key, number in stats.dropped.items()],
        refused=[((name,), float(number)) for name, number in stats.refused.items()],
    )


def _counted(found: Iterable[tuple[str, ...]]) -> list[Figure]:
    return [(key, float(number)) for key, number in Counter(found).items()]


def _stored(conn: sqlite3.Connection) -> tuple[list[Figure], list[Figure]]:
    stats = outbox.stats(conn)
    return (
        [(key, float(number)) for key, number in incidents.counts(conn).items()],
        [((state,), float(stats[state])) for state in ("queued", "failed")],
    )
