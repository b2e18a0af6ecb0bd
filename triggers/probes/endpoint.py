"""One probe of one HTTP endpoint, always over a fresh connection, and what it found out in plain words.

The words are our own: nothing that the peer sent is repeated in them, since it may have sent our token back.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import httpcore
import httpx

from recuo.values import Instant, format_duration
from triggers.base import Clock
from triggers.probes import certificate
from triggers.probes.search import BodySearch
from triggers.probes.wire import Allowance, CannotAsk, Phases, TooMuch, Wire, causes

_MOST_REDIRECTS: Final = 5
_DAY_MS: Final = 86_400_000
_FAULTS: Final = (
    httpcore.NetworkError,
    httpcore.UnsupportedProtocol,
    httpx.HTTPError,
    httpx.InvalidURL,
    OSError,
)
"""What a peer can bring about, beside hanging, breaking off and sending too much."""


class Request(NamedTuple):
    """What is asked, and what answer is right. `headers` and `body` may hold secrets."""

    url: str
    method: str
    headers: Sequence[tuple[str, str]]
    body: bytes | None
    statuses: Sequence[tuple[int, int]]
    text: bytes
    follow: bool
    proxy: str


class Finding(NamedTuple):
    """What one probe found. `cannot_ask` says that it found nothing of the product, for our own reasons."""

    up: bool
    status: int
    latency_ms: float
    phases_ms: Mapping[str, float]
    certificate_days: float | None
    body_bytes: int
    reason: str
    cannot_ask: str
    refused: bool
    network_seen: bool


async def prepare() -> None:
    """Load what httpcore loads at its first connection, so that no product is measured with it."""
    await httpcore.AnyIOBackend().sleep(0)


def trust(ca_file: str | None) -> ssl.SSLContext:
    """Whom to trust: this file's authorities, else the system's, else those that came with httpx.

    Costs some 20 ms and reads files. Raises OSError (ssl.SSLError is one).
    """
    paths = ssl.get_default_verify_paths()
    if ca_file is None and not (paths.cafile or paths.capath):
        import certifi

        ca_file = certifi.where()
    return ssl.create_default_context(cafile=ca_file)


class _Seen:
    """What has come of the answer so far: it is told even where the rest never comes."""

    def __init__(self) -> None:
        self.status = 0
        self.body_bytes = 0
        self.encoding = ""


class _Body(httpx.AsyncByteStream):
    def __init__(self, inner: httpcore.Response, seen: _Seen) -> None:
        self._inner = inner
        self._seen = seen

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner.aiter_stream():
            self._seen.body_bytes += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Transport(httpx.AsyncBaseTransport):
    """httpx above, httpcore below; what the configuration sends goes to the configured host only."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, seen: _Seen, own: frozenset[str], url: httpx.URL) -> None:
        self._pool = pool
        self._seen = seen
        self._own = own
        self._origin = (url.scheme, url.host, url.port)

    def _may_have(self, url: httpx.URL) -> bool:
        scheme, host, port = self._origin
        upgraded = scheme == "http" and url.scheme == "https" and port is None and url.port is None
        return url.host == host and ((url.scheme, url.port) == (scheme, port) or upgraded)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = request.headers.raw
        if not self._may_have(request.url):
            headers = [(name, value) for name, value in headers if name.decode("ascii").lower() not in self._own]
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        core = httpcore.Request(
            request.method, url, headers=headers, content=request.stream, extensions=request.extensions
        )
        answer = await self._pool.handle_async_request(core)
        coded = b",".join(v for k, v in answer.headers if k.lower() == b"content-encoding")
        self._seen.status, self._seen.body_bytes, self._seen.encoding = answer.status, 0, coded.decode("latin-1")
        # Without this header httpx decodes nothing: what is compressed may be a bomb.
        plain = [(name, value) for name, value in answer.headers if name.lower() != b"content-encoding"]
        return httpx.Response(answer.status, headers=plain, stream=_Body(answer, self._seen))


