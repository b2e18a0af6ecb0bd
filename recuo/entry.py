"""Where the `recuo` command starts: it makes sure that the packages it is about to import are its own.

The distribution `python-daemon` on PyPI also installs a package named `daemon`. In one environment with Recuo,
whichever came last has overwritten `daemon/__init__.py`, and what would follow is an import error that says nothing.
This module lives in `recuo`, which nobody else installs, and looks before anything is imported.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PACKAGES: Final = ("daemon", "triggers", "actions")
_PYTHON_DAEMON_FILES: Final = ("daemon.py", "pidfile.py")
_ADVICE: Final = "install Recuo in a virtual environment of its own, without python-daemon"


def collision(root: Path) -> str | None:
    """What stands in the place of one of Recuo's packages, in words; None when all are its own.

    `root` is the directory that holds Recuo's packages. Nothing is imported.
    """
    for name in PACKAGES:
        found = _found(name)
        if found != [str((root / name).resolve())]:
            return f"the Python package `{name}` comes from {' and '.join(found) or 'nowhere'}, not from {root / name}"
    if any((root / "daemon" / name).exists() for name in _PYTHON_DAEMON_FILES):
        return f"the distribution python-daemon has written its own package `daemon` over {root / 'daemon'}"
    return None


def _found(name: str) -> list[str]:
    """Where Python would import a package from: its directories, or the file of a plain module."""
    spec = find_spec(name)
    if spec is None:
        return []
    places = spec.submodule_search_locations or ([spec.origin] if spec.origin else [])
    return [str(Path(place).resolve()) for place in places]


def main() -> int:
    """Run the command line; exit 2 with one line on stderr where another distribution has taken a package's name."""
    root = Path(__file__).resolve().parent.parent
    if wrong := collision(root):
        print(f"recuo: {wrong}; {_ADVICE}", file=sys.stderr)  # noqa: T201 (nothing of ours can be imported yet)
        return 2
    from daemon.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
