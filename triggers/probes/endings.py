"""How a process ended, in words, and how to learn it of a process that is not our child.

Linux 6.15 and later keep the exit status of a process for whoever held a pidfd of it before it ended (PIDFD_GET_INFO
with PIDFD_INFO_EXIT, include/uapi/linux/pidfd.h). On older kernels only the parent knows, and we say so.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
from typing import Final

UNSEEN: Final = "ended; its exit code was not seen"

_INFO_BYTES: Final = 64
_GET_INFO: Final = (3 << 30) | (_INFO_BYTES << 16) | (0xFF << 8) | 11
_INFO_EXIT: Final = 1 << 3
_EXIT_CODE_AT: Final = 60


def exited(code: int) -> str:
    """`exited with code 1`."""
    return f"exited with code {code}"


def killed(number: int, *, dumped: bool = False) -> str:
    """`killed by signal 9 (SIGKILL)`, and whether it left a core dump."""
    try:
        name = f" ({signal.Signals(number).name})"
    except ValueError:
        name = ""
    return f"killed by signal {number}{name}" + (", core dumped" if dumped else "")


def of_status(status: int | None) -> str:
    """The words for a wait status (wait(2)); None where nobody saw it."""
    if status is None:
        return UNSEEN
    if number := status & 0x7F:
        return killed(number, dumped=bool(status & 0x80))
    return exited(status >> 8)


_ASKED_TO_END: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def in_order(status: int) -> bool:
    """Whether a wait status is that of a program that was asked to end, or ended with success.

    128 and a signal's number is what a shell, and Node after `process.exit(143)`, give for the signal itself.
    """
    code = status >> 8
    return (status & 0x7F or (code - 128 if code > 128 else 0)) in _ASKED_TO_END or status == 0


class Watched:
    """Holds on to a process by pidfd, so that the kernel can still be asked about it when it has ended."""

    __slots__ = ("_fd",)

    def __init__(self, pid: int) -> None:
        try:
            self._fd = os.pidfd_open(pid)
        except OSError:
            self._fd = -1  # gone already, a kernel before 5.3, or no more file descriptors: the words will say less

    def status(self) -> int | None:
        """The wait status of the ended process, or None where the kernel does not tell."""
        if self._fd < 0:
            return None
        info = bytearray(_INFO_BYTES)
        struct.pack_into("=Q", info, 0, _INFO_EXIT)
        try:
            fcntl.ioctl(self._fd, _GET_INFO, info)
        except OSError:
            return None
        (mask,) = struct.unpack_from("=Q", info)
        return int(struct.unpack_from("=i", info, _EXIT_CODE_AT)[0]) if mask & _INFO_EXIT else None

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
