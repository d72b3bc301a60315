# SPDX-License-Identifier: BSD-2-Clause
"""What ends a tap works whatever the disk does: full, read-only; and what could not be recorded is recorded late."""

import collections
import contextlib
import json
import os
import subprocess

import pytest
from rig import BIN, Rig, dtcp, lab_command, lab_name, udp_packet, until
from test_audit import export, flowtap


@pytest.fixture
def disk_rig(tmp_path, request):
    """A lab whose state is on a file system of 3 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=711", "tmpfs", disk], check=True)
    os.chmod(tmp_path, 0o711)
    lab = None
    try:
        (disk / "state").mkdir()
        lab = Rig(lab_name("pytest-disk"), "--state", str(disk / "state"))
        request.node.rig, request.node.log_sizes = lab, collections.Counter()
        yield lab, disk
    finally:
        if lab:
            lab.down()
        subprocess.run(["umount", "-l", disk], check=True)


def fill(disk):
    with open(disk / "ballast", "ab", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(bytes(4096))


def fill_up(rig, disk):
    """Until it is found to be full: the database's log, when it is emptied, makes room behind the ballast."""
    def full():
        fill(disk)
        return raised(rig, "disk-full")
    until("the alarm", full, 10)


def remount(disk, how):
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


def state(rig):
    return json.loads(flowtap(rig, "-j", "show", "services", "flow-tap").stdout)


def raised(rig, kind):
    events = json.loads(flowtap(rig, "-j", "show", "services", "flow-tap", "events").stdout)["events"]
    mine = [x["severity"] for x in events if x["kind"] == kind]
    return bool(mine) and mine[-1] == "alarm"


def record(rig):
    return [json.loads(x) for x in export(rig).splitlines()]


def prove(rig, tmp_path):
    head = json.loads(flowtap(rig, "-j", "audit", "head").stdout)
    path = tmp_path / "record.jsonl"
    path.write_text(export(rig))
    argv = [f"{BIN}/src/flowtap/flowtap", "audit", "verify", "--key", head["key"], path]
    r = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stdout + r.stderr


class Tap:
    """Traffic of one subscriber address, and whether it is copied."""

    def __init__(self, rig, host, receiver, inject):
        self.rig, self.content, self.inject, self.n = rig, receiver, inject, 0
        self.host = host

    def send(self):
        self.n += 1
        packet = udp_packet(self.host, self.rig.addr("internet"), 1, 9, b"%d" % self.n)
        self.inject(packet)
        return packet


def copied(tap, others):
    """Whether a packet of this tap is copied: one that is, of another, comes behind it and is waited for."""
    mine, marker = tap.send(), others.send()
    until("the marker's copy", lambda: marker in tap.content.got)
    return mine in tap.content.got


def ask_gone(s, number):
    return s.ask("DELETE", f"Criteria-ID: {number}", "Flags: STATIC").code


def test_taps_end_on_a_disk_that_takes_nothing(disk_rig, tmp_path):
    """ADD and LIST are refused and say why; DELETE works, over a restart, too, and is on record at once."""
    rig, disk = disk_rig
    port = rig.port()
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        taps = [Tap(rig, f"198.51.100.{i}", content, inject) for i in range(101, 106)]
        with rig.session() as s:
            ids = [s.add(source_address=t.host, **rig.destination(port)) for t in taps]
            assert copied(taps[0], taps[4])
            fill_up(rig, disk)
            assert state(rig)["disk"]["state"] == "full"
            lines = dtcp.add_lines(source_address="198.51.100.9", **rig.destination(port))
            for verb, words in ("ADD", lines), ("LIST", ()):
                reply = s.ask(verb, *words)
                assert reply.code == 500 and "disk" in reply.get("X-REASON"), reply
            assert s.ask("NOOP").code == 200
            assert ask_gone(s, ids[0]) == 200
            assert ask_gone(s, ids[0]) == 431, "it is gone for whoever asks again"
            assert not copied(taps[0], taps[4])
        with rig.session() as s:  # a new one opens, too
            assert ask_gone(s, ids[1]) == 200
        assert not copied(taps[1], taps[4])
        lab_command("restart", "--name", rig.name)
        assert not copied(taps[0], taps[4]) and not copied(taps[1], taps[4]) and copied(taps[2], taps[4])
        with rig.session() as s:
            assert ask_gone(s, ids[2]) == 200
        assert not copied(taps[2], taps[4])
        os.unlink(disk / "ballast")
        until("the end of the alarm", lambda: state(rig)["disk"]["state"] in ("ok", "nearly-full"), 15)
        until("what is owed", lambda: state(rig)["disk"]["lines-owed"] == 0, 15)
        with rig.session() as s:
            assert [x["CRITERIA-ID"] for x in s.ask("LIST").entries()] == [str(ids[3]), str(ids[4])]
            s.add(source_address="198.51.100.9", **rig.destination(port))
            assert copied(Tap(rig, "198.51.100.9", content, inject), taps[4])
    lines = record(rig)
    gone = [x for x in lines if x["kind"] == "delete" and x["code"] == 200]
    assert [x["ids"] for x in gone] == [str(x) for x in ids[:3]]
    assert not any("late" in x for x in gone)
    assert all(x["late"] <= x["time"] for x in lines if "late" in x)
    refused = [x for x in lines if x["kind"] in ("add", "list") and x["code"] == 500]
    assert [x["kind"] for x in refused] == ["add", "list"] and all("late" in x and "disk" in x["reason"] for x in refused)
    prove(rig, tmp_path)


