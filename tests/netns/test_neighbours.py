# SPDX-License-Identifier: BSD-2-Clause
"""What else is done on a router while it taps: interfaces that come, go and get other names."""

import contextlib
import json
import os
import re
import time

import pytest
from rig import udp_packet, until
from test_commit import Conf, conf  # noqa: F401
from test_show import ask


def named(text, *names, instances=()):
    """The configuration with these instead of all interfaces."""
    text = re.sub(r"tapped-(interfaces|routing-instances)[^;]*;", "", text)
    more = f"tapped-routing-instances [ {' '.join(instances)} ];" if instances else ""
    return text.replace("agency lea1 {", f"tapped-interfaces [ {' '.join(names)} ]; {more} agency lea1 {{", 1)


def states(rig):
    return {i["name"]: i for i in rig.show()["interfaces"]}


def lasting(rig):
    """The texts of the alarms that last."""
    said = json.loads(rig.router("flowtap", "-j", "show", "system", "alarms"))["alarms"]
    return [a["text"] for a in said if a["kind"] == "interface-not-tapped"]


def alarms(rig):
    return [x for x in ask(rig, "events")["events"] if (x["kind"], x["severity"]) == ("interface-not-tapped", "alarm")]


@contextlib.contextmanager
def interface(rig, name, *kind):
    rig.run("router", "ip", "link", "add", name, "type", *(kind or ("bridge",)))
    try:
        yield
    finally:
        rig.run("router", "ip", "link", "del", name, check=False)


def test_an_interface_that_is_not_there(rig, conf):  # noqa: F811
    """A commit warns, and then all that tells of the router does, until it is there."""
    before = conf.active()["text"]
    try:
        with interface(rig, "novrf0"):
            text = named(before, "sub0", "eth77", "eth78", instances=("vrf-x", "novrf0"))
            for options in ("--check",), ():
                said = conf.commit(text, *options).stderr
                assert "warning: not tapped until it is there: eth77: there is no such interface; eth78: " in said, said
                assert "vrf-x: there is no such routing instance" in said, said
            now = states(rig)
            assert now["sub0"]["tapped"] and not now["inet0"]["wanted"]
            for name, why in (("eth77", "there is no such interface"), ("eth78", "there is no such interface"),
                              ("vrf-x", "there is no such routing instance"),
                              ("novrf0", "there is no such routing instance")):
                assert (now[name]["wanted"], now[name]["tapped"], now[name]["why"]) == (True, False, why), now
            shown = rig.router("flowtap", "show", "services", "flow-tap")
            assert re.search(r"(?m)^ *eth77 +not tapped: there is no such interface$", shown), shown
            text, = until("the alarm", lambda: lasting(rig))
            assert all(x in text for x in ("eth77: there is no such interface", "eth78: ", "vrf-x: ", "novrf0: ")), text
            test = json.loads(rig.router("sh", "-c",
                                         "flowtap -j request services flow-tap self-test; true"))
            assert test["result"] == "broken" and test["broken"] == "interfaces tapped", test
            metrics = rig.router("curl", "-s", "--unix-socket", "/run/flowtap/metrics.sock", "http://x/metrics")
            assert 'flowtap_interface_tapped{interface="eth77"} 0' in metrics
            # Another one is told of as the first were.
            told = len(alarms(rig))
            conf.commit(named(before, "sub0", "eth77", "eth79"))
            until("the next alarm", lambda: len(alarms(rig)) > told)
            conf.commit(named(before, "sub0", "eth77"))
            until("the other one is not told of any more",
                  lambda: lasting(rig) == ["eth77: there is no such interface"])
        with interface(rig, "eth77"):
            until("it is tapped", lambda: states(rig)["eth77"]["tapped"])
            until("the alarm is over", lambda: not lasting(rig))
        until("it is missed", lambda: states(rig)["eth77"]["why"] == "there is no such interface")
    finally:
        conf.commit(before)
    until("the alarm is over", lambda: not lasting(rig))


MANY = 300


def links(rig, names, text):
    """As many interfaces as names, made or deleted in one go."""
    rig.run("router", "ip", "-batch", "-", text="".join(text.format(name) for name in names))


def recorded(rig):
    return [x for line in rig.router("flowtap", "audit", "export").splitlines() if line.startswith("{")
            and (x := json.loads(line)).get("kind") == "alarm"]


