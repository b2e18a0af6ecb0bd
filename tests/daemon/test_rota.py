"""Who is on call, as screens and the API show it."""

from __future__ import annotations

from daemon import rota
from daemon.config import loads
from recuo.values import parse_instant, rfc3339

CONFIG = """\
service: {name: Shop, timezone: America/Sao_Paulo}
people:
  ana: {name: Ana, contacts: [{email: ana@example.org}]}
  rui: {name: Rui, contacts: [{email: rui@example.org}]}
schedules:
  turns: {layers: [{rotation: weekly, handover: "Mon 09:00", start: 2026-11-02, people: [ana, rui]}]}
  always: {layers: [{rotation: weekly, handover: "Mon 09:00", people: [ana]}]}
"""


def test_a_turn_has_its_ends_and_who_comes_next():
    """In a rotation one sees since when, until when, and who is next; before its start nobody is on call."""
    config = loads(CONFIG).config
    turn = rota.at(config, parse_instant("2026-11-10T00:00:00Z")).schedules[0]
    assert (turn.schedule, turn.person, turn.name, turn.next_name) == ("turns", "rui", "Rui", "Ana")
    assert turn.since_at is not None
    assert turn.until_at is not None
    assert (rfc3339(turn.since_at), rfc3339(turn.until_at)) == ("2026-11-09T12:00:00Z", "2026-11-16T12:00:00Z")
    before = rota.at(config, parse_instant("2026-10-01T00:00:00Z")).schedules[0]
    assert (before.person, before.name, before.until_at) == (None, None, None)


def test_who_is_always_on_call_has_no_end():
    """One person alone has neither a beginning nor an end that anyone plans with."""
    alone = rota.at(loads(CONFIG).config, parse_instant("2026-11-10T00:00:00Z")).schedules[1]
    assert (alone.person, alone.since_at, alone.until_at, alone.next_person) == ("ana", None, None, None)
