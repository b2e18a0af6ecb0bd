"""How states look: one mark and one colour for each, the same on every screen. No state is told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from daemon import views
from daemon.render.screen import Look, Part

METRIC: Final = "__name__"
"""The label that holds a series' metric, as in Prometheus."""

SEVERITY: Final[Mapping[str, str]] = {"critical": "bad", "error": "bad", "warning": "warn", "info": ""}

SOURCE: Final[Mapping[str, tuple[str, str]]] = {
    "ok": ("●", "good"),
    "waiting": ("◐", "dim"),
    "failing": ("✖", "warn"),
    "blind": ("✖", "bad"),
    "off": ("○", "dim"),
}

CLOCK: Final[Mapping[str, tuple[str, str]]] = {
    "not_started": ("○", "dim"),
    "running": ("◐", ""),
    "warned": ("⚠", "warn"),
    "passed": ("✖", "bad"),
    "met": ("✔", "good"),
    "missed": ("✖", "bad"),
}

LEVEL: Final[Mapping[str, tuple[str, str]]] = {"ok": ("✔", "good"), "warn": ("⚠", "warn"), "fail": ("✖", "bad")}


def state_style(state: str) -> str:
    """The style of an incident's or a delivery's state."""
    return {
        "triggered": "bad",
        "acknowledged": "warn",
        "resolved": "good",
        "closed": "dim",
        "queued": "warn",
        "delivered": "good",
        "failed": "bad",
        "cancelled": "dim",
    }.get(state, "")


def alert_mark(alert: views.AlertView | views.IncidentAlert | views.Explanation, look: Look) -> list[Part]:
    """The state of an alert as one cell; unknown stands beside the state (design S4)."""
    style = {"firing": "bad", "pending": "warn"}.get(alert.state, "good")
    word = look.word(f"alert.{alert.state}")
    if alert.unknown_since is not None:
        return [Part(f"◐ {word}, {look.word('alert.unknown')}", "warn")]
    return [Part(f"● {word}", style)]


def labels(pairs: Mapping[str, str]) -> str:
    """Labels as PromQL writes them, a metric's name before them; nothing for none."""
    inner = ", ".join(f'{name}="{value}"' for name, value in sorted(pairs.items()) if name != METRIC)
    return pairs.get(METRIC, "") + (f"{{{inner}}}" if inner else "")
