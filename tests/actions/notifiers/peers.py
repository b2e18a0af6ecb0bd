"""Real peers on loopback for the notifiers: an HTTP server and an SMTP server that behave as they are told."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

LOOPBACK = "127.0.0.1"


class Request(NamedTuple):
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


class HttpPeer:
    """Answers requests in turn from `answers`; the last one is kept. `cut`, `hang` and `garbage` are bad behaviour."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.arrived = asyncio.Event()
        self.port = 0
        self.release = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(Request(line, headers, body))
        self.arrived.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(self.requests[-1])
        if answer == "cut":
            return
        if answer == "hang":
            await self.release.wait()
            return
        if answer == "garbage":
            writer.write(b"\x00\xff this is not HTTP\r\n\r\n")
        elif answer == "endless":
            await self._endless(writer)
        else:
            status, extra, text = answer
            fields = {"content-length": str(len(text)), "connection": "close", **extra}
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            writer.write(f"HTTP/1.1 {status} Words\r\n{lines}\r\n".encode() + text)
        await writer.drain()

    async def _endless(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Words\r\n\r\n")
        for _ in range(10_000):
            writer.write(b"x" * 65_536)
            await writer.drain()


@asynccontextmanager
async def http_peer(*answers: Any, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpPeer]:
    """An HTTP server on a free port of loopback."""
    peer = HttpPeer(answers or [(200, {}, b"")])
    server = await asyncio.start_server(peer.serve, LOOPBACK, 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        peer.release.set()
        server.close()


class Mail(NamedTuple):
    """One message as the SMTP server took it."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    user: str


class SmtpPeer:
    """What the SMTP server does: `replies` names the answer to a command (`RCPT`, `DATA`, `MAIL`) in place of 250."""

    def __init__(self, replies: dict[str, str], password: str) -> None:
        self.replies = replies
        self.password = password
        self.mails: list[Mail] = []
        self.arrived = asyncio.Event()
        self.port = 0

    async def handle_EHLO(
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        envelope.mail_from = address
        return self.replies.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        reply = self.replies.get(f"RCPT {address}", self.replies.get("RCPT", "250 OK"))
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        reply = self.replies.get("DATA", "250 queued as 4711")
        if reply.startswith("250"):
            login: Any = session.auth_data
            user = login.decode() if login else ""
            encrypted = server.transport.get_extra_info("sslcontext") is not None
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            self.mails.append(Mail(envelope.mail_from or "", list(envelope.rcpt_tos), content, encrypted, user))
            self.arrived.set()
        return reply

    def authenticate(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        if data.password.decode() == self.password:
            return AuthResult(success=True, auth_data=data.login)
        # A server that repeats what it was given: nobody must show this.
        words = f"535 5.7.8 wrong password {data.password.decode()}"
        return AuthResult(success=False, handled=False, message=words)


@asynccontextmanager
async def smtp_peer(
    *,
    security: str = "none",
    tls: ssl.SSLContext | None = None,
    password: str = "",
    replies: dict[str, str] | None = None,
) -> AsyncIterator[SmtpPeer]:
    """An SMTP server (aiosmtpd) on a free port of loopback; with a password it wants a login."""
    peer = SmtpPeer(replies or {}, password)
    running = asyncio.get_running_loop()

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that a login without TLS is unwise
            return SMTP(
                peer,
                hostname="peer.example.org",
                tls_context=tls if security == "starttls" else None,
                require_starttls=security == "starttls",
                authenticator=peer.authenticate if password else None,
                auth_required=bool(password),
                auth_require_tls=False,
                loop=running,
            )

    server = await running.create_server(protocol, LOOPBACK, 0, ssl=tls if security == "tls" else None)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()


@asynccontextmanager
async def silent_peer(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any] | None = None,
) -> AsyncIterator[int]:
    """A peer that accepts connections and says nothing, or what `talk` says; yields its port."""
    release = asyncio.Event()
    serving: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = asyncio.current_task()
        assert own is not None
        serving.add(own)
        try:
            if talk is not None:
                await talk(reader, writer)
            else:
                await release.wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        release.set()
        server.close()
        if serving:
            await asyncio.wait(serving, timeout=5)


class Authority(NamedTuple):
    """A certificate authority of our own, the PEM file that makes it trusted, and a server's certificate by it."""

    file: Path
    server: ssl.SSLContext


def authority(directory: Path, *names: str) -> Authority:
    """An authority whose server certificate is for `names` (default: loopback and localhost)."""
    found = trustme.CA()
    file = directory / f"ca-{abs(hash(names))}.pem"
    found.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.issue_cert(*(names or (LOOPBACK, "localhost"))).configure_cert(context)
    return Authority(file, context)
