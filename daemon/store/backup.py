"""A whole copy of the state, made while the daemon works."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
from pathlib import Path

from daemon.store.connections import Connection
from daemon.store.errors import StoreError, from_os, translate
from daemon.store.files import create_private, sync

_FOR_DOWNLOAD = re.compile(r"\.?backup-[0-9a-f]{16}\.db(\.[0-9a-f]{8}\.part)?(-journal|-wal|-shm)?")


def for_download(directory: Path) -> Path:
    """A new name for a copy that lives only until it has been handed out."""
    return directory / f"backup-{secrets.token_hex(8)}.db"


def remove_leftovers(directory: Path) -> None:
    """Remove the copies that a daemon which died was handing out; a copy that a person has named stays."""
    for path in directory.iterdir():
        if _FOR_DOWNLOAD.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def copy(source: Connection, target: Path) -> None:
    """Copy the state into a new file (0600): checked, on the disk, and only then under its name.

    `source` is a reading connection: the copy is of one instant and holds no writer up. Raises StoreError, with no
    file left behind, for a target that exists or cannot be written.
    """
    if target.is_symlink() or target.exists():
        raise StoreError("exists", f"{target} exists and is not overwritten: name a new file")
    if not target.parent.is_dir():
        raise StoreError("io", f"there is no directory {target.parent} to put the copy in")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        create_private(part)
        _fill(source, part)
        sync(part)
        _name(part, target)
        sync(target.parent)
    except sqlite3.Error as err:
        raise translate(err, target) or StoreError("io", f"the copy {target} cannot be written ({err})") from err
    except OSError as err:
        raise from_os(err, f"the copy {target} cannot be written") from None
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                part.with_name(part.name + suffix).unlink(missing_ok=True)


def _fill(source: Connection, part: Path) -> None:
    connection = sqlite3.connect(part, isolation_level=None)
    try:
        source.backup(connection)
        # A copy is one file: without this it would want a log beside it when it is opened.
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            raise StoreError("corrupt", f"the copy did not pass its check ({said}) and was thrown away")
    finally:
        connection.close()


def _name(part: Path, target: Path) -> None:
    """Give the copy its name, and fail where somebody else has taken that name in the meantime."""
    try:
        os.link(part, target, follow_symlinks=False)
    except FileExistsError:
        raise StoreError("exists", f"{target} exists and is not overwritten: name a new file") from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise StoreError("exists", f"{target} exists and is not overwritten: name a new file") from None
        part.rename(target)
