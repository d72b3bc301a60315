# SPDX-License-Identifier: BSD-2-Clause
"""Whatever is done to the wall's clock, nothing is copied past its authority's end, and what ended does not come back.

The clock of the lab's router is set by a library that all its programs load (tests/lib/clock_set.c)."""

import contextlib
import itertools
import json
import os
import re
import shutil
import struct
import time
import uuid

import pytest
from fakectl import JSON
from rig import BIN, lab_ask, lab_command, udp_packet, until
from test_audit import flowtap, head, since
from test_commit import Conf
from test_commit_more import raw
from test_timeouts import add
from test_warrant import ALICE, BOB, approve, ask_add, enter, officer, order, printed, reason, strict, text  # noqa: F401

HOUR = 3600
BOOT_ID = "/proc/sys/kernel/random/boot_id"
SOON = 20  # seconds, on a busy machine: it is looked at the clock once in each
LOOK = 1.5  # seconds until a clock that drifts by little is judged again
NEXT = itertools.count(1)


class Wall:
    """The router's clock, off by so many seconds."""

    def __init__(self, rig):
        self.rig, self.dir, self.off = rig, rig.info["dir"] + "/etc", 0
        self.root = f"/proc/{rig.info['init']}/root"

    def set(self, seconds):
        """The file stays the one that is mapped."""
        self.off = seconds
        with open(self.dir + "/clock-set", "r+b") as f:
            f.write(struct.pack("=q", seconds * 1000000000))

    def boot_id(self):
        path = self.dir + "/boot-id"
        with open(path, "w") as f:
            f.write(f"{uuid.uuid4()}\n")
        self.rig.router("mount", "--bind", "/etc/flowtap/boot-id", BOOT_ID)

    @contextlib.contextmanager
    def stopped(self, boot=False):
        """No daemon; boot: the kernel's tables are gone too, and it is another boot."""
        lab_ask(self.rig, "stop")
        until("the daemon's end", lambda: not self.rig.processes()["parent"], 20)
        if boot:
            lab_command("exec", "--name", self.rig.name, "router", "flowtapd", "--remove")
            self.boot_id()
        yield
        lab_command("restart", "--name", self.rig.name)


@pytest.fixture
def wall(rig):
    w = Wall(rig)
    with open(w.dir + "/clock-set", "wb") as f:
        f.write(bytes(8))
    shutil.copy(f"{BIN}/tests/libclock_set.so", w.dir)
    with open(w.root + "/etc/ld.so.preload", "w") as f:
        f.write("/etc/flowtap/libclock_set.so\n")
    lab_command("restart", "--name", rig.name)
    yield w
    w.set(0)
    officer(rig, BOB, "accept-clock", check=False)
    os.unlink(w.root + "/etc/ld.so.preload")
    while lab_command("exec", "--name", rig.name, "router", "umount", BOOT_ID, check=False).returncode == 0:
        pass
    lab_command("restart", "--name", rig.name)


class Tap:
    """lea1's by a warrant, of the subscriber; lea2's without, on the same packets, to the same receiver."""

    def __init__(self, rig, content, inject, port):
        self.rig, self.content, self.inject, self.port = rig, content, inject, port

    def add(self, *lines):
        with self.rig.session() as s:
            return reason(ask_add(self.rig, s, self.port, *lines))

    def listed(self):
        with self.rig.session() as s:
            return len(s.ask("LIST").entries())

    def copied(self):
        """Whether lea1 gets what passes now: copies of one packet are all there when the next one's is."""
        one, two = (b"packet %d." % next(NEXT) for _ in range(2))
        for mark in one, two:
            self.inject(udp_packet(self.rig.addr("subscriber"), self.rig.addr("internet"), 1, 9, mark))
        until("a copy for lea2", lambda: any(two in p for p in list(self.content.got)))
        return sum(one in p for p in list(self.content.got)) == 2

    def ends(self, timeout=SOON):
        until("the end of the tap", lambda: not self.copied(), timeout)


@pytest.fixture
def tap(rig, wall):
    port = 7000 + next(NEXT) % 999
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        yield Tap(rig, content, inject, port)


def both(rig, tap):
    """lea1's is added first: its copies leave first."""
    assert tap.add()[0] == 200
    with rig.session("lea2") as s:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(tap.port))
    assert tap.copied()


def alarm(rig, kind):
    shown = json.loads(flowtap(rig, "-j", "show", "system", "alarms").stdout)["alarms"]
    return next((x["text"] for x in shown if x["kind"] == kind), None)


