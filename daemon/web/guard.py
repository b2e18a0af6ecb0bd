"""What holds for every request and answer, whatever the path: the Host, the Origin, the headers of a careful answer.

Host: a name that an attacker's DNS points at 127.0.0.1 makes a browser talk to us as if we were the attacker's site
(DNS rebinding). On a loopback address only loopback's own names are answered, and those of `api.allowed_hosts`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.web.errors import ApiError

_ANSWER_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE: Final = ("GET", "HEAD", "OPTIONS")


class Guard:
    """ASGI middleware around everything. `loopback` says that only this machine can reach the address listened on."""

    def __init__(self, app: ASGIApp, *, loopback: bool, allowed_hosts: Callable[[], Collection[str]]) -> None:
        self._app = app
        self._loopback = loopback
        self._allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on; `recuo.host_is_ours` in the scope says whether the Host can be no other site's."""
        if scope["type"] != "http":
            return

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ANSWER_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        host = headers.get("host", "")
        scope["recuo.host_is_ours"] = ours = _is_ours(host, self._allowed_hosts())
        refused = self._refusal(scope["method"], headers, host, ours=ours)
        if refused is None:
            await self._app(scope, receive, careful)
        else:
            await refused.response()(scope, receive, careful)

    def _refusal(self, method: str, headers: Headers, host: str, *, ours: bool) -> ApiError | None:
        if self._loopback and not ours:
            message = "this Host is not answered here; use 127.0.0.1 or localhost, or add it to api.allowed_hosts"
            return ApiError(421, "wrong-host", message)
        if method not in _SAFE and _is_cross_origin(headers, host):
            return ApiError(403, "cross-origin", "changes from a page of another site are refused")
        return None


def _is_ours(host: str, allowed: Collection[str]) -> bool:
    """The port is not looked at: an ssh tunnel changes it, and rebinding is about names."""
    if not host or any(mark in host for mark in "@/?#\\"):
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name in {a.lower() for a in allowed} or host.lower() in {a.lower() for a in allowed}:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_cross_origin(headers: Headers, host: str) -> bool:
    """Whether a browser says that a page of another site asks (Fetch Metadata; Origin, RFC 6454)."""
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != host.lower()
    except ValueError:
        return True
