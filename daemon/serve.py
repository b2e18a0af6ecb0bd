"""Serves the API on an address that is bound before anything else starts, so that a port in use is found at once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn


class ServeError(Exception):
    """The address cannot be listened on; the text says why and what to do."""


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPv6]:PORT`. Raises ServeError with what would be right."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host or not port.isdecimal() or int(port) > 65_535 or ("[" in host or "]" in host):
        raise ServeError(f"{text!r} is not an address to listen on; write HOST:PORT, like 127.0.0.1:8787")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(listen: str) -> socket.socket:
    """A socket that listens at the address. Raises ServeError if the port is taken, or the address is not ours."""
    host, port = parse_listen(listen)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except socket.gaierror as err:
        raise ServeError(f"cannot listen on {listen}: {err.strerror}") from None
    except UnicodeError as err:  # a host name that IDNA refuses
        raise ServeError(f"cannot listen on {listen}: {err.__cause__ or err}") from None
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            raise ServeError(
                f"cannot listen on {listen}: another program already does; choose another address with --listen"
            ) from None
        raise ServeError(f"cannot listen on {listen}: {err.strerror}") from None


def url_of(bound: socket.socket) -> str:
    """The URL at which this machine reaches the socket."""
    host, port = bound.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: Any) -> uvicorn.Server:
    """An uvicorn server for an ASGI app which leaves signals and logging to the daemon.

    Its own loop turns ten times a second, which is half of what the daemon may use when idle; once a second is enough
    to keep the Date header right.
    """
    import uvicorn

    class Quiet(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def main_loop(self) -> None:
            while not await self.on_tick(0):  # noqa: ASYNC110 - uvicorn's own flag, set from anywhere
                await asyncio.sleep(1)

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http="h11",
        ws="none",
        loop="none",
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=256,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
    )
    return Quiet(config)
