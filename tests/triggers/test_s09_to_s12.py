"""S9 ratios, S10 by, S11 events and absence, S12 all and any; explain; the two ways of running agree."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.rig import T0, Rig, S, sample, source
from triggers.compile import check_rules
from triggers.rules import Reduce, RuleConfig
from triggers.windows import window_for

BOTH = pytest.mark.parametrize("options", [{}, {"blocks_from": 1}], ids=["lists", "columns"])
RATIO = {"r": {"ratio": {"of": "err", "to": "req", "over": "1m", "min_volume": 10}, "above": "1%"}}


@BOTH
def test_s9_ratio_of_increases_with_resets(options):
    """The part's steps divided by the whole's; a missing part is 0; too little volume is no answer."""
    rig = Rig(RATIO, **options)
    rig.poll(0, req=0)
    rig.poll(10, req=5)
    assert rig.state("r") == "inactive unknown"
    rig.poll(20, req=20)
    assert rig.state("r") == "inactive"
    rig.poll(30, req=40, err=3)
    rig.poll(40, req=10, err=5)
    assert rig.value("r") == 2 / 50
    assert rig.state("r") == "firing"


@BOTH
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"reduce": "avg", "over": "1m"}, (1 + 2 + 3 + 10) / 4),
        ({"reduce": "max", "over": "1m"}, 10),
        ({"reduce": "min", "over": "1m"}, 1),
        ({"reduce": "sum", "over": "1m"}, 16),
        ({"reduce": "count", "over": "1m"}, 4),
        ({"reduce": "p50", "over": "1m"}, 2.5),
        ({"aggregate": "avg"}, 6.5),
    ],
)
def test_s10_by_pools_or_sums(options, body, expected):
    """avg, min, max and percentiles pool samples; sum and count add up; last takes its aggregate."""
    rig = Rig({"r": {"metric": "g", "by": ["a"], "above": 100, **body}}, **options)
    rig.poll(0, sample("g", 1, 0, a="x", b="1"), sample("g", 2, 0, a="x", b="2"), sample("g", 50, 0, a="y", b="1"))
    rig.poll(10, sample("g", 3, 10, a="x", b="1"), sample("g", 10, 10, a="x", b="2"), sample("g", 5, 10, a="y", b="1"))
    assert rig.value("r", (("a", "x"),)) == expected


@BOTH
def test_s10_increase_is_taken_a_series_and_then_summed(options):
    """A reset of one series is not hidden by another's growth."""
    rig = Rig({"r": {"metric": "req", "reduce": "increase", "over": "1m", "by": [], "above": 100}}, **options)
    rig.poll(0, sample("req", 10, 0, a="1"), sample("req", 100, 0, a="2"))
    rig.poll(10, sample("req", 3, 10, a="1"), sample("req", 150, 10, a="2"))
    assert rig.value("r") == 3 + 50


def test_s11_an_event_is_true_for_over_and_counted_once():
    """True from the event until `over` has passed; the same id is one event."""
    rig = Rig({"e": {"event": "boom", "over": "1m"}})
    assert rig.poll(0, sample("boom", 1, 0, "x1")) == ["firing e", "event e"]
    assert rig.poll(10, sample("boom", 1, 10, "x1")) == []
    assert rig.wait(60) == ["resolved e"]


def test_s11_absent_counts_from_the_last_sample_and_not_while_its_source_fails():
    """Fires `for` after the last sample; unknown while the source fails."""
    rig = Rig({"a": {"absent": "g", "for": "90s"}})
    rig.poll(0, g=1)
    rig.poll(10, g=1)
    rig.poll(50, complete=False)
    assert rig.wait(99) == []
    assert rig.wait(100) == ["firing a"]
    rig.poll(110, g=1)
    rig.fail(115)
    rig.wait(400)
    assert rig.state("a") == "inactive unknown"


def test_s12_kleene_joined_on_shared_labels():
    """All is unknown while a part is and no other is false; any fires with one part; labels are those all share."""
    rig = Rig(
        {
            "a": {"metric": "g", "above": 5},
            "b": {"metric": "h", "above": 5, "by": ["x"], "aggregate": "max"},
            "both": {"all": ["a", "b"]},
            "either": {"any": ["a", "b"]},
        },
        source(),
        source("t", stale=600 * S),
    )
    key = (("x", "1"),)
    rig.poll(0, sample("g", 9, 0, x="1", y="2"))
    rig.poll(0, sample("h", 1, 0, x="1"), name="t")
    assert (rig.state("either", key), rig.state("both", key)) == ("firing", "inactive")
    rig.poll(1, sample("h", 9, 1, x="1"), name="t")
    assert rig.state("both", key) == "firing"
    rig.wait(60)
    assert (rig.state("either", key), rig.state("both", key)) == ("firing", "firing unknown")


