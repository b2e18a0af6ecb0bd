"""Bad circumstances in real processes: each is a clear error, and changes nothing."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.conftest import small
from tests.e2e.running import ROOT, Product, Running, eventually, running

Write = Callable[[dict[str, Any]], Path]


def ended(daemon: Running) -> tuple[int, str]:
    """The exit code and the output of a daemon that does not start."""
    return daemon.process.wait(30), daemon.output()


def test_a_second_daemon_on_the_same_state_names_the_first(product: Product, write: Write, tmp_path: Path) -> None:
    """The second one ends with 1 and says the first one's pid; the first one goes on."""
    config, state = write(small(product)), tmp_path / "state"
    with running(config, state) as first:
        second = Running(config, state, wait=False)
        code, output = ended(second)
        assert code == 1
        assert str(first.process.pid) in output
        assert first.get("/healthz")


def test_a_port_in_use_is_said_and_nothing_is_started(product: Product, write: Write, tmp_path: Path) -> None:
    """A listen address that another program holds ends the start with 1 and words."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon = Running(write(small(product)), tmp_path / "state", "--listen", address, wait=False)
        code, output = ended(daemon)
    assert code == 1
    assert f"recuo: cannot listen on {address}" in output


def test_a_corrupt_state_is_refused_and_kept(product: Product, write: Write, tmp_path: Path) -> None:
    """A state file that is no database is left as it is; the error says how to go on."""
    state = tmp_path / "state"
    with running(write(small(product)), state) as daemon:
        daemon.stop()
    (database,) = [p for p in state.iterdir() if p.suffix in {".db", ".sqlite", ".sqlite3"}]
    database.write_bytes(b"this is not a database" * 500)
    before = database.read_bytes()
    code, output = ended(Running(write(small(product)), state, wait=False))
    assert code == 2
    assert "recuo: " in output
    assert database.read_bytes() == before


def test_a_newer_state_is_refused_and_kept(product: Product, write: Write, tmp_path: Path) -> None:
    """A state that a newer Recuo wrote is not touched by an older one."""
    state = tmp_path / "state"
    with running(write(small(product)), state) as daemon:
        daemon.stop()
    (database,) = [p for p in state.iterdir() if p.suffix in {".db", ".sqlite", ".sqlite3"}]
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    code, output = ended(Running(write(small(product)), state, wait=False))
    assert code == 2
    assert "newer" in output


def test_a_bad_configuration_never_replaces_a_good_one(product: Product, write: Write, tmp_path: Path) -> None:
    """SIGHUP with errors in the file changes nothing and says so; with a good file it swaps everything at once."""
    settings = small(product)
    config = write(settings)
    with running(config, tmp_path / "state") as daemon:
        settings["rules"]["endpoint-down"]["abov"] = 3
        write(settings)
        daemon.signal(signal.SIGHUP)
        eventually(
            lambda: daemon.metrics().get("recuo_config_last_reload_successful") == 0, what="the refusal of the bad file"
        )
        assert [r["name"] for r in daemon.get("/api/v1/rules")["rules"]] == ["endpoint-down"]
        del settings["rules"]["endpoint-down"]["abov"]
        settings["rules"]["slow"] = {"metric": "http_latency_ms", "above": 500, "for": "5m"}
        write(settings)
        done = daemon.cli("reload")
        assert done.returncode == 0, done.stderr
        assert {r["name"] for r in daemon.get("/api/v1/rules")["rules"]} == {"endpoint-down", "slow"}
        assert daemon.metrics()["recuo_config_last_reload_successful"] == 1


def test_a_configuration_with_errors_does_not_start(write: Write, product: Product, tmp_path: Path) -> None:
    """`recuo run` on a bad file ends with 2 and every error with its place."""
    settings = small(product)
    settings["rules"]["endpoint-down"]["abov"] = 3
    settings["sources"]["site"]["evry"] = "5s"
    code, output = ended(Running(write(settings), tmp_path / "state", wait=False))
    assert code == 2
    assert output.count("config.yaml:") >= 2
    assert not (tmp_path / "state").exists()


def test_a_change_without_a_token_is_refused(product: Product, write: Write, tmp_path: Path) -> None:
    """Reading on loopback is open; every change wants a bearer token."""
    with running(write(small(product)), tmp_path / "state") as daemon:
        code, answer = daemon.post("/api/v1/reload", token="")
        assert code == 401
        assert answer["error"]["message"]
        code, _ = daemon.post("/api/v1/reload", token="rcu_" + "A" * 43)
        assert code == 401
        assert (tmp_path / "state" / "token").stat().st_mode & 0o777 == 0o600


def test_check_exits_with_zero_or_two(write: Write, product: Product) -> None:
    """`recuo check` answers without a daemon: 0 for the shipped file, 2 for a wrong one."""
    settings = small(product)
    settings["playbooks"]["outage"]["triggers"] = ["endpoint-dwn"]
    for path, code in ((ROOT / "config.yaml", 0), (write(settings), 2)):
        done = subprocess.run(
            [sys.executable, "-m", "daemon", "check", "--config", str(path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
    assert "endpoint-down" in done.stderr
