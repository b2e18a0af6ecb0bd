"""The network below one HTTP probe: each phase timed, each byte counted, our own failures told from the product's.

It stands where httpcore lets one stand (`AsyncNetworkBackend`), so that HTTP itself stays httpcore's.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import httpcore

_HEAD_START_S: Final = 0.25
"""How long one address may take before the next is tried beside it (RFC 8305, 5), as users' browsers do."""
_MOST_ADDRESSES: Final = 8
_NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""The name is wrong for everybody; all else is our resolver's trouble."""
_OUR_NETWORK: Final = frozenset(
    {
        errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS,
        errno.ENOMEM, errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT,
    }
)  # fmt: skip


class CannotAsk(Exception):
    """The product was not asked: our network, resolver, proxy or limits."""


class TooMuch(Exception):
    """More bytes came than the source may bring."""


class Allowance:
    """How many bytes may still come; shared by all that is asked at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._left = most

    def take(self, count: int) -> None:
        """Count bytes that came. Raises TooMuch beyond the allowance."""
        self._left -= count
        if self._left < 0:
            raise TooMuch


class Phases:
    """How long each phase took; one follows the other."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._since_s = 0.0
        self.current = ""
        self.spent_ms: dict[str, float] = {}

    def enter(self, phase: str) -> None:
        """End the phase before and begin this one ("" ends only); phases that come again add up."""
        now_s = self._now_s()
        if self.current:
            self.spent_ms[self.current] = self.spent_ms.get(self.current, 0.0) + (now_s - self._since_s) * 1000
        self.current, self._since_s = phase, now_s


class _Stream(httpcore.AsyncNetworkStream):
    """A connection, timed and counted."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        found = await self._inner.read(max_bytes, timeout)
        if found and self._wire.phases.current == "first_byte":
            self._wire.phases.enter("transfer")
        self._wire.allowance.take(len(found))
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        self._wire.phases.enter("tls")
        try:
            stream = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            # Cancelled within a handshake, httpcore would leave the socket open.
            await self._inner.aclose()
            raise
        self._wire.take_certificate(stream)
        self._wire.phases.enter("first_byte")
        return _Stream(stream, self._wire)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class Wire(httpcore.AsyncNetworkBackend):
    """The network of one probe. `by_proxy` says that all it connects to is our own proxy."""

    def __init__(
        self,
        phases: Phases,
        allowance: Allowance,
        in_thread: Callable[..., Awaitable[Any]],
        *,
        by_proxy: bool,
    ) -> None:
        self.phases = phases
        self.allowance = allowance
        self.certificate: bytes | None = None
        self.network_seen = False
        """Whether another machine answered, even by refusing: then our network is there."""
        self._in_thread = in_thread
        self._by_proxy = by_proxy
        self._inner = httpcore.AnyIOBackend()
        self._last: tuple[str, int] | None = None

    def take_certificate(self, stream: httpcore.AsyncNetworkStream) -> None:
        """Keep the certificate that the peer showed."""
        shown = stream.get_extra_info("ssl_object")
        self.certificate = shown.getpeercert(binary_form=True) if shown else None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, then connect to whichever address answers first. Raises CannotAsk or httpcore.ConnectError."""
        self.phases.enter("dns")
        addresses = await self._resolve(host, port)
        self.phases.enter("connect")
        try:
            stream = await self._connect_any(addresses, port)
        except httpcore.ConnectError as err:
            self._judge(err)
            raise
        self.phases.enter("first_byte")
        return _Stream(stream, self)

    async def sleep(self, seconds: float) -> None:
        """As httpcore asks for it between retries, of which a probe makes none."""
        await asyncio.sleep(seconds)

    async def untrusted_certificate(self, hostname: str) -> bytes | None:
        """The certificate shown by the peer last connected to, which was not trusted: nothing is sent to it."""
        if self._last is None or self._by_proxy:
            return None
        look = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        look.check_hostname = False
        look.verify_mode = ssl.CERT_NONE
        stream = await self._inner.connect_tcp(*self._last)
        try:
            stream = await stream.start_tls(look, hostname)
            self.take_certificate(stream)
        finally:
            await stream.aclose()
        return self.certificate

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        try:
            found = await self._in_thread(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
        except socket.gaierror as err:
            if err.errno in _NO_SUCH_NAME and not self._by_proxy:
                raise httpcore.ConnectError("its name does not resolve") from err
            raise CannotAsk(f"its name cannot be looked up: {err.strerror}") from err
        except UnicodeError as err:
            raise httpcore.ConnectError("its name does not resolve") from err
        return _alternating([str(entry[4][0]) for entry in found])[:_MOST_ADDRESSES]

    async def _connect_any(self, addresses: Sequence[str], port: int) -> httpcore.AsyncNetworkStream:
        left, trying = deque(addresses), set[asyncio.Task[httpcore.AsyncNetworkStream]]()
        failure: BaseException = httpcore.ConnectError("its name has no address")
        winner: httpcore.AsyncNetworkStream | None = None
        try:
            while winner is None and (left or trying):
                if left:
                    trying.add(asyncio.ensure_future(self._connect(left.popleft(), port)))
                wait_s = _HEAD_START_S if left else None
                done, trying = await asyncio.wait(trying, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if (error := task.exception()) is not None:
                        failure = error
                    elif winner is None:
                        winner = task.result()
                    else:
                        trying.add(task)  # as good, but too late: closed below
        finally:
            await _drop(trying)
        if winner is None:
            raise failure
        return winner

    async def _connect(self, address: str, port: int) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._inner.connect_tcp(address, port)
        except httpcore.ConnectError as err:
            if _errno(err) in {errno.ECONNREFUSED, errno.ECONNRESET}:
                self._saw(address)
            raise
        self._saw(address)
        self._last = (address, port)
        return stream

    def _saw(self, address: str) -> None:
        self.network_seen |= not ipaddress.ip_address(address.partition("%")[0]).is_loopback

    def _judge(self, err: httpcore.ConnectError) -> None:
        number = _errno(err)
        if number in _OUR_NETWORK or self._by_proxy:
            what = "the proxy cannot be reached" if self._by_proxy else "our own network does not let us"
            raise CannotAsk(f"{what}: {errno.errorcode.get(number or 0, 'connection failed')}") from err


def _alternating(addresses: Sequence[str]) -> list[str]:
    """IPv6 and IPv4 in turn, beginning with the family that the resolver prefers (RFC 8305, 4)."""
    unique = list(dict.fromkeys(addresses))
    first = [a for a in unique if (":" in a) == (":" in unique[0])]
    second = [a for a in unique if a not in first]
    mixed = [a for pair in zip(first, second, strict=False) for a in pair]
    return mixed + first[len(second) :] + second[len(first) :]


async def _drop(tasks: Iterable[asyncio.Task[httpcore.AsyncNetworkStream]]) -> None:
    """Cancel what is under way, and close what came of it all the same."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    for came in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(came, httpcore.AsyncNetworkStream):
            await came.aclose()


def causes(err: BaseException) -> Iterable[BaseException]:
    """An error and all that led to it."""
    seen: list[BaseException] = []
    left: deque[BaseException] = deque([err])
    while left:
        now = left.popleft()
        if now in seen:
            continue
        seen.append(now)
        left.extend(now.exceptions if isinstance(now, BaseExceptionGroup) else ())
        left.extend(cause for cause in (now.__cause__, now.__context__) if cause is not None)
    return seen


def _errno(err: BaseException) -> int | None:
    for cause in causes(err):
        if isinstance(cause, OSError) and cause.errno:
            return cause.errno
    return None
