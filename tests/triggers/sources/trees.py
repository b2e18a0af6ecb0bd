"""Fabricated /proc and /sys/fs/cgroup, as a kernel would write them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from triggers.probes.machine import Places

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20


def interfaces(received: int, sent: int) -> str:
    """Errors on each interface; every other count is 7, so that a wrong column shows."""
    lines = [
        "Inter-|   Receive |  Transmit",
        " face |bytes packets errs drop fifo frame compressed multicast|bytes packets …",
    ]
    for name, errors_in, errors_out in (("lo", 9, 9), ("veth12", 9, 9), ("eth0", received, sent)):
        lines.append(f"{name:>6}: 7 7 {errors_in} 7 7 7 7 7 7 7 {errors_out} 7 7 7 7 7")
    return "\n".join([*lines, ""])


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Tree:
    """One machine in a directory: two processors, 1000 MiB of memory."""

    def __init__(self, root: Path) -> None:
        self.proc = root / "proc"
        self.cgroup = root / "cgroup"
        self.systemctl = root / "systemctl"
        self.cpu(busy=100, idle=900)
        self.memory(available=600)
        write(
            self.proc,
            {
                "loadavg": "1.50 0.80 0.40 2/345 6789\n",
                "sys/fs/file-nr": "600\t100\t10000\n",
                "self/net/dev": interfaces(3, 4),
                "self/cgroup": "0::/\n",
            },
        )
        self.cgroup.mkdir()

    @property
    def places(self) -> Places:
        return Places(str(self.proc), str(self.cgroup), str(self.systemctl), 0)

    def cpu(self, *, busy: int, idle: int, waiting: int = 0) -> None:
        """Ticks since boot; `waiting` is for input and output."""
        line = f"cpu  {busy} 0 0 {idle} {waiting} 0 0 0 0 0\n"
        write(self.proc, {"stat": line + "cpu0 1 0 0 1 0 0 0 0 0 0\ncpu1 1 0 0 1 0 0 0 0 0 0\nintr 5 0\nbtime 1\n"})

    def memory(self, *, available: int | None, free: int = 50, swap_total: int = 0, swap_free: int = 0) -> None:
        """MiB."""
        lines = [f"MemTotal: {1000 * 1024} kB", f"MemFree: {free * 1024} kB", "Buffers: 0 kB", "Cached: 102400 kB"]
        if available is not None:
            lines.insert(2, f"MemAvailable: {available * 1024} kB")
        lines += [f"SwapTotal: {swap_total * 1024} kB", f"SwapFree: {swap_free * 1024} kB", ""]
        write(self.proc, {"meminfo": "\n".join(lines)})

    def group(self, path: str, **files: str) -> None:
        """A control group's files; the name's first underscore is its dot."""
        write(self.cgroup / path, {name.replace("_", ".", 1): text + "\n" for name, text in files.items()})

    def process(
        self, pid: int, argv: str, *, name: str = "node", state: str = "S", started: int = 1000, cpu_s: float = 0,
        memory: int = 10, status: int = 0,
    ) -> None:  # fmt: skip
        """A process; `argv` is parted by blanks, `memory` MiB."""
        field = ["0"] * 50
        field[0], field[19], field[11], field[21] = (
            state,
            str(started),
            str(int(cpu_s * TICKS)),
            str(memory * MIB // PAGE),
        )
        field[49] = str(status)
        stat = f"{pid} ({name}) {' '.join(field)}\n"
        write(self.proc, {f"{pid}/stat": stat, f"{pid}/cmdline": argv.replace(" ", "\0") + "\0"})

    def end(self, pid: int) -> None:
        for name in ("stat", "cmdline"):
            (self.proc / str(pid) / name).unlink()
        (self.proc / str(pid)).rmdir()

    def answers(self, *blocks: Mapping[str, object], code: int = 0, complaint: str = "") -> None:
        """What systemctl will print; the arguments of each call are kept beside it."""
        text = "\n\n".join("\n".join(f"{k}={v}" for k, v in block.items()) for block in blocks)
        output = self.systemctl.with_suffix(".out")
        output.write_text(text + "\n")
        grumble = f'echo "{complaint}" >&2' if complaint else ":"
        script = ["#!/bin/sh", f'echo "$@" >> {self.calls}', f"cat {output}", grumble, f"exit {code}", ""]
        self.systemctl.write_text("\n".join(script))
        self.systemctl.chmod(0o755)

    @property
    def calls(self) -> Path:
        return self.systemctl.with_suffix(".calls")

    def asked(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0
