from __future__ import annotations

import asyncio
import io
import sys

import pytest

from actions.base import DeliveryError
from actions.notifiers import terminal
from tests.daemon.paging_kit import context, message


def show(tmp_path, **changes) -> None:
    asyncio.run(terminal.send(terminal.Config(kind="terminal"), message(**changes), "", context("terminal", tmp_path)))


def test_a_page_is_a_short_block_on_standard_error(tmp_path, capsys):
    """The title and the text stand between two rules, the title once."""
    show(tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.strip().splitlines()
    assert lines[0] == lines[-1] == "=" * 78
    assert err.count("[crítico] VocalCoach AI production: cpu-high") == 1
    assert "Um novo incidente." in lines


def test_control_characters_never_reach_the_terminal(tmp_path, capsys):
    """Escape sequences, bells and carriage returns from outside are stripped; lines stay lines."""
    show(tmp_path, title="a\x1b[2Jb\x07", text="one\x1b]0;x\x07\ntwo\rthree\x9b31m\n")
    shown = capsys.readouterr().err
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert "one]0;x\n" in shown


def test_a_closed_standard_error_is_a_failure_and_not_a_crash(tmp_path, monkeypatch):
    """What cannot be printed is told as not delivered."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    with pytest.raises(DeliveryError, match="takes no text"):
        show(tmp_path)
