"""Builds the ASGI application of the HTTP surface from what the daemon can do."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from itertools import groupby
from typing import Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from daemon.web import openapi
from daemon.web.auth import Failures, Gate
from daemon.web.changes import CHANGES
from daemon.web.endpoints import Call, Endpoint, PathApp
from daemon.web.errors import no_such_path
from daemon.web.guard import Guard
from daemon.web.operations import Operations
from daemon.web.reads import READS


async def _openapi(_call: Call) -> Response:
    return JSONResponse(openapi.document(ENDPOINTS))


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", "/api/openapi.json", "This document.", "viewer", "application/json", _openapi),
    *READS,
    *CHANGES,
)
"""The whole API."""


def build(
    operations: Operations,
    *,
    loopback: bool = True,
    allowed_hosts: Callable[[], Collection[str]] = tuple,
    monotonic: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """The application. `loopback`: only this machine can reach the address listened on, so that the Host is checked.

    `allowed_hosts` is asked at each request, since a reload may change `api.allowed_hosts`; `monotonic` counts seconds
    for the limit on failed authentications.
    """
    gate = Gate(operations, Failures(monotonic))
    by_path = sorted(ENDPOINTS, key=lambda endpoint: endpoint.path)
    routes = [
        Route(path, PathApp(list(endpoints), operations, gate))
        for path, endpoints in groupby(by_path, key=lambda endpoint: endpoint.path)
    ]
    router = Router(routes, redirect_slashes=False, default=no_such_path)
    return Guard(router, loopback=loopback, allowed_hosts=allowed_hosts)
