"""`recuo status`: what is wrong first, in one line; then everything that one looks for next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daemon import views
from daemon.render import units
from daemon.render.screen import Look, Page, Part
from daemon.render.symbols import SEVERITY, SOURCE, alert_mark, labels, state_style
from daemon.render.words import plural


def status(view: views.Status, look: Look) -> str:
    """The whole screen."""
    page = Page(look)
    _headline(page, view)
    _incidents(page, view)
    _alerts(page, view)
    _people(page, view)
    _sources(page, view)
    _rules(page, view)
    _off(page, view)
    _footer(page, view)
    return page.text()


def troubles(view: views.Status, look: Look) -> list[Part]:
    """What is wrong, the worst first, in a few words each; empty when all is well."""
    counts = (
        (len(view.incidents), "incident.open", "bad"),
        (sum(rule.counts.firing for rule in view.rules), "alert.firing", "bad"),
        (sum(s.state in {"failing", "blind"} for s in view.sources), "source.failing", "bad"),
        (sum(rule.counts.unknown for rule in view.rules), "alert.unknown", "warn"),
        (sum(rule.counts.pending for rule in view.rules), "alert.pending", "warn"),
        (view.outbox.failed, "message.failed", "bad"),
    )
    found = [Part(plural(look.locale, count, key), style) for count, key, style in counts if count]
    if not view.store.ok:
        found.insert(0, Part(look.word("store.bad", why=look.say(view.store.detail)), "bad"))
    if view.unreachable:
        found.append(Part(look.word("nobody.reachable"), "warn"))
    if view.config.last_reload and not view.config.last_reload.ok:
        found.append(Part(look.word("reload.bad"), "warn"))
    return found


def _headline(page: Page, view: views.Status) -> None:
    found, look = troubles(view, page.look), page.look
    watched = plural(look.locale, sum(rule.watched for rule in view.rules), "rule.watched")
    service = f"{view.service.name} ({view.service.environment})"
    if found:
        worst = "bad" if any(part.style == "bad" for part in found) else "warn"
        page.line(Part("✖ " if worst == "bad" else "⚠ ", worst), Part(service, "bold"), ": ", *_separated(found))
    else:
        page.line(Part("✔ ", "good"), Part(service, "bold"), ": ", Part(look.word("all.well"), "good"), f", {watched}")
    if view.service.mode == "observe":
        page.line(Part(look.word("observe"), "warn"), indent=2)


def _separated(parts: Iterable[Part]) -> list[str | Part]:
    joined: list[str | Part] = []
    for part in parts:
        joined += [", ", part] if joined else [part]
    return joined


def _incidents(page: Page, view: views.Status) -> None:
    if view.incidents:
        page.heading("incidents.open")
        page.table(incident_row(incident, page.look) for incident in view.incidents)


def incident_row(incident: views.IncidentSummary, look: Look) -> list[str | Part]:
    """One incident as cells: number, severity, state, since when, who has it, and what it is."""
    return [
        Part(f"#{incident.id}", "bold"),
        Part(look.word(f"severity.{incident.severity}"), SEVERITY[incident.severity]),
        Part(look.word(f"incident.{incident.state}"), state_style(incident.state)),
        look.ago(incident.opened_at),
        incident.acknowledged_by or "–",
        f"{incident.title}{look.word('in.observe') if incident.observe else ''}",
    ]


def _alerts(page: Page, view: views.Status) -> None:
    if not view.alerts:
        return
    page.heading("alerts")
    usual = {"environment": view.service.environment}
    page.table(_alert_row(alert, usual, page.look) for alert in view.alerts[:_MOST_ALERTS])
    if len(view.alerts) > _MOST_ALERTS:
        page.line(page.look.word("and.more", count=len(view.alerts) - _MOST_ALERTS), indent=2)


_MOST_ALERTS = 20


def _alert_row(alert: views.AlertView, usual: Mapping[str, str], look: Look) -> list[str | Part]:
    """One alert as cells, without what says nothing here: the service's own labels, and a reason beside a value."""
    own = {name: value for name, value in alert.labels.items() if usual.get(name) != value}
    reason = look.say(alert.reason) if alert.value is None or alert.unknown_since is not None else ""
    since = alert.unknown_since or alert.firing_at or alert.active_at
    value = "–" if alert.value is None else units.quantity(alert.value, alert.unit, look.locale)
    return [
        *alert_mark(alert, look),
        Part(alert.rule, "bold"),
        value,
        look.ago(since),
        f"{labels(own)} {reason}".strip(),
    ]


def _people(page: Page, view: views.Status) -> None:
    if view.on_call or view.unreachable:
        page.heading("people")
    page.table(oncall_row(entry, page.look) for entry in view.on_call)
    for reason in view.unreachable:
        page.line(Part("⚠ ", "warn"), page.look.say(reason), indent=2)


