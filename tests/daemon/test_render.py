"""How replies look in a terminal. `RECUO_GOLDEN=write` writes the golden files anew: read the difference."""

from __future__ import annotations

import os
import re
import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import views
from daemon.render import clean, explain, incident, lists, status, units
from daemon.render.screen import Look, Page, Part, width_of
from daemon.render.spark import spark
from daemon.render.words import WORDS, locale_of, plural
from tests.daemon import example_views as example

GOLDEN = Path(__file__).parent / "golden"
SAO_PAULO = units.zone("America/Sao_Paulo")


def look(locale="en", **changes):
    return Look(locale, SAO_PAULO, example.NOW)._replace(**changes)


def explanations(*found):
    return views.Explanations(explanations=found)


def over(**changes):
    """The incident of the examples, at its end."""
    answered = example.incident().checklist[0].model_copy(update={"answer": "yes", "by": "ana", "at": example.NOW})
    return example.incident(
        **{
            "state": "resolved",
            "acknowledged_at": example.NOW - 3 * example.MINUTE,
            "acknowledged_by": "ana",
            "resolved_at": example.NOW - example.MINUTE,
            "resolved_by": "ana",
            "resolution": "rolled back",
            "decision": "roll back to 41f2c9",
            "reopened": 2,
            "observe": True,
            "checklist": (answered, example.incident().checklist[1]),
            **changes,
        }
    )


def unknown():
    return example.explanation(
        state="pending",
        unknown_since=example.NOW - 30_000,
        reason="no sample for 1m",
        series=(views.SeriesWindow(labels={"endpoint": "api"}, points=(), total=0),),
        value=None,
        steps=(),
        firing_at=None,
    )


def lists_of_incidents(to):
    rows = (
        example.summary(id=12),
        example.summary(
            id=9,
            severity="warning",
            state="closed",
            title="memory-high",
            opened_at=example.NOW - 400 * 24 * example.HOUR,
            acknowledged_by="ana",
            observe=True,
        ),
    )
    return incident.incidents(views.Incidents(incidents=rows, next_before=9), to)


SCREENS = {
    "status-well": lambda to: status.status(example.status_well(), to),
    "status-observe": lambda to: status.status(example.status_well(service=example.service(mode="observe")), to),
    "status-trouble": lambda to: status.status(
        example.status_with_trouble(config=example.config_info(last_reload=example.reload_refused())), to
    ),
    "incidents": lists_of_incidents,
    "show": lambda to: incident.incident(example.incident(), to),
    "show-over": lambda to: incident.incident(over(), to),
    "explain": lambda to: explain.explanations(explanations(example.explanation()), to),
    "explain-unknown": lambda to: explain.explanations(explanations(unknown()), to),
    "rules": lambda to: lists.rules(views.Rules(rules=example.status_with_trouble().rules), to),
    "rule": lambda to: lists.rule(example.rule(), to),
    "oncall": lambda to: lists.oncall(views.OnCall(at=example.NOW, schedules=example.on_call()), to),
    "doctor": lambda to: lists.doctor(example.doctor(), to),
    "checklist": lambda to: lists.checklist(over(), to),
}


def check_golden(name, text):
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("RECUO_GOLDEN") == "write":
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("locale", ["en", "pt-BR"])
@pytest.mark.parametrize("name", SCREENS)
def test_screens_look_as_they_should(name, locale):
    """Each screen is its golden file, in both languages."""
    check_golden(f"{name}.{locale}", SCREENS[name](look(locale)))


def test_a_narrow_screen_looks_as_it_should():
    """On 60 columns the last column of a table stands on lines of its own."""
    check_golden("status-trouble.narrow", SCREENS["status-trouble"](look(width=60)))


def test_without_unicode_screens_are_ascii():
    """A terminal that knows no Unicode gets ASCII marks and bars."""
    text = SCREENS["show"](look(unicode=False)) + SCREENS["explain"](look(unicode=False))
    check_golden("show-and-explain.ascii", text)
    assert text.isascii()


def test_colour_only_adds_to_the_text():
    """With its colours taken away a coloured screen is the plain one."""
    for screen in SCREENS.values():
        coloured = screen(look(colour=True))
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == screen(look())
        assert set(re.findall(r"\x1b\[[0-9;]*m", coloured)) <= {
            f"\x1b[{code}m" for code in ("31", "33", "32", "2", "1", "0")
        }


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal(width):
    """From 60 columns on, every line of every screen fits."""
    for screen in SCREENS.values():
        for line in screen(look(width=width)).splitlines():
            assert width_of(line) <= width, line


