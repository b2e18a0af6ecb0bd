from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from pydantic import ValidationError

from actions.base import DeliveryError
from actions.notifiers import webhook as notifier
from recuo.values import Secret
from tests.actions.notifiers.peers import LOOPBACK, HttpPeer, authority, http_peer
from tests.daemon.paging_kit import NOW, context, message

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def config(url: str, **fields: Any) -> notifier.Config:
    return notifier.Config.model_validate({"kind": "webhook", "url": url, "timeout": "2s", **fields})


def deliver(tmp_path, *answers: Any, text=None, path: str = "/hook", **fields: Any):
    """Post one message to a real server; the server with what it got, and the notifier's answer."""

    async def run() -> tuple[HttpPeer, Any]:
        async with http_peer(*answers) as peer:
            posted = config(f"http://{LOOPBACK}:{peer.port}{path}", **fields)
            return peer, await notifier.send(posted, text or message(), "", context("hook", tmp_path))

    return asyncio.run(run())


def refused(tmp_path, answer: Any, **fields: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver(tmp_path, answer, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("secret", "identifier", "timestamp", "body", "signature"),
    [
        # The example of the Standard Webhooks libraries, and one made with openssl dgst -mac HMAC.
        (
            SECRET,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            '{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
            "page-7-1-1-1795000000000",
            1_795_000_000,
            '{"ok":"ç"}',
            "v1,MW3cRDV3E6wyjGF1q+Ludq0aH1YUTWt/bmd0l0ifz9k=",
        ),
    ],
)
def test_signatures_are_those_of_standard_webhooks(secret, identifier, timestamp, body, signature):
    """Known bodies, identifiers and secrets give the signatures that others computed."""
    assert notifier.sign(secret, identifier, timestamp, body.encode()) == signature


def test_a_message_arrives_whole_signed_and_under_its_key(tmp_path):
    """What is posted is JSON with every field, and its signature verifies over exactly the bytes that arrived."""
    peer, answer = deliver(tmp_path, secret=Secret(SECRET), headers={"X-Team": "platform"})
    [request] = peer.requests
    assert request.line == "POST /hook HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-team"] == "platform"
    assert request.headers["webhook-id"] == "page-1"
    assert request.headers["webhook-timestamp"] == str(NOW // 1000)
    signed = f"page-1.{NOW // 1000}.".encode() + request.body
    digest = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    body = json.loads(request.body)
    assert body["type"] == "recuo.page.opened"
    assert set(body["data"]) == set(message()._fields)
    assert body["data"]["title"] == message().title
    assert body["data"]["facts"] == [["Ambiente", "production"]]
    assert body["timestamp"] == body["data"]["at"] == "2026-11-18T11:06:40Z"
    assert answer.detail == "200"


def test_without_a_secret_nothing_is_signed(tmp_path):
    """The id and the time are there all the same."""
    [request] = deliver(tmp_path)[0].requests
    assert "webhook-signature" not in request.headers
    assert request.headers["webhook-id"] == "page-1"


def test_the_id_never_holds_a_full_stop(tmp_path):
    """A full stop in a key would make the signed text ambiguous (Standard Webhooks, "Signature scheme")."""
    [request] = deliver(tmp_path, text=message("a.b/c d"))[0].requests
    assert request.headers["webhook-id"] == "a-b-c-d"


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *[(status, True) for status in (400, 401, 403, 404, 405, 410, 413, 422)],
        *[(status, False) for status in (408, 425, 429, 500, 502, 503, 504)],
    ],
)
def test_answers_that_may_change_are_tried_again_and_the_others_are_not(tmp_path, status, permanent):
    """408, 425, 429 and 5xx are temporary, any other refusal is final; the status is in the words."""
    error = refused(tmp_path, (status, {}, b"no"))
    assert error.permanent is permanent
    assert f"answered {status}" in error.reason


def test_a_redirect_is_not_followed(tmp_path):
    """302 is final and says what to configure; the other address is never asked."""
    error = refused(tmp_path, (302, {"location": "http://127.0.0.1:1/"}, b""))
    assert error.permanent
    assert "redirects" in error.reason


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        ("Wed, 18 Nov 2026 11:08:00 GMT", 80.0),
        ("Wed, 18 Nov 2026 11:08:00 -0000", 80.0),
        ("Wed, 18 Nov 2020 11:08:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(tmp_path, value, seconds):
    """Both forms of RFC 9110, 10.2.3 are honoured; anything else is as if it were not there."""
    assert refused(tmp_path, (429, {"retry-after": value}, b"")).retry_after_s == seconds


def test_an_answer_without_end_is_not_read_to_its_end(tmp_path):
    """A peer that never stops sending is cut off, and its status counts."""
    assert "answered 500" in refused(tmp_path, "endless", timeout="10s").reason


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [("cut", "connection was cut"), ("garbage", "connection was cut"), ("hang", "no answer within 0.3 s")],
)
def test_a_peer_that_misbehaves_is_a_temporary_failure_in_words(tmp_path, behaviour, words):
    """A cut connection, nonsense in place of HTTP and silence are tried again, and say which it was."""
    error = refused(tmp_path, behaviour, timeout="300ms")
    assert words in error.reason
    assert not error.permanent