def test_s12_cycles_and_unknown_names_are_refused():
    """Check names the circle, and the nearest right word."""
    rules = {n: RuleConfig.model_validate(b) for n, b in {"a": {"all": ["b"]}, "b": {"any": ["a", "lat"]}}.items()}
    told = "\n".join(problem.message for problem in check_rules(rules, None, {}))
    assert "a -> b -> a" in told
    assert "there is no rule lat" in told


@BOTH
def test_explain_gives_samples_window_and_arithmetic(options):
    """What a person needs at 3 a.m. is there, in plain data."""
    rig = Rig({"r": {"metric": "g", "reduce": "avg", "over": "1m", "above": 5, "for": "1m"}}, **options)
    rig.poll(0, g=8)
    rig.poll(10, g=10)
    found = rig.engine.explain("r", ())
    assert found["value"] == 9
    assert [point["value"] for point in found["windows"][0]["samples"]] == [8, 10]
    assert found["state"] == "pending"
    assert found["deadlines"][0]["what"] == "fires, if still true"


VALUES = st.integers(-64, 64).map(lambda n: n / 8)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(list(Reduce)), st.lists(st.tuples(st.integers(0, 40), VALUES), max_size=40))
def test_windows_agree_with_brute_force(reduce, points):
    """Every reducer says what looking at all samples again would, exactly for dyadic values."""
    window, kept, now = window_for(reduce, 12), {}, 0
    for step, value in points:
        now = max(now, step)
        if step > now - 12 and step not in kept:
            kept[step] = value
            window.add(step, 1, value, now)
        window.trim(now)
        inside = [kept[at] for at in sorted(kept) if now - 12 < at <= now]
        assert window.value() == (_brute(reduce, inside) if inside else None)


def _brute(reduce, values):
    if reduce.quantile is not None:
        ordered, rank = sorted(values), reduce.quantile * (len(values) - 1)
        low = int(rank)
        return ordered[low] * (1 - (rank - low)) + ordered[min(low + 1, len(values) - 1)] * (rank - low)
    if reduce.of_counter:
        return sum(new - old if new >= old else new for old, new in pairwise(values))
    if reduce in {Reduce.LAST, Reduce.AVG}:
        return values[-1] if reduce is Reduce.LAST else sum(values) / len(values)
    return float({"count": len(values), "sum": sum(values), "min": min(values), "max": max(values)}[reduce.value])


RULES = {
    "avg": {"metric": "g", "reduce": "avg", "over": "30s", "above": 2},
    "max": {"metric": "g", "reduce": "max", "over": "30s", "above": 4, "for": "10s", "by": ["a"]},
    "hold": {"metric": "g", "above": 3, "for": "10s", "clear": {"below": 1, "for": "5s"}},
    "inc": {"metric": "req", "reduce": "increase", "over": "30s", "above": 3, "keep_firing_for": "10s"},
    "ratio": {"ratio": {"of": "err", "to": "req", "over": "30s"}, "above": 0.5, "by": ["a"]},
}
SAMPLES = st.tuples(st.sampled_from(["g", "req", "err"]), st.sampled_from("xy"), st.sampled_from("12"), VALUES)
POLLS = st.lists(
    st.tuples(st.integers(0, 40), st.lists(st.tuples(SAMPLES, st.integers(-20, 2)), max_size=8)), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(POLLS, st.booleans())
def test_columns_decide_as_lists_do(polls, complete):
    """The same samples bring the same transitions whichever way a rule runs, and whenever it changes over."""
    rigs = [Rig(RULES), Rig(RULES, blocks_from=1), Rig(RULES, blocks_from=3)]
    now = 0
    for wait, brought in polls:
        now += wait
        batch = [sample(metric, value, now + off, a=a, b=b) for (metric, a, b, value), off in brought]
        for rig in rigs:
            rig.wait(now)
            rig.poll(now, *batch, complete=complete)
    told = [sorted((t.at - T0, t.rule, t.labels, t.kind) for t in rig.happened) for rig in rigs]
    assert told[0] == told[1] == told[2]
