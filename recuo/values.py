"""The values that every package speaks in: instants, durations, ratios, labels, secrets.

Instants are whole milliseconds since the epoch, UTC, as in Prometheus: sums of them are exact, so
`now - active_at >= for` never depends on rounding. Durations are whole milliseconds too. Only what a person
reads or writes is text: RFC 3339 for instants, `5m` or `1h30m` for durations (Prometheus' notation).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Instant: TypeAlias = int
"""Milliseconds since 1970-01-01T00:00:00Z."""

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label pairs sorted by name: hashable, and equal exactly when the label sets are."""

_UNIT_MS: Final[Mapping[str, int]] = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_DURATION_ORDER: Final = ("y", "w", "d", "h", "m", "s", "ms")
_MAX_DURATION_MS: Final = 10 * _UNIT_MS["y"]


def labels_of(pairs: Mapping[str, str]) -> Labels:
    """The canonical form of a label set."""
    return tuple(sorted(pairs.items()))


def parse_duration(text: str) -> int:
    """Milliseconds in a duration such as `90s`, `5m`, `1h30m`, `250ms`.

    Units go from large to small, each at most once, as in Prometheus' configuration. Raises ValueError, with
    what would be right, for anything else: a bare number has no unit and is refused.
    """
    if text == "0":
        return 0
    match = _DURATION.fullmatch(text)
    if not match or not text:
        raise ValueError(f"{text!r} is not a duration; write a number with its unit, like 90s, 5m or 1h30m")
    total_ms = sum(int(n) * _UNIT_MS[unit] for n, unit in zip(match.groups(), _DURATION_ORDER, strict=True) if n)
    if total_ms > _MAX_DURATION_MS:
        raise ValueError(f"{text!r} is longer than ten years")
    return total_ms


def format_duration(duration_ms: int) -> str:
    """A duration as a person writes it: 90000 is `1m30s`; parse_duration reads it back exactly."""
    if duration_ms < 0:
        return "-" + format_duration(-duration_ms)
    parts, left = [], duration_ms
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _UNIT_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


_BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def format_number(value: float) -> str:
    """A number with four significant digits, and all of those before the point."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def format_quantity(value: float, unit: str | None) -> str:
    """A value with its unit (`ms s ratio bytes count info` as sources declare): 0.8 of `ratio` is `80%`."""
    if unit == "ratio":
        return f"{format_number(value * 100)}%"
    if unit == "bytes":
        size, power = value, 0
        while abs(size) >= 1024 and power < len(_BYTES) - 1:
            size, power = size / 1024, power + 1
        return f"{format_number(size)} {_BYTES[power]}"
    if unit == "ms" and abs(value) >= 10_000:
        return f"{format_number(value / 1000)} s"
    return f"{format_number(value)} {unit}" if unit in {"ms", "s"} else format_number(value)


def rfc3339(at: Instant) -> str:
    """An instant as RFC 3339 in UTC, with milliseconds only where there are some."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{at % 1000:03d}" if at % 1000 else "") + "Z"


def parse_instant(text: str) -> Instant:
    """An instant from RFC 3339 (with its offset) or from seconds since the epoch. Raises ValueError otherwise."""
    try:
        return round(float(text) * 1000)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an instant; write it like 2026-11-23T03:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} does not say its offset; write 2026-11-23T03:00:00Z or …-03:00")
    return round(moment.timestamp() * 1000)


def _duration_value(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise PydanticCustomError("duration", "a duration is wanted here, like 90s or 5m")
    if isinstance(value, int) and value != 0:
        raise PydanticCustomError("duration", "{value} has no unit; write {value}s or {value}m", {"value": value})
    try:
        return parse_duration(str(value))
    except ValueError as err:
        raise PydanticCustomError("duration", "{why}", {"why": str(err)}) from None


def _ratio_value(value: object) -> float:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s?%", value)):
        return float(match[1]) / 100
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise PydanticCustomError("ratio", "a share is wanted here: 1% or 0.01, between 0 and 1")


Duration = Annotated[
    int,
    BeforeValidator(_duration_value),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(ms|[ywdhms]))+$|^0$", "examples": ["90s", "5m"]}),
]
"""A configuration field written `5m`; in code, milliseconds."""

