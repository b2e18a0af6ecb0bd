"""What an endpoint is, and how a request becomes its answer: gate, read, run, render; whatever fails is JSON too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from daemon.views import Role
from daemon.web.auth import Gate
from daemon.web.bodies import Asked, Nothing
from daemon.web.errors import ApiError, answer_to
from daemon.web.operations import Identity, Operations
from daemon.web.reading import read_body, read_query

A = TypeVar("A", bound=Asked)


class Call(NamedTuple):
    """One request that was let in: who asks, and for what."""

    operations: Operations
    identity: Identity | None
    request: Request
    asked: Asked

    @property
    def incident(self) -> int:
        """The incident's id of the path. Raises ApiError 404 for what can be no id."""
        text = str(self.request.path_params["id"])
        if not (text.isascii() and text.isdecimal()) or len(text) > 18:
            raise ApiError(404, "not-found", "an incident is named by its number")
        return int(text)

    @property
    def name(self) -> str:
        """The name in the path."""
        return str(self.request.path_params["name"])

    @property
    def by(self) -> str:
        """The actor of a change, which is never anonymous."""
        assert self.identity is not None
        return self.identity.actor

    def asked_as(self, model: type[A]) -> A:
        """The body or the parameters, as the endpoint declared them."""
        assert isinstance(self.asked, model)
        return self.asked


class Endpoint(NamedTuple):
    """One method of one path: the table of these is the API, and what OpenAPI says of it.

    `role` is the least that is needed; None asks for nothing at all (health). `answers` is the shape of the body, or
    the media type of one that is not JSON.
    """

    method: str
    path: str
    summary: str
    role: Role | None
    answers: type[BaseModel] | str
    run: Callable[[Call], Awaitable[BaseModel | Response]]
    asks: type[Asked] = Nothing
    status: int = 200

    @property
    def changes(self) -> bool:
        """Whether it changes anything: then a token is needed from everywhere."""
        return self.method != "GET"

    async def answer(self, request: Request, operations: Operations, gate: Gate) -> Response:
        """The answer to one request; never raises."""
        try:
            identity = await gate.admit(request, self.role, changes=self.changes) if self.role else None
            asked = await read_body(request, self.asks) if self.changes else read_query(request, self.asks)
            found = await self.run(Call(operations, identity, request, asked))
        except Exception as err:
            return answer_to(request, err)
        return found if isinstance(found, Response) else json_response(found, self.status)


def json_response(view: BaseModel, status: int = 200) -> Response:
    """A shape as JSON."""
    return Response(view.model_dump_json(), status, media_type="application/json")


class PathApp:
    """All endpoints of one path as an ASGI application; HEAD answers as GET does, without the body."""

    def __init__(self, endpoints: Sequence[Endpoint], operations: Operations, gate: Gate) -> None:
        self._endpoints: Mapping[str, Endpoint] = {e.method: e for e in endpoints}
        self._operations = operations
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = scope["method"]
        endpoint = self._endpoints.get("GET" if method == "HEAD" else method)
        request = Request(scope, receive)
        if endpoint is None:
            allowed = ", ".join(sorted({*self._endpoints, *(["HEAD"] if "GET" in self._endpoints else [])}))
            error = ApiError(405, "method-not-allowed", f"this path takes {allowed}", headers={"Allow": allowed})
            response: Response = error.response()
        else:
            response = await endpoint.answer(request, self._operations, self._gate)

        async def headers_only(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await response(scope, receive, headers_only if method == "HEAD" else send)
