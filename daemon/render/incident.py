"""`recuo show` and `recuo incidents`: one incident with everything, and many in a line each."""

from __future__ import annotations

from daemon import views
from daemon.render import units
from daemon.render.clean import lines
from daemon.render.events import described
from daemon.render.screen import Look, Page, Part
from daemon.render.status import incident_row
from daemon.render.symbols import CLOCK, SEVERITY, alert_mark, labels, state_style

_BAR = 20


def incidents(view: views.Incidents, look: Look) -> str:
    """Many incidents, a line each."""
    page = Page(look)
    if not view.incidents:
        page.line(Part("✔ ", "good"), look.word("no.incidents"))
    page.table((incident_row(incident, look) for incident in view.incidents), indent=0)
    if view.next_before is not None:
        page.line(Part(look.word("older", before=view.next_before), "dim"))
    return page.text()


def incident(view: views.IncidentDetail, look: Look) -> str:
    """One incident: what it is, what fires, the clocks, what people decided, and what happened."""
    page = Page(look)
    _headline(page, view)
    _next(page, view)
    _alerts(page, view)
    _budgets(page, view)
    _assessment(page, view)
    _checklist(page, view)
    _deliveries(page, view)
    _timeline(page, view.timeline)
    return page.text()


def _headline(page: Page, view: views.IncidentDetail) -> None:
    look = page.look
    page.line(Part(f"#{view.id} ", "bold"), Part(view.title, "bold"))
    facts: list[str | Part] = [
        Part(look.word(f"incident.{view.state}"), state_style(view.state)),
        " · ",
        Part(look.word(f"severity.{view.severity}"), SEVERITY[view.severity]),
        f" · {view.environment} · {look.word('playbook')} {view.playbook}",
    ]
    if extra := {name: value for name, value in view.group.items() if name != "environment"}:
        facts.append(f" {labels(extra)}")
    page.line(*facts, indent=2)
    began = look.word(
        "began", at=look.clock(view.began_at), opened=look.clock(view.opened_at), ago=look.ago(view.opened_at)
    )
    page.line(began, indent=2)
    for at, by, key in (
        (view.acknowledged_at, view.acknowledged_by, "acknowledged.by"),
        (view.resolved_at, view.resolved_by, "resolved.by"),
        (view.closed_at, None, "closed.at"),
    ):
        if at is not None:
            page.line(look.word(key, by=by or "recuo", at=look.clock(at), ago=look.ago(at)), indent=2)
    if view.reopened:
        page.line(Part(look.word("reopened", count=view.reopened), "warn"), indent=2)
    if view.observe:
        page.line(Part(look.word("observed"), "warn"), indent=2)


def _next(page: Page, view: views.IncidentDetail) -> None:
    """What happens next if nobody does anything, and what one could do."""
    look, escalation = page.look, view.escalation
    if escalation and escalation.state != "stopped" and view.state in {"triggered", "acknowledged"}:
        place = look.word("escalation.place", policy=escalation.policy, step=escalation.step, steps=escalation.steps)
        if escalation.state == "exhausted":
            page.line(Part(look.word("escalation.exhausted", place=place), "bad"), indent=2)
        elif escalation.next_at is not None:
            page.line(look.word("escalation.next", place=place, when=look.ago(escalation.next_at)), indent=2)
    if view.state == "triggered":
        page.line(Part(look.word("do.ack", id=view.id), "bold"), indent=2)


def _alerts(page: Page, view: views.IncidentDetail) -> None:
    page.heading("alerts")
    for alert in view.alerts:
        ended = alert.resolved_at is not None
        state = [Part(f"○ {page.look.word('alert.resolved')}", "dim")] if ended else alert_mark(alert, page.look)
        value = "" if alert.value is None else f" = {units.quantity(alert.value, alert.unit, page.look.locale)}"
        since = page.look.word(
            "alert.span", active=page.look.clock(alert.active_at), firing=page.look.clock(alert.firing_at)
        )
        if ended:
            since += page.look.word("alert.ended", at=page.look.clock(alert.resolved_at))
        page.line(*state, "  ", Part(alert.rule, "bold"), f" {labels(alert.labels)}".rstrip(), value, indent=2)
        page.line(Part(since, "dim"), indent=4)
        for text in (alert.text, alert.reason):
            if text:
                page.line(page.look.say(text), indent=4)


