"""The API's description of itself."""

from __future__ import annotations

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from daemon.web.app import ENDPOINTS, build
from tests.daemon.asgi_client import Asker
from tests.daemon.memory_operations import MemoryOperations


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    operations = MemoryOperations(tmp_path_factory.mktemp("scratch"))
    return Asker(build(operations), operations.token("admin"))


@pytest.fixture(scope="module")
def document(ask):
    return ask.get("/api/openapi.json").json()


def test_it_is_valid_openapi_3_1(document):
    """The official schema of OpenAPI 3.1 finds nothing."""
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_documented_and_nothing_else(document):
    """The document's operations are exactly the endpoints."""
    documented = {(m.upper(), path) for path, methods in document["paths"].items() for m in methods}
    assert documented == {(e.method, e.path) for e in ENDPOINTS}
    names = [o["operationId"] for methods in document["paths"].values() for o in methods.values()]
    assert len(names) == len(set(names))


def test_every_documented_route_is_there(ask, document):
    """Each documented operation is answered by the application, with neither 404 for its path nor 405."""
    for path, methods in document["paths"].items():
        for method in methods:
            answer = ask(method.upper(), path.format(id="1", name="cpu-high"))
            assert answer.status_code not in {404, 405} or answer.json()["error"]["code"] == "not-found"
            assert "openapi.json" not in answer.text or path == "/api/openapi.json"


def test_changes_and_administration_need_a_token(document):
    """The document asks for a bearer token wherever the API does."""
    for endpoint in ENDPOINTS:
        security = document["paths"][endpoint.path][endpoint.method.lower()]["security"]
        open_to_all = {} in security
        assert open_to_all == (endpoint.method == "GET" and endpoint.role in {None, "viewer"})


def test_answers_are_what_the_document_says(ask, document):
    """Every JSON answer of a GET validates against the documented schema."""
    for path, methods in document["paths"].items():
        content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if "application/json" not in content or path == "/api/openapi.json":
            continue
        query = "?rule=cpu-high" if path == "/api/v1/explain" else ""
        answer = ask.get(path.format(id="1", name="cpu-high") + query).json()
        schema = {**content["application/json"]["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer)


def test_errors_are_what_the_document_says(ask, document):
    """An error validates against the documented schema of errors."""
    schema = {"$ref": "#/components/schemas/ErrorView", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(ask.get("/api/v1/incidents/99").json())
