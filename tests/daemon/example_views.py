"""One service at one instant, as views: what the API's and the screens' tests look at."""

from __future__ import annotations

from typing import Any

from daemon import views

NOW = 1_795_402_800_000  # 2026-11-23T03:00:00Z, midnight in São Paulo
MINUTE = 60_000
HOUR = 60 * MINUTE


def service(**changes: Any) -> views.ServiceView:
    return views.ServiceView(
        **{
            "name": "VocalCoach AI",
            "environment": "production",
            "mode": "live",
            "version": "0.1.0",
            "locale": "en",
            "timezone": "America/Sao_Paulo",
            "url": "http://127.0.0.1:8787",
            **changes,
        }
    )


def config_info(**changes: Any) -> views.ConfigInfo:
    return views.ConfigInfo(
        **{"path": "/etc/recuo/config.yaml", "digest": "a1b2c3d4e5f6" * 5, "loaded_at": NOW - 76 * HOUR, **changes}
    )


def on_call() -> tuple[views.OnCallView, ...]:
    return (
        views.OnCallView(
            schedule="primary",
            person="ana",
            name="Ana Souza",
            since_at=NOW - 6 * 24 * HOUR,
            until_at=NOW + 9 * HOUR,
            next_person="rui",
            next_name="Rui",
        ),
        views.OnCallView(schedule="support"),
    )


def status_well(**changes: Any) -> views.Status:
    return views.Status(
        **{
            "service": service(),
            "now_at": NOW,
            "started_at": NOW - 76 * HOUR,
            "pid": 4242,
            "state_dir": "/var/lib/recuo",
            "config": config_info(),
            "store": views.StoreView(ok=True, bytes=3_145_728),
            "sources": (
                views.SourceView(
                    name="host", kind="system", state="ok", every_ms=1_000, last_ok_at=NOW - 400, samples=5, series=41
                ),
                views.SourceView(
                    name="site-production",
                    kind="http",
                    state="ok",
                    every_ms=2_000,
                    last_ok_at=NOW - 1_500,
                    samples=9,
                    series=8,
                ),
            ),
            "rules": (
                views.RuleSummary(
                    name="cpu-high",
                    condition="avg of cpu_ratio over 1m above 80% for 3m",
                    severity="critical",
                    watched=True,
                    counts=views.AlertCounts(inactive=1),
                ),
                views.RuleSummary(
                    name="error-rate",
                    condition="http_failures_total to http_requests_total over 5m above 1%",
                    severity="error",
                    watched=True,
                    counts=views.AlertCounts(inactive=2),
                ),
            ),
            "on_call": on_call()[:1],
            **changes,
        }
    )


def status_with_trouble(**changes: Any) -> views.Status:
    well = status_well()
    return status_well(
        **{
            "sources": (
                well.sources[0],
                views.SourceView(
                    name="site-production",
                    kind="http",
                    state="failing",
                    every_ms=2_000,
                    last_ok_at=NOW - 90_000,
                    failing_since=NOW - 88_000,
                    reason="the resolver does not answer",
                    samples=9,
                ),
                views.SourceView(
                    name="site-beta",
                    kind="http",
                    state="off",
                    every_ms=2_000,
                    reason="environment variable VOCALCOACH_BETA_URL is not set",
                ),
            ),
            "rules": (
                well.rules[0].model_copy(update={"counts": views.AlertCounts(firing=1)}),
                well.rules[1].model_copy(update={"counts": views.AlertCounts(pending=2, unknown=2)}),
                views.RuleSummary(
                    name="nps-low",
                    condition="last of nps below 6",
                    severity="warning",
                    watched=False,
                    why_not="source survey is off",
                ),
            ),
            "off": (
                views.OffView(part="source site-beta", reason="environment variable VOCALCOACH_BETA_URL is not set"),
                views.OffView(part="receiver team-mail", reason="environment variable SMTP_HOST is not set"),
            ),
            "alerts": (
                views.AlertView(
                    rule="cpu-high",
                    labels={"environment": "production"},
                    severity="critical",
                    state="firing",
                    active_at=NOW - 7 * MINUTE,
                    firing_at=NOW - 4 * MINUTE,
                    value=0.9314,
                    unit="ratio",
                ),
                views.AlertView(
                    rule="error-rate",
                    labels={"endpoint": "api", "environment": "production"},
                    severity="error",
                    state="pending",
                    active_at=NOW - 2 * MINUTE,
                    unknown_since=NOW - 60_000,
                    reason="no sample for 1m",
                ),
            ),
            "incidents": (summary(),),
            "on_call": on_call(),
            "unreachable": ("nobody is on call in schedule support, and escalation default has no fallback",),
            "outbox": views.Outbox(queued=2, failed=1, oldest_at=NOW - 5 * MINUTE),
            **changes,
        }
    )


def _incident_facts() -> dict[str, Any]:
    return {
        "id": 1,
        "playbook": "performance",
        "group": {"environment": "production"},
        "environment": "production",
        "severity": "critical",
        "title": "Performance degradada",
        "state": "triggered",
        "began_at": NOW - 7 * MINUTE,
        "opened_at": NOW - 4 * MINUTE,
    }


def summary(**changes: Any) -> views.IncidentSummary:
    return views.IncidentSummary(**{**_incident_facts(), **changes})


