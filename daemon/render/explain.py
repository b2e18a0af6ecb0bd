"""`recuo explain`: the samples, the window and the arithmetic that put an alert in its state."""

from __future__ import annotations

from daemon import views
from daemon.render import units
from daemon.render.screen import Look, Page, Part
from daemon.render.spark import spark
from daemon.render.symbols import METRIC, SEVERITY, alert_mark, labels

_MOST_SERIES = 8


def explanations(view: views.Explanations, look: Look) -> str:
    """Every explanation, one under the other."""
    page = Page(look)
    if not view.explanations:
        page.line(look.word("nothing.to.explain"))
    for explanation in view.explanations:
        page.gap()
        _one(page, explanation)
    return page.text()


def _one(page: Page, view: views.Explanation) -> None:
    look = page.look
    page.line(*alert_mark(view, look), "  ", Part(view.rule, "bold"), f" {labels(view.labels)}".rstrip())
    severity = Part(look.word(f"severity.{view.severity}"), SEVERITY[view.severity])
    page.line(severity, f" · {look.say(view.condition)}", indent=2)
    if view.reason:
        page.line(look.say(view.reason), indent=2)
    if view.unknown_since is not None:
        page.line(
            Part(
                look.word("unknown.since", at=look.clock(view.unknown_since), ago=look.ago(view.unknown_since)), "warn"
            ),
            indent=2,
        )
    _window(page, view)
    _arithmetic(page, view)
    _times(page, view)


def _window(page: Page, view: views.Explanation) -> None:
    look = page.look
    if view.window_start_at is not None and view.window_end_at is not None:
        page.gap()
        length = units.span(view.window_end_at - view.window_start_at)
        bounds = look.word(
            "window", start=look.clock(view.window_start_at), end=look.clock(view.window_end_at), span=length
        )
        page.line(Part(look.word("samples"), "bold"), f" {view.metric} · {bounds}", indent=2)
    for series in view.series[:_MOST_SERIES]:
        _series(page, series, view)
    if len(view.series) > _MOST_SERIES:
        page.line(look.word("and.more", count=len(view.series) - _MOST_SERIES), indent=4)


def _series(page: Page, series: views.SeriesWindow, view: views.Explanation) -> None:
    look = page.look
    own = {name: value for name, value in series.labels.items() if name != METRIC}
    if series.labels and (len(view.series) > 1 or own != view.labels):
        page.line(labels(series.labels), indent=4)
    if not series.points:
        page.line(Part(look.word("no.samples"), "warn"), indent=4)
        return
    points = sorted((point.at, point.value) for point in series.points)
    # A limit of a ratio or a rate says nothing of the counters below it.
    above, below = (view.above, view.below) if series.unit == view.unit else (None, None)
    for row in spark(points, min(60, look.width - 6), above=above, below=below):
        page.line(*row, indent=4)
    values = [value for _, value in points]
    shown = {"low": min(values), "high": max(values), "last": values[-1]}
    facts = {name: units.quantity(value, series.unit, look.locale) for name, value in shown.items()}
    more = (
        look.word("shown.of", shown=len(points), total=series.total)
        if series.total > len(points)
        else str(series.total)
    )
    page.line(Part(look.word("series.facts", **facts, total=more, ago=look.ago(points[-1][0])), "dim"), indent=4)


def _arithmetic(page: Page, view: views.Explanation) -> None:
    look = page.look
    if view.steps or view.value is not None:
        page.gap()
        page.line(Part(look.word("arithmetic"), "bold"), indent=2)
    for step in _steps(view):
        page.line(look.say(step), indent=4)
    if view.value is None:
        return
    value = units.quantity(view.value, view.unit, look.locale)
    for limit, key, beyond in (
        (view.above, "above", view.above is not None and view.value > view.above),
        (view.below, "below", view.below is not None and view.value < view.below),
    ):
        if limit is not None:
            words = look.word(
                f"{key}.{'yes' if beyond else 'no'}", value=value, limit=units.quantity(limit, view.unit, look.locale)
            )
            page.line(Part("→ ", "dim"), Part(words, "bad" if beyond else "good"), indent=4)


def _steps(view: views.Explanation) -> tuple[str, ...]:
    """The steps, without the comparison where it stands below them in words."""
    compared = view.value is not None and (view.above is not None or view.below is not None)
    return view.steps[:-1] if compared and view.steps[-1:] and view.steps[-1].endswith(_COMPARED) else view.steps


_COMPARED = (": true", ": false")


def _times(page: Page, view: views.Explanation) -> None:
    look = page.look
    rows: list[list[str | Part]] = []
    if view.active_at is not None:
        rows.append([look.word("active.since"), look.clock(view.active_at), look.ago(view.active_at)])
    if view.for_ms:
        rows.append([look.word("must.hold"), units.span(view.for_ms), _held(view, look)])
    if view.firing_at is not None:
        rows.append([look.word("firing.since"), look.clock(view.firing_at), look.ago(view.firing_at)])
    if rows or view.deadlines:
        page.gap()
        page.line(Part(look.word("time"), "bold"), indent=2)
    page.table(rows, indent=4)
    for deadline in view.deadlines:
        when = f"{look.clock(deadline.at)} ({look.ago(deadline.at)})"
        page.line(Part("→ ", "dim"), f"{when}: {look.say(deadline.what)}", indent=4)


def _held(view: views.Explanation, look: Look) -> str:
    if view.active_at is None:
        return ""
    held = view.at - view.active_at
    return look.word("held", span=units.span(held), share=f"{min(100, held * 100 // view.for_ms)}%")
