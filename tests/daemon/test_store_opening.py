from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest

from daemon.store import Store, StoreError, schema
from daemon.store.schema import Migration, migrate, statements

_HOLD = """
import sys
from pathlib import Path
from daemon.store import Store
store = Store.open(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def make(directory) -> None:
    """A good state with one row in it."""
    store = Store.open(directory)
    store.write_now(lambda tx: tx.execute("INSERT INTO meta VALUES ('a', '1')"))
    store.close()


def refused(directory) -> StoreError:
    with pytest.raises(StoreError) as error:
        Store.open(directory)
    return error.value


def alter(path, *sql: str) -> None:
    conn = sqlite3.connect(path, isolation_level=None)
    for statement in sql:
        conn.execute(statement)
    conn.close()


def test_a_second_daemon_is_refused_and_told_the_first_one_s_pid(tmp_path):
    """While one process has the state, another one cannot open it, and learns the first one's pid; then it can."""
    child = subprocess.Popen([sys.executable, "-c", _HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"held\n"
    error = refused(tmp_path)
    assert (error.kind, error.pid) == ("locked", child.pid)
    assert f"process {child.pid}" in str(error)
    child.kill()
    child.communicate()
    Store.open(tmp_path).close()


def test_the_same_process_cannot_open_it_twice(tmp_path):
    """The lock holds within one process too."""
    store = Store.open(tmp_path)
    assert refused(tmp_path).pid == os.getpid()
    store.close()


def test_a_refused_state_leaves_the_lock(tmp_path):
    """A state that cannot be opened is not held afterwards: the next attempt says the same, not `locked`."""
    make(tmp_path)
    (tmp_path / "recuo.db").write_bytes(b"")
    assert refused(tmp_path).kind == "corrupt"
    assert refused(tmp_path).kind == "corrupt"


DAMAGE = {
    "empty": lambda data: b"",
    "cut in the header": lambda data: data[:50],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "text": lambda data: b"hello, I am not a database\n" * 200,
    "a page of noise": lambda data: data[:8192] + b"\xa5" * 4096 + data[12288:],
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_state_is_refused_and_kept(tmp_path, how):
    """A damaged file is refused with words on how to go on, and stays byte for byte what it was."""
    make(tmp_path)
    database = tmp_path / "recuo.db"
    damaged = DAMAGE[how](database.read_bytes())
    database.write_bytes(damaged)
    error = refused(tmp_path)
    assert error.kind == "corrupt"
    assert "recuo backup-state" in str(error) and str(database) in str(error)
    assert database.read_bytes() == damaged


def test_a_newer_state_is_refused_and_kept(tmp_path):
    """A state of a newer schema is refused, naming both versions, and not touched."""
    make(tmp_path)
    alter(tmp_path / "recuo.db", f"PRAGMA user_version = {schema.latest() + 6}")
    before = (tmp_path / "recuo.db").read_bytes()
    error = refused(tmp_path)
    assert error.kind == "newer"
    assert f"schema {schema.latest() + 6}" in str(error)
    assert (tmp_path / "recuo.db").read_bytes() == before


def test_another_program_s_database_is_refused_and_kept(tmp_path):
    """A SQLite file of another program under our name is not ours."""
    alter(tmp_path / "recuo.db", "CREATE TABLE theirs (x)", "PRAGMA application_id = 7")
    before = (tmp_path / "recuo.db").read_bytes()
    assert refused(tmp_path).kind == "foreign"
    assert (tmp_path / "recuo.db").read_bytes() == before


def test_a_log_without_its_database_is_refused(tmp_path):
    """A log whose database is gone is not silently taken for a new state."""
    (tmp_path / "recuo.db-wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(4096))
    assert refused(tmp_path).kind == "corrupt"


def test_a_creation_that_was_cut_short_is_begun_again(tmp_path):
    """What a killed first start left under its temporary name is in nobody's way."""
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"recuo.db.new{suffix}").write_bytes(b"half")
    Store.open(tmp_path).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "recuo.db"]


@pytest.mark.parametrize("name", ["recuo.db", "recuo.db-wal", "recuo.db-journal", "lock"])
@pytest.mark.parametrize("how", ["symlink", "hardlink", "directory", "fifo"])
def test_links_and_devices_in_the_state_are_refused(tmp_path, name, how):
    """Nothing outside the state directory is opened or written through a name inside it."""
    outside, state = tmp_path / "outside", tmp_path / "state"
    state.mkdir()
    outside.write_text("precious")
    match how:
        case "symlink":
            (state / name).symlink_to(outside)
        case "hardlink":
            os.link(outside, state / name)
        case "directory":
            (state / name).mkdir()
        case "fifo":
            os.mkfifo(state / name)
    error = refused(state)
    assert error.kind == "permission"
    assert outside.read_text() == "precious"


def test_the_directory_itself_may_be_a_link(tmp_path):
    """With DynamicUser= systemd makes the state directory a link: that works."""
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "private")
    store = Store.open(tmp_path / "state")
    assert store.database == tmp_path / "private" / "recuo.db"
    store.close()


def test_a_directory_that_everybody_writes_in_is_refused(tmp_path):
    """Where others can put files, the state is not kept."""
    tmp_path.chmod(0o777)
    assert "chmod o-w" in str(refused(tmp_path))


@pytest.mark.parametrize("what", ["file", "loop"])
def test_a_path_that_is_no_directory_is_refused(tmp_path, what):
    """A file or a loop of links in the directory's place is told as what it is."""
    path = tmp_path / "state"
    if what == "file":
        path.write_text("x")
    else:
        path.symlink_to(path)
    assert str(path) in str(refused(path))


_AS_NOBODY = """
import os, sys
from pathlib import Path
from daemon.store import Store, StoreError
if os.geteuid() == 0:
    os.setegid(65534); os.seteuid(65534)
try:
    Store.open(Path(sys.argv[1]))
except StoreError as err:
    print(err.kind, err)
"""


@pytest.mark.parametrize("inner", ["", "deeper"])
def test_a_directory_that_may_not_be_written_is_told(tmp_path, inner):
    """Without the right to write there, the message names the path and whose right is missing."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o755)
    locked.chmod(0o555)
    for parent in tmp_path.parents:  # pytest makes these for their owner only
        if parent.owner() == tmp_path.owner() and parent.stat().st_mode & 0o777 == 0o700:
            parent.chmod(0o711)
    tmp_path.chmod(0o755)
    said = subprocess.run([sys.executable, "-c", _AS_NOBODY, locked / inner], capture_output=True, text=True)
    assert said.stdout.startswith("permission "), said
    assert str(locked) in said.stdout


def test_migrations_are_applied_in_order_and_once():
    """Only the steps that a state does not have are applied; the version and the application's mark go with them."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    one = Migration(1, "CREATE TABLE a (x);")
    two = Migration(2, "ALTER TABLE a ADD COLUMN y;\nINSERT INTO a VALUES (1, 2);")
    assert migrate(conn, (one,)) == 1
    assert migrate(conn, (one, two)) == 2
    assert migrate(conn, (one, two)) == 2
    assert conn.execute("SELECT * FROM a").fetchall() == [(1, 2)]
    assert conn.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)


def test_a_migration_that_fails_leaves_the_state_before_it():
    """A step is applied whole or not at all."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    bad = Migration(2, "CREATE TABLE b (x);\nCREATE TABLE a (x);")
    with pytest.raises(sqlite3.Error):
        migrate(conn, (Migration(1, "CREATE TABLE a (x);"), bad))
    assert conn.execute("PRAGMA user_version").fetchone() == (1,)
    assert [row[0] for row in conn.execute("SELECT name FROM sqlite_schema")] == ["a"]


def test_a_script_that_ends_inside_a_statement_is_refused():
    """A truncated migration file is not applied in part."""
    assert list(statements("SELECT 1;\n-- end\n")) == ["SELECT 1;\n"]
    with pytest.raises(sqlite3.OperationalError, match="ends inside"):
        list(statements("SELECT 1;\nSELECT"))
