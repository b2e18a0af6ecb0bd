"""Every source, whatever its kind, before the same contract (DESIGN section 2)."""

from __future__ import annotations

import asyncio
import math
import re
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from tests.contract.kit import (
    ENVIRON,
    SECRET,
    Hanging,
    KeptLog,
    context,
    examples,
    nothing_left_behind,
    settled,
    source_case,
    source_kinds,
    source_module,
    validate,
)
from tests.servers import Behaviour, answer, cut, cut_within, endless, hang, peer, raw
from triggers.base import Kind, PollError, SourceConfig

KINDS = source_kinds()
UNITS = {"ms", "s", "ratio", "bytes", "count", "info"}
ECHO = answer(401, f'{{"error": "bad token {SECRET}"}}'.encode(), {"X-Echo": SECRET})

FAILING: dict[str, Behaviour] = {
    "401": ECHO,
    "404": answer(404),
    "429": answer(429, headers={"Retry-After": "17"}),
    "500": answer(500, f"trace with {SECRET}".encode()),
    "silent": hang,
    "cut": cut,
    "cut in its body": cut_within,
    "not HTTP": raw(f"SSH-2.0-{SECRET}\r\n".encode()),
    "closed at once": raw(b""),
    "thousands of headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n" * 1000),
    "endless body": endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"x" * 65_536),
}
WRONG_FOR_A_VENDOR = {"not JSON": answer(200, b"<html>"), "wrong type": answer(200, b"[1, 2]")}


def run_poll(kind: str, behave: Behaviour, *, tls: ssl.SSLContext | None = None, **settings: Any):
    """One poll as the scheduler makes it: its samples or error, the configuration, the log."""
    module, case, log = source_module(kind), source_case(kind), KeptLog()

    async def once():
        async with peer(behave, tls=tls) as there:
            config = validate(module, kind, {**case.configure(there.url), **settings})
            made = context(kind, log=log)
            deadline_ms = module.deadline_ms(config) if hasattr(module, "deadline_ms") else config.timeout + 1000
            try:
                async with asyncio.timeout(deadline_ms / 1000):
                    return config, await module.poll(config, made)
            except (PollError, TimeoutError) as err:
                return config, err

    config, found = asyncio.run(once())
    return config, found, log


@pytest.mark.parametrize("kind", KINDS)
def test_the_docstrings_examples_are_valid_configuration(kind):
    """Every YAML example in a source's docstring names its kind and validates."""
    module = source_module(kind)
    found = [part for example in examples(module) for part in example.values()]
    assert found, f"{kind} shows no example"
    for part in found:
        assert part["kind"] == kind
        assert module.Config.model_validate(part, context={"environ": _AnyVariable()}).kind == kind


class _AnyVariable(dict[str, str]):
    def get(self, name, default=None):
        return ENVIRON.get(name, "any-value")


@pytest.mark.parametrize("kind", KINDS)
def test_configuration_is_strict_and_frozen(kind):
    """An unknown key is an error, and a configuration cannot be changed once read."""
    module, case = source_module(kind), source_case(kind)
    assert issubclass(module.Config, SourceConfig)
    config = validate(module, kind, case.configure("http://127.0.0.1:1"))
    with pytest.raises(ValidationError, match="frozen"):
        config.every = 5
    with pytest.raises(ValidationError, match="extra_forbidden"):
        validate(module, kind, {**case.configure("http://127.0.0.1:1"), "no_such_key": 1})


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_are_declared_in_the_fields_conventions(kind):
    """Names are those that Prometheus takes, units are ours, counters end in _total, and each says what it is."""
    module = source_module(kind)
    specs = module.metrics(validate(module, kind, source_case(kind).configure("http://127.0.0.1:1")))
    assert len({spec.name for spec in specs}) == len(specs) > 0
    for spec in specs:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", spec.name)
        assert spec.unit in UNITS
        assert spec.help
        assert spec.name.endswith("_total") == (spec.kind is Kind.COUNTER)
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in spec.labels)


