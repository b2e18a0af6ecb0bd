"""A page of plain text for a terminal: lines of styled parts, tables whose columns line up, nothing wider than it is.

Whatever is put on a page is scrubbed of control characters here, in one place; styles are added after that.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from daemon.language import say
from daemon.render import units
from daemon.render.clean import scrub
from daemon.render.words import WORDS
from recuo.values import Instant

_CODES: Final = {"": "", "bad": "31", "warn": "33", "good": "32", "dim": "2", "bold": "1", "title": "1;4"}
_ASCII: Final = str.maketrans(
    {
        **dict(zip("●○◐✔✖⚠▸·–—…→│", ["*", "o", "o", "+", "x", "!", ">", "-", "-", "-", "...", "->", "|"], strict=True)),
        **dict(zip("▁▂▃▄▅▆▇█▔", "._-~=+*#^", strict=True)),
        "÷": "/",
        "×": "x",
        "≥": ">=",
        "≤": "<=",
    }
)


_NARROWEST: Final = 30
"""A last column with less room than this stands on lines of its own."""


class Part(NamedTuple):
    """Some text, and how it looks: a key of the styles above."""

    text: str
    style: str = ""


Parts = str | Part | Sequence[str | Part]
"""A line or a cell: text, one part, or several in a row."""


class Look(NamedTuple):
    """How and for whom a page is rendered: everything that it depends on beside the facts."""

    locale: str
    zone: tzinfo
    now: Instant
    width: int = 100
    colour: bool = False
    unicode: bool = True

    def word(self, key: str, **facts: object) -> str:
        """The words under a key in the reader's language, with the facts in their places."""
        words = WORDS[self.locale][key]
        return words.format_map({name: str(fact) for name, fact in facts.items()}) if facts else words

    def say(self, text: str) -> str:
        """A sentence of the daemon's, which is English in its answers, in the reader's language."""
        return say(text, self.locale)

    def clock(self, at: Instant | None) -> str:
        """An instant in the service's time zone; a dash for none."""
        return "–" if at is None else units.clock(at, self.zone, self.now, self.locale)

    def ago(self, at: Instant | None) -> str:
        """How long ago, or in how long; a dash for none."""
        if at is None:
            return "–"
        distance = self.now - at
        if abs(distance) < 1_000:
            return self.word("now")
        return self.word("ago" if distance > 0 else "in", span=units.span(abs(distance)))


