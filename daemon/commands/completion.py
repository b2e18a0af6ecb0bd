"""`recuo completion`."""

from __future__ import annotations

import click

from daemon.commands.session import print_json, write


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def completion(*, shell: str, as_json: bool) -> None:
    """Print the completion script of a shell.

    bash: `recuo completion bash > ~/.local/share/bash-completion/completions/recuo`; zsh: into a file `_recuo` of
    fpath; fish: `recuo completion fish > ~/.config/fish/completions/recuo.fish`.
    """
    from click.shell_completion import get_completion_class

    from daemon.cli import cli

    found = get_completion_class(shell)
    assert found is not None
    script = found(cli, {}, "recuo", "_RECUO_COMPLETE").source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        write(script + "\n")
