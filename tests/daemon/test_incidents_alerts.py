"""A7: what alerts do to incidents."""

from __future__ import annotations

import json

import pytest

from daemon import audit, incidents
from tests.daemon.incident_kit import MINUTE, NOW, RULES, SECOND, World


def test_A7_a_firing_alert_opens_an_incident_of_its_playbook():
    """The incident has the playbook's title, the rule's severity, and begins when the alert became active."""
    world = World()
    assert world.fire(active_ms=5 * MINUTE, text="612 ms > 500 ms") == [1]
    row = world.row()
    assert (row["playbook"], row["title"], row["severity"], row["state"]) == (
        "performance",
        "Lento",
        "critical",
        "triggered",
    )
    assert (row["began_at"], row["opened_at"]) == (NOW - 5 * MINUTE, NOW)
    assert json.loads(row["group_key"]) == {"environment": "production"}
    assert row["config_digest"] == "d1"
    assert world.pages() == ["opened"]
    assert world.event("opened")["data"]["text"] == "612 ms > 500 ms"


def test_A7_alerts_of_one_playbook_and_environment_share_an_incident():
    """A second rule and a second label set join; another environment has an incident of its own."""
    world = World()
    world.fire(route="/a")
    assert world.fire(route="/b") == [1]
    assert world.fire("cpu-high", environment="production") == [1]
    assert world.fire("cpu-high", environment="beta") == [2]
    assert len(world.detail()["alerts"]) == 3
    assert world.row(2)["environment"] == "beta"
    assert world.pages() == ["opened", "opened"]


def test_A7_group_by_may_name_any_labels():
    """Alerts that agree on the labels of group_by share an incident; one without the label groups under none."""
    world = World(playbooks={"performance": {"triggers": ["latency-high"], "group_by": ["route", "environment"]}})
    assert [world.fire(route=route, host=host)[0] for route, host in (("/a", "1"), ("/b", "1"), ("/a", "2"))] == [
        1,
        2,
        1,
    ]
    assert world.fire() == [3]
    assert world.detail(3)["group"] == {"environment": "production", "route": ""}


def test_A7_a_rule_of_two_playbooks_opens_an_incident_for_each():
    """Each playbook has its own incident of the same alert."""
    world = World(playbooks={"one": {"triggers": ["latency-high"]}, "two": {"triggers": ["latency-high"]}})
    assert world.fire() == [1, 2]


def test_A7_an_alert_without_a_playbook_gets_the_built_in_page():
    """Its incident is its rule's own, titled with the rule's summary, for each environment."""
    world = World()
    assert world.fire("lonely", host="a") == world.fire("lonely", host="b") == [1]
    assert world.fire("cpu-high") == [2]
    row = world.row()
    assert (row["playbook"], row["title"], row["escalation"]) == ("page", "x está alto", "default")
    assert world.detail()["group"] == {"environment": "production", "rule": "lonely"}


def test_a_rule_that_pages_nobody_opens_no_incident():
    """`page: false` without a playbook is only noted in the audit trail; with a playbook it opens its incident."""
    world = World()
    assert world.fire("silent") == []
    assert world.resolve("silent") == []
    assert world.kinds(None) == ["alert-fired", "alert-resolved"]
    assert world.pages() == []
    assert world.fire("silent-part") == [1]


def test_S7_a_blind_source_opens_an_incident_of_its_own():
    """It names the source, is an error, tells the rules that depend on it, and ends when the source is seen again."""
    world = World()
    blind = world.transition(
        "firing", "source:site", {"source": "site"}, reason="no answer; latency-high depends on it"
    )
    assert world.apply(blind) == [1]
    assert world.row()["title"] == "A fonte site não pode ser consultada"
    assert world.row()["severity"] == "error"
    assert "latency-high" in world.detail()["alerts"][0]["reason"]
    assert world.pages() == ["opened"]
    world.resolve("source:site", source="site")
    world.wait(5 * MINUTE)
    assert world.state() == "closed"