Ratio = Annotated[
    float,
    BeforeValidator(_ratio_value),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)? ?%$"}, {"type": "number"}]}),
]
"""A configuration field written `1%` or `0.01`; in code, 0.01."""

ABSENT: Final = "absent"
"""The pydantic error type of a credential or setting that is not there: its part of the configuration is off."""

_REFERENCE_SCHEMA: Final[JsonSchemaValue] = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {
        "env": {"type": "string", "description": "an environment variable's name"},
        "file": {"type": "string", "description": "a file that holds it"},
        "credential": {"type": "string", "description": "a systemd credential's name (LoadCredential=)"},
    },
}


def read_reference(value: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """What `{env: NAME}`, `{file: PATH}` or `{credential: NAME}` points at, without a trailing line end.

    Raises PydanticCustomError of type `absent` where nothing is there, of another type where the reference
    itself is wrong. Credentials are looked up in $CREDENTIALS_DIRECTORY (systemd.exec(5), "Credentials").
    """
    if len(value) != 1 or next(iter(value)) not in _REFERENCE_SCHEMA["properties"]:
        raise PydanticCustomError("reference", "write it as {env: NAME}, {file: PATH} or {credential: NAME}")
    ((where, name),) = value.items()
    if not isinstance(name, str) or not name:
        raise PydanticCustomError("reference", "{where} wants a name", {"where": where})
    if where == "env":
        if not (found := environ.get(name, "")):
            raise PydanticCustomError(ABSENT, "environment variable {name} is not set", {"name": name})
        return found
    return _read_reference_file(where, name, environ)


def _read_reference_file(where: str, name: str, environ: Mapping[str, str]) -> str:
    path = Path(name)
    if where == "credential":
        if "/" in name or name in {".", ".."}:
            raise PydanticCustomError("reference", "a credential is a plain name, not a path")
        directory = environ.get("CREDENTIALS_DIRECTORY", "")
        if not directory:
            raise PydanticCustomError(ABSENT, "systemd credential {name} is not there", {"name": name})
        path = Path(directory) / name
    try:
        if path.exists() and not path.is_file():  # a pipe or a device could be read for ever
            raise PydanticCustomError("reference", "{path} is not a plain file", {"path": str(path)})
        found = path.read_text("utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise PydanticCustomError(ABSENT, "file {path} is not there", {"path": str(path)}) from None
    except (OSError, UnicodeDecodeError) as err:
        why = getattr(err, "strerror", None) or "not UTF-8 text"
        facts = {"path": str(path), "why": why}
        raise PydanticCustomError("reference", "{path} cannot be read: {why}", facts) from None
    if not found:
        raise PydanticCustomError(ABSENT, "file {path} is empty", {"path": str(path)})
    return found


def _environ(info: core_schema.ValidationInfo) -> Mapping[str, str]:
    context = info.context or {}
    found: Mapping[str, str] = context.get("environ", os.environ)
    return found


class Secret:
    """A credential: written in configuration only as a reference, and never shown by repr, str, log or JSON."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself; call it only where it is used."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate from a reference; plain text is refused, since secrets never stand in the file in clear."""

        def validate(value: object, info: core_schema.ValidationInfo) -> Secret:
            if isinstance(value, Secret):
                return value
            if not isinstance(value, Mapping):
                raise PydanticCustomError(
                    "secret",
                    "a secret never stands in the file; write {env: NAME}, {file: PATH} or {credential: NAME}",
                )
            return cls(read_reference(value, _environ(info)))

        return core_schema.with_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(lambda _: "***")
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return dict(_REFERENCE_SCHEMA)


def _setting_value(value: object, info: core_schema.ValidationInfo) -> str:
    if isinstance(value, Mapping):
        return read_reference(value, _environ(info))
    if isinstance(value, str) and value:
        return value
    raise PydanticCustomError("setting", "text is wanted here, or {env: NAME}, {file: PATH}, {credential: NAME}")


Setting = Annotated[
    str,
    BeforeValidator(_setting_value),
    WithJsonSchema({"anyOf": [{"type": "string"}, dict(_REFERENCE_SCHEMA)]}),
]
"""Text that may differ between machines (an address): plain, or by reference. Absent, its part is off."""