class Page:
    """Lines, put one after the other, and read as text at the end."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._lines: list[str] = []

    def line(self, *parts: str | Part, indent: int = 0) -> None:
        """One line; what does not fit is wrapped between words, under its own start."""
        for number, row in enumerate(_wrapped(_parts(parts), self.look.width - indent)):
            hang = indent if number == 0 else indent + 2
            self._lines.append((" " * hang + self._styled(row)).rstrip())

    def unbroken(self, text: str, indent: int = 0) -> None:
        """One line that is not wrapped, however wide: something to be copied."""
        self._lines.append(" " * indent + scrub(text))

    def gap(self) -> None:
        """An empty line, unless there is one."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def heading(self, key: str) -> None:
        """A heading, by its key in the words."""
        self.gap()
        self.line(Part(self.look.word(key), "bold"))

    def table(self, rows: Iterable[Sequence[Parts]], indent: int = 2) -> None:
        """Rows of cells, columns aligned; the last column is wrapped within what is left of the width."""
        cells = [[_parts(cell) for cell in row] for row in rows]
        columns = max((len(row) for row in cells), default=0)
        widths = [max((_width_of(row[i]) for row in cells if i < len(row)), default=0) for i in range(columns)]
        widths = _within(widths[:-1], self.look.width - indent, max(16, (self.look.width - indent) // 3))
        for row in cells:
            self._row(row, widths, indent)

    def _row(self, row: Sequence[Sequence[Part]], widths: Sequence[int], indent: int) -> None:
        lead = " " * indent
        for cell, width in zip(row, widths, strict=False):
            cut = _cut(cell, width)
            lead += self._styled(cut) + " " * (width - _width_of(cut) + 2)
        start = indent + sum(widths) + 2 * len(widths)
        last = row[len(widths)] if len(row) > len(widths) else []
        if self.look.width - start < _NARROWEST and _width_of(last) > self.look.width - start:
            self._lines.append(lead.rstrip())
            start = indent + 4
            lead = " " * start
        for number, piece in enumerate(_wrapped(last, self.look.width - start) or [[]]):
            self._lines.append(((lead if number == 0 else " " * start) + self._styled(piece)).rstrip())

    def text(self) -> str:
        """The page, with a line end after each line."""
        whole = "\n".join(self._lines).strip("\n").replace(units.NO_BREAK, " ") + "\n"
        return whole if self.look.unicode else whole.translate(_ASCII)

    def _styled(self, parts: Iterable[Part]) -> str:
        if not self.look.colour:
            return "".join(part.text for part in parts)
        return "".join(
            f"\x1b[{_CODES[part.style]}m{part.text}\x1b[0m" if part.style and part.text else part.text for part in parts
        )


def _parts(parts: Parts) -> list[Part]:
    """Every text that goes on a page comes through here, and loses what is no text."""
    if isinstance(parts, str):
        return [Part(scrub(parts))]
    if isinstance(parts, Part):
        return [Part(scrub(parts.text), parts.style)]
    return [clean for part in parts for clean in _parts(part)]


def _within(widths: Sequence[int], whole: int, most: int) -> list[int]:
    """Column widths that fit side by side: none above `most`, and the widest give way first."""
    fitted = [min(width, most) for width in widths]
    while fitted and sum(fitted) + 2 * len(fitted) - 2 > whole and max(fitted) > 1:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def width_of(text: str) -> int:
    """How many cells of a terminal a text takes: combining characters none, wide ones two (UAX #11)."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(c) or c in "\u200c\u200d\ufe0e\ufe0f"
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def _width_of(parts: Iterable[Part]) -> int:
    return sum(width_of(part.text) for part in parts)


def _cut(parts: Sequence[Part], width: int) -> list[Part]:
    """The parts within a width; what is cut ends in an ellipsis."""
    if _width_of(parts) <= width:
        return list(parts)
    kept: list[Part] = []
    left = width - 1
    for part in parts:
        text = ""
        for character in part.text:
            if (left := left - width_of(character)) < 0:
                return [*kept, Part(f"{text}…", part.style)]
            text += character
        kept.append(Part(text, part.style))
    return kept


def _wrapped(parts: Iterable[Part], width: int) -> list[list[Part]]:
    """The parts in lines no wider than the width, broken at blanks; a longer word is cut into pieces.

    Lines after the first are two narrower: they hang below it.
    """
    rows: list[list[Part]] = [[]]
    used = 0
    for blanks, word in _words(parts, max(8, width - 2)):
        size = _width_of(word)
        if used and used + blanks + size > width - (2 if len(rows) > 1 else 0):
            rows.append(list(word))
            used = size
        else:
            rows[-1] += [Part(" " * blanks), *word] if blanks else word
            used += blanks + size
    return [row for row in rows if row]


def _words(parts: Iterable[Part], longest: int) -> Iterable[tuple[int, list[Part]]]:
    """Words, which may be of several parts, and how many blanks stand before each; none is longer than a line."""
    blanks, size, word = 0, 0, list[Part]()
    for character, style in ((character, part.style) for part in parts for character in part.text):
        wide = width_of(character)
        if (character == " " and word) or size + wide > longest:
            yield blanks, word
            blanks, size, word = 0, 0, []
        if character == " ":
            blanks += 1
            continue
        size += wide
        if word and word[-1].style == style:
            word[-1] = Part(word[-1].text + character, style)
        else:
            word.append(Part(character, style))
    if word:
        yield blanks, word
