"""E-mail over SMTP, as plain text and as HTML.

    receivers:
      team-mail: {kind: email, host: smtp.example.org, to: [team@example.org]}
      people-mail:
        kind: email
        host: smtp.example.org
        port: 587
        security: starttls
        username: recuo@example.org
        password: {env: SMTP_PASSWORD}
        from: recuo@example.org
        reply_to: team@example.org
        timeout: 10s

`security` is `starttls` (port 587, RFC 3207), `tls` (port 465, RFC 8314) or `none`, which only a server on this machine
may have, unless `insecure: true` says that the network is trusted. A person's `email` contact goes through the first
receiver of this kind; `to` is who gets what is addressed to the receiver itself, and may be left out.
Codes 4xx are tried again later and 5xx are not (RFC 5321, 4.2.1).
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, formataddr
from pathlib import Path
from typing import Annotated, Final, Literal

import aiosmtplib
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from actions.base import Context, Delivery, DeliveryError, Message, ReceiverConfig
from actions.text import one_line, redact
from recuo.values import Secret, Setting

CONTACT: Final = "email"
"""It can write to any person who has an `email` contact."""

_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[^\s@<>(),;:\\\"\[\]]+")
_QUIT_S: Final = 1.0
_AUTH_CODES: Final = frozenset({530, 534, 535, 538})


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value) or not value.isprintable() or len(value) > 254:
        raise PydanticCustomError("address", "{value} is not an e-mail address", {"value": one_line(value, 80)})
    return value


Address = Annotated[Setting, AfterValidator(_address)]


class Config(ReceiverConfig):
    """One SMTP server, and who gets what is sent to the receiver itself."""

    host: Annotated[Setting, Field(min_length=1, max_length=253, description="the SMTP server")]
    port: Annotated[
        int | None, Field(ge=1, le=65_535, description="default: 587 with starttls, 465 with tls, 25 with none")
    ] = None
    security: Annotated[Literal["starttls", "tls", "none"], Field(description="how the connection is encrypted")] = (
        "starttls"
    )
    insecure: Annotated[bool, Field(description="allow security: none to another machine")] = False
    ca_file: Annotated[Path | None, Field(description="PEM file of the authority that signed the certificate")] = None
    username: Annotated[Setting | None, Field(description="user name, if the server wants one")] = None
    password: Annotated[Secret | None, Field(description="its password")] = None
    sender: Annotated[
        Address | None,
        Field(alias="from", description="default: the user name if it is an address, else recuo@ the domain of `to`"),
    ] = None
    to: Annotated[tuple[Address, ...], Field(max_length=50, description="who gets what is sent to this receiver")] = ()
    reply_to: Annotated[Address | None, Field(description="where answers go")] = None

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.security == "none" and not self.insecure and self.host not in _LOOPBACK:
            raise PydanticCustomError(
                "security",
                "security: none would send pages and passwords in clear to {host}; use starttls or tls, "
                "or say insecure: true",
                {"host": self.host},
            )
        if (self.username is None) != (self.password is None):
            raise PydanticCustomError("credentials", "username and password belong together; one of them is missing")
        return self


def destination(config: Config) -> str:
    """Whom the receiver itself reaches, in words; empty if it only writes to people's own addresses."""
    return ", ".join(config.to)


async def send(config: Config, message: Message, to: str, context: Context) -> Delivery:
    """Hand the message to the SMTP server for `to`, or for the receiver's own addresses if that is empty.

    Returns when the server has taken responsibility for it (250 after DATA). Raises DeliveryError.
    """
    recipients = [to] if to else list(config.to)
    if not recipients:
        raise DeliveryError(f"receiver {context.name} has no `to`: it cannot be addressed by itself", permanent=True)
    try:
        sender, *recipients = map(_wire_address, (_sender(config, recipients), *recipients))
    except ValueError as err:
        raise DeliveryError(str(err), permanent=True) from None
    identifier = _message_id(message, sender, to, context)
    content = compose(config, message, sender, recipients, identifier)
    async with _session(config) as session:
        refused, answer = await session.sendmail(sender, recipients, content)
    detail = f"{len(refused)} of {len(recipients)} recipients refused: {', '.join(refused)}" if refused else answer
    return Delivery(id=identifier, detail=_safe(config, detail))


async def probe(config: Config, context: Context) -> str:
    """Connect, encrypt, log in and say NOOP, without sending anything; says in words what was found.

    Raises DeliveryError as `send` would.
    """
    async with _session(config) as session:
        await session.noop()
        encrypted = "" if config.security == "none" else f", encrypted ({config.security})"
    return f"{_place(config)} answers{encrypted}" + (", accepts the login" if config.username else "")


def compose(config: Config, message: Message, sender: str, recipients: Sequence[str], identifier: str) -> bytes:
    """The message as RFC 5322 bytes, addresses in ASCII: every header is one line, whatever the title holds."""
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = formataddr(("Recuo", sender))
    mail["To"] = ", ".join(recipients)
    if config.reply_to:
        mail["Reply-To"] = config.reply_to
    mail["Subject"] = one_line(message.title, 250)
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.at / 1000, UTC))
    mail["Message-ID"] = identifier
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers to it
    mail["Content-Language"] = one_line(message.locale, 20)
    if message.incident is not None:
        # RFC 5322, 3.6.4: one thread an incident, named by a message that need not exist.
        thread = f"incident-{message.incident}.{_digest(message.service, message.environment)}"
        mail["References"] = f"<{thread}@{_domain(sender)}>"
    if message.kind == "page" and message.severity == "critical":
        mail["X-Priority"] = "1 (Highest)"
        mail["Importance"] = "high"
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    return mail.as_bytes()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _message_id(message: Message, sender: str, to: str, context: Context) -> str:
    """The same for every attempt at one message to one address, and for no other (RFC 5322, 3.6.4)."""
    key = re.sub(r"[^A-Za-z0-9_-]", "-", message.key)[:80]
    return f"<{key}.{_digest(message.key, context.name, to)}@{_domain(sender)}>"


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _sender(config: Config, recipients: Sequence[str]) -> str:
    if config.sender:
        return config.sender
    if config.username and _ADDRESS.fullmatch(config.username):
        return config.username
    return f"recuo@{recipients[0].rpartition('@')[2]}"


