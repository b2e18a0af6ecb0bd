"""API tokens: made, found, revoked. Only their SHA-256 is kept, so that the store opens nothing.

A token is 32 random bytes, which no one guesses, so a plain hash is enough (no salt, no slow function). A token that is
bound to a person of the configuration acts in that person's name, with no more than that person's roles, and ends with
them. The first token, `owner`, is made on the first start, into the file `token` of the state directory.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from daemon.views import ROLES, NewToken, Role, TokenView
from daemon.web.operations import Identity, OperationError
from recuo.values import Instant

FILE: Final = "token"
"""The name of the first token's file in the state directory."""

_FORM = re.compile(r"rcu_[A-Za-z0-9_-]{43}")
_OWNER = "owner"
_DAEMON = "recuo"
"""The daemon's own name in the timeline: no token may take it."""


def digest(token: str) -> str:
    """What is stored of a token: SHA-256 in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _new() -> str:
    return f"rcu_{secrets.token_urlsafe(32)}"


def find(conn: sqlite3.Connection, token: str, people: Mapping[str, Collection[str]]) -> Identity | None:
    """Whose token this is, or None. `people` are the configuration's persons with their roles.

    Every living token's hash is compared in constant time, and all of them whether or not one fits.
    """
    if not _FORM.fullmatch(token):
        return None
    wanted, found = digest(token), None
    for row in conn.execute("SELECT * FROM tokens WHERE revoked_at IS NULL"):
        if hmac.compare_digest(row["hash"], wanted):
            found = row
    return _identity(found, people) if found is not None else None


def _identity(row: sqlite3.Row, people: Mapping[str, Collection[str]]) -> Identity | None:
    role, person = row["role"], row["person"]
    if person is not None:
        highest = max((ROLES.index(r) for r in ROLES if r in people.get(person, ())), default=-1)
        if highest < 0:
            return None
        role = ROLES[min(highest, ROLES.index(role))]
    return Identity(row["id"], row["name"], role, person, row["last_used_at"])


def used(tx: sqlite3.Connection, token_id: int, *, now: Instant) -> None:
    """Note that a token was used; worth a write once a minute, not at each request."""
    tx.execute("UPDATE tokens SET last_used_at = ? WHERE id = ? AND revoked_at IS NULL", (now, token_id))


def listing(conn: sqlite3.Connection) -> list[TokenView]:
    """All tokens, revoked ones too, in the order in which they were made."""
    return [_view(row) for row in conn.execute("SELECT * FROM tokens ORDER BY id")]


def create(
    tx: sqlite3.Connection,
    *,
    name: str,
    role: Role,
    person: str | None,
    people: Collection[str],
    now: Instant,
) -> NewToken:
    """A new token. Names are never used twice, so that the timeline says who it was.

    Raises OperationError: `conflict` for a name that is taken, `invalid` for an unknown person or a name that would
    pass for someone else.
    """
    if person is not None and person not in people:
        raise OperationError(
            "invalid", f"there is no person {person!r}; known are {', '.join(sorted(people)) or 'none'}"
        )
    if name == _DAEMON or (name in people and name != person):
        raise OperationError("invalid", f"a token named {name!r} would pass for someone else; choose another name")
    if tx.execute("SELECT 1 FROM tokens WHERE name = ?", (name,)).fetchone():
        raise OperationError("conflict", f"there is, or was, a token named {name!r}; choose another name")
    token = _new()
    row = tx.execute(
        "INSERT INTO tokens (name, person, role, hash, created_at) VALUES (?, ?, ?, ?, ?) RETURNING *",
        (name, person, role, digest(token), now),
    ).fetchone()
    return NewToken(token=token, **_view(row).model_dump())


def revoke(tx: sqlite3.Connection, name: str, *, now: Instant) -> TokenView:
    """End a token at once; one that is revoked already stays so. Raises OperationError."""
    row = tx.execute("SELECT * FROM tokens WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise OperationError("not-found", f"there is no token named {name!r}")
    if row["revoked_at"] is None:
        if row["role"] == "admin" and row["person"] is None and _living_admins(tx) == 1:
            raise OperationError("conflict", f"{name!r} is the last admin token of its own; make another one first")
        tx.execute("UPDATE tokens SET revoked_at = ? WHERE id = ?", (now, row["id"]))
        row = tx.execute("SELECT * FROM tokens WHERE id = ?", (row["id"],)).fetchone()
    return _view(row)


def ensure_first(tx: sqlite3.Connection, state_dir: Path, *, now: Instant) -> Path | None:
    """Make the first admin token, where there is none, into `<state>/token` (mode 0600); the file made, or None.

    The file is on disk before the caller commits: after a crash in between, the next start makes both anew. An empty
    file is how a person who lost the token asks for a new one. Raises OSError when the file cannot be written.
    """
    path = state_dir / FILE
    asked_for = path.is_file() and not path.is_symlink() and path.stat().st_size == 0
    if _living_admins(tx) and not asked_for:
        return None
    taken = {row["name"] for row in tx.execute("SELECT name FROM tokens")}
    name = next(n for n in (_OWNER, *(f"{_OWNER}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)
    made = create(tx, name=name, role="admin", person=None, people=(), now=now)
    _write_private(path, made.token + "\n")
    return path


def _living_admins(tx: sqlite3.Connection) -> int:
    """Those bound to a person do not count: they end with an edit of the configuration."""
    found = tx.execute("SELECT count(*) FROM tokens WHERE role = 'admin' AND revoked_at IS NULL AND person IS NULL")
    return int(found.fetchone()[0])


def _view(row: sqlite3.Row) -> TokenView:
    return TokenView(**{name: row[name] for name in TokenView.model_fields})


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read: whole or not at all, and on disk when this returns."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
