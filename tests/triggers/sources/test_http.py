"""The source `http`: what it measures, what it calls a failure, and what it refuses."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import subprocess
import sys
import zlib
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from daemon.clock import SystemClock
from daemon.context import PluginContext, Threads
from tests.contract.kit import ENVIRON, SECRET, KeptLog, context, nothing_left_behind, settled
from tests.servers import answer, by_path, cut, cut_within, endless, hang, peer, raw
from triggers.base import PollError
from triggers.sources import http


def config(**settings):
    return http.Config.model_validate(
        {"kind": "http", "timeout": "2s", **settings}, context={"environ": ENVIRON | {"SITE_TOKEN": SECRET}}
    )


def values(samples, endpoint=None):
    """Metric (and phase) to value, of one endpoint."""
    found = {}
    for sample in samples:
        labels = dict(sample.labels)
        if endpoint is None or labels["endpoint"] == endpoint:
            found["_".join(filter(None, [sample.metric, labels.get("phase")]))] = sample.value
    return found


def reason(samples):
    return next(sample.text for sample in samples if sample.metric == "http_up")


def probe(behave, *, tls=None, host="127.0.0.1", path="/health", **settings):
    """One poll of one peer."""

    async def once():
        async with peer(behave, tls=tls, host=host) as there:
            return await http.poll(config(url=there.url + path, **settings), context("site"))

    return asyncio.run(once())


@pytest.fixture(scope="module")
def ca():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(ca, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return str(path)


def served_by(ca, *names, **details):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **details).configure_cert(tls)
    return tls


def test_the_designs_example_is_a_configuration():
    """The interface of DESIGN section 8 is accepted as it stands, and its token is no text."""
    found = config(every="5s", url="https://api.vocalcoach.ai/health", token={"env": "SITE_TOKEN"})
    assert (found.every, found.timeout) == (5_000, 2_000)
    assert found.all_headers() == [("Authorization", f"Bearer {SECRET}")]
    assert SECRET not in repr(found) + found.model_dump_json()
    assert http.deadline_ms(found) > found.timeout


def test_a_right_answer_is_up_with_every_phase_measured(ca, ca_file):
    """DNS, connect, TLS, first byte and transfer add up to the latency; status, length and certificate are there."""
    tls = served_by(ca, "localhost")
    found = values(probe(answer(body=b"hello"), tls=tls, host="localhost", ca_file=ca_file))
    phases = [found[f"http_phase_ms_{phase}"] for phase in ("dns", "connect", "tls", "first_byte", "transfer")]
    assert all(spent >= 0 for spent in phases)
    assert found["http_latency_ms"] == pytest.approx(sum(phases))
    assert 0 < found["http_latency_ms"] < 2000
    assert (found["http_up"], found["http_status"], found["http_response_bytes"]) == (1, 200, 5)
    assert (found["http_requests_total"], found["http_failures_total"]) == (1, 0)
    assert found["http_certificate_days"] > 1


def test_each_phase_is_charged_with_its_own_time():
    """A server that thinks before it answers shows in first_byte, one that dawdles over the body in transfer."""
    think, dawdle = 0.12, 0.06

    async def slow(exchange):
        await exchange.read_head()
        await asyncio.sleep(think)
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await asyncio.sleep(dawdle)
        await exchange.send(b"k")

    found = values(probe(slow))
    assert found["http_phase_ms_first_byte"] >= think * 900
    assert found["http_phase_ms_transfer"] >= dawdle * 900
    assert found["http_phase_ms_connect"] < think * 900


FAILURES: dict[str, Any] = {
    "refused status": (answer(503), {}, 503, "answered 503"),
    "client error": (answer(404), {}, 404, "answered 404"),
    "unexpected redirect": (answer(302), {"expect_status": 200}, 302, "answered 302"),
    "reset": (cut, {}, 0, "broke the connection off"),
    "cut in its body": (cut_within, {}, 200, "breaks its answer off"),
    "closed without a word": (raw(b""), {}, 0, "without an answer"),
    "not HTTP": (raw(b"220 mail.example.org ESMTP\r\n"), {}, 0, "does not answer in HTTP"),
    "thousands of headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n" * 1000), {}, 0, "not answer in HTTP"),
    "text missing": (answer(body=b"maintenance"), {"expect_text": "ok"}, 200, "expected text"),
    "unasked encoding": (answer(headers={"Content-Encoding": "br"}), {"expect_text": "ok"}, 200, "not asked for"),
    "broken gzip": (answer(headers={"Content-Encoding": "gzip"}), {"expect_text": "ok"}, 200, "compression is broken"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_S1_what_is_wrong_with_the_product_is_measured(case):
    """S1: the poll succeeds, the endpoint is down, one failure more, its latency is the time-out, and words say why."""
    behave, settings, status, words = FAILURES[case]
    samples = probe(behave, **settings)
    found = values(samples)
    assert (found["http_up"], found["http_failures_total"], found["http_requests_total"]) == (0, 1, 1)
    assert found["http_latency_ms"] == 2000
    assert found["http_status"] == status
    assert words in reason(samples)


def test_S1_a_time_out_is_measured_with_the_phase_it_hung_in():
    """S1: silence until the time-out is up 0, latency equal to the time-out, and says where it waited."""
    samples = probe(hang, timeout="150ms")
    found = values(samples)
    assert (found["http_up"], found["http_status"], found["http_latency_ms"]) == (0, 0, 150)
    assert found["http_phase_ms_first_byte"] >= 100
    assert reason(samples) == "no answer within 150ms (first_byte)"


def test_S1_a_refused_connection_is_measured():
    """S1: nobody listening is the product's failure."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        samples = asyncio.run(http.poll(config(url=url), context("site")))
    assert values(samples)["http_up"] == 0
    assert values(samples)["http_latency_ms"] == 2000
    assert reason(samples) == "it refuses connections"