def test_when_nothing_is_wrong_the_first_line_says_so():
    """`status` begins with the verdict: well, or what is wrong with the number of each."""
    assert SCREENS["status-well"](look()).splitlines()[0] == (
        "✔ VocalCoach AI (production): all is well, 2 rules watched"
    )
    assert (
        SCREENS["status-trouble"](look())
        .splitlines()[0]
        .startswith("✖ VocalCoach AI (production): 1 open incident, 1 alert firing")
    )


EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b5m\x08\x08\r\n\u202egnp.exe\u200b\x00\x7f\ud800"


def test_no_text_from_outside_reaches_the_terminal_as_a_command():
    """Escape sequences in every text of every view vanish from every screen."""

    def poisoned(value):
        if isinstance(value, views.View):
            literal = {"state", "severity", "mode", "level", "locale", "role", "name", "timezone"}
            parts = {
                n: getattr(value, n) if n in literal else poisoned(getattr(value, n)) for n in type(value).model_fields
            }
            return type(value).model_construct(**parts)
        if isinstance(value, tuple):
            return tuple(poisoned(item) for item in value)
        if isinstance(value, dict):
            return {f"{k}{EVIL}": poisoned(v) for k, v in value.items()}
        return f"{value}{EVIL}" if isinstance(value, str) else value

    shown = [
        status.status(
            poisoned(example.status_with_trouble(config=example.config_info(last_reload=example.reload_refused()))),
            look(),
        ),
        incident.incident(poisoned(over()), look()),
        incident.incident(poisoned(example.incident()), look()),
        explain.explanations(explanations(poisoned(example.explanation())), look()),
        lists.rule(poisoned(example.rule()), look()),
        lists.doctor(poisoned(example.doctor()), look()),
        lists.reload(poisoned(example.reload_refused()), look()),
        lists.oncall(poisoned(views.OnCall(at=example.NOW, schedules=example.on_call())), look()),
        lists.audit(poisoned(views.AuditCheck(ok=False, events=1, faults=("x",))), look()),
    ]
    for text in shown:
        assert "gnp.exe" in text
        assert not [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs"} and c != "\n"]
        assert "owned" not in text
        assert "[2J" not in text


@given(st.text())
def test_cleaned_text_is_plain(text):
    """Whatever comes in, one line holds no control character, and cleaning twice is cleaning once."""
    line = clean.one_line(text)
    assert not [c for c in line if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
    assert clean.one_line(line) == line
    assert clean.lines(clean.lines(text)) == clean.lines(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("São Paulo → 80 %", "São Paulo → 80 %"),
        ("a\tb\r\nc", "a b c"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ends", "0;never ends"),
        ("\x9b31mx", "x"),
        ("\x1bc\x1b(0x", "x"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_escape_sequences_go_whole(text, wanted):
    """What a sequence carried goes with it; a sequence without an end hides nothing behind it."""
    assert clean.one_line(text) == wanted


def test_the_two_languages_say_the_same():
    """Both languages have the same keys, and each sentence the same facts."""
    assert WORDS["en"].keys() == WORDS["pt-BR"].keys()
    for key, english in WORDS["en"].items():
        facts = [{f for _, f, _, _ in string.Formatter().parse(text) if f} for text in (english, WORDS["pt-BR"][key])]
        assert facts[0] == facts[1], key


def test_every_word_is_used():
    """No screen says nothing of what stands in the dictionary."""
    code = "".join(
        path.read_text("utf-8") for path in Path(status.__file__).parents[1].rglob("*.py") if "words_" not in path.name
    )
    families = (
        "severity",
        "alert",
        "incident",
        "source",
        "delivery",
        "clock",
        "budget",
        "assess",
        "done",
        "above",
        "below",
    )
    for key in WORDS["en"]:
        stem = key.removesuffix(".one").removesuffix(".many")
        assert f'"{stem}"' in code or f"'{stem}'" in code or key.partition(".")[0] in families, key


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pt_BR.UTF-8", "pt-BR"),
        ("pt-BR", "pt-BR"),
        ("pt_PT", "pt-BR"),
        ("en", "en"),
        ("C", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_languages_are_recognised(text, wanted):
    """LANG, `service.locale` and `--lang` name languages in their own ways."""
    assert locale_of(text) == wanted


@pytest.mark.parametrize(
    ("ms", "wanted"),
    [
        (0, "0 s"),
        (41, "41 ms"),
        (1_000, "1 s"),
        (59_999, "59 s"),
        (90_000, "1 min 30 s"),
        (3_600_000, "1 h"),
        (3_661_000, "1 h 1 min"),
        (86_400_000 + 59_000, "1 d"),
        (76 * 3_600_000, "3 d 4 h"),
        (-5_000, "-5 s"),
    ],
)
def test_spans_have_two_units_at_most(ms, wanted):
    """A span is told in its two largest units."""
    assert units.span(ms).replace(units.NO_BREAK, " ") == wanted


@pytest.mark.parametrize(
    ("value", "unit", "english", "portuguese"),
    [
        (0.875, "ratio", "87.5%", "87,5%"),
        (512.0, "ms", "512 ms", "512 ms"),
        (1.5, "s", "1.5 s", "1,5 s"),
        (3_145_728, "bytes", "3 MiB", "3 MiB"),
        (7, "count", "7", "7"),
    ],
)
def test_quantities_have_their_units(value, unit, english, portuguese):
    """A value is shown as people write it, with the comma of Portuguese."""
    assert units.quantity(value, unit, "en") == english
    assert units.quantity(value, unit, "pt-BR") == portuguese


@pytest.mark.parametrize(
    ("ago_ms", "wanted"),
    [
        (0, "00:00:00"),
        (1_000, "Sun 22 Nov 23:59:59"),
        (400 * 24 * example.HOUR, "Sun 19 Oct 2025 00:00:00"),
        (-3_600_000, "01:00:00"),
    ],
)
def test_instants_are_on_the_service_s_wall_clock(ago_ms, wanted):
    """An instant has its day only where it is not today, and its year only where it is not this one."""
    assert units.clock(example.NOW - ago_ms, SAO_PAULO, example.NOW, "en") == wanted


def test_an_unknown_time_zone_is_utc():
    """A zone that this machine does not know does not stop a screen."""
    assert units.clock(example.NOW, units.zone("Mars/Olympus"), example.NOW, "en") == "03:00:00"


def test_counts_agree_with_their_words():
    """One rule, two rules; uma regra, duas regras."""
    assert [plural("pt-BR", n, "rule.count").replace(units.NO_BREAK, " ") for n in (1, 2)] == ["1 regra", "2 regras"]


def test_tables_line_up_whatever_is_in_them():
    """Wide, combining and coloured characters take the cells that a terminal gives them."""
    page = Page(look())
    page.table([["a", Part("日本", "bad"), "x"], ["é" + "e\u0301", "abcd", "y"]], indent=0)
    assert page.text() == "a   日本  x\née\u0301  abcd  y\n"


def test_a_word_longer_than_the_line_is_cut():
    """A word that fits on no line goes on in the next."""
    page = Page(look(width=40))
    page.line("x" * 100)
    assert [len(line) for line in page.text().splitlines()] == [38, 40, 26]


def test_a_series_shows_its_worst_values_and_where_they_are_beyond():
    """A slot shows its worst value, gaps stay blank, and a second row marks what is beyond the limit."""
    points = [(0, 1.0), (10, 9.0), (11, 1.0), (40, 5.0)]
    rows = ["".join(part.text for part in row) for row in spark(points, 4, above=8, below=None)]
    assert rows == ["▁█ ▅", " ▔"]
    rows = ["".join(part.text for part in row) for row in spark(points, 4, above=None, below=2)]
    assert rows == ["▁▁ █", "▔▔"]
    assert spark([], 4, above=1, below=None) == []
    assert [p.text for p in spark([(0, 3.0)], 4, above=None, below=None)[0]] == ["▁"]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(-1e300, 1e300)), max_size=50), st.integers(1, 60))
def test_a_series_is_never_wider_than_its_place(points, width):
    """Any series fits its width."""
    for row in spark(sorted(points), width, above=1.0, below=None):
        assert len("".join(part.text for part in row)) <= width
