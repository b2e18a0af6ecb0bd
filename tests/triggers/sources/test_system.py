"""The source `system` over fabricated machines, and over this one."""

from __future__ import annotations

import asyncio
import os
import time

import pytest
from pydantic import ValidationError

from daemon.clock import ManualClock
from tests.contract.kit import KeptLog, context
from tests.triggers.sources.trees import MIB, Tree, write
from triggers.base import PollError
from triggers.sources import system


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def config(**settings):
    return system.Config.model_validate({"kind": "system", "every": "1s", "disks": [], **settings})


class Polls:
    """Polls of one source over a tree, a second apart."""

    def __init__(self, tree, **settings):
        self.clock = ManualClock()
        self.log = KeptLog()
        self._tree = tree
        self._config = config(**settings)
        self._context = context("host", clock=self.clock, log=self.log)

    def once(self, after_ms=1000):
        self.clock.advance(after_ms)
        return asyncio.run(system.poll(self._config, self._context, _places=self._tree.places))

    def values(self, after_ms=1000):
        return {(s.metric, *(v for _, v in s.labels)): s.value for s in self.once(after_ms)}

    def crashes(self, after_ms=1000):
        return [(dict(s.labels), s.text) for s in self.once(after_ms) if s.metric == "crash"]


# ------------------------------------------------------------------------------------------------------- the machine


def test_processor_use_is_what_was_busy_between_two_polls(tree):
    """Waiting for disks is not use: 30 busy ticks of 100."""
    polls = Polls(tree)
    polls.once()
    tree.cpu(busy=130, idle=950, waiting=20)
    assert polls.values()["system_cpu_ratio",] == pytest.approx(0.3)


def test_processor_use_holds_while_no_tick_has_passed(tree):
    """Two polls within one tick give the last ratio, not nothing."""
    polls = Polls(tree)
    polls.once()
    tree.cpu(busy=150, idle=950)
    assert polls.values()["system_cpu_ratio",] == pytest.approx(0.5)
    assert polls.values(after_ms=1)["system_cpu_ratio",] == pytest.approx(0.5)


def test_memory_use_is_what_is_not_available_rather_than_not_free(tree):
    """Caches that the kernel gives back are not use; kernels that do not say count free and caches."""
    assert Polls(tree).values()["system_memory_used_ratio",] == pytest.approx(0.4)
    tree.memory(available=None, free=50)
    assert Polls(tree).values()["system_memory_used_ratio",] == pytest.approx(0.85)


def test_swap_load_and_files(tree):
    """Swap without any is 0; load comes per processor too; freed file handles are not in use."""
    found = Polls(tree).values()
    assert found["system_swap_used_ratio",] == 0
    assert [found[f"system_load{n}",] for n in (1, 5, 15)] == [1.5, 0.8, 0.4]
    assert found["system_load_ratio",] == 0.75
    assert found["system_open_files_ratio",] == pytest.approx(0.05)
    tree.memory(available=600, swap_total=200, swap_free=50)
    assert Polls(tree).values()["system_swap_used_ratio",] == pytest.approx(0.75)


def test_network_errors_are_of_real_interfaces(tree):
    """Loopback and the host's ends of containers' links are left out."""
    found = {key: value for key, value in Polls(tree).values().items() if key[0] == "system_network_errors_total"}
    assert found == {
        ("system_network_errors_total", "receive", "eth0"): 3,
        ("system_network_errors_total", "transmit", "eth0"): 4,
    }


def test_pressure_is_there_where_the_kernel_has_it_and_absent_elsewhere(tree):
    """Without PSI the metric is missing and the poll succeeds."""
    assert not [key for key in Polls(tree).values() if key[0] == "system_pressure_ratio"]
    line = "some avg10=12.50 avg60=0.47 avg300=0.33 total=7564590\nfull avg10=2.00 avg60=0.00 avg300=0.00 total=0\n"
    write(tree.proc, {"pressure/memory": line})
    found = Polls(tree).values()
    assert found["system_pressure_ratio", "some", "memory"] == 0.125
    assert found["system_pressure_ratio", "full", "memory"] == 0.02