class Resolving(PluginContext):
    """A context whose resolver does as told; everything else is real."""

    def __init__(self, outcome):
        super().__init__("site", clock=SystemClock(), threads=Threads(), state_dir="/nonexistent", log=KeptLog())
        self._outcome = outcome

    async def in_thread(self, function, /, *args):
        if function is socket.getaddrinfo:
            return await self._outcome(*args)
        return await super().in_thread(function, *args)


def failing_with(number):
    async def outcome(*_):
        raise socket.gaierror(number, "as told")

    return Resolving(outcome)


def test_S1_a_name_that_does_not_exist_is_the_products_failure():
    """A name that no resolver knows keeps users out as well: up 0."""
    samples = asyncio.run(http.poll(config(url="http://no-such.example/"), failing_with(socket.EAI_NONAME)))
    assert values(samples)["http_up"] == 0
    assert reason(samples) == "its name does not resolve"


def test_S1_a_resolver_that_is_not_there_is_our_own_failure():
    """A resolver that cannot answer says nothing of the product: the poll fails, and names the endpoint."""
    with pytest.raises(PollError, match="could not ask site: its name cannot be looked up"):
        asyncio.run(http.poll(config(url="http://site.example/"), failing_with(socket.EAI_AGAIN)))


def test_S1_a_resolver_that_hangs_is_our_own_failure():
    """A time-out before anything was sent to the product is no measurement of it."""

    async def never(*_):
        await asyncio.Event().wait()

    with pytest.raises(PollError, match="could not ask site: its name cannot be looked up within 100ms"):
        asyncio.run(http.poll(config(url="http://site.example/", timeout="100ms"), Resolving(never)))


def test_S1_no_route_is_our_own_failure():
    """Without a route from here nothing is known of the product."""
    # 240.0.0.0/4 is reserved (RFC 1112): the kernel refuses it before a packet leaves; IPv6 may have no route at all.

    async def unreachable(*_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("255.255.255.255", 80))]

    with pytest.raises(PollError, match="our own network does not let us: E"):
        asyncio.run(http.poll(config(url="http://site.example/"), Resolving(unreachable)))


def test_the_first_address_that_answers_is_used():
    """A dead address before a living one costs no probe, as it costs no user."""

    async def once():
        async with peer(answer()) as there:
            with socket.socket() as dead:
                dead.bind(("127.0.0.2", 0))

                async def two(_host, port, *_):
                    both = ("127.0.0.2", "127.0.0.1")
                    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in both]

                return await http.poll(config(url=f"http://two.example:{there.port}/"), Resolving(two))

    assert values(asyncio.run(once()))["http_up"] == 1