def test_a_playbook_s_severity_is_the_least_its_incidents_have():
    """The playbook's severity stands unless the rule is worse."""
    world = World(playbooks={"p": {"triggers": ["cpu-high", "latency-high"], "severity": "error"}})
    world.fire("cpu-high")
    assert world.row()["severity"] == "error"
    world.fire("latency-high")
    assert world.row()["severity"] == "critical"


def test_A7_an_alert_that_joins_raises_the_severity_and_pages_again():
    """A worse alert raises the incident and pages as `raised`; one that is no worse does neither."""
    world = World()
    world.fire("cpu-high")
    assert world.row()["severity"] == "warning"
    world.now += SECOND
    world.fire("latency-high", route="/a")
    assert world.row()["severity"] == "critical"
    world.now += SECOND
    world.fire("latency-high", route="/b")
    assert world.pages() == ["opened", "raised"]
    assert world.event("raised")["data"] == {"new": "critical", "old": "warning", "rule": "latency-high"}


def test_alerts_that_fire_together_make_one_page_that_tells_of_all():
    """What the engine decided at one instant is one page, at the worst severity."""
    world = World()
    world.apply(world.transition("firing", "cpu-high", {}), world.transition("firing", "latency-high", {"route": "/a"}))
    assert world.pages() == ["opened"]
    (payload,) = world.conn.execute("SELECT payload FROM outbox LIMIT 1").fetchone()
    assert "latency-high" in json.loads(payload)["text"] and json.loads(payload)["severity"] == "critical"


def test_A8_an_incident_began_with_the_earliest_of_its_alerts():
    """An alert that joins later but became active earlier moves the beginning back."""
    world = World()
    world.fire("cpu-high", active_ms=3 * MINUTE)
    world.now += MINUTE
    world.fire("latency-high", active_ms=5 * MINUTE)
    assert world.row()["began_at"] == NOW - 4 * MINUTE


def test_A7_quiet_for_long_enough_is_resolved_by_itself():
    """Five minutes after the last alert resolved the incident is, and paging stops."""
    world = World()
    world.fire(route="/a")
    world.fire(route="/b")
    world.wait(MINUTE)
    world.resolve(route="/a")
    assert world.row()["recovered_at"] is None
    world.wait(MINUTE)
    world.resolve(route="/b")
    recovered_at = world.now
    assert world.row()["recovered_at"] == recovered_at
    world.wait(5 * MINUTE - 1)
    assert world.state() == "triggered"
    world.wait(1)
    assert world.state() == "closed"
    assert world.row()["resolved_by"] == "recuo"
    assert world.detail()["escalation"]["state"] == "stopped"


@pytest.mark.parametrize("state", ["pending", "unknown"])
def test_A7_pending_or_unknown_is_not_quiet(state):
    """An alert that is about to fire again, or that nobody knows of, starts the quiet time again when it is over."""
    world = World()
    world.fire()
    world.resolve()
    world.wait(4 * MINUTE)
    world.tell(state)
    world.wait(20 * MINUTE)
    assert world.state() == "triggered"
    world.tell("dropped" if state == "pending" else "known")
    world.wait(4 * MINUTE)
    assert world.state() == "triggered"
    world.wait(MINUTE)
    assert world.state() == "closed"


def test_A7_a_firing_alert_that_goes_unknown_resolves_nothing():
    """While an alert is unknown the incident stays as it is."""
    world = World()
    world.fire()
    world.tell("unknown")
    world.wait(60 * MINUTE)
    assert world.state() == "triggered" and world.row()["recovered_at"] is None
    assert world.detail()["alerts"][0]["unknown_since"] == NOW


