"""Polls the source `system` where it is started: run inside of a booted systemd, told by lines what to do.

Each line is JSON: [a name for the source, its units, milliseconds by which its clock moves on before it is polled]. The
answer is a line of JSON: {"up": {unit: 0 or 1}, "restarts": {unit: count}, "crashes": [text], "log": [lines so far]}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from daemon.clock import ManualClock
from tests.contract.kit import KeptLog, context
from triggers.sources import system


class Source:
    """One source, on a clock that only the test moves: systemd and the processes are real."""

    def __init__(self, units: list[str]) -> None:
        self._clock, self._log = ManualClock(), KeptLog()
        self._config = system.Config.model_validate({"kind": "system", "every": "1s", "disks": [], "units": units})
        self._context = context("host", clock=self._clock, log=self._log)

    async def poll(self, after_ms: int) -> dict[str, Any]:
        """What one poll says of units."""
        self._clock.advance(after_ms)
        samples = await system.poll(self._config, self._context)
        return {
            "up": {dict(s.labels)["unit"]: s.value for s in samples if s.metric == "unit_up"},
            "restarts": {dict(s.labels)["unit"]: s.value for s in samples if s.metric == "unit_restarts_total"},
            "crashes": [s.text for s in samples if s.metric == "crash"],
            "log": self._log.lines,
        }


async def main() -> None:
    sources: dict[str, Source] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, units, after_ms = json.loads(line)
        source = sources.setdefault(name, Source(units))
        print(json.dumps(await source.poll(after_ms)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
