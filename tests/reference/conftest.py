"""Where the oracles outside Python come from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.reference.profiles import IN_CI


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Debian's promtool. Where it is missing the test skips by name; in CI it fails, since there it must be."""
    found = shutil.which("promtool")
    if found:
        return Path(found)
    missing = "promtool is not installed (Debian, Ubuntu: apt-get install prometheus)"
    if IN_CI:
        pytest.fail(missing)
    pytest.skip(missing)
