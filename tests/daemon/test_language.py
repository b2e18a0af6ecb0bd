from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from daemon.language import say
from daemon.language_pt import SENTENCES
from recuo.values import format_quantity
from tests.daemon.paging_kit import configuration
from tests.daemon.sentences import examples, is_portuguese, sentences
from triggers.base import Batch, Kind, MetricSpec, Sample
from triggers.compile import compile_rules
from triggers.engine import Engine, SourceInfo
from triggers.probes import endings, units
from triggers.rules import RuleConfig

PRODUCERS = [
    *(f"triggers/{name}.py" for name in ("alerts", "base", "checks", "compile", "evaluation", "explain", "health")),
    *(f"triggers/{name}.py" for name in ("rules", "selectors", "watches")),
    *(
        f"triggers/probes/{name}.py"
        for name in ("endings", "endpoint", "machine", "processes", "search", "units", "wire")
    ),
    *(f"triggers/sources/{name}.py" for name in ("_asked", "http", "system")),
    *(f"actions/notifiers/{name}.py" for name in ("email", "file", "terminal", "webhook")),
    *(f"daemon/configuration/{name}.py" for name in ("changes", "checks", "models", "parts", "people", "problems")),
    *(f"daemon/configuration/{name}.py" for name in ("reader", "words")),
    *(f"daemon/incidents/{name}.py" for name in ("people", "rows")),
    *(f"daemon/web/{name}.py" for name in ("auth", "bodies", "errors", "guard", "reading")),
    *(f"daemon/commands/{name}.py" for name in ("incidents", "session", "watching")),
    *(f"daemon/{name}.py" for name in ("audit", "client", "doctor", "escalation", "operations", "outbox", "reach")),
    *(
        "daemon/scheduler.py",
        "daemon/serve.py",
        "daemon/app.py",
        "daemon/oncall.py",
        "daemon/tokens.py",
        "daemon/watching.py",
        "recuo/values.py",
    ),
    *(f"daemon/store/{name}.py" for name in ("backup", "errors", "files", "schema", "store", "writer")),
]
NEVER_READ = {
    "rule {} is made of itself: {}",  # `check_rules` refuses it first, in words of its own
    "rule {} is made of {}, which is not a rule",
    "this should",  # what pydantic says of a type that has no words of ours
    "mapping values are not allowed",  # libyaml's words, by which ours are chosen
    "cannot start any token",
    "found unknown escape",
    "could not find expected ':'",
    "did not find expected key",
    "did not find expected node content",
    "the script ends inside a statement",  # a fault of the package itself
    "a change cannot wait for another change",
    "an environment variable's name",  # the schema's
    "a file that holds it",
}
METRICS_HELP = ("triggers/sources/system.py",)
PIECES = {
    "{} {} of {} in the window": ["1 sample of 1 series in the window", "8 samples of 2 series in the window"],
    "source {} has failed for more than {}: {}": [
        "source site has failed for more than 30s: no answer within 2s; rules that depend on it: none"
    ],
    "{} already runs on the state in {}: stop it first, or name another state": [
        "process 12 already runs on the state in /x: stop it first, or name another state",
        "another process already runs on the state in /x: stop it first, or name another state",
    ],
    "a label of {}": ["source a brought a label of 300 characters; its bounds.label_length is 200"],
    "a metric's name of {}": ["source a brought a metric's name of 300 characters; its bounds.label_length is 200"],
    "source {} brought {} characters; its bounds.label_length is {}": [],
    "over {} is shorter than the {} between two polls": [
        "over 5s is shorter than the 10s between two polls: it will often see nothing"
    ],
    "{}: it will often see nothing": [],
    "over {} holds one poll of every {}": ["over 15s holds one poll of every 10s: an increase needs two"],
    "{}: an increase needs two": [],
    "not firing": ["a is not firing", "a is firing", "a is unknown"],
    "the proxy cannot be reached": ["the proxy cannot be reached: ECONNREFUSED"],
    "our own network does not let us": ["our own network does not let us: ENETUNREACH"],
    "for want of memory (OOM)": ["api.service killed by signal 9 (SIGKILL) for want of memory (OOM)"],
    "by the watchdog": ["api.service killed by signal 6 (SIGABRT), core dumped by the watchdog"],
    "and started too often to be tried again": ["a.service exited with code 1 and started too often to be tried again"],
    "{} restarted {} by systemd meanwhile": [
        "api.service restarted once by systemd meanwhile",
        "api.service restarted 3 times by systemd meanwhile",
    ],
    ", and {} more": ["could not ask a: its name cannot be looked up within 2s, and 2 more"],
    "could not ask {}{}": ["could not ask a: its name cannot be looked up within 2s"],
    "{} is off: {}": ["source a is off: environment variable X is not set; source b is off: file /x is not there"],
    "these rules see nothing without it: ": ["these rules see nothing without it: none"],
    " (takes effect at the next start)": ["api.listen changed (takes effect at the next start)", "api.url changed"],
    "no receiver speaks to {}, so nobody is reached this way{}": [
        "no receiver speaks to sms, so nobody is reached this way",
        'no receiver speaks to emial, so nobody is reached this way; did you mean "email"?',
    ],
    "no escalation is named here, and none is called {}; ": [
        'no escalation is named here, and none is called default; did you mean "defualt"?'
    ],
    'there is no action "{}"; ': ['there is no action "pgae"; did you mean "page"?'],
    "this playbook": ['the rule "a" already triggers this playbook; an alert belongs to one incident'],
    'the rule "{}" already triggers {}; an alert belongs to one incident': [
        'the rule "a" already triggers playbook b; an alert belongs to one incident'
    ],
    "unknown key; ": ["unknown key; it can be every, timeout or url"],
    "unknown section; ": ['unknown section; did you mean "rules"?'],
    'unknown kind "{}"; ': ['unknown kind "htpp"; did you mean "http"?'],
    "it can be ": ["unknown key; it can be every or url"],
    "a comma or } is wanted here": ["column 4: a comma or } is wanted here"],
    "a label's name or }": ["column 4: a label's name or } is wanted here, not the end"],
    ", accepts the login": ["a:25 answers, accepts the login", "a:25 answers, encrypted (tls), accepts the login"],
    "{}: the server wants a login; set username and password": [
        "127.0.0.1:25: the server wants a login; set username and password"
    ],
    ", its certificate is trusted": ["https://a answers, its certificate is trusted"],
    ": it redirects, which is not followed; configure the final address": [
        "https://a answered 301: it redirects, which is not followed; configure the final address",
        "https://a answered 401: the credentials are refused (bad key)",
    ],
}
"""Texts of the source that are only pieces, and the whole sentences that they go into."""


