"""`recuo status`, `rules`, `explain` and `oncall`: what is watched, and who is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from daemon.client import EXIT_INPUT, EXIT_NO, ClientError
from daemon.commands.completing import rule_names
from daemon.commands.session import Session, as_view, config_path, print_json, with_session, write

if TYPE_CHECKING:
    from daemon import views
    from daemon.render.screen import Look


@click.command()
@with_session
def status(session: Session) -> None:
    """How everything is: what is wrong in the first line, then incidents, people, sources and rules."""
    data = session.client().get("/api/v1/status")
    if session.as_json:
        print_json(data)
        return
    from daemon import views
    from daemon.render.status import status as screen

    view = as_view(data, views.Status)
    write(screen(view, session.look_of(view.service, view.now_at)))


@click.command()
@click.argument("name", required=False, shell_complete=rule_names)
@with_session
def rules(session: Session, name: str | None) -> None:
    """The rules and their states, or everything about one rule."""
    from daemon import views
    from daemon.render import lists

    client = session.client()
    if name is None:
        session.show(client.get("/api/v1/rules"), views.Rules, lists.rules, client)
    else:
        session.show(client.get(f"/api/v1/rules/{quote(name, safe='')}"), views.RuleView, lists.rule, client)


@click.command()
@click.argument("what", metavar="ID|RULE", shell_complete=rule_names)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Only this label set of a rule.")
@with_session
def explain(session: Session, what: str, labels: tuple[str, ...]) -> None:
    """Why the alerts of an incident, or of a rule, are in their states: samples, window and arithmetic."""
    from daemon import views
    from daemon.render.explain import explanations

    client = session.client()
    if what.isdecimal():
        if labels:
            raise ClientError(EXIT_INPUT, "--label goes with a rule, not with an incident")
        data = client.get(f"/api/v1/explain/{what}")
    else:
        wanted = json.dumps(_pairs(labels)) if labels else None
        data = client.get("/api/v1/explain", {"rule": what, "labels": wanted})
    session.show(data, views.Explanations, explanations, client)


def _pairs(labels: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for label in labels:
        name, equals, value = label.partition("=")
        if not name or not equals:
            raise ClientError(EXIT_INPUT, f"{label!r} is no label; write it like route=/api/analyze")
        pairs[name] = value
    return pairs


@click.command()
@click.option("--at", metavar="T", help="An instant like 2026-11-23T03:00:00Z; default: now.")
@click.option("--config", metavar="FILE", help="Ask this configuration instead of a daemon.")
@with_session
def oncall(session: Session, at: str | None, config: str | None) -> int:
    """Who is on call in every schedule. Exits 1 when nobody is in any."""
    view, look = _from_config(session, config, at) if config is not None else _from_daemon(session, at)
    if session.as_json:
        print_json(view.model_dump(mode="json"))
    else:
        from daemon.render.lists import oncall as screen

        write(screen(view, look()))
    return 0 if any(entry.person for entry in view.schedules) else EXIT_NO


def _from_daemon(session: Session, at: str | None) -> tuple[views.OnCall, Callable[[], Look]]:
    from daemon import views

    client = session.client()
    data = client.get("/api/v1/oncall", {"at": at})
    return as_view(data, views.OnCall), lambda: session.look(client)


def _from_config(session: Session, config: str, at: str | None) -> tuple[views.OnCall, Callable[[], Look]]:
    from daemon import rota
    from daemon.config import ConfigError, load
    from recuo.values import parse_instant

    try:
        instant = time.time_ns() // 1_000_000 if at is None else parse_instant(at)
        view = rota.at((loaded := load(config_path(config))).config, instant)
    except ConfigError as err:
        raise ClientError(EXIT_INPUT, str(err)) from None
    except (ValueError, OverflowError) as err:
        raise ClientError(EXIT_INPUT, str(err)) from None
    service = loaded.config.service
    return view, lambda: session.local_look(service.locale, service.timezone)
