"""How many examples the oracles compare: few by default, many with RECUO_THOROUGH=1, always the same ones in CI."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

THOROUGH = os.environ.get("RECUO_THOROUGH", "") not in {"", "0"}
IN_CI = os.environ.get("CI", "") == "true"
_MORE = 40


def oracle(examples: int, *, shrink: bool = True) -> settings:
    """Settings for a comparison with an oracle: `examples` of them, forty times as many when thorough.

    Without `shrink` a failure is told as it was found: for examples that cost a process each.
    """
    return settings(
        max_examples=examples * (_MORE if THOROUGH else 1),
        deadline=None,  # an example is a whole history; how long one takes says nothing
        derandomize=IN_CI and not THOROUGH,
        database=None,  # the tree stays clean; a failure prints the history that it needs
        print_blob=True,
        phases=(Phase.explicit, Phase.generate, *((Phase.shrink,) if shrink else ())),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
