"""The daemon's time: wall time that neither steps nor runs backwards while the process lives.

Wall time is read once and then carried forward by CLOCK_BOOTTIME, which no one can set and which counts the time that
the machine was suspended (clock_gettime(2)). An NTP step therefore ends no hold early and starts none late. How far the
system's clock has moved away from it is known (`drift_ms`); the daemon says so, and takes the system's time up by
`follow`, which the engine is told of so that everything in flight moves with it.
"""

from __future__ import annotations

import time

from recuo.values import Instant

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The clock the daemon runs on."""

    def __init__(self) -> None:
        self._origin_ms = time.time_ns() // 1_000_000 - self._boot_ms()

    @staticmethod
    def _boot_ms() -> int:
        return time.clock_gettime_ns(_BOOTTIME) // 1_000_000

    def now(self) -> Instant:
        """Milliseconds since the epoch, UTC."""
        return self._origin_ms + self._boot_ms()

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin."""
        return time.monotonic()

    def drift_ms(self) -> int:
        """How far the system's clock is ahead of this one: about 0 unless someone set it."""
        return time.time_ns() // 1_000_000 - self.now()

    def follow(self, by_ms: int | None = None) -> int:
        """Take the system's time up again, or `by_ms` of it; returns the milliseconds that this clock moved by."""
        moved = self.drift_ms() if by_ms is None else by_ms
        self._origin_ms += moved
        return moved


class ManualClock:
    """A clock that stands still until it is told to move: for tests and back-tests."""

    def __init__(self, now: Instant = 1_700_000_000_000) -> None:
        self._now = now
        self._start = now

    def now(self) -> Instant:
        """Milliseconds since the epoch, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return (self._now - self._start) / 1000

    def advance(self, milliseconds: int) -> Instant:
        """Move forward; returns the new now."""
        self._now += milliseconds
        return self._now
