"""The end of a certificate's validity, read from its DER form."""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from triggers.probes import certificate


def der_of(**details):
    return ssl.PEM_cert_to_DER_cert(trustme.CA().issue_cert("a.example", **details).cert_chain_pems[0].bytes().decode())


@pytest.mark.parametrize("year", [2031, 2049, 2050, 2099])
def test_both_forms_of_time_are_read(year):
    """UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5)."""
    ends_at = datetime(year, 6, 15, 12, 30, 45, tzinfo=UTC)
    assert certificate.not_after(der_of(not_after=ends_at)) == int(ends_at.timestamp() * 1000)


REAL = der_of()


@given(st.binary(max_size=200) | st.integers(0, len(REAL)).map(lambda end: REAL[:end]))
def test_what_is_no_certificate_is_a_value_error(data):
    """Whatever a peer shows, reading it ends in an instant or in ValueError."""
    with suppress(ValueError):
        assert isinstance(certificate.not_after(data), int)
