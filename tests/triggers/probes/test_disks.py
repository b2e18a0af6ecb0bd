"""How full file systems are, and what happens when one hangs."""

from __future__ import annotations

import asyncio
import threading

import psutil
import pytest

from tests.contract.kit import context
from triggers.probes import disks


def test_use_is_what_df_says(tmp_path):
    """A real file system's share is within 0 and 1; what is not mounted or has no room is nothing."""
    found = disks.usage(str(tmp_path))
    assert found is not None
    assert found.used is not None
    assert 0 <= found.used <= 1
    assert disks.usage("/proc") is None
    assert disks.usage(str(tmp_path / "missing")) is None


def test_the_root_is_always_among_the_mounts():
    """Also in a container, where the root is on no device."""
    assert "/" in disks.mounts()


def test_a_mount_that_hangs_is_left_alone_until_it_comes_back_and_the_others_are_read():
    """One dead mount among three costs itself only, is not asked again while it hangs, and returns by itself."""
    let_go = threading.Event()
    asked: list[str] = []

    def ask(mount):
        asked.append(mount)
        if mount == "/dead" and not let_go.is_set():
            let_go.wait(30)
        return disks.Usage(mount, 0.5, 0.1)

    async def scenario():
        made = context()
        watched = disks.Disks(["/a", "/dead", "/z"], made.in_thread, answer_s=0.05, ask=ask)
        first = await watched.read(0)
        second = await watched.read(1)
        let_go.set()
        while (third := await watched.read(2))[-1].used is None:
            pass
        return first, second, third

    first, second, third = asyncio.run(scenario())
    dead = disks.Usage("/dead", None, None)
    assert first == second == [disks.Usage("/a", 0.5, 0.1), disks.Usage("/z", 0.5, 0.1), dead]
    assert [usage.mount for usage in third] == ["/a", "/dead", "/z"]
    assert all(usage.used == 0.5 for usage in third)


def test_more_dead_mounts_than_threads_still_end_in_an_answer():
    """When every thread of the source hangs, the poll comes back without disks instead of waiting for ever."""
    let_go = threading.Event()

    def ask(mount):
        let_go.wait(30)

    async def scenario():
        mounts = [f"/dead{n}" for n in range(8)]
        watched = disks.Disks(mounts, context().in_thread, answer_s=0.02, ask=ask)
        try:
            async with asyncio.timeout(5):
                return await watched.read(0)
        finally:
            let_go.set()

    found = asyncio.run(scenario())
    assert found
    assert all(usage.used is None for usage in found)


@pytest.mark.parametrize("fstype", ["squashfs", "iso9660"])
def test_read_only_images_are_no_disks(monkeypatch, fstype):
    """A snap's image is always full, and nobody's incident; one device mounted twice is one disk."""

    class Partition:
        def __init__(self, device, mountpoint, kind):
            self.device, self.mountpoint, self.fstype = device, mountpoint, kind

    there = [
        Partition("/dev/loop0", "/snap/core", fstype),
        Partition("/dev/sdb", "/data/inner/bind", "ext4"),
        Partition("/dev/sdb", "/data", "ext4"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: there)
    assert disks.mounts() == ["/", "/data"]
