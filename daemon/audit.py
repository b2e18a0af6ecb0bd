"""Timeline and audit in one: who did what when, in rows that only grow and each hold the hash of the one before.

A row's hash is SHA-256 over canonical JSON (RFC 8785's form for the types used here: text, integers, null) of its
columns and the hash before it; its number comes from a counter that never goes back. A row that is changed, removed or
put elsewhere is therefore found by `verify`, the last one included.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from recuo.values import Instant

_GENESIS: Final = ""
_MOST_FAULTS: Final = 20
_LONGEST_TEXT: Final = 10_000


class Verdict(NamedTuple):
    """Whether the chain is whole: how many rows were read, the hash of the newest, and what is wrong, if anything."""

    rows: int
    head: str
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return not self.faults


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces; text that is not Unicode loses what cannot be written, NaN becomes null."""
    return json.dumps(_clean(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _clean(value: object) -> object:
    if isinstance(value, str):
        shortened = value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"
        return shortened.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(_clean(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def record(
    tx: sqlite3.Connection, *, at: Instant, kind: str, actor: str, incident: int | None = None, **data: object
) -> int:
    """Append one event in the caller's transaction; answers with its number.

    `data` is anything that JSON can hold; text in it is cut at 10 000 characters.
    """
    (number,) = tx.execute("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) + 1").fetchone()
    last = tx.execute("SELECT hash FROM events ORDER BY id DESC LIMIT 1").fetchone()
    before = last[0] if last else _GENESIS
    actor, kind, text = str(_clean(actor)), str(_clean(kind)), canonical(data)
    row = (number, at, incident, actor, kind, text, before)
    tx.execute(
        "INSERT INTO events (id, at, incident, actor, kind, data, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, _digest(*row)),
    )
    return int(number)


def _digest(number: int, at: Instant, incident: int | None, actor: str, kind: str, data: str, before: str) -> str:
    text = json.dumps([number, at, incident, actor, kind, data, before], separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def verify(conn: sqlite3.Connection) -> Verdict:
    """Read all events from the first on and check numbers and hashes; stops after twenty faults."""
    faults: list[str] = []
    before, expected, rows = _GENESIS, 1, 0
    for row in conn.execute("SELECT id, at, incident, actor, kind, data, prev_hash, hash FROM events ORDER BY id"):
        rows += 1
        faults += _faults(tuple(row), before, expected)
        before, expected = row[7], row[0] + 1
        if len(faults) >= _MOST_FAULTS:
            return Verdict(rows, before, tuple(faults[:_MOST_FAULTS]))
    (given,) = conn.execute("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)").fetchone()
    if given != expected - 1:
        faults.append(f"the newest events are gone: numbers up to {given} were given, the last one is {expected - 1}")
    return Verdict(rows, before, tuple(faults))


def _faults(row: tuple[Any, ...], before: str, expected: int) -> Iterator[str]:
    number, at, incident, actor, kind, data, prev_hash, own = row
    if number != expected:
        yield f"events {expected} to {number - 1} are gone"
    if prev_hash != before:
        yield f"event {number} does not follow the one before it"
    if _digest(number, at, incident, actor, kind, data, prev_hash) != own:
        yield f"event {number} was changed after it was written"


def timeline(conn: sqlite3.Connection, incident: int) -> list[dict[str, Any]]:
    """An incident's events, oldest first: id, at, actor, kind, data."""
    rows = conn.execute("SELECT id, at, actor, kind, data FROM events WHERE incident = ? ORDER BY id", (incident,))
    return [event(row) for row in rows]


def newest(conn: sqlite3.Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """The newest events of all, newest first: id, at, incident, actor, kind, data."""
    rows = conn.execute("SELECT id, at, incident, actor, kind, data FROM events ORDER BY id DESC LIMIT ?", (limit,))
    return [event(row) for row in rows]


def event(row: sqlite3.Row) -> dict[str, Any]:
    """A row of `events` as a dictionary with its data unpacked."""
    return {**dict(row), "data": json.loads(row["data"])}
