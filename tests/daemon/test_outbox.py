from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.base import DeliveryError
from daemon import escalation, outbox, plugins
from daemon.clock import ManualClock, SystemClock
from daemon.store import Store
from recuo.values import Instant
from tests.actions.notifiers.peers import LOOPBACK, http_peer, silent_peer, smtp_peer
from tests.daemon.paging_kit import NOW, configuration, context, events, insert_incident, message, queued

WAIT_S = 20


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path)
    opened.write_now(insert_incident)
    yield opened
    opened.close()


class Desk:
    """A running outbox, what it reported, and its clock."""

    def __init__(self, store: Store, config, clock) -> None:
        self.store, self.clock = store, clock
        self.results: list[outbox.Result] = []
        self.first: list[tuple[int, Instant]] = []
        self.stuck: list[int] = []
        self.changed = asyncio.Event()
        self.config = config
        self.outbox = outbox.Outbox(
            store,
            lambda: self.config,
            clock,
            lambda name: context(name, store.directory, clock),
            on_delivered=self._on_delivered,
            on_undelivered=self._on_undelivered,
            observe=self._on_result,
        )

    def _on_delivered(self, tx: sqlite3.Connection, incident: int, at: Instant) -> None:
        self.first.append((incident, at))

    def _on_undelivered(self, tx: sqlite3.Connection, message_id: int, *, config, now) -> None:
        self.stuck.append(message_id)

    def _on_result(self, result: outbox.Result) -> None:
        self.results.append(result)
        self.changed.set()

    async def until_results(self, count: int) -> None:
        """Wait until so many attempts have been recorded."""
        async with asyncio.timeout(WAIT_S):
            while len(self.results) < count:
                self.changed.clear()
                await self.changed.wait()

    def put(
        self,
        key: str = "page-1",
        receiver: str = "hook",
        *,
        kind: str = "page",
        incident: int | None = 1,
        address: str = "",
    ) -> bool:
        """Queue one message now."""
        return self.store.write_now(
            lambda tx: outbox.enqueue(
                tx,
                key=key,
                receiver=receiver,
                address=address,
                incident=incident,
                kind=kind,
                message=message(key, kind=kind, incident=incident),
                now=self.clock.now(),
            )
        )


def hooks(*ports: int, escalation: Any = None, **fields: Any):
    """A configuration with a webhook receiver for each port: hook, hook2 and so on."""
    receivers = {
        f"hook{n}" if n > 1 else "hook": {
            "kind": "webhook",
            "url": f"http://{LOOPBACK}:{port}/",
            "timeout": "2s",
            **fields,
        }
        for n, port in enumerate(ports, 1)
    }
    return configuration(receivers=receivers, people={}, schedules={}, escalation=escalation or {})


@asynccontextmanager
async def running(store: Store, config, clock=None):
    desk = Desk(store, config, clock or ManualClock(NOW))
    task = asyncio.create_task(desk.outbox.run())
    try:
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_queued_message_is_delivered_once_and_recorded(store):
    """Delivered: the row, the timeline, the hook for the first delivery and the result all say so."""

    async def run():
        async with http_peer() as peer, running(store, hooks(peer.port)) as desk:
            desk.put()
            desk.outbox.wake()
            await desk.until_results(1)
            desk.put("page-2")
            desk.outbox.wake()
            await desk.until_results(2)
            return peer, desk

    peer, desk = asyncio.run(run())
    assert [request.headers["webhook-id"] for request in peer.requests] == ["page-1", "page-2"]
    assert [(r["state"], r["attempts"], r["delivered_at"]) for r in queued(store)] == [("delivered", 1, NOW)] * 2
    assert desk.first == [(1, NOW)]
    assert desk.results[0] == outbox.Result("hook", "page", "delivered", 0)
    assert events(store, "delivered")[0]["receiver"] == "hook"


