"""What the contract suites share: contexts, logs that are kept, and the watch over what is left behind."""

from __future__ import annotations

import asyncio
import gc
import importlib
import re
import textwrap
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

import yaml

from daemon import plugins
from daemon.clock import SystemClock
from daemon.context import PluginContext, Threads
from tests.servers import Behaviour, answer
from triggers.base import Clock

SECRET = "a-secret-that-must-never-be-seen"
ENVIRON = {"A_SECRET": SECRET}
REFERENCE = {"env": "A_SECRET"}
ALL_IS_WELL = answer()


class KeptLog:
    """A logger that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def _keep(self, event: str, **facts: object) -> None:
        self.lines.append(f"{event} {facts}")

    debug = info = warning = _keep


class Hanging(NamedTuple):
    """A source that hangs when it is polled: how to configure and poll it, and what says that it has got so far."""

    settings: Mapping[str, Any]
    poll_arguments: Mapping[str, Any]
    reached: Callable[[], bool]


@dataclass(frozen=True)
class SourceCase:
    """How one kind of source meets the contract.

    `configure(url)` is its part of config.yaml, pointing at the peer at `url`, with REFERENCE wherever it takes a
    secret. `role`: `host` asks no peer; `product` measures whatever the peer does; `vendor` fails to ask when the peer
    does not answer as its vendor documents. `right` is how a peer behaves when all is well. `hanging(directory)` is
    for a source without a peer: what makes it hang.
    """

    role: Literal["host", "product", "vendor"]
    configure: Callable[[str], Mapping[str, Any]]
    right: Behaviour = ALL_IS_WELL
    hanging: Callable[[Path], Hanging] | None = None


def source_module(kind: str) -> ModuleType:
    """The module of a kind; `example` is a vendor's source of the tests' own, which proves the suite itself."""
    return (
        importlib.import_module("tests.contract.example_source") if kind == "example" else plugins.load("source", kind)
    )


def source_case(kind: str) -> SourceCase:
    """The case of a kind. Adding a source is adding its file, and this one for its tests."""
    found = importlib.import_module(f"tests.contract.cases.{kind}").SOURCE
    assert isinstance(found, SourceCase)
    return found


def context(name: str = "under-test", *, clock: Clock | None = None, log: KeptLog | None = None) -> PluginContext:
    return PluginContext(
        name, clock=clock or SystemClock(), threads=Threads(), state_dir="/nonexistent", log=log or KeptLog()
    )


def validate(module: ModuleType, kind: str, settings: Mapping[str, Any]) -> Any:
    """A part of config.yaml as the daemon reads it: every reference finds something."""
    return module.Config.model_validate({"kind": kind, **settings}, context={"environ": Everything()})


class Everything(dict[str, str]):
    """An environment in which every variable is set: examples name some that no machine has."""

    def get(self, name: str, default: Any = None) -> Any:
        return ENVIRON.get(name, f"value-of-{name.lower()}")


def examples(module: ModuleType) -> Sequence[Mapping[str, Any]]:
    """The YAML examples of a plugin's docstring: each a mapping of names to parts of config.yaml."""
    blocks = re.findall(r"^( *)```yaml\n(.*?)^ *```", module.__doc__ or "", re.DOTALL | re.MULTILINE)
    return [yaml.safe_load(textwrap.dedent(block)) for _, block in blocks]


def open_files() -> set[str]:
    """Every open file descriptor, and what it is."""
    found = set()
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that listed them
            found.add(f"{fd.name} {fd.readlink()}")
    return found


@asynccontextmanager
async def nothing_left_behind() -> AsyncIterator[None]:
    """Fails when a task or a file descriptor remains, or an object warns that it was never closed."""
    gc.collect()
    tasks, files = asyncio.all_tasks(), open_files()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        # A closed transport lets go of its socket at the loop's next turn.
        with suppress(TimeoutError):
            await settled(lambda: asyncio.all_tasks() <= tasks and open_files() <= files, within_s=1)
        gc.collect()
    assert asyncio.all_tasks() - tasks == set()
    assert open_files() - files == set()


async def settled(condition: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Let the loop turn until a condition holds, which it must within the time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for is no event of ours
            await asyncio.sleep(0)


def source_kinds() -> tuple[str, ...]:
    return (*plugins.kinds("source"), "example")
