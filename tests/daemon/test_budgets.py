"""A8: the documented budgets as clocks."""

from __future__ import annotations

import json

import pytest

from daemon import budgets, incidents
from tests.daemon.incident_kit import MINUTE, NOW, SECOND, World


@pytest.fixture
def world():
    made = World()
    made.fire(active_ms=5 * MINUTE)
    return made


def warnings(world: World) -> list[str]:
    """The budgets that people were warned of, in order."""
    rows = world.conn.execute("SELECT DISTINCT key FROM outbox WHERE kind = 'update' ORDER BY id")
    return [row[0].removeprefix("budget-1-") for row in rows]


def marked(world: World) -> list[tuple[str, str, int]]:
    """What was marked, and how many seconds after the opening."""
    rows = world.conn.execute("SELECT budget, mark, at FROM budget_marks ORDER BY at, budget")
    return [(row[0], row[1], (row[2] - NOW) // SECOND) for row in rows]


def test_A8_the_five_clocks_run_between_their_documented_instants(world):
    """Opened, assessed, decided, verified, delivered and recovered each start and stop what the design says."""
    world.now = NOW + 2 * MINUTE
    incidents.first_delivery(world.conn, 1, world.now)
    world.now = NOW + 4 * MINUTE
    world.assess_all()
    world.now = NOW + 9 * MINUTE
    world.decide()
    world.now = NOW + 20 * MINUTE
    world.resolve()
    found = {clock["name"]: clock for clock in world.detail()["budgets"]}
    spent = {name: clock["spent_ms"] // MINUTE for name, clock in found.items()}
    assert spent == {"identify": 4, "decide": 5, "execute": 11, "first_update": 2, "downtime": 25}
    assert {clock["state"] for clock in found.values()} == {"met"}
    assert found["downtime"]["started_at"] == NOW - 5 * MINUTE
    assert found["execute"]["stopped_at"] == NOW + 20 * MINUTE
    assert budgets.spent(world.conn, 1, world.config, world.now) == {
        name: minutes * MINUTE for name, minutes in spent.items()
    }


def test_A8_a_clock_is_running_warned_passed_and_then_missed(world):
    """At 80 % it warns, at its limit it is passed, and stopped from then on it is missed."""
    states = []
    for second in (0, 239, 240, 299, 300):
        world.now = NOW + second * SECOND
        states.append(world.clock("identify")["state"])
    assert states == ["running", "running", "warned", "warned", "passed"]
    assert world.clock("decide")["state"] == world.clock("execute")["state"] == "not_started"
    world.assess_all()
    assert world.clock("identify")["state"] == "missed"


def test_A8_each_clock_warns_and_escalates_once_and_on_time(world):
    """Woken only when something is due, each mark comes at its very instant, and never twice."""
    world.acknowledge()
    while incidents.next_due(world.conn, world.config) is not None:
        world.sleep_until_due()
        world.tick()
    assert marked(world) == [
        ("first_update", "warned", 240), ("identify", "warned", 240),
        ("first_update", "passed", 300), ("identify", "passed", 300),
        ("downtime", "warned", 1140), ("downtime", "passed", 1500),
    ]  # fmt: skip
    assert warnings(world) == ["identify", "first_update", "downtime"]
    assert world.kinds().count("budget-warned") == world.kinds().count("budget-passed") == 3


def test_A8_a_warning_goes_to_whoever_acknowledged_and_wakes_nobody(world):
    """It is an update, not a page, in the reader's language, and to them alone."""
    world.acknowledge("rui")
    pages = world.pages()
    world.wait(4 * MINUTE)
    rows = world.conn.execute("SELECT address, payload FROM outbox WHERE kind = 'update' ORDER BY id").fetchall()
    assert {row["address"] for row in rows} == {"rui@example.org"}
    message = json.loads(rows[0]["payload"])
    assert message["kind"] == "update" and message["locale"] == "en"
    assert "4m of 5m are used up: identification" in message["text"]
    assert world.pages() == pages


def test_A8_a_warning_goes_to_who_is_being_paged_before_anyone_acknowledged(world):
    """Whoever was paged last learns that time is running out."""
    world.wait(4 * MINUTE)
    rows = world.conn.execute("SELECT address, payload FROM outbox WHERE kind = 'update' ORDER BY id").fetchall()
    assert {row["address"] for row in rows} == {"ana@example.org"}
    assert "identificação" in json.loads(rows[0]["payload"])["text"]


def test_A8_a_passed_budget_pages_the_next_step(world):
    """The escalation goes on although somebody has acknowledged."""
    world.acknowledge()
    world.wait(5 * MINUTE)
    assert world.pages()[-1] == "budget"
    rows = world.conn.execute(
        "SELECT DISTINCT address FROM outbox WHERE kind = 'page' AND created_at = ?", (world.now,)
    )
    assert "rui@example.org" in {row[0] for row in rows}


def test_A8_clocks_that_are_passed_at_once_escalate_by_one_step():
    """Identification and first update have the same limit: people are paged once for both, not two steps at a time."""
    world = World()
    world.fire()
    world.wait(5 * MINUTE)
    assert world.kinds().count("budget-passed") == 2
    assert world.pages() == ["opened", "budget"]


def test_A8_a_daemon_that_slept_through_both_says_only_that_it_is_passed(world):
    """After a long sleep there is one message for each clock, and no warning of what is over."""
    world.wait(10 * MINUTE)
    assert warnings(world) == []
    assert world.kinds().count("budget-passed") == 2


def test_A8_nobody_is_woken_for_an_incident_that_has_recovered(world):
    """While it is quiet a passed clock is written down, and neither warns nor pages anyone."""
    world.wait(MINUTE)
    world.acknowledge()
    world.resolve()
    messages = world.conn.execute("SELECT count(*) FROM outbox").fetchone()[0]
    world.wait(3 * MINUTE)
    world.wait(MINUTE)
    assert ("identify", "passed", 300) in marked(world)
    assert world.conn.execute("SELECT count(*) FROM outbox").fetchone()[0] == messages


def test_A8_deciding_without_an_assessment_stops_identify_and_spends_nothing_of_decide(world):
    """Whoever decides has identified; the assessment may follow."""
    world.now += 3 * MINUTE
    world.decide()
    assert world.clock("identify")["state"] == world.clock("decide")["state"] == "met"
    assert (world.clock("identify")["spent_ms"], world.clock("decide")["spent_ms"]) == (3 * MINUTE, 0)
    world.now += 9 * MINUTE
    world.assess_all()
    assert world.clock("identify")["spent_ms"] == 3 * MINUTE


def test_A8_deciding_after_the_recovery_spends_nothing_of_execute(world):
    """There is nothing left to carry out."""
    world.now += MINUTE
    world.resolve()
    world.now += MINUTE
    world.decide("watch")
    assert (world.clock("execute")["state"], world.clock("execute")["spent_ms"]) == ("met", 0)


def test_A8_a_resolution_stops_all_clocks(world):
    """What was running then is met or missed as it stands, and spends no more."""
    world.now += 6 * MINUTE
    world.end(reason="false alarm")
    world.now += 60 * MINUTE
    states = {clock["name"]: clock["state"] for clock in world.detail()["budgets"]}
    assert states == {
        "identify": "missed", "decide": "not_started", "execute": "not_started", "first_update": "missed",
        "downtime": "met",
    }  # fmt: skip
    assert world.clock("downtime")["spent_ms"] == 11 * MINUTE
    assert incidents.next_due(world.conn, world.config) is None


def test_A8_after_a_reopening_the_clocks_go_on_without_the_time_between(world):
    """Identify goes on with what it had spent; downtime counts only while the service was down."""
    world.now += 2 * MINUTE
    world.resolve()
    world.wait(5 * MINUTE)
    assert world.state() == "closed"
    world.now += 20 * MINUTE
    world.fire()
    assert (world.clock("identify")["state"], world.clock("identify")["spent_ms"]) == ("passed", 7 * MINUTE)
    assert world.clock("downtime")["spent_ms"] == 7 * MINUTE
    world.now += MINUTE
    assert world.clock("downtime")["spent_ms"] == 8 * MINUTE
    assert world.clock("identify")["spent_ms"] == 8 * MINUTE
    assert world.clock("downtime")["warn_at"] - world.now == 16 * MINUTE


def test_A8_verified_and_down_again_the_execution_goes_on(world):
    """A verification that did not hold is none: the clock runs from the decision again."""
    world.now += MINUTE
    world.decide()
    world.now += MINUTE
    world.resolve()
    assert world.clock("execute")["state"] == "met"
    world.now += MINUTE
    world.fire()
    assert world.clock("execute")["state"] == "running"
    assert world.clock("execute")["spent_ms"] == 2 * MINUTE


def test_A8_only_the_first_delivery_counts(world):
    """The first message that reached anyone stops the clock; later ones and unknown incidents change nothing."""
    incidents.first_delivery(world.conn, 1, NOW + SECOND)
    incidents.first_delivery(world.conn, 1, NOW + 9 * SECOND)
    incidents.first_delivery(world.conn, 77, NOW)
    assert world.clock("first_update")["spent_ms"] == SECOND
    assert world.kinds().count("first-update") == 1


def test_marks_survive_a_restart(world):
    """What was warned of before is not warned of again by the next process."""
    world.wait(4 * MINUTE)
    sent = warnings(world)
    world.conn.memo.clear()
    world.alerts.clear()
    for _ in range(3):
        world.wait(10 * SECOND)
    assert warnings(world) == sent
