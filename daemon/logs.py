"""Logs: JSON lines under systemd, one readable line an event on a terminal; never a secret, never a raw line break.

What uvicorn, APScheduler and other libraries log through the standard library goes the same way.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from daemon import faults
from daemon.redact import redactor

_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31;1m"}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/%+@,=<>°")


def under_systemd() -> bool:
    """Whether the journal reads our output (systemd.exec(5), $JOURNAL_STREAM)."""
    return bool(os.environ.get("JOURNAL_STREAM") and os.environ.get("INVOCATION_ID"))


def _quote(value: object) -> str:
    text = str(value)
    if text and all(c in _PLAIN for c in text):
        return text
    return '"' + text.encode("unicode_escape", "backslashreplace").decode("ascii").replace('"', "'") + '"'


def printable(text: str) -> str:
    """The text on one line and without control characters, so that nothing from outside can forge a line."""
    return "".join(c if c.isprintable() else " " for c in text)


class LineRenderer:
    """One event as one line: time, level, words, facts."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        """Render an event dictionary."""
        at, level = str(event.pop("timestamp", "")), str(event.pop("level", "info"))
        words = printable(str(event.pop("event", "")))
        trace = event.pop("exception", "")
        facts = "  ".join(f"{key}={_readable(value)}" for key, value in event.items())
        tint = _COLOURS.get(level, "") if self._colour else ""
        line = f"{at[11:19]} {level:<7} {words}" + (f"  {facts}" if facts else "")
        traced = "".join(f"\n    {printable(part)}" for part in str(trace).splitlines())
        return f"{tint}{line}{chr(27) + '[0m' if tint else ''}{traced}"


def _readable(value: object) -> str:
    text = str(value)
    if text.isprintable():
        return text if " " not in text else f'"{text}"'
    return _quote(text)


class _Forward(logging.Handler):
    """Hands the standard library's records to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        level = logging.getLevelName(record.levelno).lower()
        speak = getattr(log, level if level in {"debug", "info", "warning", "error", "critical"} else "info")
        speak(record.getMessage(), exc_info=record.exc_info or None)


class _Unbreakable:
    """A stream whose failures stop nobody: a log on a full disk must not end the watching that it tells of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or drop the text."""
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        """Flush, or drop what does not go out."""
        with suppress(OSError, ValueError):
            self._stream.flush()


def set_up(*, as_json: bool, stream: TextIO | None = None, verbose: bool = False) -> None:
    """Configure structlog and the standard library's logging for the whole process."""
    out = stream or sys.stderr
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else LineRenderer(colour=_coloured(out))
    )
    level = logging.DEBUG if verbose else logging.INFO
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            faults.capture,
            structlog.processors.format_exc_info,
            redactor,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unbreakable(out))),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward()], force=True)


def _coloured(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")
