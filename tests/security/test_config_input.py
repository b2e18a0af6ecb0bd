"""Whatever is given as a configuration, the answer is a configuration or errors with places; nothing is executed."""

from __future__ import annotations

import os
import string
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.config import ConfigError, Loaded, load, loads
from daemon.configuration.reader import MAX_BYTES

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "config.yaml").read_text("utf-8")
TOO_LONG_S = 10.0
"""Far above the fraction of a second that the worst input takes: it only tells bounded from unbounded."""

KNOWN_KEYS = """
service mode sources rules people schedules escalation receivers playbooks budgets checklist incidents api state
telemetry kind system http email webhook file terminal every url metric reduce over above below for clear by ratio of to
event absent all any page name roles contacts timezone layers rotation weekly handover steps after repeat fallback
triggers severity id action with text group listen retention heartbeat sentry_dsn env credential labels units processes
host endpoints headers
"""
KEYS = st.sampled_from(KNOWN_KEYS.split())
WORDS = st.one_of(
    KEYS,
    st.sampled_from(
        ["5m", "80%", "500ms", "0", "-1s", "Mon 09:00", "schedule:x", "receiver:x", "a@b.c", "critical", "x{y=~'['}"]
    ),
    st.text(max_size=8),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | WORDS, inner, max_size=5), max_leaves=40
)


def check(content: bytes | str) -> Loaded | ConfigError:
    """Load, and hold whatever comes back to what was promised of it."""
    started = time.monotonic()
    found = loaded_or_refused(content)
    assert time.monotonic() - started < TOO_LONG_S
    if isinstance(found, ConfigError):
        assert found.problems
        for problem in found.problems:
            assert problem.line >= 1 and problem.column >= 1 and problem.message and problem.file == "fuzz.yaml"
            assert str(problem).isprintable(), "one line each, and nothing that a terminal would obey"
        assert found.problems == sorted(found.problems, key=lambda p: (p.line, p.column, p.path, p.message))
    return found


def loaded_or_refused(content: bytes | str) -> Loaded | ConfigError:
    try:
        return loads(content, "fuzz.yaml", environ={})
    except ConfigError as err:
        return err


def doubled(first: str, template: str, count: int) -> str:
    """Anchors a, b, c, …, each made of several of the one before."""
    letters = string.ascii_lowercase[: count + 1]
    lines = [f"{b}: &{b} " + template.replace("@", f"*{a}") for a, b in pairwise(letters)]
    return "\n".join([f"a: &a {first}", *lines])


@given(st.binary(max_size=2_000))
@example(b"\xff\xfe\x00")
@example(b"\xef\xbb\xbfrules: {}")
@example(b"a: \x85b")
@example("a: \u2028b\n\u2029: [\n".encode())
@example(b"%YAML 1.1\n---\n{}")
@example(b"--- !!map {}\n...\n...\n")
@example(b"? \n: \n? x")
@example(b'"\\ud800": 1')
@example(b"a: 0x" + b"f" * 100)
@example(b"a: " + b"9" * 10_000)
@example(b"a: 1e999")
def test_any_bytes_are_a_configuration_or_errors_with_places(content):
    """Any bytes either load or are refused with errors that have places, in bounded time."""
    check(content)


@given(st.text(alphabet="{}[]:,-?*&!|>'\"%@`#~ \n\tab01=<.\\", max_size=200))
def test_any_yaml_punctuation_is_a_configuration_or_errors(text):
    """Any jumble of YAML's own characters either loads or is refused."""
    check(text)


@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_any_tree_of_known_words_is_a_configuration_or_errors(tree):
    """Any tree of values under the configuration's own keys either loads or is refused."""
    check(yaml.safe_dump(tree, allow_unicode=True))


@given(st.data())
def test_the_shipped_file_damaged_anywhere_is_a_configuration_or_errors(data):
    """The shipped file with pieces taken out, doubled or replaced either loads or is refused."""
    lines = SHIPPED.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        what = data.draw(st.sampled_from(["drop", "double", "indent", "cut", "word"]))
        line = lines[at]
        column = data.draw(st.integers(0, len(line)))
        changed = {
            "drop": [],
            "double": [line, line],
            "indent": [f"  {line}"],
            "cut": [line[:column]],
            "word": [line[:column] + data.draw(WORDS) + line[column:]],
        }
        lines[at : at + 1] = changed[what]
        if not lines:
            break
    check("\n".join(lines))