def _budgets(page: Page, view: views.IncidentDetail) -> None:
    if view.budgets:
        page.heading("budgets")
        page.table(_clock(clock, page.look) for clock in view.budgets)


def _clock(clock: views.BudgetClock, look: Look) -> list[str | Part]:
    mark, style = CLOCK[clock.state]
    share = clock.spent_ms / clock.limit_ms if clock.limit_ms else 0.0
    filled = min(_BAR, round(share * _BAR))
    spent = f"{units.span(clock.spent_ms)} / {units.span(clock.limit_ms)}"
    return [
        Part(f"{mark} {look.word(f'budget.{clock.name}') if clock.name in _BUDGETS else clock.name}", style),
        Part("█" * filled + "▁" * (_BAR - filled), style),
        "" if clock.state == "not_started" else spent,
        Part(look.word(f"clock.{clock.state}"), style),
    ]


_BUDGETS = ("identify", "decide", "execute", "first_update", "downtime")
_ASSESSED = ("impact", "scope", "resources", "severity", "time_to_fix", "data_loss_risk")


def _assessment(page: Page, view: views.IncidentDetail) -> None:
    assessed = view.assessment
    given = [(name, getattr(assessed, name)) for name in _ASSESSED if assessed and getattr(assessed, name)]
    lacks = view.missing if view.state in {"triggered", "acknowledged"} else ()
    if not given and not view.decision and not view.resolution and not lacks:
        return
    page.heading("assessment")
    rows = [(page.look.word(f"assess.{name}"), text) for name, text in given]
    rows += [(page.look.word("decision"), view.decision)] if view.decision else []
    rows += [(page.look.word("resolution"), view.resolution)] if view.resolution else []
    page.table([Part(name, "dim"), text] for name, text in rows)
    if lacks:
        names = ", ".join(page.look.word(f"assess.{name}") if name in _ASSESSED else name for name in lacks)
        page.line(Part(page.look.word("assess.missing", names=names), "warn"), indent=2)


def _checklist(page: Page, view: views.IncidentDetail) -> None:
    if not view.checklist or view.state not in {"resolved", "closed"}:
        return
    page.heading("checklist")
    checklist_items(page, view.checklist)


def checklist_items(page: Page, items: tuple[views.ChecklistItem, ...]) -> None:
    """The items of a checklist as one table, each section under its name."""
    section, rows = "", list[list[str | Part]]()
    for item in items:
        if item.section != section:
            section = item.section
            rows.append([Part(" "), Part(section, "dim")])
        rows.append(_item(item, page.look))
    page.table(rows)


def _item(item: views.ChecklistItem, look: Look) -> list[str | Part]:
    if item.answer is None:
        return [Part("○", "warn"), Part(item.item, "bold"), item.text]
    return [Part("✔", "good"), item.item, f"{item.text}: {item.answer} ({item.by}, {look.clock(item.at)})"]


def _deliveries(page: Page, view: views.IncidentDetail) -> None:
    if view.deliveries:
        page.heading("deliveries")
        page.table(delivery_row(delivery, page.look) for delivery in view.deliveries)


def delivery_row(delivery: views.DeliveryView, look: Look) -> list[str | Part]:
    """One message to one receiver as cells."""
    at = delivery.delivered_at or delivery.next_attempt_at or delivery.created_at
    return [
        Part(look.word(f"delivery.{delivery.state}"), state_style(delivery.state)),
        f"{delivery.receiver} {delivery.address}".rstrip(),
        look.say(delivery.kind),
        look.clock(at),
        look.say(delivery.last_error) if delivery.state != "delivered" else "",
    ]


def _timeline(page: Page, entries: tuple[views.TimelineEntry, ...]) -> None:
    page.heading("timeline")
    page.table(row for entry in entries for row in _entry(entry, page.look))


def _entry(entry: views.TimelineEntry, look: Look) -> list[list[str | Part]]:
    """One entry as rows: what people did stands out from what the daemon noted."""
    text = described(entry)
    by_a_person = entry.actor != "recuo"
    if by_a_person and entry.actor not in text:
        text = f"{entry.actor}: {text}"
    first, *rest = lines(text).split("\n")
    mark = Part("▸", "bold") if by_a_person else Part("·", "dim")
    rows: list[list[str | Part]] = [[Part(look.clock(entry.at), "dim"), mark, first]]
    return rows + [["", "", line] for line in rest]
