"""The command line, against the real application served on loopback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon import cli, views
from daemon.client import Client
from daemon.web.app import build
from tests.daemon import example_views as example
from tests.daemon.memory_operations import MemoryOperations
from tests.daemon.served import serving

NEVER = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Operations, and the URL at which they are served."""
    operations = MemoryOperations(tmp_path_factory.mktemp("scratch"))
    with serving(build(operations)) as url:
        yield operations, url


@pytest.fixture
def operations(world):
    world[0].details = {1: example.incident()}
    world[0].reloaded = example.reload_ok()
    world[0].health = example.doctor()
    return world[0]


@pytest.fixture
def run(world, operations, monkeypatch, tmp_path, capsys):
    """Runs `recuo` in this process; gives its exit code, output and errors."""
    for name in ("RECUO_URL", "RECUO_STATE", "RECUO_TOKEN", "STATE_DIRECTORY", "NO_COLOR", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("RECUO_URL", world[1])
    monkeypatch.setenv("RECUO_TOKEN", operations.token("admin"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)

    def recuo(*args, stdin=None):
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as end:
            cli.main(list(args))
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return recuo


READING = [
    ["status"],
    ["rules"],
    ["rules", "cpu-high"],
    ["incidents"],
    ["incidents", "--only", "open", "--limit", "1"],
    ["show", "1"],
    ["explain", "1"],
    ["explain", "cpu-high"],
    ["explain", "cpu-high", "--label", "environment=production"],
    ["oncall"],
    ["oncall", "--at", "2026-11-23T03:00:00Z"],
    ["checklist", "1"],
    ["token", "list"],
    ["audit", "verify"],
]
CHANGING = [
    ["ack", "1"],
    ["comment", "1", "the", "queue", "grows"],
    ["assess", "1", "--impact", "slow", "--time-to-fix", "30m"],
    ["decide", "1", "roll", "back"],
    ["verify", "1", "--note", "latency is 80 ms"],
    ["resolve", "1", "--reason", "a drill"],
    ["checklist", "1", "data-whole", "yes"],
    ["reload"],
    ["test-page"],
]


@pytest.mark.parametrize("command", READING + CHANGING, ids=" ".join)
def test_every_command_answers_as_a_screen_and_as_json(run, command):
    """A command exits 0 with something to read, and with --json prints JSON; neither writes to standard error."""
    code, out, err = run(*command)
    assert (code, err) == (0, "")
    assert out.strip()
    code, out, err = run(*command, "--json")
    assert (code, err) == (0, "")
    assert isinstance(json.loads(out), dict)


def test_every_command_is_tried():
    """The commands tried here, and those with tests of their own, are all there are."""
    tried = {command[0] for command in READING + CHANGING}
    assert tried | {"run", "check", "doctor", "backup-state", "completion", "backtest"} == set(cli.COMMANDS)


def test_json_is_what_the_api_answers(run, world):
    """--json prints the API's answer as it is."""
    assert json.loads(run("show", "1", "--json")[1]) == Client(world[1]).get("/api/v1/incidents/1")


def test_json_on_a_terminal_obeys_nothing(run, operations):
    """Characters that a terminal would obey are escaped in JSON, and mean the same."""
    title = "a\x1b[2Jb\x9bc\u202ed é"
    operations.details[1] = example.incident(title=title)
    _, out, _ = run("show", "1", "--json")
    assert json.loads(out)["title"] == title
    assert "é" in out
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)


def test_changes_are_made(run, operations):
    """What a command says was done is done."""
    assert "#1 is yours" in run("ack", "1")[1]
    assert operations.details[1].state == "acknowledged"
    run("comment", "1", "-", stdin="first line\nsecond line\n")
    assert operations.details[1].resolution == "first line\nsecond line"
    run("resolve", "1", "--reason", "over")
    assert operations.details[1].state == "resolved"


def test_tokens_are_made_and_revoked(run):
    """A token is printed once; revoked, it is said to open nothing."""
    made = json.loads(run("token", "create", "bot", "--role", "viewer", "--json")[1])["token"]
    assert made.startswith("rcu_")
    assert "rcu_" in run("token", "create", "bot-2", "--role", "viewer")[1]
    assert "opens nothing any more" in run("token", "revoke", "bot")[1]
    code, _, err = run("token", "create", "bot", "--role", "viewer")
    assert (code, err) == (1, "recuo: there is, or was, a token named 'bot'; choose another name\n")


def test_no_is_exit_1(run, operations):
    """What the daemon refuses for its state, or cannot find, is exit 1 with the reasons."""
    assert run("resolve", "1") == (1, "", "recuo: alerts still fire; give a reason\nrecuo:   cpu-high fires\n")
    assert run("show", "99") == (1, "", "recuo: there is no incident 99\n")
    assert run("rules", "cpu-hi")[0] == 1
    operations.reloaded = example.reload_refused()
    assert run("reload")[0] == 1
    code, out, _ = run("doctor", "--json")
    assert (code, json.loads(out)["ok"]) == (1, False)
    operations.health = views.Doctor(ok=True, checks=())
    assert run("doctor")[0] == 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["statsu"], "there is no command 'statsu'; did you mean 'status'?"),
        (["status", "--verbose"], "no such option"),
        (["status", "extra"], "unexpected extra argument"),
        (["show"], "missing argument 'ID'"),
        (["show", "one"], "'one' is not a valid integer"),
        (["show", "0"], "0 is not in the range"),
        (["comment", "1", " "], "some text is wanted"),
        (["assess", "1"], "say what is assessed"),
        (["assess", "1", "--severity", "bad"], "'bad' is not one of"),
        (["checklist", "1", "data-whole"], "say the answer too"),
        (["checklist", "1", "data", "yes"], "there is no item 'data'"),
        (["explain", "cpu-high", "--label", "x"], "'x' is no label"),
        (["explain", "1", "--label", "a=b"], "goes with a rule"),
        (["oncall", "--at", "tomorrow"], "'tomorrow' is not an instant"),
        (["token", "create", "x"], "missing option '--role'"),
        (["token", "create", "-x", "--role", "viewer"], "no such option"),
        (["token"], "missing command; see `recuo token --help`"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
        (["status", "--url", "ftp://x"], "no address of a daemon"),
        (["status", "--url", "http://a b"], "no address of a daemon"),
        (["status", "--url", "http://x:99999"], "no address of a daemon"),
        (["status", "--token-file", "nowhere"], "cannot be read: No such file"),
        (["check", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["check"], "name one with --config"),
        ([], "Usage: recuo"),
    ],
)
def test_wrong_input_is_exit_2_in_words(run, command, words):
    """Usage errors and input that the daemon finds wrong are exit 2, say what is wrong, and print nothing else."""
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert words in err


