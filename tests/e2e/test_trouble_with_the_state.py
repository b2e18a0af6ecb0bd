"""The state cannot be written: watching goes on, people are told directly, and nothing is lost once it can be again."""

from __future__ import annotations

import email
import email.policy
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.conftest import small
from tests.e2e.running import Mailbox, Product, Running, eventually, running

Write = Callable[[dict[str, Any]], Path]


def forbid_writing(daemon: Running) -> None:
    """No file may grow any more, as on a full disk (prlimit(2), RLIMIT_FSIZE)."""
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def allow_writing(daemon: Running) -> None:
    """As before."""
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_when_the_state_cannot_be_written_people_are_told_directly_and_the_incident_is_kept_for_later(
    product: Product, mailbox: Mailbox, write: Write, tmp_path: Path
) -> None:
    """With a full disk an alert still reaches the person on call; with room again the incident is opened."""
    with running(write(small(product, mailbox)), tmp_path / "state") as daemon:
        forbid_writing(daemon)
        product.status = 503
        eventually(lambda: mailbox.messages, what="the direct page")
        message = email.message_from_bytes(mailbox.messages[0].content, policy=email.policy.default)
        assert "state" in str(message["Subject"])
        plain = message.get_body(("plain",))
        assert plain is not None
        assert "endpoint-down" in str(plain.get_content())
        code, answer = daemon.post("/api/v1/reload")
        assert code in {200, 503}, answer
        assert not daemon.get("/api/v1/status")["store"]["ok"]
        allow_writing(daemon)
        found = eventually(lambda: daemon.get("/api/v1/incidents?state=open")["incidents"], what="the incident")
        assert found[0]["playbook"] == "outage"
        assert daemon.get("/api/v1/status")["store"]["ok"]
