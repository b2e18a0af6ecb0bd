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

_NUMBER: Final = r"-?(?:\d(?:[\w.%+-]*[\w%])?|inf|nan)(?:\s?(?:%|ms|s|[kMGTP]?i?B))?"
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
_MOST_PIECES: Final = 40
_DEEPEST: Final = 6
_HOLES: Final = frozenset("{}")
_LONGEST: Final = 1_000
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
    return _translated(text, 0) if len(text) <= _LONGEST else text


def _translated(text: str, depth: int) -> str:
    """A sentence; else sentences in a row, or one behind what it is about: `127.0.0.1:25: nothing listens there`.

    What comes from outside may look like sentences without end: no more than `_MOST_PIECES` are tried, one within the
    other no deeper than `_DEEPEST`.
    """
    done, rest = "", text
    for _ in range(_MOST_PIECES):
        if (found := _said(rest, depth)) is not None:
            return done + found
        if (between := _BETWEEN.search(rest)) is None:
            break
        first = rest[: between.start()]
        done += (_said(first, depth) or first) + between[0]
        rest = rest[between.end() :]
    return done + rest


def _said(text: str, depth: int) -> str | None:
    """The translation of one whole sentence; None where the catalogue has none."""
    exact, sentences = _catalogue()
    if (found := exact.get(text)) is not None or depth > _DEEPEST:
        return found
    for sentence in sentences:
        if all(words in text for words in sentence.words) and (match := _compiled(sentence.pattern).fullmatch(text)):
            parts = {}
            for name, value in match.groupdict().items():
                parts[name] = part = _Part(value.replace(".", ",") if name in sentence.numbers else value)
                part.depth = depth + 1
            return sentence.said.format_map(parts)
    return None


class _Part(str):
    """What stood in a placeholder; the format `say` says it in Portuguese."""

    __slots__ = ("depth",)
    depth: int

    def __format__(self, how: str) -> str:
        return _translated(str(self), self.depth) if how == "say" else str(self)


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
