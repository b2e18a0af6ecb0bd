"""What the API answers."""

from __future__ import annotations

import json

import pytest

from daemon import views
from daemon.web.app import ENDPOINTS, build
from tests.daemon.asgi_client import Asker
from tests.daemon.memory_operations import NOW, MemoryOperations


@pytest.fixture
def operations(tmp_path):
    return MemoryOperations(tmp_path)


@pytest.fixture
def ask(operations):
    return Asker(build(operations), operations.token("admin"))


READS: dict[str, type[views.View]] = {
    "/api/v1/service": views.ServiceView,
    "/api/v1/status": views.Status,
    "/api/v1/sources": views.Sources,
    "/api/v1/rules": views.Rules,
    "/api/v1/rules/cpu-high": views.RuleView,
    "/api/v1/alerts": views.Alerts,
    "/api/v1/incidents": views.Incidents,
    "/api/v1/incidents/1": views.IncidentDetail,
    "/api/v1/incidents/1/timeline": views.Timeline,
    "/api/v1/explain/1": views.Explanations,
    "/api/v1/explain?rule=cpu-high": views.Explanations,
    "/api/v1/oncall": views.OnCall,
    "/api/v1/deliveries?incident=1&limit=1": views.Deliveries,
    "/api/v1/config": views.ConfigView,
    "/api/v1/doctor": views.Doctor,
    "/api/v1/audit": views.AuditCheck,
    "/api/v1/tokens": views.Tokens,
    "/healthz": views.Liveness,
    "/readyz": views.Readiness,
}


@pytest.mark.parametrize("path", READS)
def test_every_read_answers_with_its_shape(ask, path):
    """Each GET answers 200 with JSON that is the declared shape."""
    answer = ask.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    READS[path].model_validate(answer.json())


def test_reads_are_tested_whole():
    """No GET that answers with a shape is left out of the table above."""
    declared = {e.path for e in ENDPOINTS if e.method == "GET" and not isinstance(e.answers, str)}
    asked = {path.partition("?")[0].replace("cpu-high", "{name}").replace("/1", "/{id}") for path in READS}
    assert declared == asked


def test_instants_are_rfc3339_in_utc(ask):
    """An instant is text with a Z in JSON."""
    assert ask.get("/api/v1/incidents/1").json()["opened_at"] == "2026-11-23T02:56:00Z"


def test_health_says_when_the_loop_is_stuck(ask, operations):
    """/healthz is 503 while the loop does not turn."""
    operations.alive_now = views.Liveness(alive=False, detail="the loop has not turned for 12s")
    answer = ask.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"alive": False, "detail": "the loop has not turned for 12s"}


def test_readiness_gives_its_reasons(ask, operations):
    """/readyz is 503 with every reason in words."""
    operations.ready_now = views.Readiness(ready=False, reasons=("no rule has been evaluated yet",))
    answer = ask.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["no rule has been evaluated yet"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", "text/plain; version=0.0.4"), ("application/openmetrics-text", "application/openmetrics-text")],
)
def test_metrics_are_in_the_format_that_was_asked_for(ask, accept, content_type):
    """/metrics passes the Accept header on and answers with the content type that it is given."""
    answer = ask.get("/metrics", headers={"Accept": accept})
    assert answer.content == b"recuo_up 1\n"
    assert answer.headers["content-type"] == content_type


def test_acknowledging_twice_is_once(ask, operations):
    """A second acknowledgement by the same person answers the same incident and adds nothing to its timeline."""
    first, second = ask.post("/api/v1/incidents/1/ack"), ask.post("/api/v1/incidents/1/ack")
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert second.json()["state"] == "acknowledged"


def test_resolving_says_what_still_fires(ask):
    """A conflict is 409 with the reasons as details; resolving what is resolved is 200."""
    refused = ask.post("/api/v1/incidents/1/resolve")
    assert refused.status_code == 409
    assert refused.json()["error"] == {
        "code": "conflict",
        "message": "alerts still fire; give a reason",
        "details": ["cpu-high fires"],
    }
    for _ in range(2):
        assert ask.post("/api/v1/incidents/1/resolve", json={"reason": "a drill"}).json()["state"] == "resolved"
    assert ask.post("/api/v1/incidents/1/ack").status_code == 409


@pytest.mark.parametrize(
    ("path", "body", "field", "wanted"),
    [
        ("comment", {"text": "the\tqueue \x1b[31mgrows\x1b[0m\r\nagain "}, "resolution", "the queue grows\nagain"),
        ("decision", {"decision": "roll back"}, "decision", "roll back"),
        ("verify", {"note": "latency is 80 ms"}, "verified_at", "2026-11-23T03:00:00Z"),
    ],
)
def test_what_people_write_is_kept(ask, path, body, field, wanted):
    """Text is kept line by line, without what a terminal would obey."""
    answer = ask.post(f"/api/v1/incidents/1/{path}", json=body)
    assert answer.status_code == 200
    assert answer.json()[field] == wanted


def test_an_assessment_fills_in_only_what_is_given(ask):
    """Fields that are left out stay as they were."""
    answer = ask.post("/api/v1/incidents/1/assessment", json={"severity": "error", "scope": "one region"})
    assert answer.json()["assessment"] == {
        "impact": "analysis is slow for everyone",
        "scope": "one region",
        "resources": "",
        "severity": "error",
        "time_to_fix": "",
        "data_loss_risk": "",
    }


