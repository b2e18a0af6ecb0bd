"""A7, A8: what people do to incidents."""

from __future__ import annotations

import json

import pytest

from daemon import incidents
from daemon.incidents import IncidentError
from tests.daemon.incident_kit import CHECKLIST, MINUTE, SECOND, World


@pytest.fixture
def world():
    made = World()
    made.fire()
    made.wait(SECOND)
    return made


def refused(call, *args, **kwargs) -> IncidentError:
    with pytest.raises(IncidentError) as error:
        call(*args, **kwargs)
    return error.value


def test_acknowledging_stops_the_escalation(world):
    """It is on the incident and in the timeline who has acknowledged and when, and nobody is paged further."""
    world.acknowledge("rui")
    row = world.row()
    assert (row["state"], row["acknowledged_by"], row["acknowledged_at"]) == ("acknowledged", "rui", world.now)
    assert world.event("acknowledged")["actor"] == "rui"
    assert world.detail()["escalation"]["state"] == "stopped"


def test_acknowledging_twice_is_once_and_somebody_else_takes_over(world):
    """The same person changes nothing the second time; another one takes over, which the timeline tells."""
    world.acknowledge("rui")
    events = world.kinds()
    world.acknowledge("rui")
    assert world.kinds() == events
    world.acknowledge("ana")
    assert world.row()["acknowledged_by"] == "ana"
    assert world.event("acknowledged")["data"] == {"instead_of": "rui"}


@pytest.mark.parametrize("number", [2, 0, -1, 2**63, 2**80])
def test_an_incident_that_is_not_there_is_told(world, number):
    """Whatever the number, it is `not-found` and nothing else happens."""
    error = refused(world.acknowledge, incident=number)
    assert error.kind == "not-found" and str(number) in error.message


def test_what_is_over_cannot_be_acknowledged_or_decided(world):
    """A conflict names the state that the incident is in; a comment is still possible."""
    world.end(reason="fixed")
    for call in (world.acknowledge, world.decide, world.verify):
        error = refused(call)
        assert error.kind == "conflict" and "closed" in error.message
    incidents.comment(world.conn, 1, by="ana", text="after all", now=world.now)
    assert world.event("commented")["data"] == {"text": "after all"}


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 4001])
def test_empty_and_endless_texts_are_refused(world, text):
    """A comment, a decision, an assessment of nothing or of too much is invalid and changes nothing."""
    before = world.kinds()
    assert refused(incidents.comment, world.conn, 1, by="ana", text=text, now=world.now).kind == "invalid"
    assert refused(world.decide, text).kind == "invalid"
    assert refused(world.assess, impact=text).kind == "invalid"
    assert world.kinds() == before


def test_resolving_while_alerts_fire_wants_a_reason(world):
    """Without one it is refused and the alerts are named; with one it is done and they are in the timeline."""
    world.fire(route="/a")
    error = refused(world.end)
    assert error.kind == "conflict"
    assert error.details == ("latency-high", "latency-high{route=/a}")
    assert world.state() == "triggered"
    world.end(reason="known, harmless")
    data = world.event("resolved")["data"]
    assert data == {"reason": "known, harmless", "still": ["latency-high", "latency-high{route=/a}"]}
    assert (world.row()["resolved_by"], world.row()["resolution"]) == ("ana", "known, harmless")


def test_resolving_when_nothing_fires_wants_none(world):
    """Once everything is calm, or only an event waits, a person may just resolve; again changes nothing."""
    world.resolve()
    world.end()
    assert world.state() == "closed"
    events = world.kinds()
    world.end(by="rui")
    assert world.kinds() == events
    world.fire("crash")
    world.end(incident=2)
    assert world.state(2) == "closed" and world.row(2)["recovered_at"] == world.now


def test_it_is_assessed_when_all_six_are_given(world):
    """Fields may come one by one; the sixth stops the clock, and corrections after it leave the clock as it is."""
    world.assess(impact="nobody can log in", scope="all")
    assert world.row()["assessed_at"] is None
    assert world.detail()["missing"] == ["resources", "severity", "time_to_fix", "data_loss_risk"]
    world.now += SECOND
    world.assess(resources="one person", severity="error", time_to_fix="30m", data_loss_risk="none")
    assessed_at = world.now
    assert world.row()["assessed_at"] == assessed_at
    assert world.event("assessed")["data"]["complete"] is True
    world.now += SECOND
    world.assess(scope="a third")
    assert world.row()["assessed_at"] == assessed_at
    assert world.event("assessed")["data"]["changed"] == {"scope": {"old": "all", "new": "a third"}}
    events = world.kinds()
    world.assess(scope="a third")
    assert world.kinds() == events


def test_the_assessed_severity_is_the_incident_s(world):
    """A person's severity replaces the rules', up or down, and pages nobody."""
    pages = world.pages()
    world.assess(severity="info")
    assert world.row()["severity"] == "info"
    assert world.pages() == pages


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"severity": "sev1"}, "critical, error, warning, info"),
        ({"impct": "x"}, "did you mean impact?"),
        ({"impact": 3}, "not text"),
    ],
)
def test_a_wrong_assessment_is_refused_whole(world, fields, words):
    """An unknown field or severity is named with what would be right, and the rest is not taken either."""
    error = refused(world.assess, scope="all", **fields)
    assert error.kind == "invalid" and words in error.message
    assert world.detail()["assessment"] == {}


