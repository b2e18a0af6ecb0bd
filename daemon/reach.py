"""Who a target of an escalation reaches, and through which receiver.

`schedule:NAME` is whoever is on call; a person is reached by each of their contacts, each through the first configured
receiver whose notifier speaks to that kind of contact; `receiver:NAME` is the receiver itself. The receivers `terminal`
and `file` exist without being configured: they take what could otherwise be shown to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from actions.base import ReceiverConfig
from daemon import oncall, plugins
from daemon.configuration.models import Config
from daemon.configuration.people import Person, Target
from recuo.values import Instant

BUILT_IN: Final = ("terminal", "file")
"""Receivers that are there without being configured, named as their kind. They reach a screen and a file, no person."""


_NOBODY: Final = (
    "nobody can be reached: no receiver speaks to people, so pages go to the terminal and to pages.log "
    "in the state directory; add one under `receivers`, for example of kind email"
)


class Reach(NamedTuple):
    """One way a message goes: through a receiver to an address (empty: the receiver's own), in a language."""

    receiver: str
    address: str
    person: str
    locale: str


class Reached(NamedTuple):
    """Whom targets come to: the ways, and in words which targets come to nobody."""

    ways: tuple[Reach, ...]
    problems: tuple[str, ...]


def receiver_config(config: Config, name: str) -> ReceiverConfig | None:
    """The configuration of a receiver, built-in ones included; None if there is no receiver of that name."""
    found = config.receivers.get(name)
    if found is None and name in BUILT_IN:
        built_in: ReceiverConfig = plugins.load("notifier", name).Config(kind=name)
        return built_in
    return found


def resolve(config: Config, targets: Iterable[Target], at: Instant) -> Reached:
    """The ways to everyone whom the targets name at an instant, each once, in the order of the targets."""
    ways: dict[tuple[str, str], Reach] = {}
    problems: list[str] = []
    for target in targets:
        found, problem = _resolve_one(config, target, at)
        if problem:
            problems.append(problem)
        for way in found:
            ways.setdefault((way.receiver, way.address), way)
    return Reached(tuple(ways.values()), tuple(dict.fromkeys(problems)))


def local_ways(config: Config) -> tuple[Reach, ...]:
    """The last resort: this machine's terminal and the file in the state directory."""
    return tuple(Reach(name, "", "", config.service.locale) for name in BUILT_IN)


def reachability(config: Config) -> list[str]:
    """In words, who cannot be reached and which escalation reaches nobody; empty when everyone can be paged.

    For `recuo status` and `recuo doctor`: one sentence each, with what to do about it.
    """
    if not any(_reaches_people(config, name) for name in config.receivers):
        return [_NOBODY]
    words = [problem for key in config.people if (problem := _ways_to_person(config, key)[1])]
    for name, policy in config.escalation.items():
        targets = [target for step in policy.steps for target in step.targets]
        if not any(_can_reach(config, target) for target in (*targets, *policy.fallback_targets)):
            words.append(f"escalation {name} reaches nobody: none of its targets has a way that leads to a person")
        elif not any(_can_reach(config, target) for target in targets):
            words.append(f"the steps of escalation {name} reach nobody: only its fallback is paged")
    return words


def _resolve_one(config: Config, target: Target, at: Instant) -> tuple[Sequence[Reach], str]:
    if target.kind == "receiver":
        return _ways_to_receiver(config, target.name)
    if target.kind == "person":
        return _ways_to_person(config, target.name)
    schedule = config.schedules.get(target.name)
    if schedule is None:
        return (), f"there is no schedule {target.name} any more"
    person = oncall.on_call(schedule, at)
    if person is None:
        return (), f"nobody is on call in schedule {target.name}"
    return _ways_to_person(config, person)


def _ways_to_receiver(config: Config, name: str) -> tuple[Sequence[Reach], str]:
    found = receiver_config(config, name)
    if found is None:
        return (), f"there is no receiver {name} any more"
    if not _own_destination(found):
        return (), f"receiver {name} has no destination of its own"
    return (Reach(name, "", "", config.service.locale),), ""


def _ways_to_person(config: Config, key: str) -> tuple[Sequence[Reach], str]:
    person = config.people.get(key)
    if person is None:
        return (), f"there is no person {key} any more"
    speakers = _speakers(config)
    ways = [
        Reach(speakers[kind], address, key, person.locale or config.service.locale)
        for contact in person.contacts
        for kind, address in contact.items()
        if kind in speakers
    ]
    return ways, "" if ways else _why_unreachable(key, person)


def _why_unreachable(key: str, person: Person) -> str:
    kinds = sorted({kind for contact in person.contacts for kind in contact})
    if not kinds:
        return f"{key} cannot be reached: no contacts are given"
    return f"{key} cannot be reached: no receiver speaks to {' or '.join(kinds)}"


def _speakers(config: Config) -> Mapping[str, str]:
    """For each kind of contact the first configured receiver that can address it."""
    speakers: dict[str, str] = {}
    for name, receiver in config.receivers.items():
        contact = plugins.load("notifier", receiver.kind).CONTACT
        if contact:
            speakers.setdefault(contact, name)
    return speakers


def _own_destination(receiver: ReceiverConfig) -> bool:
    """Whether the receiver can be spoken to without an address: a notifier says so by `destination(config)`."""
    words = getattr(plugins.load("notifier", receiver.kind), "destination", None)
    return words is None or bool(words(receiver))


def _reaches_people(config: Config, name: str) -> bool:
    receiver = config.receivers[name]
    if receiver.kind in BUILT_IN:
        return False
    return _own_destination(receiver) or any(
        name == speaker and any(kind in contact for person in config.people.values() for contact in person.contacts)
        for kind, speaker in _speakers(config).items()
    )


def _can_reach(config: Config, target: Target) -> bool:
    """Whether a target leads to a person, whoever of its schedule is on call."""
    if target.kind == "receiver":
        return target.name in config.receivers and _reaches_people(config, target.name)
    if target.kind == "person":
        return bool(_ways_to_person(config, target.name)[0])
    schedule = config.schedules.get(target.name)
    people = {person for layer in schedule.layers for person in layer.people} if schedule else set()
    return any(_ways_to_person(config, person)[0] for person in people)
