"""What the shell completes: rules and incidents of the daemon that answers; nothing where none does."""

from __future__ import annotations

from typing import Any

import click

from daemon.client import ClientError, Where, connect


def _ask(ctx: click.Context, path: str) -> dict[str, Any]:
    said = {**ctx.find_root().params, **{name: value for name, value in ctx.params.items() if value is not None}}
    try:
        found = connect(Where(said.get("url"), said.get("state"), said.get("token_file"))).get(path)
    except ClientError:
        return {}
    return found if isinstance(found, dict) else {}


def rule_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The names of rules that begin so."""
    found = (str(rule["name"]) for rule in _ask(ctx, "/api/v1/rules").get("rules", ()))
    return [name for name in found if name.startswith(incomplete)]


def incident_ids(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The numbers of recent incidents that begin so."""
    found = (str(incident["id"]) for incident in _ask(ctx, "/api/v1/incidents").get("incidents", ()))
    return [number for number in found if number.startswith(incomplete)]