def incident(**changes: Any) -> views.IncidentDetail:
    return views.IncidentDetail(
        **{
            **_incident_facts(),
            "alerts": (
                views.IncidentAlert(
                    rule="cpu-high",
                    labels={"environment": "production"},
                    severity="critical",
                    state="firing",
                    active_at=NOW - 7 * MINUTE,
                    firing_at=NOW - 4 * MINUTE,
                    value=0.9314,
                    unit="ratio",
                    text="avg of cpu_ratio over 1m is 93.1%, limit above 80%",
                ),
                views.IncidentAlert(
                    rule="memory-high",
                    severity="critical",
                    state="inactive",
                    active_at=NOW - 6 * MINUTE,
                    firing_at=NOW - 3 * MINUTE,
                    resolved_at=NOW - MINUTE,
                ),
            ),
            "timeline": (
                views.TimelineEntry(
                    id=1, at=NOW - 4 * MINUTE, actor="recuo", kind="opened", text="The incident was opened by cpu-high."
                ),
                views.TimelineEntry(
                    id=2, at=NOW - 4 * MINUTE, actor="recuo", kind="paged", text="Paged Ana Souza (step 1, round 1)."
                ),
                views.TimelineEntry(
                    id=3,
                    at=NOW - 2 * MINUTE,
                    actor="rui",
                    kind="commented",
                    text="rui: the queue grows\nsince the deploy of 23:40",
                ),
                views.TimelineEntry(id=4, at=NOW - MINUTE, actor="recuo", kind="from-the-future", data={"step": 2}),
            ),
            "budgets": (
                views.BudgetClock(
                    name="identify",
                    limit_ms=5 * MINUTE,
                    started_at=NOW - 4 * MINUTE,
                    spent_ms=4 * MINUTE,
                    state="warned",
                ),
                views.BudgetClock(name="decide", limit_ms=10 * MINUTE, state="not_started"),
                views.BudgetClock(name="execute", limit_ms=15 * MINUTE, state="not_started"),
                views.BudgetClock(
                    name="first_update",
                    limit_ms=5 * MINUTE,
                    started_at=NOW - 4 * MINUTE,
                    stopped_at=NOW - 3 * MINUTE,
                    spent_ms=MINUTE,
                    state="met",
                ),
                views.BudgetClock(
                    name="downtime",
                    limit_ms=30 * MINUTE,
                    started_at=NOW - 7 * MINUTE,
                    spent_ms=7 * MINUTE,
                    state="running",
                ),
            ),
            "assessment": views.Assessment(impact="analysis is slow for everyone"),
            "missing": ("scope", "resources", "severity", "time_to_fix", "data_loss_risk"),
            "checklist": (
                views.ChecklistItem(item="services-up", section="Técnica", text="Serviços funcionando"),
                views.ChecklistItem(item="data-whole", section="Técnica", text="Dados íntegros"),
            ),
            "deliveries": (
                views.DeliveryView(
                    id=1,
                    receiver="team-mail",
                    address="ana@example.org",
                    incident=1,
                    kind="page",
                    state="delivered",
                    attempts=1,
                    created_at=NOW - 4 * MINUTE,
                    delivered_at=NOW - 4 * MINUTE,
                ),
                views.DeliveryView(
                    id=2,
                    receiver="hook",
                    incident=1,
                    kind="page",
                    state="queued",
                    attempts=3,
                    created_at=NOW - 4 * MINUTE,
                    next_attempt_at=NOW + MINUTE,
                    last_error="503 Service Unavailable",
                ),
            ),
            "escalation": views.EscalationView(
                policy="default", state="running", step=1, steps=2, cycle=1, cycles=4, next_at=NOW + MINUTE
            ),
            **changes,
        }
    )


def explanation(**changes: Any) -> views.Explanation:
    points = tuple(
        views.Point(at=NOW - 60_000 + step * 1_000, value=0.60 + 0.006 * step - (0.05 if step % 7 == 0 else 0))
        for step in range(1, 61)
    )
    return views.Explanation(
        **{
            "rule": "cpu-high",
            "labels": {"environment": "production"},
            "condition": "avg of cpu_ratio over 1m above 80% for 3m",
            "severity": "critical",
            "state": "firing",
            "at": NOW,
            "metric": "cpu_ratio",
            "unit": "ratio",
            "window_start_at": NOW - 60_000,
            "window_end_at": NOW,
            "series": (
                views.SeriesWindow(labels={"environment": "production"}, points=points, total=60, unit="ratio"),
            ),
            "steps": ("sum of 60 samples = 55.884", "55.884 ÷ 60 = 0.9314"),
            "value": 0.9314,
            "above": 0.8,
            "active_at": NOW - 7 * MINUTE,
            "firing_at": NOW - 4 * MINUTE,
            "for_ms": 3 * MINUTE,
            "deadlines": (views.Deadline(what="unknown without a sample", at=NOW + MINUTE),),
            **changes,
        }
    )


def rule() -> views.RuleView:
    found = status_with_trouble()
    return views.RuleView(
        **found.rules[0].model_dump(),
        definition={"metric": "cpu_ratio", "reduce": "avg", "over": "1m", "above": "80%", "for": "3m", "by": None},
        sources=("host",),
        playbooks=("performance",),
        summary="the processor has too much to do",
        alerts=found.alerts[:1],
    )


def reload_ok() -> views.ReloadView:
    return views.ReloadView(at=NOW, ok=True, digest="f" * 64, changes=("rule cpu-high: above is 85%",))


def reload_refused() -> views.ReloadView:
    return views.ReloadView(
        at=NOW - MINUTE, ok=False, digest="a" * 64, problems=("config.yaml:12:5: there is no 'abov'",)
    )


def doctor() -> views.Doctor:
    return views.Doctor(
        ok=False,
        checks=(
            views.DoctorCheck(name="state", level="ok", detail="can be written, 3 MiB"),
            views.DoctorCheck(
                name="clock", level="warn", detail="2 s ahead of NTP", fix="look at `timedatectl timesync-status`"
            ),
            views.DoctorCheck(
                name="people", level="fail", detail="nobody can be reached", fix="set SMTP_HOST, then `recuo reload`"
            ),
        ),
    )
