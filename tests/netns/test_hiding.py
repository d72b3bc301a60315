# SPDX-License-Identifier: BSD-2-Clause
"""ICMP errors about our own copies are nobody's traffic; whatever else looks like one is a target's, who could hide
what it says in it."""

import ipaddress

import pytest
from rig import outer, pcap, udp_packet, until
from test_dataplane import BOTH, TARGET_PORT, copies_to, plane, send_targets, the_plane  # noqa: F401


def error(src, dst, quoted):
    """Port unreachable from src to dst."""
    source, dest = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    body = bytearray((b"\1\4" if source.version == 6 else b"\3\3") + bytes(6) + quoted)
    if source.version == 6:
        pseudo = source.packed + dest.packed + len(body).to_bytes(4, "big") + b"\0\0\0\x3a"
        body[2:4] = pcap.checksum(pseudo + bytes(body)).to_bytes(2, "big")
        return bytes.fromhex("60000000") + len(body).to_bytes(2, "big") + bytes((58, 64)) + source.packed \
            + dest.packed + bytes(body)
    body[2:4] = pcap.checksum(bytes(body)).to_bytes(2, "big")
    head = bytearray(bytes.fromhex("4500") + (20 + len(body)).to_bytes(2, "big") + bytes(4) + bytes((64, 1)) + bytes(2)
                     + source.packed + dest.packed)
    head[10:12] = pcap.checksum(bytes(head)).to_bytes(2, "big")
    return bytes(head + body)


@pytest.mark.parametrize("out", BOTH)
def test_errors_about_copies_are_not_copied(plane, out):  # noqa: F811
    """Nobody listens on the content port: the mediation device says so to the router."""
    port = plane.port()
    before = plane.stats()
    plane.put(port, version=out)
    with copies_to(plane, port) as copies:
        send_targets(plane, 1)
        until("the error", lambda: plane.stats()["own_copy"] - before["own_copy"] >= 1)
        plane.account(before)
    inner = [pcap.Packet(outer(out, c)[5]) for c in copies.got]
    assert [p for p in inner if p.dport == TARGET_PORT]
    # others' errors are traffic like any other
    assert not [p for p in inner if p.proto == (1 if out == 4 else 58) and p.icmp[0] == (3 if out == 4 else 1)
                and str(p.src) == plane.addr("mediation", out)]


def test_a_late_error_shows_no_copy_to_others(plane):  # noqa: F811
    """Agency 2 deletes its criterion; then an error about its last copy comes, which quotes it.  Agency 1 taps
    everything, and its copies do not show it."""
    closed, port = plane.port(), plane.port()
    gone = plane.put(closed, agency=2, protocol="17", dest_port=TARGET_PORT)
    with copies_to(plane, closed) as copies, plane.receiver("mediation", port) as content, \
            plane.injector("mediation") as inject:
        send_targets(plane, 1)
        copy = copies.wait(1)[0]
        plane.put(port, agency=1)
        plane.ask(f"delete {gone}")
        last = udp_packet(plane.addr("mediation"), plane.addr("internet"), 1, 2, b"last")
        inject(error(plane.addr("mediation"), plane.addr("router"), copy[:64]))
        inject(last)
        until("the last packet", lambda: last in content.got)
    assert not [x for x in content.got if copy[:20] in x]


@pytest.mark.parametrize("out", BOTH)
def test_a_copy_quoted_to_somebody_else(plane, out):  # noqa: F811
    """A target that knows where copies go quotes one to its friend, with what it has to say behind."""
    port = plane.port()
    plane.put(port, version=out)
    with copies_to(plane, port) as copies, plane.injector("subscriber") as inject:
        send_targets(plane, 1)
        copy = copies.wait(1)[0]
        hidden = error(plane.addr("subscriber", out), plane.addr("internet", out), copy + b"the plan")
        inject(hidden)
        until("its copy", lambda: hidden in [outer(out, c)[5] for c in copies.got])


@pytest.mark.parametrize("out", BOTH)
def test_a_copy_quoted_to_the_router(plane, out):  # noqa: F811
    """So it is with an error that goes where a copy's would."""
    port, before = plane.port(), plane.stats()
    plane.put(port, version=out)
    with copies_to(plane, port) as copies, plane.injector("mediation") as inject:
        send_targets(plane, 1)
        copy = copies.wait(1)[0]
        inject(error(plane.addr("mediation", out), plane.addr("router", out), copy))
        until("it is seen", lambda: plane.stats()["own_copy"] > before["own_copy"])