def test_what_is_asked_is_what_is_configured():
    """Method, path with its query, headers, token and body arrive; nothing is compressed or kept alive."""
    asked = []

    async def remember(exchange):
        await exchange.read_head()
        asked.append((exchange.line, exchange.headers, await exchange.reader.readexactly(4)))
        await exchange.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    samples = probe(
        remember,
        path="/login?from=recuo",
        method="POST",
        body="ping",
        headers={"Accept": "text/plain", "X-Api-Key": {"env": "A_SECRET"}},
        token={"env": "SITE_TOKEN"},
        expect_status=204,
    )
    line, headers, body = asked[0]
    assert values(samples)["http_up"] == 1
    assert line == "POST /login?from=recuo HTTP/1.1"
    assert body == b"ping"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert (headers["x-api-key"], headers["accept"]) == (SECRET, "text/plain")
    assert (headers["accept-encoding"], headers["connection"], headers["user-agent"]) == ("identity", "close", "recuo")


def test_every_probe_is_a_fresh_connection_and_counters_go_on():
    """Two polls are two connections; requests and failures rise from 0 at the daemon's start."""

    async def twice():
        made = context("site")
        async with peer(answer(500)) as there:
            asked = config(url=there.url)
            await http.poll(asked, made)
            return await http.poll(asked, made), len(there.exchanges)

    samples, connections = asyncio.run(twice())
    assert connections == 2
    assert (values(samples)["http_requests_total"], values(samples)["http_failures_total"]) == (2, 2)


def test_many_endpoints_are_asked_at_once_and_one_that_hangs_delays_nothing_beyond_its_time_out():
    """Forty endpoints, each labelled; the hung one is a time-out, the others are measured beside it."""
    paths = {f"e{n}": {"path": f"/fine/{n}"} for n in range(39)}

    async def once():
        async with peer(by_path(fine=answer(), hang=hang)) as there:
            endpoints = {name: {"url": there.url + part["path"]} for name, part in paths.items()}
            endpoints["hung"] = {"url": f"{there.url}/hang"}
            async with asyncio.timeout(http.deadline_ms(config(endpoints=endpoints, timeout="600ms")) / 1000):
                return await http.poll(config(endpoints=endpoints, timeout="600ms"), context("site"))

    samples = asyncio.run(once())
    assert sum(sample.value for sample in samples if sample.metric == "http_up") == 39
    assert values(samples, "hung")["http_latency_ms"] == 600
    assert all(values(samples, name)["http_latency_ms"] < 600 for name in paths)


@pytest.mark.parametrize("settings", [{}, {"expect_text": "needle"}])
def test_bounds_an_endless_body_is_refused_by_the_sources_name(settings):
    """Reading stops at bounds.bytes, and the poll is refused with the source, the endpoint and the way out."""
    sent = 0

    async def endless_body(exchange):
        nonlocal sent
        await exchange.read_head()
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await exchange.send(b"x" * 65_536)
            sent += 65_536

    with pytest.raises(PollError, match=r"site is refused: with endpoint site more than 100000 bytes .* raise bounds"):
        probe(endless_body, bounds={"bytes": 100_000}, **settings)
    assert sent < 20_000_000  # what the kernel's buffers took


def test_bounds_hold_for_all_endpoints_together():
    """Two answers that fit one by one are too much in one poll."""

    async def once():
        async with peer(answer(body=b"x" * 60_000)) as there:
            two = {name: {"url": there.url} for name in ("one", "two")}
            alone = await http.poll(config(url=there.url, bounds={"bytes": 100_000}), context("site"))
            assert values(alone)["http_response_bytes"] == 60_000
            await http.poll(config(endpoints=two, bounds={"bytes": 100_000}), context("site"))

    with pytest.raises(PollError, match="site is refused"):
        asyncio.run(once())


def test_a_compressed_answer_is_searched_although_it_was_not_asked_for():
    """Gzip and deflate are unpacked piece by piece where a text is looked for."""
    text = b"x" * 200_000 + b"needle" + b"y" * 1000
    for name, body in (("gzip", gzip.compress(text)), ("deflate", zlib.compress(text))):
        samples = probe(answer(body=body, headers={"Content-Encoding": name}), expect_text="needle")
        assert values(samples)["http_up"] == 1
        assert values(samples)["http_response_bytes"] == len(body)


