"""What the whole-process tests stand on: a scratch directory, a product, a mailbox, and a small configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.running import Mailbox, Product


@pytest.fixture
def product() -> Iterator[Product]:
    """A product that answers well until the test says otherwise."""
    service = Product()
    yield service
    service.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Where pages arrive."""
    box = Mailbox()
    yield box
    box.close()


def small(product: Product, mailbox: Mailbox | None = None, **changes: Any) -> dict[str, Any]:
    """A whole configuration in small: the documented shape with waits that a test can sit through."""
    config: dict[str, Any] = {
        "service": {"name": "VocalCoach AI", "environment": "production", "locale": "en", "timezone": "UTC"},
        "sources": {
            "site": {
                "kind": "http",
                "every": "200ms",
                "timeout": "2s",
                "url": product.url,
                "labels": {"environment": "production"},
            }
        },
        "rules": {
            "endpoint-down": {"metric": "http_up", "below": 1, "for": "500ms", "severity": "critical"},
        },
        "playbooks": {"outage": {"triggers": ["endpoint-down"], "steps": [{"id": "page", "action": "page"}]}},
        "incidents": {"quiet": "1s", "reopen_within": "30m"},
    }
    if mailbox is not None:
        config["people"] = {
            "ana": {"name": "Ana", "roles": ["responder", "approver"], "contacts": [{"email": "ana@example.org"}]},
            "rui": {"name": "Rui", "roles": ["responder"], "contacts": [{"email": "rui@example.org"}]},
        }
        config["escalation"] = {
            "default": {"steps": [{"page": ["ana"], "after": "0m"}, {"page": ["rui"], "after": "3s"}], "repeat": 0}
        }
        config["receivers"] = {
            "mail": {
                "kind": "email",
                "host": "127.0.0.1",
                "port": mailbox.port,
                "security": "none",
                "from": "recuo@example.org",
                "to": ["team@example.org"],
            }
        }
    config.update(changes)
    return config


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Writes a configuration into the scratch directory; answers with its path."""

    def write_config(config: dict[str, Any]) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), "utf-8")
        return path

    return write_config
