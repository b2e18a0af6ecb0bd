"""This machine: processor, memory, disks, network, pressure, and the named processes and units that run on it.

```yaml
host:
  kind: system
  every: 1s
  cgroup: auto
  disks: [/, /var/lib/mongodb]
  processes:
    api: {command: node server.js}
    worker: {pidfile: /run/vocalcoach/worker.pid, expect: any}
  units: [vocalcoach.service]
```

`cgroup: auto` measures processor and memory against what a container may use: the cgroup v2 limits at and above the
daemon's own group, but for the daemon's own systemd service, whose limits say nothing of the product. Without such
limits, and with `off`, the whole machine is measured. A path (`system.slice/vocalcoach.service`) measures that group.

A process is recognised by exactly one of `command` (words that stand beside each other in its command line, each whole
or as a path's last part), `name` (the exact name of the program) and `pidfile`; where several match, the oldest is
followed. One that was seen running and is gone is an event `crash`, unless `expect: any` says that it may come and go.
One that another has replaced between two polls was restarted; it has crashed where the kernel still tells that its exit
was bad (Linux 6.15 and later). For units systemd knows the reason: `units` is the better choice for what it starts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from triggers.base import Context, Kind, MetricSpec, PollError, Sample, SourceConfig
from triggers.probes import processes, units
from triggers.probes.machine import HERE, Machine, Places

_LABEL: Final = r"^[A-Za-z0-9_.:@-]{1,100}$"


class ProcessConfig(BaseModel):
    """One named process: how it is recognised, and whether it must run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: Annotated[str | None, Field(description="words of its command line, beside each other")] = None
    name: Annotated[str | None, Field(min_length=1, description="the exact name of its program")] = None
    pidfile: Annotated[str | None, Field(pattern=r"^/", description="a file that holds its process number")] = None
    expect: Annotated[
        Literal["running", "any"], Field(description="running: its end is a crash; any: it may come and go")
    ] = "running"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.command, self.name, self.pidfile)) != 1:
            raise PydanticCustomError("process", "exactly one of command, name and pidfile says which process is meant")
        if self.command is not None and not self.command.split():
            raise PydanticCustomError("process", "command is empty: any process would match")
        return self

    def wanted(self) -> processes.Wanted:
        """What to look for."""
        return processes.Wanted(tuple((self.command or "").split()), self.name or "", self.pidfile or "")


def _unit_name(value: str) -> str:
    if not units.NAME.fullmatch(value):
        raise PydanticCustomError(
            "unit", "{unit} is not the full name of a unit; write it like vocalcoach.service", {"unit": repr(value)}
        )
    return value


def _group(value: str) -> str:
    path = value.removeprefix("/sys/fs/cgroup/")
    if path not in {"auto", "off"} and (not re.fullmatch(r"[^/\x00]+(/[^/\x00]+)*", path) or ".." in path.split("/")):
        raise PydanticCustomError(
            "cgroup", "auto, off or a path below /sys/fs/cgroup is wanted, like system.slice/vocalcoach.service"
        )
    return path


class Config(SourceConfig):
    """This machine, as the module's description says."""

    cgroup: Annotated[
        str, AfterValidator(_group), Field(description="auto, off, or the path of a control group to measure")
    ] = "auto"
    disks: Annotated[
        tuple[Annotated[str, Field(pattern=r"^/")], ...] | None,
        Field(description="mounts to measure; default: every file system that is on a device"),
    ] = None
    processes: Annotated[
        Mapping[Annotated[str, Field(pattern=_LABEL)], ProcessConfig], Field(description="processes to follow, by name")
    ] = {}
    units: Annotated[
        tuple[Annotated[str, AfterValidator(_unit_name)], ...], Field(description="systemd units to follow")
    ] = ()


_GAUGES: Final = (
    ("system_cpu_ratio", "processor time in use, of what may be used", ()),
    ("system_memory_used_ratio", "memory in use that cannot simply be given back, of what may be used", ()),
    ("system_swap_used_ratio", "swap space in use; 0 without any", ()),
    ("system_load_ratio", "processes running or waiting over 1 minute, per processor", ()),
    ("system_disk_used_ratio", "space used of a file system, as df says", ("mount",)),
    ("system_disk_inodes_used_ratio", "inodes used of a file system", ("mount",)),
    ("system_open_files_ratio", "file handles in use of those that the kernel allows", ()),
    ("system_pressure_ratio", "share of the last 10 s in which tasks waited for a resource", ("kind", "resource")),
    ("process_cpu_ratio", "processor time that a named process used; 1 is one processor", ("process",)),
)
_OTHERS: Final = (
    MetricSpec("system_load1", Kind.GAUGE, "count", "processes running or waiting, over 1 minute"),
    MetricSpec("system_load5", Kind.GAUGE, "count", "processes running or waiting, over 5 minutes"),
    MetricSpec("system_load15", Kind.GAUGE, "count", "processes running or waiting, over 15 minutes"),
    MetricSpec("system_disk_up", Kind.GAUGE, "info", "1, or 0 while a file system does not answer", ("mount",)),
    MetricSpec(
        "system_network_errors_total",
        Kind.COUNTER,
        "count",
        "packets with errors since the interface came up",
        ("direction", "interface"),
    ),
    MetricSpec("process_up", Kind.GAUGE, "info", "1 while the named process runs, else 0", ("process",)),
    MetricSpec(
        "process_restarts_total", Kind.COUNTER, "count", "times it was started again while watched", ("process",)
    ),
    MetricSpec("process_memory_bytes", Kind.GAUGE, "bytes", "resident memory of the named process", ("process",)),
    MetricSpec("unit_up", Kind.GAUGE, "info", "1 while systemd says that the unit is active, else 0", ("unit",)),
    MetricSpec("unit_restarts_total", Kind.COUNTER, "count", "times it was started again while watched", ("unit",)),
    MetricSpec("crash", Kind.EVENT, "info", "a named process or unit ended that should run", ("process", "unit")),
)
_SPECS: Final = (*(MetricSpec(n, Kind.GAUGE, "ratio", text, labels) for n, text, labels in _GAUGES), *_OTHERS)


def metrics(config: Config) -> Sequence[MetricSpec]:
    """All that this machine may bring; what its kernel lacks (pressure, systemd) stays absent without failing."""
    return _SPECS


async def poll(config: Config, context: Context, *, _places: Places = HERE) -> Sequence[Sample]:
    """Read the machine once. Raises PollError where /proc cannot be read; a part that hangs is left out alone."""
    machine = context.memory.get("machine")
    if not isinstance(machine, Machine):
        machine = context.memory["machine"] = Machine(
            context,
            _places,
            group=config.cgroup,
            mounts=config.disks,
            wanted={name: process.wanted() for name, process in config.processes.items()},
            expected=frozenset(name for name, process in config.processes.items() if process.expect == "running"),
            unit_names=config.units,
        )
    try:
        return await machine.look()
    except (OSError, ValueError, IndexError, KeyError) as err:
        # A service may be kept from seeing /proc (ProcSubset=pid, systemd.exec(5)).
        raise PollError(f"this machine's figures cannot be read under {_places.proc}: {err}") from err
