"""Reads recorded samples: OpenMetrics or Prometheus text with timestamps, and CSV. Errors name file and line.

- OpenMetrics text (the specification, "ABNF"; timestamps in seconds) and Prometheus' text format 0.0.4 (milliseconds)
  are told apart by the size of the number: 10^11 seconds is the year 5138, 10^11 milliseconds the year 1973.
- CSV with a header: `timestamp,value` (the metric's name is given apart), or `timestamp,metric,<labels>,value`, where
  each column between is a label of that name, or one column called `labels` holds `route="/",code="200"`. Without a
  header the columns between are `name=value`. Timestamps are seconds since the epoch, or RFC 3339.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from recuo.values import Instant, Labels, labels_of, parse_instant
from triggers.base import Sample

_MILLISECONDS_FROM: Final = 100_000_000_000
_SAMPLE = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{((?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*)\})?\s+(\S+)(?:\s+(\S+))?(?:\s+#\s.*)?\s*"
)
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_LOOSE = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*([^,;\"]*?)\s*(?:[,;]|$)")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n"}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class ReadError(ValueError):
    """A line that cannot be read; the text is `FILE:LINE: what is wrong`."""


def read_openmetrics(lines: Iterable[str], file: str) -> Iterator[Sample]:
    """The samples of OpenMetrics or Prometheus text, in the order of the file. Raises ReadError.

    Every sample must carry its timestamp: a recording without one says nothing about when.
    """
    known: dict[str, Labels] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _SAMPLE.fullmatch(line.rstrip("\n"))
        if found is None:
            raise ReadError(f'{file}:{number}: this is no sample; a line is `name{{label="value"}} value timestamp`')
        name, inner, value, at = found.groups()
        if at is None:
            raise ReadError(f"{file}:{number}: this sample of {name} has no timestamp")
        inner = inner or ""
        if inner not in known:
            known[inner] = _labels(inner, file, number)
        yield Sample(name, known[inner], _value(value, file, number), _timestamp(at, file, number))


def _labels(text: str, file: str, number: int) -> Labels:
    found: dict[str, str] = {}
    at = 0
    while at < len(text) and text[at:].strip():
        match = _LABEL.match(text, at)
        if match is None:
            raise ReadError(f"{file}:{number}: these labels cannot be read: {{{text}}}")
        found[match[1]] = _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[1]), match[2])
        at = match.end()
    return labels_of({name: value for name, value in found.items() if value})


def _value(text: str, file: str, number: int) -> float:
    try:
        return float(text.replace("_", "x"))
    except ValueError:
        raise ReadError(f"{file}:{number}: {text!r} is no number") from None


def _timestamp(text: str, file: str, number: int) -> Instant:
    try:
        seconds = float(text)
    except ValueError:
        try:
            return parse_instant(text)
        except ValueError as err:
            raise ReadError(f"{file}:{number}: {err}") from None
    if not math.isfinite(seconds):
        raise ReadError(f"{file}:{number}: {text!r} is no instant")
    return round(seconds) if abs(seconds) >= _MILLISECONDS_FROM else round(seconds * 1000)


class _Columns(NamedTuple):
    """Where what stands; `labels` are pairs of column and label name, `pairs` columns that hold `name=value`."""

    metric: int | None
    labels: Sequence[tuple[int, str]]
    pairs: Sequence[int]


def read_csv(lines: Iterable[str], file: str, *, metric: str | None = None) -> Iterator[Sample]:
    """The samples of a CSV file, in the order of the file. Raises ReadError.

    `metric` names the metric of a file that has no such column.
    """
    columns: _Columns | None = None
    known: dict[tuple[str, ...], Labels] = {}
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            if columns is None:
                headed = row[0].strip().lower() == "timestamp"
                columns = _headed(row, file) if headed else _bare(row)
                if headed:
                    width = len(row)
                    continue
                width = len(row)
            if len(row) != width:
                raise ReadError(f"{file}:{reader.line_num}: {width} columns are wanted here, not {len(row)}")
            yield _sample(row, columns, known, metric, file, reader.line_num)
    except csv.Error as err:
        raise ReadError(f"{file}:{reader.line_num}: this is no CSV: {err}") from None


def _headed(row: Sequence[str], file: str) -> _Columns:
    names = [name.strip() for name in row]
    if len(names) < 2 or names[-1].lower() != "value":
        raise ReadError(f"{file}:1: the columns are timestamp, metric, labels…, value; the last one must be value")
    has_metric = len(names) > 2 and names[1].lower() == "metric"
    between = range(2 if has_metric else 1, len(names) - 1)
    labels = [(at, names[at]) for at in between if names[at].lower() != "labels"]
    for _, name in labels:
        if not _NAME.fullmatch(name):
            raise ReadError(f"{file}:1: {name!r} is not a label's name")
    return _Columns(1 if has_metric else None, labels, [at for at in between if names[at].lower() == "labels"])


def _bare(row: Sequence[str]) -> _Columns:
    return _Columns(1 if len(row) > 2 else None, (), range(2, len(row) - 1))


def _sample(
    row: Sequence[str],
    columns: _Columns,
    known: dict[tuple[str, ...], Labels],
    metric: str | None,
    file: str,
    number: int,
) -> Sample:
    name = row[columns.metric].strip() if columns.metric is not None else metric
    if not name or not _NAME.fullmatch(name):
        hint = "give its name with --metric" if name is None else f"{name!r} is not a metric's name"
        raise ReadError(f"{file}:{number}: which metric? {hint}")
    key = tuple(row[1:-1])
    if key not in known:
        found = {label: row[at] for at, label in columns.labels if row[at]}
        for at in columns.pairs:
            found |= _pairs(row[at], file, number)
        known[key] = labels_of(found)
    return Sample(name, known[key], _value(row[-1].strip(), file, number), _timestamp(row[0].strip(), file, number))


def _pairs(text: str, file: str, number: int) -> dict[str, str]:
    """`route="/",code="200"`, with or without quotes and braces; `;` separates as well as `,`."""
    text = text.strip().removeprefix("{").removesuffix("}")
    if '"' in text:
        return dict(_labels(text, file, number))
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _LOOSE.match(text, at)
        if match is None:
            raise ReadError(f"{file}:{number}: these labels cannot be read: {text!r}; write name=value")
        if match[2]:
            found[match[1]] = match[2]
        at = match.end()
    return found
