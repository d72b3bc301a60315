# SPDX-License-Identifier: BSD-2-Clause
"""Two agencies with one mediation device: its copies are put together from pieces by source, destination and
identification alone, so that none of these may be another's."""

import collections

from rig import pcap, udp_packet
from test_dataplane import TARGET_PORT, copies_to, plane, target_packet, the_plane, whole  # noqa: F401

EACH = 150
SIZES = 20, 1460, 900  # of the payload; the second comes in pieces


def test_no_two_datagrams_have_one_id(plane):  # noqa: F811
    one, two = plane.port(), plane.port()
    plane.put(one, agency=1, protocol="17", dest_port=TARGET_PORT)
    plane.put(two, agency=2, protocol="17", dest_port=TARGET_PORT)
    with copies_to(plane, one, two) as copies, plane.injector("subscriber") as inject:
        for i in range(EACH):
            inject(target_packet(plane, 4, b"%05d" % i + bytes(SIZES[i % 3] - 5)))
        got = whole(copies.got, 2 * EACH)
    ports = collections.Counter(pcap.Packet(c).dport for c in got)
    assert ports == {one: EACH, two: EACH}
    firsts = [pcap.Packet(c) for c in copies.got if not pcap.Packet(c).later]
    ids = collections.Counter(c[4:6] for c in copies.got if not pcap.Packet(c).later)
    assert len(firsts) == len(ids) == 2 * EACH
    sizes = {len(c) for c in copies.got}
    assert len(sizes) > 3, "some came in pieces"


def test_neither_sees_the_other(plane):  # noqa: F811
    """What one sees of its own ids is the same without and with the other: no order, and none twice."""
    port = plane.port()
    plane.put(port, agency=1, protocol="17", dest_port=TARGET_PORT)
    gaps = []
    for other in False, True:
        if other:
            plane.put(plane.port(), agency=2, protocol="17", dest_port=TARGET_PORT)
        with copies_to(plane, port) as copies, plane.injector("subscriber") as inject:
            for i in range(EACH):
                inject(udp_packet(plane.addr("subscriber"), plane.addr("internet"), 1024, TARGET_PORT, b"%05d" % i))
            got = [int.from_bytes(c[4:6], "big") for c in copies.wait(EACH)]
        assert len(set(got)) == EACH
        gaps.append(sum(1 for a, b in zip(got, got[1:]) if 0 < b - a < 100))
    assert max(gaps) < 10, gaps
