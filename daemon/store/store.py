"""The state: opened by one daemon, changed through one writer, read by many."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from daemon.store import backup, connections, files, schema
from daemon.store.errors import StoreError, from_os, translate
from daemon.store.writer import Writer

T = TypeVar("T")

_READERS: Final = 2


class Store:
    """The daemon's state in `directory`. Make one with `Store.open`; it is used from any thread.

    Functions given to `write` change rows through the connection they get, neither commit nor roll back, and may run
    in one transaction with others.
    """

    def __init__(self, directory: Path, lock_fd: int, writer: Writer) -> None:
        self.directory = directory
        self.database = directory / files.DATABASE
        self._lock_fd = lock_fd
        self._writer = writer
        self._idle: queue.SimpleQueue[connections.Connection] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        self._closed = False

    @classmethod
    def open(cls, directory: Path) -> Store:
        """Take the state in `directory`, made when it is not there, and bring its schema up to date.

        Raises StoreError, and then has changed nothing: `locked` by another daemon (with its pid), `corrupt`, `newer`,
        `foreign`, `permission`, `full`, `io`.
        """
        real = files.prepare(directory)
        lock_fd = files.hold(real)
        database = real / files.DATABASE
        try:
            writer = Writer(_open_writer(database), database)
        except sqlite3.Error as err:
            os.close(lock_fd)
            raise translate(err, database) or StoreError("io", f"the state {database}: {err}") from err
        except BaseException:
            os.close(lock_fd)
            raise
        return cls(real, lock_fd, writer)

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Make one change, whole or not at all; answers with what `change` returned, after it is on the disk.

        Raises what `change` raised, or StoreError (`full`, `io`, `busy`, `corrupt`, `closed`): then nothing of it is
        there, and later writes work again once the reason is gone.
        """
        return await asyncio.wrap_future(self._writer.submit(change))

    def write_now(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """The same for callers outside the loop; blocks until it is on the disk."""
        if self._writer.is_current_thread():
            raise RuntimeError("a change cannot wait for another change")
        return self._writer.submit(change).result()

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Ask in a thread, on a connection that cannot write; all of `query` sees one instant."""
        self._refuse_closed()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, query)

    def read_now(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """The same for callers outside the loop. Raises what `query` raised, or StoreError."""
        with self._reader() as connection:
            try:
                connection.execute("BEGIN")
                return query(connection)
            except sqlite3.Error as err:
                raise translate(err, self.database) or err from err
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def backup(self, target: Path) -> None:
        """Write a whole, checked copy of the state into a new file (0600). Raises StoreError; blocks."""
        with self._reader() as connection:
            backup.copy(connection, target)

    @property
    def commits(self) -> int:
        """How many transactions have been committed since the store was opened."""
        return self._writer.commits

    @property
    def changes(self) -> int:
        """How many changes those transactions held."""
        return self._writer.changes

    def size_bytes(self) -> int:
        """What the state takes on the disk, log included."""
        names = (self.database, self.database.with_name(self.database.name + "-wal"))
        return sum(path.stat().st_size for path in names if path.exists())

    def close(self) -> None:
        """Finish what is queued, checkpoint, and let the state go. Closing twice is once."""
        if self._closed:
            return
        self._closed = True
        self._threads.shutdown(wait=True)
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                break
        self._writer.close()
        os.close(self._lock_fd)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError("closed", "the state has been closed")

    @contextlib.contextmanager
    def _reader(self) -> Iterator[connections.Connection]:
        """A reading connection for one use; they are kept and used again."""
        self._refuse_closed()
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._new_reader()
        try:
            yield connection
        finally:
            if self._closed:
                connection.close()
            else:
                self._idle.put(connection)

    def _new_reader(self) -> connections.Connection:
        try:
            return connections.reader(self.database)
        except sqlite3.Error as err:
            raise translate(err, self.database) or err from err


def _open_writer(database: Path) -> connections.Connection:
    if files.exists(database):
        _inspect(database)
    else:
        _create(database)
    connection = connections.writer(database)
    try:
        schema.migrate(connection, schema.migrations())
    except BaseException:
        connection.close()
        raise
    return connection


def _inspect(database: Path) -> None:
    """Look before touching: through a connection that cannot write, so that what is refused is kept as it is."""
    connection = connections.reader(database)
    try:
        schema.inspect(connection, database)
    finally:
        connection.close()


def _create(database: Path) -> None:
    """Make a new state under another name, and give it its name once it is whole and on the disk."""
    part = database.with_name(database.name + ".new")
    files.create_private(part)
    for suffix in ("-wal", "-shm", "-journal"):
        part.with_name(part.name + suffix).unlink(missing_ok=True)
    connection = connections.writer(part)
    try:
        schema.migrate(connection, schema.migrations())
    finally:
        connection.close()
    try:
        files.sync(part)
        part.rename(database)
        files.sync(database.parent)
    except OSError as err:
        raise from_os(err, f"the state {database} cannot be made") from None
