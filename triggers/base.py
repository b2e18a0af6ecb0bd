"""What a source is, what it brings, and what it is given.

A source is one module in `triggers/sources/`, named as its `kind`. It exports

- `Config`, a subclass of `SourceConfig`: its part of config.yaml;
- `metrics(config) -> Sequence[MetricSpec]`: what it will bring, declared before the first poll;
- `async poll(config, context) -> Sequence[Sample]`: ask once, answer with samples, or raise `PollError`.

Poll is cancelled at its deadline (`config.timeout`). What a probe finds out about the product, however bad, is a
sample; `PollError` is only for *our* failure to ask (design S1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from recuo.values import Duration, Instant, Labels

T = TypeVar("T")


class Kind(StrEnum):
    """How a metric's values are to be read (design S1)."""

    GAUGE = "gauge"
    COUNTER = "counter"
    DELTA = "delta"
    EVENT = "event"


class MetricSpec(NamedTuple):
    """A metric that a source declares.

    `unit` is one of `ms s ratio bytes count info`; ratios are 0 to 1, so that `80%` in a rule is 0.8.
    `labels` are the names of the labels its series carry, beside those that the configuration adds.
    `quantity` is roughly how many samples one poll adds (for a counter: how far it may rise), where that is known:
    with it `check` can tell that a ratio's `min_volume` cannot be reached (S9).
    """

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    quantity: float | None = None


class Sample(NamedTuple):
    """One measurement. Events carry an `id` (seen twice, counted once) and `text` that a person reads."""

    metric: str
    labels: Labels
    value: float
    at: Instant
    id: str = ""
    text: str = ""


class Batch(NamedTuple):
    """What one poll of one source brought at `at`: samples, or why it failed (our failure to ask).

    `complete` says that every living series of the source is in it, so that a missing one has ended (S6); pushed
    and streamed samples are not complete.
    """

    source: str
    at: Instant
    samples: Sequence[Sample] = ()
    failed: str = ""
    complete: bool = True


class PollError(Exception):
    """We could not ask: network to the vendor, credentials, an answer that cannot be read.

    `reason` is one line for a tired person, without secrets. `permanent` says that asking again will not help until
    someone changes something (401, 404); `retry_after_s` is what the vendor asked for (RFC 9110, 10.2.3).
    """

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class Bounds(BaseModel):
    """How much one source may bring; beyond it the whole poll is refused, by the source's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    labels: Annotated[int, Field(ge=0, le=64)] = 16
    label_length: Annotated[int, Field(ge=1, le=4096)] = 256
    bytes: Annotated[int, Field(ge=1024)] = 8_388_608


class SourceConfig(BaseModel):
    """What every source's configuration holds; a source's own `Config` adds its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kind: Annotated[str, Field(description="which file in triggers/sources/ reads it")]
    every: Annotated[Duration, Field(ge=100, description="how often it is asked")] = 15_000
    timeout: Annotated[Duration, Field(ge=10, description="the deadline of one poll")] = 10_000
    lag: Annotated[Duration, Field(ge=0, description="how old its newest data is when it is fresh")] = 0
    stale_after: Annotated[
        Duration | None,
        Field(description="older than this a series is unknown; default: the greater of 3 intervals and 1m, plus lag"),
    ] = None
    blind_after: Annotated[Duration, Field(ge=1000, description="failing for longer opens an incident of its own")] = (
        300_000
    )
    labels: Annotated[
        Mapping[str, str], Field(description="added to every sample of this source, like environment: production")
    ] = {}
    bounds: Annotated[Bounds, Field(description="how much it may bring")] = Bounds()

    @property
    def stale_after_ms(self) -> int:
        """S6: the configured staleness, or the greater of three intervals and one minute; lag comes on top."""
        if self.stale_after is not None:
            return self.stale_after
        return max(3 * self.every, 60_000) + self.lag


class Clock(Protocol):
    """The daemon's time, injected: tests own it."""

    def now(self) -> Instant:
        """Wall time in milliseconds, never running backwards within a process."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin, for measuring how long something took."""


class Logger(Protocol):
    """The part of structlog's logger that plugins use: an event name, and facts as keywords."""

    def debug(self, event: str, **facts: object) -> object: ...
    def info(self, event: str, **facts: object) -> object: ...
    def warning(self, event: str, **facts: object) -> object: ...


class Context(Protocol):
    """What a source is given: nothing else of the daemon is visible to it.

    `memory` lives as long as the source's configuration is unchanged: last counters, cursors. `name` is the source's
    name in the configuration.
    """

    @property
    def name(self) -> str: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def log(self) -> Logger: ...
    @property
    def memory(self) -> MutableMapping[str, Any]: ...

    async def in_thread(self, function: Callable[..., T], /, *args: object) -> T:
        """Run a blocking call in a thread; the poll's deadline still holds for the caller."""
