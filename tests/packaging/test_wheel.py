"""What is built: four packages with their data files, and a command that works where only they are."""

from __future__ import annotations

import re
import subprocess
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import recuo

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("actions", "daemon", "recuo", "triggers")


def shipped() -> set[str]:
    """Every file of the four packages in the checkout."""
    found = (path for name in PACKAGES for path in (REPOSITORY / name).rglob("*") if path.is_file())
    return {str(path.relative_to(REPOSITORY)) for path in found if path.parent.name != "__pycache__"}


def test_the_wheel_holds_the_four_packages_whole_and_nothing_else(wheel):
    """Every file under actions, daemon, recuo and triggers is in the wheel, data files too; tests are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == shipped()
    assert {Path(name).suffix for name in names} >= {".py", ".sql", ".j2", ".json", ".typed"}


def test_the_wheel_says_what_it_is(wheel):
    """Name, version, licence, Python and bounds are those of the project."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        said = HeaderParser().parsestr(archive.read(metadata).decode())
        entry = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
        assert any(name.endswith("/LICENSE") for name in archive.namelist())
    assert (said["Name"], said["Version"], said["License-Expression"]) == ("recuo", recuo.__version__, "Apache-2.0")
    assert said["Requires-Python"] == ">=3.11"
    assert "apscheduler<4,>=3.11" in said.get_all("Requires-Dist", [])
    assert "recuo = recuo.entry:main" in entry


def test_the_source_distribution_has_what_it_takes_to_test_and_deploy(built):
    """Tests, lock files, the shipped configuration and deploy/ are in the sdist."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {"config.yaml", "Makefile", "requirements.lock", "deploy/recuo.service", "tests/conftest.py", "LICENSE"}
    assert wanted <= names
    assert not any(name.startswith((".venv", "bench/results/")) for name in names)


@pytest.fixture
def elsewhere(install, tmp_path):
    """Runs a program of the installed environment in a directory that is not the checkout."""
    venv, directory = install(), tmp_path / "elsewhere"
    directory.mkdir()

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        program = str(venv / "bin" / argv[0])
        env = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "LANG": "C.UTF-8"}
        return subprocess.run(
            [program, *argv[1:]], cwd=directory, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_the_installed_command_works_outside_of_the_checkout(elsewhere):
    """`recuo --help`, `python -m daemon --help` and `recuo check` on the shipped configuration succeed."""
    for argv in (
        ("recuo", "--help"),
        ("python", "-m", "daemon", "--help"),
        ("recuo", "check", "--config", str(REPOSITORY / "config.yaml")),
    ):
        done = elsewhere(*argv)
        assert done.returncode == 0, (argv, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr


def test_the_installed_packages_are_those_of_the_wheel(elsewhere):
    """What is imported there comes from its own site-packages, with plugins found by file name and migrations read."""
    code = (
        "import daemon, triggers, actions, recuo, tempfile, pathlib\n"
        "from daemon.plugins import kinds\n"
        "from daemon.store import Store\n"
        "Store.open(pathlib.Path(tempfile.mkdtemp())).close()\n"
        "print(*{p.__file__.split('/site-packages/')[0] for p in (daemon, triggers, actions, recuo)})\n"
        "print(*kinds('source'), *kinds('notifier'))\n"
    )
    done = elsewhere("python", "-c", code)
    assert done.returncode == 0, done.stderr
    where, plugins = done.stdout.splitlines()
    assert re.fullmatch(r"\S+/venv/lib/python3\.\d+", where)
    assert {"system", "http", "email", "webhook"} <= set(plugins.split())
