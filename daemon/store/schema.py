"""Whose file it is, which version of the schema it has, and how it gets to the newest one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from daemon.store.errors import StoreError, go_on

APPLICATION_ID: Final = 0x52656375
"""`Recu` in SQLite's application_id: a file of another program is never taken for ours."""

_MIGRATION = re.compile(r"(\d{4})_\w+\.sql")


class Migration(NamedTuple):
    """One packaged file that takes the schema from `version - 1` to `version`."""

    version: int
    script: str


@cache
def migrations() -> tuple[Migration, ...]:
    """All packaged migrations in order; their numbers run from 1 without a gap."""
    folder = resources.files("daemon.store") / "migrations"
    found = sorted(
        Migration(int(match[1]), item.read_text("utf-8"))
        for item in folder.iterdir()
        if (match := _MIGRATION.fullmatch(item.name))
    )
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise RuntimeError("the packaged migrations are not numbered 1, 2, 3, …: the installation is damaged")
    return tuple(found)


def latest() -> int:
    """The schema version that this program writes."""
    return len(migrations())


def inspect(connection: sqlite3.Connection, database: Path) -> int:
    """The schema version of a state that may be opened.

    Raises StoreError `foreign`, `newer` or `corrupt`. Reads every page (PRAGMA quick_check), changes nothing.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise StoreError("foreign", f"{database} is another program's SQLite file. {go_on(database)}")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > latest():
        raise StoreError(
            "newer",
            f"the state {database} was written by a newer Recuo (schema {version}; this one knows up to {latest()}): "
            f"install that version again. {go_on(database)}",
        )
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise StoreError("corrupt", f"the state {database} is damaged ({said.splitlines()[-1]}). {go_on(database)}")
    return version


def migrate(connection: sqlite3.Connection, steps: tuple[Migration, ...]) -> int:
    """Apply the steps that the state does not have yet, each whole or not at all; answers with the version reached.

    Raises sqlite3.Error with the state as it was before the step that failed.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    for step in steps:
        if step.version > version:
            _apply(connection, step)
            version = step.version
    return version


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements(step.script):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
        connection.execute(f"PRAGMA user_version = {step.version:d}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: executescript would commit what is open before it begins."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if re.sub(r"--[^\n]*", "", pending).strip():
        raise sqlite3.OperationalError("the script ends inside a statement")
