"""Who may ask the API for what, from where, and through which name."""

from __future__ import annotations

import pytest

from daemon import views
from daemon.web.app import ENDPOINTS, build
from daemon.web.auth import FAILURES_PER_MINUTE
from tests.daemon.asgi_client import ELSEWHERE, Asker
from tests.daemon.memory_operations import MemoryOperations

BODIES = {
    "comment": {"text": "x"},
    "assessment": {"impact": "x"},
    "decision": {"decision": "x"},
    "checklist": {"item": "data-whole", "answer": "yes"},
    "resolve": {"reason": "x"},
    "tokens": {"name": "made", "role": "viewer"},
}
WRONG = "rcu_" + "A" * 43


@pytest.fixture
def operations(tmp_path):
    return MemoryOperations(tmp_path)


@pytest.fixture
def app(operations):
    return build(operations)


def _path(endpoint):
    path = endpoint.path.format(id="1", name="cpu-high")
    return f"{path}?rule=cpu-high" if path == "/api/v1/explain" else path


def _body(endpoint):
    return BODIES.get(endpoint.path.rpartition("/")[2]) if endpoint.changes else None


ALL = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")


@ALL
def test_without_a_token_this_machine_may_look_and_do_nothing_else(app, endpoint):
    """From loopback, reads for viewers and health are open; changes and administration are 401 with a challenge."""
    answer = Asker(app)(endpoint.method, _path(endpoint), json=_body(endpoint))
    if endpoint.role in {None, "viewer"} and not endpoint.changes:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


@ALL
def test_from_elsewhere_everything_but_health_needs_a_token(app, operations, endpoint):
    """A peer that is not loopback gets 401 without a token, except for health and metrics; a viewer's token reads."""
    answer = Asker(app, peer=ELSEWHERE)(endpoint.method, _path(endpoint), json=_body(endpoint))
    assert (answer.status_code == 200) == (endpoint.path in {"/healthz", "/readyz", "/metrics"})
    assert answer.status_code in {200, 401}
    with_token = Asker(app, operations.token("viewer"), ELSEWHERE)(endpoint.method, _path(endpoint))
    assert (with_token.status_code == 200) == (endpoint.role in {None, "viewer"} and not endpoint.changes)


@pytest.mark.parametrize("role", views.ROLES)
@ALL
def test_each_role_may_do_what_it_should(app, operations, endpoint, role):
    """A role opens exactly the endpoints that ask for it or for a lower one; the others are 403 in words."""
    answer = Asker(app, operations.token(role))(endpoint.method, _path(endpoint), json=_body(endpoint))
    if endpoint.role is None or views.allows(role, endpoint.role):
        assert answer.status_code in {200, 201, 404}
    else:
        assert answer.status_code == 403
        assert endpoint.role in answer.json()["error"]["message"]


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_a_proxy_on_this_machine_is_not_this_machine(app, header):
    """A request that a proxy passed on is no local one, whatever its peer."""
    answer = Asker(app).get("/api/v1/status", headers={header: "127.0.0.1"})
    assert answer.status_code == 401


@pytest.mark.parametrize("peer", ["::1", "127.8.8.8", "::ffff:127.0.0.1"])
def test_loopback_has_many_addresses(app, peer):
    """Every loopback address is this machine."""
    assert Asker(app, peer=(peer, 1)).get("/api/v1/status").status_code == 200


@pytest.mark.parametrize("peer", ["::ffff:203.0.113.7", "10.0.0.1", "169.254.1.1", "", "testclient"])
def test_other_peers_are_elsewhere(app, peer):
    """Private and mapped addresses, and a peer without one, are not this machine."""
    assert Asker(app, peer=(peer, 1)).get("/api/v1/status").status_code == 401


