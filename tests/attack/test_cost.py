# SPDX-License-Identifier: BSD-2-Clause
"""An agency that asks for filters which all packets of a target, or of everybody, would have to be compared with: what
it gets is bounded, the rest is refused with a reason, on record, and another agency gets the same whatever it did.
How much that is in the kernel, tests/bpf/test_cost.c counts."""

import json

import pytest
from rig import dtcp, lab_command, udp_packet, until
from test_audit import export, flowtap
from test_keys import Log

WHY = "would slow the router"
ADDS = 1500
STEPS, WIDE = 96, 16  # tapset.h


def costly(rig, host, n):
    """The n-th of many ADDs: a network around the host, and ranges of ports that no packet has."""
    at = 2000 + 4 * n
    return dtcp.add_lines(source_address=f"{host}/{32 - n % 31}", protocol="17", dest_port=f"{at}-{at + 1}",
                          **rig.destination(7100))


def ask_all(session, requests):
    """What is answered to ADDs that are all sent before the first answer is read."""
    replies = []
    for begin in range(0, len(requests), 250):
        seq, session.seq = session.seq, session.seq + len(requests[begin:begin + 250])
        session.send(b"".join(dtcp.request("ADD", session.user, seq + i + 1, *x)
                              for i, x in enumerate(requests[begin:begin + 250])))
        replies += [session.receive(60) for _ in requests[begin:begin + 250]]
    return replies


def accepted(replies):
    assert {r.code for r in replies} <= {200, 550}
    assert all(WHY in r.get("X-REASON") for r in replies if r.code == 550)
    return [r.code == 200 for r in replies]


@pytest.fixture
def head(rig):
    return json.loads(flowtap(rig, "-j", "audit", "head").stdout)["n"]


def listed(session):
    return len(session.ask("LIST", timeout=60).entries())


def test_one_agency_cannot_slow_every_packet(rig, head):
    host, log = rig.addr("subscriber"), Log(rig)
    requests = [costly(rig, host, n) for n in range(ADDS)]
    with rig.session() as one, rig.session("lea2") as two:
        got = accepted(ask_all(one, requests))
        assert 0 < sum(got) <= STEPS and not any(got[-500:])
        assert listed(one) == sum(got), "what was refused is nowhere"
        # the same to another, after it, and to this one when it asks for what has nothing to do with that
        assert accepted(ask_all(two, requests[:400])) == got[:400]
        assert one.add(source_address="203.0.113.5", **rig.destination(7101))
        lines = [x for x in (json.loads(y) for y in export(rig).splitlines()) if x["n"] > head]
        withdrawn = [x for x in lines if x["kind"] == "withdrawn" and x["agency"] == "lea1"]
        assert len(withdrawn) == ADDS - sum(got) and all(WHY in x["reason"] and x["code"] == 550 for x in withdrawn)
        # what goes makes room
        one.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC", timeout=60)
        assert accepted(ask_all(one, requests[:400])) == got[:400]
    assert host not in log.text()


def test_taps_for_everything_are_few(rig):
    with rig.session() as s:
        lines = dtcp.add_lines(**rig.destination(7102))
        assert sum(accepted(ask_all(s, [lines] * 40))) == WIDE
        s.add(source_address="203.0.113.6", **rig.destination(7103))


def test_copies_go_on_and_a_start_keeps_what_was_accepted(rig):
    """Copies of a target go on in the midst of it; after a restart all is as it was, and the bound still holds."""
    host, port = rig.addr("subscriber"), rig.port()
    packet = udp_packet(host, rig.addr("internet"), 1, 2, b"in the midst")
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        with rig.session() as one, rig.session("lea2") as two:
            two.add(source_address=host, **rig.destination(port))
            got = accepted(ask_all(one, [costly(rig, host, n) for n in range(400)]))
        inject(packet)
        until("a copy", lambda: content.got == [packet])
        lab_command("restart", "--name", rig.name)
        inject(packet)
        until("a copy after the start", lambda: content.got == [packet, packet])
    with rig.session() as one:
        assert listed(one) == sum(got)
        assert not any(accepted(ask_all(one, [costly(rig, host, n) for n in range(400, 430)])))