def told(rig, mark, kind):
    return [x["reason"] for x in since(rig, mark) if x["kind"] == kind]


def test_a_clock_that_is_set_right_later(rig, strict, wall, tap):  # noqa: F811
    """The machine's clock is behind when all begins, as before NTP: once it is right, so is the end."""
    mark = head(rig)
    wall.set(-HOUR)
    until("it is told", lambda: told(rig, mark, "clock-set"), SOON)
    officer(rig, BOB, "accept-clock")  # nothing knows better now
    end = int(time.time()) + 25
    order(rig, strict, start=-2 * HOUR, end=end)
    both(rig, tap)
    wall.set(0)
    until("it is told", lambda: told(rig, mark, "clock-set")[1:], SOON)
    back, forward = told(rig, mark, "clock-set")
    assert re.search(r"set back by (3600|3599\.9)", back) and re.search(r"set forward by (3600|3599\.9)", forward)
    while time.time() < end:
        assert tap.copied() or time.time() >= end
    time.sleep(max(0, end + LOOK - time.time()))
    assert not tap.copied()
    until("its end in the store", lambda: tap.listed() == 0, SOON)


def test_a_boot_with_a_clock_behind(rig, strict, wall, tap):  # noqa: F811
    """What the finding did: new tables, another boot, and a clock that is an hour behind until it is set."""
    end = int(time.time()) + 60
    order(rig, strict, end=end)
    both(rig, tap)
    with wall.stopped(boot=True):
        wall.set(-HOUR)
    for _ in range(5):
        assert not tap.copied(), "nobody knows whether its end is past"
    assert tap.add() == (432, "the router does not know what time it is")
    assert tap.listed() == 1, "it has not ended"
    assert "what has an end waits" in until("the alarm", lambda: alarm(rig, "clock-behind"), SOON)
    with wall.stopped():
        pass
    assert not tap.copied(), "nor does the next daemon"
    wall.set(0)
    until("it goes on", tap.copied, SOON)
    until("the alarm's end", lambda: alarm(rig, "clock-behind") is None, SOON)
    time.sleep(max(0, end + LOOK - time.time()))
    assert not tap.copied()
    until("its end in the store", lambda: tap.listed() == 0, SOON)


def test_a_clock_from_a_file(rig, strict, wall, tap):  # noqa: F811
    """As timesyncd has it after a boot, some time behind: no tap waits for it, and time does not go back."""
    order(rig, strict)
    both(rig, tap)
    with wall.stopped(boot=True):
        wall.set(-60)
    assert tap.copied()
    assert tap.add()[0] == 200
    end = int(time.time()) + 10
    paper = printed(enter(rig, ALICE, text(strict + "-b", end=end)))
    approve(rig, BOB, "lea1", strict + "-b", paper)
    assert tap.add(f"X-Warrant-Id: {strict}-b")[0] == 200
    until("its end", lambda: tap.listed() == 2, end - time.time() + SOON)


@pytest.mark.parametrize("how", ["daemon", "boot", "file lost"])
def test_put_back_revives_nothing(rig, strict, wall, tap, how):  # noqa: F811
    mark = head(rig)
    order(rig, strict)
    both(rig, tap)
    wall.set(2 * HOUR)
    tap.ends()
    until("its end in the store", lambda: tap.listed() == 0, SOON)
    wall.set(0)
    until("it is told", lambda: told(rig, mark, "clock-set")[1:], SOON)
    assert tap.add(f"X-Warrant-Id: {strict}") == (432, "the warrant has ended")
    if how != "daemon":
        with wall.stopped(boot=how == "boot"):
            if how == "file lost":
                os.unlink(rig.info["dir"] + "/state/clock")
    else:
        with wall.stopped():
            pass
    if how != "file lost":  # without it nobody knows but the record, whose last line is of the right time
        assert tap.add(f"X-Warrant-Id: {strict}")[0] == 432
        assert alarm(rig, "clock-behind") or until("the alarm", lambda: alarm(rig, "clock-behind"), SOON)
    assert not tap.copied() and tap.listed() == 0


