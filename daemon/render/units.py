"""Numbers, spans and instants as people read them, in either language."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recuo.values import Instant, format_number, format_quantity

NO_BREAK = "\u00a0"
"""Between a number and its unit: a line is not broken there. On the page it is a plain blank."""

_SPANS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))
_DAYS = {
    "en": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    "pt-BR": ["seg", "ter", "qua", "qui", "sex", "sáb", "dom"],
}
_MONTHS = {
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    "pt-BR": ["jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"],
}


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name; UTC for one that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def number(value: float, locale: str) -> str:
    """A number with four significant digits, and the comma or point of the language."""
    return local(format_number(value), locale)


def local(number: str, locale: str) -> str:
    """A number as code writes it, with the comma or point of the language."""
    return number.replace(".", ",") if locale == "pt-BR" else number


def quantity(value: float, unit: str, locale: str) -> str:
    """A value with its unit (`ms s ratio bytes count info` as sources declare): 0.8 of `ratio` is 80%."""
    return local(format_quantity(value, unit), locale)


def span(duration_ms: int) -> str:
    """A span in its two largest units: 3 d 4 h, 5 min 12 s, 40 s; under a second in milliseconds."""
    if duration_ms < 0:
        return f"-{span(-duration_ms)}"
    if 0 < duration_ms < 1_000:
        return f"{duration_ms}{NO_BREAK}ms"
    parts, left, first = list[str](), duration_ms, None
    for index, (unit, size) in enumerate(_SPANS):
        count, left = divmod(left, size)
        if first is not None and index > first + 1:
            break
        if count:
            parts.append(f"{count}{NO_BREAK}{unit}")
            first = index if first is None else first
    return NO_BREAK.join(parts) or f"0{NO_BREAK}s"


def clock(at: Instant, place: tzinfo, now: Instant, locale: str) -> str:
    """An instant on the wall clock of the place: with its day when that is not today, its year when not this one."""
    moment, today = _moment(at, place), _moment(now, place)
    time = moment.strftime("%H:%M:%S")
    if moment.date() == today.date():
        return time
    day = f"{_DAYS[locale][moment.weekday()]} {moment.day} {_MONTHS[locale][moment.month - 1]}"
    return f"{day} {time}" if moment.year == today.year else f"{day} {moment.year} {time}"


def offset(at: Instant, place: tzinfo) -> str:
    """The offset from UTC at an instant, as RFC 3339 writes it: -03:00."""
    return _moment(at, place).isoformat()[-6:]


def _moment(at: Instant, place: tzinfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, place)


def local_zone() -> tzinfo:
    """This machine's time zone."""
    return datetime.now().astimezone().tzinfo or UTC
