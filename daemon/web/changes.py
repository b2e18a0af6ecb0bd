"""The endpoints that change something: each needs a token, and asking again for what is so already is no error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from daemon import views
from daemon.web.bodies import (
    AssessmentBody,
    ChecklistBody,
    CommentBody,
    DecisionBody,
    ResolveBody,
    TokenBody,
    VerifyBody,
)
from daemon.web.endpoints import Call, Endpoint

_CHUNK = 262_144


async def _acknowledge(call: Call) -> views.IncidentDetail:
    return await call.operations.acknowledge(call.incident, by=call.by)


async def _comment(call: Call) -> views.IncidentDetail:
    return await call.operations.comment(call.incident, by=call.by, text=call.asked_as(CommentBody).text)


async def _resolve(call: Call) -> views.IncidentDetail:
    return await call.operations.resolve(call.incident, by=call.by, reason=call.asked_as(ResolveBody).reason)


async def _assess(call: Call) -> views.IncidentDetail:
    fields = call.asked_as(AssessmentBody).model_dump(exclude_none=True)
    return await call.operations.assess(call.incident, by=call.by, fields=fields)


async def _decide(call: Call) -> views.IncidentDetail:
    return await call.operations.decide(call.incident, by=call.by, decision=call.asked_as(DecisionBody).decision)


async def _verify(call: Call) -> views.IncidentDetail:
    return await call.operations.verify(call.incident, by=call.by, note=call.asked_as(VerifyBody).note)


async def _answer(call: Call) -> views.IncidentDetail:
    asked = call.asked_as(ChecklistBody)
    return await call.operations.answer(call.incident, by=call.by, item=asked.item, answer=asked.answer)


async def _create_token(call: Call) -> views.NewToken:
    asked = call.asked_as(TokenBody)
    return await call.operations.create_token(name=asked.name, role=asked.role, person=asked.person, by=call.by)


async def _revoke_token(call: Call) -> views.TokenView:
    return await call.operations.revoke_token(call.name, by=call.by)


async def _reload(call: Call) -> views.ReloadView:
    return await call.operations.reload(by=call.by)


async def _test_page(call: Call) -> views.Deliveries:
    return views.Deliveries(deliveries=tuple(await call.operations.test_page(by=call.by)))


async def _backup(call: Call) -> Response:
    """The copy is sent, not written where a request says: input from outside never becomes a path."""
    path = await call.operations.backup(by=call.by)
    size = (await asyncio.to_thread(path.stat)).st_size
    headers = {"Content-Length": str(size), "Content-Disposition": 'attachment; filename="recuo-state.sqlite3"'}
    return _SentAndRemoved(path, headers)


class _SentAndRemoved(StreamingResponse):
    """A file that exists for this answer only: it goes even when the asker went before it was sent."""

    def __init__(self, path: Path, headers: Mapping[str, str]) -> None:
        super().__init__(_chunks(path), headers=headers, media_type="application/vnd.sqlite3")
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._path.unlink(missing_ok=True)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


_V1: Final = "/api/v1"
_ONE: Final = f"{_V1}/incidents/{{id}}"
_Detail: Final = views.IncidentDetail

CHANGES: Final = (
    Endpoint("POST", f"{_ONE}/ack", "Take the incident: the escalation stops.", "responder", _Detail, _acknowledge),
    Endpoint("POST", f"{_ONE}/comment", "Add a remark.", "responder", _Detail, _comment, CommentBody),
    Endpoint("POST", f"{_ONE}/resolve", "Say that it is over.", "responder", _Detail, _resolve, ResolveBody),
    Endpoint(
        "POST", f"{_ONE}/assessment", "Assess it, or correct that.", "responder", _Detail, _assess, AssessmentBody
    ),
    Endpoint("POST", f"{_ONE}/decision", "Write down the decision.", "responder", _Detail, _decide, DecisionBody),
    Endpoint("POST", f"{_ONE}/verify", "Say that it works again.", "responder", _Detail, _verify, VerifyBody),
    Endpoint("POST", f"{_ONE}/checklist", "Answer one item.", "responder", _Detail, _answer, ChecklistBody),
    Endpoint("POST", f"{_V1}/tokens", "Make a token.", "admin", views.NewToken, _create_token, TokenBody, 201),
    Endpoint("POST", f"{_V1}/tokens/{{name}}/revoke", "End a token at once.", "admin", views.TokenView, _revoke_token),
    Endpoint("POST", f"{_V1}/reload", "Read the configuration again.", "admin", views.ReloadView, _reload),
    Endpoint("POST", f"{_V1}/test-page", "Send everyone a test.", "admin", views.Deliveries, _test_page),
    Endpoint("POST", f"{_V1}/backup", "A checked copy of the state.", "admin", "application/vnd.sqlite3", _backup),
)
