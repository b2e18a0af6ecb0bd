"""The tests' own vendor source before the contract: it proves that the suite tells right from wrong."""

from __future__ import annotations

from tests.contract.kit import REFERENCE, SourceCase
from tests.servers import answer

SOURCE = SourceCase(
    role="vendor",
    configure=lambda url: {"url": url, "token": REFERENCE},
    right=answer(body=b'{"value": 3}', headers={"Content-Type": "application/json"}),
)
