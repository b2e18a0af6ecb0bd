"""The state directory: made safe, held by one daemon, and its files looked at before SQLite touches them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from pathlib import Path
from typing import Final

from daemon.store.errors import StoreError, from_os, go_on

DATABASE: Final = "recuo.db"
LOCK: Final = "lock"
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100


def prepare(directory: Path) -> Path:
    """Make the directory (0700) if it is not there; answer with its real path.

    The directory may itself be a link (systemd's DynamicUser= makes it one); what is inside may not. Raises StoreError
    where it cannot be used, or where others could put files into it.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        real = directory.resolve(strict=True)
        found = real.stat()
    except (OSError, RuntimeError) as err:
        problem = err if isinstance(err, OSError) else OSError(None, str(err))
        raise from_os(problem, f"the state directory {directory} cannot be made or read") from None
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError("permission", f"the state directory {directory} is not a directory")
    if found.st_mode & stat.S_IWOTH:
        raise StoreError(
            "permission",
            f"everybody may write in the state directory {directory}: run `chmod o-w` on it, or name another",
        )
    return real


def hold(directory: Path) -> int:
    """Take the directory for this process's life: the descriptor of its lock file, to be closed to let go.

    Raises StoreError `locked` with the first process's pid where another one has it.
    """
    path = directory / LOCK
    _refuse_tricks(path)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise from_os(err, f"the lock file {path} cannot be opened") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        pid = _holder(fd)
        os.close(fd)
        who = f"process {pid}" if pid else "another process"
        raise StoreError(
            "locked", f"{who} already runs on the state in {directory}: stop it first, or name another state", pid=pid
        ) from None
    except OSError as err:
        os.close(fd)
        raise from_os(err, f"the lock file {path} cannot be written") from None
    return fd


def _holder(fd: int, attempts: int = 50) -> int | None:
    """The pid in a lock file; its owner may have locked it just now, and write it in a moment."""
    for _ in range(attempts):
        text = os.pread(fd, 32, 0).strip()
        if text.isdigit():
            return int(text)
        time.sleep(0.01)
    return None


def _refuse_tricks(path: Path) -> None:
    """Only a plain file of one name is ours: never a link by which another file would be written."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as err:
        raise from_os(err, f"{path} cannot be read") from None
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise StoreError("permission", f"{path} is not a plain file of its own (a link or a device): move it away")


def exists(database: Path) -> bool:
    """Whether there is a state to open; raises StoreError for one that cannot be ours or has been cut.

    An empty or headless file is damage, since a new state appears under its name only once it is whole.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        _refuse_tricks(database.with_name(database.name + suffix))
    if not database.exists():
        _refuse_leftover_log(database)
        return False
    try:
        with database.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except OSError as err:
        raise from_os(err, f"the state {database} cannot be read") from None
    if len(head) < _HEADER_BYTES:
        raise StoreError("corrupt", f"the state {database} has been cut to {len(head)} bytes. {go_on(database)}")
    if not head.startswith(_MAGIC):
        raise StoreError("corrupt", f"{database} is not a SQLite database. {go_on(database)}")
    return True


def _refuse_leftover_log(database: Path) -> None:
    log = database.with_name(database.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError("corrupt", f"{database} is gone but its log {log.name} is there. {go_on(database)}")


def create_private(path: Path) -> None:
    """An empty file that only its owner reads; what was there under a temporary name before goes."""
    try:
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError as err:
        raise from_os(err, f"{path} cannot be made") from None


def sync(path: Path) -> None:
    """Make a file's content, or a directory's names, last through a power failure. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
