"""The thread that makes all changes: queued changes share one transaction, and each is answered after its COMMIT."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from daemon.store.connections import Connection
from daemon.store.errors import StoreError, translate

T = TypeVar("T")

_GROUP: Final = 256
"""At most so many changes share one transaction."""

_SAVE: Final = "SAVEPOINT change"
_RELEASE: Final = "RELEASE change"
_UNDO: Final = "ROLLBACK TO change"


class _Change(NamedTuple):
    apply: Callable[[sqlite3.Connection], Any]
    answer: Future[Any]


class Writer:
    """Owns the writing connection from start to close.

    `commits` and `changes` count what has been committed.
    """

    def __init__(self, connection: Connection, database: Path) -> None:
        self._connection = connection
        self._database = database
        self._queue: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self.commits = 0
        self.changes = 0
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, change: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queue a change. Its future is done after COMMIT, or holds why nothing of it was done."""
        answer: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise StoreError("closed", "the state has been closed; the change was not made")
            self._queue.put(_Change(change, answer))
        return answer

    def is_current_thread(self) -> bool:
        """Whether the caller runs inside a change: waiting for another one there would never end."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """Make all changes that are queued, checkpoint, and close the connection. Closing twice is once."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        more = True
        while more:
            group, more = self._take()
            if group:
                self._commit(group)
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error:  # the log stays and is read at the next start: nothing is lost
            pass
        finally:
            self._connection.close()

    def _take(self) -> tuple[list[_Change], bool]:
        """What is queued by now, waiting for the first one; and whether more may come."""
        group: list[_Change] = []
        item = self._queue.get()
        while item is not None:
            if item.answer.set_running_or_notify_cancel():
                group.append(item)
            if len(group) >= _GROUP:
                return group, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[_Change]) -> None:
        """One transaction for the group. What fails alone is answered alone; what fails the whole, fails all."""
        done: list[tuple[_Change, Any]] = []
        failed: list[tuple[_Change, BaseException]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for change in group:
                try:
                    done.append((change, self._apply(change)))
                except BaseException as err:  # whatever a change raises, this thread lives on and answers
                    failed.append((change, self._told(err)))
                    self._undo_change()
            self._connection.execute("COMMIT")
        except BaseException as err:
            self._give_up(group, failed, err)
            return
        self.commits += 1
        self.changes += len(done)
        for change, result in done:
            change.answer.set_result(result)
        for change, error in failed:
            change.answer.set_exception(error)

    def _apply(self, change: _Change) -> Any:
        self._connection.execute(_SAVE)
        result = change.apply(self._connection)
        self._connection.execute(_RELEASE)
        return result

    def _undo_change(self) -> None:
        """Take back the change that failed; raises where SQLite has taken back the whole transaction (a full disk)."""
        self._connection.execute(_UNDO)
        self._connection.execute(_RELEASE)

    def _give_up(self, group: list[_Change], failed: list[tuple[_Change, BaseException]], err: BaseException) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as worse:
                err = worse
        own = {id(change): error for change, error in failed}
        first = failed[-1][1] if failed else None
        cause = first if isinstance(first, StoreError) else self._told(err)
        for change in group:
            change.answer.set_exception(own.get(id(change), cause))

    def _told(self, err: BaseException) -> BaseException:
        if isinstance(err, sqlite3.Error):
            return translate(err, self._database) or err
        return err
