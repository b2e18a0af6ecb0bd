"""Asks an ASGI application as a client of this machine would, or as one from elsewhere."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from starlette.types import ASGIApp

HERE = ("127.0.0.1", 40_000)
ELSEWHERE = ("203.0.113.7", 40_000)


class Asker:
    """Requests with a token, one after the other; each may give its own headers, content or peer."""

    def __init__(self, app: ASGIApp, token: str | None = None, peer: tuple[str, int] = HERE) -> None:
        self.app = app
        self.token = token
        self.peer = peer

    def __call__(
        self, method: str, path: str, *, peer: tuple[str, int] | None = None, **request: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= request.pop("headers", {})

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=peer or self.peer)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8787") as client:
                return await client.request(method, path, headers=headers, **request)

        return asyncio.run(ask())

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self("GET", path, **request)

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self("POST", path, **request)