@pytest.mark.parametrize("broken", ["", "cpu  garbage\n", "cpu\n"])
def test_a_machine_that_cannot_be_read_fails_the_poll_in_words(tree, broken):
    """Without /proc/stat nothing is known: PollError says where."""
    write(tree.proc, {"stat": broken})
    with pytest.raises(PollError, match=f"figures cannot be read under {tree.proc}"):
        Polls(tree).once()


# ---------------------------------------------------------------------------------------------------- control groups


def limited(tree, path="", *, used_us=0, cpus=None, maximum=None, current=0, inactive=0):
    tree.group(
        path,
        cgroup_controllers="cpuset cpu io memory pids",
        cpu_max=f"{int(cpus * 100_000)} 100000" if cpus else "max 100000",
        cpu_stat=f"usage_usec {used_us}\nuser_usec 0\nsystem_usec 0",
        memory_max=str(maximum * MIB) if maximum else "max",
        memory_current=str(current * MIB),
        memory_stat=f"anon 1\ninactive_file {inactive * MIB}\nactive_file 1",
    )


def test_in_a_container_ratios_are_of_what_it_may_use(tree):
    """Half a processor used of one allowed is 50 %, 180 of 200 MiB is 90 %, page cache that can go not counted."""
    limited(tree, cpus=1, maximum=200, current=220, inactive=40)
    polls = Polls(tree)
    polls.once()
    limited(tree, cpus=1, maximum=200, current=220, inactive=40, used_us=500_000)
    found = polls.values()
    assert found["system_cpu_ratio",] == pytest.approx(0.5)
    assert found["system_memory_used_ratio",] == pytest.approx(0.9)


def test_the_level_nearest_to_its_limit_counts(tree):
    """A parent's limit stops the service as surely as its own."""
    write(tree.proc, {"self/cgroup": "0::/pod/app\n"})
    limited(tree)
    for used_us in (0, 400_000):
        limited(tree, "pod", cpus=0.5, maximum=300, current=285, used_us=used_us)
        limited(tree, "pod/app", cpus=1, maximum=200, current=100, used_us=used_us)
        if not used_us:
            polls = Polls(tree)
            polls.once()
    found = polls.values()
    assert found["system_cpu_ratio",] == pytest.approx(0.8)
    assert found["system_memory_used_ratio",] == pytest.approx(0.95)


def test_fewer_processors_are_a_limit_too(tree):
    """Pinned to one of two processors, one busy processor is 100 %."""
    limited(tree)
    tree.group("", **{"cpuset_cpus.effective": "1"})
    polls = Polls(tree)
    polls.once()
    limited(tree, used_us=900_000)
    assert polls.values()["system_cpu_ratio",] == pytest.approx(0.9)


@pytest.mark.parametrize("settings", [{"cpus": 64, "maximum": 4000}, {}])
def test_limits_beyond_the_machine_are_none(tree, settings):
    """Without limits, or with such as can never be met, the machine's own figures hold."""
    limited(tree, **settings)
    polls = Polls(tree)
    polls.once()
    limited(tree, **settings, used_us=10)
    tree.cpu(busy=150, idle=950)
    found = polls.values()
    assert found["system_cpu_ratio",] == pytest.approx(0.5)
    assert found["system_memory_used_ratio",] == pytest.approx(0.4)


def test_hybrid_layouts_and_off_give_the_machines_figures(tree):
    """Where v2 has no controllers, or nobody wants it, limits are not looked at."""
    tree.group("", memory_max=str(100 * MIB), memory_current=str(99 * MIB))
    write(tree.proc, {"self/cgroup": "4:memory:/docker/abc\n0::/\n"})
    assert Polls(tree).values()["system_memory_used_ratio",] == pytest.approx(0.4)
    limited(tree, maximum=100, current=99)
    assert Polls(tree).values()["system_memory_used_ratio",] == pytest.approx(0.99)
    assert Polls(tree, cgroup="off").values()["system_memory_used_ratio",] == pytest.approx(0.4)


def test_limits_of_the_daemons_own_unit_say_nothing_of_the_product(tree):
    """MemoryMax= of recuo.service must not make the daemon measure itself."""
    write(tree.proc, {"self/cgroup": "0::/system.slice/recuo.service\n"})
    limited(tree)
    limited(tree, "system.slice/recuo.service", maximum=100, current=99)
    assert Polls(tree).values()["system_memory_used_ratio",] == pytest.approx(0.4)


