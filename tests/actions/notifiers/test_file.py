from __future__ import annotations

import asyncio
import json
import os
import stat

import pytest

from actions.base import DeliveryError
from actions.notifiers import file
from tests.daemon.paging_kit import context, message


def write(tmp_path, **changes) -> None:
    asyncio.run(file.send(file.Config(kind="file"), message(**changes), "", context("file", tmp_path)))


def test_each_page_is_a_json_line_and_a_line_for_people_in_a_file_of_the_owners(tmp_path):
    """Two pages are four lines: JSON with every field but the HTML, and a comment; mode 0600."""
    write(tmp_path)
    write(tmp_path, key="page-2", title="two\nlines\x1b[0m")
    path = tmp_path / "pages.log"
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) == 4
    first, second = json.loads(lines[0]), json.loads(lines[2])
    assert set(first) == set(message()._fields) - {"html"}
    assert (first["key"], second["key"]) == ("page-1", "page-2")
    assert lines[1] == (
        "# 2026-11-18T11:06:40Z [crítico] VocalCoach AI production: cpu-high - recuo show 1 - recuo ack 1"
    )
    assert lines[3].startswith("# 2026-11-18T11:06:40Z two lines [0m - ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path):
    """A pages.log with wider permissions gets its own back."""
    path = tmp_path / "pages.log"
    path.write_text("", "utf-8")
    path.chmod(0o644)
    write(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_in_its_place_is_not_followed(tmp_path):
    """A symbolic link that somebody put there is an error in words, and what it points to stays as it was."""
    victim = tmp_path / "victim"
    victim.write_text("precious", "utf-8")
    (tmp_path / "pages.log").symlink_to(victim)
    with pytest.raises(DeliveryError, match="cannot be written"):
        write(tmp_path)
    assert victim.read_text("utf-8") == "precious"


def test_a_directory_that_is_gone_is_a_failure_to_try_again(tmp_path):
    """What cannot be written is told as not delivered, for now."""
    with pytest.raises(DeliveryError, match="No such file") as caught:
        write(tmp_path / "gone")
    assert not caught.value.permanent


def test_a_file_of_ten_mebibytes_is_put_aside(tmp_path):
    """It does not grow without end: the old file becomes pages.log.1, and no page is in neither."""
    path = tmp_path / "pages.log"
    with path.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, 10 * 1024 * 1024)
    write(tmp_path)
    assert (tmp_path / "pages.log.1").stat().st_size == 10 * 1024 * 1024
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_probe_says_whether_it_could_be_written(tmp_path):
    """Asked before it is needed, it opens the file and writes nothing."""
    words = asyncio.run(file.probe(file.Config(kind="file"), context("file", tmp_path)))
    assert "can be written" in words
    assert (tmp_path / "pages.log").read_bytes() == b""
