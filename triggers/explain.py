"""What a person needs at 3 a.m.: the samples, the window, the arithmetic, the threshold, and what comes next."""

from __future__ import annotations

from typing import Any, Final

from recuo.values import Instant, Labels, format_duration, format_number, rfc3339
from triggers.alerts import INACTIVE, REASONS, Alert, Answer
from triggers.conditions import RatioWatch
from triggers.watches import Group, Sink, Watch

MAX_SAMPLES: Final = 120


def explain(watch: Watch, labels: Labels, now: Instant) -> dict[str, Any]:
    """What a rule says about these labels and why: JSON-able, instants in RFC 3339. KeyError for other labels."""
    group = next((group for group in watch.groups.values() if group.labels == labels), None)
    alert = watch.alerts.get(labels)
    if group is None:
        if alert is None:
            raise KeyError(labels)
        return {
            **_head(watch, labels, now),
            **_state(alert),
            "steps": ["its series has not come back since the restart"],
        }
    answer, value = watch.read(group, now)
    found = _head(watch, labels, now)
    found |= {"value": value, "answer": _words(answer), "arithmetic": watch.arithmetic(group) | {"value": value}}
    found |= _state(alert) | _windows(watch, group, now)
    found["steps"] = _steps(watch, group, answer, value)
    found["deadlines"] = _deadlines(watch, group, alert, now)
    return found


def _head(watch: Watch, labels: Labels, now: Instant) -> dict[str, Any]:
    plan = watch.plan
    policy = plan.policy
    return {
        "rule": plan.name,
        "labels": dict(labels),
        "at": rfc3339(now),
        "condition": f"{plan.subject} {plan.limit_text}".strip(),
        "threshold": plan.limit_text or None,
        "for": format_duration(policy.hold_ms),
        "keep_firing_for": format_duration(policy.keep_ms),
        "clear": _clear(watch),
    }


def _clear(watch: Watch) -> str | None:
    clear = watch.plan.config.clear
    if clear is None:
        return None
    side = (
        f"below {clear.below.text}" if clear.below is not None else f"above {clear.above.text if clear.above else ''}"
    )
    return f"{side} for {format_duration(clear.hold)}"


def _words(answer: int) -> str:
    return {Answer.TRUE: "true", Answer.FALSE: "false", Answer.CLEAR: "false, and clear"}.get(
        Answer(answer), f"unknown: {REASONS.get(answer, '')}"
    )


def _text(at: Instant | None) -> str | None:
    return None if at is None else rfc3339(at)


def _state(alert: Alert | None) -> dict[str, Any]:
    if alert is None:
        return {"state": INACTIVE, "unknown_since": None, "reason": ""}
    return {
        "state": alert.state,
        "active_at": _text(alert.active_at),
        "fired_at": _text(alert.fired_at),
        "false_since": _text(alert.false_since),
        "clear_since": _text(alert.clear_since),
        "unknown_since": _text(alert.unknown_since),
        "ended_at": _text(alert.ended_at),
        "reason": alert.reason,
    }


def _windows(watch: Watch, group: Group, now: Instant) -> dict[str, Any]:
    windows = []
    sinks = [("to" if isinstance(watch, RatioWatch) else "samples", sink) for sink in group.members]
    sinks += [("of", sink) for sink in group.others]
    for role, sink in sinks:
        end = now - sink.lag_ms
        windows.append(
            {
                "role": role,
                "metric": sink.series.metric,
                "labels": dict(sink.series.labels),
                "source": sink.series.source.info.name,
                "from": rfc3339(end - sink.window.over_ms),
                "to": rfc3339(end),
                **_samples(sink),
            }
        )
    return {"windows": windows, "series": len(sinks)}


def _samples(sink: Sink) -> dict[str, Any]:
    mine = [point for point in sink.window if point.series == sink.series.number]
    shown = [{"at": rfc3339(point.at - sink.lag_ms), "value": point.value} for point in mine[-MAX_SAMPLES:]]
    return {"count": len(mine), "samples": shown, "left_out": len(mine) - len(shown)}


def _steps(watch: Watch, group: Group, answer: int, value: float | None) -> list[str]:
    """The arithmetic in words, one step a line."""
    plan, facts = watch.plan, watch.arithmetic(group)
    steps: list[str] = []
    if isinstance(watch, RatioWatch):
        steps += [
            f"{plan.targets[0].selector} grew by {format_number(facts['of'])}",
            f"{plan.targets[1].selector} grew by {format_number(facts['to'])}",
        ]
        if facts["to"] < facts["min_volume"]:
            least = format_number(facts["min_volume"])
            steps.append(f"{format_number(facts['to'])} is less than min_volume {least}: no answer")
        elif value is not None:
            steps.append(f"{format_number(facts['of'])} / {format_number(facts['to'])} = {plan.quantity(value)}")
    elif "parts" in facts:
        steps += [f"{name} is {said}" for name, said in facts["parts"].items()]
    else:
        count = sum(len(window) for window in group.windows())
        series = f"{len(group.members)} series" if len(group.members) != 1 else "1 series"
        steps.append(f"{count} {'sample' if count == 1 else 'samples'} of {series} in the window")
        if value is not None:
            steps.append(f"{plan.subject} = {plan.quantity(value)}")
    steps.append(
        f"{plan.quantity(value)} {plan.limit_text}: {_words(answer)}"
        if value is not None and plan.limit_text
        else _words(answer)
    )
    return steps


def _deadlines(watch: Watch, group: Group, alert: Alert | None, now: Instant) -> list[dict[str, str]]:
    """What comes next, the earliest first."""
    found: list[tuple[Instant, str]] = []
    if alert is not None and (due := alert.deadline()) is not None:
        found.append((due, _next_of(alert)))
    if group.fresh_until > now:
        found.append((group.fresh_until, "unknown, if no sample comes"))
    found.sort()
    return [{"at": rfc3339(at), "what": what} for at, what in found]


def _next_of(alert: Alert) -> str:
    if alert.ended_at is not None:
        return "resolves as ended, if its series does not come back"
    if alert.state == "pending":
        return "dropped, if still unknown" if alert.unknown_since is not None else "fires, if still true"
    return "resolves, if still false"