def translated(text: str) -> str:
    said = say(text, "pt-BR")
    assert said != text, f"{text!r} is not in the catalogue of daemon/language_pt*.py"
    assert is_portuguese(said), f"{text!r} is said as {said!r}"
    return said


@pytest.mark.parametrize("path", PRODUCERS)
def test_every_sentence_that_a_module_can_say_is_in_the_catalogue(path):
    """A text of the source that reads as a sentence has its Portuguese, with numbers and names in its placeholders."""
    missing = []
    for sentence in sentences(path):
        if sentence in NEVER_READ or sentence in PIECES or (path in METRICS_HELP and " use" in sentence):
            continue
        if not any((said := say(text, "pt-BR")) != text and is_portuguese(said) for text in examples(sentence)):
            missing.append(sentence)
    assert not [text for text in missing if "processes running or waiting" not in text and "tasks waited" not in text]


@pytest.mark.parametrize("text", [text for whole in PIECES.values() for text in whole])
def test_sentences_put_together_from_pieces_are_translated_whole(text):
    """What code joins at run time is one sentence of the catalogue, or sentences of it in a row."""
    translated(text)


def test_both_sides_of_the_catalogue_hold_the_same_facts():
    """Every placeholder of a sentence is in its translation, and no sentence stands in the catalogue twice."""
    import string

    for english, portuguese in SENTENCES:
        names = [{name for _, name, _, _ in string.Formatter().parse(side) if name} for side in (english, portuguese)]
        assert names[0] == names[1], english
    assert len({english for english, _ in SENTENCES}) == len(SENTENCES)


