# SPDX-License-Identifier: BSD-2-Clause
"""Somebody takes the stage device away, or down, or any of our programs there, or what cuts segment trains: it is noticed
within a second or so and mended, the taps stay, and what was lost meanwhile is counted.  Where nothing can cut trains, copies of
them pass the device, and none is lost."""

import json
import socket
import struct
import threading
import time

import pytest
from rig import lab_ask, lab_command, udp_packet, until

UDP_SEGMENT = 103
WAITS = 8.0  # seconds until it may be mended, time enough on a busy machine to ask for something
NOTICED, MENDED = 3.0, 20.0  # seconds; one that ends again and again the lab starts again after two of them only


def link(rig, name):
    found = rig.run("router", "ip", "-j", "link", "show", name, check=False).stdout
    return json.loads(found)[0] if found.strip() else None


def disciplines(rig):
    """What cuts trains, and how many filters each has."""
    said = rig.run("router", "tc", "-j", "qdisc", "show", "dev", "ftap0", check=False).stdout
    found = []
    for q in json.loads(said or "[]"):
        if q["kind"] != "clsact":
            filters = rig.run("router", "tc", "-j", "filter", "show", "dev", "ftap0", "parent", q["handle"], check=False)
            found.append((q["kind"], q["handle"], q.get("parent"), filters.stdout.count("tap_segment")))
    return sorted(found, key=str)


def state(rig):
    """All that has to be as it was."""
    ends = [link(rig, name) for name in ("ftap0", "ftap1")]
    return [bool(e and "UP" in e["flags"]) for e in ends], disciplines(rig)


def said(rig):
    return rig.log().count("starting anew to mend it")


STAGE = "/run/flowtap/bpf/"
TAKEN = [
    ("ip", "link", "del", "ftap0"), ("ip", "link", "del", "ftap1"), ("ip", "link", "set", "ftap0", "down"),
    ("ip", "link", "set", "ftap1", "down"), ("tc", "qdisc", "del", "dev", "ftap0", "root"),
    ("tc", "qdisc", "replace", "dev", "ftap0", "root", "pfifo"),
    ("tc", "qdisc", "replace", "dev", "ftap0", "parent", "1:1", "pfifo"),
    ("tc", "qdisc", "replace", "dev", "ftap0", "parent", "2:1", "pfifo"),
    ("tc", "filter", "del", "dev", "ftap0", "parent", "3:")]


@pytest.mark.parametrize("argv", TAKEN, ids=" ".join)
def test_stage_device_is_mended(rig, argv):
    port = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, bytes(1472))  # it needs the device
    before = state(rig)
    with rig.session() as s:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
    with rig.sniffer("mediation", keep=lambda d: len(d) < 1500 and d[9] == 17) as copies, \
            rig.injector("subscriber") as inject:
        inject(packet)
        copies.wait(1)
        told = said(rig)
        rig.run("router", *argv)
        until("it was noticed", lambda: said(rig) > told, NOTICED)
        until("it is whole again", lambda: state(rig) == before, MENDED)
        got = len(copies.got)
        until("copies leave as before", lambda: inject(packet) or len(copies.got) > got, MENDED)
    until("the daemon answers", lambda: rig.answered())
    rig.account_closed()


@pytest.mark.parametrize("pin,size", [("stage_out", 64), ("stage_out", 1472), ("stage_in", 1472)])
def test_program_of_the_stage_device_is_mended(rig, pin, size):
    """The link of each program is taken off by hand, or its pin removed, and copies that need it come again."""
    if rig.show()["attach"] != "tcx":
        pytest.skip("with clsact there are no links")
    port = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, bytes(size))
    keep = (lambda d: len(d) < 1500 and d[9] == 17)
    with rig.session() as s:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
    with rig.sniffer("mediation", keep=keep) as copies, rig.injector("subscriber") as inject:
        inject(packet)
        copies.wait(1)
        told, dataplane = said(rig), rig.processes()["dataplane"]
        rig.router("bpftool", "link", "detach", "pinned", STAGE + pin)
        until("it was noticed", lambda: said(rig) > told, NOTICED)
        until("it is mended", lambda: rig.processes()["dataplane"] not in ([], dataplane), MENDED)
        got = len(copies.got)
        until("copies leave as before", lambda: inject(packet) or len(copies.got) > got, MENDED)
    until("the daemon answers", lambda: rig.answered())
    rig.account_closed()


