"""The configuration: read, checked as a whole, and either usable or refused with every error and its place.

    loaded = load("config.yaml")
    loaded.config.rules["latency-high"], loaded.off, loaded.warnings, loaded.digest

`recuo check` prints the same errors. Nothing is taken over from a file that has one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from daemon.configuration.changes import changes
from daemon.configuration.checks import check
from daemon.configuration.models import Config
from daemon.configuration.parts import Off, Parts, validate
from daemon.configuration.people import Schedule
from daemon.configuration.problems import ConfigError, Problem
from daemon.configuration.reader import read, read_file

__all__ = ["Config", "ConfigError", "Loaded", "Off", "Problem", "changes", "json_schema", "load", "loads"]


class Loaded(NamedTuple):
    """A usable configuration.

    `off` lists the parts that lack a credential or a setting; they are not in `config`, and a rule
    on the metrics of a source that is off is right all the same. `digest` is the SHA-256 of the canonical JSON of what
    is in effect, secrets left out. `path` is the file as it was named.
    """

    config: Config
    off: tuple[Off, ...]
    warnings: tuple[Problem, ...]
    digest: str
    path: str


def load(path: str | os.PathLike[str], *, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read and check a configuration file. Raises ConfigError with all errors."""
    return loads(read_file(path), os.fspath(path), environ=environ)


def loads(content: bytes | str, file: str = "config.yaml", *, environ: Mapping[str, str] = os.environ) -> Loaded:
    """The same for a configuration that has been read already; `file` is what its errors name."""
    document = read(content.encode() if isinstance(content, str) else content, file)
    parts = validate(document, environ)
    check(parts)
    if errors := [p for p in parts.problems if p.severity == "error"]:
        raise ConfigError(errors)
    config = _assembled(parts)
    warnings = sorted(parts.problems, key=lambda p: (p.line, p.column))
    off = tuple(sorted(parts.off, key=lambda part: part.line))
    return Loaded(config, off, tuple(warnings), digest(config), file)


def _assembled(parts: Parts) -> Config:
    config = Config(**parts.single, **parts.valid)
    default = {"timezone": config.service.timezone}
    schedules: dict[str, Schedule] = {
        name: schedule if "timezone" in schedule.model_fields_set else schedule.model_copy(update=default)
        for name, schedule in config.schedules.items()
    }
    return config.model_copy(update={"schedules": schedules})


def digest(config: Config) -> str:
    """SHA-256, in hex, of the canonical JSON (sorted keys, no spaces) of a configuration without its secrets."""
    plain = config.model_dump(mode="json", by_alias=True)
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the configuration, with every kind of source and receiver that there is."""
    from daemon.configuration.schema import json_schema as build

    return build()
