"""The shipped configuration, the fixtures in `config/`, and what a loaded configuration says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from daemon.config import ConfigError, Loaded, changes, json_schema, load, loads
from daemon.configuration.reader import read
from daemon.configuration.schema import SCHEMA_FILE, schema_text

FIXTURES = Path(__file__).parent / "config"
SHIPPED = Path(__file__).parents[2] / "config.yaml"
ENVIRON = {"SITE_TOKEN": "t0ken-of-the-site", "RUI_EMAIL": "rui@example.org"}
EVERYTHING = {
    "VOCALCOACH_PRODUCTION_URL": "http://127.0.0.1:9/health",
    "VOCALCOACH_BETA_URL": "http://127.0.0.1:9/health",
    "RECUO_ANA_EMAIL": "ana@example.org",
    "RECUO_RUI_EMAIL": "rui@example.org",
    "RECUO_SMTP_HOST": "smtp.example.org",
    "RECUO_SMTP_USER": "recuo",
    "RECUO_SMTP_PASSWORD": "correct-horse",
    "RECUO_MAIL_FROM": "recuo@example.org",
    "RECUO_TEAM_EMAIL": "team@example.org",
    "RECUO_WEBHOOK_URL": "https://hook.example.org/battery-staple",
    "RECUO_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "RECUO_SENTRY_DSN": "https://abcdef0123@sentry.example.org/1",
    "RECUO_HEARTBEAT_URL": "https://beat.example.org/tr0ubador",
}


def fixtures(folder: str) -> list[Path]:
    return sorted((FIXTURES / folder).glob("*.yaml"))


def expected(path: Path) -> list[str]:
    told = path.with_suffix(".txt")
    return told.read_text("utf-8").splitlines() if told.exists() else []


def said(loaded: Loaded) -> list[str]:
    return [f"off {off.part}: {off.reason}" for off in loaded.off] + [f"warning {w}" for w in loaded.warnings]


def from_text(text: str, **environ: str) -> Loaded:
    return loads(text, environ=environ)


def problems(text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_text(text, **environ)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("path", fixtures("bad"), ids=lambda p: p.stem)
def test_bad_files_get_every_error_with_its_place(path):
    """Every error of a bad file is told at once, by line, with its column, path and what would be right."""
    with pytest.raises(ConfigError) as caught:
        loads(path.read_bytes(), path.name, environ=ENVIRON)
    assert str(caught.value).splitlines() == expected(path)


@pytest.mark.parametrize("path", fixtures("good"), ids=lambda p: p.stem)
def test_good_files_load(path):
    """A good file loads, and what is off in it or looks wrong is told."""
    assert said(loads(path.read_bytes(), path.name, environ=ENVIRON)) == expected(path)


@pytest.mark.parametrize("path", [SHIPPED, *fixtures("good")], ids=lambda p: p.stem)
def test_what_loads_passes_the_published_schema(path):
    """The schema that editors use finds nothing wrong in a file that loads."""
    plain = read(path.read_bytes(), path.name).root.plain()
    schema = json.loads(SCHEMA_FILE.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(plain)


@pytest.mark.parametrize("name", ["unknown-keys", "wrong-types", "secrets-in-clear"])
def test_the_published_schema_finds_what_is_wrong_in_shape(name):
    """The schema that editors use finds unknown keys, wrong types and secrets in clear."""
    plain = read((FIXTURES / "bad" / f"{name}.yaml").read_bytes(), name).root.plain()
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(plain)


def test_the_published_schema_is_up_to_date():
    """The schema file is what `python -m daemon.configuration.schema` writes."""
    assert SCHEMA_FILE.read_text("utf-8") == schema_text()


def test_the_schema_completes_kinds_and_rules():
    """Each kind of source and receiver stands in the schema by its own keys, and fields are described."""
    schema = json_schema()
    system = schema["$defs"]["source-system"]
    assert system["properties"]["kind"]["const"] == "system"
    assert {"every", "units", "processes"} <= set(system["properties"])
    assert schema["$defs"]["receiver-email"]["properties"]["host"]["description"]
    assert schema["$defs"]["RuleConfig"]["properties"]["for"]["description"]
    assert {"$ref": "#/$defs/source-http"} in schema["properties"]["sources"]["additionalProperties"]["oneOf"]


def test_the_shipped_file_names_its_schema():
    """The first line of the shipped configuration tells editors where its schema is."""
    first = SHIPPED.read_text("utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE.relative_to(SHIPPED.parent)}"


def test_the_shipped_file_runs_with_nothing_set():
    """With no setting of this machine the shipped configuration loads; what lacks one is off, in one line each."""
    loaded = load(SHIPPED, environ={})
    assert list(loaded.config.sources) == ["host"] and not loaded.config.receivers and not loaded.warnings
    parts = [off.part for off in loaded.off]
    assert {"source site-production", "source site-beta", "receiver team-mail", "receiver team-webhook"} <= set(parts)
    assert all("\n" not in off.reason and off.reason.startswith("environment variable") for off in loaded.off)
    lines = SHIPPED.read_text("utf-8").splitlines()
    assert [lines[off.line - 1].strip().partition(":")[0] for off in loaded.off[:2]] == ["site-production", "site-beta"]


def test_the_shipped_file_runs_with_everything_set():
    """With every setting there, nothing is off and nobody is unreachable."""
    loaded = load(SHIPPED, environ=EVERYTHING)
    assert not loaded.off and not loaded.warnings
    assert loaded.config.people["ana"].contacts == ({"email": "ana@example.org"},)
    assert loaded.config.telemetry.heartbeat is not None


def test_the_shipped_file_holds_the_documented_thresholds():
    """The thresholds, scenarios, budgets and checklist are literally those of the procedures."""
    shipped = load(SHIPPED, environ=EVERYTHING).config
    minute = 60_000
    limits = {name: (rule.above.text, rule.hold) for name, rule in shipped.rules.items() if rule.above and rule.page}
    assert limits["latency-high"] == ("500ms", 5 * minute)
    assert limits["cpu-high"] == ("80%", 3 * minute)
    assert limits["memory-high"] == ("90%", 3 * minute)
    assert limits["error-rate"] == ("1%", 0)
    ratio = shipped.rules["error-rate"].ratio
    assert ratio is not None and ratio.over == 5 * minute
    assert shipped.rules["crash"].event == "crash"
    assert set(shipped.playbooks["performance"].triggers) == {"latency-high", "cpu-high", "memory-high"}
    assert {"error-rate", "crash"} <= set(shipped.playbooks["critical-bug"].triggers)
    budgets = [getattr(shipped.budgets, name) // minute for name in type(shipped.budgets).model_fields]
    assert budgets == [5, 10, 15, 5, 30]
    assert len(shipped.checklist) == 12
    environments = {source.labels["environment"] for source in shipped.sources.values()}
    assert environments == {"production", "beta"}


def test_S9_the_shipped_error_rate_can_answer_and_forgives_one_probe():
    """In 5 minutes there are more probes than `min_volume`, and one failure of them is not above the limit."""
    shipped = load(SHIPPED, environ=EVERYTHING).config
    ratio, limit = shipped.rules["error-rate"].ratio, shipped.rules["error-rate"].above
    assert ratio is not None and limit is not None
    for name in ("site-production", "site-beta"):
        probes = ratio.over // shipped.sources[name].every
        assert probes > ratio.min_volume * 1.2
        assert 1 / probes < limit.number < 2 / probes


def test_the_shipped_file_says_in_words_what_it_carries_out():
    """Each block of the shipped configuration is introduced by a comment."""
    lines = SHIPPED.read_text("utf-8").splitlines()
    for at, line in enumerate(lines):
        if line and not line.startswith((" ", "#")) and line.endswith(":"):
            before = " ".join(lines[max(0, at - 2) : at + 2])
            assert "#" in before, line


def test_the_digest_is_of_what_is_in_effect_without_secrets():
    """The digest changes with what is in effect, and with nothing else: no comment, no order, no secret."""
    text = "rules: {a: {metric: x, above: 5}}\ntelemetry: {sentry_dsn: {env: DSN}}\n"
    one = from_text(text, DSN="https://one@example.org/1").digest
    assert len(one) == 64 and one == from_text("# same\n" + text, DSN="https://two@example.org/1").digest
    assert one != from_text(text).digest
    assert one != from_text(text.replace("5", "6"), DSN="https://one@example.org/1").digest


def test_no_secret_is_shown_by_what_is_loaded():
    """Neither repr, nor JSON, nor warnings, nor changes of a loaded configuration hold a secret."""
    loaded = load(SHIPPED, environ=EVERYTHING)
    shown = (
        repr(loaded)
        + loaded.config.model_dump_json()
        + " ".join(changes(load(SHIPPED, environ={}).config, loaded.config))
    )
    for name in ("RECUO_SMTP_PASSWORD", "RECUO_WEBHOOK_SECRET", "RECUO_SENTRY_DSN", "RECUO_HEARTBEAT_URL"):
        assert EVERYTHING[name] not in shown


def test_an_error_does_not_repeat_a_secret():
    """A secret that was written in clear is refused without being repeated."""
    path = FIXTURES / "bad" / "secrets-in-clear.yaml"
    assert "hunter2" not in "\n".join(problems(path.read_text("utf-8")))


def test_changes_says_in_words_what_a_reload_changes():
    """A reload's log line names what was added, changed and removed, and what waits for the next start."""
    before = from_text("rules: {a: {metric: x, above: 5}, b: {event: y}}\nbudgets: {decide: 10m}\n").config
    after = from_text(
        "mode: observe\nrules: {a: {metric: x, above: 6}, c: {event: y}}\n"
        "budgets: {decide: 9m}\napi: {listen: '127.0.0.1:1'}\n"
    ).config
    assert changes(before, before) == []
    assert changes(before, after) == [
        "mode changed",
        "rule c added",
        "rule a changed",
        "rule b removed",
        "budgets.decide changed",
        "api.listen changed (takes effect at the next start)",
    ]