def test_program_that_answers_is_mended(rig):
    """The one that hears that copies have left the queue that they share with forwarded packets."""
    if rig.show()["attach"] != "tcx":
        pytest.skip("with clsact there are no links")
    told, dataplane = said(rig), rig.processes()["dataplane"]
    rig.router("bpftool", "link", "detach", "pinned", STAGE + "stage_back")
    until("it was noticed", lambda: said(rig) > told, NOTICED)
    until("it is mended", lambda: rig.processes()["dataplane"] not in ([], dataplane), MENDED)
    until("the daemon answers", lambda: rig.answered())


def test_who_only_asks_changes_nothing(rig):
    """The kernel tells of each discipline that is asked for, as if it were new: an ordinary user can do that."""
    before = rig.processes()["dataplane"]
    asked = ("import socket, struct, time\n"
             "i = socket.if_nametoindex('ftap0')\n"
             "s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\n"
             "for n in range(20):\n"
             "    s.send(struct.pack('=IHHIIBxxxiIII', 36, 38, 1, n, 0, 0, i, 0x10000, 0xffffffff, 0))\n"
             "    time.sleep(0.1)\n")
    rig.run("router", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", asked)
    assert rig.processes()["dataplane"] == before


def train(rig, port, segments=8):
    """Segments of one train, none of which fits the content link with a second header."""
    def make():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((rig.addr("subscriber"), 0))
        return s

    with rig.inside("subscriber", make) as s:
        s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1472)
        s.sendto(b"".join(bytes([n]) * 1472 for n in range(segments)), (rig.addr("internet"), port))
    return segments


def test_nothing_can_cut_trains(rig):
    """As on a kernel without these disciplines: an interface of one queue cannot have an mq.  The daemon says so, goes
    on, and copies of trains are whole and in order."""
    lab_ask(rig, "stop")
    rig.run("router", "ip", "link", "del", "ftap0")
    rig.run("router", "ip", "link", "add", "ftap0", "numtxqueues", "1", "type", "veth", "peer", "name", "ftap1")
    lab_command("start", "--name", rig.name)
    try:
        assert not [d for d in disciplines(rig) if d[0] in ("mq", "tbf", "htb")]
        assert "nothing can cut segment trains on ftap0" in rig.log()
        before = rig.processes()["dataplane"]
        port, content = rig.port(), rig.port()
        with rig.session() as s, rig.receiver("mediation", content) as copies:
            s.add(source_address=rig.addr("subscriber"), protocol="17", dest_port=port, **rig.destination(content))
            for _ in range(20):
                train(rig, port)
            copies.wait(160)
            packets = [c[28:] for c in copies.got]
        assert [p[0] for p in packets] == 20 * list(range(8)) and {p for p in packets} == {p[:1] * 1472 for p in packets}
        rig.account_closed()
        assert rig.processes()["dataplane"] == before
    finally:
        lab_ask(rig, "stop")
        rig.run("router", "ip", "link", "del", "ftap0")
        lab_command("start", "--name", rig.name)
    assert [d for d in disciplines(rig) if d[0] == "mq"]


def change_control(rig, change):
    """What the kernel programs are told, by struct tap_ctl."""
    path = "/run/flowtap/bpf/maps/ft_ctl"
    row, = json.loads(rig.router("bpftool", "-j", "map", "dump", "pinned", path))
    value = bytearray(int(b, 16) for b in row["value"])
    change(value)
    rig.router("bpftool", "map", "update", "pinned", path, "key", "0", "0", "0", "0", "value", *map(str, value))


def mended_often(seconds):
    """Its last field: as if it had been mended so often that it may be once more after so many seconds."""
    due = 0 if seconds is None else time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int((95 + seconds) * 1e9)

    def change(value):
        value[-8:] = struct.pack("=Q", due)
    return change


