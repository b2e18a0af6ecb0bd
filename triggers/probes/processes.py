"""Named processes: whether they run, how often they were started again, and how they ended.

A process is found once by walking /proc; from then on only its own entry is read. It is looked for again at once when
it has vanished, and then each 5 s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from triggers.probes import endings
from triggers.probes.kernel import read_if_there

RESCAN_S: Final = 5.0
_COMM: Final = 15
"""The kernel keeps 15 bytes of a process's name (TASK_COMM_LEN, proc(5))."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_GONE: Final = frozenset("ZXx")


class Wanted(NamedTuple):
    """How one process is recognised: by exactly one of these."""

    command: tuple[str, ...] = ()
    name: str = ""
    pidfile: str = ""


class Stat(NamedTuple):
    """One process as /proc/PID/stat says (proc(5)): started_ticks with the pid tells it from a later one."""

    pid: int
    name: str
    state: str
    started_ticks: int
    cpu_s: float
    memory_bytes: int
    status: int

    @property
    def running(self) -> bool:
        """Not dead, nor a zombie that only waits to be collected."""
        return self.state not in _GONE


def stat(proc: str, pid: int) -> Stat | None:
    """The process of this number, or None where there is none."""
    text = read_if_there(f"{proc}/{pid}/stat")
    if not text:
        return None
    head, _, tail = text.rpartition(")")  # the name may hold spaces and brackets
    field = tail.split()
    status = int(field[49]) if len(field) > 49 else 0
    return Stat(
        pid,
        head.partition("(")[2],
        field[0],
        int(field[19]),
        (int(field[11]) + int(field[12])) / _TICKS,
        int(field[21]) * _PAGE,
        status,
    )


def find(proc: str, wanted: Mapping[str, Wanted], *, but_pid: int) -> dict[str, Stat]:
    """The running process of each name, the oldest where several match; blocking, and milliseconds long."""
    found: dict[str, Stat] = {}
    scanned = {name: want for name, want in wanted.items() if not want.pidfile}
    for name, want in wanted.items():
        if want.pidfile and (there := _of_pidfile(proc, want.pidfile)):
            found[name] = there
    for entry in os.listdir(proc) if scanned else ():  # noqa: PTH208 - a Path for each process costs more than the rest
        if entry.isdigit() and int(entry) != but_pid:
            _match(proc, int(entry), scanned, found)
    return found


def _of_pidfile(proc: str, pidfile: str) -> Stat | None:
    try:
        with Path(pidfile).open("rb") as file:
            text = file.read(32).strip()
    except OSError:
        return None
    there = stat(proc, int(text)) if text.isdigit() else None
    return there if there and there.running else None


def _match(proc: str, pid: int, wanted: Mapping[str, Wanted], found: dict[str, Stat]) -> None:
    argv = (read_if_there(f"{proc}/{pid}/cmdline") or "").split("\0")
    # Programs that write their own title (node, nginx) put it into one word: words are what whitespace parts.
    words = " ".join(argv).split()
    there: Stat | None = None
    for name, want in wanted.items():
        if want.command and not _has_words(words, want.command):
            continue
        if there is None and ((there := stat(proc, pid)) is None or not there.running):
            return
        if want.name and not _is_named(there.name, words, want.name):
            continue
        best = found.get(name)
        if best is None or there.started_ticks < best.started_ticks:
            found[name] = there


def _has_words(words: list[str], wanted: tuple[str, ...]) -> bool:
    """Whether these words stand beside each other in the command line, each whole or as a path's last part."""
    length = len(wanted)
    return any(
        all(word == want or word.rpartition("/")[2] == want for word, want in zip(words[at:], wanted, strict=False))
        for at in range(len(words) - length + 1)
    )


def _is_named(comm: str, words: list[str], wanted: str) -> bool:
    if comm == wanted:
        return True
    program = words[0].rpartition("/")[2] if words else ""
    return program == wanted and comm == wanted.encode()[:_COMM].decode("utf-8", "replace")


class Process(NamedTuple):
    """What is known of one named process after a look; `crashed` is how the one seen before ended, or ""."""

    name: str
    up: bool
    pid: int
    restarts: int
    memory_bytes: int
    cpu_ratio: float | None
    crashed: str
    crash_id: str


class Tracker:
    """Follows one named process from look to look."""

    def __init__(self, name: str, *, expected: bool) -> None:
        self.name = name
        self._expected = expected
        self._known: Stat | None = None
        self._watched: endings.Watched | None = None
        self._known_at_s = 0.0
        self._ran = False
        self._restarts = 0

    def alive(self, proc: str) -> Stat | None:
        """The process known from before, if it still runs: one small file is read."""
        if self._known is None:
            return None
        there = stat(proc, self._known.pid)
        return there if there and there.running and there.started_ticks == self._known.started_ticks else None

    @property
    def known(self) -> bool:
        """Whether one is known that has not yet been reported as gone."""
        return self._known is not None

    def take(self, there: Stat | None, proc: str, now_s: float) -> Process:
        """Take up what is there now (None: nothing), at monotonic `now_s`.

        One that is gone has crashed if it is expected to run; one that another has replaced since, only where its
        exit status is known and bad: who restarts a service in order has not crashed it.
        """
        before = self._known
        same = before and there and (before.pid, before.started_ticks) == (there.pid, there.started_ticks)
        crashed = "" if same else self._ending(proc, replaced=there is not None)
        crash_id = f"{self.name}:{before.pid}:{before.started_ticks}" if before and crashed else ""
        cpu = None
        if there is None:
            self._known = self._watched = None
            return Process(self.name, False, 0, self._restarts, 0, cpu, crashed, crash_id)
        if same and before and now_s > self._known_at_s:
            cpu = max(there.cpu_s - before.cpu_s, 0.0) / (now_s - self._known_at_s)
        if not same:
            self._watched = endings.Watched(there.pid)
            self._restarts += self._ran
            self._ran = True
        self._known, self._known_at_s = there, now_s
        return Process(self.name, True, there.pid, self._restarts, there.memory_bytes, cpu, crashed, crash_id)

    def _ending(self, proc: str, *, replaced: bool) -> str:
        """How the one known before ended, in words; "" where that is no crash."""
        known, watched = self._known, self._watched
        if known is None or not self._expected:
            return ""
        status = watched.status() if watched else None
        if status is None and (zombie := stat(proc, known.pid)) and zombie.started_ticks == known.started_ticks:
            status = zombie.status or None  # 0 is also what the kernel shows to those who may not know
        if replaced and (status is None or endings.in_order(status)):
            return ""
        return endings.of_status(status)