def test_a_schedule_takes_the_zone_of_the_service():
    """A schedule that names no time zone has the service's; one that does keeps its own."""
    layers = 'layers: [{rotation: daily, handover: "09:00", people: [ana]}]'
    text = f"""
service: {{timezone: America/Sao_Paulo}}
people: {{ana: {{name: Ana}}}}
schedules:
  here: {{{layers}}}
  there: {{timezone: Europe/Lisbon, {layers}}}
"""
    schedules = from_text(text).config.schedules
    assert (schedules["here"].timezone, schedules["there"].timezone) == ("America/Sao_Paulo", "Europe/Lisbon")


def test_a_lacking_setting_does_not_hide_other_errors():
    """A part that lacks a setting and is wrong besides is wrong, not off."""
    lines = problems("sources: {site: {kind: http, url: {env: NOWHERE}, timeuot: 2s}}\n")
    assert lines == ['config.yaml:1:51: sources.site.timeuot: unknown key; did you mean "timeout"?']


def test_whether_a_rule_is_right_does_not_hang_on_this_machine():
    """A rule on what a source may bring is right whether its address is there, https or plain http."""
    text = """
sources: {site: {kind: http, url: {env: SITE}}}
rules: {ending: {metric: http_certificate_days, below: 14, for: 10m}}
"""
    assert from_text(text).off[0].part == "source site"
    assert not from_text(text, SITE="https://shop.example.org/").off
    assert not from_text(text, SITE="http://127.0.0.1:9/").off


