"""What the daemon says when it has started: where things are, what is watched, and what is off and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from daemon import watching
from daemon.config import Loaded
from daemon.language import said, say
from daemon.logs import printable
from daemon.reach import reachability
from recuo import __version__

if TYPE_CHECKING:
    from daemon.app import Daemon

_WORDS = {
    "en": {
        "title": "Recuo {version} watches {service} ({environment})",
        "observe": ", in mode observe: nothing is changed anywhere",
        "state": "state",
        "config": "config",
        "metrics": "metrics",
        "token": "token",
        "watched": "watched",
        "off": "off",
        "people": "people",
        "reached": "everyone can be reached",
        "stop": "Ctrl-C stops it; `recuo status` in another terminal shows how things are.",
        "rules": "{rules} by {sources}",
        "nothing": "nothing: no rule has a source that is on",
    },
    "pt-BR": {
        "title": "Recuo {version} monitora {service} ({environment})",
        "observe": ", em modo observe: nada é alterado em lugar nenhum",
        "state": "estado",
        "config": "config",
        "metrics": "métricas",
        "token": "token",
        "watched": "monitorado",
        "off": "desligado",
        "people": "pessoas",
        "reached": "todos podem ser avisados",
        "stop": "Ctrl-C encerra; `recuo status` em outro terminal mostra como está tudo.",
        "rules": "{rules} por {sources}",
        "nothing": "nada: nenhuma regra tem uma fonte ligada",
    },
}


def one_line(loaded: Loaded) -> str:
    """For `systemctl status`."""
    config = loaded.config
    off = f", {len(loaded.off)} parts off" if loaded.off else ""
    mode = ", observe" if config.mode == "observe" else ""
    return f"watching {config.service.name}: {len(config.sources)} sources, {len(config.rules)} rules{off}{mode}"


def lines(daemon: Daemon) -> Iterator[str]:
    """The start-up report, a line at a time."""
    loaded, config = daemon.loaded, daemon.config
    words, locale = _WORDS[config.service.locale], config.service.locale
    title = words["title"].format(
        version=__version__, service=config.service.name, environment=config.service.environment
    )
    yield title + (words["observe"] if config.mode == "observe" else "")
    yield from _pairs(
        ("API", f"{daemon.url}/api/v1/status"),
        (words["metrics"], f"{daemon.url}/metrics"),
        (words["state"], str(daemon.store.directory)),
        (words["token"], str(daemon.store.directory / "token")),
        (words["config"], f"{loaded.path}"),
    )
    plan = watching.plan(loaded)
    names = ", ".join(plan.rules)
    sources = ", ".join(config.sources)
    yield from _pairs(
        (words["watched"], words["rules"].format(rules=names, sources=sources) if names else words["nothing"])
    )
    yield from _pairs(*((words["off"], f"{say(off.part, locale)}: {say(off.reason, locale)}") for off in loaded.off))
    yield from _pairs(*((words["people"], text) for text in said(reachability(config), locale) or (words["reached"],)))
    yield words["stop"]


def facts(daemon: Daemon) -> dict[str, dict[str, object]]:
    """The same for logs: event names with their facts."""
    loaded, config = daemon.loaded, daemon.config
    plan = watching.plan(loaded)
    return {
        "started": {
            "version": __version__,
            "service": config.service.name,
            "environment": config.service.environment,
            "mode": config.mode,
            "api": f"{daemon.url}/api/v1/status",
            "metrics": f"{daemon.url}/metrics",
            "state": str(daemon.store.directory),
            "config": loaded.path,
            "digest": loaded.digest[:12],
        },
        "watched": {"rules": list(plan.rules), "sources": list(config.sources)},
        "off": {"parts": [f"{off.part}: {off.reason}" for off in loaded.off]},
        "people": {"unreachable": reachability(config)},
    }


def _pairs(*pairs: tuple[str, str]) -> Iterator[str]:
    for name, text in pairs:
        yield f"  {name:<10} {printable(text)}"
