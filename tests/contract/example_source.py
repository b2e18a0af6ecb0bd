"""A vendor's numbers, as small as a source can be.

```yaml
numbers: {kind: example, every: 1m, url: https://vendor.example.org, token: {env: EXAMPLE_TOKEN}}
```
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from recuo.values import Secret, Setting
from triggers.base import Context, Kind, MetricSpec, PollError, Sample, SourceConfig


class Config(SourceConfig):
    url: Setting
    token: Secret


def metrics(config: Config) -> Sequence[MetricSpec]:
    return [MetricSpec("example_value", Kind.GAUGE, "count", "a number")]


async def poll(config: Config, context: Context) -> Sequence[Sample]:
    import httpx

    headers = {"Authorization": f"Bearer {config.token.reveal()}"}
    try:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=None, headers=headers) as client,
            client.stream("GET", config.url) as answer,
        ):
            content = b""
            async for chunk in answer.aiter_raw():
                content += chunk
                if len(content) > config.bounds.bytes:
                    raise PollError(f"{context.name} is refused: more than {config.bounds.bytes} bytes came")
    except httpx.HTTPError as err:
        raise PollError(f"the vendor cannot be asked: {type(err).__name__}") from None
    if answer.status_code != 200:
        wait = answer.headers.get("retry-after", "")
        raise PollError(
            f"the vendor answered {answer.status_code}",
            permanent=answer.status_code in {401, 403, 404},
            retry_after_s=float(wait) if wait.isdigit() else None,
        )
    try:
        value = float(json.loads(content)["value"])
    except (ValueError, KeyError, TypeError):
        raise PollError("the vendor's answer cannot be read") from None
    return [Sample("example_value", (), value, context.clock.now())]