@pytest.mark.parametrize("token", ["", " ", "x", WRONG, WRONG + "A", "rcu_" + "é" * 43, "' OR 1=1 --"])
def test_a_wrong_token_is_refused_even_where_none_is_needed(app, token):
    """A token that is shown must be good: a script with a revoked one is told so."""
    answer = Asker(app).get("/api/v1/status", headers={"Authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "rcu_x", "Token x"])
def test_only_bearer_is_known(app, header):
    """Another scheme is 401 and says which one is known."""
    answer = Asker(app).get("/api/v1/status", headers={"Authorization": header})
    assert answer.status_code == 401
    assert "Bearer" in answer.json()["error"]["message"]


def test_a_token_is_not_taken_from_the_address(app, operations):
    """A token in the query is an unknown parameter: addresses end in logs."""
    token = operations.token("viewer")
    assert Asker(app, peer=ELSEWHERE).get(f"/api/v1/status?token={token}").status_code == 401
    assert Asker(app).get(f"/api/v1/status?token={token}").status_code == 422


def test_guessing_is_slowed_down(operations):
    """After 20 wrong tokens in a minute a peer gets 429 with Retry-After; a good one still passes, and others too."""
    now = [0.0]
    app = build(operations, monotonic=lambda: now[0])
    guess = Asker(app, WRONG)
    assert {guess.get("/api/v1/status").status_code for _ in range(FAILURES_PER_MINUTE)} == {401}
    refused = guess.get("/api/v1/status")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "61")
    assert guess.get("/api/v1/status", peer=ELSEWHERE).status_code == 401
    assert Asker(app, operations.token("viewer")).get("/api/v1/status").status_code == 200
    now[0] = 60.0
    assert guess.get("/api/v1/status").status_code == 401


def test_one_ipv6_network_is_one_peer(operations):
    """Addresses of one /64 share the limit, since one person has all of them."""
    app = build(operations, monotonic=lambda: 0.0)
    codes = [Asker(app, WRONG, (f"2001:db8::{n:x}", 1)).get("/api/v1/status").status_code for n in range(1, 23)]
    assert codes == [401] * 20 + [429] * 2


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost:8787", "[::1]:8787", "LOCALHOST", "127.0.0.1:9000"])
def test_loopback_s_own_names_are_answered(app, host):
    """Loopback's names are fine with any port, since a tunnel changes it."""
    assert Asker(app).get("/api/v1/status", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8787", "127.0.0.1.evil.example", "localhost.evil", "", "[", "a@localhost:x"]
)
@pytest.mark.parametrize("path", ["/api/v1/status", "/healthz", "/metrics", "/nowhere"])
def test_another_site_s_name_is_not_answered_on_loopback(app, host, path):
    """DNS rebinding: a Host that is not ours is 421 on every path."""
    answer = Asker(app).get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "wrong-host"


def test_allowed_hosts_are_answered_and_may_change(operations):
    """Names of api.allowed_hosts are answered; a reload changes them without a restart."""
    allowed = ["recuo.example"]
    ask = Asker(build(operations, allowed_hosts=lambda: allowed))
    assert ask.get("/api/v1/status", headers={"Host": "Recuo.example:8787"}).status_code == 200
    allowed.clear()
    assert ask.get("/api/v1/status", headers={"Host": "recuo.example:8787"}).status_code == 421


def test_on_a_public_address_rebinding_opens_nothing(operations):
    """Listening for others, any Host is answered, but only loopback's own names are worth a read without a token."""
    ask = Asker(build(operations, loopback=False))
    assert ask.get("/api/v1/status", headers={"Host": "evil.example"}).status_code == 401
    assert ask.get("/metrics", headers={"Host": "prometheus-sees-me-as.example"}).status_code == 200
    assert ask.get("/api/v1/status").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites_change_nothing(app, operations, headers):
    """A change that a browser sends for another origin is 403, token or not."""
    answer = Asker(app, operations.token("admin")).post("/api/v1/incidents/1/ack", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross-origin")
    assert operations.actors == []


def test_our_own_pages_may_change_things(app, operations):
    """The same origin is no other site."""
    headers = {"Origin": "http://127.0.0.1:8787", "Sec-Fetch-Site": "same-origin"}
    assert Asker(app, operations.token("admin")).post("/api/v1/incidents/1/ack", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/status", "/nowhere", "/api/v1/incidents/x", "/metrics", "/api/v1/tokens"])
def test_every_answer_is_careful(app, path):
    """No answer may be sniffed, cached, framed or read by another site, errors included."""
    headers = Asker(app).get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-frame-options"] == "DENY"
    assert not [name for name in headers if name.startswith("access-control-")]


def test_a_bound_token_ends_with_its_person(operations, monkeypatch):
    """A token acts with no more than its person's roles, and opens nothing once the person is gone."""
    token = operations.token("admin", person="rui")
    ask = Asker(build(operations), token)
    assert ask.get("/api/v1/status").status_code == 200
    assert ask.post("/api/v1/incidents/1/ack").status_code == 403
    monkeypatch.setattr("tests.daemon.memory_operations.PEOPLE", {})
    assert ask.get("/api/v1/status").status_code == 401
