"""Until when a certificate is valid, read from its DER form, whether it is trusted or not (RFC 5280, 4.1).

`ssl` gives the fields only of a certificate that it has verified; the day on which an untrusted or expired one ends is
just what the person on call wants to know.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18


def not_after(der: bytes) -> int:
    """The instant (ms since the epoch) after which the certificate is no longer valid. Raises ValueError."""
    try:
        fields = _children(_only(_only(der, _SEQUENCE), _SEQUENCE))
        # TBSCertificate: [version], serial, signature, issuer, validity, …
        validity = fields[4 if fields[0][0] == _VERSION else 3]
        tag, text = _children(validity[1])[1]
        return _instant(tag, text.decode("ascii"))
    except (IndexError, UnicodeDecodeError) as err:
        raise ValueError("not a certificate") from err


def _instant(tag: int, text: str) -> int:
    if tag == _UTC_TIME:
        # Two-digit years: 50 to 99 are of the last century (RFC 5280, 4.1.2.5.1).
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("not a time")
    return int(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1000)


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Tag, content and end of the element at this place (X.690, 8.1)."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(data[at : at + size], "big"), at + size
    if at + length > len(data):
        raise ValueError("cut short")
    return tag, data[at : at + length], at + length


def _only(data: bytes, wanted: int) -> bytes:
    tag, content, _ = _element(data, 0)
    if tag != wanted:
        raise ValueError("not a certificate")
    return content


def _children(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        tag, content, at = _element(data, at)
        found.append((tag, content))
    return found
