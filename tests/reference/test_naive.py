"""The engine decides as the naive model does, on histories that Hypothesis makes up."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.reference.arena import Arena
from tests.reference.naive_cases import (
    FAST,
    LAGGING,
    SOURCES,
    Event,
    Rules,
    absent_rules,
    event_rules,
    histories,
    metric_rules,
    ratio_rules,
    rule_sets,
)
from tests.reference.profiles import oracle

# Plain lists and the blocks for many series; an engine woken at every deadline, and one that sleeps over them.
PATHS = pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="lists"),
        pytest.param({"drowsy": True}, id="lists, drowsy"),
        pytest.param({"blocks_from": 1}, id="blocks"),
        pytest.param({"blocks_from": 1, "drowsy": True}, id="blocks, drowsy"),
    ],
)


@PATHS
@given(rules=rule_sets(metric_rules()), events=histories((FAST,)))
@oracle(150)
def test_S2_to_S6_and_S10_windows_states_and_unknown(options, rules: Rules, events: list[Event]) -> None:
    """Limits on windows trip, hold, keep, clear and go unknown as in the model."""
    Arena(rules, SOURCES, **options).play(events)


@PATHS
@given(rules=rule_sets(metric_rules()), events=histories((LAGGING, FAST)))
@oracle(80)
def test_S2_lag(options, rules: Rules, events: list[Event]) -> None:
    """A source's lag moves its windows and its staleness limit as in the model."""
    Arena(rules, SOURCES, **options).play(events)


@PATHS
@given(rules=rule_sets(ratio_rules()), events=histories((FAST, FAST, LAGGING)))
@oracle(120)
def test_S9_ratio(options, rules: Rules, events: list[Event]) -> None:
    """Ratios of counters and deltas, with resets, gaps and too little volume, are as in the model."""
    Arena(rules, SOURCES, **options).play(events)


@PATHS
@given(rules=rule_sets(event_rules(), absent_rules()), events=histories(SOURCES))
@oracle(120)
def test_S11_events_and_absence(options, rules: Rules, events: list[Event]) -> None:
    """Events and absence begin, end and go unknown as in the model."""
    Arena(rules, SOURCES, **options).play(events)


@PATHS
@given(
    rules=rule_sets(metric_rules(), ratio_rules(), event_rules(), absent_rules(), composites=True),
    events=histories(SOURCES),
)
@oracle(120)
def test_S12_all_and_any(options, rules: Rules, events: list[Event]) -> None:
    """`all` and `any` over parts of every form follow Kleene's logic as in the model."""
    Arena(rules, SOURCES, **options).play(events)


@PATHS
@given(
    rules=rule_sets(metric_rules(), ratio_rules(), event_rules(), absent_rules(), composites=True),
    events=histories(SOURCES, steps=True),
)
@oracle(80)
def test_a_step_of_the_clock_moves_everything_in_flight(options, rules: Rules, events: list[Event]) -> None:
    """After the wall clock was stepped everything goes on as if it had not been, at the new time."""
    Arena(rules, SOURCES, **options).play(events)


@PATHS
@given(
    rules=rule_sets(metric_rules(), ratio_rules(), event_rules(), absent_rules(), composites=True),
    events=histories(SOURCES, restarts=True),
)
@oracle(80)
def test_S8_a_restart_loses_nothing(options, rules: Rules, events: list[Event]) -> None:
    """An engine made from what was kept goes on as the one that was, less the time that it was down."""
    Arena(rules, SOURCES, **options).play(events)