def test_a_named_group_is_measured_with_the_machine_as_its_limit(tree):
    """Another unit's group is measured by itself, and gives nothing while the unit is down."""
    path = "system.slice/vocalcoach.service"
    limited(tree)
    polls = Polls(tree, cgroup=f"/sys/fs/cgroup/{path}")
    assert ("system_memory_used_ratio",) not in polls.values()
    assert "control group is not there" in polls.log.lines[0]
    limited(tree, path, current=250)
    polls.once()
    limited(tree, path, current=250, used_us=600_000)
    found = polls.values()
    assert found["system_memory_used_ratio",] == pytest.approx(0.25)
    assert found["system_cpu_ratio",] == pytest.approx(0.3)


# -------------------------------------------------------------------------------------------------------- processes


def test_a_named_process_is_up_with_its_use(tree):
    """The second poll gives its processor use; each way to name it finds it."""
    pidfile = tree.proc.parent / "api.pid"
    pidfile.write_text("70\n")
    tree.process(70, "/usr/bin/node server.js --port 3000", cpu_s=1, memory=64)
    ways = {"a": {"command": "node server.js"}, "b": {"name": "node"}, "c": {"pidfile": str(pidfile)}}
    polls = Polls(tree, processes=ways)
    polls.once()
    tree.process(70, "/usr/bin/node server.js --port 3000", cpu_s=1.25, memory=64)
    found = polls.values()
    for name in ways:
        assert found["process_up", name] == 1
        assert found["process_memory_bytes", name] == 64 * MIB
        assert found["process_cpu_ratio", name] == pytest.approx(0.25)
        assert found["process_restarts_total", name] == 0


@pytest.mark.parametrize(
    ("way", "argv", "name"),
    [
        ({"command": "node server.js"}, "node myserver.js", "node"),
        ({"command": "node server.js"}, "node --inspect server.js", "node"),
        ({"command": "node s.rver.js"}, "node server.js", "node"),
        ({"name": "node"}, "node-exporter", "node-exporter"),
        ({"name": "server.js"}, "node server.js", "node"),
    ],
)
def test_names_and_words_match_whole_and_never_as_patterns(tree, way, argv, name):
    """Nothing is found by a part of a word, by words that do not stand together, or by a regular expression."""
    tree.process(70, argv, name=name)
    assert Polls(tree, processes={"api": way}).values()["process_up", "api"] == 0


def test_a_program_that_writes_its_own_title_is_found_by_its_words(tree):
    """`process.title` puts the words into one argument; long names are cut short by the kernel."""
    tree.process(70, "x", name="a-very-long-pro")
    write(tree.proc, {"70/cmdline": "/opt/a-very-long-program: worker 1\0\0"})
    ways = {"a": {"command": "worker 1"}, "b": {"name": "a-very-long-program:"}}
    found = Polls(tree, processes=ways).values()
    assert found["process_up", "a"] == found["process_up", "b"] == 1


def test_of_several_the_oldest_is_followed_and_the_daemon_never_itself(tree):
    """The oldest is the parent of its workers."""
    tree.process(72, "node server.js", started=500, memory=1)
    tree.process(71, "node server.js", started=900, memory=2)
    tree.process(os.getpid(), "node server.js", started=1, memory=3)
    found = Polls(tree, processes={"api": {"command": "server.js"}}).values()
    assert found["process_memory_bytes", "api"] == MIB


def test_a_process_that_was_never_seen_is_down_and_has_not_crashed(tree):
    """First boot: process_up 0, no event, and it is looked for again within 5 s."""
    polls = Polls(tree, processes={"api": {"name": "node"}})
    samples = polls.once()
    assert not [s for s in samples if s.metric == "crash"]
    tree.process(70, "node server.js")
    assert [polls.values()["process_up", "api"] for _ in range(5)] == [0, 0, 0, 0, 1]
    assert polls.values()["process_restarts_total", "api"] == 0


def test_a_process_that_is_gone_has_crashed_once(tree):
    """One event with its own id at the poll that misses it; coming back is a restart."""
    polls = Polls(tree, processes={"api": {"name": "node"}})
    tree.process(70, "node server.js")
    polls.once()
    tree.end(70)
    assert polls.crashes() == [({"process": "api"}, "api ended; its exit code was not seen")]
    assert polls.crashes() == []
    tree.process(80, "node server.js", started=2000)
    assert polls.values(after_ms=5000)["process_restarts_total", "api"] == 1
    tree.end(80)
    assert len(polls.crashes()) == 1


