"""What every notifier promises, whatever it speaks to: each file in actions/notifiers/ goes through the same suite.

A new notifier brings `tests/contract/cases/notifier_KIND.py`: `SECRETS`, what its receivers must never show;
`BEHAVIOURS`, which failures of a peer are permanent; `RETRY_AFTER_S` if it understands Retry-After; and `peer`, which
makes a peer of a behaviour (also `ok` and `hang`) and yields the fields of a receiver that speaks to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import io
import logging
import textwrap
import time
import traceback
from typing import Any

import pytest
import structlog
import yaml
from pydantic import BaseModel

from actions.base import Delivery, DeliveryError, ReceiverConfig
from daemon import plugins
from tests.daemon.paging_kit import context, message

KINDS = plugins.kinds("notifier")
ENVIRON = {"CHATOPS_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "CHATOPS_URL": "https://example.org/hook"}


def case(kind: str) -> Any:
    try:
        return importlib.import_module(f"tests.contract.cases.notifier_{kind}")
    except ModuleNotFoundError:
        pytest.fail(f"the notifier {kind} has no tests/contract/cases/notifier_{kind}.py")


def behaviours() -> list[tuple[str, str]]:
    return [(kind, behaviour) for kind in KINDS for behaviour in case(kind).BEHAVIOURS]


async def attempt(kind: str, behaviour: str, directory: Any, timeout_s: float = 20.0, **fields: Any) -> Delivery:
    """One delivery to a peer of that behaviour, as the outbox makes it."""
    module = plugins.load("notifier", kind)
    async with case(kind).peer(behaviour, directory) as found:
        config = module.Config.model_validate({"timeout": "10s", **found, **fields})
        async with asyncio.timeout(timeout_s):
            delivery: Delivery = await module.send(config, message(), "", context("receiver", directory))
            return delivery


def example(kind: str) -> dict[str, Any]:
    """The YAML in the module's docstring: its indented block."""
    doc = inspect.cleandoc(plugins.load("notifier", kind).__doc__ or "")
    lines = [line for line in doc.splitlines() if line.startswith("    ") or not line.strip()]
    found: dict[str, Any] = yaml.safe_load(textwrap.dedent("\n".join(lines)))
    return found


class _Anything(dict[str, str]):
    """An environment in which everything is set."""

    def get(self, name: str, default: Any = None) -> Any:
        return ENVIRON.get(name, f"value-of-{name}")


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_in_the_docstring_validates(kind):
    """What the documentation shows is a configuration that is accepted, and is of this kind."""
    receivers = example(kind)["receivers"]
    assert receivers
    for fields in receivers.values():
        made = plugins.load("notifier", kind).Config.model_validate(fields, context={"environ": _Anything()})
        assert made.kind == kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_module_exports_what_a_notifier_is(kind):
    """A strict frozen Config, the contact it speaks to, and an asynchronous send; a probe where it can."""
    module = plugins.load("notifier", kind)
    assert issubclass(module.Config, ReceiverConfig)
    assert issubclass(module.Config, BaseModel)
    assert module.Config.model_config["frozen"] is True
    assert module.Config.model_config["extra"] == "forbid"
    assert isinstance(module.CONTACT, str)
    assert list(inspect.signature(module.send).parameters) == ["config", "message", "to", "context"]
    assert inspect.iscoroutinefunction(module.send)
    if hasattr(module, "probe"):
        assert list(inspect.signature(module.probe).parameters) == ["config", "context"]
        assert inspect.iscoroutinefunction(module.probe)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_peer_takes_the_message(kind, tmp_path):
    """Delivered means that the peer has it."""
    assert isinstance(asyncio.run(attempt(kind, "ok", tmp_path)), Delivery)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if case(kind).BEHAVIOURS])
def test_a_hung_peer_is_left_at_the_deadline(kind, tmp_path):
    """Whatever the notifier waits for, the outbox's deadline ends it at once."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(attempt(kind, "hang", tmp_path, timeout_s=0.3))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("kind", "behaviour"), behaviours())
def test_temporary_and_permanent_failures_are_told_apart(kind, behaviour, tmp_path):
    """401 and 404 (or what the protocol has for them) are final, the others are tried again, in words of one line."""
    with pytest.raises(DeliveryError) as caught:
        asyncio.run(attempt(kind, behaviour, tmp_path))
    assert caught.value.permanent is case(kind).BEHAVIOURS[behaviour]
    assert caught.value.reason
    assert caught.value.reason.isprintable()
    if behaviour == "429" and hasattr(case(kind), "RETRY_AFTER_S"):
        assert caught.value.retry_after_s == case(kind).RETRY_AFTER_S


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_never_reach_a_log_an_error_or_a_repr(kind, tmp_path, caplog):
    """With every logger at its most talkative and peers that repeat what they were sent, no secret is written."""
    caplog.set_level(logging.DEBUG)
    told = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(told))
    module = plugins.load("notifier", kind)

    async def show_config() -> str:
        async with case(kind).peer("ok", tmp_path) as fields:
            made = module.Config.model_validate(fields)
            return f"{made!r} {made} {made.model_dump()} {made.model_dump_json()}"

    try:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            told.write(asyncio.run(show_config()))
            for behaviour in ("ok", *case(kind).BEHAVIOURS):
                try:
                    told.write(repr(asyncio.run(attempt(kind, behaviour, tmp_path))))
                except DeliveryError as err:
                    told.write("".join(traceback.format_exception(err)) + repr(err))
    finally:
        structlog.reset_defaults()
    # aiosmtpd, the peer, logs what it gets and says: that is not ours.
    logged = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("mail."))
    for secret in case(kind).SECRETS:
        assert secret not in told.getvalue() + logged


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_key_is_refused(kind, tmp_path):
    """A receiver with a misspelt key is an error, never half understood."""
    with pytest.raises(ValueError, match="Extra inputs"):
        asyncio.run(attempt(kind, "ok", tmp_path, recipients=["x"]))
