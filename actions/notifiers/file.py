"""The file `pages.log` in the state directory: each message as one JSON line, followed by one line for people.

    receivers:
      log-file: {kind: file}

It needs no configuration: the receiver `file` is always there, and takes what could otherwise be shown to nobody.
Lines for people begin with `# `. The file is readable by its owner only, and on the disk when the message counts as
delivered; at 10 MiB it becomes `pages.log.1`.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Final

from actions.base import Context, Delivery, DeliveryError, Message, ReceiverConfig
from actions.text import one_line
from recuo.values import rfc3339

CONTACT: Final = ""
"""It speaks to whoever reads the file."""

NAME: Final = "pages.log"
_MOST_BYTES: Final = 10 * 1024 * 1024


class Config(ReceiverConfig):
    """Nothing to configure: it writes to pages.log in the state directory."""


async def send(config: Config, message: Message, to: str, context: Context) -> Delivery:
    """Append the message and wait until it is on the disk. Raises DeliveryError. `to` is not used."""
    await context.in_thread(_append, Path(context.state_dir) / NAME, lines(message))
    return Delivery(detail=NAME)


async def probe(config: Config, context: Context) -> str:
    """Open the file as sending would, and write nothing."""
    await context.in_thread(_append, Path(context.state_dir) / NAME, b"")
    return f"{NAME} in the state directory can be written"


def lines(message: Message) -> bytes:
    """The message as its two lines."""
    fields = message._asdict() | {"at": rfc3339(message.at)}
    fields.pop("html")
    machine = json.dumps(fields, separators=(",", ":"))
    people = f"# {rfc3339(message.at)} {one_line(message.title)}"
    if message.incident is not None:
        people += f" - recuo show {message.incident} - recuo ack {message.incident}"
    return f"{machine}\n{people}\n".encode("utf-8", "replace")


def _append(path: Path, content: bytes) -> None:
    try:
        _make_room(path)
        # O_NOFOLLOW: a link that somebody put there must not lead the pages elsewhere.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as err:
        raise DeliveryError(f"{path} cannot be written: {err.strerror}") from None


def _make_room(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(found.st_mode) and found.st_size >= _MOST_BYTES:
        path.replace(path.with_name(f"{NAME}.1"))
