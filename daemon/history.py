"""What the sources brought, kept for the windows after a restart (design S8).

Batches are appended as they come, many in one row: numbers in packed little-endian arrays, what is text in a JSON head,
all of it deflated. A series is written as a number whose meaning stands in `series`. Numbers are given anew in each
epoch, and an epoch's dictionary goes when the last row that needs it has been pruned, so that series which come and go
(a label with a deployment's name) do not add up.

A row, inflated: uint32 length of the head, the head (JSON: `[[source, at, failed, complete, samples], …]` and
`{index: [id, text]}` of samples that are events), then for all samples the series (uint32), the values (float64) and
how much older than its batch each one is (int64 milliseconds).
"""

from __future__ import annotations

import json
import sqlite3
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from recuo.values import Instant, Labels
from triggers.base import Batch, Sample

DEFAULT_MAX_BYTES: Final = 268_435_456
"""What the log may take on the disk, unless told otherwise: windows are then remembered for less time."""

_EPOCH_MS: Final = 3_600_000
_MOST_SERIES: Final = 500_000
_ALIVE: Final = "last_alive_at"
_MEMO: Final = "series"
_LENGTH: Final = struct.Struct("<I")


class _Dictionary:
    """The series of the current epoch, as the writing connection knows them."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.numbers: dict[tuple[str, Labels], int] = {}
        self.last = 0


def append(tx: sqlite3.Connection, batches: Sequence[Batch]) -> None:
    """Write batches in the caller's transaction, as one row. Failed batches and events' ids and texts included."""
    if not batches:
        return
    at = max(batch.at for batch in batches)
    dictionary = _dictionary(tx, at)
    data = _pack(batches, _number(tx, dictionary, batches))
    tx.execute(
        "INSERT INTO sample_log (epoch, at, bytes, data) VALUES (?, ?, ?, ?)",
        (dictionary.epoch, at, len(data), data),
    )


def load(conn: sqlite3.Connection, since: Instant) -> Iterator[Batch]:
    """All batches that came at `since` or later, in the order they were appended."""
    epoch, series = -1, dict[int, tuple[str, Labels]]()
    for row in conn.execute("SELECT epoch, moved_ms, data FROM sample_log WHERE at >= ? ORDER BY id", (since,)):
        if row["epoch"] != epoch:
            epoch, series = row["epoch"], _series(conn, row["epoch"])
        for batch in _unpack(row["data"], series, row["moved_ms"]):
            if batch.at >= since:
                yield batch


def prune(tx: sqlite3.Connection, before: Instant, *, max_bytes: int = DEFAULT_MAX_BYTES) -> int:
    """Remove what came before `before`, and the oldest rows of what takes more than `max_bytes`; how many rows went."""
    gone = tx.execute("DELETE FROM sample_log WHERE at < ?", (before,)).rowcount
    if size_bytes(tx) > max_bytes:
        gone += tx.execute(
            "DELETE FROM sample_log WHERE id <= (SELECT max(id) FROM "
            "(SELECT id, sum(bytes) OVER (ORDER BY id DESC) AS kept FROM sample_log) WHERE kept > ?)",
            (max_bytes,),
        ).rowcount
    newest = "coalesce((SELECT min(epoch) FROM sample_log), (SELECT max(epoch) FROM series))"
    tx.execute(f"DELETE FROM series WHERE epoch < {newest}")  # noqa: S608 (constant text)
    return gone


def size_bytes(conn: sqlite3.Connection) -> int:
    """What the logged batches take, without SQLite's overhead."""
    return int(conn.execute("SELECT coalesce(sum(bytes), 0) FROM sample_log").fetchone()[0])


def mark_alive(tx: sqlite3.Connection, now: Instant) -> None:
    """Note that the daemon lives: at the next start the time since is what it was down for."""
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_ALIVE, str(now)),
    )


def last_alive(conn: sqlite3.Connection) -> Instant | None:
    """When the daemon was last known to live; None on the first boot."""
    row = conn.execute("SELECT value FROM meta WHERE key = ?", (_ALIVE,)).fetchone()
    return int(row[0]) if row else None


def shift(tx: sqlite3.Connection, delta_ms: int) -> None:
    """The system's clock was set by so much: all that is logged moves with it, as the engine's windows do."""
    tx.execute("UPDATE sample_log SET moved_ms = moved_ms + :by, at = at + :by", {"by": delta_ms})
    tx.execute("UPDATE meta SET value = CAST(CAST(value AS INTEGER) + ? AS TEXT) WHERE key = ?", (delta_ms, _ALIVE))


