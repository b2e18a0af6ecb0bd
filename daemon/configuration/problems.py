"""What is wrong with a configuration, told so that a tired person can put it right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes from the top of the file down to a value."""

_LONGEST_NAME = 60
_LONGEST_PATH = 10
_MOST_LINES = 100
_MOST_NAMES = 16


class Problem(NamedTuple):
    """One thing that is wrong, or looks wrong. `line` and `column` count from 1; `path` is for people."""

    file: str
    line: int
    column: int
    path: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """FILE:LINE:COLUMN: PATH: MESSAGE, as compilers write it, so that editors jump there."""
        words = f"{self.path}: {self.message}" if self.path else self.message
        return f"{shown(self.file, 4096)}:{self.line}:{self.column}: {words}"


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds every error in it, by line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.line, p.column, p.path, p.message))
        lines = [str(problem) for problem in self.problems[:_MOST_LINES]]
        if len(self.problems) > _MOST_LINES:
            lines.append(f"and {len(self.problems) - _MOST_LINES} more")
        super().__init__("\n".join(lines))


def shown(name: object, longest: int = _LONGEST_NAME) -> str:
    """A name out of the file as it may stand in a message: on one line, printable, and not endless."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(name))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def path_text(path: Path) -> str:
    """`sources.host.every`, `escalation.default.steps[0]`."""
    text = ""
    for part in path[:_LONGEST_PATH]:
        text += f"[{part}]" if isinstance(part, int) else f".{shown(part)}" if text else shown(part)
    return text + ("…" if len(path) > _LONGEST_PATH else "")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that someone may have meant, or None."""
    by_lower = {name.lower(): name for name in known}
    wrong = word.lower()[:_LONGEST_NAME]
    close = difflib.get_close_matches(wrong, by_lower, n=1, cutoff=0.6)
    if not close and wrong:  # the beginning of a name, or a name with something after it
        close = [name for name in by_lower if name.startswith(wrong) or (name and wrong.startswith(name))]
    return by_lower[close[0]] if len(close) == 1 else None


def suggestion(word: str, known: Sequence[str], nothing: str = "nothing is defined there") -> str:
    """What to write instead of a wrong word: the nearest right one, else all of them where they are few."""
    if close := nearest(word, known):
        return f'did you mean "{shown(close)}"?'
    if not known:
        return nothing
    names = sorted(known)
    return "it can be " + either([shown(name) for name in names[:_MOST_NAMES]], more=len(names) > _MOST_NAMES)


def either(words: Sequence[str], *, more: bool = False) -> str:
    """`a`, `a or b`, `a, b or c`; with an ellipsis where there are more."""
    if more:
        return ", ".join(words) + ", …"
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))
