"""The last way to reach people: when the state cannot be written, pages cannot go through it.

Watching goes on, and what fires is known; so after some seconds of trouble everyone who can be reached is told
directly, once for each trouble and again for each alert that fires within it. Nothing of this is recorded, which is why
it is only done then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from actions.base import Context, Message
from daemon import plugins
from daemon.configuration.models import Config
from daemon.language import say
from daemon.loop import Loop
from daemon.reach import Reach, local_ways, receiver_config, resolve
from recuo.values import Instant, format_duration
from triggers.base import Clock

log = structlog.get_logger(__name__)

PATIENCE_MS = 5_000
"""A moment of trouble (a busy disk) is not worth waking anyone."""
_AGAIN_MS = 10_000
"""When nobody could be reached it is tried again after this."""

_TITLES = {
    "en": "[critical] {service}: Recuo cannot write its state",
    "pt-BR": "[crítico] {service}: o Recuo não consegue gravar o seu estado",
}
_TEXTS = {
    "en": (
        "Recuo goes on watching, but it records nothing and escalates nothing "
        "until its state can be written again: {why}."
    ),
    "pt-BR": "O Recuo continua monitorando, mas nada registra e nada escala até poder gravar o seu estado: {why}.",
}
_SINCE = {"en": "since", "pt-BR": "há"}
_FIRING = {"en": "Firing now and not recorded: {rules}.", "pt-BR": "Disparando agora, sem registro: {rules}."}


class Emergency:
    """Looks once a second whether the loop is in trouble with the store, and tells people directly if it lasts."""

    def __init__(
        self, loop: Loop, config: Callable[[], Config], clock: Clock, context: Callable[[str, str], Context]
    ) -> None:
        self._loop, self._config, self._clock, self._context = loop, config, clock, context
        self._told: frozenset[str] | None = None
        self._again_at: Instant = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(1)
            try:
                await self._look()
            except Exception:
                log.exception("the direct page failed")

    async def _look(self) -> None:
        since = self._loop.trouble_since
        if since is None:
            self._told = None
            return
        now = self._clock.now()
        if now - since < PATIENCE_MS or now < self._again_at:
            return
        firing = frozenset(t.rule for t in self._loop.waiting() if t.kind in {"firing", "event"})
        if self._told is None or firing - self._told:
            if await self._tell(str(self._loop.trouble), sorted(firing)):
                self._told = (self._told or frozenset()) | firing
            else:
                self._again_at = now + _AGAIN_MS

    async def _tell(self, why: str, rules: list[str]) -> bool:
        """Tell everyone at once; whether it reached anyone."""
        config, now = self._config(), self._clock.now()
        ways = {(w.receiver, w.address): w for w in self._everyone(config, now)} or {
            (w.receiver, w.address): w for w in local_ways(config)
        }
        log.error("people are told directly that the state cannot be written", ways=len(ways))
        reached = await asyncio.gather(
            *(self._send(config, way, _message(config, way, why, rules, now)) for way in ways.values())
        )
        return any(reached)

    def _everyone(self, config: Config, now: Instant) -> list[Reach]:
        policies = [p for name, p in config.escalation.items() if name == "default"] or list(config.escalation.values())
        targets = [t for p in policies for s in p.steps for t in s.targets] + [
            t for p in policies for t in p.fallback_targets
        ]
        return list(resolve(config, targets, now).ways)

    async def _send(self, config: Config, way: Reach, message: Message) -> bool:
        receiver = receiver_config(config, way.receiver)
        if receiver is None:
            return False
        try:
            async with asyncio.timeout(receiver.timeout / 1000):
                notifier = plugins.load("notifier", receiver.kind)
                await notifier.send(receiver, message, way.address, self._context("receiver", way.receiver))
        except Exception as err:  # one way that breaks must not cost the others
            log.warning(
                "a direct page was not delivered", receiver=way.receiver, why=getattr(err, "reason", type(err).__name__)
            )
            return False
        return True


def _message(config: Config, way: Reach, why: str, rules: list[str], now: Instant) -> Message:
    locale = way.locale if way.locale in _TITLES else "en"
    text = _TEXTS[locale].format(why=say(why, locale))
    if rules:
        text += "\n" + _FIRING[locale].format(rules=", ".join(rules))
    return Message(
        key=f"emergency-{now}",
        kind="page",
        incident=None,
        event="state-unwritable",
        severity="critical",
        environment=config.service.environment,
        service=config.service.name,
        title=_TITLES[locale].format(service=config.service.name),
        text=text,
        html="",
        facts=((_SINCE[locale], format_duration(PATIENCE_MS)),),
        url="",
        locale=locale,
        at=now,
    )