def test_many_interfaces_come_and_go(rig):
    """More news than the kernel can tell: all are known and tapped, then all forgotten, and nothing is put on record."""
    names = [f"nb{i}" for i in range(MANY)]
    before, count = len(recorded(rig)), len(rig.router("ls", "/run/flowtap/bpf/links").split())
    links(rig, names, "link add {} type bridge\n")
    try:
        until("all are tapped", lambda: sum(i["tapped"] for n, i in states(rig).items() if n in set(names)) == MANY, 60)
    finally:
        links(rig, names, "link del {}\n")
    until("all are forgotten", lambda: not set(names) & set(states(rig)), 60)
    assert len(rig.router("ls", "/run/flowtap/bpf/links").split()) == count
    # Two looks of the inventory, a second each, of what is still there: the last link has gone by now.
    rounds = len(alarms(rig)), time.monotonic()
    until("the inventory has looked", lambda: time.monotonic() > rounds[1] + 3, 5)
    assert len(recorded(rig)) == before


def test_nobody_waits_for_news(rig):
    """It may have been read with something else by the time it is looked for."""
    news = 0
    for role in "dataplane", "inventory":
        for pid in rig.processes()[role]:
            with open(f"/proc/{pid}/net/netlink") as f:
                groups = {x[9]: int(x[3], 16) for x in (line.split() for line in list(f)[1:])}
            for fd in os.listdir(f"/proc/{pid}/fd"):
                inode = os.readlink(f"/proc/{pid}/fd/{fd}").removeprefix("socket:[").removesuffix("]")
                if groups.get(inode):
                    with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                        flags = int(next(x for x in f if x.startswith("flags:")).split()[1], 8)
                    assert flags & os.O_NONBLOCK, (role, fd, groups[inode])
                    news += 1
    assert news


def test_renamed_while_it_is_tapped(rig):
    """The program stays: not a packet is missing."""
    port, name = rig.port(), rig.lab["router"]["interfaces"]["subscriber"]
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"x")
    link = states(rig)[name]["ifindex"]

    def program():
        return json.loads(rig.router("bpftool", "-j", "link", "show", "pinned", f"/run/flowtap/bpf/links/{link}"))["id"]
    sent = 0
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        tcx = rig.show()["attach"] == "tcx"
        first = program() if tcx else None
        try:
            for new in "other0", name, "other1", name:
                rig.run("router", "ip", "link", "set", states_name(rig, link), "name", new)
                while new not in states(rig):
                    inject(packet)
                    sent += 1
                assert states(rig)[new]["tapped"]
                assert not tcx or program() == first
        finally:
            rig.run("router", "ip", "link", "set", states_name(rig, link), "name", name, check=False)
        assert len(content.wait(sent)) == sent


def states_name(rig, ifindex):
    """What the kernel calls it."""
    found = json.loads(rig.run("router", "ip", "-j", "link", "show").stdout)
    return next(i["ifname"] for i in found if i["ifindex"] == ifindex)


def test_renamed_to_what_is_not_tapped(rig, conf):  # noqa: F811
    before = conf.active()["text"]
    try:
        with interface(rig, "nb0"):
            conf.commit(named(before, "sub0", "nb0"))
            assert states(rig)["nb0"]["tapped"]
            rig.run("router", "ip", "link", "set", "nb0", "name", "nb1")
            until("not tapped", lambda: "nb1" in states(rig) and not states(rig)["nb1"]["tapped"])
            assert states(rig)["nb0"]["why"] == "there is no such interface"
            rig.run("router", "ip", "link", "set", "nb1", "name", "nb0")
            until("tapped", lambda: states(rig)["nb0"]["tapped"])
    finally:
        conf.commit(before)


@pytest.mark.parametrize("how", ["rm -rf /run/flowtap/bpf/[lmp]*s", "umount -l /run/flowtap/bpf"])
def test_pins_are_taken_away(rig, how):
    """All ends with one line that says so, and the next start taps again."""
    port, starts = rig.port(), rig.services()["flowtapd"]["starts"]
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"x")
    with rig.session() as s:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
    at = os.path.getsize(rig.info["logs"] + "/flowtapd.log")
    rig.router("sh", "-c", how)
    until("a new start", lambda: rig.services()["flowtapd"]["starts"] > starts, 30)
    until("it answers", rig.answered, 30)
    with open(rig.info["logs"] + "/flowtapd.log") as f:
        f.seek(at)
        said = f.read()
    assert said.count("/run/flowtap/bpf: our pins in the kernel are gone") == 1, said
    assert "cannot be tapped again: No such file" not in said, said
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        inject(packet)
        assert content.wait(1) == [packet]
