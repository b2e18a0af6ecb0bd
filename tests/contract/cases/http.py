"""The source `http` before the contract."""

from __future__ import annotations

from tests.contract.kit import REFERENCE, SourceCase


def configure(url: str):
    return {"url": f"{url}/health?key=value", "token": REFERENCE, "headers": {"X-Api-Key": REFERENCE}}


SOURCE = SourceCase(role="product", configure=configure)
