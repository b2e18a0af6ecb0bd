"""How the webhook notifier meets each kind of bad peer."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

from recuo.values import Secret
from tests.actions.notifiers.peers import LOOPBACK, authority, http_peer

TOKEN, KEY, SIGNING = "t0ken-in-the-path", "k3y-in-a-header", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = (TOKEN, KEY, SIGNING, SIGNING.removeprefix("whsec_"))

# What each behaviour must be: True is permanent, False temporary.
BEHAVIOURS = {"401": True, "404": True, "429": False, "500": False, "bad-tls": False, "cut": False, "nonsense": False}
RETRY_AFTER_S = 7.0


def _echo(status, headers):
    def answer(request):
        return (status, headers, json.dumps([request.line, request.headers]).encode())

    return answer


_ANSWERS = {
    "hang": "hang",
    "cut": "cut",
    "nonsense": "garbage",
    "401": _echo(401, {}),
    "404": _echo(404, {}),
    "429": _echo(429, {"retry-after": "7"}),
    "500": _echo(500, {}),
}


@asynccontextmanager
async def peer(behaviour, directory):
    """A peer of that behaviour, as the fields of a receiver that speaks to it."""
    trusted = authority(directory)
    async with http_peer(_ANSWERS.get(behaviour, (200, {}, b"")), tls=trusted.server) as server:
        yield {
            "kind": "webhook",
            "url": f"https://{LOOPBACK}:{server.port}/{TOKEN}",
            "headers": {"authorization": f"Bearer {KEY}"},
            "secret": Secret(SIGNING),
            "ca_file": None if behaviour == "bad-tls" else str(trusted.file),
        }