SPECS = (
    MetricSpec("up", Kind.GAUGE, "info", "", ("e",)),
    MetricSpec("cpu", Kind.GAUGE, "ratio", ""),
    MetricSpec("latency", Kind.GAUGE, "ms", ""),
    MetricSpec("faults", Kind.COUNTER, "count", ""),
    MetricSpec("asked", Kind.COUNTER, "count", ""),
    MetricSpec("crash", Kind.EVENT, "info", ""),
)
RULES = {
    "down": {"metric": 'up{e="a b", f=~"x|y"}', "below": 1, "for": "2s"},
    "busy": {"metric": "cpu", "reduce": "avg", "over": "1m", "above": "80%", "for": "3m", "clear": {"below": "75.5%"}},
    "slow": {"metric": "latency", "reduce": "p95", "over": "1m", "above": "500ms", "by": ["route", "e"]},
    **{
        name: {"metric": "latency", "reduce": name, "over": "5m", "above": 0.5}
        for name in ("min", "max", "sum", "count")
    },
    **{
        name: {"metric": "asked", "reduce": name, "over": "5m", "above": 3, "by": ["e"]}
        for name in ("rate", "increase")
    },
    "share": {"ratio": {"of": "faults", "to": "asked", "over": "5m", "min_volume": 20}, "above": "1%"},
    "crashed": {"event": "crash", "for": "1s"},
    "silent": {"absent": "up", "for": "10m"},
    "both": {"all": ["down", "busy"], "for": "1m"},
    "one": {"any": ["down", "busy"]},
}


def rules() -> dict[str, RuleConfig]:
    return {name: RuleConfig.model_validate(rule) for name, rule in RULES.items()}


@pytest.mark.parametrize("plan", compile_rules(rules(), SPECS), ids=lambda plan: plan.name)
def test_a_rule_of_any_kind_is_told_in_portuguese(plan):
    """Its condition and what its alert says, whatever it measures."""
    translated(" ".join(filter(None, (plan.subject, plan.limit_text, "for 3m"))))
    if plan.config.ratio is None:
        translated(" ".join(filter(None, (plan.subject, plan.limit_text))))
        translated(plan.sentence(None))
    translated(plan.sentence(0.931))


def test_numbers_carry_units_and_the_comma_of_the_language():
    """A share is a percentage and a latency has ms in both languages; only our own decimal points become commas."""
    plans = {plan.name: plan for plan in compile_rules(rules(), SPECS)}
    assert plans["busy"].sentence(0.931) == "avg of cpu over 1m is 93.1%, limit above 80%"
    assert plans["slow"].sentence(612.4) == "p95 of latency over 1m by route, e is 612.4 ms, limit above 500ms"
    assert plans["rate"].sentence(3.25) == "rate of asked over 5m by e is 3.25, limit above 3"
    assert say(plans["busy"].sentence(0.931), "pt-BR") == "média de cpu em 1m: 93,1% (limite: acima de 80%)"
    assert say(plans["slow"].sentence(612.4), "pt-BR").startswith("p95 de latency em 1m por route, e: 612,4 ms (")
    assert format_quantity(-0.5, "ratio") == "-50%"


def _explained(engine: Engine) -> list[str]:
    found = [text for rule in RULES for labels in engine.label_sets(rule) for text in _said_of(engine, rule, labels)]
    found += [text for alert in engine.alerts() for text in (alert.reason, alert.text) if text]
    return found


