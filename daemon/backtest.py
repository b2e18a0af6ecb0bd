"""The whole configuration over recorded samples: what would have fired, been opened and been paged (design section 8).

Nothing here is a model of the daemon: the engine, the incidents and the escalation are those that run live, on a state
in memory and on the recording's own time. Messages count as delivered at once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from daemon import escalation, incidents, watching
from daemon.config import Loaded
from daemon.store import schema
from daemon.store.connections import Connection
from recuo.values import Instant, rfc3339
from triggers.base import Sample
from triggers.engine import Transition
from triggers.readers import read_csv, read_openmetrics
from triggers.replay import STALE_AFTER_MS, replay

_LOOP_LIMIT: Final = 1_000_000


class InputError(Exception):
    """The recording cannot be read; the text names file and line."""


class Rehearsal:
    """Incidents and pages as they would have been, from transitions in order of time."""

    def __init__(self, loaded: Loaded) -> None:
        self._config, self._digest = loaded.config, loaded.digest
        self._tx = sqlite3.connect(":memory:", isolation_level=None, factory=Connection)
        self._tx.row_factory = sqlite3.Row
        schema.migrate(self._tx, schema.migrations())

    def take(self, transitions: Sequence[Transition]) -> None:
        """What the engine decided at one instant, or at several in their order."""
        for transition in transitions:
            self.until(transition.at)
            self._do(partial(self._apply, transition), transition.at)

    def _apply(self, transition: Transition, now: Instant) -> None:
        incidents.apply(self._tx, [transition], config=self._config, digest=self._digest, now=now)

    def until(self, at: Instant) -> None:
        """Everything that comes due by an instant: the next person, a budget, the quiet that ends an incident."""
        for _ in range(_LOOP_LIMIT):
            due = [incidents.next_due(self._tx, self._config), escalation.next_due(self._tx)]
            now = min((each for each in due if each is not None), default=None)
            if now is None or now > at:
                return
            self._do(self._tick, now)

    def _tick(self, now: Instant) -> None:
        incidents.tick(self._tx, config=self._config, now=now)
        escalation.tick(self._tx, config=self._config, now=now)

    def _do(self, change: Callable[[Instant], object], now: Instant) -> None:
        self._tx.execute("BEGIN")
        change(now)
        for row in self._tx.execute("SELECT id, incident FROM outbox WHERE state = 'queued'").fetchall():
            self._tx.execute(
                "UPDATE outbox SET state = 'delivered', delivered_at = ?, next_attempt_at = NULL WHERE id = ?",
                (now, row["id"]),
            )
            if row["incident"] is not None:
                incidents.first_delivery(self._tx, row["incident"], now)
        self._tx.execute("COMMIT")

    def incidents(self) -> list[dict[str, Any]]:
        """Every incident, the oldest first."""
        rows = incidents.listing(self._tx, limit=1_000_000)
        names = ("began_at", "opened_at", "recovered_at", "resolved_at")
        return [
            {
                **{
                    name: row[name]
                    for name in ("id", "playbook", "group", "environment", "severity", "title", "reopened")
                },
                **{name: _text(row[name]) for name in names},
            }
            for row in reversed(rows)
        ]

    def pages(self) -> list[dict[str, Any]]:
        """Every page, in order of time."""
        rows = self._tx.execute("SELECT * FROM outbox WHERE kind = 'page' ORDER BY created_at, id")
        return [
            {
                "at": rfc3339(row["created_at"]),
                "incident": row["incident"],
                "receiver": row["receiver"],
                "to": row["address"],
                "title": json.loads(row["payload"])["title"],
            }
            for row in rows
        ]


def _text(at: Instant | None) -> str | None:
    return None if at is None else rfc3339(at)


def read_inputs(paths: Iterable[Path], metric: str | None) -> Iterator[Sample]:
    """Samples from OpenMetrics text or CSV files, told apart by what stands in them. Raises InputError."""
    for path in paths:
        try:
            with path.open(encoding="utf-8-sig") as lines:  # spreadsheets write a byte order mark
                first = lines.readline()
                lines.seek(0)
                if _is_csv(first, metric):
                    yield from read_csv(lines, str(path), metric=metric)
                else:
                    yield from read_openmetrics(lines, str(path))
        except OSError as err:
            raise InputError(f"{path} cannot be read: {err.strerror}") from err
        except UnicodeDecodeError as err:
            raise InputError(f"{path} is not UTF-8 text") from err
        except ValueError as err:
            raise InputError(str(err)) from err


def _is_csv(first: str, metric: str | None) -> bool:
    head = first.strip().lower()
    return head.startswith("timestamp,") or (metric is not None and "," in head and "{" not in head)


def run(
    loaded: Loaded,
    samples: Iterable[Sample],
    *,
    start: Instant | None = None,
    end: Instant | None = None,
    step_ms: int | None = None,
) -> dict[str, Any]:
    """What the configuration would have done: `alerts`, `incidents`, `pages` and `actions`, instants in RFC 3339."""
    rehearsal, samples = Rehearsal(loaded), list(samples)
    if not samples and (start is None or end is None):
        raise InputError("there is no sample in the input; say --start and --end to see what silence would do")
    infos = [info._replace(stale_after_ms=STALE_AFTER_MS) for info in watching.infos(loaded.config)]
    found = replay(
        loaded.config.rules, samples, start=start, end=end, step=step_ms, sources=infos, observe=rehearsal.take
    )
    last = end if end is not None else max((sample.at for sample in samples), default=None)
    if last is not None:
        rehearsal.until(last)
    instants = ("pending_at", "firing_at", "resolved_at")
    alerts = [{**row, **{name: _text(row[name]) for name in instants}} for row in found]
    return {"alerts": alerts, "incidents": rehearsal.incidents(), "pages": rehearsal.pages(), "actions": []}
