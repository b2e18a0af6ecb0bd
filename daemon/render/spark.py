"""A series in one row of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.render.screen import Part

_BARS = "▁▂▃▄▅▆▇█"


def spark(points: Sequence[tuple[int, float]], width: int, *, above: float | None, below: float | None) -> list[Part]:
    """Points (instant, value) as bars, one a slot of time, blank where there is none; red beyond the threshold.

    A slot shows its worst value: the largest, or the smallest where the rule looks for values `below`. The scale runs
    from the smallest to the largest of the values and the threshold, so that one sees how far away it is.
    """
    if not points or width < 1:
        return []
    worst = min if below is not None and above is None else max
    slots = _slots(points, width)
    thresholds = [t for t in (above, below) if t is not None]
    values = [worst(slot) for slot in slots if slot]
    low, high = min([*values, *thresholds]), max([*values, *thresholds])
    return _joined([_bar(worst(slot), low, high, above, below) if slot else Part(" ") for slot in slots])


def _slots(points: Sequence[tuple[int, float]], width: int) -> list[list[float]]:
    first, last = points[0][0], points[-1][0]
    width = min(width, len(points))
    slots: list[list[float]] = [[] for _ in range(width)]
    for at, value in points:
        slots[min(width - 1, (at - first) * width // max(1, last - first))].append(value)
    return slots


def _bar(value: float, low: float, high: float, above: float | None, below: float | None) -> Part:
    height = round((value - low) / (high - low) * (len(_BARS) - 1)) if high > low else 0
    beyond = (above is not None and value > above) or (below is not None and value < below)
    return Part(_BARS[height], "bad" if beyond else "good")


def _joined(bars: Sequence[Part]) -> list[Part]:
    joined: list[Part] = []
    for bar in bars:
        if joined and joined[-1].style == bar.style:
            joined[-1] = Part(joined[-1].text + bar.text, bar.style)
        else:
            joined.append(bar)
    return joined
