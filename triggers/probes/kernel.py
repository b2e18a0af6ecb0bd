"""This machine's figures as the kernel writes them in /proc (proc(5), Documentation/accounting/psi.rst).

Every function takes the root of /proc and reads at most a few small files: a poll each second costs well under a
millisecond. A file that this kernel does not have gives None or nothing; one that must be there raises OSError.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, NamedTuple

_READ: Final = 1 << 20


def read(path: str) -> str:
    """A small file's text. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.read(handle, _READ)
        while len(found) < _READ and (more := os.read(handle, _READ - len(found))):
            found += more
    finally:
        os.close(handle)
    return found.decode("utf-8", "replace")


def read_if_there(path: str) -> str | None:
    """A small file's text, or None where there is none or it may not be read."""
    try:
        return read(path)
    except OSError:
        return None


class CpuTimes(NamedTuple):
    """Clock ticks since boot, of all processors together; `cpus` is how many are online."""

    busy: int
    total: int
    cpus: int


def cpu_times(proc: str) -> CpuTimes:
    """Ticks from /proc/stat; waiting for input and output counts as idle, stolen time as busy."""
    lines = read(f"{proc}/stat").splitlines()
    # user nice system idle iowait irq softirq steal; guest time is within user and nice.
    ticks = [int(n) for n in lines[0].split()[1:9]]
    total = sum(ticks)
    idle = ticks[3] + (ticks[4] if len(ticks) > 4 else 0)
    cpus = 0
    for line in lines[1:]:
        if not line.startswith("cpu"):
            break
        cpus += 1
    return CpuTimes(total - idle, total, max(cpus, 1))


def busy_ratio(before: CpuTimes, after: CpuTimes) -> float | None:
    """The share of processor time used between two readings; None where no tick has passed."""
    total = after.total - before.total
    if total <= 0:
        return None
    return min(max((after.busy - before.busy) / total, 0.0), 1.0)


class Memory(NamedTuple):
    """Bytes: of the machine, what programs can still get without swapping, and swap."""

    total: int
    available: int
    swap_total: int
    swap_free: int


def memory(proc: str) -> Memory:
    """Memory from /proc/meminfo. Caches that the kernel gives back are available: "free" would cry wolf."""
    found: dict[str, int] = {}
    for line in read(f"{proc}/meminfo").splitlines():
        name, _, rest = line.partition(":")
        if rest:
            found[name] = int(rest.split()[0]) * 1024
    # Kernels before 3.14 have no MemAvailable: what is free or cache is the best that they say.
    available = found.get("MemAvailable", found["MemFree"] + found.get("Cached", 0) + found.get("Buffers", 0))
    return Memory(found["MemTotal"], available, found.get("SwapTotal", 0), found.get("SwapFree", 0))


def load(proc: str) -> tuple[float, float, float]:
    """Processes running or waiting for a disk, averaged over 1, 5 and 15 minutes."""
    one, five, fifteen = (float(n) for n in read(f"{proc}/loadavg").split()[:3])
    return one, five, fifteen


def open_files_ratio(proc: str) -> float | None:
    """File handles in use of those that the kernel allows."""
    text = read_if_there(f"{proc}/sys/fs/file-nr")
    if text is None:
        return None
    allocated, free, most = (int(n) for n in text.split()[:3])
    return (allocated - free) / most if most else None


def network_errors(proc: str) -> Iterator[tuple[str, int, int]]:
    """Interface, errors received, errors sent. Without loopback, and without the host's ends of containers' links."""
    text = read_if_there(f"{proc}/self/net/dev") or read_if_there(f"{proc}/net/dev") or ""
    for line in text.splitlines():
        name, colon, rest = line.rpartition(":")
        name, counts = name.strip(), rest.split()
        if colon and len(counts) >= 11 and counts[0].isdigit() and name != "lo" and not name.startswith("veth"):
            yield name, int(counts[2]), int(counts[10])


def pressure(path: str) -> Iterator[tuple[str, float]]:
    """(`some` or `full`, share of the last 10 s in which tasks waited) from a PSI file; nothing without the file.

    The kernel renews the averages, and the totals behind them, each 2 s: differences of totals between faster polls
    would only jump.
    """
    for line in (read_if_there(path) or "").splitlines():
        kind, _, rest = line.partition(" ")
        average = rest.partition("avg10=")[2].split(" ", 1)[0]
        if kind in {"some", "full"} and average:
            yield kind, float(average) / 100
