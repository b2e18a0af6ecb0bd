"""A webhook: each message as JSON to an HTTPS address, signed as Standard Webhooks 1.0.0 says.

    receivers:
      chat-ops:
        kind: webhook
        url: {env: CHATOPS_URL}
        secret: {env: CHATOPS_SECRET}
        headers:
          authorization: {env: CHATOPS_AUTHORIZATION}
          x-team: platform
        timeout: 10s

`secret` is `whsec_` and 24 to 64 bytes in base64; without it nothing is signed. `webhook-id` is the message's key: it
is the same on every retry, so that a receiver takes a repetition for what it is. Addresses may hold a token: give them
by reference, and they are never shown. Plain http is only for this machine, unless `insecure: true`.
2xx is delivered; 408, 425, 429 and 5xx are tried again, not before `Retry-After`; other answers are final, and
redirects are not followed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import re
import ssl
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from actions.base import Context, Delivery, DeliveryError, Message, ReceiverConfig
from actions.text import one_line, redact
from recuo.values import Instant, Secret, rfc3339

if TYPE_CHECKING:
    import httpx

CONTACT: Final = ""
"""It speaks to its own address only, to no person's."""

_PREFIX: Final = "whsec_"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_AGAIN: Final = frozenset({408, 425, 429})
_MOST_BYTES: Final = 65_536
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_RESERVED: Final = frozenset({"content-type", "content-length", "host", "transfer-encoding", "connection"})
_WORDS: Final = {
    400: "it does not understand the message",
    401: "the credentials are refused",
    403: "the credentials do not allow it",
    404: "there is nothing at this address",
    410: "the address is gone for good",
    429: "too many messages",
}


def _hidden(value: object) -> object:
    return Secret(value) if isinstance(value, str) and value else value


HiddenSetting = Annotated[
    Secret,
    BeforeValidator(_hidden),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "description": "{env: NAME} or {file: PATH}"}]}),
]
"""Text in clear or by reference that is never shown either way."""


