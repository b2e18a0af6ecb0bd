from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from daemon import messages
from daemon.store import Store
from tests.daemon.paging_kit import MINUTE, NOW, configuration, insert_incident, message

POSITION = messages.Position(1, 2, 1, 4)


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def view(store: Store, *, alerts: int = 1, position=POSITION, change: str = "", **fields) -> messages.IncidentView:
    def made(tx):
        row = insert_incident(tx, alerts=alerts, **fields)
        if change:
            tx.execute(change)
        return messages.incident_view(tx, row, position=position)

    return store.write_now(made)


def page(store: Store, config=None, locale="en", why="opened", now=NOW, **fields):
    return messages.page(
        view(store, **fields), config=config or configuration(), locale=locale, now=now, why=why, key="k"
    )


def test_a_page_says_what_fired_since_when_where_and_what_to_do(store):
    """Title and text hold severity, service, environment, rule, value and limit, since when, number, commands."""
    told = page(store, now=NOW + 30_000)
    assert told.title == "[critical] VocalCoach AI production: cpu-high"
    assert told.text.splitlines()[0] == told.title
    for words in (
        "A new incident.",
        "- cpu-high (host=h0): 93.1% (above 80% for 3m)",
        "since 2026-11-18 08:03:40-03:00 (3m30s ago)",
        "busy",
        "Incident: #1 cpu-high",
        "Environment: production",
        "Service: VocalCoach AI",
        "Escalation: step 1 of 2, round 1 of 4",
        "recuo show 1",
        "recuo ack 1",
    ):
        assert words in told.text
    assert ("Environment", "production") in told.facts
    assert (told.kind, told.incident, told.event, told.key, told.at) == ("page", 1, "opened", "k", NOW + 30_000)
    assert "observe" not in told.text


def test_the_same_page_in_portuguese(store):
    """Every word that is ours is in the reader's language; names and commands stay."""
    told = page(store, locale="pt-BR", why="budget")
    assert told.title == "[crítico] VocalCoach AI production: cpu-high"
    for words in (
        "Um limite de tempo do incidente se esgotou.",
        "93,1% (acima de 80% por 3m)",
        "Gravidade: crítica",
        "desde 2026-11-18 08:03:40-03:00 (há 3m)",
        "ocupado",
        "Escalonamento: etapa 1 de 2, rodada 1 de 4",
        "Para assumir: recuo ack 1",
    ):
        assert words in told.text
    assert 'lang="pt-BR"' in told.html and "Para assumir:" in told.html


def test_both_languages_have_the_same_shape(store):
    """No line, fact or reason is missing in one of the languages."""
    incident = view(store, alerts=12, position=POSITION._replace(fallback=True), observe=1)
    for why in ("opened", "reopened", "raised", "budget", "exhausted"):
        config = configuration(api={"url": "https://recuo.example.org"})
        english, portuguese = (
            messages.page(incident, config=config, locale=locale, now=NOW, why=why, key="k")
            for locale in ("en", "pt-BR")
        )
        assert len(english.text.splitlines()) == len(portuguese.text.splitlines())
        assert len(english.facts) == len(portuguese.facts)
        assert english.html.count("<") == portuguese.html.count("<")
        assert english.text.splitlines()[2] != portuguese.text.splitlines()[2] != ""


def test_observe_mode_is_said_in_the_title_and_the_text(store):
    """Whoever is paged by an observing Recuo knows that it does nothing by itself."""
    told = page(store, observe=1)
    assert told.title.startswith("[critical] [observe] ")
    assert "mode: observe" in told.text and "mode: observe" in told.html


def test_many_alerts_are_cut_and_counted(store):
    """Of a hundred alerts ten are told, and that there are ninety more."""
    told = page(store, alerts=100)
    assert told.text.count("- cpu-high (") == 10
    assert "and 90 more" in told.text and "and 90 more" in told.html


def test_an_incident_whose_alerts_have_all_ended_says_so(store):
    """A page for something that has just recovered does not show an empty list."""
    assert "nothing is firing any more" in page(store, alerts=0).text


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        ({"metric": "m", "above": "500ms"}, 812.4, "812.4 ms (above 500ms)"),
        ({"metric": "m", "above": "500ms"}, 61_234.0, "61.23 s (above 500ms)"),
        ({"metric": "m", "below": "2GiB"}, 1.5 * 1024**3, "1.5 GiB (below 2GiB)"),
        ({"metric": "m", "above": 5}, 12_345_678.0, "12345678 (above 5)"),
        ({"event": "m"}, 1.0, "TypeError in analyze"),
    ],
)
def test_values_are_told_in_the_unit_of_their_limit(store, rule, value, words):
    """Milliseconds, bytes, shares and plain numbers read as people write them; events by their text."""
    config = configuration(rules={"cpu-high": rule})
    change = f"UPDATE incident_alerts SET value = {value}, text = 'TypeError in analyze'"
    assert words in page(store, config, change=change).text


