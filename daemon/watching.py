"""What of the configuration the engine watches: a rule whose every source is off is not watched, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from daemon import history, incidents, plugins
from daemon.config import Loaded
from daemon.configuration.models import Config
from daemon.store import Store
from recuo.values import Instant
from triggers.base import MetricSpec
from triggers.engine import Engine, SourceInfo, Transition
from triggers.rules import RuleConfig
from triggers.selectors import parse_selector


class Plan(NamedTuple):
    """What the engine is given, and in words why each other rule is not watched."""

    rules: dict[str, RuleConfig]
    infos: tuple[SourceInfo, ...]
    not_watched: dict[str, str]


def specs(config: Config) -> dict[str, tuple[MetricSpec, ...]]:
    """The metrics that each living source declares."""
    return {name: tuple(plugins.load("source", source.kind).metrics(source)) for name, source in config.sources.items()}


def infos(config: Config) -> tuple[SourceInfo, ...]:
    """The living sources as the engine wants to know them."""
    declared = specs(config)
    return tuple(
        SourceInfo(
            name=name,
            every_ms=source.every,
            lag_ms=source.lag,
            stale_after_ms=source.stale_after_ms,
            blind_after_ms=source.blind_after,
            specs=declared[name],
            bounds=source.bounds,
        )
        for name, source in config.sources.items()
    )


def plan(loaded: Loaded) -> Plan:
    """Which rules are watched. A rule is, if every metric it names is given by a source that is on."""
    config = loaded.config
    given = {spec.name for declared in specs(config).values() for spec in declared}
    off = [part for part in loaded.off if part.part.startswith("source ")]
    why = "; ".join(f"{part.part} is off: {part.reason}" for part in off) or "no source gives its metric"
    watched = {
        name: rule
        for name, rule in config.rules.items()
        if not rule.parts and all(parse_selector(text).metric in given for text in rule.selectors)
    }
    _add_composites(config.rules, watched)
    return Plan(watched, infos(config), {name: why for name in config.rules if name not in watched})


def _add_composites(rules: Mapping[str, RuleConfig], watched: dict[str, RuleConfig]) -> None:
    """Add the `all` rules whose every part is watched, and the `any` rules with those of their parts that are."""
    while True:
        found = {}
        for name, rule in rules.items():
            if name in watched or not rule.parts:
                continue
            living = tuple(part for part in rule.parts if part in watched)
            settled = all(part in watched or not _may_be_watched(rules, watched, part) for part in rule.parts)
            if rule.all and len(living) == len(rule.parts):
                found[name] = rule
            elif rule.any and living and settled:
                found[name] = rule.model_copy(update={"any": living})
        if not found:
            return
        watched.update(found)


def _may_be_watched(rules: Mapping[str, RuleConfig], watched: Mapping[str, RuleConfig], name: str) -> bool:
    """Whether a rule that is not watched yet could still be: it is a composite with a part that is, or could be."""
    rule = rules.get(name)
    if name in watched:
        return True
    return rule is not None and bool(rule.parts) and any(_may_be_watched(rules, watched, p) for p in rule.parts)


def restored(loaded: Loaded, store: Store, now: Instant) -> tuple[Engine, list[Transition]]:
    """The engine with what it knew before the daemon last ended, and what it decided on the way (S8).

    The time that the daemon was down for counts as unknown for alerts, and not as quiet for incidents.
    """
    wanted = plan(loaded)
    engine = Engine(wanted.rules, wanted.infos, now=now)
    alerts = store.read_now(incidents.alert_states)
    last_alive = store.read_now(history.last_alive)
    if last_alive is None:
        return engine, []
    down_from = min(last_alive, now)
    since = down_from - engine.horizon_ms()
    batches = store.read_now(lambda conn: list(history.load(conn, since)))
    decided = engine.restore(alerts, batches, down_from=down_from, now=now)
    store.write_now(lambda tx: incidents.resume(tx, down_from=down_from, now=now))
    return engine, decided
