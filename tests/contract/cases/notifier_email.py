"""How the e-mail notifier meets each kind of bad peer."""

from __future__ import annotations

from contextlib import asynccontextmanager

from recuo.values import Secret
from tests.actions.notifiers.peers import LOOPBACK, authority, silent_peer, smtp_peer

PASSWORD = "5ecret-of-the-mail-server"
SECRETS = (PASSWORD,)

# What each behaviour must be: True is permanent, False temporary.
BEHAVIOURS = {"401": True, "404": True, "429": False, "500": False, "bad-tls": False, "cut": False, "nonsense": False}


async def _nonsense(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + PASSWORD.encode() + b"\r\n")
    await writer.drain()
    await reader.read()


async def _cut(reader, writer):
    writer.write(b"220 hello\r\n")
    await reader.readline()


@asynccontextmanager
async def peer(behaviour, directory):
    """A peer of that behaviour, as the fields of a receiver that speaks to it."""
    trusted = authority(directory)
    login = {"username": "recuo@example.org", "password": Secret(PASSWORD)}
    fields = {"kind": "email", "host": LOOPBACK, "to": ["team@example.org"], "ca_file": str(trusted.file), **login}
    if behaviour in {"hang", "cut", "nonsense"}:
        async with silent_peer({"hang": None, "cut": _cut, "nonsense": _nonsense}[behaviour]) as port:
            yield {**fields, "port": port, "security": "none"}
        return
    replies = {"404": {"RCPT": "550 no such user"}, "429": {"MAIL": "450 too many"}, "500": {"DATA": "451 trouble"}}
    password = "another" if behaviour == "401" else PASSWORD
    async with smtp_peer(
        security="starttls", tls=trusted.server, password=password, replies=replies.get(behaviour)
    ) as server:
        yield {**fields, "port": server.port, "ca_file": None if behaviour == "bad-tls" else fields["ca_file"]}
