"""A real systemd, running as PID 1 of its own namespaces, with the shipped unit installed in it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.machine import program

REPOSITORY = Path(__file__).resolve().parents[2]
_UNSHARE = ("--fork", "--pid", "--mount", "--uts", "--cgroup", "--mount-proc", "--kill-child")


def until(condition: Callable[[], object], what: str, within_s: float = 30) -> None:
    """Wait for a fact about another process; AssertionError says which did not come true."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(0.05)


class Booted:
    """Commands inside of the namespaces of one running systemd."""

    def __init__(self, pid: int) -> None:
        self._enter = ("nsenter", f"--target={pid}", "--mount", "--pid", "--uts", "--cgroup", "--")

    def run(self, *argv: str, text_in: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command as root; its output is text."""
        return subprocess.run(
            [*self._enter, *argv], input=text_in, capture_output=True, text=True, timeout=120, check=False
        )

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start a command as root, to be talked to by lines."""
        return subprocess.Popen([*self._enter, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def output(self, *argv: str) -> str:
        """What a command prints; AssertionError with its error where it fails."""
        done = self.run(*argv)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """Write a file inside."""
        done = self.run("install", "-D", "-m", mode, "/dev/stdin", path, text_in=text)
        assert done.returncode == 0, done.stderr

    def show(self, name: str) -> str:
        """One property of recuo.service."""
        return self.output("systemctl", "show", "recuo", "--value", f"--property={name}")


@contextmanager
def booted(log: Path) -> Iterator[Booted]:
    """Boot, hand over, and end every process of it. What systemd itself says is in `log`."""
    program("unshare", "util-linux")
    program("/lib/systemd/systemd", "systemd")
    prefix, name = sys.base_prefix, f"python{sys.version_info.major}.{sys.version_info.minor}"
    argv = [
        "sh",
        str(REPOSITORY / "tests/deploy/boot.sh"),
        str(REPOSITORY),
        sysconfig.get_path("purelib"),
        prefix,
        name,
    ]
    with log.open("wb") as said:
        outer = subprocess.Popen(["unshare", *_UNSHARE, *argv], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        until(lambda: outer.poll() is not None or children.read_text(), "the namespaces exist")
        assert outer.poll() is None, log.read_text()
        inside = Booted(int(children.read_text().split()[0]))
        until(
            lambda: outer.poll() is not None or inside.run("systemctl", "is-active", "basic.target").returncode == 0,
            "systemd has booted",
        )
        assert outer.poll() is None, log.read_text()
        yield inside
    finally:
        outer.kill()  # --kill-child: PID 1 of the namespace dies with it, and so does everything inside
        outer.wait()