def test_bounds_a_compressed_bomb_is_refused_before_it_unfolds():
    """What unpacks to a hundred megabytes never takes that room; without a search nothing is unpacked."""
    bomb = gzip.compress(b"\0" * 100_000_000, 9)
    behave = answer(body=bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(PollError, match="site is refused"):
        probe(behave, expect_text="needle", bounds={"bytes": 1_000_000})
    assert values(probe(behave, bounds={"bytes": 1_000_000}))["http_up"] == 1


@pytest.mark.parametrize("at", [0, 65_533, 65_536, 131_070])
def test_a_text_is_found_wherever_pieces_meet(at):
    """The text that is looked for may lie across two reads."""
    body = b"x" * at + b"needle" + b"y" * 70_000
    assert values(probe(answer(body=body), expect_text="needle"))["http_up"] == 1


def test_redirects_are_followed_only_when_told():
    """A redirect is an answer by itself; told to follow, the probe measures where it ends."""
    behave = by_path(health=answer(302, headers={"Location": "/there"}), there=answer(body=b"arrived"))
    assert values(probe(behave))["http_status"] == 302
    found = values(probe(behave, follow_redirects=True, expect_text="arrived"))
    assert (found["http_up"], found["http_status"], found["http_response_bytes"]) == (1, 200, 7)


def test_a_loop_of_redirects_ends():
    """Five redirects are enough for anybody: more is the product's failure."""
    samples = probe(answer(302, headers={"Location": "/health"}), follow_redirects=True)
    assert values(samples)["http_up"] == 0
    assert reason(samples) == "it redirects more than 5 times"


@pytest.mark.parametrize("location", ["ftp://example.org/", "http://", "//[", "http://exa mple/\x01"])
def test_a_redirect_to_nowhere_is_the_products_failure(location):
    """Whatever stands in Location, the probe ends in a measurement."""
    assert values(probe(answer(302, headers={"Location": location}), follow_redirects=True))["http_up"] == 0


def test_bounds_hold_for_the_bodies_of_redirects():
    """A redirect with a bomb for a body is neither unpacked nor read beyond the bounds."""
    bomb = gzip.compress(b"\0" * 100_000_000, 9)
    headers = {"Location": "/there", "Content-Encoding": "gzip"}
    behave = by_path(health=answer(302, bomb, headers), there=answer())
    assert values(probe(behave, follow_redirects=True))["http_up"] == 1
    with pytest.raises(PollError, match="site is refused"):
        probe(behave, follow_redirects=True, bounds={"bytes": 50_000})


def test_credentials_do_not_follow_a_redirect_to_another_host():
    """Token and headers go to the configured host; to another one goes nothing of them."""

    async def once():
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(peer(answer()))
            away = answer(307, headers={"Location": f"http://localhost:{other.port}/"})
            home = await stack.enter_async_context(peer(away))
            secrets = {"token": {"env": "SITE_TOKEN"}, "headers": {"X-Api-Key": {"env": "A_SECRET"}}}
            found = await http.poll(config(url=home.url, follow_redirects=True, **secrets), context("site"))
            return found, home.exchanges[0].head, other.exchanges[0].head

    samples, at_home, away = asyncio.run(once())
    assert values(samples)["http_up"] == 1
    assert at_home.count(SECRET.encode()) == 2
    assert SECRET.encode() not in away


def test_an_expired_certificate_is_down_and_says_since_when(ca, ca_file):
    """The days left are known, and negative, although the certificate is refused."""
    expired = datetime.now(UTC) - timedelta(days=3)
    samples = probe(answer(), tls=served_by(ca, "127.0.0.1", not_after=expired), ca_file=ca_file)
    assert values(samples)["http_up"] == 0
    assert values(samples)["http_certificate_days"] == pytest.approx(-3, abs=0.01)
    assert reason(samples) == "its certificate is not trusted: certificate has expired"


def test_a_certificate_of_an_unknown_authority_or_another_name_is_down_with_its_days(ca, ca_file):
    """Both are refused, in words, and still show when they end."""
    stranger = probe(answer(), tls=served_by(trustme.CA(), "127.0.0.1"), ca_file=ca_file)
    other_name = probe(answer(), tls=served_by(ca, "other.example.org"), ca_file=ca_file)
    for samples, words in ((stranger, "self-signed|local issuer"), (other_name, "IP address mismatch")):
        assert values(samples)["http_up"] == 0
        assert values(samples)["http_certificate_days"] > 1
        assert any(word in reason(samples) for word in words.split("|"))


def test_a_peer_that_does_not_speak_tls_is_down():
    """Plain text where a handshake should be, and silence in the handshake, are measurements."""

    async def once(behave):
        async with peer(behave) as there:
            return await http.poll(config(url=f"https://127.0.0.1:{there.port}/", timeout="300ms"), context("site"))

    async def plain(exchange):
        await exchange.reader.read(10)
        await exchange.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert reason(asyncio.run(once(plain))).startswith("TLS failed: ")
    assert reason(asyncio.run(once(hang))) == "no answer within 300ms (tls)"


def test_a_ca_file_that_cannot_be_used_fails_the_poll_for_good(tmp_path):
    """It is our configuration that is wrong, and it says so with the file's name."""
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (tmp_path / "missing.pem", empty):
        with pytest.raises(PollError, match=f"ca_file {path} cannot be used") as caught:
            asyncio.run(http.poll(config(url="https://127.0.0.1:1/", ca_file=str(path)), context("site")))
        assert caught.value.permanent


def test_the_environments_proxies_are_ignored_and_a_configured_one_is_used(monkeypatch):
    """HTTP_PROXY changes no measurement; `proxy` does, and is ours to repair when it is down."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert values(probe(answer()))["http_up"] == 1

    async def through():
        async with peer(answer()) as proxy:
            found = await http.poll(config(url="http://site.example/health", proxy=proxy.url), context("site"))
            return found, proxy.exchanges[0].line

    samples, line = asyncio.run(through())
    assert values(samples)["http_up"] == 1
    assert line == "GET http://site.example/health HTTP/1.1"
    with pytest.raises(PollError, match="the proxy cannot be reached"):
        asyncio.run(http.poll(config(url="http://site.example/", proxy="http://127.0.0.1:9"), context("site")))


@pytest.mark.parametrize("where", ["connect", "tls", "first_byte", "transfer"])
def test_a_cancelled_probe_leaves_nothing_behind(where, ca, ca_file):
    """Cancelled in any phase, no task, connection or warning remains."""
    started = asyncio.Event()

    async def stall(exchange):
        if where in {"first_byte", "transfer"}:
            await exchange.read_head()
        if where == "transfer":
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        started.set()
        await hang(exchange)

    async def scenario():
        await http.poll(config(url="http://127.0.0.1:9/"), context("site"))  # loads what stays loaded
        async with nothing_left_behind(), peer(stall) as there:
            scheme = "https" if where == "tls" else "http"
            made = Resolving(_both(there.port)) if where == "connect" else context("site")
            host = "two.example" if where == "connect" else "127.0.0.1"
            asked = config(url=f"{scheme}://{host}:{there.port}/", timeout="1h")
            task = asyncio.ensure_future(http.poll(asked, made))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(scenario())


def test_a_time_out_within_a_handshake_leaves_no_socket_open():
    """The connection whose TLS handshake never ended is closed when its time is over."""

    async def scenario():
        await http.poll(config(url="http://127.0.0.1:9/"), context("site"))  # loads what stays loaded
        async with nothing_left_behind(), peer(hang) as there:
            asked = config(url=f"https://127.0.0.1:{there.port}/", timeout="100ms")
            assert values(await http.poll(asked, context("site")))["http_up"] == 0

    asyncio.run(scenario())


def _both(port):
    async def both(*_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in ("127.0.0.1", "127.0.0.1")]

    return both


def test_a_change_is_logged_once_and_without_the_peers_words():
    """Going down and coming back are a line each; what the peer sent is in none."""
    log = KeptLog()

    async def four():
        made = context("site", log=log)
        statuses = iter([200, 500, 500, 200])

        async def next_one(exchange):
            await answer(next(statuses), SECRET.encode(), {"X-Echo": SECRET})(exchange)

        async with peer(next_one) as there:
            for _ in range(4):
                await http.poll(config(url=there.url), made)

    asyncio.run(four())
    assert [line.split("'reason': ")[1] for line in log.lines] == ["'answered 500'}", "'as expected'}"]
    assert SECRET not in "".join(log.lines)


WRONG: dict[str, Any] = {
    "neither": ({}, "either url or endpoints"),
    "both": ({"url": "http://a", "endpoints": {"x": {"url": "http://b"}}}, "either url or endpoints"),
    "field astray": ({"endpoints": {"x": {"url": "http://b"}}, "method": "HEAD"}, "method belongs into each"),
    "userinfo": ({"url": "https://user:hunter2@example.org/"}, "holds no user or password"),
    "user alone": ({"url": "https://hunter2@example.org/"}, "holds no user or password"),
    "scheme": ({"url": "file:///etc/passwd"}, "an address is wanted"),
    "no host": ({"url": "https:///health"}, "an address is wanted"),
    "port": ({"url": "https://example.org:99999/"}, "an address is wanted"),
    "blank": ({"url": "https://example.org/a b"}, "an address is wanted"),
    "line end": ({"url": "https://example.org/\r\nX: y"}, "an address is wanted"),
    "token in clear": ({"url": "http://a", "token": "hunter2"}, "never stands in the file"),
    "key in clear": ({"url": "http://a", "headers": {"X-Api-Key": "hunter2"}}, "never stands in the file"),
    "header name": ({"url": "http://a", "headers": {"a b": "x"}}, "is not a header's name"),
    "header value": ({"url": "http://a", "headers": {"A": "x\r\nB: y"}}, "one line of plain ASCII"),
    "framing": ({"url": "http://a", "headers": {"Content-Length": "3"}}, "set by the probe itself"),
    "status": ({"url": "http://a", "expect_status": "2xx"}, "statuses are wanted"),
    "body with GET": ({"url": "http://a", "body": "x"}, "goes with method: POST"),
    "text of HEAD": ({"url": "http://a", "method": "HEAD", "expect_text": "x"}, "has no body"),
    "POST sent on": ({"url": "http://a", "method": "POST", "follow_redirects": True}, "GET and HEAD"),
    "two tokens": (
        {"url": "http://a", "token": {"env": "SITE_TOKEN"}, "headers": {"authorization": {"env": "SITE_TOKEN"}}},
        "write one",
    ),
    "endpoint's name": ({"endpoints": {"a b": {"url": "http://a"}}}, "pattern"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_configuration_is_refused_in_words_that_hold_no_secret(case):
    """Each mistake is named, and a password written by mistake is not repeated in the message."""
    settings, words = WRONG[case]
    with pytest.raises(ValidationError) as caught:
        config(**settings)
    messages = json.dumps([error["msg"] for error in caught.value.errors()])
    assert words in messages
    assert "hunter2" not in messages


def test_counters_declare_how_far_one_poll_takes_them():
    """`check` learns that a poll adds one request to each series (S9), and certificates only where there is TLS."""
    specs = {spec.name: spec for spec in http.metrics(config(url="http://a"))}
    assert specs["http_requests_total"].quantity == specs["http_failures_total"].quantity == 1
    assert "http_certificate_days" not in specs
    assert "http_certificate_days" in {spec.name for spec in http.metrics(config(url="https://a"))}


def test_httpx_is_imported_by_the_first_poll_only():
    """A configuration that only mentions the source has not paid for the library."""
    script = "import sys, triggers.sources.http; sys.exit('httpx' in sys.modules or 'httpcore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=30).returncode == 0


def test_the_trust_store_is_read_once(ca, ca_file, tmp_path):
    """The authorities are loaded at the first poll and kept: later polls need the file no more."""
    copy = tmp_path / "ca.pem"
    copy.write_bytes(ca.cert_pem.bytes())

    async def twice():
        made = context("site")
        async with peer(answer(), tls=served_by(ca, "127.0.0.1")) as there:
            asked = config(url=there.url, ca_file=str(copy))
            await http.poll(asked, made)
            copy.unlink()
            return await http.poll(asked, made)

    assert values(asyncio.run(twice()))["http_up"] == 1


def test_an_answer_during_the_daemons_cancellation_is_not_lost_to_others():
    """The scheduler's deadline cuts a poll off cleanly even while many probes are under way."""

    async def scenario():
        async with peer(hang) as there:
            endpoints = {f"e{n}": {"url": there.url} for n in range(20)}
            task = asyncio.ensure_future(http.poll(config(endpoints=endpoints, timeout="1h"), context("site")))
            await settled(lambda: len(there.exchanges) == 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(scenario())