def test_one_key_goes_to_one_address_by_one_receiver_once(store):
    """Queueing the same message again changes nothing; another address or receiver is another message."""
    desk_put = Desk.put
    desk = Desk.__new__(Desk)
    desk.store, desk.clock = store, ManualClock(NOW)
    assert [desk_put(desk, "k", "m", address=a) for a in ("a", "b", "a")] == [True, True, False]
    assert desk_put(desk, "k", "n", address="a")
    assert len(queued(store)) == 3


def test_a_temporary_failure_is_tried_again_after_one_to_two_seconds_and_no_earlier(store):
    """The retry waits for its time by the clock, comes under the same key, and is then delivered."""

    async def run():
        async with http_peer((500, {}, b"oh"), (200, {}, b"")) as peer, running(store, hooks(peer.port)) as desk:
            desk.put()
            desk.outbox.wake()
            await desk.until_results(1)
            [row] = queued(store)
            wait_ms = row["next_attempt_at"] - NOW
            desk.clock.advance(wait_ms - 1)
            desk.outbox.wake()
            await desk.store.read(lambda conn: None)
            seen = len(peer.requests)
            desk.clock.advance(1)
            desk.outbox.wake()
            await desk.until_results(2)
            return row, wait_ms, seen, peer

    row, wait_ms, seen, peer = asyncio.run(run())
    assert 1_000 <= wait_ms <= 2_000
    assert (row["state"], row["attempts"], seen) == ("queued", 1, 1)
    assert "answered 500 (oh)" in row["last_error"]
    assert [r.headers["webhook-id"] for r in peer.requests] == ["page-1", "page-1"]
    assert queued(store)[0]["state"] == "delivered"


def test_a_retry_comes_by_itself_without_anyone_waking_the_dispatcher(store):
    """The dispatcher sleeps until the next attempt is due and makes it, on a real clock."""

    async def run():
        async with (
            http_peer((500, {}, b""), (200, {}, b"")) as peer,
            running(store, hooks(peer.port), SystemClock()) as desk,
        ):
            desk.put()
            desk.outbox.wake()
            await desk.until_results(2)
            return [result.result for result in desk.results]

    assert asyncio.run(run()) == ["retry", "delivered"]


def test_retry_after_is_waited_for(store):
    """429 with Retry-After: 120 is tried again no earlier than in 120 seconds."""

    async def run():
        async with http_peer((429, {"retry-after": "120"}, b"")) as peer, running(store, hooks(peer.port)) as desk:
            desk.put()
            desk.outbox.wake()
            await desk.until_results(1)

    asyncio.run(run())
    assert queued(store)[0]["next_attempt_at"] == NOW + 120_000


