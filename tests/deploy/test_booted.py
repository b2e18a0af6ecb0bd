"""The shipped unit under a real systemd: ready, hardened, reloaded, restarted by its watchdog, stopped."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request

import pytest

from tests.deploy.booted import booted, until
from tests.machine import missing

CONFIG = "/etc/recuo/config.yaml"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def port():
    return _free_port()


@pytest.fixture(scope="module")
def service(tmp_path_factory, port):
    """The daemon, started by `systemctl start` on the shipped configuration; watchdog and port are the test's."""
    if os.geteuid() != 0:
        missing("a systemd of one's own needs root (unshare --pid --mount)")
    log = tmp_path_factory.mktemp("systemd") / "log"
    with booted(log) as inside:
        inside.write(
            "/etc/systemd/system/recuo.service.d/test.conf",
            "[Service]\nStandardOutput=append:/run/recuo.log\nStandardError=append:/run/recuo.log\n"
            "WatchdogSec=3s\nTimeoutAbortSec=1s\nRestartSec=100ms\n"
            # A Python with a shared library finds it by an absolute path, which this user may not be able to read.
            "Environment=LD_LIBRARY_PATH=/opt/python/lib\nExecStart=\n"
            f"ExecStart=/opt/recuo/.venv/bin/recuo run --config {CONFIG} --listen 127.0.0.1:{port}\n",
        )
        inside.output("install", "-D", "-m", "640", "-g", "recuo", "/opt/recuo/src/config.yaml", CONFIG)
        inside.output("systemctl", "daemon-reload")
        started = inside.run("systemctl", "start", "recuo")
        assert started.returncode == 0, (
            started.stderr + inside.run("cat", "/run/recuo.log").stdout + log.read_text("utf-8", "replace")
        )
        yield inside


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def test_start_returns_when_the_daemon_is_ready(service, port):
    """Type=notify: when `systemctl start` returns, the daemon answers, and its status line says something."""
    assert service.show("ActiveState") == "active"
    assert service.show("StatusText")
    get(port, "/healthz")


def test_it_runs_unprivileged_with_its_own_state(service):
    """The process is user recuo's without a capability, and the state directory is readable by it alone."""
    status = service.output("cat", f"/proc/{service.show('MainPID')}/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    uid = service.output("id", "-u", "recuo")
    assert set(facts["Uid"].split()) == {uid}
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"] == "1"
    assert service.output("stat", "-c", "%a %U", "/var/lib/recuo") == "700 recuo"


def test_every_shipped_source_works_under_the_hardening(service, port):
    """No source of the shipped configuration fails to ask: /proc, disks and pressure are there for it."""

    def up() -> list[str]:
        return [line for line in get(port, "/metrics").splitlines() if line.startswith("recuo_source_up{")]

    until(lambda: up() and all(line.endswith(" 1.0") for line in up()), f"all sources are up: {up()}")


def test_reload_takes_a_right_configuration_in_the_same_process(service, port):
    """`systemctl reload` succeeds, the process is the same, and it says that it took the configuration."""
    before, pid = _reload_succeeded_at(port), service.show("MainPID")
    service.output("systemctl", "reload", "recuo")
    until(lambda: _reload_succeeded_at(port) > before, "the daemon has taken the configuration")
    assert service.show("MainPID") == pid
    until(lambda: service.show("ActiveState") == "active", "the reload is over")


def _reload_succeeded_at(port: int) -> float:
    name = "recuo_config_last_reload_success_timestamp_seconds "
    return next(float(line.removeprefix(name)) for line in get(port, "/metrics").splitlines() if line.startswith(name))


def test_reload_refuses_a_wrong_configuration(service, port):
    """`systemctl reload` fails, and the daemon goes on with what it had."""
    right = service.output("cat", CONFIG)
    pid = service.show("MainPID")
    service.write(CONFIG, right + "\nnonsense: 1\n", mode="644")
    try:
        assert service.run("systemctl", "reload", "recuo").returncode != 0
        assert service.show("ActiveState") == "active"
        assert service.show("MainPID") == pid
        get(port, "/healthz")
    finally:
        service.write(CONFIG, right + "\n", mode="644")


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL], ids=["stuck", "killed"])
def test_it_is_restarted(service, port, how):
    """A daemon that stands still is ended by its watchdog, one that is killed is gone; either way it is back, ready."""
    pid, restarts = service.show("MainPID"), int(service.show("NRestarts"))
    service.output("kill", f"-{int(how)}", pid)
    until(lambda: int(service.show("NRestarts")) > restarts, "systemd has restarted it", within_s=60)
    until(lambda: service.show("ActiveState") == "active", "it is ready again", within_s=60)
    assert service.show("MainPID") != pid
    get(port, "/healthz")


def test_stop_is_clean(service):
    """`systemctl stop` ends it by itself, well before the deadline, with exit status 0."""
    service.output("systemctl", "stop", "recuo")
    assert service.show("ActiveState") == "inactive"
    assert service.show("Result") == "success"
    assert service.show("ExecMainStatus") == "0"
