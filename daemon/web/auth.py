"""Who asks, and whether they may: bearer tokens (RFC 6750), roles, and reads that are open on this machine alone."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable

from starlette.requests import Request

from daemon.views import Role, allows
from daemon.web.errors import ApiError
from daemon.web.operations import Identity, Operations

FAILURES_PER_MINUTE = 20
_WINDOW_S = 60.0
_MOST_PEERS = 1_024
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
"""A proxy on this machine speaks for someone elsewhere: its requests are not local."""

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="recuo"'}
_CHALLENGE_WRONG = {"WWW-Authenticate": 'Bearer realm="recuo", error="invalid_token"'}


class Failures:
    """Failed authentications of the last minute by peer; an IPv6 peer is its /64, which is what one person is given."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._peers: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, peer: str) -> float:
        """One more failure. Seconds until the peer may fail again: 0 while it is under the limit."""
        now = self._monotonic()
        failed = self._peers.setdefault(_network(peer), deque(maxlen=FAILURES_PER_MINUTE))
        self._peers.move_to_end(_network(peer))
        if len(self._peers) > _MOST_PEERS:
            self._peers.popitem(last=False)
        if len(failed) == FAILURES_PER_MINUTE and now - failed[0] < _WINDOW_S:
            return failed[0] + _WINDOW_S - now
        failed.append(now)
        return 0.0


def _network(peer: str) -> str:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


def is_local(request: Request) -> bool:
    """Whether a process of this machine asks for itself: a loopback peer, and no proxy's header."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


class Gate:
    """Decides for each request. A token that is shown must be good, even where none is needed."""

    def __init__(self, operations: Operations, failures: Failures) -> None:
        self._operations = operations
        self._failures = failures

    async def admit(self, request: Request, wanted: Role, *, changes: bool) -> Identity | None:
        """Who asks; None for a local read without a token. Raises ApiError 401, 403 or 429.

        A good token passes even while its peer is over the limit of failures: a script with a revoked token on the
        same machine must not lock out the person on call.
        """
        token = _bearer(request)
        if token is None:
            if not changes and wanted == "viewer" and is_local(request) and request.scope["recuo.host_is_ours"]:
                return None
            raise ApiError(401, "unauthenticated", "this needs a token: Authorization: Bearer …", headers=_CHALLENGE)
        identity = await self._operations.authenticate(token)
        if identity is None:
            raise self._refuse(request)
        if not allows(identity.role, wanted):
            message = f"this needs the role {wanted}; the token {identity.name!r} has {identity.role}"
            raise ApiError(403, "forbidden", message)
        return identity

    def _refuse(self, request: Request) -> ApiError:
        wait_s = self._failures.note(request.client.host if request.client else "")
        if wait_s > 0:
            headers = {"Retry-After": str(int(wait_s) + 1)}
            return ApiError(429, "too-many-failures", "too many wrong tokens from here; wait a minute", headers=headers)
        return ApiError(401, "unauthenticated", "this token is unknown or revoked", headers=_CHALLENGE_WRONG)


def _bearer(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ApiError(401, "unauthenticated", "only Authorization: Bearer TOKEN is known", headers=_CHALLENGE)
    return token.strip()