def test_taken_away_again_and_again(rig):
    """By a script that has never heard of it.  Sessions are not ended each second, since by them taps are stopped, and
    it is mended all the same, later."""
    port = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, bytes(1472))
    keep = (lambda d: len(d) < 1500 and d[9] == 17)
    with rig.session() as s, rig.sniffer("mediation", keep=keep) as copies, rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        inject(packet)
        copies.wait(1)
        dataplane, told = rig.processes()["dataplane"], rig.log().count("again and again")
        change_control(rig, mended_often(WAITS))
        begun = time.monotonic()
        rig.run("router", "ip", "link", "del", "ftap0")
        until("it is said", lambda: rig.log().count("again and again") == told + 1, NOTICED)
        second = s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        assert s.ask("DELETE", f"Criteria-ID: {second}", "Flags: STATIC").code == 200
        assert rig.processes()["dataplane"] == dataplane and time.monotonic() - begun < WAITS
        got = len(copies.got)
        until("copies leave as before", lambda: inject(packet) or len(copies.got) > got, WAITS + MENDED)
        assert time.monotonic() - begun > WAITS and rig.processes()["dataplane"] != dataplane
        assert rig.log().count("again and again") == told + 1
    until("the daemon answers", lambda: rig.answered())
    rig.account_closed()
    change_control(rig, mended_often(None))


def test_a_start_succeeds_while_it_is_taken_away(rig):
    """The kernel takes its time to check the programs; a start that fails makes the next one wait."""
    before, over = state(rig), threading.Event()
    failed = rig.log().count("cannot start")
    change_control(rig, mended_often(WAITS))

    def run():
        while not over.wait(0.2):
            rig.run("router", "ip", "link", "del", "ftap0", check=False)
    taker = threading.Thread(target=run)
    taker.start()
    try:
        lab_command("restart", "--name", rig.name)
        assert rig.answered()
    finally:
        over.set()
        taker.join()
    assert rig.log().count("cannot start") == failed
    until("it is whole again", lambda: state(rig) == before and rig.answered())
    change_control(rig, mended_often(None))


def older(value):
    """The tables say that a program of another version made them."""
    value[0] -= 1


def many_queues(rig, _attach):
    rig.run("router", "ip", "link", "del", "ftap0")
    rig.run("router", "ip", "link", "add", "ftap0", "numtxqueues", "64", "numrxqueues", "64", "type", "veth", "peer", "name",
            "ftap1", "numtxqueues", "64", "numrxqueues", "64")
    for end in "ftap0", "ftap1":
        rig.run("router", "ip", "link", "set", end, "up")


def other_places(rig, attach):
    rig.run("router", "tc", "qdisc", "del", "dev", "ftap0", "root")
    if attach == "tcx":
        rig.router("sh", "-c", f"cd {STAGE} && mv stage_in x && mv stage_back stage_in && mv x stage_back")


@pytest.mark.parametrize("left", [many_queues, other_places], ids=lambda f: f.__name__)
def test_what_another_version_left(rig, left):
    """An upgrade: another stage device, links by the same names elsewhere, tables that cannot be taken over.  All of it is made
    anew, what is stored is tapped, and no packet of anybody is lost meanwhile."""
    port, content = rig.port(), rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, port, bytes(1472))
    before = state(rig)
    attach = rig.show()["attach"]
    with rig.session() as s:
        s.add(source_address=rig.addr("subscriber"), protocol="17", dest_port=port, **rig.destination(content))
    with rig.receiver("mediation", content) as copies, rig.receiver("internet", port) as forwarded, \
            rig.injector("subscriber") as inject:
        inject(packet)
        copies.wait(1)
        lab_ask(rig, "stop")
        left(rig, attach)
        change_control(rig, older)
        sent, over = [1], threading.Event()

        def run():
            while not over.wait(0.002):
                inject(packet)
                sent[0] += 1
        sender = threading.Thread(target=run)
        sender.start()
        try:
            lab_command("start", "--name", rig.name)
            got = len(copies.got)
            until("copies leave as before", lambda: len(copies.got) >= got + 100)
        finally:
            over.set()
            sender.join()
        forwarded.wait(sent[0])
        _, made, _ = rig.account_closed()
        until("no copy twice, and none without an account", lambda: len(copies.got) >= 1 + made)
    assert len(forwarded.got) == sent[0] and set(copies.got) == {packet}
    assert state(rig) == before