def test_a_decision_may_be_corrected(world):
    """The first decision dates the clock; a later one replaces the words and the timeline has both."""
    world.decide("wait")
    decided_at = world.now
    world.now += SECOND
    world.decide("roll back")
    row = world.row()
    assert (row["decided_at"], row["decision"], row["decided_by"]) == (decided_at, "roll back", "ana")
    assert world.event("decided")["data"] == {"decision": "roll back", "old": "wait"}


def test_recovering_after_the_decision_verifies_it(world):
    """Nobody needs to say that it works when the alerts do."""
    world.decide()
    world.now += SECOND
    world.resolve()
    assert world.row()["verified_at"] == world.now
    assert world.event("verified")["data"] == {"how": "recovered"}


def test_closed_when_the_checklist_is_answered():
    """A resolved incident stays so until each item has an answer; answers before the resolution count."""
    world = World(checklist=CHECKLIST)
    world.fire()
    world.answer("data", "checked")
    world.resolve()
    world.wait(5 * MINUTE)
    assert world.state() == "resolved"
    world.answer("services")
    assert world.state() == "closed"
    items = world.detail()["checklist"]
    assert [(item["item"], item["text"], item["answer"], item["by"]) for item in items] == [
        ("services", "Services work", "yes", "ana"),
        ("data", "Dados", "checked", "ana"),
    ]
    error = refused(world.answer, "services", "no")
    assert error.kind == "conflict"


def test_a_checklist_answer_may_be_corrected_and_an_unknown_item_is_refused():
    """A correction keeps the old answer in the timeline; a mistyped item is told the nearest."""
    world = World(checklist=CHECKLIST)
    world.fire()
    world.answer("data", "no")
    world.answer("data", "yes")
    assert world.event("checklist-answered")["data"] == {"item": "data", "answer": "yes", "old": "no"}
    events = world.kinds()
    world.answer("data", "yes")
    assert world.kinds() == events
    error = refused(world.answer, "service")
    assert error.kind == "invalid" and "did you mean services?" in error.message
    assert "it has services, data" in refused(world.answer, "zzz").message


def test_a_reopened_incident_has_its_checklist_before_it_again():
    """What was answered before the reopening says nothing about what comes after."""
    world = World(checklist=CHECKLIST)
    world.fire()
    world.end(reason="done")
    world.answer("data")
    world.answer("services")
    world.resolve()
    world.now += MINUTE
    world.fire()
    assert [item.get("answer") for item in world.detail()["checklist"]] == [None, None]
    world.resolve()
    world.wait(5 * MINUTE)
    assert world.state() == "resolved"


def test_listing_is_newest_first_and_by_state():
    """Pages of incidents, filtered by a state or by `open`."""
    world = World()
    for environment in ("a", "b", "c", "d"):
        world.fire(environment=environment)
    world.acknowledge(incident=2)
    world.end(reason="x", incident=3)

    def numbers(**asked) -> list[int]:
        return [row["id"] for row in incidents.listing(world.conn, **asked)]

    assert numbers() == [4, 3, 2, 1]
    assert numbers(state="open") == [4, 2, 1]
    assert numbers(state="closed") == [3]
    assert numbers(state="triggered", limit=1) == [4]
    assert numbers(before=3) == [2, 1]
    assert incidents.listing(world.conn)[0]["firing"] == 1
    assert incidents.counts(world.conn) == {
        ("triggered", "critical"): 2, ("acknowledged", "critical"): 1, ("closed", "critical"): 1
    }  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "pt-BR"])
def test_every_event_of_a_whole_incident_reads_as_a_sentence(locale):
    """No kind of event is left without words, no fact is missing from them, and text from outside is no template."""
    world = World(
        checklist=CHECKLIST, service={"name": "x", "environment": "production", "locale": locale, "timezone": "UTC"}
    )
    world.fire("cpu-high", text="{actor} {0} %s")
    world.fire(route="/a")
    world.acknowledge("rui")
    world.acknowledge()
    world.assess_all()
    world.assess(impact="{reason}")
    world.wait(9 * MINUTE)
    world.decide("{old}")
    world.wait(31 * MINUTE)
    world.tell("unknown", route="/a")
    world.tell("known", route="/a")
    incidents.first_delivery(world.conn, 1, world.now)
    incidents.comment(world.conn, 1, by="ana", text="{kind}", now=world.now)
    world.resolve("cpu-high")
    world.resolve(route="/a")
    world.wait(5 * MINUTE)
    world.fire(route="/a")
    world.end(reason="{}")
    world.answer("data")
    world.answer("services")
    timeline = world.detail()["timeline"]
    kinds = {event["kind"] for event in timeline}
    assert kinds >= {"opened", "reopened", "assessed", "budget-warned", "budget-passed", "paged", "verified", "closed"}
    for event in timeline:
        assert event["text"] and not event["text"].startswith(event["kind"] + " ") and "?" not in event["text"], event
    texts = " ".join(event["text"] for event in timeline)
    assert all(words in texts for words in ("{actor} {0} %s", "{old}", "{kind}", "{reason}", "{}"))
    assert json.dumps(world.detail())


def test_an_event_of_a_kind_without_words_is_told_by_its_facts():
    """A newer daemon's event stays readable."""
    event = {"kind": "novelty", "actor": "x", "data": {"b": 1, "a": "two"}}
    assert incidents.describe(event, "en") == "novelty a=two b=1"
    assert (
        incidents.describe({**event, "kind": "raised", "data": {}}, "fr") == "The severity was raised from ? to ? by ?."
    )
