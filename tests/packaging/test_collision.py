"""PyPI's python-daemon also installs a package named `daemon`: Recuo says so, in one line, before anything breaks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

# What python-daemon 3.1.2 puts into site-packages, as far as Python's import system sees it.
_THEIRS = {
    "daemon/__init__.py": "from .daemon import DaemonContext\n__all__ = ['DaemonContext']\n",
    "daemon/daemon.py": "import lockfile\n\nclass DaemonContext: ...\n",
    "daemon/pidfile.py": "from lockfile.pidlockfile import PIDLockFile\n",
}


def _write(directory, files):
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _written_over(site_packages, tmp_path):
    _write(site_packages, _THEIRS)
    return [site_packages]


def _written_under(site_packages, tmp_path):
    _write(site_packages, {name: text for name, text in _THEIRS.items() if name != "daemon/__init__.py"})
    return [site_packages]


def _uninstalled_after(site_packages, tmp_path):
    (site_packages / "daemon/__init__.py").unlink()
    _write(tmp_path / "other", _THEIRS)
    return [site_packages, tmp_path / "other"]


def _found_first(site_packages, tmp_path):
    _write(tmp_path / "other", _THEIRS)
    return [tmp_path / "other", site_packages]


def _another_named_actions(site_packages, tmp_path):
    shutil.rmtree(site_packages / "actions")
    _write(site_packages, {"actions.py": "print('not ours')\n"})
    return [site_packages]


@pytest.mark.parametrize(
    "happened", [_written_over, _written_under, _uninstalled_after, _found_first, _another_named_actions]
)
def test_a_foreign_package_is_named_and_nothing_of_it_is_imported(wheel, tmp_path, happened):
    """Whichever came first, `recuo` exits 2 with one line that says what stands where and what to do."""
    site_packages = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
    path = os.pathsep.join(map(str, happened(site_packages, tmp_path)))
    _refused(
        [sys.executable, "-m", "recuo.entry", "--help"],
        {**os.environ, "PYTHONPATH": path},
        "actions" if happened is _another_named_actions else "daemon",
        tmp_path,
    )


def test_the_installed_command_refuses_too(install, tmp_path):
    """The `recuo` that pip made starts with the same look, after python-daemon was installed over it."""
    venv = install()
    (site_packages,) = venv.glob("lib/python*/site-packages")
    _written_over(site_packages, tmp_path)
    _refused([str(venv / "bin/recuo"), "--help"], dict(os.environ), "daemon", tmp_path)


def _refused(argv, env, named, cwd):
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("recuo: ")
    assert "virtual environment of its own" in line
    assert named in line
