"""Finds the sentences that a module can say: its texts with placeholders, as they stand in the source."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ENGLISH: Final = re.compile(
    r"\b(the|is|are|was|not|with|within|without|over|above|below|since|cannot|of|an|and|or|to|than|from|there|this|its"
    r"|it|wanted|has|have|been|by|that|too|more|nothing|nobody|only|off|any|all|in|on|at|does|did|for|gone|known"
    r"|answers?|refused|failed|missing|unknown|empty)\b"
)
"""Words that no Portuguese sentence has (those that both languages know, like `a` and `no`, are left to the reader)."""
_SILENT: Final = frozenset(
    {"info", "exception", "debug", "execute", "MetricSpec", "compile", "_say_once", "option", "argument", "create_task"}
)
"""Calls whose texts no person reads on a screen: logs, SQL, metrics' descriptions, patterns."""
_SQL: Final = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|AND|JOIN|FROM|WHERE)\b")
_FILLINGS: Final = ("7", "a1")
_KEYWORDS: Final = re.compile(
    r"`[^`]*`|\"[^\"]*\"|\{[^}]*\}|--\w+|\w+:(?=\s|$)|above ou below|all, any"
    r"|above com clear|over\b(?= \d| a1)|core dump"
)
"""What stays as the configuration and commands write it, in any language."""


def sentences(path: str) -> list[str]:
    """Every text of a module that reads as an English sentence, placeholders as `{}`."""
    tree = ast.parse(Path(path).read_text("utf-8"))
    found = dict.fromkeys(text for text in _texts(tree) if _is_sentence(text))
    return list(found)


def examples(sentence: str) -> Iterator[str]:
    """The sentence with numbers and with names in its placeholders."""
    holes = sentence.count("{}")
    for filling in itertools.product(_FILLINGS, repeat=min(holes, 6)):
        text = sentence
        for value in itertools.chain(filling, itertools.repeat("7", max(0, holes - 6))):
            text = text.replace("{}", value, 1)
        yield text


def is_portuguese(text: str) -> bool:
    """Whether a text has no English left, beside the words of the configuration and of commands."""
    return not ENGLISH.search(_KEYWORDS.sub(" ", text))


def _is_sentence(text: str) -> bool:
    words = re.sub(r"\{\}", " ", text)
    return bool(re.search(r"[a-z]{2,} +[a-z]", words)) and bool(ENGLISH.search(words)) and not _SQL.match(text)


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and (_name(node.func) in _SILENT or _is_log(node.func)):
        return
    if isinstance(node, ast.keyword) and node.arg in {"description", "pattern"}:
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.sub(r"\{\w*\}", "{}", node.value).replace("{{", "{").replace("}}", "}")
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _texts(child)


def _is_log(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and _name(function.value) == "log"


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
