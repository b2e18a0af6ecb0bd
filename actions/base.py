"""What a notifier is, what it is given to say, and what it answers.

A notifier is one module in `actions/notifiers/`, named as its `kind`. It exports

- `Config`, a subclass of `ReceiverConfig`: one receiver in config.yaml;
- `CONTACT`: the key of a person's contact that it can address (`email`), or `""` if it speaks only to its receiver;
- `async send(config, message, to, context) -> Delivery`: hand the message over once, or raise `DeliveryError`.

Send is cancelled at its deadline (`config.timeout`). The outbox retries; a notifier never does.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from recuo.values import Duration, Instant

T = TypeVar("T")


class ReceiverConfig(BaseModel):
    """What every receiver's configuration holds; a notifier's own `Config` adds its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kind: Annotated[str, Field(description="which file in actions/notifiers/ speaks to it")]
    timeout: Annotated[Duration, Field(ge=100, description="the deadline of one delivery attempt")] = 15_000


class Message(NamedTuple):
    """What is to be said, already rendered: a notifier lays it out, and adds nothing to it.

    `key` is the same on every retry, so that a receiver can recognise a repetition. `kind` is `page` (a person must
    act), `update` (people are told) or `test`. `facts` are short pairs for a table, in the message's language.
    """

    key: str
    kind: str
    incident: int | None
    event: str
    severity: str
    environment: str
    service: str
    title: str
    text: str
    html: str
    facts: tuple[tuple[str, str], ...]
    url: str
    locale: str
    at: Instant


class Delivery(NamedTuple):
    """The receiver took the message; `id` is the receiver's own name for it where it gives one."""

    id: str = ""
    detail: str = ""


class DeliveryError(Exception):
    """The receiver did not take the message.

    `reason` is one line for a tired person, without secrets. `permanent` says that the same message will be refused
    again (401, unknown address); otherwise the outbox tries later, not before `retry_after_s`.
    """

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class Clock(Protocol):
    """The daemon's time, injected: tests own it."""

    def now(self) -> Instant:
        """Wall time in milliseconds."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin."""


class Logger(Protocol):
    """The part of structlog's logger that plugins use: an event name, and facts as keywords."""

    def debug(self, event: str, **facts: object) -> object: ...
    def info(self, event: str, **facts: object) -> object: ...
    def warning(self, event: str, **facts: object) -> object: ...


class Context(Protocol):
    """What a notifier is given: nothing else of the daemon is visible to it. `name` is the receiver's name."""

    @property
    def name(self) -> str: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def log(self) -> Logger: ...
    @property
    def memory(self) -> MutableMapping[str, Any]: ...
    @property
    def state_dir(self) -> str:
        """The daemon's state directory, for the one notifier that writes a file there."""

    async def in_thread(self, function: Callable[..., T], /, *args: object) -> T:
        """Run a blocking call in a thread; the deadline still holds for the caller."""
