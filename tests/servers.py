"""Peers on loopback that answer as told: rightly, slowly, wrongly, or never."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

Behaviour = Callable[["Exchange"], Awaitable[None]]


class Exchange:
    """One connection: what was asked, and the way to answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""

    async def read_head(self) -> bytes:
        """The request line and headers."""
        self.head = await self.reader.readuntil(b"\r\n\r\n")
        return self.head

    @property
    def headers(self) -> Mapping[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


class Peer:
    """A server that behaves in one way; remembers what it was asked."""

    def __init__(self, behave: Behaviour, *, scheme: str, host: str) -> None:
        self._behave = behave
        self.scheme = scheme
        self.host = host
        self.port = 0
        self.exchanges: list[Exchange] = []
        self.asked = asyncio.Event()

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchange = Exchange(reader, writer)
        self.exchanges.append(exchange)
        self.asked.set()
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._behave(exchange)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def peer(behave: Behaviour, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Peer]:
    """A peer on a free port of loopback; leaving it ends every connection."""
    found = Peer(behave, scheme="https" if tls else "http", host=host)
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        with suppress(asyncio.CancelledError):
            await found.serve(reader, writer)
        under_way.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, backlog=512)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in list(under_way):
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await server.wait_closed()


def answer(
    status: int = 200, body: bytes = b"ok", headers: Mapping[str, str] | None = None, *, reason: str = "X"
) -> Behaviour:
    """A whole answer, with its length."""

    async def behave(exchange: Exchange) -> None:
        await exchange.read_head()
        lines = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await exchange.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if not exchange.line.startswith("HEAD "):
            await exchange.send(body)

    return behave


def raw(data: bytes) -> Behaviour:
    """These bytes after the request, then the end."""

    async def behave(exchange: Exchange) -> None:
        await exchange.read_head()
        await exchange.send(data)

    return behave


def endless(start: bytes, piece: bytes) -> Behaviour:
    """A beginning, then the same piece until the peer goes away."""

    async def behave(exchange: Exchange) -> None:
        await exchange.read_head()
        await exchange.send(start)
        while not exchange.writer.is_closing():
            await exchange.send(piece)

    return behave


async def hang(exchange: Exchange) -> None:
    """Takes the connection and says nothing, ever."""
    await asyncio.Event().wait()


async def cut(exchange: Exchange) -> None:
    """Reads the request and resets the connection."""
    await exchange.read_head()
    # Lingering for no time makes close(2) send a reset (socket(7)).
    exchange.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def cut_within(exchange: Exchange) -> None:
    """Promises a body and breaks off in it."""
    await exchange.read_head()
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")


def by_path(**paths: Behaviour) -> Behaviour:
    """One behaviour for each first part of the path; the head is read for all of them."""

    async def behave(exchange: Exchange) -> None:
        head = await exchange.read_head()
        name = exchange.line.split(" ")[1].strip("/").split("/")[0].split("?")[0] or "root"

        async def again() -> bytes:
            return head

        exchange.read_head = again  # type: ignore[method-assign]
        await paths[name](exchange)

    return behave
