"""How processes end, in words."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from triggers.probes import endings


@pytest.mark.parametrize(
    ("status", "words", "in_order"),
    [
        (0, "exited with code 0", True),
        (1 << 8, "exited with code 1", False),
        (143 << 8, "exited with code 143", True),
        (137 << 8, "exited with code 137", False),
        (signal.SIGTERM, "killed by signal 15 (SIGTERM)", True),
        (signal.SIGKILL, "killed by signal 9 (SIGKILL)", False),
        (signal.SIGSEGV | 0x80, "killed by signal 11 (SIGSEGV), core dumped", False),
        (64, f"killed by signal 64 ({signal.Signals(64).name})", False),
        (63, "killed by signal 63", False),
    ],
)
def test_a_wait_status_in_words_and_whether_it_was_in_order(status, words, in_order):
    """Codes and signals are told as a person looks them up; SIGTERM and its like are orders, not crashes."""
    assert endings.of_status(status) == words
    assert endings.in_order(status) is in_order


def test_the_kernel_tells_the_end_of_a_process_that_is_not_our_child_or_we_say_so():
    """On Linux 6.15 and later the exit code of a stranger is known; on older kernels it is None, never wrong."""
    # `sleep` becomes a child of the shell's, and then of init: we are never its parent.
    shell = subprocess.Popen(
        ["sh", "-c", "(read go; exit 3) & echo $!; wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert shell.stdin is not None
    assert shell.stdout is not None
    watched = endings.Watched(int(shell.stdout.readline()))
    assert watched.status() is None
    shell.communicate(b"go\n")
    known = tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (6, 15)
    assert watched.status() in ({3 << 8} if known else {3 << 8, None})


def test_a_process_that_is_not_there_has_no_end():
    """Nothing to hold on to is no error."""
    assert endings.Watched(2**22 + 1).status() is None
    assert endings.of_status(None) == endings.UNSEEN