def signing_key(secret: str) -> bytes:
    """The key in a Standard Webhooks secret. Raises ValueError, without the secret, if it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"the secret is not {_PREFIX} and base64") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"the secret holds {len(key)} bytes; Standard Webhooks wants 24 to 64")
    return key


def sign(secret: str, identifier: str, timestamp_s: int, body: bytes) -> str:
    """The `webhook-signature` of a body: v1 and base64 of HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks)."""
    content = f"{identifier}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(signing_key(secret), content, hashlib.sha256).digest()).decode()


def _checked_secret(secret: Secret) -> Secret:
    try:
        signing_key(secret.reveal())
    except ValueError as err:
        raise PydanticCustomError("signing_secret", "{why}", {"why": str(err)}) from None
    return secret


def _checked_url(url: Secret) -> Secret:
    try:
        parts = urlsplit(url.reveal())
        _ = parts.port
    except ValueError:
        raise PydanticCustomError("url", "this is not an address; write it like https://example.org/hook") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.reveal().isprintable():
        raise PydanticCustomError("url", "this is not an address; write it like https://example.org/hook")
    return url


def _checked_headers(headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _RESERVED or name.lower().startswith("webhook-"):
            raise PydanticCustomError("header", "{name} cannot be set here", {"name": one_line(name, 60)})
        if not value.reveal().isascii() or not value.reveal().isprintable():
            raise PydanticCustomError("header", "the value of {name} is not plain ASCII text", {"name": name})
    return headers


class Config(ReceiverConfig):
    """One address that takes messages as JSON."""

    url: Annotated[HiddenSetting, AfterValidator(_checked_url), Field(description="where messages are posted")]
    secret: Annotated[
        Annotated[Secret, AfterValidator(_checked_secret)] | None, Field(description="whsec_…; signs every message")
    ] = None
    headers: Annotated[
        Mapping[str, HiddenSetting], AfterValidator(_checked_headers), Field(max_length=20, description="added to each")
    ] = {}
    ca_file: Annotated[Path | None, Field(description="PEM file of the authority that signed the certificate")] = None
    insecure: Annotated[bool, Field(description="allow plain http to another machine")] = False

    @model_validator(mode="after")
    def _encrypted(self) -> Config:
        parts = urlsplit(self.url.reveal())
        if parts.scheme == "http" and not self.insecure and parts.hostname not in _LOOPBACK:
            raise PydanticCustomError(
                "url",
                "http would send messages in clear to {host}; use https, or say insecure: true",
                {"host": str(parts.hostname)},
            )
        return self


async def send(config: Config, message: Message, to: str, context: Context) -> Delivery:
    """Post the message once. Returns when the answer is 2xx; raises DeliveryError otherwise. `to` is not used."""
    import httpx

    body = json.dumps(payload(message), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    headers = _headers(config, message, body, context.clock.now() // 1000)
    place = _place(config)
    try:
        async with (
            _client(config, context) as client,
            client.stream("POST", config.url.reveal(), content=body, headers=headers) as answer,
        ):
            found = await _start_of(answer)
    except (httpx.HTTPError, httpx.InvalidURL) as err:
        raise DeliveryError(f"{place}: {_what(err, config)}") from None
    if answer.is_success:
        return Delivery(id=one_line(answer.headers.get("x-request-id", ""), 100), detail=f"{answer.status_code}")
    raise _refusal(config, answer, found, context.clock.now())


async def probe(config: Config, context: Context) -> str:
    """Connect, and over https shake hands, without posting anything; says in words what was found."""
    import httpx

    url = httpx.URL(config.url.reveal())
    place = _place(config)
    try:
        # OPTIONS asks what an address can do and changes nothing (RFC 9110, 9.3.7); any answer will do.
        async with _client(config, context) as client, client.stream("OPTIONS", url.copy_with(path="/", query=None)):
            pass
    except (httpx.HTTPError, httpx.InvalidURL) as err:
        raise DeliveryError(f"{place}: {_what(err, config)}") from None
    return f"{place} answers" + (", its certificate is trusted" if url.scheme == "https" else "")


def payload(message: Message) -> dict[str, Any]:
    """The body: a type, when it happened, and every field of the message (Standard Webhooks, "Payload structure")."""
    data = message._asdict() | {"facts": [list(pair) for pair in message.facts], "at": rfc3339(message.at)}
    return {"type": f"recuo.{message.kind}.{message.event}", "timestamp": rfc3339(message.at), "data": data}


def _headers(config: Config, message: Message, body: bytes, timestamp_s: int) -> dict[str, str]:
    identifier = re.sub(r"[^A-Za-z0-9_-]", "-", message.key)  # a full stop would make the signed text ambiguous
    own = {
        "content-type": "application/json",
        "user-agent": "Recuo",
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp_s),
    }
    if config.secret is not None:
        own["webhook-signature"] = sign(config.secret.reveal(), identifier, timestamp_s, body)
    return {**own, **{name.lower(): value.reveal() for name, value in config.headers.items()}}


def _client(config: Config, context: Context) -> httpx.AsyncClient:
    import httpx

    # They log every address, and at DEBUG every header: ours may hold tokens, so that only their warnings are wanted.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    context_of_tls = context.memory.get("tls")
    if context_of_tls is None:
        try:
            context_of_tls = ssl.create_default_context(cafile=config.ca_file)
        except OSError as err:
            raise DeliveryError(f"ca_file {config.ca_file} cannot be read: {err.strerror or 'not PEM'}") from None
        context.memory["tls"] = context_of_tls  # reading the system's authorities takes some 20 ms
    return httpx.AsyncClient(
        verify=context_of_tls, trust_env=False, follow_redirects=False, timeout=config.timeout / 1000
    )


async def _start_of(answer: httpx.Response) -> bytes:
    """The beginning of an answer: nobody makes us read more."""
    found = b""
    async for part in answer.aiter_raw(4096):
        found += part
        if len(found) >= _MOST_BYTES:
            break
    return found


def _place(config: Config) -> str:
    parts = urlsplit(config.url.reveal())
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _secrets(config: Config) -> Iterable[str]:
    """Everything of the configuration that a peer could repeat to us and that must not be shown."""
    parts = urlsplit(config.url.reveal())
    yield config.url.reveal()
    yield from (part for part in re.split(r"[/?&=]", f"{parts.path}?{parts.query}") if len(part) >= 6)
    yield from (part for part in (parts.username, parts.password) if part)
    if config.secret is not None:
        yield from (config.secret.reveal(), config.secret.reveal().removeprefix(_PREFIX))
    for value in config.headers.values():
        yield from (value.reveal(), *value.reveal().split())


def _what(err: Exception, config: Config) -> str:
    """What went wrong on the way, in words."""
    import httpx

    seen: BaseException | None = err
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {one_line(seen.verify_message)}"
        if isinstance(seen, ssl.SSLError):
            return f"TLS failed: {one_line(seen.reason or 'no common protocol')}"
        if isinstance(seen, ConnectionRefusedError):
            return "nothing listens there (connection refused)"
        seen = seen.__cause__ or seen.__context__
    if isinstance(err, httpx.TimeoutException):
        return f"no answer within {config.timeout / 1000:g} s"
    if isinstance(err, httpx.ConnectError):
        return f"cannot connect: {one_line(redact(str(err), _secrets(config)), 120)}"
    if isinstance(err, httpx.NetworkError | httpx.RemoteProtocolError):
        return "the connection was cut before an answer came"
    return f"{type(err).__name__}: {one_line(redact(str(err), _secrets(config)), 120)}"


def _refusal(config: Config, answer: httpx.Response, found: bytes, now: Instant) -> DeliveryError:
    status = answer.status_code
    said = one_line(redact(found[:2_000].decode("utf-8", "replace"), _secrets(config)), 120)
    words = f"{_place(config)} answered {status}"
    if 300 <= status < 400:
        words += ": it redirects, which is not followed; configure the final address"
    elif status in _WORDS:
        words += f": {_WORDS[status]}"
    again = status in _AGAIN or 500 <= status < 600
    return DeliveryError(
        words + (f" ({said})" if said else ""),
        permanent=not again,
        retry_after_s=retry_after_s(answer.headers.get("retry-after", ""), now) if again else None,
    )


def retry_after_s(value: str, now: Instant) -> float | None:
    """Seconds that a `Retry-After` asks for, as a number or as a date (RFC 9110, 10.2.3); None if it is neither."""
    if re.fullmatch(r"\s*\d{1,9}\s*", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now / 1000)
