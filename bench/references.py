"""Prometheus, Alertmanager, node_exporter and monit from Debian, configured to do what Recuo is measured at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def prometheus(
    program: str, directory: Path, port: int, *, targets: Sequence[int], rules: str, alertmanagers: Sequence[int] = ()
) -> list[str]:
    """Scraping and evaluating every second, which is the fastest that people run it."""
    directory.mkdir(parents=True)
    (directory / "rules.yml").write_text(rules)
    hosts = ", ".join(f'"127.0.0.1:{target}"' for target in targets)
    managers = "".join(f"    - static_configs: [{{targets: ['127.0.0.1:{each}']}}]\n" for each in alertmanagers)
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        "rule_files: [rules.yml]\n"
        f"scrape_configs: [{{job_name: bench, static_configs: [{{targets: [{hosts}]}}]}}]\n"
        + (f"alerting:\n  alertmanagers:\n{managers}" if managers else "")
    )
    return [
        program,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]


def alertmanager(program: str, directory: Path, port: int, *, smtp_port: int, to: str, group_wait: str) -> list[str]:
    """Sending mail to a server on loopback; every alert is a group of its own."""
    directory.mkdir(parents=True)
    (directory / "alertmanager.yml").write_text(
        f"global: {{smtp_smarthost: '127.0.0.1:{smtp_port}', smtp_from: am@example.org, smtp_require_tls: false}}\n"
        f"route: {{receiver: mail, group_by: ['...'], group_wait: {group_wait}, group_interval: 5m}}\n"
        f"receivers: [{{name: mail, email_configs: [{{to: '{to}', send_resolved: false}}]}}]\n"
    )
    return [
        program,
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]


def node_exporter(program: str, port: int) -> list[str]:
    """With Debian's default collectors."""
    return [program, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]


def monit(program: str, directory: Path) -> list[str]:
    """Checking this machine every second, with the two thresholds of the shipped configuration."""
    directory.mkdir(parents=True)
    control = directory / "monitrc"
    control.write_text(
        "set daemon 1\n"
        f"set idfile {directory}/id\nset statefile {directory}/state\nset pidfile {directory}/pid\n"
        f"set log {directory}/log\n"
        "check system machine\n"
        "  if cpu usage > 80% for 64 cycles then alert\n"
        "  if memory usage > 90% for 64 cycles then alert\n"
    )
    control.chmod(0o600)
    return [program, "-I", "-c", str(control)]
