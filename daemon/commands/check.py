"""`recuo check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from daemon.client import EXIT_INPUT
from daemon.commands.session import Session, complain, config_path, print_json, with_session, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.config import Loaded, Problem


@click.command()
@click.option("--config", metavar="FILE", help="Default: config.yaml here, else /etc/recuo/config.yaml.")
@with_session
def check(session: Session, config: str | None) -> int:
    """Check a configuration: every error and warning as FILE:LINE:COLUMN, and what is off.

    Needs no daemon. Exits 0 if the configuration can be used, 2 if not.
    """
    path = config_path(config)
    from daemon.config import ConfigError, load

    try:
        loaded = load(path)
    except ConfigError as err:
        _wrong(session, str(path), err.problems)
        return EXIT_INPUT
    if session.as_json:
        off = [{"part": part.part, "reason": part.reason} for part in loaded.off]
        print_json(
            {"ok": True, "file": str(path), "problems": _rows(loaded.warnings), "off": off, "digest": loaded.digest}
        )
    else:
        _print(loaded.warnings, session.local_look(loaded.config.service.locale).locale)
        _right(session, loaded)
    return 0


def _wrong(session: Session, path: str, problems: Iterable[Problem]) -> None:
    found = list(problems)
    if session.as_json:
        print_json({"ok": False, "file": path, "problems": _rows(found), "off": [], "digest": None})
    locale = session.language(ask=False)
    _print(found, locale)
    errors = sum(problem.severity == "error" for problem in found)
    complain(f"{path} cannot be used: {errors} {'error' if errors == 1 else 'errors'}", locale=locale)


def _rows(problems: Iterable[Problem]) -> list[dict[str, object]]:
    return [problem._asdict() for problem in problems]


def _print(problems: Iterable[Problem], locale: str) -> None:
    """FILE:LINE:COLUMN at the start of a line: what editors jump to."""
    from daemon.language import say
    from daemon.render.clean import one_line

    for problem in problems:
        kind = f"{say('warning', locale)}: " if problem.severity == "warning" else ""
        place = f"{one_line(problem.file)}:{problem.line}:{problem.column}"
        where = f"{one_line(problem.path)}: " if problem.path else ""
        sys.stderr.write(f"{place}: {kind}{where}{one_line(say(problem.message, locale))}\n")


def _right(session: Session, loaded: Loaded) -> None:
    from daemon.render.screen import Page, Part
    from daemon.render.words import plural

    service = loaded.config.service
    look = session.local_look(service.locale, service.timezone)
    rules = plural(look.locale, len(loaded.config.rules), "rule.count")
    sources = plural(look.locale, len(loaded.config.sources), "source.count")
    page = Page(look)
    page.line(Part("✔ ", "good"), look.word("check.ok", path=loaded.path, rules=rules, sources=sources))
    if loaded.off:
        page.heading("off")
        page.table([look.say(part.part), look.say(part.reason)] for part in loaded.off)
    write(page.text())
