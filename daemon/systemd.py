"""Tells systemd how the daemon is: ready, reloading, alive, stopping, and one line of status.

The protocol is one datagram of `NAME=VALUE` lines to the socket in $NOTIFY_SOCKET (sd_notify(3)); a leading `@` means
the abstract namespace (unix(7)). Outside systemd there is no such socket and every call does nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final

_STATUS_LENGTH: Final = 200
_PATIENCE_S: Final = 1.0


class Systemd:
    """The service manager's ear; each call returns whether the message was handed over, and never raises."""

    def __init__(self, address: str = "", watchdog_us: int = 0) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_us = watchdog_us

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] | None = None) -> Systemd:
        """Read and remove $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID, so that no child speaks for the daemon.

        Only `/path` and `@name` sockets are spoken to. A watchdog that is meant for another process
        (sd_watchdog_enabled(3)) is ignored.
        """
        environ = os.environ if environ is None else environ
        address = environ.pop("NOTIFY_SOCKET", "")
        interval, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        ours = interval.isdecimal() and pid in {"", str(os.getpid())}
        if not address.startswith(("/", "@")):
            return cls()
        return cls(address, int(interval) if ours else 0)

    @property
    def listening(self) -> bool:
        """Whether a service manager asked to be told."""
        return bool(self._address)

    @property
    def feed_every_ms(self) -> int | None:
        """How often `alive` must be called, in milliseconds: half the watchdog's time; None without a watchdog."""
        return max(self._watchdog_us // 2000, 1) if self._watchdog_us else None

    def ready(self, status: str = "") -> bool:
        """Start-up, or a reload, is over."""
        return self._send("READY=1", *_status(status), wait_s=_PATIENCE_S)

    def reloading(self, status: str = "") -> bool:
        """A reload begins; `ready` must follow. MONOTONIC_USEC is what `Type=notify-reload` asks for (systemd 253)."""
        began = f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"
        return self._send("RELOADING=1", began, *_status(status), wait_s=_PATIENCE_S)

    def status(self, text: str) -> bool:
        """The line that `systemctl status` shows."""
        return self._send(*_status(text))

    def alive(self) -> bool:
        """Feed the watchdog: called by the loop that evaluates rules, so that a stuck engine is restarted."""
        return self._send("WATCHDOG=1") if self._watchdog_us else False

    def stopping(self, status: str = "") -> bool:
        """Shutting down has begun."""
        return self._send("STOPPING=1", *_status(status), wait_s=_PATIENCE_S)

    def _send(self, *lines: str, wait_s: float = 0) -> bool:
        """Hand one datagram over; what must not be lost waits a moment for a full queue, status and watchdog never."""
        if not self._address or not lines:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as ear:
                ear.settimeout(wait_s)
                ear.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True


def _status(text: str) -> tuple[str, ...]:
    """STATUS= as one line: a line break in it would be read as a field of its own."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_STATUS_LENGTH]
    return (f"STATUS={line}",) if line else ()
