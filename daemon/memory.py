"""Gives back what starting up needed: the daemon then waits for days, and should not hold it."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Collect garbage, and hand free memory to the system (malloc_trim(3); a C library without it is left alone)."""
    gc.collect()
    # What lives now lives as long as the process: later collections need not look at it, nor touch its pages.
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
