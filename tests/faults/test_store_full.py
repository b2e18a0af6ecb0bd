"""Section 7: a state on a full disk says so, loses nothing, and goes on when there is room again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

_IN_A_NAMESPACE = """
import os, subprocess, sys
from pathlib import Path
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", sys.argv[1]], check=True)
from daemon import audit
from daemon.store import Store, StoreError
disk = Path(sys.argv[1])
"""
_RUNNING = """
store = Store.open(disk / "state")
store.write_now(lambda tx: audit.record(tx, at=1, kind="before", actor="test"))
def big(tx):
    audit.record(tx, at=2, kind="small", actor="test")
    tx.execute("INSERT INTO meta VALUES ('big', ?)", ("x" * 700_000,))
filler = disk / "filler"
with filler.open("wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
kinds = []
for attempt in range(3):
    try:
        store.write_now(big)
        kinds.append("written")
    except StoreError as err:
        kinds.append(err.kind)
        assert "free some space" in str(err), err
events = store.read_now(lambda c: [row[0] for row in c.execute("SELECT kind FROM events")])
try:
    store.backup(disk / "copy.db")
except StoreError as err:
    kinds.append("backup " + err.kind)
names = sorted(path.name for path in disk.iterdir())
filler.unlink()
store.write_now(lambda tx: audit.record(tx, at=3, kind="after", actor="test"))
store.close()
store = Store.open(disk / "state")
after = store.read_now(lambda c: [row[0] for row in c.execute("SELECT kind FROM events")])
whole = store.read_now(audit.verify).ok
store.close()
print([kinds, events, names, after, whole])
"""
_OPENING = """
filler = disk / "filler"
filler.write_bytes(bytes(1024 * 1024 - 5 * 4096))
kinds = []
for attempt in range(2):
    try:
        Store.open(disk / "state").close()
        kinds.append("opened")
    except StoreError as err:
        kinds.append(err.kind)
        assert "free some space" in str(err), err
filler.unlink()
Store.open(disk / "state").close()
print(kinds)
"""
_OPENING_AGAIN = """
store = Store.open(disk / "state")
store.write_now(lambda tx: audit.record(tx, at=1, kind="before", actor="test"))
store.close()
filler = disk / "filler"
with filler.open("wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
before = (disk / "state" / "recuo.db").read_bytes()
try:
    Store.open(disk / "state").close()
    print("opened")
except StoreError as err:
    assert "free some space" in str(err), err
    print(err.kind)
assert (disk / "state" / "recuo.db").read_bytes() == before
filler.unlink()
store = Store.open(disk / "state")
print(store.read_now(lambda c: c.execute("SELECT count(*) FROM events").fetchone()[0]))
store.close()
"""


def on_a_small_disk(tmp_path, script: str) -> str:
    """Run a script with a disk of 1 MiB of its own: in a mount namespace, as root or as root of a user namespace."""
    if shutil.which("unshare") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("unshare (util-linux) is wanted for a disk of its own")
        pytest.skip("needs unshare (Debian package util-linux)")
    disk = tmp_path / "disk"
    disk.mkdir()
    flags = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    if subprocess.run(["unshare", *flags, "true"], capture_output=True).returncode and os.environ.get("CI") != "true":
        pytest.skip("this machine lets nobody make a mount namespace (unshare --mount)")
    done = subprocess.run(
        ["unshare", *flags, sys.executable, "-c", _IN_A_NAMESPACE + script, disk], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_disk_that_fills_up_loses_nothing_and_is_told(tmp_path):
    """Each write on a full disk fails whole and says why; reading goes on; with room again writing does too."""
    said = on_a_small_disk(tmp_path, _RUNNING)
    kinds = ["full", "full", "full", "backup full"]
    assert said == repr([kinds, ["before"], ["filler", "state"], ["before", "after"], True])


def test_a_state_cannot_be_made_on_a_full_disk_and_can_later(tmp_path):
    """A first start on a full disk is refused with words, and works once there is room."""
    assert on_a_small_disk(tmp_path, _OPENING) == repr(["full", "full"])


def test_a_state_on_a_full_disk_is_refused_and_kept(tmp_path):
    """A start on a disk that is full says so and changes nothing; with room again everything is there."""
    assert on_a_small_disk(tmp_path, _OPENING_AGAIN) == "full\n1"
