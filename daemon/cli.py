"""The command line. A command's module is imported when that command is called, so that help appears at once.

Exit codes: 0 done, 1 the answer is no, 2 the input is wrong, 3 no daemon. What is wrong goes to standard error as
`recuo: …`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import click

from daemon.client import EXIT_INPUT, EXIT_NO, ClientError
from daemon.commands.session import complain, where_options
from recuo import __version__

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("daemon.commands.run", "Watch, decide and page until told to stop."),
    "check": ("daemon.commands.check", "Check a configuration, and say what is wrong and where."),
    "status": ("daemon.commands.watching", "How everything is, what is wrong first."),
    "rules": ("daemon.commands.watching", "The rules and their states, or one rule."),
    "explain": ("daemon.commands.watching", "The samples and the arithmetic behind an incident or a rule."),
    "oncall": ("daemon.commands.watching", "Who is on call, now or at an instant."),
    "incidents": ("daemon.commands.incidents", "Incidents, newest first."),
    "show": ("daemon.commands.incidents", "One incident with everything."),
    "ack": ("daemon.commands.incidents", "Take an incident: the escalation stops."),
    "comment": ("daemon.commands.incidents", "Add a remark to an incident."),
    "assess": ("daemon.commands.incidents", "Assess an incident, or correct the assessment."),
    "decide": ("daemon.commands.incidents", "Write down what was decided."),
    "verify": ("daemon.commands.incidents", "Say that it works again."),
    "resolve": ("daemon.commands.incidents", "Say that an incident is over."),
    "checklist": ("daemon.commands.incidents", "The checklist after an incident, or the answer to an item."),
    "token": ("daemon.commands.admin", "Make, list and revoke API tokens."),
    "backtest": ("daemon.commands.backtest", "What the configuration would have done over recorded samples."),
    "reload": ("daemon.commands.admin", "Read the configuration again, whole or not at all."),
    "doctor": ("daemon.commands.admin", "What a person could put right."),
    "test-page": ("daemon.commands.admin", "Send everyone a test message."),
    "backup-state": ("daemon.commands.admin", "Save a checked copy of the state."),
    "audit": ("daemon.commands.admin", "Check that the chain of events is whole."),
    "completion": ("daemon.commands.completion", "Shell completion for bash, zsh or fish."),
}
"""Each command's module and its line in the help. In the module it is called as here, with `_` for `-`."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Lazy, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="recuo %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **_where: Any) -> int | None:
    """Recuo: unattended incident response.

    Every command takes --json. Exit codes: 0 done, 1 the answer is no, 2 the input is wrong, 3 no daemon.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(EXIT_INPUT)
    return None


for _option in reversed(where_options()):
    cli = _option(cli)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.exit(_code(args))


def _code(args: list[str] | None) -> int:
    try:
        result = cli.main(args, prog_name="recuo", standalone_mode=False)
    except ClientError as err:
        complain(err.message, err.details, err.locale)
        return err.exit_code
    except click.UsageError as err:
        complain(_usage(err))
        return EXIT_INPUT
    except click.ClickException as err:
        complain(err.format_message())
        return EXIT_INPUT
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        _give_up_output()
        return EXIT_NO
    except OSError as err:
        _give_up_output()
        complain(f"{err.filename or 'the output'}: {err.strerror or err}")
        return EXIT_NO
    return result if isinstance(result, int) else 0


def _give_up_output() -> None:
    """Nobody reads on, or nothing can be written: what is still buffered must not fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(err: click.UsageError) -> str:
    message = err.format_message().rstrip(".")
    path = err.ctx.command_path if err.ctx else "recuo"
    return f"{message[:1].lower()}{message[1:]}; see `{path} --help`"
