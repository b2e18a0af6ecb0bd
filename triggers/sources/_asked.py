"""How a request to an endpoint is written in the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from recuo.values import Secret, Setting

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade", "te"})
_TELLTALE: Final = re.compile(r"auth|cookie|token|secret|passw|key|credential|signature", re.IGNORECASE)
_STATUSES: Final = re.compile(r"[1-5]\d\d(-[1-5]\d\d)?(\s*,\s*[1-5]\d\d(-[1-5]\d\d)?)*")
_DEFAULT_STATUSES: Final = "200-399"


def _address(value: str) -> str:
    """An address that can be asked. What is wrong is said without repeating it: it may hold a password."""
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    if parts.username is not None or parts.password is not None:
        raise PydanticCustomError("url", "an address holds no user or password; write token: or headers: instead")
    plain = value.isascii() and value.isprintable() and " " not in value
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine or not plain:
        raise PydanticCustomError("url", "an address is wanted here, like https://api.example.org/health")
    return value


def _statuses(value: object) -> object:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _STATUSES.fullmatch(text):
        raise PydanticCustomError("status", "statuses are wanted here, like 200 or 200-299,404")
    return text


def _header_value(value: object) -> object:
    return Secret(value) if isinstance(value, str) else value


def _headers(value: object) -> object:
    if not isinstance(value, Mapping):
        raise PydanticCustomError("headers", "headers are wanted here, like {X-Request-Source: recuo}")
    for name, content in value.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise PydanticCustomError("headers", "{name} is not a header's name", {"name": repr(name)})
        if name.lower() in _FRAMING:
            raise PydanticCustomError("headers", "{name} is set by the probe itself", {"name": name})
        if isinstance(content, str) and _TELLTALE.search(name):
            raise PydanticCustomError(
                "secret",
                "{name} looks like a credential, which never stands in the file; write {{env: NAME}}, {{file: PATH}} "
                "or {{credential: NAME}}",
                {"name": name},
            )
    return value


def _one_line(value: Secret) -> Secret:
    text = value.reveal()
    if not text.isascii() or not text.isprintable():
        raise PydanticCustomError("headers", "a header's value is one line of plain ASCII text")
    return value


HeaderValue = Annotated[
    Secret,
    BeforeValidator(_header_value),
    AfterValidator(_one_line),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]
Address = Annotated[Setting, AfterValidator(_address)]


class Asked(BaseModel):
    """What is asked of one endpoint beside its address, and which answer is right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Annotated[Literal["GET", "HEAD", "POST"], Field(description="POST only where it changes nothing")] = "GET"
    headers: Annotated[
        Mapping[str, HeaderValue], BeforeValidator(_headers), Field(description="text, or references for credentials")
    ] = {}
    body: Annotated[Setting | None, Field(description="sent with POST")] = None
    token: Annotated[
        Annotated[Secret, AfterValidator(_one_line)] | None, Field(description="sent as Authorization: Bearer")
    ] = None
    expect_status: Annotated[
        str, BeforeValidator(_statuses), Field(description="statuses that are right, like 200-299,404")
    ] = _DEFAULT_STATUSES
    expect_text: Annotated[
        str | None, Field(min_length=1, max_length=1000, description="what the answer's body must contain, exactly")
    ] = None
    follow_redirects: Annotated[
        bool, Field(description="measure where it redirects to; credentials go to the same host only")
    ] = False

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.body is not None and self.method != "POST":
            raise PydanticCustomError("body", "a body goes with method: POST")
        if self.follow_redirects and self.method == "POST":
            raise PydanticCustomError("redirects", "follow_redirects goes with GET and HEAD: a POST is not sent on")
        if self.expect_text is not None and self.method == "HEAD":
            raise PydanticCustomError("text", "an answer to HEAD has no body that expect_text could be found in")
        if self.token is not None and any(name.lower() == "authorization" for name in self.headers):
            raise PydanticCustomError("token", "token and an Authorization header are the same header; write one")
        return self

    def status_ranges(self) -> list[tuple[int, int]]:
        """The right statuses, each range with both its ends."""
        ranges = (part.strip().partition("-") for part in self.expect_status.split(","))
        return [(int(low), int(high or low)) for low, _, high in ranges]

    def all_headers(self) -> list[tuple[str, str]]:
        """Every header to send, secrets revealed: for the request and nothing else."""
        found = [(name, value.reveal()) for name, value in self.headers.items()]
        if self.token is not None:
            found.append(("Authorization", f"Bearer {self.token.reveal()}"))
        return found
