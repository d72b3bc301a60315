# SPDX-License-Identifier: BSD-2-Clause
"""request services flow-tap self-test: it works, each broken link is named, nobody else notices, nothing is left."""

import contextlib
import json
import os
import signal
import struct
import subprocess
import threading
import time

import pytest
import rig as rigs
from rig import lab_ask, lab_command, net, until

LINKS = ["interfaces tapped", "test device", "stage device", "program attached", "criterion in the tables",
         "packets sent", "packets matched", "copies encapsulated", "copies routed", "copies received"]


CRITERIA = 1024
UID = 2**63 - 1  # of the self-test's criterion
CRIT = struct.Struct("=QII")  # how struct tap_crit begins


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    extra = tmp_path_factory.mktemp("selftest") / "extra"
    extra.write_text(f"maximum-criteria {CRITERIA};\n")
    rig = rigs.Rig(rigs.lab_name("selftest"), "--conf-extra", str(extra))
    yield rig
    rig.down()


def selftest(rig):
    r = lab_command("exec", "--name", rig.name, "router", "flowtap", "-j", "request", "services", "flow-tap",
                    "self-test", check=False)
    got = json.loads(r.stdout)
    assert r.returncode == (0 if got["result"] == "works" else 1)
    assert [x["link"] for x in got["links"]] == LINKS
    return got


def broken(rig):
    """The first broken link; what is behind it is not reached, but for the interfaces' one."""
    got = selftest(rig)
    states = [x["state"] for x in got["links"]]
    first = states.index("broken")
    assert got["broken"] == LINKS[first] and got["links"][first]["why"]
    if first > 0:
        assert states == ["works"] * first + ["broken"] + ["not reached"] * (len(LINKS) - first - 1)
    return got["broken"], got["links"][first]["why"]


def works(rig):
    got = selftest(rig)
    assert got["result"] == "works", got
    return True


def ip(rig, *argv):
    rig.run("router", "ip", *argv)


