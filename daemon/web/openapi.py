"""OpenAPI 3.1 of the API, made from the table of endpoints and the shapes: it cannot say anything else than is so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from daemon.web.bodies import Asked, Nothing
from daemon.web.endpoints import Endpoint
from daemon.web.errors import ErrorView
from recuo import __version__

_REF: Final = "#/components/schemas/{model}"
_ERROR: Final = {"content": {"application/json": {"schema": {"$ref": _REF.format(model="ErrorView")}}}}
_DESCRIPTION: Final = (
    "What `recuo` does on the command line, and nothing more. Changes need a bearer token; reads are open to this "
    "machine and need a token from elsewhere. Every answer from 400 on has the same shape, in plain words."
)


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document as JSON-able data."""
    shapes, schemas = _schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Recuo",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "`recuo token create`"}},
        },
    }


_Shapes = Mapping[Any, Mapping[str, Any]]
"""The schema of each pair of a model and a mode, as pydantic keys them."""


def _schemas(endpoints: Iterable[Endpoint]) -> tuple[_Shapes, dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ErrorView, "serialization"): None}
    for endpoint in endpoints:
        if not isinstance(endpoint.answers, str):
            wanted[endpoint.answers, "serialization"] = None
        if endpoint.changes and endpoint.asks is not Nothing:
            wanted[endpoint.asks, "validation"] = None
    shapes, whole = models_json_schema(list(wanted), ref_template=_REF)
    return shapes, whole["$defs"]


def _operation(endpoint: Endpoint, shapes: _Shapes) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _name(endpoint),
        "summary": endpoint.summary,
        "parameters": [*_path_parameters(endpoint.path), *([] if endpoint.changes else _query(endpoint.asks))],
        "responses": {str(endpoint.status): _answer(endpoint, shapes), **_errors(endpoint)},
        "security": _security(endpoint),
    }
    if endpoint.role:
        operation["description"] = f"Role: {endpoint.role}."
    if endpoint.changes and endpoint.asks is not Nothing:
        schema = shapes[endpoint.asks, "validation"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _name(endpoint: Endpoint) -> str:
    words = re.findall(r"[a-z]+", endpoint.path.removeprefix("/api/v1"))
    return "_".join([endpoint.method.lower(), *words])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    kinds = {"id": {"type": "integer", "minimum": 1}, "name": {"type": "string"}}
    found = re.findall(r"{(\w+)}", path)
    return [{"name": name, "in": "path", "required": True, "schema": kinds[name]} for name in found]


def _query(model: type[Asked]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    found = []
    for name, part in schema.get("properties", {}).items():
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ())}
        if "description" in part:
            parameter["description"] = part.pop("description")
        found.append({**parameter, "schema": _never_null(part)})
    return found


def _never_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out: in a query that is its absence, not a null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    if not choices:
        return rest
    return {**rest, **choices[0]} if len(choices) == 1 else {**rest, "anyOf": choices}


def _answer(endpoint: Endpoint, shapes: _Shapes) -> dict[str, Any]:
    if isinstance(endpoint.answers, str):
        return {"description": "as asked", "content": {endpoint.answers: {"schema": {"type": "string"}}}}
    schema = shapes[endpoint.answers, "serialization"]
    return {"description": "as asked", "content": {"application/json": {"schema": schema}}}


def _errors(endpoint: Endpoint) -> dict[str, Any]:
    refused = {"description": "refused; the body says why", **_ERROR}
    return {"4XX": refused, "5XX": {"description": "not now; the body says why", **_ERROR}}


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    if endpoint.role is None:
        return [{}]
    if endpoint.changes or endpoint.role != "viewer":
        return [{"bearer": []}]
    return [{}, {"bearer": []}]
