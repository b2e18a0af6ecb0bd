"""S5 for, keep and clear; S6 unknown; S7 blind; S8 restart."""

from __future__ import annotations

import json

import pytest

from tests.triggers.rig import T0, Rig, S, sample, source
from triggers.alerts import AlertState
from triggers.base import Batch
from triggers.engine import Engine

BOTH = pytest.mark.parametrize("options", [{}, {"blocks_from": 1}], ids=["lists", "columns"])


@BOTH
def test_s5_for_and_keep_firing_for(options):
    """Pending until `for` has passed; false for `keep_firing_for` resolves, a true one between starts it again."""
    rig = Rig({"r": {"metric": "g", "above": 5, "for": "10s", "keep_firing_for": "20s"}}, **options)
    rig.poll(0, g=9)
    assert rig.poll(5, g=1) == ["dropped r"]
    rig.poll(10, g=9)
    assert rig.poll(20, g=9) == ["firing r"]
    rig.poll(25, g=1)
    rig.poll(30, g=9)
    rig.poll(35, g=1)
    assert rig.wait(54) == []
    assert rig.wait(55) == ["resolved r"]


@BOTH
def test_s5_clear_is_hysteresis(options):
    """Firing resolves only after the value has been clear for its own time."""
    rig = Rig({"r": {"metric": "g", "above": 5, "clear": {"below": 3, "for": "10s"}}}, **options)
    rig.poll(0, g=9)
    rig.poll(5, g=4)
    rig.poll(30, g=2)
    rig.poll(35, g=4)
    assert rig.state("r") == "firing"
    rig.poll(40, g=2)
    assert rig.wait(50) == ["resolved r"]


@BOTH
def test_s6_time_unknown_does_not_count(options):
    """The hold moves by the time spent unknown."""
    rig = Rig({"r": {"metric": "g", "above": 5, "for": "100s"}}, **options)
    rig.poll(0, g=9)
    rig.poll(80, g=9)
    assert [each.at - T0 for each in rig.happened if each.kind == "unknown"] == [60 * S]
    assert rig.wait(119) == []
    assert rig.wait(120) == ["firing r"]


@BOTH
def test_s6_unknown_for_longer_than_for_drops_pending(options):
    """Unknown for `for`, at least a minute, drops pending; firing stays."""
    rig = Rig({"p": {"metric": "g", "above": 5, "for": "70s"}, "f": {"metric": "g", "above": 5}}, **options)
    rig.poll(0, g=9)
    rig.wait(129)
    assert rig.state("p") == "pending unknown"
    rig.wait(130)
    assert (rig.state("p"), rig.state("f")) == ("inactive unknown", "firing unknown")


@BOTH
def test_s6_a_series_missing_from_a_successful_poll_has_ended(options):
    """Pending drops at once; firing resolves as ended after ten minutes."""
    rules = {"p": {"metric": "g", "above": 5, "for": "1h"}, "f": {"metric": "g", "above": 5}}
    rig = Rig(rules, source(stale=3600 * S), **options)
    rig.poll(0, g=9)
    assert rig.poll(15) == ["dropped p"]
    assert rig.wait(614) == []
    assert rig.wait(615) == ["resolved f"]
    assert rig.happened[-1].reason == "ended"


def test_s7_a_blind_source_is_an_alert_that_lists_its_rules():
    """A source that fails for `blind_after` is told with the rules in the dark, and when it answers again."""
    rig = Rig({"r": {"metric": "g", "above": 5}}, source(blind=100 * S))
    rig.fail(0, "401")
    assert rig.wait(99) == []
    assert rig.wait(100) == ["firing source:s"]
    assert "r" in rig.happened[-1].reason
    assert rig.poll(101, g=1) == ["resolved source:s"]


@BOTH
def test_s8_a_restart_loses_nothing(options):
    """Windows, states and timers go on; firing does not fire again; the time down does not count."""
    rules = {"f": {"metric": "g", "above": 5}, "p": {"metric": "g", "above": 5, "for": "60s"}}
    rig = Rig(rules, **options)
    history = [Batch("s", T0 + at * S, [sample("g", 9, at)]) for at in (0, 10)]
    for batch in history:
        rig.engine.feed(batch)
    kept = [AlertState.from_json(json.loads(json.dumps(s.to_json()))) for s in rig.engine.snapshot_alerts()]
    again = Engine(rig.rules, [source()], now=T0 + 30 * S, **options)
    told = again.restore(kept, history, down_from=T0 + 10 * S, now=T0 + 30 * S)
    assert "firing" not in {each.kind for each in told}
    told = again.feed(Batch("s", T0 + 30 * S, [sample("g", 9, 30)]))
    assert {each.kind for each in told} == {"known"}
    again.feed(Batch("s", T0 + 60 * S, [sample("g", 9, 60)]))
    assert [(each.rule, each.at) for each in again.advance(T0 + 90 * S)] == [("p", T0 + 80 * S)]


def test_s8_first_boot_fires_on_no_empty_window():
    """Without a sample nothing fires, not even below a limit."""
    rig = Rig({"r": {"metric": "g", "reduce": "count", "over": "1m", "below": 5}})
    assert rig.wait(3600) == []


@BOTH
def test_the_clock_stepped_moves_everything_in_flight(options):
    """A hold ends as long after the step as it would have without."""
    rig = Rig({"r": {"metric": "g", "above": 5, "for": "50s"}}, **options)
    rig.poll(0, g=9)
    rig.engine.shift(-3600 * S)
    assert rig.engine.next_wake() == T0 - 3550 * S


def test_reload_keeps_what_is_unchanged_and_resolves_what_is_gone():
    """An unchanged rule keeps its hold; a removed one resolves and says why."""
    rig = Rig({"keep": {"metric": "g", "above": 5, "for": "50s"}, "gone": {"metric": "g", "above": 5}})
    rig.poll(0, g=9)
    told = rig.engine.replace_rules({"keep": rig.rules["keep"]}, [source()], now=T0 + S)
    assert [(each.rule, each.kind, each.reason) for each in told] == [("gone", "resolved", "rule removed")]
    assert rig.wait(50) == ["firing keep"]
