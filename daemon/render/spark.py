"""A series in one row of a terminal, and below it where it is beyond the limit."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.render.screen import Part

_BARS = "▁▂▃▄▅▆▇█"
_BEYOND = "▔"


def spark(
    points: Sequence[tuple[int, float]], width: int, *, above: float | None, below: float | None
) -> list[list[Part]]:
    """Points (instant, value) in order as a row of bars, one a slot of time, blank where there is none.

    A slot shows its worst value: the largest, or the smallest where the rule looks for values `below`. The scale runs
    from the smallest to the largest of the values and the limit, so that one sees how far away it is. A second row
    marks the slots beyond the limit, where there are any: colour alone tells nothing.
    """
    if not points or width < 1:
        return []
    worst = min if below is not None and above is None else max
    values = [worst(slot) if slot else None for slot in _slots(points, width)]
    known = [v for v in (*values, above, below) if v is not None]
    low, high = min(known), max(known)
    beyond = [v is not None and _is_beyond(v, above, below) for v in values]
    bars = [
        Part(" ") if v is None else Part(_bar(v, low, high), "bad" if b else "good")
        for v, b in zip(values, beyond, strict=True)
    ]
    rows = [_joined(bars)]
    if any(beyond):
        rows.append([Part("".join(_BEYOND if b else " " for b in beyond).rstrip(), "bad")])
    return rows


def _slots(points: Sequence[tuple[int, float]], width: int) -> list[list[float]]:
    first, last = points[0][0], points[-1][0]
    width = min(width, len(points))
    slots: list[list[float]] = [[] for _ in range(width)]
    for at, value in points:
        slots[min(width - 1, (at - first) * width // max(1, last - first))].append(value)
    return slots


def _bar(value: float, low: float, high: float) -> str:
    return _BARS[round((value - low) / (high - low) * (len(_BARS) - 1)) if high > low else 0]


def _is_beyond(value: float, above: float | None, below: float | None) -> bool:
    return (above is not None and value > above) or (below is not None and value < below)


def _joined(bars: Sequence[Part]) -> list[Part]:
    joined: list[Part] = []
    for bar in bars:
        if joined and joined[-1].style == bar.style:
            joined[-1] = Part(joined[-1].text + bar.text, bar.style)
        else:
            joined.append(bar)
    return joined
