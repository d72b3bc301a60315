# SPDX-License-Identifier: BSD-2-Clause
"""Too many copies at once: the copies suffer, never the forwarded packets, and every loss is counted."""

import ctypes
import json
import os
import socket
import struct

import pytest
from content_link import FAR, HERE, ContentLink
from rig import net, udp_packet, until

BPF_PROG_LOAD, BPF_PROG_TEST_RUN, SYS_BPF = 5, 10, 321
BPF_PROG_TYPE_XDP, BPF_F_TEST_XDP_LIVE_FRAMES = 6, 2
MOST = 256  # frames in one batch
EACH = 128  # copies that an agency has room for in any case, see bpf/backlog.h


def bpf(command, attr):
    attr = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    r = net.libc.syscall(SYS_BPF, command, attr, 128)
    if r < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return r


def pass_program():
    """An XDP program that says XDP_PASS."""
    code = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0), 16)
    licence = ctypes.create_string_buffer(b"GPL")
    return bpf(BPF_PROG_LOAD, struct.pack("=IIQQ", BPF_PROG_TYPE_XDP, 2, ctypes.addressof(code),
                                          ctypes.addressof(licence)))


def burst(rig, role, packet, count, mac=None):
    """So many equal frames come in at the router's interface within one run of its receive loop.  mac: to whom, if it is
    not the router."""
    def run():
        index = socket.if_nametoindex(rig.lab["router"]["interfaces"][role])
        frame = (mac or rig.router_mac(role)) + b"\x02\0\0\0\0\1" + b"\x08\0" + packet
        data = ctypes.create_string_buffer(frame, len(frame))
        # struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
        context = ctypes.create_string_buffer(struct.pack("=6I", 0, len(frame), 0, index, 0, 0), 24)
        fd = pass_program()
        try:
            # prog_fd retval, sizes in and out, data in and out, repeat duration, ctx sizes, ctx in and out, flags cpu batch
            bpf(BPF_PROG_TEST_RUN, struct.pack(
                "=IIIIQQIIIIQQIII", fd, 0, len(frame), 0, ctypes.addressof(data), 0, count, 0, 24, 0,
                ctypes.addressof(context), 0, BPF_F_TEST_XDP_LIVE_FRAMES, 0, count))
        finally:
            os.close(fd)
    rig.inside("router", run)


def test_burst_of_256_with_4_copies_each(rig):
    """The trap: copies and forwarded packets in one queue, and the router starves."""
    content_port, port = rig.port(), rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, port, b"x" * 64)
    with rig.session() as s, rig.receiver("internet", port) as forwarded, \
            rig.receiver("mediation", content_port) as content:
        burst(rig, "subscriber", packet, 1)  # all neighbours are known after it
        forwarded.wait(1)
        for i in range(4):
            s.add(source_address=rig.addr("subscriber"), dest_port=str(port), protocol="17",
                  **rig.destination(content_port))
        before = rig.account_closed()
        for n in range(1, 6):
            burst(rig, "subscriber", packet, MOST)
            forwarded.wait(1 + n * MOST)
        due, sent, losses = rig.account_closed()
        assert len(forwarded.got) == 1 + 5 * MOST
        assert due - before[0] == 5 * MOST * 4
        until("all copies sent", lambda: len(content.got) >= sent - before[1])
    lost = sum(losses.values()) - sum(before[2].values())
    assert len(content.got) == sent - before[1] == 5 * MOST * 4 - lost
    assert set(content.got) == {packet}


def broadcasts(rig):
    """How many the router's kernel has received."""
    with rig.inside("router", open, "/proc/thread-self/net/netstat") as f:
        names, values = ([line.split() for line in f if line.startswith("IpExt:")])
    return int(values[names.index("InBcastPkts")])


def test_nothing_is_received_twice(rig):
    """Packets that only ask how far a queue has got are copies of others', and go no further."""
    port = rig.port()
    packet = udp_packet(rig.addr("subscriber"), "255.255.255.255", 1, port, b"x" * 64)
    with rig.session() as s, rig.receiver("mediation", port) as content:
        s.add(source_address=rig.addr("subscriber"), dest_port=str(port), protocol="17", **rig.destination(port))
        burst(rig, "subscriber", packet, 1, b"\xff" * 6)  # all neighbours are known after it
        content.wait(1)
        before = broadcasts(rig)
        for n in range(1, 6):
            burst(rig, "subscriber", packet, EACH, b"\xff" * 6)
            content.wait(1 + n * EACH)
        rig.account_closed()
        assert broadcasts(rig) - before == 5 * EACH


