"""The smaller screens: rules, one rule, who is on call, tokens, the doctor, reloads, the audit trail."""

from __future__ import annotations

import json

from daemon import views
from daemon.render import units
from daemon.render.incident import checklist_items, delivery_row
from daemon.render.screen import Look, Page, Part
from daemon.render.status import oncall_row, rule_row
from daemon.render.symbols import LEVEL, alert_mark, labels
from recuo.values import format_duration


def rules(view: views.Rules, look: Look) -> str:
    """Every rule in a line."""
    page = Page(look)
    if not view.rules:
        page.line(look.word("none"))
    page.table((rule_row(rule, look) for rule in view.rules), indent=0)
    return page.text()


def rule(view: views.RuleView, look: Look) -> str:
    """One rule: its definition, what it depends on, and its alerts."""
    page = Page(look)
    page.line(Part(view.name, "bold"), f" · {look.word(f'severity.{view.severity}')} · {look.say(view.condition)}")
    for text in (view.summary, look.say(view.why_not)):
        if text:
            page.line(text, indent=2)
    page.heading("definition")
    rows = [[Part(name, "dim"), _value(name, value)] for name, value in view.definition.items() if value is not None]
    rows.append([Part(look.word("sources").lower(), "dim"), ", ".join(view.sources) or "–"])
    rows.append([Part(look.word("playbooks"), "dim"), ", ".join(view.playbooks) or "–"])
    page.table(rows)
    if view.alerts:
        page.heading("alerts")
    page.table(
        [alert_mark(alert, look), f"{labels(alert.labels)} {look.say(alert.reason)}".strip() or "–"]
        for alert in view.alerts
    )
    return page.text()


def _value(name: str, value: object) -> str:
    """A value as the configuration writes it: durations with their units."""
    if isinstance(value, int) and name in _DURATIONS:
        return format_duration(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(key, inner)}" for key, inner in value.items()) + "}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_DURATIONS = ("for", "over", "keep_firing_for")


def oncall(view: views.OnCall, look: Look) -> str:
    """Who is on call, a schedule a line."""
    page = Page(look)
    page.line(look.word("oncall.at", at=look.clock(view.at), offset=units.offset(view.at, look.zone)))
    if not view.schedules:
        page.line(Part(look.word("no.schedules"), "bad"), indent=2)
    page.table(oncall_row(entry, look) for entry in view.schedules)
    return page.text()


def tokens(view: views.Tokens, look: Look) -> str:
    """Every token; what it opens is not known any more."""
    page = Page(look)
    page.table((_token(token, look) for token in view.tokens), indent=0)
    return page.text()


def _token(token: views.TokenView, look: Look) -> list[str | Part]:
    if token.revoked_at is not None:
        state = Part(look.word("token.revoked", ago=look.ago(token.revoked_at)), "dim")
    elif token.last_used_at is not None:
        state = Part(look.word("token.used", ago=look.ago(token.last_used_at)))
    else:
        state = Part(look.word("token.unused"), "dim")
    return [
        Part(token.name, "bold"),
        token.role,
        token.person or "–",
        look.word("token.made", ago=look.ago(token.created_at)),
        state,
    ]


def new_token(view: views.NewToken, look: Look) -> str:
    """The token on a line of its own, and that it is shown only now."""
    page = Page(look)
    page.line(look.word("token.new", name=view.name, role=view.role))
    page.unbroken(view.token, indent=2)
    page.line(Part(look.word("token.once"), "warn"))
    return page.text()


def revoked(view: views.TokenView, look: Look) -> str:
    """That a token opens nothing any more."""
    page = Page(look)
    page.line(Part("✔ ", "good"), look.word("token.gone", name=view.name))
    return page.text()


def doctor(view: views.Doctor, look: Look) -> str:
    """Every check with its remedy; the verdict last, where it is read first."""
    page = Page(look)
    for check in view.checks:
        mark, style = LEVEL[check.level]
        page.line(Part(f"{mark} {look.say(check.name)}", style), f": {look.say(check.detail)}")
        if check.fix and check.level != "ok":
            page.line(Part("→ ", "dim"), look.say(check.fix), indent=4)
    failed = sum(check.level == "fail" for check in view.checks)
    warned = sum(check.level == "warn" for check in view.checks)
    page.gap()
    verdict = look.word("doctor.verdict", count=len(view.checks), failed=failed, warned=warned)
    page.line(Part(verdict, "bad" if failed else "warn" if warned else "good"))
    return page.text()


def reload(view: views.ReloadView, look: Look) -> str:
    """Whether the new configuration was taken up, and what it changed."""
    page = Page(look)
    if view.ok:
        page.line(Part("✔ ", "good"), look.word("reload.ok", digest=view.digest[:12]))
        for change in view.changes:
            page.line(look.say(change), indent=2)
        return page.text()
    page.line(Part("✖ ", "bad"), look.word("reload.refused", digest=view.digest[:12]))
    for problem in view.problems:
        page.line(look.say(problem), indent=2)
    return page.text()


def queued(view: views.Deliveries, look: Look) -> str:
    """Which messages were queued, to whom."""
    page = Page(look)
    page.line(look.word("queued", count=len(view.deliveries)))
    page.table(delivery_row(delivery, look) for delivery in view.deliveries)
    return page.text()


def audit(view: views.AuditCheck, look: Look) -> str:
    """Whether the chain of events is whole."""
    page = Page(look)
    if view.ok:
        page.line(Part("✔ ", "good"), look.word("audit.whole", count=view.events))
    else:
        page.line(Part("✖ ", "bad"), look.word("audit.broken", count=view.events))
    for fault in view.faults:
        page.line(look.say(fault), indent=2)
    return page.text()


def checklist(view: views.IncidentDetail, look: Look) -> str:
    """The checklist of one incident."""
    page = Page(look)
    page.line(Part(f"#{view.id} ", "bold"), Part(view.title, "bold"), f" · {look.word(f'incident.{view.state}')}")
    checklist_items(page, view.checklist)
    if not view.checklist:
        page.line(look.word("none"), indent=2)
    return page.text()


def done(view: views.IncidentDetail, look: Look, key: str) -> str:
    """One line after a change: what was done, and how the incident stands now."""
    page = Page(look)
    page.line(
        Part("✔ ", "good"), look.word(key, id=view.id), f" · {look.word(f'incident.{view.state}')} · ", view.title
    )
    return page.text()