BOMBS = {
    "aliases": doubled("[x, x, x, x]", "[@, @, @, @, @, @, @, @, @, @]", 9),
    "aliases of mappings": doubled("{x: 1, y: 2}", "{x: @, y: @, z: @}", 20),
    "an alias in itself": "rules: &a {x: [*a, *a]}",
    "deep lists": "x: " + "[" * 200_000,
    "deep mappings": "{a: " * 200_000,
    "deep dashes": "- " * 200_000,
    "deep keys": "? " * 200_000,
    "deep indentation": "\n".join(" " * n + "a:" for n in range(1_000)),
    "many keys": "".join(f"k{n}: {n}\n" for n in range(80_000)),
    "one key many times": "x: 1\n" * 150_000,
    "many items": "rules:\n" + "- a\n" * 200_000,
    "many rules": "rules:\n" + "".join(f"  r{n}: {{metric: x, above: 1}}\n" for n in range(8_000)),
    "a chain of rules": "rules:\n  r3000: {event: x}\n"
    + "".join(f"  r{n}: {{any: [r{n + 1}]}}\n" for n in range(3_000)),
    "a circle of rules": "rules:\n" + "".join(f"  r{n}: {{any: [r{(n + 1) % 3_000}]}}\n" for n in range(3_000)),
    "many wrong rules": "rules:\n" + "".join(f"  r{n}: {{metic: x, abov: 1}}\n" for n in range(8_000)),
    "a long key": "x" * 900_000 + ": 1",
    "a long text": "service: {name: " + "x" * 900_000 + "}",
    "a long number": "x: " + "1" * 900_000,
    "a long comment": "#" * 900_000,
    "many anchors": "x: [" + ", ".join(f"&a{n} {n}" for n in range(60_000)) + "]",
    "many quotes": "x: " + "'" * 900_001,
    "open quote": 'x: "' + "y\n" * 400_000,
    "long selector": "rules: {a: {metric: 'x{" + 'a="b",' * 10_000 + "}', above: 1}}",
    "slow pattern": "rules: {a: {metric: 'x{a=~\"(a+)+$\"}', above: 1}}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_or_read_in_bounded_time(name):
    """What is made to cost much memory or time costs little."""
    check(BOMBS[name])


def test_a_file_larger_than_a_mebibyte_is_refused(tmp_path):
    """A file over 1 MiB is refused before it is parsed."""
    path = tmp_path / "large.yaml"
    path.write_bytes(b"rules: {}\n" + b"#" * MAX_BYTES)
    with pytest.raises(ConfigError, match="larger than 1024 KiB"):
        load(path, environ={})


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!!binary", "!!str", "!x", "!"]
)
def test_tags_are_refused_and_not_executed(tag, tmp_path):
    """Every explicit tag is refused; none makes an object or runs anything."""
    found = check(f"service: {{name: {tag} 'touch {tmp_path}/pwned'}}\n")
    assert isinstance(found, ConfigError) and "tags like" in str(found)
    assert not list(tmp_path.iterdir())


def test_nothing_is_interpolated():
    """`${…}`, `$(…)` and backticks are text like any other."""
    text = "service: {name: '${HOME} $(id) `id` %(x)s {x}'}\n"
    found = loads(text, environ={"HOME": "/root"})
    assert found.config.service.name == "${HOME} $(id) `id` %(x)s {x}"


NO_KINDS = ["../http", "os", "_asked", "__init__", "http.py", "triggers.sources.http", "HTTP", "", "a\u0301"]


@pytest.mark.parametrize("kind", NO_KINDS)
def test_a_kind_is_never_a_path_or_a_module(kind):
    """Only the names of plugin files are kinds: nothing else is imported."""
    before = set(sys.modules)
    found = check(yaml.safe_dump({"sources": {"s": {"kind": kind}}}))
    assert isinstance(found, ConfigError) and "unknown kind" in str(found)
    assert set(sys.modules) == before


def test_names_cannot_forge_a_line():
    """A key with line ends and escapes in it is shown on one line, without them."""
    found = check(yaml.safe_dump({"sources": {"a\nconfig.yaml:1:1: all is well\x1b[2J": {"kind": "system"}}}))
    assert isinstance(found, ConfigError)
    assert all(line.startswith("fuzz.yaml:") for line in str(found).splitlines()) and "\x1b" not in str(found)


@pytest.mark.parametrize("where", ["missing", "directory", "pipe", "device", "nul", "long", "loop"])
def test_what_is_no_plain_file_is_refused_at_once(where, tmp_path):
    """A missing file, directory, pipe, device, impossible name or circle of links is refused, and nothing hangs."""
    path = {
        "missing": tmp_path / "missing.yaml",
        "directory": tmp_path,
        "pipe": tmp_path / "pipe",
        "device": Path("/dev/zero"),
        "nul": "config\0.yaml",
        "long": tmp_path / ("x" * 5_000),
        "loop": tmp_path / "loop",
    }[where]
    if where == "pipe":
        os.mkfifo(path)
    if where == "loop":
        path.symlink_to(path)
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (1, 1) and problem.message and str(problem).isprintable()


def test_an_unreadable_file_is_refused(tmp_path):
    """A file that the user may not read is refused in these words."""
    path = tmp_path / "config.yaml"
    path.write_text("rules: {}\n", "utf-8")
    path.chmod(0)
    tmp_path.chmod(0o755)
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from daemon.config import ConfigError, load\n"
        "os.geteuid() == 0 and os.setuid(65534)\n"
        "try: load(sys.argv[2])\n"
        "except ConfigError as err: print(err)\n"
    )
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    told = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert told.stdout.strip() == f"{path}:1:1: this user may not read it", told.stderr


@pytest.mark.parametrize("where", ["pipe", "directory", "binary", "device"])
def test_a_secret_is_read_from_a_plain_text_file_only(where, tmp_path):
    """A reference to a pipe, a directory, a device or binary is an error that neither hangs nor shows what is in it."""
    path = Path("/dev/zero") if where == "device" else tmp_path / "secret"
    if where == "pipe":
        os.mkfifo(path)
    elif where == "directory":
        path.mkdir()
    elif where == "binary":
        path.write_bytes(b"\xff\xfesecret")
    found = check(f"telemetry: {{sentry_dsn: {{file: {path}}}}}\n")
    assert isinstance(found, ConfigError) and "telemetry.sentry_dsn" in str(found)


def test_a_credential_is_a_name_and_no_path(tmp_path):
    """`{credential: ../x}` does not leave the directory of credentials."""
    (tmp_path / "outside").write_text("secret", "utf-8")
    (tmp_path / "inside").mkdir()
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "inside")}
    with pytest.raises(ConfigError, match="plain name"):
        loads("telemetry: {sentry_dsn: {credential: ../outside}}\n", environ=environ)
