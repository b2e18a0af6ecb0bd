"""PyPI's python-daemon also installs a package named `daemon`: Recuo says so, in one line, before anything breaks."""

from __future__ import annotations

import shutil
import subprocess

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


def _written_under(site_packages, tmp_path):
    _write(site_packages, {name: text for name, text in _THEIRS.items() if name != "daemon/__init__.py"})


def _uninstalled_after(site_packages, tmp_path):
    (site_packages / "daemon/__init__.py").unlink()
    _write(tmp_path / "other", _THEIRS)
    (site_packages / "0.pth").write_text(f"{tmp_path / 'other'}\n")


def _found_first(site_packages, tmp_path):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("daemon", "triggers", "actions", "recuo"):
        shutil.move(site_packages / name, checkout / name)
    _write(site_packages, _THEIRS)
    (site_packages / "recuo.pth").write_text(f"{checkout}\n")


def _another_named_actions(site_packages, tmp_path):
    shutil.rmtree(site_packages / "actions")
    _write(site_packages, {"actions.py": "print('not ours')\n"})


@pytest.mark.parametrize(
    "happened", [_written_over, _written_under, _found_first, _uninstalled_after, _another_named_actions]
)
def test_a_foreign_package_is_named_and_nothing_of_it_is_imported(install, tmp_path, happened):
    """Whichever came first, `recuo` exits 2 with one line that says what stands where and what to do."""
    venv = install()
    (site_packages,) = venv.glob("lib/python*/site-packages")
    happened(site_packages, tmp_path)
    done = subprocess.run(
        [str(venv / "bin/recuo"), "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("recuo: ")
    assert "virtual environment of its own" in line
    assert ("actions" if happened is _another_named_actions else "daemon") in line
