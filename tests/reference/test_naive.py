"""The engine decides as the naive model does, on histories that Hypothesis makes up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.arena import Arena
from tests.reference.naive_cases import (
    FAST,
    LAGGING,
    SOURCES,
    Event,
    Rules,
    absent_rules,
    event_rules,
    flapping,
    histories,
    hysteresis_rules,
    metric_rules,
    ratio_rules,
    rule_sets,
)
from tests.reference.profiles import oracle

# How many series make a rule run in columns: never for so few, or from the first one.
PATHS = pytest.mark.parametrize("options", [{}, {"blocks_from": 1}], ids=["lists", "columns"])
# Whether the engine is woken at every deadline, or sleeps over them and has to catch up.
DROWSY = st.booleans()


@PATHS
@given(rules=rule_sets(metric_rules()), events=histories((FAST,)), drowsy=DROWSY)
@oracle(100)
def test_S2_to_S6_and_S10_windows_states_and_unknown(options, rules: Rules, events: list[Event], drowsy: bool) -> None:
    """Limits on windows trip, hold, keep, clear and go unknown as in the model."""
    Arena(rules, SOURCES, drowsy=drowsy, **options).play(events)


@PATHS
@given(rules=rule_sets(hysteresis_rules()), events=flapping(), drowsy=DROWSY)
@oracle(60)
def test_S5_hold_keep_and_clear_of_what_flaps(options, rules: Rules, events: list[Event], drowsy: bool) -> None:
    """A true condition starts keep and clear again; neither touches pending; time unknown moves all three."""
    Arena(rules, SOURCES, drowsy=drowsy, **options).play(events)


@PATHS
@given(rules=rule_sets(metric_rules()), events=histories((LAGGING, FAST)), drowsy=DROWSY)
@oracle(60)
def test_S2_lag(options, rules: Rules, events: list[Event], drowsy: bool) -> None:
    """A source's lag moves its windows and its staleness limit as in the model."""
    Arena(rules, SOURCES, drowsy=drowsy, **options).play(events)


@PATHS
@given(rules=rule_sets(ratio_rules()), events=histories((FAST, FAST, LAGGING)), drowsy=DROWSY)
@oracle(100)
def test_S9_ratio(options, rules: Rules, events: list[Event], drowsy: bool) -> None:
    """Ratios of counters and deltas, with resets, gaps and too little volume, are as in the model."""
    Arena(rules, SOURCES, drowsy=drowsy, **options).play(events)


@PATHS
@given(rules=rule_sets(event_rules(), absent_rules()), events=histories(SOURCES), drowsy=DROWSY)
@oracle(100)
def test_S11_events_and_absence(options, rules: Rules, events: list[Event], drowsy: bool) -> None:
    """Events and absence begin, end and go unknown as in the model."""
    Arena(rules, SOURCES, drowsy=drowsy, **options).play(events)


@PATHS
@given(
    rules=rule_sets(metric_rules(), ratio_rules(), event_rules(), absent_rules(), composites=True),
    events=histories(SOURCES),
    drowsy=DROWSY,
)
@oracle(100)
def test_S12_all_and_any(options, rules: Rules, events: list[Event], drowsy: bool) -> None:
    """`all` and `any` over parts of every form follow Kleene's logic as in the model."""
    Arena(rules, SOURCES, drowsy=drowsy, **options).play(events)


@PATHS
@given(
    rules=rule_sets(metric_rules(), ratio_rules(), event_rules(), absent_rules(), composites=True),
    events=histories(SOURCES, steps=True),
    drowsy=DROWSY,
)
@oracle(60)
def test_a_step_of_the_clock_moves_everything_in_flight(
    options, rules: Rules, events: list[Event], drowsy: bool
) -> None:
    """After the wall clock was stepped everything goes on as if it had not been, at the new time."""
    Arena(rules, SOURCES, drowsy=drowsy, **options).play(events)


@PATHS
@given(
    rules=rule_sets(metric_rules(), ratio_rules(), event_rules(), absent_rules(), composites=True),
    events=histories(SOURCES, restarts=True),
    drowsy=DROWSY,
)
@oracle(60)
def test_S8_a_restart_loses_nothing(options, rules: Rules, events: list[Event], drowsy: bool) -> None:
    """An engine made from what was kept goes on as the one that was, less the time that it was down."""
    Arena(rules, SOURCES, drowsy=drowsy, **options).play(events)