def test_nothing_listening_is_said_in_words(tmp_path):
    """A refused connection is a temporary failure that says so."""

    async def run():
        async with http_peer() as peer:
            port = peer.port
        await notifier.send(config(f"http://{LOOPBACK}:{port}/"), message(), "", context("hook", tmp_path))

    with pytest.raises(DeliveryError, match="nothing listens there"):
        asyncio.run(run())


def over_tls(tmp_path, trusted, names=()):
    async def run():
        own = authority(tmp_path, *names)
        async with http_peer(tls=own.server) as peer:
            fields = {"ca_file": str(own.file)} if trusted else {}
            posted = config(f"https://{LOOPBACK}:{peer.port}/", **fields)
            words = await notifier.probe(posted, context("hook", tmp_path))
            return words, await notifier.send(posted, message(), "", context("hook", tmp_path)), peer

    return asyncio.run(run())


def test_https_is_checked_against_ca_file_and_probe_posts_nothing(tmp_path):
    """A trusted server takes the message; being asked whether it is there, it was posted nothing."""
    words, answer, peer = over_tls(tmp_path, trusted=True)
    assert words.endswith("its certificate is trusted")
    assert answer.detail == "200"
    assert [request.line.split()[0] for request in peer.requests] == ["OPTIONS", "POST"]


@pytest.mark.parametrize(("trusted", "names"), [(False, ()), (True, ("hooks.example.org",))])
def test_a_certificate_that_is_not_trusted_or_of_another_name_is_said_in_words(tmp_path, trusted, names):
    """Bad TLS is a temporary failure: certificates are renewed."""
    with pytest.raises(DeliveryError, match="certificate is not trusted") as caught:
        over_tls(tmp_path, trusted, names)
    assert not caught.value.permanent


def test_proxies_of_the_environment_are_not_used(tmp_path, monkeypatch):
    """HTTP_PROXY in the daemon's environment does not lead pages elsewhere."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert deliver(tmp_path)[1].detail == "200"


def test_what_the_configuration_hides_is_shown_nowhere_even_if_the_peer_repeats_it(tmp_path):
    """Address, header and secret are in no error, repr or dump, although the server sends all of them back."""
    token, key = "tok-9f8e7d6c5b", "Bearer head3r-v4lue"

    def echo(request):
        return (400, {}, json.dumps([request.line, request.headers, SECRET]).encode())

    fields = {"secret": Secret(SECRET), "headers": {"authorization": key}}
    error = refused(tmp_path, echo, path=f"/hooks/{token}?key=qu3ry-t0ken", **fields)
    made = config(f"https://example.org/hooks/{token}", **fields)
    shown = error.reason + repr(error) + repr(made) + str(made) + made.model_dump_json()
    for hidden in (token, "qu3ry-t0ken", "head3r-v4lue", SECRET, SECRET.removeprefix("whsec_")):
        assert hidden not in shown
    assert "***" in error.reason


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "http://example.org/"}, "in clear to example.org"),
        ({"url": "ftp://example.org/"}, "not an address"),
        ({"url": "https:///x"}, "not an address"),
        ({"url": "https://example.org:99999/"}, "not an address"),
        ({"secret": SECRET}, "never stands in the file"),
        ({"secret": Secret("whsec_c2hvcnQ=")}, "24 to 64"),
        ({"secret": Secret("whsec_%%%")}, "base64"),
        ({"headers": {"Host": "x"}}, "Host cannot be set"),
        ({"headers": {"webhook-id": "x"}}, "webhook-id cannot be set"),
        ({"headers": {"a b": "x"}}, "cannot be set"),
        ({"headers": {"x-a": "1\r\nx-b: 2"}}, "plain ASCII"),
        ({"method": "PUT"}, "Extra inputs"),
    ],
)
def test_a_wrong_receiver_is_refused_with_what_is_wrong(fields, words):
    """Each mistake in a webhook receiver is an error that names it."""
    with pytest.raises(ValidationError, match=words):
        notifier.Config.model_validate({"kind": "webhook", "url": "https://example.org/", **fields})


def test_plain_http_to_another_machine_only_when_it_is_said_to_be_meant():
    """`insecure: true` allows http beyond loopback."""
    assert config("http://10.0.0.5/hook", insecure=True).insecure
