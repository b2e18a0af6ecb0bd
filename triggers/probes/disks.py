"""How full file systems are, as df(1) says it, without ever waiting for one that hangs.

statvfs(2) on a dead network file system never returns. It is called in a thread; a mount that does not answer in time
is left alone until its call comes back, and the others are read without it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

import psutil

_ANSWER_S: Final = 0.5
"""A local file system answers within microseconds, a network one within milliseconds."""
_LIST_EVERY_S: Final = 60.0
_IMAGES: Final = frozenset({"squashfs", "erofs", "iso9660", "udf", "cramfs"})
"""Read-only images are always full."""

InThread = Callable[..., Awaitable[Any]]


class Usage(NamedTuple):
    """One mount: shares used, 0 to 1; inodes None where the file system does not count them; both None if it hangs."""

    mount: str
    used: float | None
    inodes: float | None


def mounts() -> list[str]:
    """Where real file systems are mounted: those on devices, each device once, and always the root."""
    chosen: dict[str, str] = {}
    for partition in psutil.disk_partitions(all=False):
        if partition.fstype in _IMAGES:
            continue
        known = chosen.get(partition.device)
        if known is None or len(partition.mountpoint) < len(known):
            chosen[partition.device] = partition.mountpoint
    found = sorted(chosen.values())
    return found if "/" in found else ["/", *found]


def usage(mount: str) -> Usage | None:
    """One file system's use; None where there is none to speak of (not mounted, pseudo)."""
    try:
        found = os.statvfs(mount)
    except OSError:
        return None
    used = found.f_blocks - found.f_bfree
    # As df: what is kept for root counts neither as used nor as usable.
    usable = used + found.f_bavail
    if not found.f_blocks or not usable:
        return None
    return Usage(mount, used / usable, (found.f_files - found.f_ffree) / found.f_files if found.f_files else None)


class _Round:
    """One visit of a thread to several mounts, which may get stuck at one of them."""

    def __init__(self, mounts_to_ask: Sequence[str]) -> None:
        self._left = list(mounts_to_ask)
        self.at = ""
        self.found: list[Usage] = []
        self.abandoned = False

    def run(self, ask: Callable[[str], Usage | None]) -> None:
        """Ask one mount after another; `at` says at which one, "" before and after."""
        while self._left and not self.abandoned:
            self.at = self._left.pop(0)
            answer = ask(self.at)
            if answer is not None and not self.abandoned:
                self.found.append(answer)
        self.at = ""

    def abandon(self) -> tuple[str, list[str]]:
        """Give up waiting: the mount that it is stuck at ("" if it never began), and those not asked yet."""
        self.abandoned = True
        return self.at, list(self._left)


class Disks:
    """Reads the configured mounts, or those that are there; remembers which ones hang."""

    def __init__(
        self,
        configured: Sequence[str] | None,
        in_thread: InThread,
        *,
        answer_s: float = _ANSWER_S,
        ask: Callable[[str], Usage | None] = usage,
    ) -> None:
        self._configured = configured
        self._in_thread = in_thread
        self._answer_s = answer_s
        self._ask = ask
        self._stuck: dict[str, _Round] = {}
        self._listed: list[str] = list(configured or [])
        self._listed_at = float("-inf")

    async def read(self, now_s: float) -> list[Usage]:
        """Every mount's use; one that hangs comes with None. `now_s` is monotonic."""
        self._stuck = {mount: visit for mount, visit in self._stuck.items() if visit.at == mount}
        if self._configured is None and now_s - self._listed_at >= _LIST_EVERY_S:
            self._listed = await self._in_thread(mounts)
            self._listed_at = now_s
        found: list[Usage] = []
        left = [mount for mount in self._listed if mount not in self._stuck]
        while left:
            visit = _Round(left)
            left = await self._wait_for(visit)
            found += visit.found
        return found + [Usage(mount, None, None) for mount in self._listed if mount in self._stuck]

    async def _wait_for(self, visit: _Round) -> list[str]:
        """Wait for a visit within the time allowed; the mounts that are left to another one."""
        try:
            async with asyncio.timeout(self._answer_s):
                await self._in_thread(visit.run, self._ask)
        except TimeoutError:
            at, left = visit.abandon()
            if at:
                self._stuck[at] = visit
                return left
            # No thread was free to begin with: the next poll tries again.
        return []
