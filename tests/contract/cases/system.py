"""The source `system` before the contract: no peer, but a systemctl that never answers."""

from __future__ import annotations

from pathlib import Path

from tests.contract.kit import Hanging, SourceCase
from triggers.probes.machine import Places


def configure(url: str):
    return {"processes": {"tests": {"command": "pytest"}, "nothing": {"name": "no-such-program"}}}


def hanging(directory: Path) -> Hanging:
    begun = directory / "begun"
    systemctl = directory / "systemctl"
    systemctl.write_text(f"#!/bin/sh\n: > {begun}\nexec sleep 1000\n")
    systemctl.chmod(0o755)
    return Hanging({"units": ["a.service"]}, {"_places": Places(systemctl=str(systemctl), pause_s=0)}, begun.exists)


SOURCE = SourceCase(role="host", configure=configure, hanging=hanging)
