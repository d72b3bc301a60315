# SPDX-License-Identifier: BSD-2-Clause
"""Ends of criteria and budgets of agencies, in the kernel alone: nobody of the project need be alive for
them, and no agency feels another's.  The account of each agency is checked with that of all."""

import os
import time

import plane as planes
import pytest
from rig import until
from test_dataplane import NEIGH_WAIT, copies_to, send_targets, target_packet

SECOND = 1_000_000_000


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@pytest.fixture(scope="module", params=["tcx", "clsact"])
def the_plane(request, tmp_path_factory):
    plane = planes.Plane(f"life-{request.param}-{os.getpid()}", request.param, tmp_path_factory.mktemp("run"))
    yield plane
    plane.down()


@pytest.fixture
def plane(the_plane):
    yield the_plane
    the_plane.forget_all()
    for agency in 1, 2:
        the_plane.ask(f"budget {agency} 0 0 0")


def put(plane, *to, **elements):
    return plane.put(*to, protocol="17", dest_port=5000, **elements)


@pytest.fixture
def accounts(plane):
    """A function: what each agency's account grew by, once all that was handed over has arrived, and the sum of
    both is what was counted in all."""
    def read():
        return {a: plane.ask(f"agency {a}") for a in (1, 2)}

    before, stats = read(), plane.stats()

    def grown():
        total = plane.account(stats)
        got = {a: {k: v - before[a][k] for k, v in n.items()} for a, n in read().items()}
        for name in "matched", "due", "sent", "lost_budget":
            assert sum(n[name] for n in got.values()) == total[name]
        assert all(n["due"] == n["sent"] + n["lost_budget"] + n["lost_other"] for n in got.values())
        return got

    return grown


def test_end_with_nobody_alive(plane, accounts):
    """Traffic goes on through the deadline while no process of ours exists: of two criteria the one that has an
    end is copied up to it and no further, and who comes afterwards learns of it."""
    port, endless, end = plane.port(), plane.port(), boot_ns() + 2 * SECOND
    ended = put(plane, port, end=end)
    put(plane, endless)
    plane.kill()
    sent = []
    with copies_to(plane, port) as copies, copies_to(plane, endless) as others, plane.injector("subscriber") as inject:
        while boot_ns() < end + SECOND // 2:
            packet, before = target_packet(plane, 4, b"%06d" % len(sent)), boot_ns()
            inject(packet)
            sent.append((packet, before, boot_ns()))
            time.sleep(0.001)  # the pace of the traffic
        plane.revive()
        account = accounts()
        others.wait(len(sent))
        copies.wait(account[1]["sent"] - len(sent))
    got = {c[28:] for c in copies.got}
    # What was given to the interface this long before the end was certainly received before it.
    early = {p for p, _, after in sent if after + SECOND // 10 < end}
    late = {p for p, before, _ in sent if before >= end}
    assert len(early) > 100 and len(late) > 100
    assert early <= got and not late & got
    assert {c[28:] for c in others.got} == {p for p, _, _ in sent}
    assert account[1]["due"] == account[1]["sent"] == len(copies.got) + len(sent) and len(copies.got) == len(got)
    assert plane.counts(ended)[0] == len(got)
    # The next process finds it ended, and cannot make it live again by any life.
    put_again = put(plane, port, uid=ended, end=boot_ns() + 3600 * SECOND)
    assert plane.ask("ended") == {str(put_again): "time"}
    with pytest.raises(planes.Refused):
        plane.ask(f"life {ended} end=0")
    send_targets(plane, 5)
    assert plane.counts(ended)[0] == len(got)


def test_start(plane):
    port, start = plane.port(), boot_ns() + SECOND // 2
    uid = put(plane, port, start=start)
    with plane.receiver("mediation", port) as content:
        send_targets(plane, 10)
        assert boot_ns() > start or plane.counts(uid) == (0, 0, 0, 0)
        until("the start", lambda: boot_ns() > start)
        before = plane.counts(uid)[0]
        packets = send_targets(plane, 10)
        content.wait(before + 10)
    assert content.got[before:] == packets


def test_exactly_so_many_packets(plane, accounts):
    """The copies of the first ten arrive; the original packets go on all the same."""
    port = plane.port()
    uid = put(plane, port, packets=10)
    with plane.receiver("mediation", port) as content, plane.receiver("internet", 5000) as forwarded:
        packets = send_targets(plane, 25)
        forwarded.wait(25)
        account = accounts()
        content.wait(10)
    assert content.got == packets[:10]
    assert account[1]["matched"] == account[1]["sent"] == 10
    assert plane.ask("ended") == {str(uid): "packets"}


@pytest.mark.parametrize("by", ["packets", "bytes"])
def test_a_budget_is_the_agencys_own(plane, accounts, by):
    """One target, two agencies: the first is over its budget and loses copies, the second none."""
    ports = plane.port(), plane.port()
    put(plane, ports[0], agency=1)
    put(plane, ports[1], agency=2)
    packet = 20 + 8 + 5 + 64
    plane.ask("budget 1 " + ("20 0" if by == "packets" else f"0 {20 * packet}") + " 1000")
    start = time.monotonic()
    with plane.receiver("mediation", ports[0]) as one, plane.receiver("mediation", ports[1]) as two:
        packets = send_targets(plane, 300)
        most = 20 + 20 * (time.monotonic() - start) + 1
        account = accounts()
        one.wait(account[1]["sent"])
        two.wait(300)
    assert two.got == packets
    assert account[2] == {"matched": 300, "due": 300, "sent": 300, "lost_budget": 0, "lost_other": 0}
    assert account[1]["due"] == 300 and account[1]["lost_other"] == 0
    assert 20 <= account[1]["sent"] == len(one.got) <= most
    assert account[1]["lost_budget"] == 300 - len(one.got) > 0


def test_a_dead_destination_is_the_agencys_own(plane, accounts):
    """The first agency's next hop is dead.  To the second, which names the same, it is one that may yet answer;
    and what it sends elsewhere is not held up."""
    dead, port, alive = "192.0.2.79", plane.port(), plane.port()
    put(plane, (dead, port), agency=1)
    send_targets(plane, 3)
    start = time.monotonic()
    until("the time a next hop has", lambda: time.monotonic() > start + NEIGH_WAIT + 0.1)
    put(plane, (dead, port), alive, agency=2)
    with plane.receiver("mediation", alive) as content:
        packets = send_targets(plane, 50)
        account = accounts()
        content.wait(50)
    assert content.got == packets
    assert account[2] == {"matched": 50, "due": 100, "sent": 100, "lost_budget": 0, "lost_other": 0}
    assert account[1] == {"matched": 53, "due": 53, "sent": 3, "lost_budget": 0, "lost_other": 50}