@given(attempts=st.integers(0, 10_000), asked=st.none() | st.floats(0, 1e12))
def test_the_wait_grows_to_five_minutes_and_never_undercuts_what_was_asked(attempts, asked):
    """Back-off doubles from about 1.5 s, with a third of jitter, up to 5 min; what is asked for holds up to 1 h."""
    delay_ms = outbox._retry_delay_ms(attempts, asked)
    plain = min(1_500 * 2 ** min(attempts, 20), 300_000)
    least = min((asked or 0) * 1000, 3_600_000)
    assert delay_ms >= max(plain * 2 // 3, round(least))
    assert delay_ms <= max(min(plain * 4 // 3, 300_000), round(least))


def test_a_permanent_failure_is_told_once_and_looks_for_another_way(store):
    """404 is not tried again: the row has failed, the timeline says why, and another way is looked for."""

    async def run():
        async with http_peer((404, {}, b"")) as peer, running(store, hooks(peer.port)) as desk:
            desk.put()
            desk.outbox.wake()
            await desk.until_results(1)
            return desk

    desk = asyncio.run(run())
    [row] = queued(store)
    assert (row["state"], row["next_attempt_at"]) == ("failed", None)
    assert "nothing at this address" in events(store, "delivery-failed")[0]["reason"]
    assert desk.stuck == [row["id"]]
    assert desk.results[0].result == "failed"


def test_a_page_that_fails_three_times_looks_for_another_way_and_is_still_tried(store):
    """An outage of the only way is not waited out for a day: after the third failure the hook is called, once."""

    async def run():
        async with http_peer((503, {}, b"")) as peer, running(store, hooks(peer.port)) as desk:
            desk.put()
            for count in range(1, 6):
                desk.outbox.wake()
                await desk.until_results(count)
                seen = list(desk.stuck)
                assert seen == ([] if count < outbox.STUCK_AFTER else [1])
                desk.clock.advance(300_000)

    asyncio.run(run())
    assert [(row["state"], row["attempts"]) for row in queued(store)] == [("queued", 5)]


def test_after_a_day_a_message_has_failed(store):
    """What could not be delivered for 24 hours is given up, and says so."""

    async def run():
        async with http_peer((503, {}, b"")) as peer, running(store, hooks(peer.port)) as desk:
            desk.put()
            desk.clock.advance(outbox.GIVE_UP_MS)
            desk.outbox.wake()
            await desk.until_results(1)
            return desk

    desk = asyncio.run(run())
    assert queued(store)[0]["state"] == "failed"
    assert events(store, "delivery-failed")[0]["reason"].startswith("gave up after 1d: ")
    assert desk.stuck == [1]


def test_a_hung_receiver_is_left_at_its_deadline(store):
    """A receiver that never answers is a temporary failure after its timeout."""

    async def run():
        async with http_peer("hang") as peer, running(store, hooks(peer.port, timeout="200ms")) as desk:
            desk.put()
            desk.outbox.wake()
            await desk.until_results(1)

    asyncio.run(run())
    assert "no answer within" in queued(store)[0]["last_error"]
    assert queued(store)[0]["state"] == "queued"


def test_a_slow_receiver_does_not_hold_up_another(store):
    """Twenty messages to a receiver that hangs leave the other one's page on its way at once."""

    async def run():
        async with (
            http_peer("hang") as slow,
            http_peer() as quick,
            running(store, hooks(slow.port, quick.port, timeout="10s")) as desk,
        ):
            for n in range(20):
                desk.put(f"update-{n}", kind="update")
            desk.outbox.wake()
            async with asyncio.timeout(WAIT_S):
                await slow.arrived.wait()
            desk.put("page-1", "hook2")
            desk.outbox.wake()
            await desk.until_results(1)
            slow.release.set()
            return desk.results[0].receiver, len(slow.requests)

    receiver, at_once = asyncio.run(run())
    assert receiver == "hook2"
    assert at_once <= 3


def _hang_on_updates(request) -> Any:
    return "hang" if request.headers["webhook-id"].startswith("update") else (200, {}, b"")


def test_pages_go_before_updates_that_were_queued_earlier(store):
    """A page overtakes what waits for the same receiver, and finds a place although updates are being sent."""

    async def run():
        async with http_peer(_hang_on_updates) as peer, running(store, hooks(peer.port, timeout="10s")) as desk:
            for n in range(10):
                desk.put(f"update-{n}", kind="update")
            desk.put("page-8")
            desk.outbox.wake()
            await desk.until_results(1)
            desk.put("page-9")
            desk.outbox.wake()
            await desk.until_results(2)
            peer.release.set()
            return desk.results[:2], len(peer.requests)

    results, asked = asyncio.run(run())
    assert [result.kind for result in results] == ["page", "page"]
    assert asked <= 5


def test_what_was_queued_when_the_daemon_died_goes_out_after_the_restart(store):
    """A dispatcher that starts finds what waits, without being woken."""
    desk = Desk.__new__(Desk)
    desk.store, desk.clock = store, ManualClock(NOW)
    desk.put("page-1")

    async def run():
        async with http_peer() as peer, running(store, hooks(peer.port)) as started:
            await started.until_results(1)
            return peer.requests[0].headers["webhook-id"]

    assert asyncio.run(run()) == "page-1"


def test_a_message_cut_off_by_the_end_of_the_daemon_is_sent_again_under_its_key(store, monkeypatch):
    """Cancelled while sending, the row stays queued and untried; the next run sends it under the same key."""
    monkeypatch.setattr(outbox, "_STOP_GRACE_S", 0.05)

    async def run():
        async with http_peer("hang", (200, {}, b"")) as peer:
            config = hooks(peer.port, timeout="1m")
            desk = Desk(store, config, ManualClock(NOW))
            task = asyncio.create_task(desk.outbox.run())
            desk.put()
            desk.outbox.wake()
            async with asyncio.timeout(WAIT_S):
                await peer.arrived.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            between = queued(store)[0]["state"]
            async with running(store, config) as again:
                await again.until_results(1)
            return between, [request.headers["webhook-id"] for request in peer.requests]

    assert asyncio.run(run()) == ("queued", ["page-1", "page-1"])


def test_a_receiver_that_was_configured_away_fails_its_messages(store):
    """A message to a receiver that is gone after a reload fails at once, and looks for another way."""

    async def run():
        async with running(store, hooks(1)) as desk:
            desk.put("page-1", "gone")
            desk.outbox.wake()
            await desk.until_results(1)
            return desk.stuck

    assert asyncio.run(run()) == [1]
    assert "no longer in the configuration" in queued(store)[0]["last_error"]


@pytest.mark.parametrize(
    ("answer", "result", "state"), [("cut", "retry", "cancelled"), ("ok", "delivered", "delivered")]
)
def test_a_page_cancelled_while_it_was_being_sent_is_not_tried_again(store, answer, result, state):
    """Acknowledged during the attempt: a failure stays cancelled, and a success is recorded as what it is."""

    async def run():
        held = asyncio.Event()

        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            held.set()
            await go_on.wait()
            if answer == "ok":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()

        go_on = asyncio.Event()
        async with silent_peer(talk) as port, running(store, hooks(port, timeout="10s")) as desk:
            desk.put()
            desk.outbox.wake()
            async with asyncio.timeout(WAIT_S):
                await held.wait()
            await store.write(lambda tx: outbox.cancel_pages(tx, 1))
            go_on.set()
            await desk.until_results(1)
            return desk.results[0].result

    assert asyncio.run(run()) == result
    assert [row["state"] for row in queued(store)] == [state]


def test_a_fault_in_a_notifier_is_an_outage_and_does_not_show_its_words(store, monkeypatch):
    """An unexpected exception is tried again and told by its type only, since its text could hold anything."""
    module = plugins.load("notifier", "webhook")

    async def broken(*_args):
        raise KeyError("whsec_oops")

    async def run():
        async with running(store, hooks(1)) as desk:
            desk.put()
            desk.outbox.wake()
            await desk.until_results(1)

    monkeypatch.setattr(module, "send", broken)
    asyncio.run(run())
    assert queued(store)[0]["last_error"] == "the notifier webhook failed: KeyError"
    assert queued(store)[0]["state"] == "queued"


def test_a_delivery_that_cannot_be_recorded_is_recorded_later_and_not_sent_again(store, monkeypatch):
    """While the state cannot be written the message is not sent a second time; once it can, it is delivered."""
    real, failures = Store.write, [0]

    async def failing(self, change):
        if failures[0] < 2:
            failures[0] += 1
            raise OSError("no space left on device")
        return await real(self, change)

    async def run():
        async with http_peer() as peer, running(store, hooks(peer.port)) as desk:
            desk.put()
            monkeypatch.setattr(Store, "write", failing)
            desk.outbox.wake()
            await desk.until_results(1)
            return len(peer.requests)

    assert asyncio.run(run()) == 1
    assert queued(store)[0]["state"] == "delivered"


def test_the_built_in_receivers_take_pages_without_being_configured(store, capfd):
    """`terminal` and `file` deliver with an empty configuration."""

    async def run():
        async with running(store, configuration(receivers={}, escalation={})) as desk:
            desk.put("page-1", "terminal")
            desk.put("page-1", "file")
            desk.outbox.wake()
            await desk.until_results(2)

    asyncio.run(run())
    assert {row["state"] for row in queued(store)} == {"delivered"}
    assert "page-1" in (store.directory / "pages.log").read_text("utf-8")
    assert "Um novo incidente." in capfd.readouterr().err


def test_when_the_only_way_fails_the_fallback_really_gets_the_page(store):
    """Outbox and escalation together: the first receiver refuses for good, the fallback's receiver gets the page."""

    async def run():
        async with http_peer((410, {}, b"")) as gone, http_peer() as other:
            steps = {"default": {"steps": [{"page": ["receiver:hook"]}], "fallback": ["receiver:hook2"]}}
            config = hooks(gone.port, other.port, escalation=steps)
            desk = Desk(store, config, ManualClock(NOW))
            desk.outbox = outbox.Outbox(
                store,
                lambda: config,
                desk.clock,
                lambda name: context(name, store.directory),
                on_delivered=desk._on_delivered,
                on_undelivered=escalation.undelivered,
                observe=desk._on_result,
            )
            task = asyncio.create_task(desk.outbox.run())

            def open_incident(tx):
                escalation.start(tx, insert_incident(tx), config=config, now=NOW, why="opened")

            await store.write(open_incident)
            desk.outbox.wake()
            await desk.until_results(2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return [request.headers["webhook-id"] for request in other.requests]

    [key] = asyncio.run(run())
    assert key.endswith("-fallback")


def test_stats_count_what_waits_and_say_why(store):
    """What status and doctor show: counts by state, the oldest, and for each receiver the last error."""

    async def run():
        async with http_peer((500, {}, b"")) as peer, running(store, hooks(peer.port)) as desk:
            desk.put()
            desk.outbox.wake()
            await desk.until_results(1)

    asyncio.run(run())
    found = store.read_now(outbox.stats)
    assert (found["queued"], found["failed"], found["oldest_at"]) == (1, 0, NOW)
    assert found["receivers"]["hook"]["waiting"] == 1
    assert "answered 500" in found["receivers"]["hook"]["last_error"]


def test_a_receiver_can_be_asked_whether_it_would_take_a_message(store):
    """check_receiver says what it found, or raises what sending would."""

    async def run():
        async with smtp_peer() as server:
            mail = {"kind": "email", "host": LOOPBACK, "port": server.port, "security": "none", "to": ["a@example.org"]}
            config = configuration(receivers={"m": mail, "screen": {"kind": "terminal"}}, escalation={})
            directory = context("m", store.directory)
            words = [await outbox.check_receiver(config, name, directory) for name in ("m", "screen", "file")]
        with pytest.raises(DeliveryError, match="nothing listens there"):
            await outbox.check_receiver(config, "m", directory)
        return words

    mail, screen, file = asyncio.run(run())
    assert "answers" in mail
    assert "only be tried by sending" in screen
    assert "can be written" in file


def test_from_the_commit_that_queues_it_to_the_smtp_server_takes_well_under_a_tenth_of_a_second(store):
    """The median of twenty pages from queueing to the SMTP server's acceptance is far below 100 ms."""

    async def run():
        async with smtp_peer() as server:
            mail = {"kind": "email", "host": LOOPBACK, "port": server.port, "security": "none", "to": ["a@example.org"]}
            async with running(store, configuration(receivers={"m": mail}, escalation={}), SystemClock()) as desk:
                taken = []
                for n in range(20):
                    server.arrived.clear()
                    began = time.perf_counter()
                    await asyncio.to_thread(desk.put, f"page-{n}", "m")
                    desk.outbox.wake()
                    async with asyncio.timeout(WAIT_S):
                        await server.arrived.wait()
                    taken.append(time.perf_counter() - began)
                return sorted(taken)[10]

    assert asyncio.run(run()) < 0.1
