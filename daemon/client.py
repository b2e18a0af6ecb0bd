"""The API from the other side: finds the daemon, asks it, and says in words what it refused.

Only the standard library, and http.client only when something is asked: the command line starts quickly. The token is
sent to no one but the daemon that was named: by `--url`, by RECUO_URL, or by the `daemon.json` of the state directory
that the token is in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import SplitResult, quote, urlencode, urlsplit

if TYPE_CHECKING:
    import http.client

EXIT_NO, EXIT_INPUT, EXIT_NO_DAEMON = 1, 2, 3
DEFAULT_URL = "http://127.0.0.1:8787"
_MOST_BYTES = 64 * 1024 * 1024
_TIMEOUT_S = 30.0
_INPUT_IS_WRONG = {400, 405, 413, 415, 421, 422}


class ClientError(Exception):
    """What to tell the person, and the exit code that says it to a script. `locale` is the person's language."""

    def __init__(self, exit_code: int, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.locale = "en"
        self.exit_code = exit_code
        self.message = message
        self.details = details


class Where(NamedTuple):
    """What the person said about where the daemon is; anything may be left out."""

    url: str | None = None
    state: str | None = None
    token_file: str | None = None


def state_directory(state: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the state is: as said, else RECUO_STATE, STATE_DIRECTORY (systemd.exec(5)), or the XDG base directory."""
    if said := state or environ.get("RECUO_STATE"):
        return Path(said)
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "recuo"


def connect(where: Where, environ: Mapping[str, str] = os.environ) -> Client:
    """The client for the daemon that is meant. Raises ClientError 3 where none can be found."""
    said_token = _said_token(where.token_file, environ)
    if url := where.url or environ.get("RECUO_URL"):
        return Client(url, said_token)
    directory = state_directory(where.state, environ)
    announced = _announced(directory)
    if announced is None:
        if where.state or environ.get("RECUO_STATE"):
            raise ClientError(
                EXIT_NO_DAEMON, f"no daemon runs with the state in {directory}; start it with `recuo run`"
            )
        return Client(DEFAULT_URL, said_token)
    return Client(announced, said_token or _read_token(directory / "token", needed=False))


def running(where: Where, environ: Mapping[str, str] = os.environ) -> Client | None:
    """The client for a daemon that answers; None where there is none."""
    try:
        client = connect(where, environ)
        client.get("/healthz", accept={200, 503})
    except ClientError as err:
        if err.exit_code == EXIT_NO_DAEMON:
            return None
        raise
    return client


def _announced(directory: Path) -> str | None:
    """The address in `daemon.json`, if the process that wrote it still lives."""
    try:
        found = json.loads((directory / "daemon.json").read_text("utf-8"))
        url, pid = str(found["url"]), int(found["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        return url
    except (OSError, OverflowError):
        return None
    return url


def _said_token(token_file: str | None, environ: Mapping[str, str]) -> str | None:
    if token_file:
        return _read_token(Path(token_file), needed=True)
    return environ.get("RECUO_TOKEN", "").strip() or None


def _read_token(path: Path, *, needed: bool) -> str | None:
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        if not needed:
            return None
        why = getattr(err, "strerror", None) or "it is not text"
        raise ClientError(EXIT_INPUT, f"the token in {path} cannot be read: {why}") from None
    if needed and not token:
        raise ClientError(EXIT_INPUT, f"there is no token in {path}")
    return token or None


class Client:
    """One daemon's API. Every method raises ClientError."""

    def __init__(self, url: str, token: str | None = None, timeout_s: float = _TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._parts = _parts(self.url)
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise ClientError(EXIT_INPUT, "this is no token: one has letters, digits, - and _ only")
        self._token = token
        self._timeout_s = timeout_s

    def get(self, path: str, query: Mapping[str, str | None] | None = None, accept: set[int] | None = None) -> Any:
        """The JSON answer to a GET; parameters that are None are left out. `accept`: statuses that are no error."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self._json("GET", f"{path}?{urlencode(given)}" if given else path, None, accept or {200})

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a POST."""
        return self._json("POST", path, json.dumps(body or {}).encode(), {200, 201})

    def download(self, path: str, write: Callable[[bytes], object]) -> int:
        """POST, and hand the answer's bytes to `write` as they come; how many there were."""
        import http.client

        response = self._send("POST", path, b"{}")
        if response.status != 200:
            self._refused(response)
        total = 0
        try:
            while chunk := response.read(262_144):
                write(chunk)
                total += len(chunk)
        except (http.client.HTTPException, OSError) as err:
            raise ClientError(EXIT_NO, f"the daemon's answer ended too early: {type(err).__name__}") from None
        declared = response.getheader("Content-Length", "")
        if declared != str(total):
            raise ClientError(EXIT_NO, f"the daemon's answer ended too early: {total} of {declared or '?'} bytes")
        return total

    def _json(self, method: str, path: str, body: bytes | None, accept: set[int]) -> Any:
        response = self._send(method, path, body)
        if response.status not in accept:
            self._refused(response)
        return self._parsed(response)

    def _parsed(self, response: http.client.HTTPResponse) -> Any:
        import http.client

        try:
            raw = response.read(_MOST_BYTES + 1)
            if len(raw) > _MOST_BYTES:
                raise ClientError(EXIT_NO, f"the answer of {self.url} is longer than {_MOST_BYTES >> 20} MiB")
            return json.loads(raw)
        except (http.client.HTTPException, OSError, ValueError, RecursionError):
            raise ClientError(EXIT_NO_DAEMON, f"what answers at {self.url} is not Recuo") from None

    def _send(self, method: str, path: str, body: bytes | None) -> http.client.HTTPResponse:
        import http.client

        headers = {"Accept": "application/json", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection()
        try:
            connection.request(method, quote(self._parts.path + path, safe="/?&=%:+"), body, headers)
            return connection.getresponse()
        except http.client.HTTPException:
            raise ClientError(EXIT_NO_DAEMON, f"what answers at {self.url} is not Recuo") from None
        except OSError as err:
            why = err.strerror or str(err) or type(err).__name__
            message = f"no daemon answers at {self.url} ({why.lower()}); is it running? `recuo run` starts one"
            raise ClientError(EXIT_NO_DAEMON, message) from None

    def _connection(self) -> http.client.HTTPConnection:
        import http.client

        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=self._timeout_s)
        return http.client.HTTPConnection(host, port, timeout=self._timeout_s)

    def _refused(self, response: http.client.HTTPResponse) -> NoReturn:
        parsed = self._parsed(response)
        try:
            error = parsed["error"]
            message, details = str(error["message"]), tuple(str(d) for d in error["details"])
        except (KeyError, TypeError):
            raise ClientError(EXIT_NO_DAEMON, f"what answers at {self.url} is not Recuo") from None
        if response.status == 401 and not self._token:
            message = "this needs a token; give one with --token-file or RECUO_TOKEN, or name the state with --state"
        code = EXIT_INPUT if response.status in _INPUT_IS_WRONG else EXIT_NO
        raise ClientError(code, message, () if details == (message,) else details)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        known = False
    if (
        not known
        or not url.isascii()
        or not url.isprintable()
        or " " in url
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise ClientError(EXIT_INPUT, f"{url!r} is no address of a daemon; write it like {DEFAULT_URL}")
    return parts
