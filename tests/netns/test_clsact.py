# SPDX-License-Identifier: BSD-2-Clause
"""The same promises on clsact, as kernels without tcx need it; its larger privilege is checked too."""

import contextlib
import json

import lab_fixtures
import pytest
import rig as rigs
import test_burst
import test_end_to_end
import test_lifecycle
import test_privilege
import test_selftest
import test_show
from rig import lab_command, udp_packet, until

CAP_NET_ADMIN = 12


@pytest.fixture(scope="module")
def the_rig():
    rig = rigs.Rig(rigs.lab_name("clsact"), "--attach", "clsact")
    yield rig
    rig.down()


def test_it_is_clsact(rig):
    assert rig.show()["attach"] == "clsact"


@pytest.mark.parametrize("version", (4, 6))
def test_first_packet(rig, version):
    test_end_to_end.test_first_packet_after_the_answer_is_copied(rig, version)


@pytest.mark.parametrize("inner,out", test_end_to_end.COMBINATIONS)
def test_both_directions_exact(rig, wire_sized, inner, out):
    test_end_to_end.test_both_directions_exact(rig, wire_sized, inner, out)


def test_segment_trains(rig):
    test_end_to_end.test_segment_trains_leave_as_they_were_on_the_wire(rig, 4)


def test_fragments(rig):
    test_end_to_end.test_fragments_follow_their_first(rig)


def test_burst_is_counted(rig):
    test_burst.test_burst_of_256_with_4_copies_each(rig)


@pytest.mark.parametrize("role", ["parent", "engine", "dataplane"])
def test_kill_during_traffic(rig, role):
    test_lifecycle.test_kill_during_traffic(rig, role)


def test_privileges(rig):
    """The dataplane keeps CAP_NET_ADMIN and nothing else; the others have none."""
    for role in "parent", "engine", "dataplane":
        st = test_privilege.status(rig.processes()[role][0])
        assert int(st["CapEff"], 16) == (1 << CAP_NET_ADMIN if role == "dataplane" else 0)
        assert (st["NoNewPrivs"], st["Seccomp"]) == ("1", "2")


def test_selftest_works(rig):
    test_selftest.test_works(rig)


@pytest.mark.parametrize("broken", [test_selftest.test_test_device_down, test_selftest.test_no_route])
def test_selftest_names_the_broken_link(rig, broken):
    broken(rig)


def test_selftest_tells_of_the_stage_device(rig):
    test_selftest.test_stage_device_taken_away(rig, "cutting")


@pytest.mark.parametrize("end", ["ftap0", "ftap1"])
def test_a_program_of_the_stage_device_taken_away(rig, end):
    content = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, bytes(1472))  # it needs both
    with rig.session() as s:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(content))
    with rig.receiver("mediation", content) as got, rig.injector("subscriber") as inject:
        inject(packet)
        got.wait(1)
        before = rig.processes()["dataplane"]
        rig.run("router", "tc", "qdisc", "del", "dev", end, "clsact")
        until("it was noticed", lambda: rig.processes()["dataplane"] not in ([], before), 5)
        until("a copy", lambda: inject(packet) or len(got.got) > 1)
    until("the daemon answers", lambda: rig.answered())


def test_a_filter_taken_away(rig):
    test_show.test_a_program_taken_away_is_seen(rig)


def test_a_qdisc_taken_away(rig):
    """With the qdisc goes the filter: copies come again by themselves."""
    sub, content = port(rig, "subscriber"), rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, b"target")
    with rig.session() as s, rig.receiver("mediation", content) as got, rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(content))
        inject(packet)
        got.wait(1)
        rig.run("router", "tc", "qdisc", "del", "dev", sub, "clsact")

        def copied():
            inject(packet)
            return len(got.got) > 1
        until("a copy", copied, 5)


# ---- qdiscs of other people's ----

SHARED, EMPTY = "oth0", "oth1"


def port(rig, role):
    return rig.lab["router"]["interfaces"][role]


def ingress_qdisc(rig, dev):
    """The kind of what has parent ffff:fff1; None: there is nothing."""
    found = json.loads(rig.run("router", "tc", "-j", "qdisc", "show", "dev", dev).stdout)
    return next((q["kind"] for q in found if q["kind"] in ("clsact", "ingress")), None)


def our_filters(rig):
    """[interface] with a filter of our priority."""
    links = json.loads(rig.run("router", "ip", "-j", "link", "show").stdout)
    return [x["ifname"] for x in links for side in ("ingress", "egress")
            if "pref 7700 " in rig.run("router", "tc", "filter", "show", "dev", x["ifname"], side, check=False).stdout]


