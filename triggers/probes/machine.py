"""One look after another at this machine: what is remembered between polls, and the samples that come of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from recuo.values import Instant, Labels
from triggers.base import Context, Sample
from triggers.probes import cgroup, disks, kernel, processes, units

_SCAN_S: Final = 2.0
"""A walk through /proc takes milliseconds, unless a process is stuck in the kernel with its memory map locked."""


class Places(NamedTuple):
    """Where this machine is read; tests put fabricated trees here."""

    proc: str = "/proc"
    cgroup: str = "/sys/fs/cgroup"
    systemctl: str = "systemctl"
    pause_s: float = 0.1
    """Between the two readings of the very first poll, which already gives processor use."""


HERE: Final = Places()


class Machine:
    """This machine as one source sees it."""

    def __init__(
        self,
        context: Context,
        places: Places,
        *,
        group: str,
        mounts: Sequence[str] | None,
        wanted: Mapping[str, processes.Wanted],
        expected: frozenset[str],
        unit_names: Sequence[str],
    ) -> None:
        self._context = context
        self._places = places
        self._group = "" if group in {"auto", "off"} else group
        self._own = cgroup.own_levels(places.proc, places.cgroup) if group == "auto" else []
        self._times: kernel.CpuTimes | None = None
        self._cpu_ratio: float | None = None
        self._levels: Sequence[cgroup.Level] = ()
        self._levels_at_s = 0.0
        self._disks = disks.Disks(mounts, context.in_thread)
        self._wanted = wanted
        self._trackers = {name: processes.Tracker(name, expected=name in expected) for name in wanted}
        self._rescan_at_s = float("-inf")
        self._units = {name: units.Unit(name) for name in unit_names}
        self._ask_units_at_s = float("-inf")
        self._units_answered = False
        self._units_known_until_s = float("-inf")
        self._crashes: list[Sample] = []
        self._said: set[tuple[str, str]] = set()

    async def look(self) -> list[Sample]:
        """One poll. Raises OSError, ValueError, IndexError or KeyError where /proc is not what proc(5) says."""
        if self._times is None:
            list(self._figures())
            await self._process_samples(self._now_s(), 0)
            await asyncio.sleep(self._places.pause_s)
        now_s, at = self._now_s(), self._context.clock.now()
        found = [Sample(name, (), value, at) for name, value in self._figures()]
        found += self._labelled(at)
        found += await self._disk_samples(now_s, at)
        found += await self._process_samples(now_s, at)
        found += await self._unit_samples(now_s, at)
        # Crashes wait here until a poll has ended well: one that is cut short loses none.
        found += self._crashes
        self._crashes = []
        return found

    def _now_s(self) -> float:
        return self._context.clock.monotonic()

    def _say_once(self, event: str, subject: str, **facts: object) -> None:
        if (event, subject) not in self._said:
            self._said.add((event, subject))
            self._context.log.warning(event, **facts)

    def _measure_cpu(self) -> kernel.CpuTimes:
        times = kernel.cpu_times(self._places.proc)
        if self._times is not None and times != self._times:
            # Where no tick has passed since the last reading, its ratio still holds.
            self._cpu_ratio = kernel.busy_ratio(self._times, times)
        self._times = times
        return times

    def _figures(self) -> Iterator[tuple[str, float]]:
        proc = self._places.proc
        times, memory = self._measure_cpu(), kernel.memory(proc)
        cpu, used = self._measure_group(times.cpus, memory.total)
        if cpu is not None:
            yield "system_cpu_ratio", cpu
        if used is None and not self._group:
            used = 1 - memory.available / memory.total
        if used is not None:
            yield "system_memory_used_ratio", used
        yield "system_swap_used_ratio", 1 - memory.swap_free / memory.swap_total if memory.swap_total else 0.0
        load = kernel.load(proc)
        yield from zip(("system_load1", "system_load5", "system_load15"), load, strict=True)
        yield "system_load_ratio", load[0] / times.cpus
        if (files := kernel.open_files_ratio(proc)) is not None:
            yield "system_open_files_ratio", files

    def _measure_group(self, cpus: int, memory_total: int) -> tuple[float | None, float | None]:
        """Processor and memory ratio of the control group that counts; without one, the machine's and None."""
        named = self._group
        paths = cgroup.named_levels(self._places.cgroup, named) if named else self._own
        if named and not paths:
            self._say_once("control group is not there", named, cgroup=named)
            return None, None
        levels = [
            cgroup.look(path, cpus=cpus, memory_total=memory_total, always=bool(named) and path == paths[0])
            for path in paths
        ]
        now_s = self._now_s()
        before, elapsed_s = self._levels, now_s - self._levels_at_s
        self._levels, self._levels_at_s = levels, now_s
        limited = any(level.cpus for level in levels)
        cpu = cgroup.cpu_ratio(before, levels, elapsed_s) if limited else self._cpu_ratio
        return cpu, cgroup.memory_ratio(levels)

    def _labelled(self, at: Instant) -> Iterator[Sample]:
        for interface, received, sent in kernel.network_errors(self._places.proc):
            for direction, count in (("receive", received), ("transmit", sent)):
                labels: Labels = (("direction", direction), ("interface", interface))
                yield Sample("system_network_errors_total", labels, count, at)
        for resource in ("cpu", "io", "memory"):
            for kind, ratio in kernel.pressure(f"{self._places.proc}/pressure/{resource}"):
                yield Sample("system_pressure_ratio", (("kind", kind), ("resource", resource)), ratio, at)

    async def _disk_samples(self, now_s: float, at: Instant) -> list[Sample]:
        found = []
        for mount, used, inodes in await self._disks.read(now_s):
            labels: Labels = (("mount", mount),)
            if used is None:
                self._say_once("file system does not answer", mount, mount=mount)
            found.append(Sample("system_disk_up", labels, float(used is not None), at))
            for name, ratio in (("system_disk_used_ratio", used), ("system_disk_inodes_used_ratio", inodes)):
                if ratio is not None:
                    found.append(Sample(name, labels, ratio, at))
        return found

    async def _find_processes(self, now_s: float) -> dict[str, processes.Stat | None]:
        """The named processes, None for one that does not run; one that could not be looked for is left out."""
        proc, trackers = self._places.proc, self._trackers
        found: dict[str, processes.Stat | None] = {name: tracker.alive(proc) for name, tracker in trackers.items()}
        missing = {name: self._wanted[name] for name, there in found.items() if there is None}
        if not missing or (now_s < self._rescan_at_s and not any(trackers[name].known for name in missing)):
            return found
        self._rescan_at_s = now_s + processes.RESCAN_S
        try:
            async with asyncio.timeout(_SCAN_S):
                found |= await self._context.in_thread(_find, proc, missing)
        except TimeoutError:
            self._say_once("processes cannot be looked for", "", why=f"/proc does not answer within {_SCAN_S:g} s")
            return {name: there for name, there in found.items() if there is not None}
        for name in (name for name in missing if found[name] is None):
            self._say_once("named process is not running", name, process=name)
        return found

    async def _process_samples(self, now_s: float, at: Instant) -> list[Sample]:
        if not self._trackers:
            return []
        found = []
        for name, there in (await self._find_processes(now_s)).items():
            seen = self._trackers[name].take(there, self._places.proc, now_s)
            labels: Labels = (("process", name),)
            found.append(Sample("process_up", labels, float(seen.up), at))
            found.append(Sample("process_restarts_total", labels, seen.restarts, at))
            if seen.up:
                found.append(Sample("process_memory_bytes", labels, seen.memory_bytes, at))
            if seen.cpu_ratio is not None:
                found.append(Sample("process_cpu_ratio", labels, seen.cpu_ratio, at))
            if seen.crashed:
                self._crash("process", name, f"{seen.crash_id}:{at}", f"{name} {seen.crashed}", at)
        return found

    async def _unit_samples(self, now_s: float, at: Instant) -> list[Sample]:
        if not self._units:
            return []
        await self._ask_units(now_s, at)
        if now_s >= self._units_known_until_s:
            return []
        found = []
        for name, unit in self._units.items():
            if unit.shown is not None:
                up = unit.shown.up and not unit.main_is_gone(self._places.proc)
                found.append(Sample("unit_up", (("unit", name),), float(up), at))
                found.append(Sample("unit_restarts_total", (("unit", name),), unit.restarts, at))
        return found

    async def _ask_units(self, now_s: float, at: Instant) -> None:
        proc = self._places.proc
        ended = self._units_answered and any(unit.main_is_gone(proc) for unit in self._units.values())
        if now_s < self._ask_units_at_s and not ended:
            return
        try:
            shown = await units.show(self._places.systemctl, tuple(self._units))
        except units.UnitsAbsent as err:
            # What is no longer fresh is not told again; the machine's own figures go on.
            self._say_once("systemd units are not watched", str(err), why=str(err))
            known = now_s < self._units_known_until_s
            self._ask_units_at_s = now_s + (units.ASK_EVERY_S if known else units.RETRY_S)
            self._units_answered = False
            return
        self._units_answered, self._units_known_until_s = True, now_s + units.KNOWN_S
        for name, unit in self._units.items():
            if shown[name].load != "loaded":
                self._say_once("systemd cannot run this unit", name, unit=name, why=shown[name].load)
            for crash in unit.take(shown[name], proc):
                self._crash("unit", name, crash.id, crash.text, at)
        changing = any(unit.changing for unit in self._units.values())
        self._ask_units_at_s = now_s + (units.SOON_S if changing else units.ASK_EVERY_S)

    def _crash(self, label: str, name: str, which: str, text: str, at: Instant) -> None:
        self._context.log.warning("crash", **{label: name, "how": text})
        self._crashes.append(Sample("crash", ((label, name),), 1, at, f"{label}:{which}", text))


def _find(proc: str, missing: Mapping[str, processes.Wanted]) -> dict[str, processes.Stat]:
    return processes.find(proc, missing, but_pid=os.getpid())
