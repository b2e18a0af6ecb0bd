"""The HTTP surface: a JSON API, health and metrics, served by Starlette. `build` makes the ASGI application."""

from daemon.web.app import build

__all__ = ["build"]