def oncall_row(entry: views.OnCallView, look: Look) -> list[str | Part]:
    """One schedule as cells: its name, who is on call, until when and who is next."""
    who = Part(entry.name or entry.person or look.word("nobody"), "bold" if entry.person else "bad")
    until = ""
    if entry.until_at is not None:
        until = look.word("until", at=look.clock(entry.until_at))
        if entry.next_name or entry.next_person:
            until += look.word("then", name=entry.next_name or entry.next_person)
    return [entry.schedule, who, until]


def _sources(page: Page, view: views.Status) -> None:
    page.heading("sources")
    asked = [source for source in view.sources if source.state != "off"]
    if not asked:
        page.line(page.look.word("none"), indent=2)
    page.table(_source_row(source, page.look) for source in asked)


def _source_row(source: views.SourceView, look: Look) -> list[str | Part]:
    mark, style = SOURCE[source.state]
    seen = look.ago(source.last_ok_at)
    about = plural(look.locale, source.series, "series") if source.state == "ok" else look.say(source.reason)
    return [
        Part(f"{mark} {source.name}", style),
        source.kind,
        Part(look.word(f"source.{source.state}"), style),
        look.word("every", span=units.span(source.every_ms)) if source.every_ms else "–",
        look.word("last.ok", ago=seen) if source.last_ok_at is not None else "–",
        about,
    ]


def _rules(page: Page, view: views.Status) -> None:
    watched = [rule for rule in view.rules if rule.watched]
    if watched:
        page.heading("rules")
        page.table(rule_row(rule, page.look) for rule in watched)


def rule_row(rule: views.RuleSummary, look: Look) -> list[str | Part]:
    """One rule as cells: its worst state, name, severity and condition."""
    if not rule.watched:
        return [
            Part(f"○ {look.word('rule.off')}", "dim"),
            rule.name,
            look.word(f"severity.{rule.severity}"),
            look.say(rule.why_not),
        ]
    counts = rule.counts
    for count, key, style in (
        (counts.firing, "firing", "bad"),
        (counts.unknown, "unknown", "warn"),
        (counts.pending, "pending", "warn"),
    ):
        if count:
            state = Part(f"● {look.word(f'alert.{key}')}{f' ×{count}' if count > 1 else ''}", style)
            break
    else:
        state = Part(f"● {look.word('alert.inactive')}", "good")
    severity = Part(look.word(f"severity.{rule.severity}"), SEVERITY[rule.severity])
    return [state, rule.name, severity, look.say(rule.condition)]


def _off(page: Page, view: views.Status) -> None:
    unwatched = [rule for rule in view.rules if not rule.watched]
    if not view.off and not unwatched:
        return
    page.heading("off")
    page.table([Part(page.look.say(part.part), "dim"), page.look.say(part.reason)] for part in view.off)
    if unwatched:
        names = ", ".join(rule.name for rule in unwatched)
        page.line(Part(plural(page.look.locale, len(unwatched), "rule.unwatched"), "warn"), f": {names}", indent=2)


def _footer(page: Page, view: views.Status) -> None:
    look, config = page.look, view.config
    for warning in view.warnings:
        page.gap()
        page.line(Part("⚠ ", "warn"), look.say(warning))
    page.gap()
    rows = [
        [
            "Recuo",
            look.word("up", version=view.service.version, span=units.span(view.now_at - view.started_at), pid=view.pid),
        ],
        [look.word("api"), view.service.url],
        [
            look.word("config"),
            look.word("loaded", path=config.path, digest=config.digest[:12], ago=look.ago(config.loaded_at)),
        ],
        [look.word("state"), f"{view.state_dir} ({units.quantity(view.store.bytes, 'bytes', look.locale)})"],
        [look.word("outbox"), _outbox(view.outbox, look)],
        [look.word("times"), f"{view.service.timezone} ({units.offset(look.now, look.zone)})"],
    ]
    page.table([[Part(name, "dim"), Part(text, "dim")] for name, text in rows], indent=0)
    if config.last_reload and not config.last_reload.ok:
        page.line(Part(look.word("reload.failed", ago=look.ago(config.last_reload.at)), "warn"))
        for problem in config.last_reload.problems:
            page.line(look.say(problem), indent=2)


def _outbox(outbox: views.Outbox, look: Look) -> str:
    if not outbox.queued and not outbox.failed:
        return look.word("outbox.empty")
    waiting = look.word("outbox.waiting", queued=outbox.queued, failed=outbox.failed)
    return waiting if outbox.oldest_at is None else waiting + look.word("outbox.oldest", ago=look.ago(outbox.oldest_at))
