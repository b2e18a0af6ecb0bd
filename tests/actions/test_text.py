from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from actions.text import block, one_line, redact


@given(st.text(), st.integers(2, 300))
def test_one_line_is_printable_bounded_and_one_line(text, limit):
    """Whatever comes in, what goes out can be shown on one line of a terminal or a log."""
    found = one_line(text, limit)
    assert found.isprintable()
    assert len(found) <= limit
    assert found == found.strip()


@given(st.text())
def test_a_block_keeps_its_lines_and_nothing_that_a_terminal_obeys(text):
    """Lines stay lines, and every other control character is gone."""
    assert all(c.isprintable() or c == "\n" for c in block(text))


def test_secrets_go_in_clear_in_base64_and_percent_encoded():
    """Peers that repeat what they were sent do so in the form in which they got it."""
    secret = "pass/word+1"
    echoed = f"{secret} {base64.b64encode(secret.encode()).decode()} pass%2Fword%2B1"
    assert redact(echoed, [secret]) == "*** *** ***"


def test_a_secret_that_holds_another_goes_whole():
    """The longer one is replaced first, so that nothing of it is left standing."""
    assert redact("token-abcdef-long", ["abcdef", "token-abcdef-long"]) == "***"
