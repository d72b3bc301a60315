# SPDX-License-Identifier: BSD-2-Clause
"""What the first fragment of a datagram said holds for that datagram, and for no other with the same number."""

import pytest
from rig import outer, pcap, udp_packet
from test_dataplane import BOTH, TARGET_PORT, copies_to, plane, the_plane  # noqa: F401

PIECE = 400
NUMBER = 4711


def fragments(packet, number=NUMBER):
    """Of a whole IP packet without options, PIECE bytes of payload in each."""
    six = packet[0] >> 4 == 6
    head, body = (packet[:40], packet[40:]) if six else (packet[:20], packet[20:])
    out = []
    for at in range(0, len(body), PIECE):
        part, more = body[at:at + PIECE], at + PIECE < len(body)
        h = bytearray(head)
        if six:
            h[4:6], h[6] = (len(part) + 8).to_bytes(2, "big"), 44
            h += bytes((head[6], 0)) + (at | more).to_bytes(2, "big") + number.to_bytes(4, "big")
        else:
            h[2:4], h[4:6] = (20 + len(part)).to_bytes(2, "big"), number.to_bytes(2, "big")
            h[6:8], h[10:12] = (more << 13 | at >> 3).to_bytes(2, "big"), b"\0\0"
            h[10:12] = pcap.checksum(bytes(h)).to_bytes(2, "big")
        out.append(bytes(h) + part)
    return out


@pytest.mark.parametrize("version", BOTH)
def test_the_next_datagram_with_the_same_number(plane, version):  # noqa: F811
    """Four fragments to the tapped port; then four to another, from and to the same hosts, of the same number."""
    def datagram(port, fill):
        return fragments(udp_packet(plane.addr("subscriber", version), plane.addr("internet", version), 1024, port,
                                    fill * (4 * PIECE - 8)))

    port = plane.port()
    plane.put(port, protocol="17", dest_port=TARGET_PORT)
    wanted, others, last = datagram(TARGET_PORT, b"w"), datagram(4444, b"o"), datagram(TARGET_PORT, b"l")
    assert len(wanted) == len(others) == 4
    before = plane.stats()
    with copies_to(plane, port) as copies, plane.injector("subscriber") as inject:
        for packet in wanted + others + last:
            inject(packet)
        got = [outer(4, c)[5] for c in copies.wait(8)]
    account = plane.account(before)
    assert got == wanted + last
    assert (account["matched"], account["frag_unknown"]) == (8, 3)
