"""The terminal notifier speaks to this machine: it has no peer, and only takes messages."""

from __future__ import annotations

from contextlib import asynccontextmanager

SECRETS = ()
BEHAVIOURS: dict[str, bool] = {}


@asynccontextmanager
async def peer(behaviour, directory):
    """The fields of the receiver."""
    yield {"kind": "terminal"}
