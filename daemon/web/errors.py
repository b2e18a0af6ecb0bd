"""How the API says no: one JSON shape, in plain words, whatever went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from daemon.web.operations import OperationError, Refusal

log = structlog.get_logger(__name__)

_REFUSED: Mapping[Refusal, int] = {"not-found": 404, "conflict": 409, "invalid": 422, "unavailable": 503}


class ErrorBody(BaseModel):
    """What went wrong: a word for programs, a sentence for people, and the single reasons where there are several."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    details: tuple[str, ...] = Field((), description="one reason each")


class ErrorView(BaseModel):
    """The body of every answer from 400 on."""

    model_config = ConfigDict(frozen=True)

    error: ErrorBody


class ApiError(Exception):
    """An answer from 400 on. `code` is for programs and never changes; `message` is for people and may."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """The answer itself."""
        body = {"error": {"code": self.code, "message": self.message, "details": list(self.details)}}
        return JSONResponse(body, self.status, self.headers)


def answer_to(request: Request, err: Exception) -> Response:
    """The answer to whatever an endpoint raised. Of a fault of our own the log has all, the asker only that it was."""
    if isinstance(err, ApiError):
        return err.response()
    if isinstance(err, OperationError):
        return ApiError(_REFUSED[err.kind], err.kind, err.message, err.details).response()
    log.error("request failed", method=request.method, path=request.url.path, exc_info=err)
    return ApiError(500, "fault", "the daemon has a fault; its log says more").response()


async def no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application behind every path that no endpoint has."""
    await ApiError(404, "not-found", "there is no such path; see /api/openapi.json").response()(scope, receive, send)