def test_a_process_that_may_come_and_go_does_not_crash(tree):
    """`expect: any` measures without judging."""
    polls = Polls(tree, processes={"api": {"name": "node", "expect": "any"}})
    tree.process(70, "node server.js")
    polls.once()
    tree.end(70)
    assert polls.crashes() == []


def test_a_zombie_is_gone_and_tells_its_end(tree):
    """A process that waits to be collected runs no more; its exit status is in its entry."""
    polls = Polls(tree, processes={"api": {"name": "node"}, "db": {"name": "mongod"}})
    tree.process(70, "node server.js")
    tree.process(71, "mongod", name="mongod")
    polls.once()
    tree.process(70, "", state="Z", status=1 << 8)
    tree.process(71, "", name="mongod", state="Z", status=11)
    assert polls.crashes() == [
        ({"process": "api"}, "api exited with code 1"),
        ({"process": "db"}, "db killed by signal 11 (SIGSEGV)"),
    ]


def test_a_process_that_another_has_replaced_was_restarted(tree):
    """Another pid, or the same one with another start, is a restart and no crash: a deploy does that too."""
    polls = Polls(tree, processes={"api": {"name": "node"}})
    tree.process(70, "node server.js")
    polls.once()
    tree.process(70, "node server.js", started=3000)
    samples = polls.once()
    assert [s.value for s in samples if s.metric == "process_restarts_total"] == [1]
    assert not [s for s in samples if s.metric == "crash"]


def test_proc_is_walked_only_when_a_process_is_missing(tree):
    """A running process costs one small file a poll: newcomers are not even looked at."""
    polls = Polls(tree, processes={"api": {"name": "node"}})
    tree.process(70, "node server.js", memory=1)
    polls.once()
    tree.process(60, "node server.js", started=1, memory=2)
    for _ in range(10):
        assert polls.values()["process_memory_bytes", "api"] == MIB


# ------------------------------------------------------------------------------------------------------------- units


def unit(active="active", sub="running", result="success", restarts=0, pid=0, code=0, status=0, invocation="a"):
    return {
        "LoadState": "loaded", "ActiveState": active, "SubState": sub, "Result": result, "NRestarts": restarts,
        "MainPID": pid, "ExecMainCode": code, "ExecMainStatus": status, "InvocationID": invocation,
        "ExecMainStartTimestampMonotonic": 5, "ActiveEnterTimestampMonotonic": 5,
    }  # fmt: skip


UNIT = "vocalcoach.service"
FAILED = {"active": "failed", "sub": "failed", "result": "exit-code", "code": 1, "status": 1}
WAITING = {"active": "activating", "sub": "auto-restart", "result": "signal", "code": 2, "status": 9}


def units_seen(tree, *seen, every_ms=10_000):
    """The crashes told, in words, while systemd says one thing after another."""
    polls, told = Polls(tree, units=[UNIT]), []
    for shown in seen:
        tree.answers(unit(**shown))
        told += polls.crashes(every_ms)
    last = polls.values(0)
    return [text for _, text in told], last["unit_up", UNIT], last["unit_restarts_total", UNIT]


def test_systemctl_is_asked_with_a_fixed_command(tree):
    """All units in one call, after `--`."""
    tree.answers(unit(), unit(active="inactive"))
    found = Polls(tree, units=[UNIT, "mongod.service"]).values()
    assert (found["unit_up", UNIT], found["unit_up", "mongod.service"]) == (1, 0)
    assert tree.calls.read_text().endswith(f"-- {UNIT} mongod.service\n")


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (FAILED, "exited with code 1"),
        ({**FAILED, "result": "signal", "code": 2, "status": 9}, "killed by signal 9 (SIGKILL)"),
        ({**FAILED, "result": "core-dump", "code": 3, "status": 6}, "killed by signal 6 (SIGABRT), core dumped"),
        (
            {**FAILED, "result": "oom-kill", "code": 2, "status": 9},
            "killed by signal 9 (SIGKILL) for want of memory (OOM)",
        ),
        (
            {**FAILED, "result": "watchdog", "code": 3, "status": 6},
            "killed by signal 6 (SIGABRT), core dumped by the watchdog",
        ),
        (WAITING, "killed by signal 9 (SIGKILL)"),
    ],
)
def test_a_unit_that_failed_has_crashed_in_words(tree, seen, words):
    """Exit code or signal, as systemd knows it; told once for each invocation."""
    told, up, _ = units_seen(tree, {}, seen, seen)
    assert told == [f"{UNIT} {words}"]
    assert up == 0


