"""Starts Recuo and its references as real processes, and reads what they use."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
RECUO = str(Path(sys.executable).parent / "recuo")


def free_port() -> int:
    """A port on loopback that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(argv: Sequence[str], log: Path, environ: dict[str, str] | None = None) -> Iterator[psutil.Popen]:
    """A process whose output goes to a file, and which is ended with SIGTERM."""
    with log.open("ab") as out:
        started = psutil.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ, cwd=REPOSITORY)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        try:
            started.wait(15)
        except psutil.TimeoutExpired:
            started.kill()
            started.wait()


def recuo_argv(config: Path, state: Path, port: int) -> list[str]:
    """The real daemon, as `make run` starts it."""
    program = [RECUO] if Path(RECUO).exists() else [sys.executable, "-m", "daemon"]
    return [*program, "run", "--config", str(config), "--state", str(state), "--listen", f"127.0.0.1:{port}"]


def installed(name: str) -> str | None:
    """The path of a reference program; a missing one is said, not measured."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        print(f"  {name} is not installed (Debian: apt-get install prometheus prometheus-alertmanager monit)")
    return found


def get(port: int, path: str, token: str = "") -> str:
    """The body of an answer from loopback; raises OSError where there is none."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        body: str = answer.read().decode()
        return body


def get_json(port: int, path: str, token: str = "") -> Any:
    """The same as JSON."""
    return json.loads(get(port, path, token))


def metric(text: str, name: str) -> float:
    """The sum of a metric's series in an exposition; 0 where there is none."""
    lines = (line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{")))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def until(condition: Callable[[], object], what: str, within_s: float = 60, every_s: float = 0.005) -> None:
    """Wait until something is so; refusals on the way are not. RuntimeError names what never was."""
    end = time.monotonic() + within_s
    while True:
        try:
            if condition():
                return
        except (OSError, urllib.error.URLError, ValueError):
            pass
        if time.monotonic() > end:
            raise RuntimeError(f"not within {within_s:g} s: {what}")
        time.sleep(every_s)


def usage(running: psutil.Process, seconds: float) -> tuple[float, float]:
    """Mean resident megabytes (1e6 bytes) and percent of one core over a time, children included."""

    def cpu_s(each: psutil.Process) -> float:
        times = each.cpu_times()
        return times.user + times.system + times.children_user + times.children_system

    family = [running, *running.children(recursive=True)]
    before, began, resident = sum(map(cpu_s, family)), time.monotonic(), []
    while (left := seconds - (time.monotonic() - began)) > 0:
        time.sleep(min(1.0, left))
        resident.append(sum(each.memory_info().rss for each in family if each.is_running()))
    spent = sum(map(cpu_s, family)) - before
    return sum(resident) / len(resident) / 1e6, 100 * spent / (time.monotonic() - began)