def test_firing_again_while_quiet_goes_on_with_the_same_incident():
    """It is no longer recovered, nobody is paged anew, and the alert knows how often it fired."""
    world = World()
    world.fire()
    world.resolve()
    world.wait(2 * MINUTE)
    assert world.fire() == [1]
    row = world.row()
    assert (row["recovered_at"], row["quiet_since"], row["recovered_ms"]) == (None, None, 2 * MINUTE)
    assert world.detail()["alerts"][0]["fired"] == 2
    assert "reopened" not in world.kinds()


def test_A7_firing_within_half_an_hour_of_the_resolution_reopens():
    """The same incident is triggered again, pages as reopened, and nobody has acknowledged it."""
    world = World()
    world.fire()
    world.acknowledge()
    world.resolve()
    world.wait(5 * MINUTE)
    assert world.state() == "closed"
    world.wait(30 * MINUTE)
    assert world.fire() == [1]
    row = world.row()
    assert (row["state"], row["reopened"], row["acknowledged_by"], row["closed_at"]) == ("triggered", 1, None, None)
    assert world.pages()[-1] == "reopened"


def test_A7_firing_later_than_that_opens_a_new_incident():
    """A millisecond past `reopen_within` it is another incident."""
    world = World()
    world.fire()
    world.resolve()
    world.wait(5 * MINUTE)
    world.wait(30 * MINUTE + 1)
    assert world.fire() == [2]
    assert world.pages() == ["opened", "opened"]


def test_A7_an_alert_that_was_resolved_over_reopens_only_when_it_fires_anew():
    """A person resolves while it fires: nothing happens until the engine has resolved it and it fires again."""
    world = World()
    world.fire()
    first = world.transition("firing", "latency-high", {})
    world.end(reason="false alarm")
    assert world.event("resolved")["data"]["still"] == ["latency-high"]
    assert world.apply(first) == [1]
    world.tell("unknown")
    world.tell("known")
    assert world.state() == "closed"
    world.wait(MINUTE)
    world.resolve()
    assert world.detail()["alerts"][0]["state"] == "inactive"
    world.wait(MINUTE)
    world.fire()
    assert world.state() == "triggered"


def test_S11_an_event_s_incident_does_not_end_by_itself():
    """Long after the event its incident is open, and not recovered, until a person verifies or resolves it."""
    world = World()
    world.fire("crash", active_ms=0, text="exit code 139")
    world.wait(5 * MINUTE)
    world.resolve("crash")
    world.wait(24 * 60 * MINUTE)
    assert world.state() == "triggered" and world.row()["recovered_at"] is None
    world.verify()
    assert world.row()["recovered_at"] == world.now
    world.wait(5 * MINUTE)
    assert world.state() == "closed"


def test_S11_an_event_after_the_verification_wants_another_one():
    """What was verified before the event says nothing about it."""
    world = World()
    world.fire("crash", active_ms=0)
    world.verify()
    world.wait(MINUTE)
    world.tell("event", "crash")
    assert world.row()["verified_at"] is None and world.row()["recovered_at"] is None
    world.wait(60 * MINUTE)
    assert world.state() == "triggered"


def test_S11_an_event_that_happens_again_is_told_and_reopens():
    """In an open incident it is a line in the timeline; one that a person resolved it opens again."""
    world = World()
    world.fire("crash", active_ms=0, text="one")
    world.wait(SECOND)
    world.tell("event", "crash")
    assert world.kinds() == ["opened", "event-seen"]
    world.end()
    world.wait(SECOND)
    assert world.tell("event", "crash") == [1]
    assert world.state() == "triggered" and world.pages()[-1] == "reopened"


def test_S11_a_rule_made_of_an_event_is_an_event():
    """What combines an event with others does not end by itself either."""
    world = World(playbooks={"p": {"triggers": ["crash-or-slow"]}})
    world.fire("crash-or-slow")
    world.resolve("crash-or-slow")
    world.wait(60 * MINUTE)
    assert world.state() == "triggered"