@pytest.fixture
def second_link(rig):
    """Another content link, whose far end has a receive ring of its own: (address there, the router's)."""
    router, far = rig.ns("router"), rig.ns("mediation")
    net.run("ip", "-n", router, "link", "add", "extra0", "type", "veth", "peer", "name", "extra1", "netns", far)
    try:
        for ns, dev, addr in (router, "extra0", "192.0.9.1"), (far, "extra1", "192.0.9.2"):
            net.run("ip", "-n", ns, "addr", "add", addr + "/24", "dev", dev)
            net.run("ip", "-n", ns, "link", "set", dev, "up")
        net.offloads(far, "extra1", "gro", "on")
        net.offloads(router, "extra0", "tso", "off")  # else the ring is passed by
        yield "192.0.9.2", "192.0.9.1"
    finally:
        net.run("ip", "-n", router, "link", "del", "extra0")


def test_burst_of_one_agency_is_not_the_others_loss(rig, second_link):
    """lea2 asks for 30 copies of each packet, more than there is room for; lea1, on the same packets, misses none."""
    one_port, two_port, port = rig.port(), rig.port(), rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, port, b"x" * 64)
    with rig.session() as one, rig.session("lea2") as two, rig.receiver("internet", port) as forwarded, \
            rig.receiver("mediation", one_port) as content:
        one.add(source_address=rig.addr("subscriber"), dest_port=str(port), protocol="17", **rig.destination(one_port))
        for i in range(30):
            two.add(source_address=rig.addr("subscriber"), dest_port=str(port), protocol="17",
                    to=(second_link[0], two_port), src=(second_link[1], 49153))
        burst(rig, "subscriber", packet, 1)  # all neighbours are known after it
        forwarded.wait(1)
        _, _, before = rig.account_closed()
        for n in range(1, 6):
            burst(rig, "subscriber", packet, EACH)
            forwarded.wait(1 + n * EACH)
        _, _, losses = rig.account_closed(20)
        assert losses.get("transmit", 0) > before.get("transmit", 0), "it was no overload"
        content.wait(1 + 5 * EACH)
        accounts = {a["agency"]: a for a in rig.show()["agencies"]}
    assert content.got == [packet] * (1 + 5 * EACH) and accounts["lea2"]["lost-otherwise"] > 0


WANTED = 1  # of enum tap_port_state


def words(said):
    """What bpftool says byte by byte."""
    raw = bytes(int(b, 16) for b in said)
    return struct.unpack(f"={len(raw) // 4}I", raw)


def port_state(rig, name):
    """What the kernel programs know of an interface by which copies leave; None: nothing."""
    index = rig.inside("router", socket.if_nametoindex, name)
    found = json.loads(rig.router("bpftool", "-j", "map", "dump", "pinned", "/run/flowtap/bpf/maps/ft_port"))
    states = {words(row["key"])[0]: words(row["value"])[0] for row in found}
    return states.get(index)


@pytest.mark.parametrize("on", [None, "bridge", "macvlan"])
def test_burst_by_an_interface_that_leads_elsewhere(rig, on):
    """What leaves there takes no room of forwarded packets on this machine: copies are not held to a share of it."""
    port = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, port, b"x" * 64)
    content = ContentLink(rig, on)
    try:
        with rig.session() as s, rig.receiver("internet", port) as forwarded:
            for _ in range(3):
                s.add(source_address=rig.addr("subscriber"), dest_port=str(port), protocol="17",
                      to=(FAR, rig.port()), src=(HERE, 49153))
            burst(rig, "subscriber", packet, 1)
            forwarded.wait(1)
            until("the dataplane has looked at it", lambda: port_state(rig, content.top) not in (None, WANTED))
            until("the first copies", lambda: content.frames >= 3)
            _, _, before = rig.account_closed()
            for n in range(1, 4):
                seen = content.frames
                burst(rig, "subscriber", packet, MOST)
                forwarded.wait(1 + n * MOST)
                until("all copies", lambda: content.frames >= seen + 3 * MOST)
            assert rig.account_closed()[2] == before
    finally:
        content.close()
