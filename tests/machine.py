"""What the machine must have for a test: missing, it is a failure in CI, elsewhere a skip that says what to install."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """End the test: `what` says what is not there and how to get it."""
    if os.environ.get("CI"):
        pytest.fail(f"CI lacks it: {what}")
    pytest.skip(what)


def program(name: str, package: str = "") -> str:
    """The path of a program on this machine, or the end of the test."""
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed: apt-get install {package or name}")
    return found
