"""The real application behind a real server on loopback, for clients that are processes of their own or block."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp

from daemon.serve import bind, server, url_of


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an application from a thread; gives its URL."""
    socket = bind("127.0.0.1:0")
    running = server(app)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    try:
        yield url_of(socket)
    finally:
        running.should_exit = True
        thread.join(10)
        socket.close()
