"""What code says in English, said in the reader's language at the surface.

Facts stay English in the store, the API's JSON and the logs, so that they can be searched and compared. A screen, a
page and a banner put them through `say` on their way to a person. The catalogue (`language_pt`) is pairs of sentences
with placeholders; it is read when the first sentence is to be said in Portuguese, and a pattern is compiled when a
sentence has all its words.

A placeholder of an English sentence is `{name}` (any text), `{name:w}` (no blank in it), `{name:n}` (a number with its
unit, or a duration), `{name:l}` (names, with commas) or `{name:s}` (a metric's selector). In the translation `{name}`
is put in as it is, a number with its decimal comma, and `{name:say}` is itself said in the language.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Final, NamedTuple

_NUMBER: Final = r"-?(?:\d[\w.%+-]*|inf|nan)(?:\s?(?:%|ms|s|[kMGTP]?i?B))?"
_KINDS: Final = {
    "": r".+?",
    "w": r"\S+?",
    "n": _NUMBER,
    "l": r"[^\s,]+(?:, [^\s,]+)*",
    "s": r"[A-Za-z_:][\w:]*(?:\{.*\})?",
}
_MOST: Final = 1024
"""How many sentences are remembered: what a screen shows again each time."""
_BETWEEN: Final = re.compile("[:;] ")
_HOLES: Final = frozenset("{}")
_LONGEST: Final = 2_000
"""Longer text is a person's, or came from outside."""


class Sentence(NamedTuple):
    """One sentence of the catalogue: the words that it must hold, what it looks like, and its translation."""

    words: tuple[str, ...]
    pattern: str
    numbers: frozenset[str]
    said: str


def say(text: str, locale: str) -> str:
    """A sentence of ours in a language; one that the catalogue does not know comes back as it is."""
    return text if locale != "pt-BR" or not text else _portuguese(text)


def said(texts: Iterable[str], locale: str) -> tuple[str, ...]:
    """Several sentences, each by itself."""
    return tuple(say(text, locale) for text in texts)


@lru_cache(maxsize=_MOST)
def _portuguese(text: str) -> str:
    return _translated(text) if len(text) <= _LONGEST else text


def _translated(text: str) -> str:
    exact, sentences = _catalogue()
    if (found := exact.get(text)) is not None:
        return found
    for sentence in sentences:
        if all(words in text for words in sentence.words) and (match := _compiled(sentence.pattern).fullmatch(text)):
            found_in = match.groupdict().items()
            parts = {name: _Part(_comma(value) if name in sentence.numbers else value) for name, value in found_in}
            return sentence.said.format_map(parts)
    return _piecewise(text)


def _piecewise(text: str) -> str:
    """Sentences in a row, and a sentence behind what it is about: `127.0.0.1:25: nothing listens there`."""
    if (found := _BETWEEN.search(text)) is None:
        return text
    return f"{_portuguese(text[: found.start()])}{found[0]}{_portuguese(text[found.end() :])}"


def _comma(number: str) -> str:
    return number.replace(".", ",")


class _Part(str):
    """What stood in a placeholder; the format `say` says it in Portuguese."""

    __slots__ = ()

    def __format__(self, how: str) -> str:
        return _portuguese(str(self)) if how == "say" else str(self)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


@cache
def _catalogue() -> tuple[dict[str, str], tuple[Sentence, ...]]:
    """Sentences without placeholders, and the others, those with the most words of their own first."""
    from daemon.language_pt import SENTENCES

    exact = {english: said for english, said in SENTENCES if not _HOLES & set(english)}
    others = [_sentence(english, said) for english, said in SENTENCES if _HOLES & set(english)]
    others.sort(key=lambda sentence: -sum(map(len, sentence.words)))
    return exact, tuple(others)


def _sentence(english: str, said: str) -> Sentence:
    words, pattern, numbers = [], "", set()
    for literal, name, kind, _ in string.Formatter().parse(english):
        if literal:
            words.append(literal)
            pattern += re.escape(literal)
        if name is not None:
            pattern += f"(?P<{name}>{_KINDS[kind or '']})"
            if kind == "n":
                numbers.add(name)
    return Sentence(tuple(words), pattern, frozenset(numbers), said)
