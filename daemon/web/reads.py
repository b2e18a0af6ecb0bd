"""The endpoints that only look."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from daemon import views
from daemon.web.bodies import DeliveriesQuery, ExplainQuery, IncidentsQuery, OnCallQuery
from daemon.web.endpoints import Call, Endpoint, json_response


async def _healthz(call: Call) -> Response:
    alive = await call.operations.alive()
    return json_response(alive, 200 if alive.alive else 503)


async def _readyz(call: Call) -> Response:
    ready = await call.operations.ready()
    return json_response(ready, 200 if ready.ready else 503)


async def _metrics(call: Call) -> Response:
    body, content_type = await call.operations.metrics(call.request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type})


async def _service(call: Call) -> views.ServiceView:
    return await call.operations.service()


async def _status(call: Call) -> views.Status:
    return await call.operations.status()


async def _sources(call: Call) -> views.Sources:
    return views.Sources(sources=tuple(await call.operations.sources()))


async def _rules(call: Call) -> views.Rules:
    return views.Rules(rules=tuple(await call.operations.rules()))


async def _rule(call: Call) -> views.RuleView:
    return await call.operations.rule(call.name)


async def _alerts(call: Call) -> views.Alerts:
    return views.Alerts(alerts=tuple(await call.operations.alerts()))


async def _incidents(call: Call) -> views.Incidents:
    asked = call.asked_as(IncidentsQuery)
    found = tuple(await call.operations.incidents(state=asked.state, limit=asked.limit, before=asked.before))
    return views.Incidents(incidents=found, next_before=found[-1].id if len(found) == asked.limit else None)


async def _incident(call: Call) -> views.IncidentDetail:
    return await call.operations.incident(call.incident)


async def _timeline(call: Call) -> views.Timeline:
    return views.Timeline(timeline=(await call.operations.incident(call.incident)).timeline)


async def _explain_incident(call: Call) -> views.Explanations:
    return views.Explanations(explanations=tuple(await call.operations.explain_incident(call.incident)))


async def _explain(call: Call) -> views.Explanations:
    asked = call.asked_as(ExplainQuery)
    return views.Explanations(explanations=tuple(await call.operations.explain(asked.rule, asked.labels)))


async def _oncall(call: Call) -> views.OnCall:
    return await call.operations.oncall(call.asked_as(OnCallQuery).at)


async def _deliveries(call: Call) -> views.Deliveries:
    asked = call.asked_as(DeliveriesQuery)
    found = await call.operations.deliveries(incident=asked.incident, limit=asked.limit)
    return views.Deliveries(deliveries=tuple(found))


async def _config(call: Call) -> views.ConfigView:
    return await call.operations.config()


async def _doctor(call: Call) -> views.Doctor:
    return await call.operations.doctor()


async def _audit(call: Call) -> views.AuditCheck:
    return await call.operations.verify_audit()


async def _tokens(call: Call) -> views.Tokens:
    return views.Tokens(tokens=tuple(await call.operations.tokens()))


_V1: Final = "/api/v1"

READS: Final = (
    Endpoint(
        "GET", "/healthz", "Is the process alive and its loop turning? 503 if not.", None, views.Liveness, _healthz
    ),
    Endpoint("GET", "/readyz", "Does it do its work? 503 with the reasons if not.", None, views.Readiness, _readyz),
    Endpoint("GET", "/metrics", "Metrics in Prometheus' or OpenMetrics' text format.", None, "text/plain", _metrics),
    Endpoint(
        "GET", f"{_V1}/service", "Which service is watched, in which language.", "viewer", views.ServiceView, _service
    ),
    Endpoint("GET", f"{_V1}/status", "Everything that one wants to know first.", "viewer", views.Status, _status),
    Endpoint("GET", f"{_V1}/sources", "Every source and how it fares.", "viewer", views.Sources, _sources),
    Endpoint("GET", f"{_V1}/rules", "Every rule in one line.", "viewer", views.Rules, _rules),
    Endpoint("GET", f"{_V1}/rules/{{name}}", "One rule with its alerts.", "viewer", views.RuleView, _rule),
    Endpoint("GET", f"{_V1}/alerts", "What is pending, firing or unknown.", "viewer", views.Alerts, _alerts),
    Endpoint(
        "GET", f"{_V1}/incidents", "Incidents, newest first.", "viewer", views.Incidents, _incidents, IncidentsQuery
    ),
    Endpoint(
        "GET", f"{_V1}/incidents/{{id}}", "One incident with everything.", "viewer", views.IncidentDetail, _incident
    ),
    Endpoint("GET", f"{_V1}/incidents/{{id}}/timeline", "Who did what when.", "viewer", views.Timeline, _timeline),
    Endpoint(
        "GET",
        f"{_V1}/explain/{{id}}",
        "Why an incident's alerts fire.",
        "viewer",
        views.Explanations,
        _explain_incident,
    ),
    Endpoint(
        "GET", f"{_V1}/explain", "Why a rule is in its state.", "viewer", views.Explanations, _explain, ExplainQuery
    ),
    Endpoint("GET", f"{_V1}/oncall", "Who is on call, now or then.", "viewer", views.OnCall, _oncall, OnCallQuery),
    Endpoint(
        "GET", f"{_V1}/deliveries", "Messages to people.", "viewer", views.Deliveries, _deliveries, DeliveriesQuery
    ),
    Endpoint(
        "GET", f"{_V1}/config", "The effective configuration, secrets masked.", "viewer", views.ConfigView, _config
    ),
    Endpoint("GET", f"{_V1}/doctor", "What a person could put right.", "viewer", views.Doctor, _doctor),
    Endpoint("GET", f"{_V1}/audit", "Is the chain of events whole?", "viewer", views.AuditCheck, _audit),
    Endpoint("GET", f"{_V1}/tokens", "Every token; not what it opens.", "admin", views.Tokens, _tokens),
)
