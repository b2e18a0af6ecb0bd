"""`recuo run`."""

from __future__ import annotations

import signal
import sys

import click

from daemon.client import state_directory
from daemon.commands.session import config_path


@click.command()
@click.option("--config", metavar="FILE", help="Default: config.yaml here, else /etc/recuo/config.yaml.")
@click.option(
    "--state", metavar="DIR", help="Default: $STATE_DIRECTORY, else recuo in $XDG_STATE_HOME or ~/.local/state."
)
@click.option("--listen", metavar="HOST:PORT", help="Where the API answers; default: api.listen, 127.0.0.1:8787.")
@click.option("--observe", is_flag=True, help="Do everything except effects.")
@click.option("--json", "as_json", is_flag=True, help="Log as JSON, without the report at the start.")
@click.pass_context
def run(
    ctx: click.Context, *, config: str | None, state: str | None, listen: str | None, observe: bool, as_json: bool
) -> int:
    """Watch, decide and page until told to stop.

    SIGHUP reads the configuration again, SIGTERM and Ctrl-C stop in order.
    """
    path = config_path(config)
    # Nothing listens yet, and SIGHUP would end the process: one that comes early waits until it means a reload.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    # structlog imports rich wherever it happens to be installed, for tracebacks that the daemon never prints: 5 MB of
    # memory and a tenth of the start.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    from daemon.app import main

    directory = state_directory(state or ctx.find_root().params.get("state"))
    return main(path, directory, listen, observe=observe, as_json=as_json)
