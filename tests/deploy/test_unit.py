"""The shipped unit and its sysusers file, read by systemd's own tools."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.machine import program

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
UNIT = DEPLOY / "recuo.service"


def test_security_exposure_is_at_most_2_0():
    """`systemd-analyze security --offline=yes --threshold=20` passes."""
    tool = program("systemd-analyze", "systemd")
    done = subprocess.run(
        [tool, "security", "--offline=yes", "--threshold=20", str(UNIT)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_verify_is_silent_where_the_program_is_installed(tmp_path):
    """`systemd-analyze verify` says nothing about the unit; /opt/recuo stands in a temporary directory here."""
    tool = program("systemd-analyze", "systemd")
    installed = tmp_path / "opt/recuo/.venv/bin/recuo"
    installed.parent.mkdir(parents=True)
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/recuo/", f"{tmp_path}/opt/recuo/"))
    done = subprocess.run([tool, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_sysusers_makes_the_user_that_the_unit_names(tmp_path):
    """systemd-sysusers makes the unit's user and group, whose home is the state directory."""
    tool = program("systemd-sysusers", "systemd")
    (tmp_path / "etc").mkdir()
    subprocess.run([tool, f"--root={tmp_path}", str(DEPLOY / "recuo.sysusers")], check=True, capture_output=True)
    name, _, uid, gid, _, home, shell = (tmp_path / "etc/passwd").read_text().splitlines()[0].split(":")
    assert f"User={name}\nGroup={name}\n" in UNIT.read_text()
    assert 0 < int(uid) < 1000
    assert 0 < int(gid) < 1000
    assert home == "/var/lib/recuo"
    assert shell.endswith("nologin")


def test_the_installing_readme_is_six_lines_that_name_what_exists():
    """The commands are six lines; every file of the repository that they name is there."""
    (block,) = re.findall(r"```sh\n(.*?)```", (DEPLOY / "README.md").read_text(), re.DOTALL)
    assert len(block.splitlines()) == 6
    named = re.findall(r"/opt/recuo/((?:deploy/)?[\w.]+)", block)
    assert {"deploy/recuo.service", "deploy/recuo.sysusers", "config.yaml"} == set(named)
    assert all((REPOSITORY / name).exists() for name in named)
