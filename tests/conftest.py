"""What holds for every test: long ones run when asked for, Hypothesis repeats itself in CI."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

_THOROUGH = os.environ.get("RECUO_THOROUGH") == "1"

# No deadline: two shared cores pause any example. In CI the same examples run every time; `make faults` draws new ones.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, database=None)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=1000)
settings.load_profile("thorough" if _THOROUGH else "ci" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the long suites to `make faults`."""
    if _THOROUGH:
        return
    for item in items:
        if item.get_closest_marker("thorough"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: RECUO_THOROUGH=1, or make faults"))
