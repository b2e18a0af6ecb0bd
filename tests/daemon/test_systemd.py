"""sd_notify(3) over a real datagram socket."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing

import pytest

from daemon.systemd import Systemd


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A service manager's socket, and the name it goes by in $NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@recuo-test-{os.getpid()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind("\0" + name[1:] if name.startswith("@") else name)
        listening.settimeout(5)
        yield listening, name


def heard(listening: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in listening.recv(4096).decode().splitlines())


def test_ready_and_status_reach_the_manager(manager):
    """READY and STATUS arrive in one datagram, on a path and on an abstract socket."""
    listening, name = manager
    assert Systemd(name).ready("watching 2 sources")
    assert heard(listening) == {"READY": "1", "STATUS": "watching 2 sources"}


def test_reloading_carries_the_monotonic_time(manager):
    """RELOADING says when it began on CLOCK_MONOTONIC in microseconds, as Type=notify-reload asks."""
    listening, name = manager
    before = time.monotonic_ns() // 1000
    assert Systemd(name).reloading()
    message = heard(listening)
    assert message.keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert before <= int(message["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


def test_stopping_is_said(manager):
    """STOPPING is sent with its status."""
    listening, name = manager
    assert Systemd(name).stopping("SIGTERM")
    assert heard(listening) == {"STOPPING": "1", "STATUS": "SIGTERM"}


def test_watchdog_is_fed_at_half_its_time(manager):
    """With WATCHDOG_USEC for this process, the loop is told to feed at half of it, and feeding is one datagram."""
    listening, name = manager
    systemd = Systemd.from_environment(
        {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    )
    assert systemd.feed_every_ms == 15_000
    assert systemd.alive()
    assert heard(listening) == {"WATCHDOG": "1"}


def test_the_environment_is_read_and_removed():
    """No child inherits the socket: it could say that it is the daemon."""
    environ = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    assert Systemd.from_environment(environ).listening
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize(
    ("interval", "pid"), [("", ""), ("soon", str(os.getpid())), ("1000000", "1"), ("-5", ""), ("0", "")]
)
def test_a_watchdog_for_nobody_or_another_is_not_fed(interval, pid):
    """Another process' watchdog, or an unreadable interval, is no watchdog."""
    environ = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": interval, "WATCHDOG_PID": pid}
    systemd = Systemd.from_environment(environ)
    assert systemd.feed_every_ms is None
    assert not systemd.alive()


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative/path"])
def test_without_a_socket_nothing_happens(address):
    """Outside systemd, or on a socket of another family, every call answers False."""
    systemd = Systemd.from_environment({"NOTIFY_SOCKET": address})
    assert not systemd.listening
    assert not any([systemd.ready("x"), systemd.reloading(), systemd.status("x"), systemd.alive(), systemd.stopping()])


def test_a_manager_that_is_gone_is_no_error(tmp_path):
    """A socket nobody listens on is answered with False, not with an exception."""
    assert not Systemd(str(tmp_path / "gone")).ready()


def test_a_manager_that_does_not_read_never_blocks(manager):
    """A full socket ends in False: the loop that evaluates rules never waits for systemd."""
    _, name = manager
    systemd = Systemd(name)
    assert not all(systemd.status("x" * 200) for _ in range(10_000))


def test_a_status_is_one_field(manager):
    """A line break in a status cannot become a field of its own."""
    listening, name = manager
    assert Systemd(name).status("a source named\nREADY=1\r\x00 failed")
    assert heard(listening) == {"STATUS": "a source named READY=1 failed"}


def test_an_empty_status_is_not_sent():
    """There is nothing to say."""
    assert not Systemd("/run/x").status(" \n")