def test_the_same_firing_told_twice_changes_nothing():
    """A repeated transition opens, joins and pages nothing."""
    world = World()
    told = world.transition("firing", "latency-high", {})
    assert world.apply(told) == [1]
    events = world.kinds()
    assert world.apply(told) == [1]
    assert world.kinds() == events and world.pages() == ["opened"]


def test_alert_states_are_saved_at_each_transition():
    """What the engine is given at the next start is the state after the last transition; idle alerts are forgotten."""
    world = World()
    world.tell("pending", route="/a")
    world.fire(route="/b")
    world.tell("unknown", "cpu-high")
    world.tell("pending", "lonely")
    world.tell("dropped", "lonely")
    saved = {(state.rule, state.labels): state for state in incidents.alert_states(world.conn)}
    assert saved == {key: state for key, state in world.alerts.items() if key[0] != "lonely"}


def test_labels_of_any_text_keep_their_identity():
    """Labels from outside in any script, or broken, are kept apart and come back as they were."""
    world = World()
    for value in ("ação", "a\ud800", 'a"b', "a\nb", "a{b}"):
        world.fire(route=value)
        world.resolve(route=value)
    assert [dict(alert["labels"])["route"] for alert in world.detail()["alerts"]].count("ação") == 1
    assert len(world.detail()["alerts"]) == 5


def test_a_rule_that_is_no_longer_configured_still_resolves():
    """After a reload that removed the rule its alert resolves in its incident."""
    world = World()
    world.fire("lonely")
    world.config = World(rules={name: rule for name, rule in RULES.items() if name != "lonely"}).config
    world.apply(world.transition("resolved", "lonely", {}, reason="rule removed"))
    world.wait(5 * MINUTE)
    assert world.state() == "closed"


def test_mode_observe_is_written_on_the_incident():
    """An incident that was opened in mode observe says so for good."""
    world = World(mode="observe")
    world.fire()
    assert world.detail()["observe"] is True
    assert world.event("opened")["data"]["observe"] is True


def test_S8_time_that_the_daemon_was_down_is_not_quiet():
    """After a restart the quiet time goes on where it was, not where the clock is."""
    world = World()
    world.fire()
    world.resolve()
    world.wait(MINUTE)
    down_from, world.now = world.now, world.now + 60 * MINUTE
    incidents.resume(world.conn, down_from=down_from, now=world.now)
    world.tick()
    assert world.state() == "triggered"
    world.wait(4 * MINUTE)
    assert world.state() == "closed"


@pytest.mark.parametrize("moved", [-2 * 60 * MINUTE, 2 * 60 * MINUTE])
def test_a_set_clock_moves_the_incident_with_it(moved):
    """Setting the system's clock neither spends a budget nor ends the quiet time."""
    world = World()
    world.fire()
    world.acknowledge()
    world.wait(MINUTE)
    world.resolve()
    before = [clock["spent_ms"] for clock in world.detail()["budgets"]]
    incidents.shift(world.conn, moved)
    world.now += moved
    world.tick()
    assert world.state() == "acknowledged"
    assert [clock["spent_ms"] for clock in world.detail()["budgets"]] == before
    world.wait(5 * MINUTE)
    assert world.state() == "closed"


def test_old_closed_incidents_go_and_their_events_stay():
    """Pruning removes what was closed long ago with its messages; the audit trail stays whole."""
    world = World()
    world.fire()
    world.resolve()
    world.wait(5 * MINUTE)
    world.now += 90 * MINUTE
    world.fire("lonely")
    assert incidents.prune(world.conn, before=world.now - MINUTE, now=world.now) == 1
    assert [row["id"] for row in incidents.listing(world.conn)] == [2]
    assert world.conn.execute("SELECT count(*) FROM outbox WHERE incident = 1").fetchone()[0] == 0
    assert audit.verify(world.conn).ok and "opened" in world.kinds(1)
    assert incidents.prune(world.conn, before=world.now - MINUTE, now=world.now) == 0
    world.fire()
    assert world.row(3)["reopened"] == 0