@contextlib.contextmanager
def foreign_qdiscs(rig):
    """An ingress qdisc on the subscriber's interface, a clsact whose blocks are shared, an empty clsact.  The daemon is
    stopped when they come and when they go; what tests take out of the kernel is there again afterwards."""
    sub = port(rig, "subscriber")
    lab_command("stop", "--name", rig.name)
    try:
        rig.run("router", "ip", "link", "add", SHARED, "type", "veth", "peer", "name", EMPTY)
        for dev in sub, port(rig, "internet"):  # that one we shall make, whatever happened to it before
            rig.run("router", "tc", "qdisc", "del", "dev", dev, "clsact", check=False)
        rig.run("router", "tc", "qdisc", "add", "dev", sub, "ingress")
        rig.run("router", "tc", "qdisc", "add", "dev", SHARED, "ingress_block", "5", "clsact")
        rig.run("router", "tc", "qdisc", "add", "dev", EMPTY, "clsact")
        yield sub
    finally:
        lab_command("stop", "--name", rig.name, check=False)
        rig.run("router", "tc", "qdisc", "del", "dev", sub, "ingress", check=False)
        rig.run("router", "ip", "link", "del", SHARED, check=False)
        lab_command("start", "--name", rig.name)


def remove(rig):
    return lab_command("exec", "--name", rig.name, "router", "flowtapd", "--remove", check=False)


def kinds(rig, *devs):
    return [ingress_qdisc(rig, d) for d in devs]


def test_remove_ends_all_taps_and_leaves_what_is_not_ours(rig):
    content = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, b"target")
    with foreign_qdiscs(rig) as sub:
        lab_command("start", "--name", rig.name)
        assert kinds(rig, sub, SHARED, EMPTY) == ["ingress", "clsact", "clsact"]
        with rig.receiver("mediation", content) as got, rig.injector("subscriber") as inject, \
                rig.sniffer("internet", keep=lambda data: data[12:] == packet[12:]) as there:
            with rig.session() as s:
                s.add(source_address=rig.addr("subscriber"), **rig.destination(content))
            inject(packet)
            got.wait(1)
            assert {sub, port(rig, "internet"), EMPTY} <= set(our_filters(rig))
            lab_command("stop", "--name", rig.name)
            r = remove(rig)
            assert r.returncode == 0, r.stderr
            assert our_filters(rig) == []
            for _ in range(5):
                inject(packet)
            there.wait(6)
            assert len(got.got) == 1
        assert kinds(rig, sub, SHARED, EMPTY) == ["ingress", "clsact", "clsact"]
        assert kinds(rig, port(rig, "internet"), port(rig, "mediation")) == [None, None], "ours are gone"


def said_not_tapped(rig, word):
    """Alarms of interface-not-tapped, that one."""
    events = json.loads(rig.router("flowtap", "-j", "show", "services", "flow-tap", "events"))["events"]
    return [x for x in events if x["kind"] == "interface-not-tapped" and word in x["text"]]


def tapped(rig):
    return {i["name"] for i in rig.show()["interfaces"] if i["tapped"]}


def test_start_with_an_interface_that_cannot_be_tapped(rig):
    """The others are; it is, too, as soon as it can be.  A change that asks for such a one is refused."""
    with open(rig.info["conf"]) as f:
        old = f.read()
    named = old.replace("tapped-interfaces all;", f"tapped-interfaces [ {port(rig, 'internet')} {SHARED} ];")
    assert named != old
    with foreign_qdiscs(rig):
        try:
            with open(rig.info["conf"], "w") as f:
                f.write(named)
            lab_command("start", "--name", rig.name)
            assert tapped(rig) == {port(rig, "internet")}
            until("the alarm", lambda: said_not_tapped(rig, f"{SHARED}: "))
            lab_fixtures.write_config(rig, named.replace(SHARED, f"{SHARED} lo"), expect="configuration not applied")
            lab_fixtures.write_config(rig, named.replace(SHARED, f"{SHARED} {EMPTY}"))
            rig.run("router", "tc", "qdisc", "del", "dev", SHARED, "ingress_block", "5", "clsact")
            until("it is tapped", lambda: tapped(rig) == {port(rig, "internet"), SHARED, EMPTY})
        finally:
            with open(rig.info["conf"], "w") as f:
                f.write(old)


def test_tcx_starts_and_is_removed_beside_them(rig):
    with open(rig.info["conf"]) as f:
        old = f.read()
    assert "attach clsact;" in old
    with foreign_qdiscs(rig):
        try:
            with open(rig.info["conf"], "w") as f:
                f.write(old.replace("attach clsact;", "attach tcx;"))
            lab_command("start", "--name", rig.name)
            assert rig.show()["attach"] == "tcx"
            assert our_filters(rig) == []
            lab_command("stop", "--name", rig.name)
            r = remove(rig)
            assert r.returncode == 0, r.stderr
        finally:
            with open(rig.info["conf"], "w") as f:
                f.write(old)
