"""HTTP endpoints as their users meet them: latency by phase, status, certificate; requests and failures for ratios.

```yaml
site:
  kind: http
  every: 5s
  timeout: 2s
  endpoints:
    health: {url: https://api.vocalcoach.ai/health, token: {env: SITE_TOKEN}, expect_text: '"ok"'}
    login: {url: https://api.vocalcoach.ai/login, method: HEAD, expect_status: "200-399,401"}
```

A single endpoint is written without `endpoints`, and its series carry the source's name:

```yaml
site: {kind: http, every: 5s, url: https://api.vocalcoach.ai/health, timeout: 2s, token: {env: SITE_TOKEN}}
```

Each probe is a fresh connection, with its own DNS look-up and TLS handshake. `timeout` holds for each endpoint by
itself, and all are probed at once. What a probe finds out is a measurement, however bad: a time-out, refusal, name that
does not exist, untrusted certificate, status outside `expect_status` or missing `expect_text` is `http_up` 0, one
failure more and a latency equal to the time-out. Only where our own network or resolver keeps us from asking, and no
other endpoint shows that it works, has the poll failed: endpoints of networks apart belong into sources apart.

`ca_file` is trusted instead of the system's authorities. The environment's proxies are ignored; `proxy` names one.
More than `bounds.bytes` in one poll, all endpoints together, is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from recuo.values import Instant, Labels
from triggers.base import Context, Kind, MetricSpec, PollError, Sample, SourceConfig
from triggers.sources._asked import Address, Asked

if TYPE_CHECKING:
    from triggers.probes.endpoint import Finding

_GRACE_MS: Final = 1_000
"""The scheduler's deadline comes so much after the probes' own, so that a time-out is measured and not cut off."""
_NAME: Final = r"^[A-Za-z0-9_.:-]{1,100}$"


class EndpointConfig(Asked):
    """One of several endpoints."""

    url: Annotated[Address, Field(description="http:// or https://, without user and password")]


class Config(SourceConfig, Asked):
    """One endpoint, written by its own fields, or several below `endpoints`."""

    url: Annotated[Address | None, Field(description="the endpoint, where there is only one")] = None
    endpoints: Annotated[
        Mapping[Annotated[str, Field(pattern=_NAME)], EndpointConfig],
        Field(max_length=200, description="several endpoints, by name"),
    ] = {}
    ca_file: Annotated[str | None, Field(min_length=1, description="authorities to trust instead, PEM")] = None
    proxy: Annotated[Address | None, Field(description="an HTTP proxy that the probes go through")] = None

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if (self.url is None) == (not self.endpoints):
            raise PydanticCustomError("url", "either url or endpoints is wanted here")
        astray = sorted(self.model_fields_set & set(Asked.model_fields)) if self.endpoints else []
        if astray:
            raise PydanticCustomError("endpoints", "{field} belongs into each of the endpoints", {"field": astray[0]})
        return self


def metrics(config: Config) -> Sequence[MetricSpec]:
    """What one poll of the endpoints brings: one request for each, so that `min_volume` can be checked."""
    by = ("endpoint",)
    found = [
        MetricSpec("http_up", Kind.GAUGE, "info", "1 where the answer was right, else 0", by),
        MetricSpec("http_status", Kind.GAUGE, "info", "the answer's status; 0 without an answer", by),
        MetricSpec("http_latency_ms", Kind.GAUGE, "ms", "whole probe; the time-out where it failed", by),
        MetricSpec("http_phase_ms", Kind.GAUGE, "ms", "dns, connect, tls, first_byte, transfer", ("endpoint", "phase")),
        MetricSpec("http_response_bytes", Kind.GAUGE, "bytes", "length of the answer's body", by),
        MetricSpec("http_requests_total", Kind.COUNTER, "count", "probes since the daemon began", by, 1.0),
        MetricSpec("http_failures_total", Kind.COUNTER, "count", "probes that failed, of those", by, 1.0),
    ]
    if any(url.lower().startswith("https:") or what.follow_redirects for url, what in _asked(config, "").values()):
        found.append(MetricSpec("http_certificate_days", Kind.GAUGE, "count", "days until the certificate ends", by))
    return found


def deadline_ms(config: Config) -> int:
    """How long one poll may take: each endpoint's own time-out, and a moment to say so."""
    return config.timeout + _GRACE_MS


