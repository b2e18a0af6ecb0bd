"""One entry of a timeline in words."""

from __future__ import annotations

from daemon import views


def described(entry: views.TimelineEntry) -> str:
    """The daemon's own sentence; of an entry that has none, its kind and its facts."""
    return entry.text or " ".join([entry.kind, *(f"{name}={value}" for name, value in sorted(entry.data.items()))])
