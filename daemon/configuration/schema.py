"""The JSON Schema of the configuration, made from the models: `python -m daemon.configuration.schema` writes it.

Editors complete config.yaml with it. It says what the models say of shape and type; that names refer to something,
and what a unit or a time zone is, only `recuo check` knows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from daemon import plugins
from daemon.configuration.models import Config, Step
from daemon.configuration.parts import FAMILIES
from daemon.configuration.steps import action_names, arguments_of

SCHEMA_FILE: Final = Path(__file__).parent.parent / "schema" / "config.schema.json"
_ID: Final = "https://json-schema.org/draft/2020-12/schema"
_SINGULAR: Final = {"sources": "source", "receivers": "receiver"}


def json_schema() -> dict[str, Any]:
    """The schema as plain data, with every kind of source, receiver and action that there is."""
    kinds = {
        f"{_SINGULAR[section]}-{kind}": (section, kind, plugins.load(family, kind))
        for section, family in FAMILIES.items()
        for kind in plugins.kinds(family)
    }
    actions = {f"action-{name}": (name, arguments_of(name)) for name in action_names()}
    named: dict[str, type[BaseModel]] = {"config": Config, "step": Step}
    named |= {name: module.Config for name, (_, _, module) in kinds.items()}
    named |= {name: model for name, (_, model) in actions.items() if model is not None}
    definitions = _definitions(named)
    root = definitions.pop("config")
    for section in FAMILIES:
        names = [name for name, (where, _, _) in kinds.items() if where == section]
        root["properties"][section]["additionalProperties"] = _one_of(definitions, names)
    for name, (_, kind, module) in kinds.items():
        definitions[name]["properties"]["kind"] = _constant(kind, "kind")
        definitions[name]["description"] = (module.__doc__ or "").strip().partition("\n")[0]
    _choose_action(definitions["step"], {name: action for name, (action, _) in actions.items()})
    for section in root["properties"].values():
        _allow_empty(section)
    title = {"$schema": _ID, "title": "The configuration of Recuo"}
    return {**title, **{k: v for k, v in root.items() if k != "title"}, "$defs": _used(root, definitions)}


def _definitions(named: dict[str, type[BaseModel]]) -> dict[str, Any]:
    """All definitions under short names: those of `named`, and others by their class."""
    models = list(dict.fromkeys(named.values()))
    chosen, schema = models_json_schema([(model, "validation") for model in models], by_alias=True)
    by_class = {model: found["$ref"].rpartition("/")[2] for (model, _), found in chosen.items()}
    short = {by_class[model]: name for name, model in named.items()}
    found: dict[str, Any] = json.loads(json.dumps(schema.get("$defs", {})), object_hook=lambda d: _renamed(d, short))
    return {short.get(name, name): definition for name, definition in found.items()}


def _renamed(node: dict[str, Any], short: dict[str, str]) -> dict[str, Any]:
    """A schema without generated titles and defaults, which a file does not show; references by their short names."""
    plain = {k: v for k, v in node.items() if not (k == "title" and isinstance(v, str)) and k != "default"}
    reference = plain.get("$ref")
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        plain["$ref"] = "#/$defs/" + short.get(name, name)
    return plain


def _one_of(definitions: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {"type": "object", "required": ["kind"], "oneOf": [{"$ref": f"#/$defs/{name}"} for name in names]}


def _constant(value: str, what: str) -> dict[str, Any]:
    return {"const": value, "description": f"the {what}"}


def _choose_action(step: dict[str, Any], actions: dict[str, str]) -> None:
    """Which arguments a step takes depends on its action."""
    step["properties"]["action"]["enum"] = list(actions.values())
    step["allOf"] = [
        {
            "if": {"properties": {"action": {"const": action}}, "required": ["action"]},
            "then": {"properties": {"with": {"$ref": f"#/$defs/{name}"}}},
        }
        for name, action in actions.items()
    ]


def _allow_empty(section: dict[str, Any]) -> None:
    """A section all of whose lines are commented out is null, and stands for its default."""
    if "$ref" in section:
        section["anyOf"] = [{"$ref": section.pop("$ref")}, {"type": "null"}]
    elif "type" in section:
        section["type"] = [section["type"], "null"]
        if "enum" in section:
            section["enum"] = [*section["enum"], None]


def _used(root: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Only what is referred to from the root, however indirectly."""
    used: dict[str, Any] = {}
    waiting = _references(root)
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = definitions[name]
            waiting |= _references(definitions[name])
    return dict(sorted(used.items()))


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in node.values()))
    return set().union(*(_references(value) for value in node)) if isinstance(node, list) else set()


def schema_text() -> str:
    """The schema as it stands in the file that is shipped."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), "utf-8")
    sys.stdout.write(f"wrote {SCHEMA_FILE}\n")
