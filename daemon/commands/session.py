"""What every command shares: where the daemon is, JSON or a screen, in which language; and the options that say so."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import click

from daemon.client import EXIT_INPUT, EXIT_NO, EXIT_NO_DAEMON, Client, ClientError, Where, connect, state_directory

if TYPE_CHECKING:
    from pydantic import BaseModel

    from daemon import views
    from daemon.render.screen import Look

P = ParamSpec("P")
V = TypeVar("V", bound="BaseModel")

CONFIG_PLACES = ("config.yaml", "/etc/recuo/config.yaml")
_UNPRINTABLE = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


class Session(NamedTuple):
    """One call of the command line."""

    where: Where
    lang: str | None
    as_json: bool

    def client(self) -> Client:
        """The daemon's API. Raises ClientError."""
        return connect(self.where)

    def state_directory(self) -> Path:
        """Where the state is."""
        return state_directory(self.where.state)

    def show(
        self, data: object, model: type[V], screen: Callable[[V, Look], str], client: Client | None = None
    ) -> None:
        """Print an answer: as JSON as it is, or as a screen in the language and time zone of the service."""
        if self.as_json:
            print_json(data)
            return
        view = as_view(data, model)
        write(screen(view, self.look(client)))

    def look(self, client: Client | None) -> Look:
        """How to render: the service's language and time zone where a daemon can be asked, else this machine's."""
        if client is None:
            return self.local_look()
        from daemon import views

        return self.look_of(as_view(client.get("/api/v1/service"), views.ServiceView))

    def look_of(self, service: views.ServiceView, now: int | None = None) -> Look:
        """How to render for a service; `now` where the daemon said what time it is."""
        return self.local_look(service.locale, service.timezone, now)

    def language(self, *, ask: bool) -> str:
        """The language to say in what went wrong: `--lang`, else the service's where a daemon is to be asked for it."""
        from daemon.render.words import locale_of

        if self.lang is None and ask:
            with contextlib.suppress(ClientError, KeyError, TypeError):
                return locale_of(str(self.client().get("/api/v1/service")["locale"]))
        return locale_of(self.lang or _environment_language())

    def local_look(self, locale: str | None = None, timezone: str | None = None, now: int | None = None) -> Look:
        """How to render: `--lang`, else the language given, else that of the environment."""
        from daemon.render import units
        from daemon.render.screen import Look
        from daemon.render.words import locale_of

        return Look(
            locale=locale_of(self.lang or locale or _environment_language()),
            zone=units.zone(timezone) if timezone else units.local_zone(),
            now=now if now is not None else time.time_ns() // 1_000_000,
            width=max(40, min(140, shutil.get_terminal_size((100, 24)).columns)),
            colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
            unicode=(sys.stdout.encoding or "").lower().replace("-", "") == "utf8",
        )


def as_view(data: object, model: type[V]) -> V:
    """An answer as its shape. Raises ClientError 1 for one of another shape: the daemon is of another version."""
    from pydantic import ValidationError

    try:
        return model.model_validate(data)
    except ValidationError:
        message = "the daemon answers in a way that this `recuo` does not know; use the one of the daemon's version"
        raise ClientError(EXIT_NO, message) from None


def _environment_language() -> str:
    found = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((language for language in found if language), "")


def write(text: str) -> None:
    """Put text on the standard output; the screens have made it safe."""
    sys.stdout.write(text)
    sys.stdout.flush()


def print_json(data: object) -> None:
    """Print JSON that is readable, and that no terminal obeys: what is invisible is escaped."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    write(_UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def complain(message: str, details: tuple[str, ...] = (), locale: str = "en") -> None:
    """Say on standard error what is wrong, as `recuo: …`, whatever the text came from; in a language."""
    from daemon.language import said, say
    from daemon.render.clean import lines

    text = "\n".join([say(message, locale), *(f"  {detail}" for detail in said(details, locale))])
    for line in lines(text).split("\n"):
        sys.stderr.write(f"recuo: {line}\n")
    sys.stderr.flush()


def config_path(given: str | None) -> Path:
    """The configuration that is meant: as given, else the first of the usual places. Raises ClientError 2."""
    if given is not None:
        return Path(given)
    for place in CONFIG_PLACES:
        if Path(place).is_file():
            return Path(place)
    raise ClientError(EXIT_INPUT, f"there is no {' or '.join(CONFIG_PLACES)}; name one with --config FILE")


def with_session(command: Callable[Concatenate[Session, P], int | None]) -> Callable[P, int | None]:
    """Give a command the options that all have, and the session that they make as its first argument."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> int | None:
        said: dict[str, Any] = {name: kwargs.pop(name) for name in ("url", "state", "token_file", "lang", "as_json")}
        session = _session(click.get_current_context().find_root().params, said)
        try:
            return command(session, *args, **kwargs)
        except ClientError as err:
            err.locale = session.language(ask=err.exit_code != EXIT_NO_DAEMON)
            raise

    for option in reversed(_options()):
        wrapped = option(wrapped)
    return wrapped


def _session(above: Mapping[str, Any], said: Mapping[str, Any]) -> Session:
    """What stands after the command's name goes before what stands before it."""
    url, state, token_file, lang = (
        said[name] if said[name] is not None else above.get(name) for name in ("url", "state", "token_file", "lang")
    )
    return Session(Where(url, state, token_file), lang, said["as_json"])


def where_options() -> list[Callable[[Any], Any]]:
    """The options that say where the daemon is."""
    return [
        click.option("--url", metavar="URL", help="The daemon's address (RECUO_URL)."),
        click.option("--state", metavar="DIR", help="The daemon's state directory (RECUO_STATE)."),
        click.option("--token-file", metavar="FILE", help="A file that holds the token (or RECUO_TOKEN)."),
        click.option("--lang", type=click.Choice(["en", "pt-BR"]), help="The language of screens."),
    ]


def _options() -> list[Callable[[Any], Any]]:
    return [click.option("--json", "as_json", is_flag=True, help="Print JSON."), *where_options()]
