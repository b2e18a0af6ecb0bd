"""The source `system` beside a real systemd: units that run, end, crash, are stopped, and are started again."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from itertools import count

import pytest

from tests.deploy.booted import booted, until
from tests.machine import missing

PYTHON = "/opt/recuo/.venv/bin/python"
RUNS = "[Service]\nExecStart=sleep 1000\n"
REPAIRED = RUNS + "Restart=on-failure\nRestartSec={}\n"
ASKED_MS = 10_000
"""After this long every poll asks systemd."""


class Inside:
    """A booted systemd, and a program in it that polls the source."""

    def __init__(self, inside) -> None:
        self.booted = inside
        self._polls = inside.start(PYTHON, "-m", "tests.deploy.unit_polls")
        self._numbers = count()

    def ask(self, *question):
        self._polls.stdin.write(json.dumps(question) + "\n")
        self._polls.stdin.flush()
        return json.loads(self._polls.stdout.readline())

    def unit(self, text: str, *, start: bool = True) -> Unit:
        """A new unit of this text, followed by a source of its own which has looked once."""
        name = f"u{next(self._numbers)}.service"
        self.booted.write(f"/etc/systemd/system/{name}", text)
        self.booted.output("systemctl", "daemon-reload")
        if start:
            self.booted.run("systemctl", "start", name)
        return Unit(self, name)

    def close(self) -> None:
        self._polls.communicate()


class Unit:
    """One unit, and all that its source has said of it."""

    def __init__(self, machine: Inside, name: str) -> None:
        self._machine = machine
        self.name = name
        self.crashes: list[str] = []
        self.look()

    def look(self, after_ms: int = ASKED_MS) -> Unit:
        """One poll more; what it brings is added to what is known."""
        found = self._machine.ask(self.name, [self.name], after_ms)
        self.up, self.restarts, self.log = found["up"][self.name], found["restarts"][self.name], found["log"]
        self.crashes += [text.removeprefix(f"{self.name} ") for text in found["crashes"]]
        return self

    def do(self, *verb: str) -> Unit:
        self._machine.booted.run("systemctl", *verb, self.name)
        return self

    def kill(self, signal: str) -> Unit:
        """Send a signal to the main process, and wait until systemd knows that it has ended."""
        pid = self.show("MainPID")
        self._machine.booted.output("kill", f"-{signal}", pid)
        return self.until("MainPID", lambda now: now != pid)

    def show(self, name: str) -> str:
        return self._machine.booted.output("systemctl", "show", "--value", f"--property={name}", self.name)

    def until(self, name: str, holds) -> Unit:
        until(lambda: holds(self.show(name)), f"{name} of {self.name}")
        return self


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    if os.geteuid() != 0:
        missing("a systemd of one's own needs root (unshare --pid --mount)")
    with booted(tmp_path_factory.mktemp("systemd") / "log") as inside:
        made = Inside(inside)
        yield made
        made.close()


# ------------------------------------------------------------------------------------------------------ stop and start


def test_a_stop_and_a_start_by_hand_are_no_crash(machine):
    """Up, down, up: systemd forgets a unit that is down, and that is no restart; the start is one."""
    unit = machine.unit(RUNS)
    assert (unit.up, unit.restarts) == (1, 0)
    unit.do("stop").look(1000)
    assert (unit.up, unit.restarts) == (0, 0)
    unit.look()
    assert (unit.up, unit.restarts) == (0, 0)
    unit.do("start").look()
    assert (unit.up, unit.restarts, unit.crashes) == (1, 1, [])


def test_a_restart_by_hand_is_counted_and_no_crash(machine):
    """Also after a crash that systemd repaired, when its own count begins at 0 again."""
    unit = machine.unit(REPAIRED.format("20ms"))
    unit.do("restart").look(1000)
    assert (unit.up, unit.restarts, unit.crashes) == (1, 1, [])
    unit.kill("KILL").until("NRestarts", "1".__eq__).look(1000)
    assert (unit.restarts, len(unit.crashes)) == (2, 1)
    unit.do("restart").look(1000)
    assert (unit.show("NRestarts"), unit.restarts, len(unit.crashes)) == ("0", 3, 1)


@pytest.mark.parametrize(
    "text",
    [
        RUNS + "ExecStop=sh -c 'exit 6'\n",
        "[Service]\nExecStart=sh -c 'trap \"exit 143\" TERM; while :; do sleep 0.02; done'\n",
        "[Service]\nExecStart=sh -c 'trap : TERM; while :; do sleep 0.02; done'\nTimeoutStopSec=100ms\n",
    ],
    ids=["its ExecStop fails", "exits with 143", "had to be killed"],
)
def test_a_stop_that_systemd_calls_failed_is_no_crash(machine, text):
    """Somebody asked for it, however it went."""
    unit = machine.unit(text).do("stop")
    assert unit.show("ActiveState") == "failed"
    unit.look(1000).look()
    assert (unit.up, unit.restarts, unit.crashes) == (0, 0, [])


def test_a_program_that_is_asked_to_end_has_not_crashed(machine):
    """`kill PID` of a service: down, and no event."""
    unit = machine.unit(RUNS).kill("TERM").look(1000)
    assert (unit.up, unit.crashes) == (0, [])


# ------------------------------------------------------------------------------------------------------------- crashes


def test_an_exit_code_is_told_once(machine):
    """`exit 3` is a crash in these words, at the next poll, and at no later one."""
    unit = machine.unit("[Service]\nExecStart=sh -c 'read x </run/fifo; exit 3'\nExecStartPre=-mkfifo /run/fifo\n")
    assert unit.up == 1
    machine.booted.run("sh", "-c", "echo >/run/fifo")
    unit.until("ActiveState", "failed".__eq__).look(1000)
    for _ in range(3):
        unit.look()
    assert (unit.up, unit.restarts, unit.crashes) == (0, 0, ["exited with code 3"])


@pytest.mark.parametrize(("signal", "words"), [("KILL", "signal 9 (SIGKILL)"), ("SEGV", "signal 11 (SIGSEGV)")])
def test_a_signal_is_told_once(machine, signal, words):
    """Killed: a crash in these words, at the next poll, and at no later one."""
    unit = machine.unit(RUNS + "LimitCORE=0\n").kill(signal).look(1000).look()
    assert (unit.up, unit.crashes) == (0, [f"killed by {words}"])


def test_what_ended_and_waits_for_its_restart(machine):
    """Down, and told if it is a crash; restarted, it is up, counted, and nothing more is told."""
    crashed = machine.unit(REPAIRED.format("2s")).kill("KILL").look(1000)
    ended = machine.unit(RUNS + "Restart=always\nRestartSec=2s\n").kill("TERM").look(1000)
    assert (crashed.up, crashed.restarts, crashed.crashes) == (0, 0, ["killed by signal 9 (SIGKILL)"])
    assert (ended.up, ended.restarts, ended.crashes) == (0, 0, [])
    for unit in (crashed, ended):
        unit.until("NRestarts", "1".__eq__).until("ActiveState", "active".__eq__).look(1000).look()
        assert (unit.up, unit.restarts) == (1, 1)
    assert (len(crashed.crashes), len(ended.crashes)) == (1, 0)


def test_a_crash_repaired_between_two_polls_is_seen_with_its_restart(machine):
    """Up at both polls a second apart; one crash, whose reason a kernel from 6.15 on still tells."""
    unit = machine.unit(REPAIRED.format("20ms"))
    for number in (1, 2):
        unit.kill("SEGV").until("NRestarts", str(number).__eq__).until("ActiveState", "active".__eq__).look(1000)
        assert (unit.up, unit.restarts, len(unit.crashes)) == (1, number, number)
    how = {text.removesuffix("; systemd restarted it").removesuffix(", core dumped") for text in unit.crashes}
    assert how <= {"killed by signal 11 (SIGSEGV)", "ended; its exit code was not seen"}
    assert not unit.look().look().crashes[2:]


def test_a_crash_loop_that_systemd_gives_up_is_seen(machine):
    """Five restarts and the last failure between two polls: all counted, the end told in words."""
    unit = machine.unit(RUNS, start=False)
    machine.booted.write(
        f"/etc/systemd/system/{unit.name}.d/loop.conf",
        "[Service]\nExecStart=\nExecStart=sh -c 'exit 7'\nRestart=on-failure\nRestartSec=10ms\n",
    )
    machine.booted.output("systemctl", "daemon-reload")
    unit.do("start").until("ActiveState", "failed".__eq__).look()
    assert (unit.up, unit.restarts) == (0, int(unit.show("NRestarts")))
    assert unit.crashes == [f"restarted {unit.restarts} times by systemd meanwhile", "exited with code 7"]
    assert len(unit.look().crashes) == 2


def test_what_had_failed_at_the_first_look_is_old_news(machine):
    """Down and no event; started and failed again, it is one."""
    unit = machine.unit("[Service]\nExecStart=sh -c 'exit 3'\n")
    unit.until("ActiveState", "failed".__eq__).look()
    unit = Unit(machine, unit.name).look()
    assert (unit.up, unit.crashes) == (0, [])


@pytest.mark.parametrize("command", ["daemon-reload", "daemon-reexec"])
def test_systemd_itself_may_begin_anew(machine, command):
    """Its reload and its upgrade change nothing: not for a unit that runs, not for a crash that was told."""
    runs, failed = machine.unit(RUNS), machine.unit(RUNS).kill("KILL").look(1000)
    machine.booted.output("systemctl", command)
    runs.look()
    failed.look()
    assert (runs.up, runs.restarts, runs.crashes) == (1, 0, [])
    assert (failed.up, failed.restarts, len(failed.crashes)) == (0, 0, 1)


# -------------------------------------------------------------------------------------------------- starts that fail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RUNS + "ExecStartPre=sh -c 'exit 5'\n", "failed (exit-code), no main process ran"),
        (RUNS + "ExecStartPost=sh -c 'exit 5'\n", "killed by signal 15 (SIGTERM)"),
        (RUNS + "Type=notify\nTimeoutStartSec=100ms\n", "killed by signal 15 (SIGTERM) after a time-out"),
        ("[Service]\nType=exec\nExecStart=/nonexistent\n", "exited with code 203"),
    ],
    ids=["ExecStartPre", "ExecStartPost", "time-out", "no program"],
)
def test_a_start_that_fails_is_told(machine, text, words):
    """It should run and does not: an event, also where the program itself did nothing wrong."""
    unit = machine.unit(text, start=False).do("start").look().look()
    assert (unit.up, unit.crashes) == (0, [words])


def test_a_oneshot(machine):
    """Well done, it is no crash, nor is a stop half-way; failed, it is."""
    text = "[Service]\nType=oneshot\nExecStart=sh -c '{}'\n"
    done = machine.unit(text.format("exit 0"), start=False).do("start").look()
    stopped = machine.unit(text.format("sleep 1000"), start=False).do("start", "--no-block")
    stopped.until("MainPID", "0".__ne__).look().do("stop").look()
    failed = machine.unit(text.format("exit 4"), start=False).do("start").look().look()
    remains = machine.unit(text.format("exit 0") + "RemainAfterExit=yes\n").look()
    assert (done.up, done.crashes) == (0, [])
    assert (stopped.up, stopped.crashes) == (0, [])
    assert (failed.up, failed.crashes) == (0, ["exited with code 4"])
    assert (remains.up, remains.restarts, remains.crashes) == (1, 0, [])


@pytest.mark.parametrize(("name", "why"), [("nothing.service", "not-found"), ("masked.service", "masked")])
def test_a_unit_that_cannot_run_is_down_and_the_log_says_why(machine, name, why):
    """One line for a unit that does not exist, or that is masked."""
    machine.booted.output("ln", "-sf", "/dev/null", "/etc/systemd/system/masked.service")
    unit = Unit(machine, name).look().look()
    assert (unit.up, unit.restarts, unit.crashes) == (0, 0, [])
    assert unit.log == [f"systemd cannot run this unit {{'unit': '{name}', 'why': '{why}'}}"]


# --------------------------------------------------------------------------------------------------- the whole daemon


def test_the_shipped_service_sees_a_unit_crash(machine):
    """Unprivileged and under the shipped hardening: an incident opens for a unit that is killed, with the reason."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inside, unit = machine.booted, machine.unit(REPAIRED.format("20ms"))
    config = {
        "service": {"name": "VocalCoach AI", "environment": "production"},
        "sources": {"host": {"kind": "system", "every": "1s", "units": [unit.name]}},
        "rules": {"crash": {"event": "crash", "severity": "critical"}},
    }
    inside.write("/etc/recuo/config.yaml", json.dumps(config))
    inside.write(
        "/etc/systemd/system/recuo.service.d/test.conf",
        "[Service]\nEnvironment=LD_LIBRARY_PATH=/opt/python/lib\nStandardError=append:/run/recuo.log\nExecStart=\n"
        f"ExecStart=/opt/recuo/.venv/bin/recuo run --config /etc/recuo/config.yaml --listen 127.0.0.1:{port}\n",
    )
    inside.output("systemctl", "daemon-reload")
    inside.output("systemctl", "start", "dbus.service", "recuo.service")

    def get(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return answer.read().decode()

    def incidents():
        return json.loads(get("api/v1/incidents"))["incidents"]

    until(lambda: 'recuo_source_up{source="host"} 1.0' in get("metrics"), "the source has looked")
    unit.kill("KILL")
    until(incidents, "an incident is open")
    assert len(incidents()) == 1
    said = get(f"api/v1/incidents/{incidents()[0]['id']}")
    # Linux 6.15 and later tell how it ended; older ones only that it did.
    assert any(
        f"{unit.name} {how}" in said for how in ("killed by signal 9 (SIGKILL)", "ended; its exit code was not seen")
    )
    inside.output("systemctl", "stop", "recuo.service")
