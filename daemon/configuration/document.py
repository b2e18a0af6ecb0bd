"""A configuration file that has been read: values of which each knows its line and column."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from daemon.configuration.problems import Path, Problem, path_text

Place: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


class Node(NamedTuple):
    """A value and where it stands. `value` is a scalar, a list of nodes or a mapping to nodes.

    `keys` holds where each key of a mapping stands; `size` is how many values there are in it, itself included.
    """

    value: Any
    place: Place
    keys: dict[str, Place]
    size: int

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, part: str | int) -> Node | None:
        """The value under a key or at an index, or None."""
        if isinstance(self.value, dict):
            found: Node | None = self.value.get(part)
            return found
        if isinstance(self.value, list) and isinstance(part, int) and 0 <= part < len(self.value):
            item: Node = self.value[part]
            return item
        return None

    def without(self, path: Path) -> Node:
        """The same tree without the value at a path; places stay as they were."""
        part, rest = path[0], path[1:]
        child = self.child(part)
        if child is None:
            return self
        if isinstance(self.value, dict):
            kept = {k: v for k, v in self.value.items() if k != part or rest}
            return self._replace(value={**kept, part: child.without(rest)} if rest else kept)
        changed = [child.without(rest)] if rest else []
        index = int(part)
        return self._replace(value=[*self.value[:index], *changed, *self.value[index + 1 :]])


class Document(NamedTuple):
    """What was read, and what is wrong with it so far; `root` is a mapping."""

    file: str
    root: Node
    problems: list[Problem]

    def problem(self, path: Path, message: str, *, key: bool = False, warning: bool = False) -> Problem:
        """A problem with the value at a path, or with the key that leads to it."""
        line, column = self.place(path, key=key)
        return Problem(self.file, line, column, path_text(path), message, "warning" if warning else "error")

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where the value at a path stands, or its key; the nearest thing above it that there is."""
        node, place = self.root, self.root.place
        for at, part in enumerate(path):
            child = node.child(part)
            if child is None:
                break
            is_last = at == len(path) - 1
            wants_key = (key and is_last) or isinstance(child.value, dict | list)
            place = node.keys.get(str(part), child.place) if wants_key else child.place
            node = child
        return place

    def get(self, *path: str | int) -> Any:
        """The plain value at a path, or None."""
        node: Node | None = self.root
        for part in path:
            node = node.child(part) if node else None
        return node.plain() if node else None
