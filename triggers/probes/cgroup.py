"""What a control group may use and does use (Documentation/admin-guide/cgroup-v2.rst).

In a container 80 % must mean 80 % of what the service may use, not of the machine that it stands on. Limits are read at
each poll, at every level up to the root: whichever level is nearest to its own limit is what stops the service first.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from triggers.probes.kernel import read_if_there


class Level(NamedTuple):
    """One control group's limits and use; a limit is None where there is none."""

    path: str
    cpus: float | None
    used_us: int | None
    memory_max: int | None
    memory_used: int | None


def own_levels(proc: str, root: str) -> list[str]:
    """The control groups that hold the daemon and may hold the product too, innermost first; [] without cgroup v2.

    The daemon's own systemd service is left out: limits put on the daemon say nothing of the product. On hybrid
    layouts v2 has no controllers, so there is nothing to read.
    """
    if not _has_controllers(root):
        return []
    for line in (read_if_there(f"{proc}/self/cgroup") or "").splitlines():
        if line.startswith("0::/"):
            path = line.removeprefix("0::").strip()
            break
    else:
        return []
    parts = [part for part in path.split("/") if part]
    if ".." in parts:
        return [root]  # moved out of our cgroup namespace: its root is all that can be seen
    if parts and parts[-1].endswith(".service"):
        parts.pop()
    return _upwards(root, parts)


def named_levels(root: str, path: str) -> list[str]:
    """The control group of this path below the root and those that hold it, innermost first; [] if it is not there."""
    parts = [part for part in path.split("/") if part]
    if not _has_controllers(root) or not os.path.isdir(os.path.join(root, *parts)):  # noqa: PTH112, PTH118 - each poll
        return []
    return _upwards(root, parts)


def _has_controllers(root: str) -> bool:
    offered = (read_if_there(f"{root}/cgroup.controllers") or "").split()
    return "memory" in offered or "cpu" in offered


def _upwards(root: str, parts: Sequence[str]) -> list[str]:
    return ["/".join([root, *parts[:depth]]) for depth in range(len(parts), -1, -1)]


def look(path: str, *, cpus: int, memory_total: int, always: bool = False) -> Level:
    """One level's limits and use. A limit beyond the machine (`cpus`, `memory_total` in bytes) is none.

    `always` takes the machine for the limit where there is none: for a group that is asked for by name.
    """
    cpu_limit = _cpu_limit(path, cpus)
    memory_max = _number(read_if_there(f"{path}/memory.max"))
    if memory_max is not None and memory_max >= memory_total:
        memory_max = None
    if always:
        cpu_limit, memory_max = cpu_limit or float(cpus), memory_max or memory_total
    return Level(path, cpu_limit, _cpu_used_us(path), memory_max, _memory_used(path))


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isdigit() else None


def _cpu_limit(path: str, cpus: int) -> float | None:
    found = [float(cpus)]
    quota, _, period = (read_if_there(f"{path}/cpu.max") or "").strip().partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        found.append(int(quota) / int(period))
    if pinned := _count(read_if_there(f"{path}/cpuset.cpus.effective")):
        found.append(float(pinned))
    least = min(found)
    return least if 0 < least < cpus else None


def _count(ranges: str | None) -> int:
    """How many processors `0-3,8` are."""
    total = 0
    for part in (ranges or "").strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            total += (int(last) if last.isdigit() else int(first)) - int(first) + 1
    return total


def _field(text: str | None, name: str) -> int | None:
    for line in (text or "").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return _number(value)
    return None


def _cpu_used_us(path: str) -> int | None:
    return _field(read_if_there(f"{path}/cpu.stat"), "usage_usec")


def _memory_used(path: str) -> int | None:
    """Bytes that cannot simply be given back: without the page cache that the kernel would drop first."""
    current = _number(read_if_there(f"{path}/memory.current"))
    if current is None:
        return None
    return max(current - (_field(read_if_there(f"{path}/memory.stat"), "inactive_file") or 0), 0)


def cpu_ratio(before: Sequence[Level], after: Sequence[Level], elapsed_s: float) -> float | None:
    """The greatest share of its limit that a level used between two readings; None where no level has a limit."""
    earlier = {level.path: level.used_us for level in before}
    shares = [
        (level.used_us - was) / (elapsed_s * 1e6 * level.cpus)
        for level in after
        if level.cpus and level.used_us is not None and elapsed_s > 0
        if (was := earlier.get(level.path)) is not None
    ]
    return max(0.0, *shares) if shares else None


def memory_ratio(levels: Sequence[Level]) -> float | None:
    """The greatest share of its limit that a level holds; None where no level has a limit."""
    shares = [
        level.memory_used / level.memory_max for level in levels if level.memory_max and level.memory_used is not None
    ]
    return max(shares) if shares else None
