"""How the code is cut: small modules, light start, the words of the design."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = [path for name in ("recuo", "daemon", "triggers", "actions") for path in (REPOSITORY / name).rglob("*.py")]
# Each costs megabytes: it is loaded where it is first used.
HEAVY = {"aiosmtplib", "boto3", "botocore", "git", "jinja2", "numpy", "pandas", "pymongo", "sentry_sdk"}


def test_a_module_is_at_most_400_lines():
    """A module that passes 400 lines is two modules."""
    assert MODULES
    assert [str(path) for path in MODULES if len(path.read_text().splitlines()) > 400] == []


def test_no_module_is_named_for_nothing():
    """No module is called by a word that says nothing about what is in it."""
    bad = re.compile(r"monitor|job|handler|manager|helper|util|common|misc")
    assert [str(path) for path in MODULES if bad.search(path.stem)] == []


def test_starting_imports_nothing_heavy():
    """What every daemon imports leaves out the libraries that only some configurations need."""
    code = (
        "import json, sys, daemon.app, recuo.entry; print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    assert HEAVY & set(json.loads(done.stdout)) == set()
