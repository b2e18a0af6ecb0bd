"""Validates the configuration part by part, so that an error in one hides none in another.

A part is one entry of a section of named things (one source, one rule, one person) or a whole other section. Parts that
lack a credential or a setting of this machine are off, and the rest is valid without them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daemon import plugins
from daemon.configuration.document import Document, Node
from daemon.configuration.models import Config
from daemon.configuration.problems import Path, Problem, path_text, shown, suggestion
from daemon.configuration.words import Complaint, complaints
from triggers.base import MetricSpec, SourceConfig

M = TypeVar("M", bound=BaseModel)

FAMILIES: Final = {"sources": "source", "receivers": "notifier"}
"""The sections whose entries are plugins' own, and the family of each."""

NAMED: Final = ("rules", "people", "schedules", "escalation", "playbooks")
"""The other sections of named things."""

_WORDS: Final = {"sources": "source", "receivers": "receiver"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_UNSET = re.compile(r"environment variable (\S+) is not set")
_NUMBERS: Final = frozenset({"int_type", "int_from_float", "float_type", "bool_type"})
_DATES: Final = frozenset({"date_type", "datetime_type", "time_type", "time_delta_type"})


class Off(NamedTuple):
    """A part that is off because something it needs is not there; `line` is where the part begins in the file."""

    part: str
    reason: str
    line: int


@dataclass
class Parts:
    """What has been found valid so far, what is off, and what is wrong."""

    document: Document
    environ: Mapping[str, str]
    valid: dict[str, dict[str, Any]] = field(default_factory=dict)
    single: dict[str, Any] = field(default_factory=dict)
    off: list[Off] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    specs: dict[str, Sequence[MetricSpec]] = field(default_factory=dict)
    every_ms: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Sections in which some entry is not valid."""

    def names(self, section: str) -> list[str]:
        """What is defined in a section, valid or not, off or not."""
        node = self.document.root.child(section)
        return list(node.value) if node and isinstance(node.value, dict) else []

    def error(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note an error at a path."""
        self.problems.append(self.document.problem(path, message, key=key))

    def warn(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note a warning at a path."""
        self.problems.append(self.document.problem(path, message, key=key, warning=True))


def validate(document: Document, environ: Mapping[str, str]) -> Parts:
    """Validate every part of a document."""
    parts = Parts(document, environ, problems=list(document.problems))
    known = list(Config.model_fields)
    for section, node in document.root.value.items():
        if section not in known:
            parts.error((section,), "unknown section; " + suggestion(section, known), key=True)
        elif node.value is None:
            continue  # all its lines are commented out
        elif section in FAMILIES or section in NAMED:
            _entries(parts, section, node)
        else:
            _single(parts, section)
    return parts


def _entries(parts: Parts, section: str, node: Node) -> None:
    if not isinstance(node.value, dict):
        parts.error((section,), "a mapping of names to their definitions is wanted here")
        parts.broken.add(section)
        return
    valid = parts.valid.setdefault(section, {})
    for name in node.value:
        before = len(parts.problems)
        _check_name(parts, (section, name))
        entry = _plugin(parts, section, name) if section in FAMILIES else _entry(parts, section, name)
        if entry is not None:
            valid[name] = entry
        if any(p.severity == "error" for p in parts.problems[before:]):
            parts.broken.add(section)


def _check_name(parts: Parts, path: Path) -> None:
    if not _NAME.fullmatch(str(path[-1])):
        parts.error(path, "a name is made of letters without accents, digits, - _ and . (at most 100)", key=True)


def _single(parts: Parts, section: str) -> None:
    entry = _settled(parts, Config, (section,), lambda node: {section: node.plain()})
    if entry is not None:
        parts.single[section] = getattr(entry, section)


def _entry(parts: Parts, section: str, name: str) -> Any:
    entry = _settled(parts, Config, (section, name), lambda node: {section: {name: node.plain()}})
    return getattr(entry, section)[name] if entry is not None else None


def _settled(parts: Parts, model: type[M], path: Path, wrap: Any) -> M | None:
    """Validate the value at a path; what lacks a setting within it is left out and noted as off."""
    for _ in range(1_000):
        node = _at(parts.document.root, path)
        entry, errors = validated(model, wrap(node), parts.environ)
        found = complaints(errors, parts.document.root, model)
        if entry is not None:
            return entry
        lacking = next((c for c in found if c.absent), None)
        if lacking is None or any(not c.absent for c in found):
            wrong = [c for c in found if not c.absent]
            _note(parts, (), wrong)
            return _without_unknown(parts, model, path, wrap, wrong)
        _leave_out(parts, lacking)
    return None


def _without_unknown(parts: Parts, model: type[M], path: Path, wrap: Any, wrong: Sequence[Complaint]) -> M | None:
    """The entry as it would be without its unknown keys, so that what it refers to is checked in the same run."""
    node = _at(parts.document.root, path)
    for complaint in wrong:
        within = complaint.path[len(path) :]
        if not complaint.key or not within:
            return None
        node = node.without(within)
    return validated(model, wrap(node), parts.environ)[0]


def _leave_out(parts: Parts, lacking: Complaint) -> None:
    """Take what lacks its setting out of the document, with what makes no sense without it."""
    path = lacking.path
    if path[:2] == ("telemetry", "heartbeat"):
        path = path[:2]
    elif path[:1] == ("people",):
        path = path[:4]  # people, ana, contacts, 0
    line = parts.document.place(path, key=True)[0]
    name = f"{path[1]}'s contact {lacking.path[-1]}" if path[0] == "people" else path_text(path)
    parts.off.append(Off(name, lacking.message, line))
    parts.document = parts.document._replace(root=parts.document.root.without(path))


def _at(node: Node, path: Path) -> Node:
    for part in path:
        child = node.child(part)
        if child is None:
            return Node({}, node.place, {}, 1)
        node = child
    return node


def _note(parts: Parts, base: Path, found: Sequence[Complaint]) -> None:
    for complaint in found:
        parts.error(base + complaint.path, complaint.message, key=complaint.key)


def _plugin(parts: Parts, section: str, name: str) -> Any:
    """Validate one source or receiver by the `Config` of its kind's module; None where it is off or wrong."""
    path, family = (section, name), FAMILIES[section]
    node = _at(parts.document.root, path)
    module = _module(parts, path, family)
    if module is None:
        return None
    model: type[BaseModel] = module.Config
    entry, errors = validated(model, node.plain(), parts.environ)
    found = complaints(errors, node, model)
    wrong = [c for c in found if not c.absent]
    _note(parts, path, wrong)
    if entry is None and not wrong:
        reason = _together([c.message for c in found])
        parts.off.append(Off(f"{_WORDS[section]} {name}", reason, parts.document.place(path, key=True)[0]))
    if section == "sources":
        _declare(parts, name, module.metrics, entry, _stand_in(model, node))
    return entry


def _together(reasons: Sequence[str]) -> str:
    """Several reasons as one line; variables that are all not set are said once."""
    different = list(dict.fromkeys(reasons))
    names = [found[1] for reason in different if (found := _UNSET.fullmatch(reason))]
    others = [reason for reason in different if not _UNSET.fullmatch(reason)]
    if len(names) > 1:
        others.insert(0, f"environment variables {', '.join(names[:-1])} and {names[-1]} are not set")
        return "; ".join(others)
    return "; ".join(different)


def _module(parts: Parts, path: Path, family: str) -> Any:
    node = _at(parts.document.root, path)
    kinds = plugins.kinds(family)
    if not isinstance(node.value, dict):
        parts.error(path, f"a mapping is wanted here, like {{kind: {kinds[0] if kinds else '…'}}}")
        return None
    kind = node.child("kind")
    if kind is None:
        parts.error(path, 'the key "kind" is missing here; ' + suggestion("", kinds), key=True)
        return None
    if not isinstance(kind.value, str) or kind.value not in kinds:
        parts.error((*path, "kind"), f'unknown kind "{shown(kind.plain())}"; ' + suggestion(str(kind.plain()), kinds))
        return None
    try:
        return plugins.load(family, kind.value)
    except ImportError as err:
        parts.error((*path, "kind"), f"this kind cannot be loaded here: {shown(err, 200)}")
        return None


def _declare(parts: Parts, name: str, metrics: Any, *configs: BaseModel | None) -> None:
    """Note what a source brings, as it is and as it could be with other settings of this machine.

    Whether a rule is right does not hang on whether this machine has a setting, or which.
    """
    specs: dict[str, MetricSpec] = {}
    for config in configs:
        if isinstance(config, SourceConfig):
            added = tuple(config.labels)
            specs |= {spec.name: spec._replace(labels=(*spec.labels, *added)) for spec in metrics(config)}
            parts.every_ms[name] = config.every
    if specs:
        parts.specs[name] = tuple(specs.values())


_STAND_INS: Final = ("https://absent.invalid/", "absent", "absent@absent.invalid", "1")
_STAND_IN: Final = "RECUO_STAND_IN"


def _stand_in(model: type[BaseModel], node: Node) -> BaseModel | None:
    """A source as it would be with something in place of what it refers to; None where it refers to nothing."""
    plain, count = _with_stand_ins(node.plain())
    if not count:
        return None
    tried = (validated(model, plain, {_STAND_IN: text})[0] for text in _STAND_INS)
    return next((entry for entry in tried if entry is not None), None)


def _with_stand_ins(value: Any) -> tuple[Any, int]:
    """The value with each of its references leading to the stand-in, and how many there were."""
    if isinstance(value, dict):
        if len(value) == 1 and set(value) <= {"env", "file", "credential"}:
            return {"env": _STAND_IN}, 1
        found = {key: _with_stand_ins(item) for key, item in value.items()}
        return {key: item for key, (item, _) in found.items()}, sum(count for _, count in found.values())
    if isinstance(value, list):
        items = [_with_stand_ins(item) for item in value]
        return [item for item, _ in items], sum(count for _, count in items)
    return value, 0


def validated(model: type[M], plain: Any, environ: Mapping[str, str]) -> tuple[M | None, list[ErrorDetails]]:
    """The model's instance, or what is wrong.

    Python values are validated leniently, since a list of the file is a tuple in a model and a word is an enum; then
    the same as JSON strictly, of which only scalars taken for another type count: `"5"` is no number, `1` no boolean.
    """
    context = {"environ": environ}
    entry, errors = None, list[ErrorDetails]()
    try:
        entry = model.model_validate(plain, context=context)
    except ValidationError as err:
        errors = err.errors(include_url=False)
    try:
        model.model_validate_json(json.dumps(plain), strict=True, context=context)
    except ValidationError as err:
        seen = {e["loc"] for e in errors}
        errors += [e for e in err.errors(include_url=False) if e["loc"] not in seen and _is_coerced(e)]
    return (None if errors else entry), errors


def _is_coerced(error: ErrorDetails) -> bool:
    value = error["input"]
    if error["type"] in _NUMBERS:
        return isinstance(value, str | int | float)
    return error["type"] in _DATES and isinstance(value, int | float)
