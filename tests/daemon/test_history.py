from __future__ import annotations

import sqlite3
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import history
from daemon.store import Store, schema
from daemon.store.connections import Connection
from recuo.values import labels_of
from triggers.base import Batch, Sample

HOUR = 3_600_000
NOW = 1_795_000_000_000


def fresh() -> Connection:
    conn = sqlite3.connect(":memory:", isolation_level=None, factory=Connection)
    conn.row_factory = sqlite3.Row
    schema.migrate(conn, schema.migrations())
    return conn


def batch(at: int, *values: float, source: str = "host", metric: str = "cpu_ratio", **labels: str) -> Batch:
    return Batch(source, at, tuple(Sample(metric, labels_of(labels), value, at) for value in values))


SAMPLES = st.builds(
    Sample,
    metric=st.text(st.characters(codec="utf-8"), max_size=5),
    labels=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2).map(labels_of),
    value=st.floats(allow_nan=False),
    at=st.integers(NOW - HOUR, NOW + HOUR),
    id=st.text(max_size=4),
    text=st.text(max_size=8),
)
BATCHES = st.lists(
    st.builds(
        Batch,
        source=st.text(max_size=4),
        at=st.integers(NOW - HOUR, NOW + HOUR),
        samples=st.lists(SAMPLES, max_size=5).map(tuple),
        failed=st.text(max_size=8),
        complete=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(st.lists(BATCHES, max_size=5))
def test_S8_what_is_appended_is_loaded_again_exactly(appended):
    """Samples, events' ids and texts, failed and incomplete polls come back as they were, in their order."""
    conn = fresh()
    for batches in appended:
        history.append(conn, batches)
    assert list(history.load(conn, 0)) == [b for batches in appended for b in batches]


def test_S8_only_what_came_since_is_loaded():
    """Loading starts at an instant, within a row too."""
    conn = fresh()
    history.append(conn, [batch(NOW, 1.0), batch(NOW + 10, 2.0)])
    history.append(conn, [batch(NOW + 20, 3.0)])
    assert [b.samples[0].value for b in history.load(conn, NOW + 10)] == [2.0, 3.0]


def test_another_connection_reads_and_goes_on_with_the_numbers():
    """What a process wrote is understood by the next, which gives its series no number twice."""
    conn = fresh()
    history.append(conn, [batch(NOW, 1.0, host="a")])
    conn.memo.clear()
    history.append(conn, [batch(NOW + 1, 2.0, host="b"), batch(NOW + 1, 3.0, host="a")])
    assert [(b.samples[0].labels, b.samples[0].value) for b in history.load(conn, 0)] == [
        ((("host", "a"),), 1.0),
        ((("host", "b"),), 2.0),
        ((("host", "a"),), 3.0),
    ]


def test_a_rolled_back_append_takes_its_numbers_with_it():
    """Series that were numbered in an undone transaction are numbered again, not remembered wrongly."""
    conn = fresh()
    history.append(conn, [batch(NOW, 1.0, host="a")])
    conn.execute("BEGIN")
    history.append(conn, [batch(NOW + 1, 2.0, host="b")])
    conn.execute("ROLLBACK")
    history.append(conn, [batch(NOW + 2, 3.0, host="c"), batch(NOW + 2, 4.0, host="b")])
    assert [dict(b.samples[0].labels)["host"] for b in history.load(conn, 0)] == ["a", "c", "b"]


def test_series_that_come_and_go_do_not_add_up():
    """With a new label value each minute for a day, only the series of the last hours are kept."""
    conn = fresh()
    for minute in range(24 * 60):
        at = NOW + minute * 60_000
        history.append(conn, [batch(at, 1.0, version=f"v{minute}")])
        history.prune(conn, at - 600_000)
    assert conn.execute("SELECT count(*) FROM series").fetchone()[0] <= 140
    assert len(list(history.load(conn, 0))) == 11


def test_pruning_by_bytes_keeps_the_newest():
    """Of what takes more than allowed the oldest rows go, and never everything that fits."""
    conn = fresh()
    for n in range(10):
        history.append(conn, [batch(NOW + n, float(n))])
    each = history.size_bytes(conn) // 10
    assert history.prune(conn, 0, max_bytes=each * 3 + each // 2) == 7
    assert [b.samples[0].value for b in history.load(conn, 0)] == [7.0, 8.0, 9.0]
    history.prune(conn, NOW + 100)
    assert (list(history.load(conn, 0)), history.size_bytes(conn)) == ([], 0)
    history.append(conn, [batch(NOW + 200, 1.0)])
    assert len(list(history.load(conn, 0))) == 1


@pytest.mark.parametrize("moved", [-7 * HOUR, 7 * HOUR])
def test_a_set_clock_moves_what_is_logged(moved):
    """After the clock was set, old samples stand where the engine has moved them, and new ones where they are."""
    conn = fresh()
    history.append(conn, [Batch("host", NOW, (Sample("m", (), 1.0, NOW - 5),))])
    history.mark_alive(conn, NOW)
    history.shift(conn, moved)
    history.append(conn, [batch(NOW + moved + 1, 2.0)])
    first, second = history.load(conn, min(NOW, NOW + moved))
    assert (first.at, first.samples[0].at, second.at) == (NOW + moved, NOW + moved - 5, NOW + moved + 1)
    assert history.last_alive(conn) == NOW + moved


def test_when_it_last_lived_is_known():
    """Before the first boot nothing is known; later the newest mark counts."""
    conn = fresh()
    assert history.last_alive(conn) is None
    history.mark_alive(conn, NOW)
    history.mark_alive(conn, NOW + 5)
    assert history.last_alive(conn) == NOW + 5


def test_nothing_is_written_for_nothing():
    """No batches make no row."""
    conn = fresh()
    history.append(conn, [])
    assert conn.execute("SELECT count(*) FROM sample_log").fetchone()[0] == 0


def test_twenty_thousand_series_are_written_by_the_store_s_writer(tmp_path):
    """A second's worth of many series goes through the store and comes back whole, well under 20 bytes a sample."""
    store = Store.open(tmp_path)
    samples = tuple(Sample("m", (("host", f"h{n}"),), float(n), NOW) for n in range(20_000))
    for second in range(3):
        one = Batch("many", NOW + second, samples)
        store.write_now(partial(history.append, batches=[one]))
    assert store.read_now(history.size_bytes) < 3 * 20_000 * 20
    assert store.read_now(lambda conn: [len(b.samples) for b in history.load(conn, 0)]) == [20_000] * 3
    store.close()
