from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading

import pytest

from daemon.store import Store, StoreError


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "state")
    yield opened
    opened.close()


def put(key: str, value: str = "x"):
    """A change that writes one row."""

    def change(tx: sqlite3.Connection) -> str:
        tx.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (key, value))
        return key

    return change


def keys(conn: sqlite3.Connection) -> list[str]:
    return [row["key"] for row in conn.execute("SELECT key FROM meta ORDER BY key")]


class Gate:
    """A change that keeps the writer busy until it is opened, so that what comes after is queued together."""

    def __init__(self, store: Store) -> None:
        self._open, self._entered = threading.Event(), threading.Event()
        self._waiting = threading.Thread(target=store.write_now, args=(self._wait,))
        self._waiting.start()
        assert self._entered.wait(10)

    def _wait(self, tx: sqlite3.Connection) -> None:
        self._entered.set()
        assert self._open.wait(10)

    def open(self) -> None:
        self._open.set()
        self._waiting.join()


def test_a_new_state_is_readable_by_its_owner_only(store):
    """The directory is 0700 and every file in it 0600, whatever the umask."""
    store.write_now(put("a"))
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.directory.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_what_was_written_is_there_after_a_restart(tmp_path):
    """A committed change outlives the process that made it, and its answer is what the change returned."""
    first = Store.open(tmp_path)
    assert first.write_now(put("kept")) == "kept"
    first.close()
    assert not (tmp_path / "recuo.db-wal").exists()
    second = Store.open(tmp_path)
    assert second.read_now(keys) == ["kept"]
    second.close()


def test_queued_changes_share_one_transaction(store):
    """What is queued while the writer is busy is committed together, and everybody gets their own answer."""

    async def scenario() -> list[str]:
        gate = Gate(store)
        before = store.commits
        writes = [asyncio.ensure_future(store.write(put(f"k{n:02}"))) for n in range(50)]
        await asyncio.sleep(0)
        gate.open()
        answers = await asyncio.gather(*writes)
        assert store.commits - before == 2
        return answers

    assert asyncio.run(scenario()) == [f"k{n:02}" for n in range(50)] == store.read_now(keys)


def test_a_change_that_fails_is_undone_alone(store):
    """Of changes in one transaction only the one that raised is undone, and its own error is its answer."""

    def breaks(tx: sqlite3.Connection) -> None:
        put("half")(tx)
        raise KeyError("mine")

    async def scenario() -> list[object]:
        gate = Gate(store)
        writes = [asyncio.ensure_future(store.write(c)) for c in (put("before"), breaks, put("after"), put("before"))]
        await asyncio.sleep(0)
        gate.open()
        return await asyncio.gather(*writes, return_exceptions=True)

    before, broken, after, twice = asyncio.run(scenario())
    assert (before, after) == ("before", "after")
    assert isinstance(broken, KeyError)
    assert isinstance(twice, sqlite3.IntegrityError)
    assert store.read_now(keys) == ["after", "before"]


def test_even_a_change_that_exits_does_not_end_the_writer(store):
    """Whatever a change raises, it is answered with it and the next change is made."""

    def exits(tx: sqlite3.Connection) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        store.write_now(exits)
    assert store.write_now(put("next")) == "next"


def test_a_change_that_commits_by_itself_does_not_end_the_writer(store):
    """A change that breaks its promise not to commit gets an error; later changes work."""
    with pytest.raises(sqlite3.Error):
        store.write_now(lambda tx: tx.execute("COMMIT"))
    assert store.write_now(put("next")) == "next"


def test_a_cancelled_write_that_had_not_begun_is_not_made(store):
    """A caller who gives up while the change is still queued finds that it was not made."""

    async def scenario() -> None:
        gate = Gate(store)
        write = asyncio.ensure_future(store.write(put("given-up")))
        await asyncio.sleep(0)
        write.cancel()
        with pytest.raises(asyncio.CancelledError):
            await write
        gate.open()

    asyncio.run(scenario())
    store.write_now(put("later"))
    assert store.read_now(keys) == ["later"]


def test_a_change_cannot_wait_for_another_change(store):
    """Writing from inside a change is refused rather than waiting for ever."""
    with pytest.raises(RuntimeError, match="cannot wait"):
        store.write_now(lambda tx: store.write_now(put("inner")))