def _dictionary(tx: sqlite3.Connection, at: Instant) -> _Dictionary:
    """The dictionary to number with: the one that the connection remembers, unless it is old, full, or rolled back."""
    memo: dict[str, Any] = getattr(tx, "memo", {})
    known = memo.get(_MEMO)
    newest = tx.execute("SELECT coalesce(max(epoch), 0) FROM series").fetchone()[0]
    if isinstance(known, _Dictionary) and known.epoch == newest and known.last == _last(tx, newest):
        dictionary = known
    else:
        dictionary = _Dictionary(newest)
        for row in tx.execute("SELECT id, metric, labels FROM series WHERE epoch = ?", (newest,)):
            dictionary.numbers[row[1], _labels(row[2])] = row[0]
        dictionary.last = _last(tx, newest)
    # An epoch is named by when it began; a clock that was set back must not give the same name twice.
    if at - dictionary.epoch >= _EPOCH_MS or dictionary.last >= _MOST_SERIES:
        dictionary = _Dictionary(max(at, newest + 1))
    memo[_MEMO] = dictionary
    return dictionary


def _last(tx: sqlite3.Connection, epoch: int) -> int:
    return int(tx.execute("SELECT coalesce(max(id), 0) FROM series WHERE epoch = ?", (epoch,)).fetchone()[0])


def _number(tx: sqlite3.Connection, dictionary: _Dictionary, batches: Iterable[Batch]) -> array[int]:
    """The series' numbers of all samples in order; new ones are given and written."""
    numbers, used, fresh = dictionary.numbers, array("I"), list[tuple[int, int, str, str]]()
    for batch in batches:
        for sample in batch.samples:
            key = (sample.metric, sample.labels)
            number = numbers.get(key)
            if number is None:
                dictionary.last += 1
                number = numbers[key] = dictionary.last
                fresh.append((dictionary.epoch, number, sample.metric, _labels_text(sample.labels)))
            used.append(number)
    if fresh:
        tx.executemany("INSERT INTO series (epoch, id, metric, labels) VALUES (?, ?, ?, ?)", fresh)
    return used


def _pack(batches: Sequence[Batch], numbers: array[int]) -> bytes:
    events: dict[str, list[str]] = {}
    ages, values = array("q"), array("d")
    for batch in batches:
        at = batch.at
        for sample in batch.samples:
            if sample.id or sample.text:
                events[str(len(values))] = [sample.id, sample.text]
            values.append(sample.value)
            ages.append(at - sample.at)
    heads = [[b.source, b.at, b.failed, b.complete, len(b.samples)] for b in batches]
    head = json.dumps([heads, events], separators=(",", ":")).encode()
    return zlib.compress(
        b"".join((_LENGTH.pack(len(head)), head, _bytes(numbers), _bytes(values), _bytes(ages))), level=1
    )


def _unpack(data: bytes, series: Mapping[int, tuple[str, Labels]], moved_ms: int) -> Iterator[Batch]:
    raw = zlib.decompress(data)
    (length,) = _LENGTH.unpack_from(raw)
    begin = _LENGTH.size + length
    heads, events = json.loads(raw[_LENGTH.size : begin])
    count = sum(head[4] for head in heads)
    numbers = _array("I", raw[begin : begin + 4 * count])
    values = _array("d", raw[begin + 4 * count : begin + 12 * count])
    ages = _array("q", raw[begin + 12 * count :])
    begin = 0
    for source, came_at, failed, complete, size in heads:
        at, end = came_at + moved_ms, begin + size
        rows = zip(numbers[begin:end], values[begin:end], ages[begin:end], strict=True)
        samples = [Sample(*series[number], value, at - age) for number, value, age in rows]
        for index, (id_, text) in events.items():
            if begin <= int(index) < end:
                samples[int(index) - begin] = samples[int(index) - begin]._replace(id=id_, text=text)
        begin = end
        yield Batch(source, at, tuple(samples), failed, complete)


def _bytes(numbers: array[Any]) -> bytes:
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers.tobytes()


def _array(typecode: str, data: bytes) -> array[Any]:
    numbers = array(typecode)
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _series(conn: sqlite3.Connection, epoch: int) -> dict[int, tuple[str, Labels]]:
    rows = conn.execute("SELECT id, metric, labels FROM series WHERE epoch = ?", (epoch,))
    return {row[0]: (row[1], _labels(row[2])) for row in rows}


def _labels_text(labels: Labels) -> str:
    return json.dumps(labels, separators=(",", ":"))


def _labels(text: str) -> Labels:
    return tuple((name, value) for name, value in json.loads(text))
