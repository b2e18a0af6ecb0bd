"""`recuo token`, `reload`, `doctor`, `backup-state` and `audit`."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from daemon.client import EXIT_INPUT, EXIT_NO, EXIT_NO_DAEMON, Client, ClientError, running
from daemon.commands.session import Session, print_json, with_session, write

if TYPE_CHECKING:
    from daemon.store import Store


@click.group(no_args_is_help=False)
def token() -> None:
    """Make, list and revoke API tokens. Needs the role admin."""


@token.command("create")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["viewer", "responder", "approver", "admin"]), required=True, help="What it may do."
)
@click.option("--person", metavar="ID", help="A person of the configuration in whose name it acts.")
@with_session
def create(session: Session, name: str, role: str, person: str | None) -> None:
    """Make a token. It is shown once."""
    from daemon import views
    from daemon.render.lists import new_token

    client = session.client()
    data = client.post("/api/v1/tokens", {"name": name, "role": role, "person": person})
    session.show(data, views.NewToken, new_token, client)


@token.command("list")
@with_session
def list_(session: Session) -> None:
    """Every token, revoked ones too; not what they open."""
    from daemon import views
    from daemon.render.lists import tokens

    client = session.client()
    session.show(client.get("/api/v1/tokens"), views.Tokens, tokens, client)


@token.command("revoke")
@click.argument("name")
@with_session
def revoke(session: Session, name: str) -> None:
    """End a token at once."""
    from daemon import views
    from daemon.render.lists import revoked

    client = session.client()
    session.show(client.post(f"/api/v1/tokens/{quote(name, safe='')}/revoke"), views.TokenView, revoked, client)


@click.command()
@with_session
def reload(session: Session) -> int:
    """Read the configuration again: taken up whole or not at all. Exits 1 if it was refused."""
    from daemon import views
    from daemon.render.lists import reload as screen

    client = session.client()
    data = client.post("/api/v1/reload")
    session.show(data, views.ReloadView, screen, client)
    return 0 if data["ok"] else EXIT_NO


@click.command()
@with_session
def doctor(session: Session) -> int:
    """Look at everything that a person could put right. Exits 1 if something fails."""
    from daemon import views
    from daemon.render.lists import doctor as screen

    client = session.client()
    data = client.get("/api/v1/doctor")
    session.show(data, views.Doctor, screen, client)
    return 0 if data["ok"] else EXIT_NO


@click.command("test-page")
@with_session
def test_page(session: Session) -> None:
    """Send a test message to every person and every receiver; what becomes of it, `doctor` and the API tell."""
    from daemon import views
    from daemon.render.lists import queued

    client = session.client()
    session.show(client.post("/api/v1/test-page"), views.Deliveries, queued, client)


@click.command("backup-state")
@click.argument("target", metavar="TARGET", type=click.Path(dir_okay=False))
@with_session
def backup_state(session: Session, target: str) -> None:
    """Save a checked copy of the state in the new file TARGET; through the daemon where one runs."""
    path = Path(target)
    if path.exists() or path.is_symlink():
        raise ClientError(EXIT_INPUT, f"{path} is already there; name a new file")
    if not path.absolute().parent.is_dir():
        raise ClientError(EXIT_INPUT, f"{path.absolute().parent} is no directory")
    client = running(session.where)
    if client is not None:
        _download(client, path)
    else:
        _without_daemon(session, lambda store: store.backup(path))
    size = path.stat().st_size
    if session.as_json:
        print_json({"target": str(path.absolute()), "bytes": size})
    else:
        _report_backup(session, client, path, size)


def _report_backup(session: Session, client: Client | None, path: Path, size: int) -> None:
    from daemon.render import units
    from daemon.render.screen import Page, Part

    page = Page(session.look(client))
    size_text = units.quantity(size, "bytes", page.look.locale)
    page.line(Part("✔ ", "good"), page.look.word("backup.done", target=path, size=size_text))
    write(page.text())


def _download(client: Client, path: Path) -> None:
    """Into a private file beside the target, which gets its name when it is whole and on disk."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as out:
            client.download("/api/v1/backup", out.write)
            out.flush()
            os.fsync(out.fileno())
        os.link(partial, path)
    except OSError as err:
        raise ClientError(EXIT_NO, f"{path} cannot be written: {err.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _without_daemon(session: Session, use: Callable[[Store], Any]) -> Any:
    """What is done with the state itself while no daemon has it. Raises ClientError."""
    directory = session.state_directory()
    if session.where.url or os.environ.get("RECUO_URL") or not directory.is_dir():
        raise ClientError(EXIT_NO_DAEMON, f"no daemon answers, and there is no state in {directory}")
    from daemon.store import Store, StoreError

    try:
        store = Store.open(directory)
    except StoreError as err:
        wrong_input = err.kind in {"corrupt", "newer", "foreign"}
        raise ClientError(EXIT_INPUT if wrong_input else EXIT_NO, str(err)) from None
    try:
        return use(store)
    except (StoreError, OSError, sqlite3.Error) as err:
        raise ClientError(EXIT_NO, str(err)) from None
    finally:
        store.close()


@click.group(no_args_is_help=False)
def audit() -> None:
    """The chain of events, in which every fact and decision is written down."""


@audit.command("verify")
@with_session
def verify(session: Session) -> int:
    """Read the chain from its start and check it; through the daemon where one runs. Exits 1 if it is broken."""
    from daemon import views
    from daemon.render.lists import audit as screen

    client = running(session.where)
    data = client.get("/api/v1/audit") if client is not None else _without_daemon(session, _verified)
    session.show(data, views.AuditCheck, screen, client)
    return 0 if data["ok"] else EXIT_NO


def _verified(store: Store) -> dict[str, Any]:
    from daemon import audit as chain
    from daemon import views

    verdict = store.read_now(chain.verify)
    view = views.AuditCheck(ok=verdict.ok, events=verdict.rows, head=verdict.head, faults=verdict.faults)
    return view.model_dump(mode="json")
