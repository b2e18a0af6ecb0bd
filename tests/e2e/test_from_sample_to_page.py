"""The whole way, in real processes: a product fails, a rule trips, an incident opens, the person on call is reached."""

from __future__ import annotations

import email
import email.policy
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.conftest import small
from tests.e2e.running import Mailbox, Product, Running, eventually, running

Write = Callable[[dict[str, Any]], Path]


def incidents(daemon: Running, state: str = "") -> list[dict[str, Any]]:
    found = daemon.get("/api/v1/incidents" + (f"?state={state}" if state else ""))
    return list(found["incidents"] if isinstance(found, dict) else found)


def subject(envelope: Any) -> str:
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    return str(message["Subject"])


def recipients(mailbox: Mailbox) -> list[str]:
    return [address for envelope in mailbox.messages for address in envelope.rcpt_tos]


def open_incident(daemon: Running) -> dict[str, Any]:
    found: list[dict[str, Any]] = eventually(lambda: incidents(daemon, "open"), what="an open incident")
    return found[0]


def test_a_failing_endpoint_reaches_the_first_person_by_mail(
    product: Product, mailbox: Mailbox, write: Write, tmp_path: Path
) -> None:
    """An endpoint that answers 503 for longer than the hold opens one incident and one mail to the first person."""
    with running(write(small(product, mailbox)), tmp_path / "state") as daemon:
        assert incidents(daemon) == []
        product.status = 503
        incident = open_incident(daemon)
        assert incident["playbook"] == "outage"
        assert incident["severity"] == "critical"
        eventually(lambda: mailbox.messages, what="a page")
        assert recipients(mailbox) == ["ana@example.org"]
        assert "endpoint-down" in subject(mailbox.messages[0]) or "outage" in subject(mailbox.messages[0])


def test_acknowledging_stops_the_escalation(product: Product, mailbox: Mailbox, write: Write, tmp_path: Path) -> None:
    """After `recuo ack` nobody else is paged, and the timeline says who did it."""
    with running(write(small(product, mailbox)), tmp_path / "state") as daemon:
        product.status = 503
        incident = open_incident(daemon)
        eventually(lambda: mailbox.messages, what="a page")
        done = daemon.cli("ack", str(incident["id"]))
        assert done.returncode == 0, done.stderr
        shown = json.loads(daemon.cli("show", str(incident["id"]), "--json").stdout)
        assert shown["state"] == "acknowledged"
        assert shown["acknowledged_by"] == "owner"
        assert shown["escalation"]["state"] == "stopped"
        assert recipients(mailbox) == ["ana@example.org"]


def test_without_an_answer_the_next_person_is_paged_even_across_a_restart(
    product: Product, mailbox: Mailbox, write: Write, tmp_path: Path
) -> None:
    """Killed between two steps of the escalation, the daemon pages the next person after its restart."""
    config, state = write(small(product, mailbox)), tmp_path / "state"
    with running(config, state) as daemon:
        product.status = 503
        eventually(lambda: mailbox.messages, what="a page")
        eventually(
            lambda: [d for d in daemon.get("/api/v1/deliveries")["deliveries"] if d["state"] == "delivered"],
            what="the delivery's record",
        )
        daemon.kill()
    with running(config, state):
        eventually(lambda: "rui@example.org" in recipients(mailbox), what="the second person's page")
    assert recipients(mailbox) == ["ana@example.org", "rui@example.org"]


def test_a_firing_alert_does_not_page_again_after_kill_dash_nine(
    product: Product, mailbox: Mailbox, write: Write, tmp_path: Path
) -> None:
    """S8: killed while an alert fires, the daemon comes back with the same incident and pages nobody anew."""
    settings = small(product, mailbox)
    settings["escalation"]["default"]["steps"] = [{"page": ["ana"], "after": "0m"}]
    config, state = write(settings), tmp_path / "state"
    with running(config, state) as daemon:
        product.status = 503
        before = open_incident(daemon)
        eventually(lambda: mailbox.messages, what="a page")
        eventually(
            lambda: [d for d in daemon.get("/api/v1/deliveries")["deliveries"] if d["state"] == "delivered"],
            what="the delivery's record",
        )
        daemon.kill()
    with running(config, state) as daemon:
        alerts = eventually(lambda: daemon.get("/api/v1/alerts")["alerts"], what="the alert")
        assert [a["state"] for a in alerts] == ["firing"]
        ok = 'recuo_polls_total{result="ok",source="site"}'
        eventually(lambda: daemon.metrics().get(ok, 0) > 5, what="five polls")
        assert [i["id"] for i in incidents(daemon)] == [before["id"]]
    assert recipients(mailbox) == ["ana@example.org"]