def test_a_rule_that_is_gone_still_shows_what_the_alert_said(store):
    """After a reload without the rule, its alert is told with the text and value that it fired with."""
    change = "UPDATE incident_alerts SET text = 'was above 80%'"
    assert "cpu-high (host=h0): was above 80%" in page(store, configuration(rules={}), change=change).text


HOSTILE = "<script>alert(1)</script>{{ 7*7 }}{% include '/etc/passwd' %}\r\nBcc: x\x1b[2J\u202e"


def test_what_comes_from_outside_is_never_a_template_never_html_and_never_a_line(store):
    """Titles, labels and texts with markup, template code, line ends and control characters are plain words."""
    change = (
        "UPDATE incident_alerts SET labels = '" + json.dumps({"route": HOSTILE}).replace("'", "''") + "', value = NULL"
    )
    told = page(store, title=HOSTILE, change=change)
    assert "<script>" not in told.html
    assert "&lt;script&gt;" in told.html
    assert "49" not in told.text.replace("2026", "") and "{{ 7*7 }}" in told.text
    assert "\n" not in told.title
    assert all(c.isprintable() or c == "\n" for c in told.text)
    assert not any(line.startswith("Bcc") for line in told.text.splitlines())


def test_the_html_loads_nothing_from_anywhere(store):
    """No image, script, style sheet or form that a mail program would block; the one link is the configured one."""
    told = page(store, configuration(api={"url": "https://recuo.example.org/"}))
    for tag in ("<img", "<script", "<link", "<style", "<form", "src=", "url(", "@import"):
        assert tag not in told.html
    assert told.url == "https://recuo.example.org/api/v1/incidents/1"
    assert told.html.count("href=") == 1


def test_the_procedure_of_the_playbook_is_in_the_page(store):
    """The playbook's runbook stands among the facts."""
    playbooks = {"performance": {"triggers": ["cpu-high"], "runbook": "https://docs.example.org/performance"}}
    assert ("Procedure", "https://docs.example.org/performance") in page(
        store, configuration(playbooks=playbooks)
    ).facts


def test_a_broken_template_still_pages(store, monkeypatch, tmp_path):
    """When a template fails, the page says in plain words what it can, and how to see and acknowledge."""
    incident = view(store)
    monkeypatch.setattr(messages, "_environment", lambda: 1 / 0)
    told = messages.page(incident, config=configuration(), locale="en", now=NOW, why="opened", key="k")
    assert told.text.startswith("[critical] VocalCoach AI production: cpu-high")
    assert "recuo ack 1" in told.text and "Environment: production" in told.text


def test_a_relayed_page_says_through_what_it_could_not_be_delivered():
    """The note stands first in both forms, escaped, and the key is the new one."""
    told = messages.relayed(message(html="<body><!-- note --><p>x</p>"), key="k2", receiver="<mail>")
    assert told.key == "k2"
    assert told.text.startswith("Esta chamada não pôde ser entregue por <mail>;")
    assert "&lt;mail&gt;" in told.html


@pytest.mark.parametrize(
    ("locale", "words"), [("en", "This is a test"), ("pt-BR", "Isto é um teste"), ("xx", "This is a test")]
)
def test_a_test_message_says_that_it_is_one(locale, words):
    """Nobody is frightened by a test, in any language."""
    told = messages.test(config=configuration(), locale=locale, now=NOW, key="test-1")
    assert told.kind == "test" and told.incident is None
    assert words in told.text and words in told.html


def test_jinja_is_not_imported_before_the_first_page():
    """A daemon that pages nobody does not carry the template library."""
    code = (
        "import sys, daemon.messages, daemon.escalation, daemon.outbox\n"
        "print([name for name in ('jinja2', 'aiosmtplib', 'httpx') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_warming_up_compiles_every_template():
    """After it the first page has nothing left to load, and every template of every language is there."""
    messages.warm_up()
    assert "jinja2" in sys.modules


def test_getting_ready_for_a_page_waits_for_nothing_and_happens_once():
    """An alert that is pending starts one thread that warms up, however many follow."""
    messages.prepare.cache_clear()
    before = {thread.ident for thread in threading.enumerate()}
    messages.prepare()
    started = [t for t in threading.enumerate() if t.ident not in before and t.name == "recuo-templates"]
    messages.prepare()
    for thread in started:
        thread.join(20)
    assert len(started) <= 1
    assert messages.prepare.cache_info().misses == 1


def test_a_minute_is_sixty_thousand_milliseconds_in_what_people_read(store):
    """How long ago something began is told in whole seconds."""
    assert "(5m1s ago)" in page(store, now=NOW + 2 * MINUTE + 1_999).text