@pytest.mark.parametrize(
    "seen",
    [
        {"active": "inactive", "sub": "dead"},
        {"active": "deactivating", "sub": "stop-sigterm"},
        {**FAILED, "status": 143},
    ],
)
def test_a_unit_that_was_stopped_has_not_crashed(tree, seen):
    """Systemctl stop, also of a program that answers SIGTERM with 143, is no crash."""
    assert units_seen(tree, {}, seen)[:2] == ([], 0)


def test_what_had_failed_before_the_daemon_looked_is_old_news(tree):
    """First boot beside a failed unit: down, no event; started and failed again: one."""
    assert units_seen(tree, FAILED)[0] == []
    assert len(units_seen(tree, FAILED, {"invocation": "b"}, {**FAILED, "invocation": "b"})[0]) == 1


def test_a_crash_that_systemd_repaired_between_two_polls_is_seen(tree):
    """NRestarts tells; several at once are two events, and all are counted."""
    told, up, restarts = units_seen(tree, {}, {"invocation": "b", "restarts": 1})
    assert told == [f"{UNIT} ended; its exit code was not seen; systemd restarted it"]
    assert (up, restarts) == (1, 1)
    told, _, restarts = units_seen(tree, {}, {"invocation": "d", "restarts": 3})
    assert len(told) == 2
    assert restarts == 3


def test_a_crash_is_told_once_although_it_is_seen_twice(tree):
    """Seen waiting for its restart, then restarted: one crash, one restart."""
    told, up, restarts = units_seen(tree, {}, WAITING, {"invocation": "b", "restarts": 1})
    assert told == [f"{UNIT} killed by signal 9 (SIGKILL)"]
    assert (up, restarts) == (1, 1)


def test_crashes_after_a_restart_by_hand_are_seen(tree):
    """NRestarts counts from 0 again: a new version that crashed and was repaired before we looked has crashed."""
    told, up, restarts = units_seen(tree, {"restarts": 5}, {"invocation": "c", "restarts": 1})
    assert told == [f"{UNIT} restarted once by systemd meanwhile"]
    assert (up, restarts) == (1, 2)


def test_a_restart_by_hand_is_counted_and_no_crash(tree):
    """Systemctl restart sets NRestarts to 0 and begins a new invocation."""
    assert units_seen(tree, {"restarts": 2}, {"invocation": "b"}) == ([], 1, 1)


def test_systemd_is_asked_each_10_s_and_at_once_when_the_main_process_is_gone(tree):
    """A crash is seen at the next poll, without a process of ours each second."""
    tree.process(70, "node server.js")
    tree.answers(unit(pid=70))
    polls = Polls(tree, units=[UNIT])
    for _ in range(10):
        polls.once()
    assert tree.asked() == 1
    polls.once()
    assert tree.asked() == 2
    tree.end(70)
    tree.answers(unit(**FAILED))
    assert len(polls.crashes()) == 1
    assert tree.asked() == 3


def test_systemd_is_asked_each_second_while_a_unit_changes(tree):
    """Waiting for its restart, it is soon something else; once it is up, 10 s are enough."""
    polls = Polls(tree, units=[UNIT])
    tree.answers(unit(**WAITING))
    polls.once()
    polls.once()
    assert tree.asked() == 2
    tree.process(70, "node server.js")
    tree.answers(unit(pid=70, invocation="b", restarts=1))
    assert polls.values()["unit_up", UNIT] == 1
    polls.once()
    assert tree.asked() == 3


