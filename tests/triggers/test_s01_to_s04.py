"""S1 samples, S2 windows, S3 when a rule is evaluated, S4 state."""

from __future__ import annotations

import math

import pytest

from tests.triggers.rig import T0, Rig, S, sample, source
from triggers.base import Bounds

LAST = {"r": {"metric": "g", "above": 5}}


def test_s1_a_failed_poll_says_nothing_about_the_product():
    """A failed poll changes no state by itself."""
    rig = Rig(LAST)
    rig.poll(0, g=9)
    assert rig.fail(15) == []
    assert rig.state("r") == "firing"


def test_s1_a_delta_is_summed_and_a_counter_steps():
    """The increase of a delta is its sum, of a counter its steps with resets seen."""
    rig = Rig(
        {
            "d": {"metric": "d", "reduce": "increase", "over": "1m", "above": 100},
            "c": {"metric": "req", "reduce": "increase", "over": "1m", "above": 100},
        }
    )
    for at, value in enumerate((4, 9, 2, 3)):
        rig.poll(at * 10, d=value, req=value)
    assert rig.value("d") == 18
    assert rig.value("c") == 5 + 2 + 1


@pytest.mark.parametrize("options", [{}, {"blocks_from": 1}], ids=["lists", "columns"])
def test_s2_the_window_is_open_on_the_left(options):
    """A sample exactly `over` old has left; what is not finite never entered."""
    rig = Rig({"r": {"metric": "g", "reduce": "sum", "over": "30s", "above": 100}}, **options)
    rig.poll(0, g=1)
    rig.poll(15, g=2)
    rig.poll(20, g=math.nan)
    rig.poll(30, g=4)
    assert rig.value("r") == 6
    assert rig.engine.stats.dropped["s", "not finite"] == 1


@pytest.mark.parametrize("options", [{}, {"blocks_from": 1}], ids=["lists", "columns"])
def test_s2_late_and_duplicate_samples(options):
    """Out of order is put in its place, the first of two for an instant stays, beyond the window is dropped."""
    rig = Rig({"r": {"metric": "req", "reduce": "increase", "over": "1m", "above": 100}}, **options)
    rig.poll(0, req=1)
    rig.poll(60, req=10)
    rig.poll(61, sample("req", 40, 30), sample("req", 99, 60), sample("req", 7, 0), sample("req", 12, 61))
    assert rig.value("r") == 10 + 2
    assert (rig.engine.stats.late, rig.engine.stats.duplicate) == (1, 1)


def test_s2_lag_moves_the_window():
    """With a lag of 30 s the window at 60 s ends at 30 s."""
    rig = Rig({"r": {"metric": "g", "reduce": "sum", "over": "20s", "above": 100}}, source(lag=30 * S, stale=120 * S))
    rig.poll(60, sample("g", 1, 10), complete=False)
    rig.poll(61, sample("g", 2, 20), sample("g", 4, 32), complete=False)
    assert rig.value("r") == 2


def test_s2_bounds_refuse_the_whole_poll_by_name():
    """A poll that breaks its source's bounds counts as failed, and says whose and which."""
    rig = Rig(LAST, source(bounds=Bounds(series=2, labels=1, label_length=5)))
    rig.poll(0, *(sample("g", 9, 0, a=str(n)) for n in range(3)))
    assert "source s brought 3 series" in rig.engine.sources()[0].last_reason
    rig.poll(1, sample("g", 9, 1, a="1", b="2"))
    assert "with 2 labels" in rig.engine.sources()[0].last_reason
    rig.poll(2, sample("g", 9, 2, a="123456"))
    assert "a label of 6 characters" in rig.engine.sources()[0].last_reason
    assert rig.engine.alerts() == []


@pytest.mark.parametrize("options", [{}, {"blocks_from": 1}], ids=["lists", "columns"])
def test_s3_fires_at_the_holds_own_end(options):
    """The hold's end is known beforehand and needs no sample."""
    rig = Rig({"r": {"metric": "g", "above": 5, "for": "20s"}}, **options)
    assert rig.poll(0, g=9) == ["pending r"]
    assert rig.engine.next_wake() == T0 + 20 * S
    rig.poll(15, g=9)
    assert rig.wait(30) == ["firing r"]
    assert rig.happened[-1].at == T0 + 20 * S


def test_s4_state_and_unknown_stand_beside_each_other():
    """A firing alert that goes unknown is firing, unknown since when, and why."""
    rig = Rig(LAST)
    rig.poll(0, g=9)
    rig.wait(60)
    (alert,) = rig.engine.alerts()
    assert (alert.state, alert.unknown_since, alert.reason) == ("firing", T0 + 60 * S, "no fresh sample")
