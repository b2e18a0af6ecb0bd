"""`daemon.json` in the state directory: how the command line finds the daemon that runs there."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

FILE = "daemon.json"


def announce(state_dir: Path, url: str) -> None:
    """Say where the API answers; the file is replaced whole."""
    partial = state_dir / f".{FILE}"
    partial.touch(mode=0o600)
    partial.write_text(json.dumps({"pid": os.getpid(), "url": url}) + "\n", "utf-8")
    partial.replace(state_dir / FILE)


def withdraw(state_dir: Path) -> None:
    """The daemon ends; after a crash the file stays, and its pid tells that nobody is there."""
    with suppress(OSError):
        (state_dir / FILE).unlink()
