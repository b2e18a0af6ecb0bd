"""`python -m bench [NAME …]`: every bench, or those named; a table on the terminal, JSON lines in bench/results/.

A bench is a module beside this one with `measure() -> Iterable[Result]`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time

import bench
from bench.frame import table, write


def main(names: list[str]) -> int:
    """Run the benches; exit 2 for a name that there is none of."""
    modules = {found.name: f"bench.{found.name}" for found in pkgutil.iter_modules(bench.__path__)}
    benches = {name: module for name, module in modules.items() if hasattr(importlib.import_module(module), "measure")}
    if unknown := [name for name in names if name not in benches]:
        print(f"bench: there is no {', '.join(unknown)}; there are {', '.join(benches)}", file=sys.stderr)
        return 2
    for name in names or benches:
        began = time.monotonic()
        results = list(importlib.import_module(benches[name]).measure())
        path = write(name, results)
        print(table(name, results))
        print(f"  {path.relative_to(path.parents[2])}, {time.monotonic() - began:.0f} s\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