def _said_of(engine: Engine, rule: str, labels) -> list[str]:
    told = engine.explain(rule, labels)
    return [*told["steps"], *(deadline["what"] for deadline in told.get("deadlines", ())), told["reason"]]


def test_what_the_engine_explains_is_portuguese():
    """Steps, deadlines, reasons and the texts of transitions, while things fire, fail, fall silent and recover."""
    second, said = 1_000, []
    source = SourceInfo("site", second, 0, 5 * second, 10 * second, SPECS)
    engine = Engine(rules(), [source], now=0)
    for at in range(second, 900 * second, 15 * second):
        failing = 300 * second < at < 500 * second
        value = 0.0 if at < 250 * second else 1.0
        samples = [
            Sample("up", (("e", "a b"), ("f", "x")), value, at),
            Sample("cpu", (), 0.95 - value / 2, at),
            Sample("latency", (("e", "x"), ("route", "/")), 900.5, at),
            Sample("faults", (), at // second, at),
            Sample("asked", (), at // second * 2, at),
        ]
        if at == 31 * second:
            samples.append(Sample("crash", (), 1, at, "a:1", "api exited with code 1"))
        batch = Batch("site", at, () if failing else samples, "no answer within 2s" if failing else "")
        for transition in [*engine.feed(batch), *engine.advance(at + second)]:
            said += [transition.text, *([transition.reason] if transition.kind != "event" else [])]
        said += _explained(engine)
    assert len(set(said)) > 40
    for text in set(said) - {""}:
        assert is_portuguese(say(text, "pt-BR")), text


@pytest.mark.parametrize("who", ["", "api ", "api.service "])
@pytest.mark.parametrize("status", [None, 0x0100, 0x8F00, 9, 6 | 0x80, 60])
def test_the_end_of_a_process_is_told_in_portuguese(who, status):
    """An exit code, a signal with and without a name or a core dump, or nothing seen; by itself and behind a name."""
    translated(who + endings.of_status(status))
    translated(f"{who}{endings.of_status(status)}; systemd restarted it")


@pytest.mark.parametrize("result", units._RESULTS)
def test_why_systemd_says_that_a_unit_failed_is_told_in_portuguese(result):
    """Each of systemd's results that has words."""
    translated(f"api.service {endings.killed(9)} {units._RESULTS[result]}")


def test_whoever_cannot_be_reached_is_told_in_portuguese():
    """Every reason that the configuration gives for a page that comes to nobody."""
    from daemon.reach import reachability

    lonely = configuration(receivers={}, escalation={"default": {"steps": [{"page": ["ana"]}]}})
    mixed = configuration(
        people={
            "ana": {"name": "Ana", "contacts": [{"sms": "1"}, {"fax": "2"}]},
            "eva": {"name": "Eva", "contacts": []},
        },
        escalation={
            "default": {"steps": [{"page": ["ana"]}], "fallback": ["receiver:hook"]},
            "other": {"steps": [{"page": ["eva"]}]},
        },
    )
    found = [*reachability(lonely), *reachability(mixed)]
    assert len(found) >= 4
    for text in found:
        translated(text)


def test_what_nobody_wrote_passes_unchanged():
    """A person's words, names and English itself come back as they were."""
    for text in ("", "deploy of api", "ana", "Latência alta", "x" * 5_000, "a: " * 2_000):
        assert say(text, "pt-BR") == text
    assert say("insufficient sample", "en") == "insufficient sample"
    assert say("127.0.0.1:25: nothing listens there (connection refused)", "pt-BR").startswith(
        "127.0.0.1:25: nada escuta"
    )
    assert say(f"ca_file /x cannot be used: {os.strerror(errno.ENOENT)}", "pt-BR").endswith(
        "arquivo ou diretório não existe"
    )


@pytest.mark.parametrize("piece", ["a: ", "x; ", "a is off: ", "x above 1 over 2 by y ", "a (", "of / over is limit "])
def test_text_from_outside_that_looks_like_sentences_does_no_harm(piece):
    """However long and nested, it comes back, and soon: an event's text may be anything."""
    for length in (20, 300, 999):
        assert say((piece * length)[:length], "pt-BR")


def test_english_readers_do_not_pay_for_the_catalogue():
    """With `locale: en` the catalogue is never imported."""
    code = "import sys, daemon.language as l; l.say('none', 'en'); sys.exit('daemon.language_pt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _look():
    from zoneinfo import ZoneInfo

    from daemon.render.screen import Look

    return Look(locale="pt-BR", zone=ZoneInfo("America/Sao_Paulo"), now=1_795_402_800_000, width=110)


def test_the_doctor_speaks_portuguese():
    """Names, findings and remedies of the checks; what is all right has no remedy."""
    from daemon import views
    from daemon.render.lists import doctor

    checks = (
        views.DoctorCheck(name="configuration", level="ok", detail="/etc/recuo/config.yaml is in force"),
        views.DoctorCheck(
            name="receiver mail",
            level="fail",
            detail="127.0.0.1:25: nothing listens there (connection refused)",
            fix="pages through it would not arrive; see its part of the configuration",
        ),
    )
    assert doctor(views.Doctor(ok=False, checks=checks), _look()) == (
        "✔ configuração: /etc/recuo/config.yaml está valendo\n"
        "✖ canal mail: 127.0.0.1:25: nada escuta nesse endereço (conexão recusada)\n"
        "    → as chamadas por ele não chegariam; veja a parte dele na configuração\n"
        "\n"
        "2 verificações: 1 com falha, 0 com aviso\n"
    )


def test_an_explanation_speaks_portuguese_and_names_series_as_promql_does():
    """Condition, arithmetic and deadlines; a series by its metric and labels, its samples in their own unit."""
    from daemon import views
    from daemon.render.explain import explanations

    now = _look().now
    series = views.SeriesWindow(
        labels={"__name__": "http_requests_total", "endpoint": "site"},
        unit="count",
        points=(views.Point(at=now - 1_000, value=3), views.Point(at=now, value=4)),
        total=2,
    )
    view = views.Explanation(
        rule="errors",
        labels={"environment": "beta"},
        condition="http_failures_total / http_requests_total over 5m above 1%",
        severity="critical",
        state="firing",
        at=now,
        metric="http_failures_total, http_requests_total",
        unit="ratio",
        window_start_at=now - 300_000,
        window_end_at=now,
        series=(series,),
        steps=("http_requests_total grew by 4", "0.05 / 4 = 1.25%", "1.25% above 1%: true"),
        value=0.0125,
        above=0.01,
        below=None,
        active_at=now - 5_000,
        firing_at=now - 5_000,
        for_ms=0,
        deadlines=(views.Deadline(at=now + 60_000, what="unknown, if no sample comes"),),
    )
    shown = explanations(views.Explanations(explanations=(view,)), _look())
    for line in (
        '● disparado  errors {environment="beta"}',
        "  crítica · http_failures_total / http_requests_total em 5m acima de 1%",
        '    http_requests_total{endpoint="site"}',
        "    de 3 a 4, última 4 (agora), amostras 2",
        "    http_requests_total cresceu 4",
        "    0,05 / 4 = 1,25%",
        "    → 1,25% está acima de 1%",
        "    → 00:01:00 (em 1 min): fica desconhecido, se não chegar nenhuma amostra",
    ):
        assert line in shown.splitlines()
    assert "verdadeiro" not in shown


def test_a_source_that_is_off_has_no_interval():
    """No `every 0 s` where nothing is asked."""
    from daemon import views
    from daemon.render.status import _source_row

    off = views.SourceView(name="a", kind="", state="off", every_ms=0, reason="environment variable X is not set")
    assert _source_row(off, _look())[3:] == ["–", "–", "a variável de ambiente X não está definida"]
