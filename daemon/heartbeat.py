"""Tells someone outside that the daemon lives: when the pings stop, that one raises the alarm (a dead man's switch).

Any service that takes a GET serves: Healthchecks, Cronitor, an Alertmanager-side watchdog.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


class Heartbeat:
    """Pings one URL; says once when it stops being heard, and once when it is heard again.

    While `alive` says no, nothing is sent: a process that runs and no longer evaluates rules is what the pings are for.
    """

    def __init__(self, url: str, timeout_s: float = 10.0, *, alive: Callable[[], bool] = lambda: True) -> None:
        self._url, self._timeout_s, self._alive = url, timeout_s, alive
        self.failing = ""

    async def ping(self) -> None:
        """One GET; any 2xx answer is good. The URL itself may hold a token, so it is never logged."""
        import httpx

        if not self._alive():
            log.error("rules are not evaluated; the external heartbeat is withheld")
            return
        try:
            async with httpx.AsyncClient(timeout=self._timeout_s, trust_env=False) as client:
                answer = await client.get(self._url)
            trouble = "" if answer.is_success else f"answered {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL) as err:
            trouble = type(err).__name__
        if trouble and not self.failing:
            log.warning("the external heartbeat is not heard", why=trouble)
        elif self.failing and not trouble:
            log.info("the external heartbeat is heard again")
        self.failing = trouble