def test_an_officer_accepts_the_clock(rig, strict, wall, tap):  # noqa: F811
    """Far ahead for a moment: what ended stays so, for good; what is ordered anew is tapped once an officer has said
    that the clock is right."""
    mark = head(rig)
    order(rig, strict)
    both(rig, tap)
    r = officer(rig, BOB, "accept-clock", check=False)
    assert r.returncode == 1 and "not behind" in r.stderr
    wall.set(73 * 365 * 24 * HOUR)
    tap.ends()
    wall.set(0)
    until("the alarm", lambda: alarm(rig, "clock-behind"), SOON)
    paper = printed(enter(rig, ALICE, text(strict + "-new")))
    r = approve(rig, BOB, "lea1", strict + "-new", paper, check=False)
    assert r.returncode == 1 and "it has ended" in r.stderr
    r = flowtap(rig, "warrant", "accept-clock", user=("--reuid", str(BOB), "--regid", str(BOB)), check=False)
    assert r.returncode == 3 and "officers" in r.stderr
    officer(rig, BOB, "accept-clock")
    until("the alarm's end", lambda: alarm(rig, "clock-behind") is None, SOON)
    assert tap.add(f"X-Warrant-Id: {strict}") == (432, "the warrant was revoked")
    order(rig, strict + "-anew")
    assert tap.add(f"X-Warrant-Id: {strict}-anew")[0] == 200
    assert tap.copied()
    accepted, = (x for x in since(rig, mark) if x["kind"] == "clock-accepted")
    assert accepted["uid"] == BOB and int(accepted["reason"].split(": ")[-1]) >= 2, accepted
    with wall.stopped(boot=True):
        pass
    assert tap.copied() and tap.add(f"X-Warrant-Id: {strict}")[0] == 432
    officer(rig, BOB, "revoke", "lea1", strict + "-anew")


def test_the_kernel_tells_that_it_was_set(rig):
    """Nobody waits for the next look: a timer of the engine's is cancelled then."""
    fds = f"/proc/{rig.processes()['engine'][0]}/fd"
    timers = [n for n in os.listdir(fds) if os.readlink(f"{fds}/{n}") == "anon_inode:[timerfd]"]
    told = []
    for n in timers:
        with open(f"{fds}info/{n}") as f:
            told.append(dict(line.strip().split(": ", 1) for line in f if ": " in line))
    assert ("0", "03") in [(t["clockid"], t["settime flags"]) for t in told], "the wall's clock, absolute, cancelled when set"


def test_set_while_nobody_looks(rig, strict, wall, tap):  # noqa: F811
    """The kernel keeps the end that it was given; the next daemon begins with the clock as it is."""
    mark = head(rig)
    order(rig, strict)
    both(rig, tap)
    with wall.stopped():
        wall.set(2 * HOUR)
        assert tap.copied()
    assert not tap.copied()
    assert any("set forward by" in x for x in told(rig, mark, "clock-set"))
    until("its end in the store", lambda: tap.listed() == 0, SOON)


def test_a_start_that_moves(rig, strict, wall, tap):  # noqa: F811
    """Nothing is copied before the start either: by the clock as it is."""
    order(rig, strict, start=HOUR, end=3 * HOUR)
    assert tap.add(f"X-Warrant-Id: {strict}")[0] == 200
    with rig.session("lea2") as s:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(tap.port))
    assert not tap.copied()
    wall.set(2 * HOUR)
    until("its start", tap.copied, SOON)
    wall.set(0)
    tap.ends()
    assert tap.listed() == 1


def test_how_long_is_not_until_when(rig, wall, tap):
    """Timeout-Total is so many seconds: no clock that is set makes more or fewer of them; after a boot it is a moment."""
    with rig.session() as s:
        for seconds in 600, 1200:
            add(rig, s, tap.port, f"Timeout-Total: {seconds}")
    wall.set(900)
    time.sleep(3)
    assert tap.listed() == 2
    with wall.stopped(boot=True):
        pass
    until("the shorter one's end", lambda: tap.listed() == 1, SOON)
    wall.set(1800)
    until("the other one's", lambda: tap.listed() == 0, SOON)


@pytest.mark.usefixtures("rewritten")
def test_commits_by_the_clock(rig, wall):
    """commit at comes when the clock does; commit confirmed is so many minutes, and after a boot until a moment."""
    conf = Conf(rig)
    before = conf.active()["text"]
    kind, said = raw(rig, f"commit at {int(time.time()) + HOUR}", conf.with_limit(17))
    assert kind == JSON, said
    wall.set(2 * HOUR)
    until("it is in force", lambda: "maximum-sessions 17;" in conf.active()["text"], SOON)
    assert conf.commit(before, "--confirmed", "60").returncode == 0
    with wall.stopped(boot=True):
        pass
    assert conf.active()["text"] == before
    wall.set(4 * HOUR)
    until("it is taken back", lambda: "maximum-sessions 17;" in conf.active()["text"], SOON)
    conf.commit(before)
