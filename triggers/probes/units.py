"""systemd units: whether they are up, how often they were started again, and how their main process ended.

One `systemctl show` costs 5 to 10 ms of processor time (ours, its own, systemd's and the bus's), so it is asked each
10 s, each second while a unit is starting or stopping, and at once when the main process of a unit that was up is no
longer there. What the properties mean: systemd.service(5), org.freedesktop.systemd1(5).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from triggers.probes import endings, processes

ASK_EVERY_S: Final = 10.0
SOON_S: Final = 1.0
"""While a unit is on its way up or down."""
KNOWN_S: Final = 30.0
"""How long the last answer holds while systemd gives none: it is reloading, or being upgraded."""
RETRY_S: Final = 60.0
"""How long a machine without systemd is left alone."""
ANSWER_S: Final = 3.0
NAME: Final = re.compile(r"[A-Za-z0-9:_.\\@-]{1,250}\.(service|socket|mount|timer|target|scope|slice|path|swap)")
_PROPERTIES: Final = (
    "LoadState,ActiveState,SubState,Result,NRestarts,MainPID,ExecMainCode,ExecMainStatus,InvocationID,"
    "ActiveEnterTimestampMonotonic,ExecMainStartTimestampMonotonic"
)
_UP: Final = frozenset({"active", "reloading", "refreshing"})
_CHANGING: Final = frozenset({"activating", "deactivating"})
_EXITED, _KILLED, _DUMPED = 1, 2, 3
"""ExecMainCode is the si_code of SIGCHLD (sigaction(2))."""
_MOST_OUTPUT: Final = 1 << 20
_RESULTS: Final = {
    "oom-kill": "for want of memory (OOM)",
    "watchdog": "by the watchdog",
    "timeout": "after a time-out",
    "start-limit-hit": "and started too often to be tried again",
}


class UnitsAbsent(Exception):
    """There is no systemd to ask, or it does not answer."""


class Shown(NamedTuple):
    """What systemd says of one unit; `was_up` says that this invocation of it had been up."""

    load: str
    active: str
    sub: str
    result: str
    restarts: int
    main_pid: int
    code: int
    status: int
    invocation: str
    was_up: bool

    @property
    def up(self) -> bool:
        """Running and ready, as systemd sees it."""
        return self.active in _UP

    @property
    def failed(self) -> bool:
        """Down for a failure: for good, or until systemd starts it again."""
        if self._stopped:
            return False
        waiting = self.active == "activating" and self.sub.startswith("auto-restart")
        return self.active == "failed" or (waiting and self.result != "success")

    @property
    def _stopped(self) -> bool:
        """Ended by a stop that somebody asked for, although systemd counts it as failed.

        So it does with a program that answers SIGTERM with exit code 143 where the unit does not say
        SuccessExitStatus=143, with a stop whose ExecStop= fails, with a program that had to be killed because it did
        not end in time (before it was up, that is a start that failed), and with a oneshot that is stopped half-way.
        """
        if not self.code:
            return False
        asked = endings.in_order(self.status << 8 if self.code == _EXITED else self.status)
        if self.result == "signal":
            return asked
        return self.was_up and (self.result == "timeout" or (self.result == "exit-code" and asked))


class Crash(NamedTuple):
    """One crash of one unit; `id` is unique for it."""

    unit: str
    id: str
    text: str


async def show(systemctl: str, units: Sequence[str]) -> dict[str, Shown]:
    """Ask systemd about units. Raises UnitsAbsent with the reason; cancelled, it leaves no process behind."""
    argv = (systemctl, "show", "--no-pager", f"--property={_PROPERTIES}", "--", *units)
    try:
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
            limit=_MOST_OUTPUT,
        )
    except OSError as err:
        raise UnitsAbsent(f"systemctl cannot be started: {err.strerror}") from None
    try:
        async with asyncio.timeout(ANSWER_S):
            output, complaint = await child.communicate()
    except TimeoutError:
        raise UnitsAbsent(f"systemd does not answer within {ANSWER_S:g} s") from None
    finally:
        await _reap(child)
    blocks = output.decode("utf-8", "replace").strip().split("\n\n")
    if child.returncode or len(blocks) != len(units):
        said = complaint.decode("utf-8", "replace").strip().splitlines()
        raise UnitsAbsent(said[0][:200] if said else f"systemctl ended with {child.returncode}")
    return {unit: _parse(block) for unit, block in zip(units, blocks, strict=True)}


async def _reap(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    # What a grandchild might still hold open is not waited for.
    transport = getattr(child, "_transport", None)
    if transport is not None:
        transport.close()


def _parse(block: str) -> Shown:
    found = dict(line.partition("=")[::2] for line in block.splitlines())

    def number(name: str) -> int:
        text = found.get(name, "")
        return int(text) if text.isdigit() else 0

    return Shown(
        load=found.get("LoadState", "loaded"),
        active=found.get("ActiveState", ""),
        sub=found.get("SubState", ""),
        result=found.get("Result", "success"),
        restarts=number("NRestarts"),
        main_pid=number("MainPID"),
        code=number("ExecMainCode"),
        status=number("ExecMainStatus"),
        invocation=found.get("InvocationID", ""),
        was_up=number("ActiveEnterTimestampMonotonic") >= number("ExecMainStartTimestampMonotonic") > 0,
    )


def words(shown: Shown) -> str:
    """How a unit's main process ended, as systemd knows it."""
    if not shown.code:
        return f"failed ({shown.result}), no main process ran"
    if shown.code == _EXITED:
        how = endings.exited(shown.status)
    elif shown.code in {_KILLED, _DUMPED}:
        how = endings.killed(shown.status, dumped=shown.code == _DUMPED)
    else:
        how = endings.UNSEEN
    why = _RESULTS.get(shown.result, "")
    return f"{how} {why}".rstrip()