def test_readers_cannot_write(store):
    """A query that tries to change something is refused, with words that say so."""
    with pytest.raises(StoreError, match="readonly") as refused:
        store.read_now(put("no"))
    assert refused.value.kind == "permission"


def test_a_read_sees_one_instant(store):
    """A query that is under way does not see what is committed meanwhile."""
    store.write_now(put("a"))

    def query(conn: sqlite3.Connection) -> tuple[list[str], list[str]]:
        first = keys(conn)
        store.write_now(put("b"))
        return first, keys(conn)

    assert store.read_now(query) == (["a"], ["a"])
    assert asyncio.run(store.read(keys)) == ["a", "b"]


def test_a_closed_store_says_so(store):
    """After close nothing can be read or written, and closing again does nothing."""
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.write_now(put("a"))
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(store.read(keys))


def test_close_finishes_what_is_queued(tmp_path):
    """Changes that are queued when the store is closed are made, and answered."""
    store = Store.open(tmp_path)
    gate = Gate(store)

    async def scenario() -> str:
        write = asyncio.ensure_future(store.write(put("queued")))
        await asyncio.sleep(0)
        closing = asyncio.get_running_loop().run_in_executor(None, store.close)
        gate.open()
        await closing
        return await write

    assert asyncio.run(scenario()) == "queued"
    again = Store.open(tmp_path)
    assert again.read_now(keys) == ["queued"]
    again.close()


def test_a_disk_without_room_refuses_the_change_and_later_ones_work(store):
    """A change that the disk has no room for leaves nothing, says what to do, and the next works once there is room."""
    (pages,) = store.read_now(lambda conn: conn.execute("PRAGMA page_count").fetchone())
    store.write_now(lambda tx: tx.execute(f"PRAGMA max_page_count = {pages + 4:d}").fetchone())

    def big(tx: sqlite3.Connection) -> None:
        put("small")(tx)
        put("big", "x" * 1_000_000)(tx)

    with pytest.raises(StoreError, match="free some space") as refused:
        store.write_now(big)
    assert refused.value.kind == "full"
    assert store.read_now(keys) == []
    store.write_now(lambda tx: tx.execute("PRAGMA max_page_count = 1000000").fetchone())
    store.write_now(big)
    assert store.read_now(keys) == ["big", "small"]


def test_another_program_s_lock_is_waited_for_and_then_told(store):
    """While another program keeps the file locked a change is refused as busy, and works once the lock is gone."""
    store._writer._connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(store.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        store.write_now(put("a"))
    other.execute("ROLLBACK")
    other.close()
    assert store.write_now(put("a")) == "a"


def test_a_backup_is_a_whole_state_of_its_own(store, tmp_path):
    """A copy made while the daemon works opens as a state, is one file, and only its owner reads it."""
    store.write_now(put("a"))
    target = tmp_path / "copies" / "recuo.db"
    target.parent.mkdir()
    store.backup(target)
    store.write_now(put("b"))
    assert [path.name for path in target.parent.iterdir()] == ["recuo.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    copy = Store.open(target.parent)
    assert copy.read_now(keys) == ["a"]
    copy.close()


@pytest.mark.parametrize("kind", ["file", "link", "nowhere"])
def test_a_backup_overwrites_nothing(store, tmp_path, kind):
    """A target that exists, is a link, or lies in no directory is refused and nothing is left behind."""
    folder = tmp_path / "copies"
    folder.mkdir()
    target = folder / "copy.db"
    if kind == "file":
        target.write_text("mine")
    elif kind == "link":
        target.symlink_to(tmp_path / "elsewhere")
    else:
        target = folder / "missing" / "copy.db"
    with pytest.raises(StoreError, match=r"exists|no directory"):
        store.backup(target)
    assert {path.name for path in folder.iterdir()} <= {"copy.db"}
    assert not (tmp_path / "elsewhere").exists()
    assert kind != "file" or target.read_text() == "mine"


def test_size_counts_the_log(store):
    """The size on disk is that of the database and its log."""
    store.write_now(put("a", "x" * 100_000))
    assert store.size_bytes() >= 100_000
    assert store.size_bytes() == sum((store.directory / name).stat().st_size for name in ("recuo.db", "recuo.db-wal"))
