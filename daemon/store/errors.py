"""What can be wrong with the state, in words that say how to go on."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

_FULL = 13
_PRIMARY = 0xFF
_NAMES = {
    3: "permission",  # SQLITE_PERM
    5: "busy",  # SQLITE_BUSY
    6: "busy",  # SQLITE_LOCKED
    8: "permission",  # SQLITE_READONLY
    10: "io",  # SQLITE_IOERR
    11: "corrupt",  # SQLITE_CORRUPT
    _FULL: "full",  # SQLITE_FULL
    14: "permission",  # SQLITE_CANTOPEN
    26: "corrupt",  # SQLITE_NOTADB
}


class StoreError(Exception):
    """The state cannot be used, or a change was not made; then nothing of the change is there.

    `kind` is one of `locked corrupt newer foreign permission full io busy closed exists`. `pid` is the number of the
    process that holds a locked state, where it is known.
    """

    def __init__(self, kind: str, message: str, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.pid = pid


def go_on(database: Path) -> str:
    """What a person does about a state that is refused."""
    return (
        f"Nothing was changed. To go on, put a good copy made with `recuo backup-state` in its place, or move "
        f"{database} and what begins with its name out of the way to start with an empty state"
    )


def translate(error: sqlite3.Error, database: Path) -> StoreError | None:
    """The StoreError for what SQLite says about the file or the disk; None where the fault is the statement's own.

    Codes as in https://sqlite.org/rescode.html. A disk without room can also show as an I/O error or as a file that
    cannot be opened, when it is the shared-memory file that cannot grow.
    """
    code = getattr(error, "sqlite_errorcode", None)
    kind = _NAMES.get(code & _PRIMARY) if isinstance(code, int) else None
    if kind in {"io", "permission"} and not _has_room(database):
        kind = "full"
    if kind is None:
        return None
    return StoreError(kind, _words(kind, error, database))


def _words(kind: str, error: sqlite3.Error, database: Path) -> str:
    if kind == "full":
        return f"no room to write the state {database}: free some space on its disk; the change was not made"
    if kind == "corrupt":
        return f"the state {database} is damaged ({error}). {go_on(database)}"
    if kind == "busy":
        return f"the state {database} is locked by another program ({error}); the change was not made"
    if kind == "permission":
        return f"the state {database} cannot be opened or written ({error}): check its owner and permissions"
    return f"the disk failed under the state {database} ({error}): check the disk; the change was not made"


def _has_room(database: Path) -> bool:
    try:
        disk = os.statvfs(database.parent)
    except OSError:
        return True
    return disk.f_bavail * disk.f_frsize >= 65_536


def from_os(error: OSError, what: str) -> StoreError:
    """The StoreError for what the operating system says about a file or directory; `what` names the attempt."""
    why = error.strerror or str(error)
    if error.errno in {28, 122}:  # ENOSPC, EDQUOT
        return StoreError("full", f"{what}: {why}; free some space on that disk")
    if error.errno in {1, 13, 30}:  # EPERM, EACCES, EROFS
        return StoreError("permission", f"{what}: {why}; give its owner, {_me()}, the right to write there")
    return StoreError("io", f"{what}: {why}")


def _me() -> str:
    return f"user {os.geteuid()}"
