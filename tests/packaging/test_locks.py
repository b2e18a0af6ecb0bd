"""The lock files: hashed, complete, agreeing, and naming no place to fetch from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
RUN, BUILD, DEV = "requirements.lock", "requirements-build.lock", "requirements-dev.lock"


def locked(name: str) -> dict[str, str]:
    """Version by canonical name; asserts that every line is a pin or a sha256 of it."""
    versions: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", (REPOSITORY / name).read_text().strip()):
        pin, *hashes = (line.strip(" \\") for line in block.splitlines())
        requirement = Requirement(pin)
        (only,) = requirement.specifier
        assert only.operator == "=="
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), pin
        versions[canonicalize_name(requirement.name)] = only.version
    return versions


def project():
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", [RUN, BUILD, DEV])
def test_a_lock_names_no_index_and_no_path(name):
    """Only pins and hashes: the machine's own pip configuration says where packages come from."""
    locked(name)
    assert not re.search(r"://|--(extra-)?index|--find-links|@ |^#", (REPOSITORY / name).read_text(), re.MULTILINE)


def test_the_locks_hold_what_the_project_asks_for():
    """Every dependency, and every tool of the dev extra, is locked at a version that its bounds admit."""
    for wanted, lock in ((project()["dependencies"], RUN), (project()["optional-dependencies"]["dev"], DEV)):
        versions = locked(lock)
        for each in map(Requirement, wanted):
            assert each.specifier.contains(versions[canonicalize_name(each.name)]), each


def test_the_locks_agree():
    """The tests run with the very versions that the daemon runs with."""
    tested = locked(DEV)
    for lock in (RUN, BUILD):
        assert locked(lock).items() <= tested.items()