def test_a_recovered_incident_resolves_after_the_quiet_time_and_reopens_on_the_next_failure(
    product: Product, mailbox: Mailbox, write: Write, tmp_path: Path
) -> None:
    """A7: quiet for long enough resolves it; firing again soon after reopens the same one and pages again."""
    with running(write(small(product, mailbox)), tmp_path / "state") as daemon:
        product.status = 503
        incident = open_incident(daemon)
        daemon.post(f"/api/v1/incidents/{incident['id']}/ack")
        product.status = 200
        over = eventually(lambda: incidents(daemon, "resolved") or incidents(daemon, "closed"), what="the resolution")
        assert over[0]["id"] == incident["id"]
        pages = len(mailbox.messages)
        product.status = 503
        again = open_incident(daemon)
        assert again["id"] == incident["id"]
        assert again["reopened"] == 1
        eventually(lambda: len(mailbox.messages) > pages, what="the page about the reopening")


def test_with_no_receiver_the_page_is_in_the_terminal_and_in_the_file(
    product: Product, write: Write, tmp_path: Path
) -> None:
    """With nothing configured the page is printed and in pages.log, and status and doctor say nobody can be reached."""
    with running(write(small(product)), tmp_path / "state") as daemon:
        product.status = 503
        open_incident(daemon)
        pages = tmp_path / "state" / "pages.log"
        eventually(pages.exists, what="pages.log")
        eventually(lambda: "endpoint-down" in daemon.output(), what="the page on the terminal")
        assert daemon.get("/api/v1/status")["unreachable"]
        doctor = daemon.cli("doctor")
        assert doctor.returncode == 1
        assert "nobody can be reached" in doctor.stdout


def test_a_burst_of_load_on_this_machine_trips_its_rule(product: Product, write: Write, tmp_path: Path) -> None:
    """The CPU rule, with a short hold and a low limit, fires while something burns the CPU."""
    settings = small(product)
    settings["sources"] = {"host": {"kind": "system", "every": "200ms"}}
    settings["rules"] = {
        "cpu-high": {"metric": "system_cpu_ratio", "above": "15%", "for": "600ms", "severity": "critical"}
    }
    settings["playbooks"] = {"performance": {"triggers": ["cpu-high"], "steps": [{"id": "page", "action": "page"}]}}
    with running(write(settings), tmp_path / "state") as daemon:
        ends = time.monotonic() + 30
        while time.monotonic() < ends and not incidents(daemon):
            burn_until = time.monotonic() + 0.3
            while time.monotonic() < burn_until:
                pass
        assert [i["playbook"] for i in incidents(daemon)] == ["performance"]
        explained = daemon.cli("explain", str(incidents(daemon)[0]["id"]))
        assert explained.returncode == 0
        assert "system_cpu_ratio" in explained.stdout


def test_a_termination_ends_in_order_and_the_next_start_goes_on(product: Product, write: Write, tmp_path: Path) -> None:
    """SIGTERM ends the daemon with 0 within seconds, and the CLI then says that no daemon runs (exit 3)."""
    daemon = Running(write(small(product)), tmp_path / "state")
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(15) == 0
    assert not (tmp_path / "state" / "daemon.json").exists()
    told = daemon.cli("status")
    assert told.returncode == 3
    assert told.stderr.startswith("recuo: ")


def test_a_test_page_reaches_everyone(product: Product, mailbox: Mailbox, write: Write, tmp_path: Path) -> None:
    """`recuo test-page` sends a message marked as a test to every person and every receiver, and opens no incident."""
    with running(write(small(product, mailbox)), tmp_path / "state") as daemon:
        done = daemon.cli("test-page", "--json")
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["deliveries"]) == 3
        eventually(lambda: len(mailbox.messages) == 3, what="three messages")
        assert sorted(recipients(mailbox)) == ["ana@example.org", "rui@example.org", "team@example.org"]
        assert all(subject(envelope).startswith("[test]") for envelope in mailbox.messages)
        assert incidents(daemon) == []