def test_labels_of_a_source_can_be_matched_and_grouped_by():
    """A label that the configuration adds to a source is known to the rules on its metrics."""
    text = """
sources: {host: {kind: system, labels: {environment: beta}}}
rules:
  full: {metric: 'system_disk_used_ratio{environment="beta"}', above: 90%, for: 5m}
  other: {metric: 'system_disk_used_ratio{enviroment="beta"}', above: 90%, for: 5m}
"""
    (warning,) = from_text(text).warnings
    assert warning.line == 5 and "did you mean environment" in warning.message


def test_warnings_keep_nothing_from_being_used():
    """A configuration with warnings is loaded, and says them."""
    loaded = from_text("people: {ana: {name: Ana, contacts: [{email: ana@example.org}]}}\n")
    assert [w.severity for w in loaded.warnings] == ["warning"] and loaded.config.people["ana"].name == "Ana"


def test_the_file_is_named_as_it_was_given(tmp_path):
    """Errors name the file as the caller did, so that an editor can open it."""
    path = tmp_path / "my.yaml"
    path.write_text("rules: 5\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:1:8: rules: a mapping")
    assert [p.severity for p in caught.value.problems] == ["error"]


def test_the_scalars_are_those_of_yaml_1_2():
    """Plain scalars agree with the core schema of YAML 1.2, and with PyYAML wherever 1.1 and 1.2 agree."""
    read_as = {
        "a": "a", "no": "no", "on": "on", "y": "y", "12:30": "12:30", "010": 10, "0x1F": 31, "0o17": 15, "1e3": 1000.0,
        ".5": 0.5, "-3": -3, "+12": 12, "1_000": "1_000", "2026-11-23": "2026-11-23", "1.2.3": "1.2.3", "true": True,
        "True": True, "FALSE": False, "null": None, "~": None, "'5'": "5", '"true"': "true", "0b1": "0b1", "=": "=",
    }  # fmt: skip
    for text, value in read_as.items():
        found = read(f"x: {text}\n".encode(), "x").root.plain()["x"]
        assert found == value and type(found) is type(value), text
    agreed = "a: [1, -2, 3.5, text, 'quoted', null, true]\nb: |\n  lines\n  more\nc:\n  d: >-\n    folded\n    text\n"
    assert read(agreed.encode(), "x").root.plain() == yaml.safe_load(agreed)


def test_a_page_step_may_name_its_own_escalation():
    """A playbook pages by the escalation that its step `page` names, else by its own."""
    text = """
rules: {a: {event: x}, b: {event: y}}
people: {ana: {name: Ana}}
escalation: {default: {steps: [{page: [ana]}]}, night: {steps: [{page: [ana]}]}}
playbooks:
  one: {triggers: [a], steps: [{id: p, action: page, with: {escalation: night}}]}
  two: {triggers: [b], steps: [{id: p, action: page}]}
"""
    playbooks = from_text(text).config.playbooks
    assert [playbook.page_escalation for playbook in playbooks.values()] == ["night", "default"]