def test_checklist_answers_are_kept(ask):
    """An answer stands at its item with who gave it; an item that is none is 422."""
    answer = ask.post("/api/v1/incidents/1/checklist", json={"item": "data-whole", "answer": "yes"})
    assert [(i["item"], i["answer"]) for i in answer.json()["checklist"]] == [
        ("services-up", None),
        ("data-whole", "yes"),
    ]
    assert ask.post("/api/v1/incidents/1/checklist", json={"item": "dat", "answer": "yes"}).status_code == 422


def test_the_actor_is_the_token_s_person(operations):
    """Changes are made in the name of the person that the token is bound to, else of the token."""
    ask = Asker(build(operations), operations.token("responder", person="ana"))
    ask.post("/api/v1/incidents/1/ack")
    assert operations.actors == ["ana"]


def test_incidents_come_in_pages(ask, operations):
    """`next_before` asks for the next page, and is null on the last."""
    for number in range(2, 6):
        operations.details[number] = operations.details[1].model_copy(update={"id": number})
    first = ask.get("/api/v1/incidents?limit=3").json()
    assert ([i["id"] for i in first["incidents"]], first["next_before"]) == ([5, 4, 3], 3)
    last = ask.get(f"/api/v1/incidents?limit=3&before={first['next_before']}&state=open").json()
    assert ([i["id"] for i in last["incidents"]], last["next_before"]) == ([2, 1], None)


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ("2026-11-23T03:00:00Z", "2026-11-23T03:00:00Z"),
        ("2026-11-23T00:00:00-03:00", "2026-11-23T03:00:00Z"),
        ("2026-11-23T04:00:00+01:00", "2026-11-23T03:00:00Z"),
        (f"{NOW // 1000}", "2026-11-23T03:00:00Z"),
    ],
)
def test_instants_are_read_in_any_offset(ask, at, wanted):
    """`at` may have any offset, even one whose plus sign the asker forgot to escape, or be seconds."""
    assert ask.get(f"/api/v1/oncall?at={at}").json()["at"] == wanted


def test_labels_choose_one_alert(ask):
    """`labels` is a JSON object; without it every label set of the rule is explained."""
    labels = json.dumps({"environment": "production"})
    assert len(ask.get("/api/v1/explain", params={"rule": "cpu-high", "labels": labels}).json()["explanations"]) == 1
    assert ask.get("/api/v1/explain", params={"rule": "cpu-high", "labels": "{}"}).json()["explanations"] == []
    assert ask.get("/api/v1/explain", params={"rule": "cpu-high", "labels": "a=b"}).status_code == 422


def test_a_token_is_made_used_and_revoked(ask, operations):
    """A new token opens what its role allows until it is revoked, and then nothing, at once."""
    made = ask.post("/api/v1/tokens", json={"name": "bot", "role": "responder"})
    assert made.status_code == 201
    bot = Asker(ask.app, made.json()["token"])
    assert bot.post("/api/v1/incidents/1/ack").status_code == 200
    assert bot.get("/api/v1/tokens").status_code == 403
    assert ask.post("/api/v1/tokens/bot/revoke").json()["revoked_at"] is not None
    assert bot.get("/api/v1/status").status_code == 401
    assert made.json()["token"] not in ask.get("/api/v1/tokens").text


def test_reload_and_doctor_pass_through(ask):
    """Their verdicts are in the body: both are answers, not errors."""
    assert ask.post("/api/v1/reload").json()["ok"] is True
    assert ask.get("/api/v1/doctor").json()["ok"] is False


def test_the_backup_is_sent_whole_and_leaves_nothing_behind(ask, operations):
    """The copy comes as bytes with its length; its file is gone afterwards."""
    answer = ask.post("/api/v1/backup")
    assert answer.content[:16] == b"SQLite format 3\0"
    assert answer.headers["content-length"] == str(len(answer.content)) == "600016"
    assert list(operations.scratch.iterdir()) == []


def test_head_is_get_without_a_body(ask):
    """HEAD has the headers of GET, and no body."""
    head, get = ask("HEAD", "/api/v1/rules"), ask.get("/api/v1/rules")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/api/v1/status", "GET, HEAD"),
        ("GET", "/api/v1/incidents/1/ack", "POST"),
        ("DELETE", "/api/v1/tokens", "GET, HEAD, POST"),
        ("OPTIONS", "/healthz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_says_which_are_right(ask, method, path, allow):
    """405 carries Allow, and the same words in the body."""
    answer = ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert allow in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/status/", "/api/v2/status", "/api/v1/rules/a/b"])
def test_an_unknown_path_is_told_where_the_api_is_described(ask, path):
    """404 is JSON too, and names the document."""
    answer = ask.get(path)
    assert answer.status_code == 404
    assert "/api/openapi.json" in answer.json()["error"]["message"]


@pytest.mark.parametrize("number", ["0x1", "-1", "1.0", "٣", "9" * 19, "1%20", "%00", "..%2f"])
def test_an_incident_is_named_by_a_number(ask, number):
    """What is no decimal number of a sane length is 404, and never reaches the store."""
    assert ask.get(f"/api/v1/incidents/{number}").status_code == 404


def test_a_fault_of_ours_is_500_without_details(ask, operations):
    """A bug answers 500 in the same shape, and shows nothing of itself."""
    operations.fault = RuntimeError("secret/path")
    answer = ask.get("/api/v1/status")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "fault"
    assert "secret" not in answer.text
