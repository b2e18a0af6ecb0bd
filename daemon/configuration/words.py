"""Turns pydantic's complaints about a part of the configuration into words with a place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from daemon.configuration.document import Node
from daemon.configuration.problems import Path, either, nearest, shown, suggestion
from recuo.values import ABSENT, format_duration, parse_duration

_WANTED: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "is_instance_of": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "date_type": "a date like 2026-11-23",
    "date_parsing": "a date like 2026-11-23",
    "date_from_datetime_parsing": "a date like 2026-11-23",
}
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("ge", "this is less than {0}, the least that is allowed"),
    "greater_than": ("gt", "this must be more than {0}"),
    "less_than_equal": ("le", "this is more than {0}, the most that is allowed"),
    "less_than": ("lt", "this must be less than {0}"),
    "string_too_short": ("min_length", "this text is too short; at least {0} characters are wanted"),
    "string_too_long": ("max_length", "this text is too long; at most {0} characters are allowed"),
    "too_short": ("min_length", "the list is too short; at least {0} wanted"),
    "too_long": ("max_length", "the list is too long; at most {0} allowed"),
    "multiple_of": ("multiple_of", "this must be a multiple of {0}"),
}
_QUOTED = re.compile(r"'([^']*)'")


class Complaint(NamedTuple):
    """One error, placed in the file: `key` says that the key is at fault and not its value."""

    path: Path
    message: str
    key: bool
    absent: bool


class _Placed(NamedTuple):
    error: ErrorDetails
    path: Path
    node: Node


def complaints(errors: Iterable[ErrorDetails], node: Node, model: type[BaseModel]) -> list[Complaint]:
    """The errors of one model on one part of the file; `loc` and `path` are relative to that part.

    A union complains once for each of its branches: of these, what is said of a value's inside is kept, and what
    different branches want of the value itself is told together.
    """
    placed = [_place(error, node) for error in errors]
    by_path: dict[Path, list[_Placed]] = {}
    for one in placed:
        by_path.setdefault(one.path, []).append(one)
    found = []
    for path, group in by_path.items():
        inside = any(len(other) > len(path) and other[: len(path)] == path for other in by_path)
        kept = [one for one in group if one.error["type"] not in _WANTED]
        if kept:
            # Of a list whose items are wrong, pydantic also says that it is too short.
            found += [_complaint(one, model) for one in kept if not (inside and one.error["type"] == "too_short")]
        elif not inside:
            found.append(Complaint(path, _wanted(group), key=False, absent=False))
    return list(dict.fromkeys(found))


def _place(error: ErrorDetails, node: Node) -> _Placed:
    """Where an error belongs: the parts of `loc` that are no key or index in the file name a branch of a union."""
    path: list[str | int] = []
    for part in error["loc"]:
        child = node.child(part)
        if child is not None:
            path.append(part)
            node = child
    return _Placed(error, tuple(path), node)


def _wanted(group: Sequence[_Placed]) -> str:
    value = group[0].node.value
    wants = either(list(dict.fromkeys(_WANTED[one.error["type"]] for one in group)))
    if value is None:
        return f"nothing stands here; {wants} is wanted"
    if "text" in wants and isinstance(value, bool | int | float):
        return f"{wants} is wanted here; put it in quotes"
    if "number" in wants and isinstance(value, str) and re.fullmatch(r"[-+\d.eE]+", value):
        return f"{wants} is wanted here; leave the quotes out"
    if "list" in wants and not isinstance(value, dict | list):
        return f"{wants} is wanted here; put it in [ ]"
    return f"{wants} is wanted here"


def _complaint(one: _Placed, model: type[BaseModel]) -> Complaint:
    kind = one.error["type"]
    is_key = kind == "extra_forbidden" or one.error["loc"][-1:] == ("[key]",)
    return Complaint(one.path, _message(one, model), key=is_key, absent=kind == ABSENT)


def _message(one: _Placed, model: type[BaseModel]) -> str:
    error, context = one.error, one.error.get("ctx", {})
    kind = error["type"]
    if kind == "extra_forbidden":
        return "unknown key; " + suggestion(
            str(error["loc"][-1]), known_keys(model, error["loc"][:-1]), "none is known here"
        )
    if kind == "missing":
        return f'the key "{error["loc"][-1]}" is missing here'
    if kind in {"literal_error", "enum"}:
        return _choice(one, str(context.get("expected", "")))
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        if name == "min_length" and context.get(name) == 1:
            return "this is empty; at least one entry is wanted" if kind == "too_short" else "this text is empty"
        return words.format(_limit(context.get(name), one.node.value))
    if kind == "string_pattern_mismatch":
        return f"this does not have the form {context.get('pattern', '')}"
    if kind in {"value_error", "assertion_error"}:
        return shown(context.get("error", "this value is not right"), 400)
    return shown(error["msg"].replace("Input should", "this should"), 400)


def _choice(one: _Placed, expected: str) -> str:
    known = _QUOTED.findall(expected)
    wrong = one.error["loc"][-2:-1] if one.error["loc"][-1:] == ("[key]",) else (one.node.value,)
    close = nearest(str(wrong[0]), known) if wrong else None
    return f"{either(known)} is wanted here" + (f'; did you mean "{close}"?' if close else "")


def _limit(limit: object, value: object) -> str:
    """A bound as a person writes it: where the value was written as a duration, so is its bound."""
    if isinstance(value, str) and isinstance(limit, int):
        try:
            parse_duration(value)
        except ValueError:
            return str(limit)
        return format_duration(limit)
    return str(limit)


def known_keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that may stand at a path below a model, as they are written in the file."""
    annotations: list[Any] = [model]
    for part in path:
        annotations = [inner for a in annotations for inner in _inside(a, part)] or annotations
    keys: dict[str, None] = {}
    for found in (each for annotation in annotations for each in _alternatives(annotation)):
        if isinstance(found, type) and issubclass(found, BaseModel):
            keys.update({field.alias or name: None for name, field in found.model_fields.items()})
    return list(keys)


def _alternatives(annotation: Any) -> list[Any]:
    """The types that an annotation allows, without the wrapping."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return [found for inner in get_args(annotation) for found in _alternatives(inner)]
    return [annotation]


def _inside(annotation: Any, part: str | int) -> list[Any]:
    """What may stand under a key or at an index of a value of this type."""
    found = []
    for each in _alternatives(annotation):
        if isinstance(each, type) and issubclass(each, BaseModel):
            found += [f.annotation for name, f in each.model_fields.items() if part in {name, f.alias}]
        elif get_origin(each) is not Literal and (inner := [a for a in get_args(each) if a is not ...]):
            found.append(inner[-1])
    return found