def _wire_address(address: str) -> str:
    """The address as SMTP wants it: ASCII, the domain by IDNA. Raises ValueError."""
    local, at, domain = address.rpartition("@")
    if not at or not _ADDRESS.fullmatch(address):
        raise ValueError(f"{one_line(address, 80)!r} is not an e-mail address")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise ValueError(f"{one_line(address, 80)!r} has a domain that cannot exist") from None


def _place(config: Config) -> str:
    return f"{config.host}:{config.port or _PORTS[config.security]}"


def _safe(config: Config, text: str) -> str:
    secrets = [config.password.reveal()] if config.password else []
    if config.password and config.username:
        secrets.append(f"\0{config.username}\0{config.password.reveal()}")  # AUTH PLAIN, RFC 4616
    return one_line(redact(text, secrets))


def _tls(config: Config) -> ssl.SSLContext | None:
    if config.security == "none":
        return None
    try:
        return ssl.create_default_context(cafile=config.ca_file)
    except OSError as err:
        raise DeliveryError(f"ca_file {config.ca_file} cannot be read: {err.strerror or 'not PEM'}") from None


@asynccontextmanager
async def _session(config: Config) -> AsyncIterator[aiosmtplib.SMTP]:
    """A connection that is encrypted and logged in as configured; whatever goes wrong in it is a DeliveryError."""
    client = aiosmtplib.SMTP(
        hostname=config.host,
        port=config.port or _PORTS[config.security],
        use_tls=config.security == "tls",
        start_tls=config.security == "starttls",
        tls_context=_tls(config),
        local_hostname=_own_name(),
        timeout=config.timeout / 1000,
    )
    try:
        await client.connect()
        if config.username and config.password:
            await client.login(config.username, config.password.reveal())
        yield client
    except DeliveryError:
        raise
    except (aiosmtplib.SMTPException, OSError, UnicodeError) as err:
        raise _refusal(config, err) from None
    else:
        # The server has the message: a slow good-bye must not turn that into a failure and a second copy.
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=_QUIT_S)
    finally:
        client.close()


def _own_name() -> str:
    """What EHLO says: the machine's name, without asking DNS for it, which could block (RFC 5321, 4.1.4)."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name) else "[127.0.0.1]"


def _refusal(config: Config, err: Exception) -> DeliveryError:
    """What went wrong, for a tired person, and whether trying again can help."""
    place = _place(config)
    causes = _causes(err)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return DeliveryError(f"{place}: its certificate is not trusted: {one_line(cause.verify_message)}")
        if isinstance(cause, ssl.SSLError):
            return DeliveryError(f"{place}: TLS failed: {one_line(cause.reason or 'no common protocol')}")
        if isinstance(cause, socket.gaierror):
            return DeliveryError(f"{place}: the name cannot be resolved")
        if isinstance(cause, ConnectionRefusedError):
            return DeliveryError(f"{place}: nothing listens there (connection refused)")
    if isinstance(err, aiosmtplib.SMTPNotSupported) or type(err) is aiosmtplib.SMTPException:
        words = f"{place}: the server does not offer what is configured: {_safe(config, str(err))}"
        return DeliveryError(words, permanent=True)
    if isinstance(err, aiosmtplib.SMTPRecipientsRefused):
        return _recipients_refused(config, err)
    if isinstance(err, aiosmtplib.SMTPAuthenticationError) or getattr(err, "code", 0) in _AUTH_CODES:
        return _login_refused(place, getattr(err, "code", 535))
    if isinstance(err, aiosmtplib.SMTPResponseException):
        words = f"{place}: the server answered {err.code} {_safe(config, err.message)}"
        return DeliveryError(words, permanent=500 <= err.code < 600)
    if isinstance(err, aiosmtplib.SMTPTimeoutError | TimeoutError):
        return DeliveryError(f"{place}: no answer within {config.timeout / 1000:g} s")
    if isinstance(err, aiosmtplib.SMTPServerDisconnected | ConnectionError):
        return DeliveryError(f"{place}: the connection was cut")
    return DeliveryError(f"{place}: {type(err).__name__}: {_safe(config, str(err))}")


def _causes(err: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while err is not None and err not in found:
        found.append(err)
        err = err.__cause__ or err.__context__
    return found


def _login_refused(place: str, code: int) -> DeliveryError:
    # What the server says about a login is left out: some repeat what they were given.
    if code == 530:
        return DeliveryError(f"{place}: the server wants a login; set username and password", permanent=True)
    temporary = 400 <= code < 500
    return DeliveryError(f"{place}: the user name or password was refused ({code})", permanent=not temporary)


def _recipients_refused(config: Config, err: aiosmtplib.SMTPRecipientsRefused) -> DeliveryError:
    first = err.recipients[0]
    words = ", ".join(f"{r.recipient} ({r.code} {_safe(config, r.message)})" for r in err.recipients[:3])
    permanent = all(500 <= r.code < 600 for r in err.recipients)
    if first.code in _AUTH_CODES:
        return _login_refused(_place(config), first.code)
    return DeliveryError(one_line(f"{_place(config)}: refused to deliver to {words}", 300), permanent=permanent)
