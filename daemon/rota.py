"""Who is on call, as the API and the command line show it: from a configuration alone, without a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon import oncall, views
from recuo.values import Instant

if TYPE_CHECKING:
    from daemon.configuration.models import Config
    from daemon.configuration.people import Schedule


_WITHIN_MS = 35 * 86_400_000
"""A shift whose end is further away has none that a person plans with: someone who is always on call."""


def at(config: Config, instant: Instant) -> views.OnCall:
    """Who is on call at an instant in every schedule, until when, and who comes next."""
    found = tuple(_of(config, name, schedule, instant) for name, schedule in config.schedules.items())
    return views.OnCall(at=instant, schedules=found)


def _of(config: Config, name: str, schedule: Schedule, instant: Instant) -> views.OnCallView:
    shift = oncall.shift_at(schedule, instant, within_ms=_WITHIN_MS)
    since_at = shift.start_at if shift and shift.start_at > instant - _WITHIN_MS else None
    until_at = shift.end_at if shift and shift.end_at < instant + _WITHIN_MS else None
    person = oncall.on_call(schedule, instant)
    following = oncall.on_call(schedule, until_at) if until_at else None
    return views.OnCallView(
        schedule=name,
        person=person,
        name=_name(config, person),
        since_at=since_at,
        until_at=until_at,
        next_person=following,
        next_name=_name(config, following),
    )


def _name(config: Config, person: str | None) -> str | None:
    if person is None:
        return None
    return config.people[person].name if person in config.people else person
