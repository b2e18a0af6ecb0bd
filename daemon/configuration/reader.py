"""Reads YAML into plain values of which each knows its line and column; refuses what a configuration has no need of.

Plain scalars are read by the core schema of YAML 1.2 (chapter 10.3), in which only `true` and `false` are booleans:
`no`, `on` and `12:30` are text, `010` is ten. Keys are always text. Refused, each with its place: duplicate and merge
(`<<`) keys, tags, directives, more than one document, aliases that point into themselves or blow the file up, values
nested deeper than 32, control characters, numbers that are infinite or not a number. libyaml's events are composed here
and not by PyYAML, whose composer recurses without bound.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from daemon.configuration.document import Document, Node, Place
from daemon.configuration.problems import ConfigError, Problem, path_text, shown

MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 50_000
"""Values in the file, those that an alias repeats counted each time."""

MAX_PROBLEMS: Final = 100
"""Beyond so many a person starts with the first ones."""

_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MAX_DIGITS: Final = 18
# C0 and C1 controls but tab and line ends; lone surrogates; marks that reorder text or cannot be seen.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a configuration file. Raises ConfigError where it cannot be read or is no plain file."""
    name = os.fspath(path)
    try:
        # O_NONBLOCK: opening a named pipe that nobody writes to would wait for ever.
        with open(name, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK | os.O_CLOEXEC)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                _refuse(name, (1, 1), "this is not a plain file")
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _refuse(name, (1, 1), "there is no such file; name the configuration with --config FILE")
    except IsADirectoryError:
        _refuse(name, (1, 1), "this is a directory; name the file in it")
    except PermissionError:
        _refuse(name, (1, 1), "this user may not read it")
    except ValueError:
        _refuse(name, (1, 1), "this is not a file name")
    except OSError as err:
        _refuse(name, (1, 1), f"it cannot be read: {err.strerror}")


def read(content: bytes, file: str) -> Document:
    """Compose a configuration's bytes. Raises ConfigError where nothing more can be said of what is in them."""
    text = _decode(content, file)
    composer = _Composer(file, text)
    try:
        root = composer.document()
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        _refuse(file, place, _syntax_words(err, text), composer.problems)
    except (yaml.YAMLError, UnicodeError):
        _refuse(file, (1, 1), "this is not YAML", composer.problems)
    if root is None or root.value is None:
        _refuse(file, (1, 1), "the file is empty; at least `rules:` is wanted", composer.problems)
    if not isinstance(root.value, dict):
        _refuse(file, root.place, "the file is a mapping of sections, like `rules:` and `sources:`", composer.problems)
    return Document(file, root, composer.problems)


def _refuse(file: str, place: Place, message: str, others: list[Problem] | None = None) -> NoReturn:
    raise ConfigError([*(others or []), Problem(file, *place, "", message)]) from None