@pytest.mark.parametrize("kind", KINDS)
def test_a_poll_brings_only_what_is_declared(kind):
    """Each sample's metric, kind and labels are declared, its value is finite, and no series comes twice."""
    module, case = source_module(kind), source_case(kind)

    async def twice():
        async with peer(case.right) as there:
            config, made = validate(module, kind, case.configure(there.url)), context(kind)
            return config, await module.poll(config, made), await module.poll(config, made), made.clock.now()

    config, first, second, now = asyncio.run(twice())
    specs = {spec.name: spec for spec in module.metrics(config)}
    for samples in (first, second):
        assert samples
        for sample in samples:
            spec = specs[sample.metric]
            names = [name for name, _ in sample.labels]
            assert names == sorted(set(names))
            assert (
                set(names) <= set(spec.labels)
                if spec.kind is Kind.EVENT
                else tuple(names) == tuple(sorted(spec.labels))
            )
            assert math.isfinite(sample.value)
            assert bool(sample.id) == (spec.kind is Kind.EVENT)
            assert 0 <= now - sample.at < 60_000
        lasting = [(s.metric, s.labels) for s in samples if specs[s.metric].kind is not Kind.EVENT]
        assert len(lasting) == len(set(lasting))
    before = {(s.metric, s.labels): s.value for s in first}
    for sample in second:
        if specs[sample.metric].kind is Kind.COUNTER:
            assert sample.value >= before.get((sample.metric, sample.labels), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hung_peer_is_cancelled_at_the_deadline_and_nothing_is_left(kind, tmp_path):
    """A poll that hangs ends when it is cancelled: no task, process, connection or file stays behind."""
    module, case = source_module(kind), source_case(kind)

    async def cancelled(hanging: Hanging):
        config, made = validate(module, kind, {"timeout": "1h", **hanging.settings}), context(kind)
        task = asyncio.ensure_future(module.poll(config, made, **hanging.poll_arguments))
        await settled(hanging.reached)
        task.cancel()
        async with asyncio.timeout(2):
            with pytest.raises(asyncio.CancelledError):
                await task

    async def scenario():
        # What is loaded at the first poll stays loaded: that is no leak.
        await _warm_up(module, kind)
        async with nothing_left_behind():
            if case.hanging is not None:
                await cancelled(case.hanging(tmp_path))
            else:
                async with peer(hang) as there:
                    await cancelled(Hanging(case.configure(there.url), {}, there.asked.is_set))

    asyncio.run(scenario())


async def _warm_up(module, kind):
    async with peer(source_case(kind).right) as there:
        await module.poll(validate(module, kind, source_case(kind).configure(there.url)), context(kind))


@pytest.mark.parametrize("failing", FAILING)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_peer_does_is_a_measurement_or_our_failure_and_no_secret_shows(kind, failing):
    """A product's misbehaviour is measured, a vendor's is a PollError with its kind, and neither tells a secret."""
    case = source_case(kind)
    config, found, log = run_poll(kind, FAILING[failing], timeout="300ms", bounds={"bytes": 262_144})
    told = [repr(config), str(config), config.model_dump_json(), *log.lines]
    told += [repr(found), str(found), getattr(found, "reason", "")]
    assert not [line for line in told if SECRET in line]
    if isinstance(found, PollError):
        assert found.reason
        assert "\n" not in found.reason
    if case.role == "vendor":
        assert isinstance(found, PollError | TimeoutError)
        assert getattr(found, "permanent", False) == (failing in {"401", "404"})
        assert getattr(found, "retry_after_s", None) == (17 if failing == "429" else None)
    elif failing != "endless body" or case.role == "host":
        assert not isinstance(found, Exception), found


@pytest.mark.parametrize("wrong", WRONG_FOR_A_VENDOR)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if source_case(kind).role == "vendor"])
def test_a_vendors_answer_that_cannot_be_read_is_a_temporary_failure(kind, wrong):
    """Something else than the documented JSON is our failure to ask, worth another try."""
    _, found, _ = run_poll(kind, WRONG_FOR_A_VENDOR[wrong])
    assert isinstance(found, PollError)
    assert not found.permanent


@pytest.mark.parametrize("kind", [kind for kind in KINDS if source_case(kind).role != "host"])
def test_a_peer_that_nobody_vouches_for_is_never_told_a_secret(kind):
    """With an untrusted certificate the request is not sent at all."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    heard: list[bytes] = []

    async def listen(exchange):
        heard.append(await exchange.reader.read(1))

    _, found, log = run_poll(kind, listen, tls=tls, timeout="5s")
    assert [data for data in heard if data] == []
    assert SECRET not in repr(found) + "".join(log.lines)
    if source_case(kind).role == "vendor":
        assert isinstance(found, PollError)
        assert not found.permanent


def test_every_source_has_its_case():
    """A new file in triggers/sources/ comes with a case, or the suite fails by its name."""
    cases = {path.stem for path in (Path(__file__).parent / "cases").glob("*.py")}
    assert set(KINDS) <= cases