class Unit:
    """Follows one unit from one answer of systemd to the next."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown: Shown | None = None
        self.restarts = 0
        self._told = ""
        self._counted = 0
        self._main: processes.Stat | None = None
        self._watched: endings.Watched | None = None

    def main_is_gone(self, proc: str) -> bool:
        """Whether the main process that was there is there no more: systemd is then asked at once."""
        if self._main is None:
            return False
        there = processes.stat(proc, self._main.pid)
        return there is None or not there.running or there.started_ticks != self._main.started_ticks

    @property
    def changing(self) -> bool:
        """Whether the next answer is likely to be another one soon."""
        shown = self.shown
        return shown is not None and (
            shown.active in _CHANGING or (shown.up and shown.main_pid > 0 and self._main is None)
        )

    def take(self, shown: Shown, proc: str) -> list[Crash]:
        """Take up an answer; the crashes that it shows, each told once.

        An invocation (systemd.exec(5), $INVOCATION_ID) crashes at most once, so it names the crash. What had failed
        before we first looked is old news. A unit that is down and that no other needs is forgotten by systemd, its
        invocation too: that is still the end of the last one, and no new start.
        """
        before, crashes = self.shown, list[Crash]()
        if before is None:
            self._counted = shown.restarts
            self._told = shown.invocation if shown.failed else ""
        else:
            shown = shown._replace(invocation=shown.invocation or before.invocation)
            if shown.invocation != before.invocation:
                crashes += self._started_again(before, shown)
            if shown.failed and shown.invocation != self._told:
                crashes.append(self._crash(shown.invocation, words(shown)))
            elif shown.sub.startswith("auto-restart"):
                self._told = shown.invocation  # it ended well and is to run again: a restart, not a crash
        self._follow(shown, proc)
        self.shown = shown
        return crashes

    def _started_again(self, before: Shown, shown: Shown) -> list[Crash]:
        by_hand = shown.restarts < self._counted  # a start by hand lets systemd count from 0 again
        by_systemd = shown.restarts - (0 if by_hand else self._counted)
        self._counted = shown.restarts
        first_start = not before.invocation
        self.restarts += by_systemd if first_start else max(by_systemd + by_hand, 1)
        crashes, unseen = list[Crash](), by_systemd
        if by_systemd and not by_hand and not first_start:
            unseen -= 1
            crashes += self._repaired(before)
        if unseen:
            times = "once" if by_systemd == 1 else f"{by_systemd} times"
            which = f"{shown.invocation}+{shown.restarts}"
            crashes.append(
                Crash(self.name, f"{self.name}:{which}", f"{self.name} restarted {times} by systemd meanwhile")
            )
        return crashes

    def _repaired(self, before: Shown) -> list[Crash]:
        """The crash of an invocation whose end systemd repaired before we looked, unless it ended as it should."""
        status = self._watched.status() if self._watched else None
        if before.invocation == self._told or (status is not None and endings.in_order(status)):
            return []
        return [self._crash(before.invocation, f"{endings.of_status(status)}; systemd restarted it")]

    def _crash(self, which: str, how: str) -> Crash:
        self._told = which
        return Crash(self.name, f"{self.name}:{which}", f"{self.name} {how}")

    def _follow(self, shown: Shown, proc: str) -> None:
        if not shown.up or not shown.main_pid:
            self._main = self._watched = None
            return
        there, known = processes.stat(proc, shown.main_pid), self._main
        if there is None or not there.running:
            if known is not None and known.pid != shown.main_pid:
                self._main = self._watched = None  # a new one that is gone already: of the old one nothing holds for it
            return  # systemd has yet to notice: what is known is kept until it has
        if known is None or (known.pid, known.started_ticks) != (there.pid, there.started_ticks):
            self._main, self._watched = there, endings.Watched(there.pid)