@pytest.mark.parametrize("command", READING[:3] + CHANGING[:2], ids=" ".join)
def test_no_daemon_is_exit_3(run, command):
    """Where nobody answers, every command says where it asked and how to start one."""
    code, out, err = run(*command, "--url", NEVER)
    assert (code, out) == (3, "")
    assert err.startswith(f"recuo: no daemon answers at {NEVER}")
    assert "recuo run" in err


def test_what_is_not_recuo_is_no_daemon(run, tmp_path):
    """A server that answers something else is told from a daemon."""

    async def other(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<html>"})

    with serving(other) as url:
        code, _, err = run("status", "--url", url)
    assert (code, err) == (3, f"recuo: what answers at {url} is not Recuo\n")


def test_a_daemon_of_another_version_is_said_to_be_one(run):
    """An answer of an unknown shape is told in words, not as a traceback."""

    async def other(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"service": 7}'})

    with serving(other) as url:
        code, _, err = run("status", "--url", url)
    assert code == 1
    assert "the daemon's version" in err


def test_a_refusal_is_shown_without_what_a_terminal_obeys(run, operations, monkeypatch):
    """Error texts of the daemon are cleaned before they are shown."""
    code, _, err = run("rules", "x\x1b[2J\x9b")
    assert code == 1
    assert err.replace("\n", "").isprintable()


def test_without_a_token_it_is_said_how_to_give_one(run, monkeypatch):
    """A change without a token is exit 1 and names the ways to give one; a wrong one is told to be wrong."""
    monkeypatch.delenv("RECUO_TOKEN")
    code, _, err = run("ack", "1")
    assert code == 1
    assert "--token-file" in err
    monkeypatch.setenv("RECUO_TOKEN", "rcu_" + "A" * 43)
    assert run("ack", "1") == (1, "", "recuo: this token is unknown or revoked\n")
    monkeypatch.setenv("RECUO_TOKEN", "two\nlines")
    assert run("ack", "1")[0] == 2


def announce(directory, url, pid, token=None):
    directory.mkdir(parents=True)
    (directory / "daemon.json").write_text(json.dumps({"url": url, "pid": pid}))
    if token:
        (directory / "token").write_text(f"{token}\n")


@pytest.mark.parametrize("how", ["--state before", "--state after", "RECUO_STATE", "STATE_DIRECTORY", "XDG_STATE_HOME"])
def test_the_daemon_and_its_token_are_found_by_the_state(run, world, monkeypatch, tmp_path, how):
    """With no URL given, the state directory tells where the daemon is and holds the token."""
    operations, url = world
    for name in ("RECUO_URL", "RECUO_TOKEN"):
        monkeypatch.delenv(name)
    directory = tmp_path / "xdg" / "recuo"
    announce(directory, url, os.getpid(), operations.token("responder"))
    if how in {"RECUO_STATE", "STATE_DIRECTORY"}:
        monkeypatch.setenv(how, str(directory))
        monkeypatch.setenv("XDG_STATE_HOME", "/nowhere")
    said = ["--state", str(directory)] if how.startswith("--state") else []
    command = [*said, "ack", "1"] if how == "--state before" else ["ack", "1", *said]
    assert run(*command)[0] == 0


def test_a_dead_daemon_s_address_is_not_asked(run, world, monkeypatch, tmp_path):
    """After a crash `daemon.json` names a process that is gone: the token goes to nobody else on that port."""
    monkeypatch.delenv("RECUO_URL")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    announce(tmp_path / "state", world[1], gone.pid, world[0].token("admin"))
    code, _, err = run("ack", "1", "--state", str(tmp_path / "state"))
    assert code == 3
    assert "no daemon runs with the state in" in err


def test_a_token_file_is_read(run, operations, monkeypatch, tmp_path):
    """--token-file goes before RECUO_TOKEN."""
    (tmp_path / "mine").write_text(operations.token("responder") + "\n")
    monkeypatch.setenv("RECUO_TOKEN", "rcu_" + "A" * 43)
    assert run("ack", "1", "--token-file", str(tmp_path / "mine"))[0] == 0
    (tmp_path / "empty").touch()
    assert run("ack", "1", "--token-file", str(tmp_path / "empty"))[0] == 2


def test_the_language_is_the_service_s_unless_said(run, operations, monkeypatch):
    """Screens are in --lang, else in the service's language."""
    assert "Open incidents" in run("status")[1]
    assert "Incidentes abertos" in run("status", "--lang", "pt-BR")[1]
    assert "Incidentes abertos" in run("--lang", "pt-BR", "status")[1]
    monkeypatch.setattr(example, "service", lambda: views.ServiceView(**PORTUGUESE))
    assert "Linha do tempo" in run("show", "1")[1]


PORTUGUESE = {**example.service().model_dump(), "locale": "pt-BR"}


def test_nobody_on_call_is_exit_1(run, operations, monkeypatch):
    """`oncall` answers no when nobody is on call in any schedule."""
    monkeypatch.setattr(example, "on_call", lambda: (views.OnCallView(schedule="primary"),))
    code, out, _ = run("oncall")
    assert code == 1
    assert "nobody" in out


CONFIG = """\
service: {name: Shop, locale: en, timezone: America/Sao_Paulo}
people:
  ana: {name: Ana, contacts: [{email: ana@example.org}]}
  rui: {name: Rui, contacts: [{email: rui@example.org}]}
schedules:
  primary: {layers: [{rotation: daily, handover: "09:00", start: 2026-11-01, people: [ana, rui]}]}
"""


def test_oncall_of_a_configuration_needs_no_daemon(run, monkeypatch, tmp_path):
    """With --config the rotation is worked out here."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.setenv("RECUO_URL", NEVER)
    command = ["oncall", "--config", str(tmp_path / "config.yaml"), "--at", "2026-11-02T12:00:00Z"]
    code, out, _ = run(*command, "--json")
    entry = json.loads(out)["schedules"][0]
    assert code == 0
    assert (entry["person"], entry["name"], entry["until_at"]) == ("rui", "Rui", "2026-11-03T12:00:00Z")
    assert entry["next_person"] == "ana"
    assert "Rui" in run(*command)[1]
    assert run(*command[:-1], "never")[0] == 2
    (tmp_path / "config.yaml").write_text("service: {nam: x}\n")
    assert run(*command)[0] == 2


def test_check_says_what_is_wrong_and_where(run, tmp_path):
    """`check` exits 0 for a good file, and 2 with FILE:LINE:COLUMN at the start of a line for a bad one."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    code, out, _ = run("check")
    assert (code, out.splitlines()[0]) == (0, "✔ config.yaml is right: 0 rules, 0 sources")
    assert json.loads(run("check", "--json")[1])["ok"] is True
    (tmp_path / "config.yaml").write_text(CONFIG.replace("people: [ana", "people: [eva").replace("locale", "local"))
    code, out, err = run("check", "--config", "config.yaml")
    assert (code, out) == (2, "")
    assert err.splitlines()[0].startswith("config.yaml:1:")
    assert err.splitlines()[-1] == "recuo: config.yaml cannot be used: 2 errors"
    found = json.loads(run("check", "--json")[1])
    assert (found["ok"], [p["line"] for p in found["problems"]]) == (False, [1, 6])


def test_a_backup_is_whole_private_and_never_over_another_file(run, tmp_path):
    """The copy comes through the daemon into a new file that only its owner reads."""
    target = tmp_path / "copy.sqlite3"
    code, out, _ = run("backup-state", str(target), "--json")
    assert code == 0
    assert json.loads(out) == {"target": str(target), "bytes": target.stat().st_size}
    assert target.read_bytes()[:16] == b"SQLite format 3\0"
    assert target.stat().st_mode & 0o777 == 0o600
    assert run("backup-state", str(target))[0] == 2
    assert run("backup-state", str(tmp_path / "no" / "where"))[0] == 2
    assert "is saved in" in run("backup-state", str(tmp_path / "second"))[1]
    assert sorted(p.name for p in tmp_path.iterdir() if "copy" in p.name or "second" in p.name) == [
        "copy.sqlite3",
        "second",
    ]


def test_without_a_daemon_the_state_itself_is_saved_and_verified(run, monkeypatch, tmp_path):
    """`backup-state` and `audit verify` work on a state that no daemon has, and make none where there is none."""
    from daemon import audit
    from daemon.store import Store

    monkeypatch.delenv("RECUO_URL")
    directory = tmp_path / "state"
    code, _, err = run("audit", "verify", "--state", str(directory))
    assert code == 3
    assert "there is no state in" in err
    assert not directory.exists()
    store = Store.open(directory)
    store.write_now(lambda tx: audit.record(tx, at=1, kind="tried", actor="ana"))
    store.close()
    code, out, _ = run("audit", "verify", "--state", str(directory), "--json")
    assert (code, json.loads(out)["events"]) == (0, 1)
    assert run("backup-state", str(tmp_path / "copy"), "--state", str(directory))[0] == 0
    assert (tmp_path / "copy").read_bytes()[:16] == b"SQLite format 3\0"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(run, shell):
    """The script of each shell completes `recuo`."""
    code, out, _ = run("completion", shell)
    assert code == 0
    assert "_RECUO_COMPLETE" in out


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("recuo sta", ["status"]),
        ("recuo show ", ["1"]),
        ("recuo explain c", ["cpu-high"]),
        ("recuo token r", ["revoke"]),
    ],
)
def test_the_shell_completes_commands_incidents_and_rules(run, monkeypatch, capsys, words, wanted):
    """Completion offers commands, and what the daemon knows."""
    monkeypatch.setenv("_RECUO_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    out = run()[1]
    assert [line.partition(",")[2] for line in out.split()] == wanted


def recuo_process(*args, **environ):
    return subprocess.run(
        [sys.executable, "-m", "daemon", *args],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(Path.cwd()), **environ},
        timeout=60,
    )


