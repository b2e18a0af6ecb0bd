"""Between the two ways of running a rule: plain Python for few series, columns for many (design S3).

Samples, states and answers go along, so that nothing is decided differently; only what a tick costs changes. Columns
suit series that share instants, as those of one poll do; a rule whose samples turn out otherwise goes back to plain
Python and stays there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

import numpy as np

from recuo.values import Instant
from triggers.bulk import Bulk
from triggers.columns import BlockWatch
from triggers.conditions import watch_for
from triggers.health import Source
from triggers.watches import Group, Sink, Watch


def to_columns(watch: Watch, sources: Mapping[str, Source], now: Instant) -> BlockWatch:
    """The same rule in columns; its series' sources get rows."""
    block = BlockWatch(watch.plan, sources.values())
    block.alerts, block.orphans = watch.alerts, watch.orphans
    for source in sources.values():
        if not any(watch.picks(*key) for key in source.series):
            continue
        if source.bulk is None:
            source.bulk = Bulk(source)
        for series in source.series.values():
            series.waiting = [(block if each is watch else each, role) for each, role in series.waiting]
    for role in range(len(watch.plan.targets)):
        sinks = [sink for group in watch.groups.values() for sink in _side(watch, group, role)]
        _move(block, role, sinks, now)
    for group in watch.groups.values():
        if group.key in block.number:
            _take_group(block, group)
    return block


def _side(watch: Watch, group: Group, role: int) -> list[Sink]:
    return group.members if role == len(watch.plan.targets) - 1 else group.others


def _move(block: BlockWatch, role: int, sinks: Iterable[Sink], now: Instant) -> None:
    """Series and their samples into one side of a block."""
    slots: dict[int, int] = {}
    points = []
    for sink in sinks:
        series, bulk = sink.series, sink.series.source.bulk
        assert bulk is not None
        slot = slots[series.number] = block.enter(series, role)
        bulk.lead(series, block, role, slot)
        series.sinks = [each for each in series.sinks if each is not sink]
    for window in {id(sink.window): sink.window for sink in sinks}.values():
        window.trim(now)
        points += [point for point in window.points if point.series in slots]
        for point in window.ahead:
            block.sides[role].block.put_one(point.at, slots[point.series], point.value, now)
    points.sort()
    store = block.sides[role].block
    for at, row in groupby(points, key=lambda point: point.at):
        each = list(row)
        store.put(at, np.array([slots[p.series] for p in each], np.int64), np.array([p.value for p in each]))


def _take_group(block: BlockWatch, group: Group) -> None:
    number = block.number[group.key]
    block.fresh_until[number], block.answer[number] = group.fresh_until, group.answer
    block.values[number] = np.nan if group.value is None else group.value
    if group.alert is not None:
        block.take_alert(number, group.alert)


def to_plain(block: BlockWatch, sources: Iterable[Source]) -> Watch:
    """The same rule in plain Python."""
    plain = watch_for(block.plan, block.part_sources)
    plain.alerts, plain.orphans = block.alerts, block.orphans
    for role in range(len(block.sides)):
        for series, sink in block.sinks(plain, role):
            series.sinks.append(sink)
            sink.group.living += sink.freshens and series.ended_at is None
    for key, number in block.number.items():
        group = plain.group_for(key)
        group.fresh_until, group.answer = int(block.fresh_until[number]), int(block.answer[number])
        flying = block.groups.get(key)
        if flying is not None:
            group.alert, group.value = flying.alert, flying.value
    for source in sources:
        if source.bulk is not None:
            source.bulk.drop_watch(block)
            for series in source.series.values():
                series.waiting = [(plain if each is block else each, role) for each, role in series.waiting]
    return plain
