"""`recuo backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from daemon.client import EXIT_INPUT, ClientError
from daemon.commands.session import Session, config_path, print_json, with_session, write
from recuo.values import Instant, parse_duration, parse_instant


@click.command()
@click.option("--config", metavar="FILE", help="Default: config.yaml here, else /etc/recuo/config.yaml.")
@click.option("--input", "inputs", metavar="DATA", multiple=True, required=True, help="OpenMetrics text or CSV.")
@click.option("--metric", metavar="NAME", help="The metric of a CSV file of `timestamp,value`.")
@click.option("--start", metavar="T", help="RFC 3339 or seconds; default: the first sample.")
@click.option("--end", metavar="T", help="RFC 3339 or seconds; default: the last sample.")
@click.option("--step", metavar="15s", help="Evaluate only at start, start + step, …; default: as it runs live.")
@with_session
def backtest(
    session: Session,
    config: str | None,
    inputs: tuple[str, ...],
    metric: str | None,
    start: str | None,
    end: str | None,
    step: str | None,
) -> int:
    """What the configuration would have fired, opened and paged over recorded samples. Needs no daemon."""
    from daemon import backtest as work
    from daemon.config import ConfigError, load

    try:
        loaded = load(config_path(config))
        samples = work.read_inputs([Path(name) for name in inputs], metric)
        found = work.run(loaded, samples, start=_instant(start), end=_instant(end), step_ms=_step(step))
    except (ConfigError, work.InputError, ValueError) as err:
        first, *others = str(err).splitlines()
        raise ClientError(EXIT_INPUT, first, tuple(others)) from err
    if session.as_json:
        print_json(found)
    else:
        write(_table(found))
    return 0


def _instant(text: str | None) -> Instant | None:
    return None if text is None else parse_instant(text)


def _step(text: str | None) -> int | None:
    if text is None:
        return None
    step_ms = parse_duration(text)
    if not step_ms:
        raise ValueError("the step must be longer than nothing")
    return step_ms


def _table(found: dict[str, Any]) -> str:
    rows = [("rule", "labels", "pending", "firing", "resolved")]
    for alert in found["alerts"]:
        labels = ", ".join(f"{name}={value}" for name, value in alert["labels"].items())
        instants = [alert[name] or "-" for name in ("pending_at", "firing_at", "resolved_at")]
        rows.append((alert["rule"], labels or "-", *instants))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    fired = sum(alert["firing_at"] is not None for alert in found["alerts"])
    lines.append(f"{fired} alerts fired, {len(found['incidents'])} incidents, {len(found['pages'])} pages")
    return "\n".join([*lines, ""])
