"""S8 and section 7: killed at any instant, the store keeps everything that it has acknowledged, and nothing half."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemon import audit, history
from daemon.store import Store

_CHILD = """
import os, sys, threading
from pathlib import Path
from daemon import audit, history
from daemon.store import Store
from triggers.base import Batch, Sample

store = Store.open(Path(sys.argv[1]))

def change(thread, n):
    def apply(tx):
        number = audit.record(tx, at=n, kind="written", actor="child", n=n, padding="x" * (n % 3000))
        tx.execute("INSERT INTO meta VALUES (?, ?)", (f"{number}", f"{number}"))
        batch = Batch("s", number, (Sample("m", (("thread", str(thread)), ("n", str(n % 50))), float(number), number),))
        history.append(tx, [batch])
        history.mark_alive(tx, number)
        return number
    return apply

def work(thread):
    n = 0
    while True:
        number = store.write_now(change(thread, n))
        os.write(1, f"{number}\\n".encode())  # one call, so that lines of several threads stay whole
        n += 1

threads = [threading.Thread(target=work, args=(t,), daemon=True) for t in range(4)]
for t in threads:
    t.start()
os.write(1, b"ready\\n")
for t in threads:
    t.join()
"""


def acknowledged(directory: Path, after_s: float) -> set[int]:
    """Let a process write until it is killed; what it was told is written."""
    child = subprocess.Popen([sys.executable, "-c", _CHILD, directory], stdout=subprocess.PIPE)
    assert child.stdout is not None
    head = child.stdout.readline()
    time.sleep(after_s)  # the instant of the kill is the point
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate()
    lines = (head + rest).split(b"\n")[:-1]  # what follows the last line end was cut off
    return {int(line) for line in lines if line != b"ready"}


def check(directory: Path, told: set[int]) -> set[int]:
    """Open the state again; everything told is there, in all tables of its transaction, and nothing else half."""
    store = Store.open(directory)
    try:
        events = {row[0] for row in store.read_now(lambda c: c.execute("SELECT id FROM events").fetchall())}
        metas = store.read_now(lambda c: c.execute("SELECT key FROM meta WHERE key <> 'last_alive_at'").fetchall())
        samples = {int(s.value) for b in store.read_now(lambda c: list(history.load(c, 0))) for s in b.samples}
        assert told <= events
        assert events == {int(row[0]) for row in metas} == samples
        assert store.read_now(audit.verify).faults == ()
        assert store.read_now(history.last_alive) == max(events, default=None)
        assert store.read_now(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"
    finally:
        store.close()
    return events


def rounds(directory: Path, count: int, longest_s: float) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    total: set[int] = set()
    for n in range(count):
        told = acknowledged(directory, longest_s * chance.random() * (n + 1) / count)
        assert total <= check(directory, told)
        total |= told
    assert total


def test_S8_what_was_acknowledged_survives_kill_9_at_any_instant(tmp_path):
    """Killed again and again at random instants, the store has every acknowledged change whole and no half one."""
    rounds(tmp_path, 8, 0.4)


@pytest.mark.thorough
@pytest.mark.parametrize("life", range(6))
def test_S8_what_was_acknowledged_survives_hundreds_of_kills(tmp_path, life):
    """The same for some minutes, in several states."""
    rounds(tmp_path, 40, 0.6)


def test_S8_killed_while_the_state_is_made_it_is_made_the_next_time(tmp_path):
    """A first start that is killed at any instant leaves nothing that stops the second."""
    code = "import sys; from pathlib import Path; from daemon.store import Store; print('go', flush=True); "
    code += "Store.open(Path(sys.argv[1])); print('made', flush=True); sys.stdin.read()"
    for n in range(12):
        state = tmp_path / str(n)
        child = subprocess.Popen([sys.executable, "-c", code, state], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"go\n"
        time.sleep(n * 0.001)  # the instant of the kill is the point
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        assert check(state, set()) == set()
