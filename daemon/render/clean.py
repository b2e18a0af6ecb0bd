"""Text from outside made safe to show: no control character reaches a terminal, a log or a page.

A label or a comment may hold an escape sequence that rewrites the screen, or a bidirectional override that shows a word
backwards (CVE-2021-42574); here they vanish, and the text stays on one line unless it may have several.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor
    "|(?:\x1b[]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)"  # titles, links, clipboard
    "|\x1b[ -/]*[0-~]"  # the rest, and what has no end
)
"""Whole escape sequences of ECMA-48, so that what they carried does not stay behind as text."""
_LINE_ENDS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    if category not in {"Cc", "Zl", "Zp"}:
        return character
    return "" if category == "Cc" and character not in "\t\n\r\v\f\x85" else " "


def scrub(text: str) -> str:
    """The text without escape sequences, control and invisible characters; blanks stay, line ends become blanks."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_plain, _INVISIBLE.sub("", _ESCAPES.sub("", text))))


def one_line(text: str) -> str:
    """Scrubbed, with every run of blanks as one, and none at the ends."""
    return " ".join(scrub(text).split())


def lines(text: str) -> str:
    """Scrubbed line by line: only line ends stay, without blanks before them or empty lines around the text."""
    return "\n".join(scrub(line).rstrip() for line in _LINE_ENDS.sub("\n", text).split("\n")).strip("\n")