def test_help_loads_next_to_nothing():
    """The help of `recuo` imports neither pydantic, starlette nor an HTTP client: it appears at once."""
    code = "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); import daemon.cli as c; "
    code += "c.main(['--help'])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Watch, decide and page" in found.stdout
    heavy = {"pydantic", "starlette", "httpx", "rich", "http.client", "yaml", "asyncio", "daemon.views", "daemon.app"}
    assert not heavy & set(found.stderr.split())


def test_it_runs_as_a_process(world):
    """`python -m daemon` is `recuo`: output, exit codes, and colours only on a terminal."""
    good = recuo_process("status", RECUO_URL=world[1])
    assert (good.returncode, good.stderr) == (0, "")
    assert "\x1b" not in good.stdout
    assert recuo_process("status", RECUO_URL=NEVER).returncode == 3
    assert recuo_process("--version").stdout.startswith("recuo ")


def test_output_that_cannot_be_written_is_said(world):
    """A full disk behind standard output is exit 1 in one line; a reader that has gone is exit 1 in silence."""
    environ = {**os.environ, "RECUO_URL": world[1]}
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "daemon", "status"]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environ)
    assert (found.returncode, found.stderr) == (1, "recuo: the output: No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environ)
    os.close(writer)
    assert (found.returncode, found.stderr) == (1, "")


def test_a_terminal_gets_colours_unless_it_wants_none(world):
    """On a terminal, states are coloured; NO_COLOR and TERM=dumb are heeded."""
    import pty

    def on_a_terminal(**environ):
        parent, child = pty.openpty()
        command = [sys.executable, "-m", "daemon", "status"]
        ending = {**os.environ, "RECUO_URL": world[1], "TERM": "xterm", **environ}
        process = subprocess.Popen(command, stdout=child, stderr=child, env=ending)
        os.close(child)
        text = b""
        while True:
            try:
                chunk = os.read(parent, 65_536)
            except OSError:  # Linux' way to say that the other side has closed
                break
            if not chunk:
                break
            text += chunk
        os.close(parent)
        assert process.wait() == 0
        return text

    assert b"\x1b[31m" in on_a_terminal()
    assert b"\x1b" not in on_a_terminal(NO_COLOR="1")
    assert b"\x1b" not in on_a_terminal(TERM="dumb")
