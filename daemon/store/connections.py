"""The two kinds of connection: one that writes and checkpoints, and those that only read."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

_BUSY_TIMEOUT_MS: Final = 5_000
_WAL_LIMIT_BYTES: Final = 16_777_216


class Connection(sqlite3.Connection):
    """A connection that can carry what is known about its own content, such as numbers given out (`memo`)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.memo: dict[str, Any] = {}


def _connect(database: Path, mode: str) -> Connection:
    connection: Connection = sqlite3.connect(
        f"file:{quote(str(database))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=Connection,
    )
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS:d}")
    return connection


def writer(database: Path) -> Connection:
    """The one connection that writes and checkpoints: WAL, and on the disk before an answer is given.

    No other connection may checkpoint: SQLite 3.7.0 to 3.51.2 can damage the file when one connection starts the log
    anew while another checkpoints.
    """
    connection = _connect(database, "rw")
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES:d}")
    except BaseException:
        connection.close()
        raise
    return connection


def reader(database: Path) -> Connection:
    """A connection that cannot change anything, nor checkpoint when it is closed."""
    connection = _connect(database, "ro")
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA cache_size = -512")
    except BaseException:
        connection.close()
        raise
    return connection
