"""A real daemon in a real process, a small product for it to watch, and a mailbox: what the whole-process tests use."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0


def eventually(look: Callable[[], T | None], patience_s: float = PATIENCE_S, what: str = "it") -> T:
    """What `look` answers once it is true; fails if that takes too long. For conditions in other processes only."""
    ends = time.monotonic() + patience_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"{what} did not come true within {patience_s:g} s; the last answer was {found!r}")
        time.sleep(0.02)


class Product:
    """An HTTP service on loopback whose answers the test decides."""

    def __init__(self) -> None:
        self.status = 200
        self.delay_s = 0.0
        self.body = b'{"ok": true}'
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        product = self

        class Answer(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                product.requests.append((self.path, dict(self.headers), self.rfile.read(length)))
                time.sleep(product.delay_s)
                self.send_response(product.status)
                self.send_header("Content-Length", str(len(product.body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(product.body)

            do_GET = do_POST = do_HEAD = _answer  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/health"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class Mailbox:
    """A real SMTP server on loopback that keeps what it is given."""

    def __init__(self) -> None:
        from aiosmtpd.controller import Controller

        self.messages: list[Any] = []
        self.arrived_at: list[float] = []
        box = self

        class Keep:
            async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
                box.messages.append(envelope)
                box.arrived_at.append(time.time())
                return "250 kept"

        self._controller = Controller(Keep(), hostname="127.0.0.1", port=0)
        self._controller.port = _free_port()
        self._controller.start()
        self.port = self._controller.port

    def close(self) -> None:
        """Stop listening."""
        self._controller.stop()


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Running:
    """One `recuo run` process and the ways in which a person speaks to it."""

    def __init__(
        self, config: Path, state: Path, *extra: str, environ: Mapping[str, str] | None = None, wait: bool = True
    ) -> None:
        self.config, self.state = config, state
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("RECUO_", "VOCALCOACH_", "XDG_"))},
            "HOME": str(state.parent),
            "PYTHONUNBUFFERED": "1",
            **(environ or {}),
        }
        self.output_path = state.parent / "output.txt"
        with self.output_path.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "daemon", "run", "--config", str(config), "--state", str(state)),
                    *("--listen", "127.0.0.1:0", *extra),
                ],
                cwd=ROOT,
                env=self.environ,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.url = ""
        if wait:
            self.url = eventually(self._where, what="a running daemon")

    def _where(self) -> str | None:
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}: {self.output()}")
        with contextlib.suppress(OSError, ValueError):
            found = json.loads((self.state / "daemon.json").read_text())
            return str(found["url"]) if found["pid"] == self.process.pid else None
        return None

    def output(self) -> str:
        """Everything that it has printed."""
        return self.output_path.read_text("utf-8", "replace")

    def get(self, path: str) -> Any:
        """JSON from the API."""
        with urlopen(f"{self.url}{path}", timeout=10) as answer:
            return json.load(answer)

    def metrics(self) -> dict[str, float]:
        """The metrics as series text to value."""
        with urlopen(f"{self.url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def post(self, path: str, body: Mapping[str, Any] | None = None, token: str | None = None) -> tuple[int, Any]:
        """Status and JSON of a change, with the owner's token unless another is given."""
        secret = (self.state / "token").read_text().strip() if token is None else token
        request = Request(
            f"{self.url}{path}",
            data=json.dumps(body or {}).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {secret}"},
            method="POST",
        )
        try:
            with urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except HTTPError as err:
            return err.code, json.load(err)

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the CLI against this daemon."""
        return subprocess.run(
            [sys.executable, "-m", "daemon", *words],
            cwd=ROOT,
            env={**self.environ, "RECUO_STATE": str(self.state)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """End it in order; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the daemon did not stop: {self.output()[-3000:]}") from None


@contextlib.contextmanager
def running(config: Path, state: Path, *extra: str, environ: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A daemon for the length of a block; ended whatever happens."""
    daemon = Running(config, state, *extra, environ=environ)
    try:
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.kill()
