"""The daemon's own terminal: a short block of plain text on its standard error, which under systemd is the journal.

    receivers:
      screen: {kind: terminal}

It needs no configuration: the receiver `terminal` is always there, and takes what could otherwise be shown to nobody.
"""

from __future__ import annotations

import sys
from typing import Final

from actions.base import Context, Delivery, DeliveryError, Message, ReceiverConfig
from actions.text import block, one_line

CONTACT: Final = ""
"""It speaks to whoever looks at the screen."""

_RULE: Final = "=" * 78


class Config(ReceiverConfig):
    """Nothing to configure: it prints to the daemon's standard error."""


async def send(config: Config, message: Message, to: str, context: Context) -> Delivery:
    """Print the message. Raises DeliveryError if standard error is closed. `to` is not used."""
    await context.in_thread(_print, layout(message))
    return Delivery(detail="printed")


def layout(message: Message) -> str:
    """What is printed: title and text between two rules, without anything that a terminal would obey."""
    title, text = one_line(message.title), block(message.text).strip("\n")
    # The text of a page begins with its title.
    body = text if text.startswith(title) else f"{title}\n\n{text}"
    return f"\n{_RULE}\n{body}\n{_RULE}\n"


def _print(text: str) -> None:
    # In a thread: a terminal that was stopped with Ctrl-S takes no text, and must not hold up the daemon.
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - printing is what it is for
    except (OSError, ValueError) as err:
        raise DeliveryError(f"standard error takes no text: {type(err).__name__}") from None
