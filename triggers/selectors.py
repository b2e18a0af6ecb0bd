"""Selectors, as in PromQL: `app_latency_ms{route="/api/analyze", code=~"5.."}`.

Four matchers: `=` and `!=` compare the whole value, `=~` and `!~` match a regular expression against the whole value
(anchored at both ends). A label that a series does not carry counts as empty, as in Prometheus.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from recuo.values import Labels

MAX_SELECTOR: Final = 1024
MAX_PATTERN: Final = 256

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATOR = re.compile(r"=~|!~|!=|=")
_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.)*)"|' + r"'((?:[^'\\\n]|\\.)*)'")
_SPACE = re.compile(r"\s*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}


class SelectorError(ValueError):
    """The text is not a selector; the message names the column, counted from 1."""


class Matcher(NamedTuple):
    """One condition on one label; `operator` is one of = != =~ !~."""

    label: str
    operator: str
    value: str


class Selector(NamedTuple):
    """A metric's name and the conditions that a series' labels must meet."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def __str__(self) -> str:
        inner = ", ".join(f'{m.label}{m.operator}"{_quote(m.value)}"' for m in self.matchers)
        return f"{self.metric}{{{inner}}}" if inner else self.metric

    def equalities(self) -> dict[str, str]:
        """The labels that every selected series has for certain: those of `=` with a value."""
        return {m.label: m.value for m in self.matchers if m.operator == "=" and m.value}


def _quote(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unquote(raw: str) -> str:
    return _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[1]), raw)


class _Reader:
    """Walks over the text; every failure knows its column."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, why: str, at: int | None = None) -> SelectorError:
        return SelectorError(f"column {(self.at if at is None else at) + 1}: {why}")

    def skip_space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def take(self, pattern: re.Pattern[str], wanted: str) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if not found:
            seen = repr(self.text[self.at]) if self.at < len(self.text) else "the end"
            raise self.fail(f"{wanted} is wanted here, not {seen}")
        self.at = found.end()
        self.skip_space()
        return found

    def accept(self, char: str) -> bool:
        if not self.text.startswith(char, self.at):
            return False
        self.at += len(char)
        self.skip_space()
        return True


@lru_cache(maxsize=1024)
def parse_selector(text: str) -> Selector:
    """A selector from its text. Raises SelectorError, naming the column, where the text is not one."""
    if len(text) > MAX_SELECTOR:
        raise SelectorError(f"column {MAX_SELECTOR + 1}: a selector has at most {MAX_SELECTOR} characters")
    reader = _Reader(text)
    reader.skip_space()
    metric = reader.take(_METRIC, "a metric's name")[0]
    matchers: list[Matcher] = []
    if reader.accept("{"):
        while not reader.accept("}"):
            matchers.append(_read_matcher(reader))
            if not reader.accept(",") and not reader.text.startswith("}", reader.at):
                raise reader.fail("a comma or } is wanted here")
    if reader.at != len(text):
        raise reader.fail(f"nothing is wanted after the selector, but here is {text[reader.at]!r}")
    return Selector(metric, tuple(matchers))


def _read_matcher(reader: _Reader) -> Matcher:
    label = reader.take(_LABEL, "a label's name or }")[0]
    operator = reader.take(_OPERATOR, "one of = != =~ !~")[0]
    began = reader.at
    found = reader.take(_QUOTED, "a value in quotes")
    value = _unquote(found[1] if found[1] is not None else found[2])
    if operator in {"=~", "!~"}:
        _check_pattern(reader, value, began)
    return Matcher(label, operator, value)


def _check_pattern(reader: _Reader, pattern: str, began: int) -> None:
    if len(pattern) > MAX_PATTERN:
        raise reader.fail(f"a pattern has at most {MAX_PATTERN} characters", began)
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as err:
        raise reader.fail(f"{pattern!r} is not a regular expression: {err}", began) from None


def _test(matcher: Matcher) -> Callable[[str], bool]:
    wanted = matcher.value
    if matcher.operator == "=":
        return lambda value: value == wanted
    if matcher.operator == "!=":
        return lambda value: value != wanted
    whole = re.compile(wanted, re.DOTALL).fullmatch
    if matcher.operator == "=~":
        return lambda value: whole(value) is not None
    return lambda value: whole(value) is None


def compile_selector(selector: Selector) -> Callable[[Labels], bool]:
    """A predicate over a series' labels (the metric's name is not looked at)."""
    if not selector.matchers:
        return lambda _labels: True
    tests = [(matcher.label, _test(matcher)) for matcher in selector.matchers]

    def selects(labels: Labels) -> bool:
        found = dict(labels)
        return all(test(found.get(label, "")) for label, test in tests)

    return selects
