# SPDX-License-Identifier: BSD-2-Clause
"""Are copies of merged packets what was on the wire?  The multiset of packets that went out to the sink,
after the router's own segmentation, against that of the packets inside the copies, byte for byte."""

import collections
import socket
import sys

from benchlib import topo
from benchlib.tools import Tap
from benchlib.topo import TREE, net

sys.path.insert(0, str(TREE / "tests" / "lib"))
from rig import SO_RCVBUFFORCE, difference, reassembled  # noqa: E402

ETH_P_ALL, PACKET_OUTGOING, IP_TYPES = 3, 4, (0x0800, 0x86DD)
UDP_SEGMENT = 103
TCP_BYTES, PORT = 300000, 4001
TRAINS = 10  # of UDP segments


def sniffer(dev):
    def make():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        s.bind((dev, ETH_P_ALL))
        s.setblocking(False)
        return s
    return net.inside(topo.ns("router"), make)


def packets(s):
    """The IP packets that went out by the device."""
    found = []
    while True:
        try:
            data, addr = s.recvfrom(65535)
        except BlockingIOError:
            return found
        if addr[1] in IP_TYPES and addr[2] == PACKET_OUTGOING:
            found.append(data)


def alike(packet):
    """Without what a router changes: TTL and the IPv4 header's checksum."""
    b = bytearray(packet)
    if b[0] >> 4 == 4:
        b[8], b[10:12] = 0, b"\0\0"
    else:
        b[7] = 0
    return bytes(b)


def is_ours(packet):
    """TCP or UDP of the test, and not what neighbours say to each other."""
    at, proto = (20, packet[9]) if packet[0] >> 4 == 4 else (40, packet[6])
    return proto in (6, 17) and PORT in (int.from_bytes(packet[at + i:at + i + 2], "big") for i in (0, 2))


def tcp(version):
    family = socket.AF_INET if version == 4 else socket.AF_INET6

    def listen():
        s = socket.socket(family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((topo.addr("sink", version), PORT))
        s.listen(1)
        return s

    with net.inside(topo.ns("sink"), listen) as server:
        client = net.inside(topo.ns("gen"), socket.create_connection, (topo.addr("sink", version), PORT), 10)
        with client, server.accept()[0] as end:
            left = TCP_BYTES
            while left > 0:
                client.sendall(bytes(range(250)) * 40)
                left -= len(end.recv(10000, socket.MSG_WAITALL))
            client.sendall(bytes(60000))
            end.recv(60000, socket.MSG_WAITALL)


def udp(version):
    """Trains of segments, as one write each."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with net.inside(topo.ns("gen"), socket.socket, family, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1200)
        for n in range(TRAINS):
            s.sendto(bytes([n]) * 30100, (topo.addr("sink", version), PORT))


def compare(bench, tap, mtu, outer):
    wire, content = sniffer("r1"), sniffer("r2")
    head = (20 if outer == 4 else 40) + 8
    topo.content_mtu(mtu)
    before = tap.account()
    try:
        for version in 4, 6:
            tcp(version)
            udp(version)
        now = tap.account()
        sent = [alike(p) for p in packets(wire) if is_ours(p)]
        got = [alike(p[head:]) for p in reassembled(packets(content))]
    finally:
        wire.close()
        content.close()
        topo.content_mtu(topo.CONTENT_MTU)
    bench.close_account("gro", before, now, len(got))
    got = [p for p in got if is_ours(p)]
    if why := difference(sent, got):
        bench.say(f"content MTU {mtu}, IPv{outer} outside: {why}")
    on_wire, copied = collections.Counter(sent), collections.Counter(got)
    unlike = sum((on_wire - copied).values()) + sum((copied - on_wire).values())
    bench.entry(f"GRO and MTU: copies unlike the wire's {len(sent)} packets, content MTU {mtu}, IPv{outer} outside",
                unlike, "packets", None, None, 0, "<=")


def run(bench):
    places = ("gen", "g0"), ("router", "r0")
    bench.gen.ask("count", "off")
    for role, dev in places:
        topo.offloads(topo.ns(role), dev, True)
    try:
        for outer in 4, 6:
            with Tap(bench.opts.bin, f"{bench.lab.folder}/gro-{outer}", max=1024) as tap:
                for i, version in enumerate((4, 6)):
                    tap.host(topo.addr("sink", version), 1 + i, outer=outer)
                tap.attach()
                for mtu in topo.CONTENT_MTU, 1500:
                    compare(bench, tap, mtu, outer)
                tap.detach()
    finally:
        for role, dev in places:
            topo.offloads(topo.ns(role), dev, False)
        bench.gen.ask("count", "on")