def _decode(content: bytes, file: str) -> str:
    if len(content) > MAX_BYTES:
        _refuse(file, (1, 1), f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        before = content[: err.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        _refuse(file, (line, column), "this is not text in UTF-8")
    if found := _CONTROL.search(text):
        _refuse(file, _place_of(text, found.start()), f"a control character (U+{ord(found[0]):04X}) stands here")
    return text


def _place_of(text: str, index: int) -> Place:
    start = text.rfind("\n", 0, index) + 1
    return text.count("\n", 0, index) + 1, index - start + 1


def _syntax_words(err: yaml.MarkedYAMLError, text: str) -> str:
    """The parser's complaint in words that say what to do, where it is one of the usual ones."""
    mark, problem = err.problem_mark, err.problem or "this is not YAML"
    at = text.splitlines()[mark.line][mark.column :] if mark and mark.line < len(text.splitlines()) else ""
    if at.startswith("\t") or "tab" in problem:
        return "a tab stands here; indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a colon too many, or a line indented too far: text with `: ` in it wants quotes"
    if "cannot start any token" in problem:
        return f'no value can begin with "{shown(at[:1])}"; put the text in quotes'
    if "found unknown escape" in problem:
        return "no such escape after the backslash; write text with backslashes in single quotes"
    if "could not find expected ':'" in problem:
        return "a colon is missing after this key, or the text wants quotes"
    if "did not find expected key" in problem:
        return "this line is indented unlike its neighbours, or the quote or bracket before it is not closed"
    if "did not find expected node content" in problem:
        return "a value is missing here, between the comma or bracket before and the one after"
    if "expected ',' or" in problem:
        return "a comma is missing before this, or a bracket before it is not closed"
    return f"this is not YAML: {shown(problem, 120)}"


class _Composer:
    """Composes libyaml's events into nodes, within bounds."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.problems = file, list[Problem]()
        self._parser = yaml.CSafeLoader(text)
        self._anchors: dict[str, Node | None] = {}
        self._count = 0
        self._path: list[str | int] = []

    def document(self) -> Node | None:
        """The one document of the stream, or None where there is none."""
        self._next()
        event = self._next()
        if isinstance(event, StreamEndEvent):
            return None
        if isinstance(event, DocumentStartEvent) and (event.tags or event.version not in {None, (1, 2)}):
            self._note(
                event, "tags are not read" if event.tags else "this is read as YAML 1.2; leave the %YAML line out"
            )
        root = self._node(self._next(), 0)
        self._next()
        if not isinstance(after := self._next(), StreamEndEvent):
            self._stop(after, "a second document begins here; a configuration is one")
        return root

    def _next(self) -> Event:
        event = self._parser.get_event()
        assert event is not None  # there is none only after the end of the stream
        return event

    def _note(self, event: Event, message: str) -> None:
        if len(self.problems) == MAX_PROBLEMS:
            raise ConfigError(self.problems)
        self.problems.append(Problem(self.file, *_place(event), path_text(tuple(self._path)), message))

    def _stop(self, event: Event, message: str) -> NoReturn:
        self._note(event, message)
        raise ConfigError(self.problems)

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            return self._alias(event)
        self._grow(event, 1)
        if depth > MAX_DEPTH:
            self._stop(event, f"values are nested deeper than {MAX_DEPTH}")
        if getattr(event, "tag", None) is not None:
            self._note(event, f"tags like {shown(event.tag)} are not read; write the value alone")
        anchor = event.anchor
        if anchor:
            self._anchors[anchor] = None  # until it is whole, an alias to it points into itself
        node = self._whole(event, depth)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _whole(self, event: Event, depth: int) -> Node:
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, depth)
        assert isinstance(event, ScalarEvent)
        return Node(self._scalar(event), _place(event), {}, 1)

    def _grow(self, event: Event, size: int) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            self._stop(event, f"there are more than {MAX_VALUES} values, those counted that aliases repeat")

    def _alias(self, event: AliasEvent) -> Node:
        if event.anchor not in self._anchors:
            self._stop(event, f"no anchor &{shown(event.anchor)} stands before this alias")
        node = self._anchors[event.anchor]
        if node is None:
            self._stop(event, f"the alias *{shown(event.anchor)} stands inside what it points at")
        self._grow(event, node.size)
        return node

    def _sequence(self, start: Event, depth: int) -> Node:
        items, size = list[Node](), 1
        while not isinstance(event := self._next(), SequenceEndEvent):
            self._path.append(len(items))
            items.append(self._node(event, depth + 1))
            self._path.pop()
            size += items[-1].size
        return Node(items, _place(start), {}, size)

    def _mapping(self, start: Event, depth: int) -> Node:
        values, keys, size = dict[str, Node](), dict[str, Place](), 1
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._key(event, keys)
            self._path.append(key or "")
            node = self._node(self._next(), depth + 1)
            self._path.pop()
            size += node.size
            if key is not None:
                values[key], keys[key] = node, _place(event)
        return Node(values, _place(start), keys, size)

    def _key(self, event: Event, keys: Mapping[str, Place]) -> str | None:
        """A key that can be taken, or None where it has been complained of."""
        if not isinstance(event, ScalarEvent):
            self._stop(event, "a key is plain text; put text that begins with [, {, & or * in quotes")
        if event.tag is not None:
            self._note(event, f"tags like {shown(event.tag)} are not read; write the key alone")
        key = self._text(event)
        if event.value == "<<" and not event.style:
            self._note(event, "merge keys (<<) are not read; an alias can stand for a whole value")
            return None
        if not key:
            self._note(event, "a key is missing before this colon")
            return None
        if key in keys:
            self._note(event, f'"{shown(key)}" stands here twice; the first is on line {keys[key][0]}')
            return None
        return key

    def _text(self, event: ScalarEvent) -> str:
        text: str = event.value
        if found := _CONTROL.search(text):
            self._note(event, f"a control character (U+{ord(found[0]):04X}) stands in this text")
            return "\N{REPLACEMENT CHARACTER}"
        return text

    def _scalar(self, event: ScalarEvent) -> object:
        """A scalar's value by the core schema of YAML 1.2, 10.3.2."""
        text = self._text(event)
        if event.style:  # quoted, or a block; libyaml names the plain style ""
            return text
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "+-.0123456789":
            return text
        if _INT.fullmatch(text) or _OCTAL_HEX.fullmatch(text):
            return self._whole_number(event, text)
        if _NOT_FINITE.fullmatch(text):
            self._note(event, "a number is wanted here that is neither infinite nor undefined")
            return 0
        return self._real_number(event, text) if _FLOAT.fullmatch(text) else text

    def _whole_number(self, event: Event, text: str) -> int:
        if len(text) > _MAX_DIGITS:
            self._note(event, "this number is too long; text made of digits wants quotes")
            return 0
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)

    def _real_number(self, event: Event, text: str) -> float:
        number = float(text)
        if math.isinf(number):
            self._note(event, "this number is too large")
            return 0.0
        return number


def _place(event: Event) -> Place:
    assert event.start_mark is not None  # libyaml always says where
    return event.start_mark.line + 1, event.start_mark.column + 1
