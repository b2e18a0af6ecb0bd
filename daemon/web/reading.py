"""Reads what a request brings, strictly, and says in plain words what is wrong with it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import ClientDisconnect, Request

from daemon.render.clean import one_line
from daemon.web.errors import ApiError

BODY_LIMIT = 65_536
"""Bytes: no body that the API takes comes near it."""
_DEEPEST = 8

M = TypeVar("M", bound=BaseModel)


async def read_body(request: Request, model: type[M]) -> M:
    """The body as one of `daemon.web.bodies`; nothing at all is read as an empty object.

    Raises ApiError: 413 too long, 415 not JSON by its type, 400 not JSON by its content, 422 not what is wanted.
    """
    raw = await _bytes(request)
    if not raw:
        return _validate(model, {})
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise ApiError(415, "not-json", "the body must be JSON, with Content-Type: application/json")
    return _validate(model, parse_json(raw))


def read_query(request: Request, model: type[M]) -> M:
    """The query parameters as one of `daemon.web.bodies`. Raises ApiError 422; each may be given once."""
    pairs = request.query_params.multi_items()
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise ApiError(422, "invalid", f"the parameter {one_line(name)[:80]!r} is given twice")
        given[name] = value
    return _validate(model, given)


async def _bytes(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > BODY_LIMIT:
        _too_long()
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > BODY_LIMIT:
                _too_long()
    except ClientDisconnect:
        raise ApiError(400, "cut-off", "the connection ended before the body did") from None
    return bytes(raw)


def _too_long() -> NoReturn:
    raise ApiError(
        413, "too-long", f"a body may have {BODY_LIMIT // 1024} KiB at most", headers={"Connection": "close"}
    )


def parse_json(raw: bytes) -> object:
    """JSON by RFC 8259 with nothing left to interpretation: no duplicate name, no NaN, no deep nesting, UTF-8 only."""
    try:
        parsed = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise ApiError(400, "not-json", "the body is not UTF-8 text") from None
    except json.JSONDecodeError as err:
        message = f"the body is not JSON: {err.msg} in line {err.lineno}, column {err.colno}"
        raise ApiError(400, "not-json", message) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # a number of more digits than Python takes
        raise ApiError(400, "not-json", "the body has a number that is too long") from None
    _walk(parsed, 1)
    return parsed


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ApiError(400, "not-json", f"the body has the name {one_line(name)[:80]!r} twice")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ApiError(400, "not-json", f"the body has {name}, which is not JSON")


def _too_deep() -> ApiError:
    return ApiError(400, "not-json", f"the body is nested more than {_DEEPEST} deep")


def _walk(value: object, depth: int) -> None:
    """Refuses deep nesting, and halves of surrogate pairs, which are no text and cannot be stored."""
    if depth > _DEEPEST:
        raise _too_deep()
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ApiError(400, "not-json", "the body has half of a surrogate pair, which is no text")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _walk(name, depth)
            _walk(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _walk(item, depth + 1)


def _validate(model: type[M], given: object) -> M:
    if not isinstance(given, Mapping):
        raise ApiError(422, "invalid", "the body must be a JSON object")
    try:
        return model.model_validate(given)
    except ValidationError as err:
        problems = sorted(err.errors(include_url=False, include_context=False), key=_unknown_first)
        details = [_in_words(problem, model) for problem in problems]
        raise ApiError(422, "invalid", details[0], details) from None


def _unknown_first(problem: ErrorDetails) -> bool:
    """A field that is misspelt is missing too; the misspelling is what one wants to know."""
    return problem["type"] != "extra_forbidden"


def _in_words(problem: ErrorDetails, model: type[BaseModel]) -> str:
    place = ".".join(one_line(str(part))[:80] for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"there is no {place!r}{nearest(place, model.model_fields)}"
    if problem["type"] == "missing":
        return f"{place!r} is missing"
    words = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {words}" if place else words


def nearest(word: str, known: Iterable[str]) -> str:
    """A half-sentence with the nearest right word, or with all that are right, or nothing."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""
