"""Text from outside, made fit to be shown: one line, bounded, without control characters and without secrets."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

_SHORTEST_SECRET = 4


def one_line(text: str, limit: int = 200) -> str:
    """The text on one line, control characters and line ends as single spaces, cut at `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 8]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def block(text: str, limit: int = 20_000) -> str:
    """The text with its line ends, but without any other control character (a terminal obeys them)."""
    return "\n".join("".join(c for c in line if c.isprintable()) for line in text[:limit].splitlines())


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without any of the secrets, in clear, in base64 or percent-encoded: peers like to echo them."""
    for secret in sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True):
        for form in (secret, base64.b64encode(secret.encode()).decode(), quote(secret, safe="")):
            text = text.replace(form, "***")
    return text