async def poll(config: Config, context: Context) -> Sequence[Sample]:
    """Probe every endpoint once, all at the same time. Raises PollError where we could not ask, or too much came."""
    from triggers.probes import endpoint, wire

    tls = context.memory.get("tls")
    if tls is None:
        await endpoint.prepare()
        try:
            tls = context.memory["tls"] = await context.in_thread(endpoint.trust, config.ca_file)
        except OSError as err:
            raise PollError(f"ca_file {config.ca_file} cannot be used: {err.strerror or err}", permanent=True) from err
    allowance = wire.Allowance(config.bounds.bytes)
    asked = _asked(config, context.name)
    findings = await asyncio.gather(
        *(
            endpoint.probe(
                _request(config, url, what),
                timeout_ms=config.timeout,
                tls=tls,
                clock=context.clock,
                in_thread=context.in_thread,
                allowance=allowance,
            )
            for url, what in asked.values()
        )
    )
    found = dict(zip(asked, findings, strict=True))
    _refuse(found, context.name, config)
    at = context.clock.now()
    return [sample for name, finding in found.items() for sample in _samples(name, finding, at, context)]


def _asked(config: Config, name: str) -> Mapping[str, tuple[str, Asked]]:
    if config.url is not None:
        return {name: (config.url, config)}
    return {name: (each.url, each) for name, each in config.endpoints.items()}


def _request(config: Config, url: str, what: Asked) -> Any:
    from triggers.probes.endpoint import Request

    return Request(
        url=url,
        method=what.method,
        headers=what.all_headers(),
        body=what.body.encode() if what.body is not None else None,
        statuses=what.status_ranges(),
        text=(what.expect_text or "").encode(),
        follow=what.follow_redirects,
        proxy=config.proxy or "",
    )


def _refuse(found: Mapping[str, Finding], source: str, config: Config) -> None:
    """Raise PollError for what is our own failure, or more than this source may bring."""
    for name, finding in found.items():
        if finding.refused:
            raise PollError(
                f"{source} is refused: with endpoint {name} more than {config.bounds.bytes} bytes came in one poll; "
                "ask for less, or raise bounds: {bytes: …}"
            )
    unasked = [f"{name}: {finding.cannot_ask}" for name, finding in found.items() if finding.cannot_ask]
    # Where another machine has answered, our network is there: what cannot be reached is down for its users too.
    if unasked and not any(finding.network_seen for finding in found.values()):
        more = f", and {len(unasked) - 1} more" if len(unasked) > 1 else ""
        raise PollError(f"could not ask {unasked[0]}{more}")


def _samples(name: str, finding: Finding, at: Instant, context: Context) -> Iterator[Sample]:
    labels: Labels = (("endpoint", name),)
    requests, failures, said = context.memory.get(f"endpoint {name}", (0, 0, ""))
    requests, failures = requests + 1, failures + (not finding.up)
    context.memory[f"endpoint {name}"] = (requests, failures, finding.reason)
    if finding.reason != said:
        context.log.info("endpoint changed", endpoint=name, up=finding.up, reason=finding.reason or "as expected")
    yield Sample("http_up", labels, float(finding.up), at, text=finding.reason)
    yield Sample("http_status", labels, finding.status, at)
    yield Sample("http_latency_ms", labels, finding.latency_ms, at)
    for phase, spent_ms in finding.phases_ms.items():
        yield Sample("http_phase_ms", (*labels, ("phase", phase)), spent_ms, at)
    yield Sample("http_response_bytes", labels, finding.body_bytes, at)
    yield Sample("http_requests_total", labels, requests, at)
    yield Sample("http_failures_total", labels, failures, at)
    if finding.certificate_days is not None:
        yield Sample("http_certificate_days", labels, finding.certificate_days, at)