def test_a_limit_waits(disk_rig):
    """A limit that is to be raised takes nothing of the reserve and fills no log; it is raised when there is room."""
    rig, disk = disk_rig
    port, given = rig.port(), 256
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        tap = Tap(rig, "198.51.100.101", content, inject)
        with rig.session() as s:
            lines = dtcp.add_lines(source_address=tap.host, **rig.destination(port))
            lines.remove("Flags: STATIC")
            assert s.ask("ADD", *lines, "Timeout-Packets: 1000").code == 200
        fill_up(rig, disk)
        reserve = state(rig)["disk"]["reserve-bytes"]
        assert reserve > 0
        r = flowtap(rig, "audit", "archive", "1:" + "0" * 64, check=False)  # it would need lines, which are for ends
        assert (r.returncode, r.stderr) == (1, "flowtap: the router's disk is full\n")
        for _ in range(given + 1):
            last = tap.send()
        content.wait(given)
        until("what waits is counted", lambda: state(rig)["losses"]["timeout-grant"] > 0)
        assert state(rig)["disk"]["reserve-bytes"] == reserve and last not in content.got
        with open(rig.info["logs"] + "/flowtapd.log") as f:
            assert "limits of criteria" not in f.read()
        os.unlink(disk / "ballast")

        def goes_on():
            tap.send()
            return len(content.got) > given
        until("it is raised", goes_on, 15)


def test_start_on_a_read_only_disk(disk_rig, tmp_path):
    """A start that can't write comes up, keeps taps, ends them, and forgets no end over another such start."""
    rig, disk = disk_rig
    port = rig.port()
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        taps = [Tap(rig, f"198.51.100.{i}", content, inject) for i in range(101, 105)]
        with rig.session() as s:
            ids = [s.add(source_address=t.host, **rig.destination(port)) for t in taps]
        lab_command("stop", "--name", rig.name)
        remount(disk, "ro")
        for i in range(2):
            lab_command("start", "--name", rig.name)
            until("the alarm", lambda: raised(rig, "disk-full"), 10)
            assert state(rig)["disk"]["state"] == "read-only"
            count = {x["agency"]: x["criteria"] for x in state(rig)["agencies"]}
            assert count["lea1"] == 4 - i, "what is gone does not count"
            with rig.session() as s:
                lines = dtcp.add_lines(source_address="198.51.100.9", **rig.destination(port))
                for verb, words in ("ADD", lines), ("LIST", ()):
                    reply = s.ask(verb, *words)
                    assert reply.code == 500 and "written" in reply.get("X-REASON"), reply
                assert copied(taps[i], taps[3])
                assert ask_gone(s, ids[i]) == 200
                assert ask_gone(s, ids[i]) == 431, "it is gone for whoever asks again"
                none = s.ask("DELETE", f"Criteria-ID: {ids[i]}-{ids[i]}", "Flags: STATIC")
                assert none.code == 200 and none.get("CRITERIA-COUNT") == "0", none
            assert not copied(taps[i], taps[3])
            lab_command("stop", "--name", rig.name)
            assert not copied(taps[i], taps[3])
            with open(f"/proc/{rig.info['init']}/root/run/flowtap/owed", "ab") as f:
                f.write(b"\0\0\1\0half")  # as if killed while a line was written
        remount(disk, "rw")
        lab_command("start", "--name", rig.name)
        assert not copied(taps[0], taps[3]) and not copied(taps[1], taps[3]) and copied(taps[2], taps[3])
        until("what is owed", lambda: state(rig)["disk"]["lines-owed"] == 0, 15)
        with rig.session() as s:
            assert [x["CRITERIA-ID"] for x in s.ask("LIST").entries()] == [str(ids[2]), str(ids[3])]
    gone = [x for x in record(rig) if x["kind"] == "delete" and x["code"] == 200 and "ids" in x]
    assert [x["ids"] for x in gone] == [str(ids[0]), str(ids[1])]
    assert all(x["late"] < x["time"] for x in gone)
    assert [x["kind"] for x in record(rig) if "late" in x].count("start") == 2
    prove(rig, tmp_path)


def test_everything_can_be_removed(disk_rig):
    """flowtapd stopped and --remove on a disk that is full and read-only: nothing is copied any more."""
    rig, disk = disk_rig
    port = rig.port()
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        tap = Tap(rig, "198.51.100.101", content, inject)
        with rig.session() as s:
            s.add(source_address=tap.host, **rig.destination(port))
        tap.send()
        content.wait(1)
        fill(disk)
        lab_command("stop", "--name", rig.name)
        remount(disk, "ro")
        tap.send()
        content.wait(2)
        rig.router("flowtapd", "--remove")
        assert not os.path.exists("/sys/class/net/ftap0") and "ftap0" not in rig.router("ip", "-br", "link")
        with rig.receiver("internet", 9) as through:
            tap.send()
            through.wait(1)  # it went on its way
        remount(disk, "rw")
    assert len(content.got) == 2