async def probe(
    request: Request,
    *,
    timeout_ms: int,
    tls: ssl.SSLContext,
    clock: Clock,
    in_thread: Callable[..., Awaitable[Any]],
    allowance: Allowance,
) -> Finding:
    """Ask once; never raises for what the product or the network did. A failure's latency is the time-out (S1)."""
    phases = Phases(clock.monotonic)
    wire = Wire(phases, allowance, in_thread, by_proxy=bool(request.proxy))
    seen = _Seen()
    reason, cannot_ask, refused = "", "", False
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            try:
                reason = await _exchange(request, wire, tls, seen)
            except (httpcore.ConnectError, httpcore.ProxyError) as err:
                reason = _words(err)
                if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(err)):
                    await _untrusted(wire, httpx.URL(request.url).host)
    except TimeoutError:
        reason = reason or f"no answer within {format_duration(timeout_ms)} ({phases.current or 'connect'})"
        if phases.current == "dns":
            cannot_ask = f"its name cannot be looked up within {format_duration(timeout_ms)}"
    except CannotAsk as err:
        reason = cannot_ask = str(err)
    except TooMuch:
        refused = True
    except httpcore.ProtocolError:
        reason = _broken_off(phases, seen)
    except _FAULTS as err:
        reason = _words(err)
    phases.enter("")
    up = not reason and not refused
    return Finding(
        up=up,
        status=seen.status,
        latency_ms=sum(phases.spent_ms.values()) if up else float(timeout_ms),
        phases_ms=phases.spent_ms,
        certificate_days=_days_left(wire.certificate, clock.now()),
        body_bytes=seen.body_bytes,
        reason=reason,
        cannot_ask=cannot_ask,
        refused=refused,
        network_seen=wire.network_seen,
    )


async def _exchange(request: Request, wire: Wire, tls: ssl.SSLContext, seen: _Seen) -> str:
    """What is wrong with the answer; "" where nothing is."""
    proxy = httpcore.Proxy(request.proxy) if request.proxy else None
    own = frozenset(name.lower() for name, _ in request.headers)
    async with httpcore.AsyncConnectionPool(ssl_context=tls, proxy=proxy, network_backend=wire) as pool:
        transport = _Transport(pool, seen, own, httpx.URL(request.url))
        async with (
            httpx.AsyncClient(
                transport=transport,
                trust_env=False,
                timeout=None,  # noqa: S113 - one deadline holds for the whole probe
                follow_redirects=request.follow,
                max_redirects=_MOST_REDIRECTS,
                headers={"user-agent": "recuo", "accept-encoding": "identity", "connection": "close"},
            ) as client,
            client.stream(request.method, request.url, headers=list(request.headers), content=request.body) as answer,
        ):
            found = await _find(answer, seen, request.text, wire.allowance.most)
            wire.phases.enter("")
            if not any(low <= answer.status_code <= high for low, high in request.statuses):
                found = f"answered {answer.status_code}"
            return found


async def _find(answer: httpx.Response, seen: _Seen, text: bytes, most: int) -> str:
    """Read the whole body; what is wrong with it where a text must be in it. No more than two pieces are held."""
    search = BodySearch(text, seen.encoding, most) if text else None
    async for chunk in answer.aiter_raw():
        if search is not None:
            search.feed(chunk)
    return search.complaint() if search is not None else ""


async def _untrusted(wire: Wire, hostname: str) -> None:
    """Look at the certificate that was not trusted; that this fails too changes nothing."""
    try:
        await wire.untrusted_certificate(hostname)
    except (httpcore.NetworkError, OSError):
        wire.certificate = None


def _days_left(der: bytes | None, now: Instant) -> float | None:
    """Days until the certificate ends, below 0 once it has; None without one."""
    if der is None:
        return None
    try:
        return (certificate.not_after(der) - now) / _DAY_MS
    except ValueError:
        return None


_ERRNO_WORDS: Final = {
    errno.ECONNREFUSED: "it refuses connections",
    errno.ECONNRESET: "it broke the connection off",
    errno.EPIPE: "it broke the connection off",
    errno.EHOSTUNREACH: "its host cannot be reached",
    errno.ETIMEDOUT: "its host does not answer",
}


def _words(err: BaseException) -> str:
    """What went wrong, for a tired person, without a word of the peer's."""
    chain = list(causes(err))
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {(cause.reason or 'connection broken off').lower().replace('_', ' ')}"
        if isinstance(cause, OSError) and cause.errno in _ERRNO_WORDS:
            return _ERRNO_WORDS[cause.errno]
    return _kind_words(err)


def _broken_off(phases: Phases, seen: _Seen) -> str:
    """How an answer was none, by how far it had come."""
    if seen.status:
        return "it breaks its answer off"
    return "it does not answer in HTTP" if phases.current == "transfer" else "it ends the connection without an answer"


def _kind_words(err: BaseException) -> str:
    if isinstance(err, httpx.TooManyRedirects):
        return f"it redirects more than {_MOST_REDIRECTS} times"
    if isinstance(err, httpx.HTTPError | httpx.InvalidURL | httpcore.UnsupportedProtocol):
        return "it redirects to an address that cannot be followed"
    if isinstance(err, httpcore.ProxyError):
        return "the proxy does not get through to it"
    if isinstance(err, httpcore.ConnectError) and "name" in str(err):
        return str(err)
    return "the connection broke"
