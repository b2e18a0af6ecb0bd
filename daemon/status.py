"""Puts together what people see of what is watched: sources, rules, alerts, and why a rule fires."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daemon import incidents, outbox, rota, views, watching
from daemon.configuration.people import in_locale
from daemon.reach import reachability
from recuo import __version__
from recuo.values import Labels, format_duration, labels_of, parse_duration
from triggers.base import MetricSpec
from triggers.compile import Plan, compile_rules
from triggers.rules import RuleConfig

if TYPE_CHECKING:
    from daemon.app import Daemon

_DAY_MS = 86_400_000


def service(daemon: Daemon) -> views.ServiceView:
    """Which service is watched, and by which Recuo."""
    config = daemon.config
    return views.ServiceView(
        name=config.service.name,
        environment=config.service.environment,
        mode=config.mode,
        version=__version__,
        locale=config.service.locale,
        timezone=config.service.timezone,
        url=daemon.url,
    )


def config_info(daemon: Daemon) -> views.ConfigInfo:
    """Which configuration is in force."""
    reloading = daemon.reloading
    return views.ConfigInfo(
        path=daemon.loaded.path, digest=daemon.loaded.digest, loaded_at=reloading.loaded_at, last_reload=reloading.last
    )


async def status(daemon: Daemon) -> views.Status:
    """Everything that a person wants to know first."""
    now = daemon.clock.now()
    found = await daemon.store.read(lambda conn: incidents.listing(conn, state="open", limit=100))
    waiting = await daemon.store.read(lambda conn: _outbox(conn, now))
    return views.Status(
        service=service(daemon),
        now_at=now,
        started_at=daemon.started_at,
        pid=daemon.pid,
        state_dir=str(daemon.store.directory),
        config=config_info(daemon),
        store=views.StoreView(
            ok=daemon.loop.trouble is None, detail=str(daemon.loop.trouble or ""), bytes=daemon.store.size_bytes()
        ),
        sources=sources(daemon),
        rules=rules(daemon),
        off=tuple(views.OffView(part=off.part, reason=off.reason) for off in daemon.loaded.off),
        alerts=alerts(daemon),
        incidents=tuple(views.IncidentSummary.model_validate(row) for row in found),
        on_call=rota.at(daemon.config, now).schedules,
        unreachable=tuple(reachability(daemon.config)),
        outbox=waiting,
        warnings=tuple(warning.message for warning in daemon.loaded.warnings),
    )


def _outbox(conn: Any, now: int) -> views.Outbox:
    stats = outbox.stats(conn)
    failed = conn.execute(
        "SELECT count(*) FROM outbox WHERE state = 'failed' AND created_at > ?", (now - _DAY_MS,)
    ).fetchone()[0]
    return views.Outbox(queued=stats["queued"], failed=failed, oldest_at=stats["oldest_at"])


def sources(daemon: Daemon) -> tuple[views.SourceView, ...]:
    """Every configured source, those that are off included, and how each one fares."""
    found = []
    config = daemon.config
    for health in daemon.engine.sources():
        state = (
            "blind" if health.blind else "failing" if health.failing_since else "ok" if health.last_ok_at else "waiting"
        )
        found.append(
            views.SourceView(
                name=health.name,
                kind=config.sources[health.name].kind,
                state=state,
                every_ms=config.sources[health.name].every,
                last_ok_at=health.last_ok_at,
                failing_since=health.failing_since,
                reason=health.last_reason if health.failing_since else "",
                samples=daemon.scheduler.brought[health.name],
                series=health.series,
                rules=health.rules,
            )
        )
    off = [part for part in daemon.loaded.off if part.part.startswith("source ")]
    found += [
        views.SourceView(name=part.part.removeprefix("source "), kind="", state="off", every_ms=0, reason=part.reason)
        for part in off
    ]
    return tuple(found)


def specs_of(daemon: Daemon) -> dict[str, MetricSpec]:
    """The declared metrics by name."""
    return {spec.name: spec for declared in watching.specs(daemon.config).values() for spec in declared}


def rules(daemon: Daemon) -> tuple[views.RuleSummary, ...]:
    """Every rule of the configuration in a line."""
    plan, counts = watching.plan(daemon.loaded), _counts(daemon)
    words = conditions(daemon)
    return tuple(
        views.RuleSummary(
            name=name,
            condition=words[name],
            severity=rule.severity.value,
            watched=name in plan.rules,
            why_not=plan.not_watched.get(name, ""),
            counts=counts.get(name, views.AlertCounts()),
        )
        for name, rule in daemon.config.rules.items()
    )


def conditions(daemon: Daemon) -> dict[str, str]:
    """Each rule in words: what it looks at, its limit, and how long that must hold."""
    plans = compile_rules(daemon.config.rules, tuple(specs_of(daemon).values()))
    return {plan.name: _in_words(plan) for plan in plans}


def _in_words(plan: Plan) -> str:
    hold = f"for {format_duration(plan.policy.hold_ms)}" if plan.policy.hold_ms else ""
    return " ".join(part for part in (plan.subject, plan.limit_text, hold) if part)


def _counts(daemon: Daemon) -> dict[str, views.AlertCounts]:
    by_rule: dict[str, Counter[str]] = {name: Counter() for name in daemon.config.rules}
    for alert in daemon.engine.alerts():
        counter = by_rule.setdefault(alert.rule, Counter())
        counter[alert.state] += 1
        if alert.unknown_since is not None:
            counter["unknown"] += 1
    for name in watching.plan(daemon.loaded).rules:
        counter = by_rule[name]
        counter["inactive"] = len(daemon.engine.label_sets(name)) - counter["pending"] - counter["firing"]
    return {name: views.AlertCounts(**{k: max(0, v) for k, v in counter.items()}) for name, counter in by_rule.items()}


def alerts(daemon: Daemon, rule: str | None = None) -> tuple[views.AlertView, ...]:
    """Everything that is pending, firing or unknown; of one rule, or of all."""
    specs, configured = specs_of(daemon), daemon.config.rules
    found = [a for a in daemon.engine.alerts() if a.rule in configured and rule in {None, a.rule}]
    units = {name: unit_of(configured[name], specs) for name in {alert.rule for alert in found}}
    return tuple(
        views.AlertView(
            rule=alert.rule,
            labels=dict(alert.labels),
            severity=configured[alert.rule].severity.value,
            state=alert.state,
            active_at=alert.active_at,
            firing_at=alert.fired_at,
            unknown_since=alert.unknown_since,
            value=alert.value,
            unit=units[alert.rule],
            reason=alert.reason or alert.text,
        )
        for alert in found
    )


def unit_of(rule: RuleConfig, specs: Mapping[str, MetricSpec]) -> str:
    """The unit of the number that a rule compares."""
    return "" if rule.parts else compile_rules({"": rule}, specs.values())[0].unit


def rule(daemon: Daemon, name: str) -> views.RuleView:
    """One rule with all that is known about it. Raises KeyError."""
    config = daemon.config.rules[name]
    summary = next(found for found in rules(daemon) if found.name == name)
    playbooks = tuple(key for key, book in daemon.config.playbooks.items() if name in book.triggers)
    return views.RuleView(
        **summary.model_dump(),
        definition=config.definition(),
        sources=tuple(health.name for health in daemon.engine.sources() if name in health.rules),
        playbooks=playbooks,
        summary=in_locale(config.summary, daemon.config.service.locale) if config.summary else "",
        alerts=alerts(daemon, name),
    )


def explanation(daemon: Daemon, name: str, labels: Labels) -> views.Explanation:
    """Why one alert is in its state. Raises KeyError where the engine knows nothing of it."""
    config, found = daemon.config.rules[name], daemon.engine.explain(name, labels)
    windows, units = found.get("windows", []), {name: spec.unit for name, spec in specs_of(daemon).items()}
    plan = None if config.parts else compile_rules({name: config}, specs_of(daemon).values())[0]
    number = plan.limit if plan is not None and plan.limit_text else None
    return views.Explanation(
        rule=name,
        labels=found["labels"],
        condition=conditions(daemon)[name],
        severity=config.severity.value,
        state=found["state"],
        unknown_since=found.get("unknown_since"),
        reason=found.get("reason", ""),
        at=found["at"],
        metric=", ".join(config.selectors),
        unit=plan.unit if plan is not None else "",
        window_start_at=windows[0]["from"] if windows else None,
        window_end_at=windows[0]["to"] if windows else None,
        series=tuple(_window(window, units.get(window["metric"], "")) for window in windows),
        steps=tuple(found.get("steps", ())),
        value=found.get("value"),
        above=number if config.above else None,
        below=number if config.below else None,
        active_at=found.get("active_at"),
        firing_at=found.get("fired_at"),
        for_ms=parse_duration(found["for"]) if found["for"] != "0s" else 0,
        deadlines=tuple(views.Deadline.model_validate(deadline) for deadline in found.get("deadlines", ())),
    )


def _window(window: Mapping[str, Any], unit: str) -> views.SeriesWindow:
    labels = {**window["labels"], "__name__": window["metric"]}
    return views.SeriesWindow(
        labels=labels,
        unit=unit,
        points=tuple(views.Point(at=point["at"], value=point["value"]) for point in window["samples"]),
        total=window["count"],
    )


def labels_from(pairs: Mapping[str, str]) -> Labels:
    """A label set as the engine knows it."""
    return labels_of(pairs)
