"""Looks at everything that would fail at 3 a.m. and that a person can put right by day."""

from __future__ import annotations

import asyncio
import shutil
import stat
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from actions.base import DeliveryError
from daemon import oncall, outbox
from daemon.reach import reachability
from daemon.store import StoreError
from daemon.views import Doctor, DoctorCheck
from recuo.values import format_duration

if TYPE_CHECKING:
    from daemon.app import Daemon

_LITTLE_SPACE = 512 * 1024 * 1024
_DRIFT_MS = 1_500


async def examine(daemon: Daemon) -> Doctor:
    """All checks, in the order in which a person would put things right."""
    checks = [*_configuration(daemon), *_state(daemon), *_sources(daemon)]
    checks += [*_people(daemon), *[check async for check in _receivers(daemon)], *await _waiting(daemon)]
    return Doctor(ok=all(check.level != "fail" for check in checks), checks=tuple(checks))


def _ok(name: str, detail: str) -> DoctorCheck:
    return DoctorCheck(name=name, level="ok", detail=detail)


def _configuration(daemon: Daemon) -> list[DoctorCheck]:
    loaded, last = daemon.loaded, daemon.reloading.last
    checks = [_ok("configuration", f"{loaded.path} is in force")]
    if last is not None and not last.ok:
        fix = "mend the file, see `recuo check`, then `recuo reload`"
        detail = f"the last reload was refused: {'; '.join(last.problems)}"
        checks = [DoctorCheck(name="configuration", level="fail", detail=detail, fix=fix)]
    for warning in loaded.warnings:
        place = f"{warning.file}:{warning.line}"
        checks.append(DoctorCheck(name=place, level="warn", detail=warning.message, fix=f"look at {place}"))
    for off in loaded.off:
        fix = "give it, or take the part out of the configuration"
        checks.append(DoctorCheck(name=off.part, level="warn", detail=f"off: {off.reason}", fix=fix))
    if daemon.config.mode == "observe":
        checks.append(
            DoctorCheck(
                name="mode",
                level="warn",
                detail="observe: people are paged, nothing is changed",
                fix="set mode: live when you trust it",
            )
        )
    return checks


def _state(daemon: Daemon) -> list[DoctorCheck]:
    directory, trouble = daemon.store.directory, daemon.loop.trouble
    checks = []
    if trouble is not None:
        checks.append(
            DoctorCheck(name="state", level="fail", detail=str(trouble), fix=f"see what fills or blocks {directory}")
        )
    else:
        checks.append(_ok("state", f"{directory} can be written"))
    free = shutil.disk_usage(directory).free
    if free < _LITTLE_SPACE:
        detail = f"only {free // 1_048_576} MiB are free where the state is"
        checks.append(
            DoctorCheck(name="disk", level="warn", detail=detail, fix=f"make room on the disk of {directory}")
        )
    token = directory / "token"
    if token.exists() and stat.S_IMODE(token.stat().st_mode) & 0o077:
        checks.append(
            DoctorCheck(name="token", level="fail", detail=f"others can read {token}", fix=f"chmod 600 {token}")
        )
    drift_ms = daemon.clock.drift_ms()
    if abs(drift_ms) > _DRIFT_MS:
        detail = f"the system's clock was set by {format_duration(drift_ms)}"
        checks.append(DoctorCheck(name="clock", level="warn", detail=detail, fix="let NTP keep the clock"))
    return checks


def _sources(daemon: Daemon) -> list[DoctorCheck]:
    checks = []
    for health in daemon.engine.sources():
        if health.failing_since is None:
            checks.append(_ok(f"source {health.name}", "answers" if health.last_ok_at else "not asked yet"))
            continue
        level = "fail" if health.blind else "warn"
        fix = "these rules see nothing without it: " + (", ".join(health.rules) or "none")
        checks.append(DoctorCheck(name=f"source {health.name}", level=level, detail=health.last_reason, fix=fix))
    if not daemon.config.sources:
        checks.append(
            DoctorCheck(
                name="sources", level="fail", detail="nothing is watched", fix="add a source to the configuration"
            )
        )
    return checks


def _people(daemon: Daemon) -> list[DoctorCheck]:
    config, now = daemon.config, daemon.clock.now()
    fix = "give contacts to people, and a receiver of their kind"
    checks = [DoctorCheck(name="people", level="fail", detail=words, fix=fix) for words in reachability(config)] or [
        _ok("people", "everyone can be reached")
    ]
    for name, schedule in config.schedules.items():
        person = oncall.on_call(schedule, now)
        if person is None:
            checks.append(
                DoctorCheck(name=f"schedule {name}", level="fail", detail="nobody is on call", fix="fill its layers")
            )
        else:
            checks.append(_ok(f"schedule {name}", f"{person} is on call"))
    return checks


async def _receivers(daemon: Daemon) -> AsyncIterator[DoctorCheck]:
    names = list(daemon.config.receivers)
    answers = await asyncio.gather(*(_ask(daemon, name) for name in names))
    for answer in answers:
        yield answer


async def _ask(daemon: Daemon, name: str) -> DoctorCheck:
    try:
        return _ok(
            f"receiver {name}", await outbox.check_receiver(daemon.config, name, daemon.context("receiver", name))
        )
    except DeliveryError as err:
        fix = "pages through it would not arrive; see its part of the configuration"
        return DoctorCheck(name=f"receiver {name}", level="fail", detail=err.reason, fix=fix)


async def _waiting(daemon: Daemon) -> list[DoctorCheck]:
    try:
        stats = await daemon.store.read(outbox.stats)
    except StoreError as err:
        fix = f"see what fills or blocks {daemon.store.directory}"
        return [DoctorCheck(name="state", level="fail", detail=str(err), fix=fix)]
    stuck = {name: found for name, found in stats["receivers"].items() if found["attempts"] > 0}
    return [
        DoctorCheck(
            name=f"outbox {name}",
            level="warn",
            detail=f"{found['waiting']} messages wait: {found['last_error']}",
            fix="they are sent when the receiver takes them",
        )
        for name, found in stuck.items()
    ] or [_ok("outbox", "nothing is stuck")]
