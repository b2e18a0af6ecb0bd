"""Whatever is sent to the API: a clear refusal or a good answer, and never a fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.web.app import ENDPOINTS, build
from daemon.web.reading import BODY_LIMIT
from tests.daemon.asgi_client import Asker
from tests.daemon.memory_operations import MemoryOperations

POSTS = sorted(e.path for e in ENDPOINTS if e.method == "POST" and not e.path.endswith("/backup"))
GETS = sorted(e.path for e in ENDPOINTS if e.method == "GET")


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    operations = MemoryOperations(tmp_path_factory.mktemp("scratch"))
    return Asker(build(operations), operations.token("admin"))


def post(ask, content, path="/api/v1/incidents/1/comment", content_type="application/json"):
    return ask.post(path, content=content, headers={"Content-Type": content_type})


def refused(answer, status, words):
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "details"}
    assert words in error["message"]


KEYS = st.sampled_from(
    ["text", "reason", "item", "answer", "decision", "impact", "severity", "name", "role", "person", "note"]
) | st.text(max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["viewer", "info"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(path=st.sampled_from(POSTS), body=JSON)
def test_any_json_to_any_post_is_answered_in_json(ask, path, body):
    """Any JSON value, NaN included, gets 2xx or 4xx with a JSON body from every POST."""
    answer = post(ask, json.dumps(body), path.format(id="1", name="nobody"))
    assert 200 <= answer.status_code < 500
    assert isinstance(answer.json(), dict)


@given(path=st.sampled_from(POSTS), content=st.binary(max_size=200), content_type=st.text("abc/;=+json ", max_size=20))
def test_any_bytes_to_any_post_are_answered_in_json(ask, path, content, content_type):
    """Any bytes under any content type get 2xx or 4xx with a JSON body."""
    answer = post(ask, content, path.format(id="1", name="nobody"), content_type)
    assert 200 <= answer.status_code < 500
    assert isinstance(answer.json(), dict)


@given(
    path=st.sampled_from(GETS), part=st.text(max_size=30), query=st.dictionaries(KEYS, st.text(max_size=20), max_size=3)
)
def test_any_path_and_query_are_answered(ask, path, part, query):
    """Any text in the place of an id or a name, and any parameters, get 2xx or 4xx."""
    from urllib.parse import quote

    where = path.replace("{id}", quote(part, safe="")).replace("{name}", quote(part, safe=""))
    assert 200 <= ask.get(where, params=query or None).status_code < 500


@given(at=st.text(max_size=30) | st.floats().map(str) | st.integers().map(str) | st.datetimes().map(str))
def test_any_instant_is_answered(ask, at):
    """Whatever stands for an instant is read or refused."""
    assert ask.get("/api/v1/oncall", params={"at": at}).status_code in {200, 422}


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"{", 400, "line 1, column 2"),
        (b'{"text": "a", "text": "b"}', 400, "'text' twice"),
        (b'{"text": NaN}', 400, "NaN"),
        (b'{"text": -Infinity}', 400, "-Infinity"),
        (b'{"text": ' + b"9" * 5000 + b"}", 400, "too long"),
        (b"[" * 60_000, 400, "deep"),
        (b'{"text": ' + b"[" * 9 + b"]" * 9 + b"}", 400, "deep"),
        (b'{"text": "\xff"}', 400, "UTF-8"),
        (b'{"text": "\\ud800"}', 400, "surrogate"),
        (b'{"\\ud800": "x"}', 400, "surrogate"),
        (b"[]", 422, "object"),
        (b"null", 422, "object"),
        (b"{}", 422, "'text' is missing"),
        (b'{"txt": "a"}', 422, "did you mean 'text'?"),
        (b'{"text": 5}', 422, "text: "),
        (b'{"text": " \\u001b[2J\\u0000 "}', 422, "some text is wanted"),
        (json.dumps({"text": "x" * 4001}).encode(), 422, "4000"),
        (b'{"text": "' + b"x" * BODY_LIMIT + b'"}', 413, "64 KiB"),
    ],
)
def test_a_bad_body_is_refused_in_words(ask, content, status, words):
    """Each kind of bad body has its status and says what is wrong with it."""
    refused(post(ask, content), status, words)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_only_json_is_read(ask, content_type):
    """A body of another type, which a form of another site could send, is 415."""
    refused(post(ask, b'{"text": "a"}', content_type=content_type), 415, "application/json")


def test_a_charset_beside_the_type_is_fine(ask):
    """Parameters of the content type do not matter."""
    assert post(ask, b'{"text": "a"}', content_type="Application/JSON; charset=utf-8").status_code == 200


def test_a_body_without_a_length_is_cut_off_too(ask):
    """A body that comes in pieces is counted as it comes."""

    async def endless():
        for _ in range(100):
            yield b" " * 4096

    answer = ask.post("/api/v1/incidents/1/comment", content=endless(), headers={"Content-Type": "application/json"})
    refused(answer, 413, "64 KiB")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/v1/incidents?stat=open", "did you mean 'state'?"),
        ("/api/v1/incidents?limit=0", "limit: "),
        ("/api/v1/incidents?limit=501", "limit: "),
        ("/api/v1/incidents?limit=ten", "limit: "),
        ("/api/v1/incidents?state=done", "state: "),
        ("/api/v1/incidents?before=-1", "before: "),
        ("/api/v1/incidents?limit=1&limit=2", "twice"),
        ("/api/v1/oncall?at=yesterday", "not an instant"),
        ("/api/v1/oncall?at=2026-11-23T03:00:00", "offset"),
        ("/api/v1/oncall?at=nan", "at: "),
        ("/api/v1/explain", "'rule' is missing"),
        ("/api/v1/status?verbose=1", "there is no 'verbose'"),
    ],
)
def test_a_bad_parameter_is_refused_in_words(ask, path, words):
    """Unknown, repeated and wrong parameters are 422 and say what would be right."""
    refused(ask.get(path), 422, words)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "a" * 65, "é", "a\n"])
def test_a_token_s_name_is_a_plain_word(ask, name):
    """Names that could pass for options or paths are refused."""
    assert ask.post("/api/v1/tokens", json={"name": name, "role": "viewer"}).status_code == 422


@pytest.mark.parametrize("name", ["recuo", "ana"])
def test_a_token_cannot_pass_for_someone_else(ask, name):
    """A token named like the daemon or like a person whom it is not bound to is refused."""
    refused(ask.post("/api/v1/tokens", json={"name": name, "role": "viewer"}), 422, "pass for someone else")


def test_a_refusal_repeats_no_escape_sequence(ask):
    """What is quoted from the input cannot act on a terminal that shows the error."""
    text = post(ask, json.dumps({"\x1b]0;x\x07\x9b2J": 1})).json()["error"]["message"]
    assert text.isprintable()