def test_what_systemd_said_holds_for_30_s_in_which_it_does_not_answer(tree):
    """A reload or an upgrade of systemd ends no series: it is asked again each 10 s, and forgotten only after 30."""
    tree.answers(unit())
    polls = Polls(tree, units=[UNIT])
    assert polls.values()["unit_up", UNIT] == 1
    tree.answers(code=1, complaint="Failed to get properties: Connection reset by peer")
    assert polls.values(10_000)["unit_up", UNIT] == 1
    assert polls.values(10_000)["unit_up", UNIT] == 1
    assert ("unit_up", UNIT) not in polls.values(10_000)
    tree.answers(unit())
    assert polls.values(60_000)["unit_up", UNIT] == 1


def test_without_systemd_the_machine_is_still_measured(tree):
    """No systemctl, or no systemd behind it: one line says why, units are absent, all else is there."""
    for arrange in (
        lambda: None,
        lambda: tree.answers({}, code=1, complaint="System has not been booted with systemd"),
    ):
        arrange()
        polls = Polls(tree, units=[UNIT])
        for _ in range(3):
            found = polls.values(30_000)
        assert ("system_memory_used_ratio",) in found
        assert not [key for key in found if key[0].startswith("unit_")]
        assert len([line for line in polls.log.lines if line.startswith("systemd units are not watched")]) == 1


# ---------------------------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"processes": {"a": {}}}, "exactly one of command, name and pidfile"),
        ({"processes": {"a": {"name": "x", "command": "y"}}}, "exactly one of"),
        ({"processes": {"a": {"command": "  "}}}, "any process would match"),
        ({"processes": {"a": {"pidfile": "run/x.pid"}}}, "pattern"),
        ({"processes": {"a b": {"name": "x"}}}, "pattern"),
        ({"units": ["vocalcoach"]}, "full name of a unit"),
        ({"units": ["--help.service x"]}, "full name of a unit"),
        ({"units": ["a;b.service"]}, "full name of a unit"),
        ({"cgroup": "../../etc"}, "below /sys/fs/cgroup"),
        ({"cgroup": "/"}, "below /sys/fs/cgroup"),
        ({"disks": ["data"]}, "pattern"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(settings, words):
    """Each mistake is named before anything is read."""
    with pytest.raises(ValidationError, match=words):
        config(**settings)


# ------------------------------------------------------------------------------------------------------ this machine


def test_the_first_poll_of_this_machine_already_gives_processor_use():
    """Everything that any Linux has is there at once, each within its range."""
    samples = asyncio.run(system.poll(system.Config(kind="system"), context("host")))
    found = {(s.metric, *(v for _, v in s.labels)): s.value for s in samples}
    for name in ("system_cpu_ratio", "system_memory_used_ratio", "system_swap_used_ratio", "system_open_files_ratio"):
        assert 0 <= found[name,] <= 1
    assert 0 < found["system_disk_used_ratio", "/"] <= 1
    assert found["system_disk_up", "/"] == 1
    assert found["system_load1",] >= 0


def test_the_end_of_a_real_process_is_seen_at_the_next_poll(tmp_path):
    """A child that is killed is up, then gone, then an event that names it; without its parent's help."""
    pidfile = tmp_path / "api.pid"

    async def scenario():
        made = context("host")
        asked = config(processes={"api": {"pidfile": str(pidfile)}})
        child = await asyncio.create_subprocess_exec("sleep", "60")
        pidfile.write_text(str(child.pid))
        first = await system.poll(asked, made)
        child.kill()
        await child.wait()
        return first, await system.poll(asked, made)

    first, second = asyncio.run(scenario())
    assert [s.value for s in first if s.metric == "process_up"] == [1]
    (crash,) = [s for s in second if s.metric == "crash"]
    # Linux 6.15 and later tell how it ended; older ones only that it did.
    assert crash.text in {"api killed by signal 9 (SIGKILL)", "api ended; its exit code was not seen"}


def test_the_poll_leaves_the_loop_to_others():
    """Polls of this machine with a process to find take a few milliseconds of processor time at most."""

    async def scenario():
        made, asked = context("host"), config(disks=None, processes={"tests": {"command": "pytest"}})
        await system.poll(asked, made)
        began = time.process_time()
        for _ in range(50):
            await system.poll(asked, made)
        return (time.process_time() - began) / 50

    # A guard against walking /proc or starting a process each time, not a benchmark: bench/ measures.
    assert asyncio.run(scenario()) < 0.02