@contextlib.contextmanager
def halted(rig):
    """A self-test whose packets have not been sent yet, but its criterion is there; it goes on at the end."""
    canary = rig.processes()["canary"][0]
    os.kill(canary, signal.SIGSTOP)
    try:
        p = subprocess.Popen([rigs.TREE + "/tools/lab", "exec", "--name", rig.name, "router", "flowtap", "-j",
                              "request", "services", "flow-tap", "self-test"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
        until("the criterion is there", lambda: criterion(rig))
        yield p
    finally:
        os.kill(canary, signal.SIGCONT)
        p.wait(20)


def criterion(rig):
    """(index, value) of the self-test's criterion in the kernel's table, or None."""
    rows = json.loads(rig.router("bpftool", "-j", "map", "dump", "pinned", "/run/flowtap/bpf/maps/ft_crit"))
    for n, row in enumerate(rows):
        value = bytes(int(b, 16) for b in row["value"])
        if CRIT.unpack_from(value)[0] == UID:
            return n, value
    return None


def state(rig):
    found = criterion(rig)
    return found and CRIT.unpack_from(found[1])[1]


def tcx_only(rig):
    if rig.show()["attach"] != "tcx":
        pytest.skip("with clsact there are no links, and nobody looks")


def restarted(rig):
    lab_command("restart", "--name", rig.name)
    assert works(rig)


def test_works(box):
    for _ in range(5):
        assert works(box)
    text = box.router("flowtap", "request", "services", "flow-tap", "self-test")
    assert text.endswith("Self-test: works\n") and max(map(len, text.splitlines())) <= 80


def test_nobody_else_notices(box):
    """A tap for everything sees none of it, and no agency's account changes."""
    port = box.port()
    with box.session() as s, box.receiver("mediation", port) as content, box.udp("subscriber") as u:
        s.add(protocol="17", source_address="0.0.0.0/0", **box.destination(port))
        u.sendto(b"before", (box.addr("internet"), 9))
        until("the tap copies", lambda: content.got)
        before = {a["agency"]: a for a in box.show()["agencies"]}
        assert works(box) and works(box)
        u.sendto(b"after", (box.addr("internet"), 9))
        until("the tap goes on", lambda: [c for c in content.got if c.endswith(b"after")])
        after = {a["agency"]: a for a in box.show()["agencies"]}
        assert after["lea2"] == before["lea2"]
        assert after["lea1"]["due"] - before["lea1"]["due"] == 1 and len(content.got) == 2
        shown = box.router("flowtap", "-j", "show", "services", "flow-tap", "content-destinations")
        assert "192.0.0." not in shown
    box.forget_all()


def test_its_addresses_are_nothing_to_others(box):
    """The same packets from outside are no canaries, and no copies."""
    packets = [rigs.udp_packet(src, dst, 9, 9, struct.pack(">Q", 1)) for src, dst in
               (("192.0.0.65", "192.0.0.66"), ("192.0.0.67", "192.0.0.68"), (box.addr("subscriber"), "192.0.0.68"))]
    stop = threading.Event()
    with box.injector("subscriber") as inject:
        def flood():
            while not stop.is_set():
                for packet in packets:
                    inject(packet)
        t = threading.Thread(target=flood)
        t.start()
        try:
            for _ in range(10):
                assert works(box)
        finally:
            stop.set()
            t.join()


@contextlib.contextmanager
def kept_away(box, index):
    """The interface's link is gone, and something is in the way of the next one; then it comes back by itself."""
    pin = f"/run/flowtap/bpf/links/{index}"
    box.router("sh", "-c", f"until rm -f {pin} && mkdir {pin}; do :; done 2>/dev/null")
    yield
    box.router("rmdir", pin)
    until("it is back", lambda: selftest(box)["result"] == "works")


def test_program_taken_away_from_an_interface(box):
    tcx_only(box)
    index = next(i["ifindex"] for i in box.show()["interfaces"] if i["name"] == "inet0")
    with kept_away(box, index):
        what, why = broken(box)
        assert what == "interfaces tapped" and why.startswith("inet0 is not tapped")


def test_program_taken_away_from_the_test_device(box):
    tcx_only(box)
    index = net.run("ip", "-n", box.ns("router"), "-j", "link", "show", "ftst0")
    with kept_away(box, json.loads(index)[0]["ifindex"]):
        assert broken(box)[0] == "program attached"


def test_test_device_down(box):
    ip(box, "link", "set", "ftst1", "down")
    assert broken(box)[0] == "test device"
    ip(box, "link", "set", "ftst1", "up")
    assert works(box)


def test_no_route(box):
    ip(box, "route", "del", "192.0.0.68/32")
    what, why = broken(box)
    assert what == "copies routed" and "no-route" in why
    restarted(box)


STAGE_TAKEN = {
    "cutting": (("tc", "filter", "del", "dev", "ftap0", "parent", "3:"), "what cuts segment trains is not on ftap0"),
    **{pin: (("bpftool", "link", "detach", "pinned", f"/run/flowtap/bpf/{pin}"), f"our program is not at the {where}")
       for pin, where in (("stage_out", "egress of ftap0"), ("stage_in", "egress of ftap1"),
                          ("stage_back", "ingress of ftap1"))}}


@pytest.mark.parametrize("what", STAGE_TAKEN)
def test_stage_device_taken_away(box, what):
    """It is mended within a second (tests/attack/test_stage.py), so the self-test may come too late to see it."""
    argv, why = STAGE_TAKEN[what]
    if argv[0] == "bpftool":
        tcx_only(box)

    def told():
        before = box.processes()["dataplane"]
        box.router(*argv)
        r = lab_command("exec", "--name", box.name, "router", "flowtap", "-j", "request", "services", "flow-tap",
                        "self-test", check=False)
        until("it was noticed", lambda: box.processes()["dataplane"] not in ([], before))
        until("it is mended", lambda: box.answered() and box.processes()["canary"])
        works(box)
        links = json.loads(r.stdout or "{}").get("links", [])
        return [x["why"] for x in links if x["link"] == "stage device" and x["state"] == "broken"] == [why]

    until("the self-test tells of it", told, 60)


def test_tables_full(box):
    """One place more than agencies can take is the self-test's, until two take it together."""
    port = box.port()
    with box.session("lea1") as one, box.session("lea2") as two:
        one.seq = CRITERIA
        one.send(b"".join(rigs.dtcp.request("ADD", "lea1", n + 1, *rigs.dtcp.add_lines(
            source_address=f"10.9.{n >> 8}.{n & 255}", **box.destination(port))) for n in range(CRITERIA)))
        for _ in range(CRITERIA):
            assert one.receive().code == 200
        until("the place of the last self-test is free", lambda: selftest(box)["result"] == "works")
        lines = rigs.dtcp.add_lines(source_address="10.8.0.1", **box.destination(port))
        until("it is free again", lambda: two.ask("ADD", *lines).code == 200)
        what, why = broken(box)
        assert what == "criterion in the tables" and "No space left" in why
    box.forget_all()
    until("what was freed can be used again", lambda: selftest(box)["result"] == "works")


def test_no_match(box):
    """Somebody wrote into the kernel's table: the criterion is there, but not active."""
    engine = box.processes()["engine"]

    def in_time():
        """The self-test waits two seconds for its packets to be sent, which may be over on a busy machine."""
        with halted(box) as p:
            found = criterion(box)
            if found is None:
                return False
            n, value = found
            uid, _, agency = CRIT.unpack_from(value)
            value = CRIT.pack(uid, 1, agency) + value[CRIT.size:]
            box.router("bpftool", "map", "update", "pinned", "/run/flowtap/bpf/maps/ft_crit", "key",
                       *map(str, struct.pack("=I", n)), "value", *map(str, value))
        found = json.loads(p.stdout.read())
        return found["broken"] != "packets sent" and found

    got = until("a self-test that was in time", in_time, 60)
    assert got["broken"] == "packets matched"
    assert "matched 0 of 3" in next(x["why"] for x in got["links"] if x["state"] == "broken")
    assert box.processes()["engine"] == engine and works(box)


@pytest.mark.parametrize("hook,link,says", [("egress", "packets sent", "could not be sent"),
                                            ("ingress", "copies received", "0 of 3 copies came")])
def test_firewall(box, hook, link, says):
    """What is dropped on the way to the program, and in front of the destination."""
    chain = f"{{ type filter hook {hook} device ftst1 priority 0; policy drop; }}"
    box.router("nft", f"add table netdev selftest; add chain netdev selftest x {chain}")
    try:
        got, why = broken(box)
    finally:
        box.router("nft", "delete table netdev selftest")
    assert got == link and says in why
    assert works(box)


def test_queue_takes_nothing(box):
    box.router("tc", "qdisc", "replace", "dev", "ftst0", "root", "tbf", "rate", "8bit", "burst", "1", "limit", "1")
    try:
        link, why = broken(box)
    finally:
        box.router("tc", "qdisc", "del", "dev", "ftst0", "root")
    assert link == "copies routed" and "0 of 3 copies were sent; loss: transmit" in why
    assert works(box)


def test_destination_blocked(box):
    ip(box, "route", "replace", "blackhole", "192.0.0.68/32")
    what, why = broken(box)
    assert what == "copies routed" and "no-route" in why
    restarted(box)


def test_without_the_process_that_sends(box):
    os.kill(box.processes()["canary"][0], signal.SIGKILL)
    until("it is gone", lambda: not box.processes()["canary"])
    assert broken(box)[0] == "packets sent"
    assert box.answered()
    restarted(box)


@pytest.mark.parametrize("role", ["engine", "dataplane", "parent"])
def test_killed_in_the_midst(box, role):
    """Nothing of it is left: no criterion, no destination."""
    canary = box.processes()["canary"]
    with halted(box):
        os.kill(box.processes()[role][0], signal.SIGKILL)
    until("it runs again", lambda: box.answered() and box.processes()["canary"] not in ([], canary), 30)
    until("nothing is left", lambda: box.show()["capacity"]["criteria"] == 0)
    assert criterion(box) is None or state(box) == 0
    assert works(box)


def test_ends_by_itself(box):
    """An engine that hangs meanwhile leaves a criterion that matches nothing after five seconds."""
    def sent():
        link = json.loads(net.run("ip", "-n", box.ns("router"), "-s", "-j", "link", "show", "ftst1"))[0]
        return link["stats64"]["tx"]["packets"]

    before = sent()
    with halted(box) as p:
        n, value = criterion(box)
        engine = box.processes()["engine"][0]
        os.kill(engine, signal.SIGSTOP)
        try:
            end_ns = struct.unpack_from("=Q", value, len(value) - 24)[0]
            until("its time is over", lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) > end_ns)
            os.kill(box.processes()["canary"][0], signal.SIGCONT)
            until("its packets are sent", lambda: sent() == before + 3)
            count = json.loads(box.router("bpftool", "-j", "map", "lookup", "pinned",
                                          "/run/flowtap/bpf/maps/ft_count", "key",
                                          *map(str, struct.pack("=I", n))))["value"]
            assert [int(b, 16) for b in count[:8]] == [0] * 8, "packets matched"
        finally:
            os.kill(engine, signal.SIGCONT)
    assert json.loads(p.stdout.read())["result"] == "broken"
    until("nothing is left", lambda: box.show()["capacity"]["criteria"] == 0)
    assert works(box)


def test_one_at_a_time(box):
    with halted(box):
        r = lab_command("exec", "--name", box.name, "router", "flowtap", "request", "services", "flow-tap",
                        "self-test", check=False)
        assert r.returncode == 1 and "a self-test is under way" in r.stderr
    assert works(box)


def test_who_may(box):
    r = lab_command("exec", "--name", box.name, "router", "setpriv", "--reuid=65534", "--regid=65534",
                    "--clear-groups", "flowtap", "request", "services", "flow-tap", "self-test", check=False)
    assert r.returncode == 3 and "permission denied" in r.stderr, r


def test_removed_with_all_else(box):
    def devices():
        links = json.loads(net.run("ip", "-n", box.ns("router"), "-j", "link", "show"))
        return {x["ifname"] for x in links} & {"ftap0", "ftap1", "ftst0", "ftst1"}

    lab_ask(box, "stop")
    until("it is stopped", lambda: not box.processes()["dataplane"])
    assert len(devices()) == 4
    box.router("flowtapd", "--remove")
    assert not devices() and "192.0.0.68" not in box.router("ip", "route")
    lab_ask(box, "start")
    until("it runs again", box.answered)
    assert works(box)


def test_on_record(box):
    lines = [json.loads(x) for x in box.router("flowtap", "audit", "export").splitlines()]
    said = [x["reason"] for x in lines if x.get("kind") == "self-test" or x.get("event") == "self-test"]
    assert "begun" in said and "works" in said and "broken: copies routed" in said
