# SPDX-License-Identifier: BSD-2-Clause
"""The kernel programs alone, with tcx and with clsact: what leaves for the mediation device is what
came in, and every copy is accounted for (the identity of bpf/abi.h is checked in each test)."""

import contextlib
import fcntl
import os
import socket
import struct
import threading
import time

import plane as planes
import pytest
from rig import ETH_P_ALL, Receiver, difference, net, outer, pcap, reassembled, udp_packet, until
from test_burst import MOST, burst

BOTH = 4, 6
COMBINATIONS = [(i, o) for i in BOTH for o in BOTH]
TARGET_PORT = 5000
UDP_SEGMENT = 103
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
NEIGH_WAIT = 3  # TAP_NEIGH_WAIT_NS, in seconds


@pytest.fixture(scope="module", params=["tcx", "clsact", "tcx-direct", "clsact-direct"])
def the_plane(request, tmp_path_factory):
    attach, _, direct = request.param.partition("-")
    plane = planes.Plane(f"bpf-{request.param}-{os.getpid()}", attach, tmp_path_factory.mktemp("run"))
    if direct:
        plane.go_direct()
    yield plane
    plane.down()


@pytest.fixture
def plane(the_plane):
    yield the_plane
    the_plane.forget_all()


@pytest.fixture
def wire_sized(plane):
    plane.offloads(False)
    yield
    plane.offloads(True)


def target_packet(plane, version, payload, ttl=64):
    return udp_packet(plane.addr("subscriber", version), plane.addr("internet", version), 1024, TARGET_PORT, payload,
                      ttl)


def copies_to(plane, *ports):
    """What arrives at the mediation device, outer headers included: whole datagrams once reassembled."""
    def keep(data):
        p = pcap.Packet(data)
        return p.proto == 17 and (p.later or p.dport in ports)
    return plane.sniffer("mediation", keep=keep)


def whole(packets, count):
    """The datagrams, once `count` of them are complete."""
    def complete():
        try:
            got = reassembled(packets)
        except AssertionError:  # a fragment is still on its way
            return None
        return got if len(got) >= count else None
    return until(f"{count} whole datagrams", complete)


def one_hop_on(packet):
    """As a router forwards it: TTL lowered; the IPv4 header checksum left out."""
    p = bytearray(packet)
    if p[0] >> 4 == 6:
        p[7] -= 1
    else:
        p[8] -= 1
        p[10:12] = b"\0\0"
    return bytes(p)


def without_check(packet):
    return packet if packet[0] >> 4 == 6 else packet[:10] + b"\0\0" + packet[12:]


@contextlib.contextmanager
def frames(plane, role):
    """A function that sends an Ethernet frame, header included, from the host to the router."""
    s = plane.inside(role, socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((plane.lab[role]["iface"], 0))
    mac = plane.router_mac(role) + b"\x02\0\0\0\0\1"
    with s:
        yield lambda rest: s.send(mac + rest)


def to_the_internet(data):
    p = pcap.Packet(data)
    return p.proto == 17 and (p.later or p.dport == TARGET_PORT)


@pytest.mark.parametrize("inner,out", COMBINATIONS)
def test_copy_and_original(plane, inner, out):
    """The copy is the packet as it came in, behind the outer header asked for; the original goes on untouched."""
    port, most = plane.port(), 1500 - (28 if inner == 4 else 48)
    sizes = [0, 1, 2, 3, 17, 18, 64, 699, most - 49, most - 47, most - 28, most - 27, most - 8, most - 1, most]
    packets = [target_packet(plane, inner, bytes([i]) * n, ttl=2 + i) for i, n in enumerate(sizes)]
    before = plane.stats()
    uid = plane.put(port, version=out, ttl=33, protocol="17", source_address=plane.addr("subscriber", inner))
    with copies_to(plane, port) as copies, plane.sniffer("internet", keep=to_the_internet) as forwarded, \
            plane.injector("subscriber") as inject:
        for p in packets:
            inject(p)
        got = whole(copies.got, len(packets))
        forwarded.wait(len(packets))
        account = plane.account(before)
    headers = [outer(out, c) for c in got]
    assert {h[:5] for h in headers} == {(plane.addr("router", out), plane.addr("mediation", out), 49153, port, 33)}
    assert not difference(packets, [h[5] for h in headers])
    assert not difference(map(one_hop_on, packets), map(without_check, forwarded.got))
    assert all(pcap.checksums_right(c) for c in got + copies.got + forwarded.got)
    assert all(len(c) <= 1500 for c in copies.got)
    assert not any(c[6] & 0x40 for c in copies.got if c[0] >> 4 == 4), "outer DF is set"
    assert out == 6 or len({c[4:6] for c in got}) == len(got), "the network may cut them: each needs its own number"
    n, too_long = len(packets), sum(len(p) + (28 if out == 4 else 48) > 1500 for p in packets)
    assert (account["matched"], account["sent"], account["fragmented"]) == (n, n, too_long)
    assert plane.counts(uid) == (n, sum(map(len, packets)), n, n)


def test_two_criteria_two_destinations(plane):
    """Each criterion sends to each of its destinations; a third, which does not match, to none; deleted, none."""
    ports = [plane.port() for _ in range(6)]
    packets = [target_packet(plane, 4, b"%d" % i) for i in range(10)]
    before = plane.stats()
    one = plane.put(*ports[0:2], protocol="17")
    two = plane.put(*ports[2:4], source_address=f"{plane.addr('subscriber')}/25", dest_port=TARGET_PORT)
    other = plane.put(*ports[4:6], protocol="6")
    with copies_to(plane, *ports) as copies, plane.injector("subscriber") as inject:
        for p in packets:
            inject(p)
        copies.wait(40)
        account = plane.account(before)
        assert [account[k] for k in ("matched", "due", "sent")] == [20, 40, 40]
        plane.ask(f"delete {one}")
        inject(packets[0])
        copies.wait(42)
        plane.account(before)
    got = [(o[3], o[5]) for o in (outer(4, c) for c in copies.got)]
    for port in ports:
        expected = packets + packets[:1] if port in ports[2:4] else packets if port in ports[:2] else []
        assert not difference(expected, [p for to, p in got if to == port])
    size = sum(map(len, packets))
    assert plane.counts(two) == (11, size + len(packets[0]), 22, 22)
    assert plane.counts(other) == (0, 0, 0, 0)
    with pytest.raises(planes.Refused):
        plane.counts(one)


# ---- segment trains ----


class Longest(Receiver):
    """The length of the longest packet that came into an interface, trains in one piece."""

    def __init__(self, iface):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        s.bind((iface, ETH_P_ALL))
        self.most = 0
        super().__init__(s)

    def run(self):
        while not self.stopping:
            with contextlib.suppress(TimeoutError):
                # MSG_TRUNC: the real length, whatever fits the buffer
                self.most = max(self.most, self.sock.recv_into(bytearray(1), 1, socket.MSG_TRUNC))
        self.sock.close()


@pytest.fixture
def wire(plane):
    """The router's way to the internet without offloads: what leaves there is what is on the wire."""
    link = plane.ns("router"), plane.port_of("internet")
    net.offloads(*link, "tx", "off", "tso", "off", "gso", "off")
    yield lambda keep: plane.sniffer("router", link[1], outgoing=True, keep=keep)
    net.offloads(*link, "tx", "on", "tso", "on", "gso", "on")


def tcp_transfer(plane, address, data, piece=60000):
    """From subscriber to internet, until both ends have seen the other's end."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with plane.inside("internet", socket.create_server, (address, 0), family=family) as listener:
        up = net.tcp_connect(plane.ns("subscriber"), *listener.getsockname()[:2])
        peer, _ = listener.accept()
    with up, peer:
        up.setblocking(False)
        sent = got = 0
        while got < len(data):  # no more than one piece is under way: losses are another test's
            with contextlib.suppress(BlockingIOError):
                sent += up.send(data[sent:got + piece])
            got += len(peer.recv(1 << 20))
        up.settimeout(10)
        up.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
        peer.close()
        assert up.recv(1) == b""


def send_tcp(plane, version, data):
    tcp_transfer(plane, plane.addr("internet", version), data)


def send_udp_train(plane, version, data):
    with plane.udp("subscriber", version) as s:
        s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1200)
        for at in range(0, len(data), 50000):
            s.sendto(data[at:at + 50000], (plane.addr("internet", version), TARGET_PORT))


@pytest.mark.parametrize("send,proto", [(send_tcp, 6), (send_udp_train, 17)])
@pytest.mark.parametrize("inner,out", COMBINATIONS)
def test_trains_leave_as_datagrams_of_the_wire(plane, wire, send, proto, inner, out):
    """Segmentation offload at the sender, merging at the router; 400 kB go through in a few dozen packets."""
    port, source = plane.port(), plane.addr("subscriber", inner)

    def of_target(data):
        p = pcap.Packet(data)
        return p.proto == proto and str(p.src) == source

    before = plane.stats()
    uid = plane.put(port, version=out, source_address=source, protocol=proto)
    with copies_to(plane, port) as copies, wire(of_target) as sent:
        send(plane, inner, bytes(range(250)) * 1600)
        account = plane.account(before)
        got = whole(copies.got, account["sent"])
        until("all that left for the internet", lambda: len(sent.got) >= account["matched"])
    inner_packets = [outer(out, c)[5] for c in got]
    assert not difference(map(without_check, sent.got), map(one_hop_on, inner_packets))
    assert all(map(pcap.checksums_right, inner_packets)) and all(map(pcap.checksums_right, got + copies.got))
    assert account["matched"] == account["sent"] == len(sent.got)
    assert plane.counts(uid) == (len(sent.got), sum(map(len, sent.got)), len(sent.got), len(sent.got))


@pytest.mark.parametrize("out", BOTH)
def test_trains_inside_a_tunnel_of_the_sender(plane, wire, out):
    """VXLAN by the sending host: the train arrives already marked as a tunnel's."""
    port = plane.port()
    for role, peer, last in ("subscriber", "internet", 1), ("internet", "subscriber", 2):
        plane.ip(role, "link", "add", "vx0", "type", "vxlan", "id", "7", "dstport", "4790",
                 "local", plane.addr(role), "remote", plane.addr(peer))
        plane.ip(role, "addr", "add", f"10.9.0.{last}/24", "dev", "vx0")
        net.sysctl(plane.ns(role), ipv6__conf__vx0__disable_ipv6=1)
        plane.ip(role, "link", "set", "vx0", "mtu", "1450", "up")
    try:
        source = plane.addr("subscriber")
        before = plane.stats()
        plane.put(port, version=out, source_address=source, dest_port=4790)
        with copies_to(plane, port) as copies, \
                wire(lambda d: (p := pcap.Packet(d)).dport == 4790 and str(p.src) == source) as sent:
            tcp_transfer(plane, "10.9.0.2", b"tunnel" * 20000)
            account = plane.account(before)
            got = whole(copies.got, account["sent"])
            until("all that left for the internet", lambda: len(sent.got) >= account["matched"])
        assert account["lost_encap_gso"] == 0
        inner_packets = [outer(out, c)[5] for c in got]
        assert not difference(map(without_check, sent.got), map(one_hop_on, inner_packets))
        assert all(map(pcap.checksums_right, inner_packets + got))
    finally:
        for role in "subscriber", "internet":
            plane.ip(role, "link", "del", "vx0")


@pytest.fixture
def big_tcp(plane):
    """A sender that hands over IPv6 trains of more than 64 kB, and a way that takes them: their jumbo option,
    which is on no wire, counts when a router compares with the MTU."""
    far = [("internet", "eth0"), ("router", plane.port_of("internet"))]
    for role, dev in far:
        plane.ip(role, "link", "set", dev, "mtu", "1508")
    plane.ip("subscriber", "link", "set", "eth0", "gso_max_size", "196608")
    yield
    plane.ip("subscriber", "link", "set", "eth0", "gso_max_size", "65536")
    for role, dev in far:
        plane.ip(role, "link", "set", dev, "mtu", "1500")


@pytest.mark.parametrize("out", BOTH)
def test_trains_over_64_kilobytes(plane, wire, big_tcp, out):
    port, source = plane.port(), plane.addr("subscriber", 6)

    def of_target(data):
        p = pcap.Packet(data)
        return p.proto == 6 and str(p.src) == source

    before = plane.stats()
    plane.put(port, version=out, source_address=source, protocol=6)
    with copies_to(plane, port) as copies, wire(of_target) as sent, plane.inside(
            "router", Longest, plane.port_of("subscriber")) as longest:
        tcp_transfer(plane, plane.addr("internet", 6), bytes(range(250)) * 16000, piece=400000)
        account = plane.account(before)
        got = whole(copies.got, account["sent"])
        until("all that left for the internet", lambda: len(sent.got) >= account["matched"])
    assert longest.most > 65575, "no train was long enough for the test"
    assert not difference(map(without_check, sent.got), [one_hop_on(outer(out, c)[5]) for c in got])
    assert all(map(pcap.checksums_right, got + copies.got))


# ---- odd packets ----


def with_header(packet, next_header, chain):
    """The IPv6 packet with a chain of extension headers, the first of type next_header."""
    return packet[:4] + (len(packet) - 40 + len(chain)).to_bytes(2, "big") + bytes((next_header,)) + packet[7:40] \
        + chain + packet[40:]


def with_options(packet, options):
    head = bytearray(packet[:20] + options)
    head[0] = 0x40 | len(head) // 4
    head[2:4] = (len(head) + len(packet) - 20).to_bytes(2, "big")
    head[10:12] = b"\0\0"
    head[10:12] = pcap.checksum(bytes(head)).to_bytes(2, "big")
    return bytes(head) + packet[20:]


def test_options_and_extension_headers(plane):
    """Copied whole, and matched by the ports behind them; behind the ninth extension header nothing is known."""
    port = plane.port()
    v4, v6 = (target_packet(plane, v, b"behind") for v in BOTH)
    packets = [with_options(v4, bytes.fromhex("01010101")), with_options(v4, b"\x01" * 40)]
    for kind in 0, 43, 60:
        body = bytes.fromhex("1101010a" + "00" * 12) if kind == 43 else b"\x11\0\1\4\0\0\0\0"
        packets.append(with_header(v6, kind, body))
    packets.append(with_header(v6, 51, b"\x11\4" + bytes(22)))  # AH counts in units of four
    for n in 8, 9:
        packets.append(with_header(v6, 60, b"".join(
            bytes((60 if i < n - 1 else 17, 0, 1, 4, 0, 0, 0, 0)) for i in range(n))))
    before = plane.stats()
    plane.put(port, dest_port=TARGET_PORT)
    last = target_packet(plane, 4, b"last")
    with plane.receiver("mediation", port) as content, plane.injector("subscriber") as inject:
        for p in packets + [last]:
            inject(p)
        until("the last packet", lambda: last in content.got)
        account = plane.account(before)
    assert not difference(packets[:-1] + [last], content.got)
    assert account["ext_limit"] == 1


@pytest.mark.parametrize("version", BOTH)
def test_tags_and_padding_stay_behind(plane, version):
    """802.1Q, QinQ, three tags; a short frame as the wire pads it."""
    port, kind = plane.port(), {4: b"\x08\0", 6: b"\x86\xdd"}[version]
    packet = target_packet(plane, version, b"tagged")
    tags = b"", b"\x81\0\0\5", b"\x88\xa8\0\7\x81\0\0\5", b"\x88\xa8\0\7\x81\0\0\5\x81\0\0\6"
    before = plane.stats()
    plane.put(port, source_address=plane.addr("subscriber", version))
    with plane.receiver("mediation", port) as content, frames(plane, "subscriber") as send:
        for t in tags:
            send(t + kind + packet)
        send(kind + packet + b"\xaa" * 18)
        send(tags[2] + kind + packet + b"\xaa" * 30)
        content.wait(6)
        account = plane.account(before)
    assert content.got == [packet] * 6
    assert account["matched"] == account["sent"] == 6


@pytest.mark.parametrize("version", BOTH)
def test_later_fragments_follow_their_first(plane, version):
    """Tapped by port: every fragment, exactly as it came, and each counted once."""
    port, source = plane.port(), plane.addr("subscriber", version)
    before = plane.stats()
    plane.put(port, source_address=source, dest_port=TARGET_PORT)
    with copies_to(plane, port) as copies, plane.udp("subscriber", version) as s, plane.sniffer(
            "subscriber", outgoing=True, keep=lambda d: pcap.Packet(d).proto == 17) as sent:
        for i in range(5):
            s.sendto(bytes([i]) * 5000, (plane.addr("internet", version), TARGET_PORT))
            s.sendto(bytes([i]) * 5000, (plane.addr("internet", version), TARGET_PORT + 1))
        sent.wait(5 * 2 * 4)
        wanted, take = [], False
        for data in sent.got:  # the two datagrams take turns, each begins with its first fragment
            p = pcap.Packet(data)
            take = p.dport == TARGET_PORT if not p.later else take
            wanted += [data] if take else []
        got = whole(copies.got, len(wanted))
        account = plane.account(before)
    assert len(wanted) == 20
    assert not difference(wanted, [outer(4, c)[5] for c in got])
    # of the other port's datagrams the first did not match: their later fragments are not known
    assert (account["matched"], account["frag_unknown"]) == (20, 15)


@pytest.mark.parametrize("version", BOTH)
def test_fragments_of_a_ping(plane, version):
    """Tapped by ICMP type, which only the first fragment has."""
    port, kind = plane.port(), {4: 8, 6: 128}[version]
    family, proto = {4: (socket.AF_INET, socket.IPPROTO_ICMP), 6: (socket.AF_INET6, socket.IPPROTO_ICMPV6)}[version]
    before = plane.stats()
    plane.put(port, source_address=plane.addr("subscriber", version), icmp_type=kind)
    with copies_to(plane, port) as copies, plane.inside("subscriber", socket.socket, family, socket.SOCK_RAW, proto) \
            as s, plane.sniffer("subscriber", outgoing=True, keep=lambda d: pcap.Packet(d).proto == proto) as sent:
        s.sendto(struct.pack("!BBHHH", kind, 0, 0, 1, 1) + bytes(4000), (plane.addr("internet", version), 0))
        until("fragments sent", lambda: [d for d in sent.got if pcap.Packet(d).later][1:])
        wanted = [d for d in sent.got if pcap.Packet(d).later or pcap.Packet(d).icmp[0] == kind]
        got = whole(copies.got, 3)
        plane.account(before)
    assert len(wanted) == 3 and not difference(wanted, [outer(4, c)[5] for c in got])


@pytest.mark.parametrize("version", BOTH)
def test_fragment_before_its_first_is_counted(plane, version):
    port, source = plane.port(), plane.addr("subscriber", version)
    by_port = plane.put(port, source_address=source, dest_port=TARGET_PORT)
    by_host = plane.put(port, source_address=source, dest_address=plane.addr("internet", version))
    before = plane.stats()
    with plane.udp("subscriber", version) as s, plane.sniffer(
            "subscriber", outgoing=True, keep=lambda d: pcap.Packet(d).proto == 17) as sent:
        plane.offloads(False)
        s.sendto(b"f" * 2000, (plane.addr("internet", version), TARGET_PORT))
        pieces = list(sent.wait(2))
    plane.offloads(True)
    until("both fragments counted", lambda: plane.counts(by_host)[0] == 2)
    later = bytearray(pieces[1])  # the same as of another datagram
    if version == 4:
        later[4] ^= 0xFF
        later[10:12] = b"\0\0"
        later[10:12] = pcap.checksum(bytes(later[:20])).to_bytes(2, "big")
    else:
        later[44] ^= 0xFF
    with copies_to(plane, port) as copies, plane.injector("subscriber") as inject:
        inject(later)
        whole(copies.got, 1)
        account = plane.account(before)
    assert account["frag_unknown"] == 1
    assert plane.counts(by_port)[0] == 2 and plane.counts(by_host)[0] == 3


# ---- the way to the mediation device ----


def send_targets(plane, count, version=4, size=64):
    packets = [target_packet(plane, version, b"%05d" % i + bytes(size)) for i in range(count)]
    with plane.injector("subscriber") as inject:
        for p in packets:
            inject(p)
    return packets


@contextlib.contextmanager
def neighbour_unknown(plane):
    """The router does not know the mediation device; it does know the others."""
    plane.ip("router", "neigh", "flush", "dev", plane.port_of("mediation"))
    plane.ip("router", "-6", "neigh", "flush", "dev", plane.port_of("mediation"))
    yield


@pytest.mark.parametrize("out", BOTH)
@pytest.mark.parametrize("size", [64, 1450])
def test_first_copies_wait_for_the_neighbour(plane, out, size):
    """No copy is lost while the next hop's address is asked for, the ones in fragments neither."""
    port = plane.port()
    for v in BOTH:
        with plane.udp("subscriber", v) as s, plane.receiver("internet", port, v) as forwarded:
            s.sendto(b"", (plane.addr("internet", v), port))
            forwarded.wait(1)
    plane.put(port, version=out, protocol="17", dest_port=TARGET_PORT)
    for _ in range(3):
        before = plane.stats()
        with copies_to(plane, port) as copies, neighbour_unknown(plane):
            packets = send_targets(plane, 20, size=size)
            got = whole(copies.got, 20)
            account = plane.account(before)
        assert not difference(packets, [outer(out, c)[5] for c in got])
        assert account["sent"] == 20 and account["neigh_pending"] >= 1


@pytest.mark.parametrize("out", BOTH)
def test_dead_next_hop(plane, out):
    """Copies wait for a next hop as long as it may answer; then they are lost, and the account says so.  When it
    comes to life, it gets them; and when it is forgotten, the first copies wait again."""
    dead, port = {4: "192.0.2.77", 6: "2001:db8:3::77"}[out], plane.port()
    before = plane.stats()
    plane.put((dead, port), version=out, protocol="17", dest_port=TARGET_PORT)
    send_targets(plane, 3)
    start = time.monotonic()
    account = plane.account(before)
    assert (account["sent"], account["neigh_pending"], account["lost_no_neighbour"]) == (3, 3, 0)
    until("the time it has", lambda: time.monotonic() > start + NEIGH_WAIT + 0.1)
    before = plane.stats()
    send_targets(plane, 50)
    account = plane.account(before)
    assert (account["due"], account["sent"], account["lost_no_neighbour"]) == (50, 0, 50)

    plane.ip("mediation", "addr", "add", dead, "dev", "eth0", *(("nodad",) if out == 6 else ()))
    try:
        with plane.receiver("mediation", port, out, addr=dead) as content:
            # those that only went to ask are counted as lost
            until("a copy after its revival", lambda: send_targets(plane, 1) and plane.stats()["sent"] > before["sent"])
            with neighbour_unknown(plane):
                before = plane.stats()
                packets = send_targets(plane, 20, size=100)
                account = plane.account(before)
                until("the copies that waited", lambda: not set(packets) - set(content.got))
        assert account["sent"] == 20 and account["neigh_pending"] > 0
    finally:
        plane.ip("mediation", "addr", "del", dead, "dev", "eth0")


def test_more_than_can_wait_is_counted(plane):
    """What the kernel would drop silently from the queue of a next hop is not put there."""
    before = plane.stats()
    plane.put(("192.0.2.78", plane.port()), protocol="17", dest_port=TARGET_PORT)
    send_targets(plane, 400, size=1000)
    account = plane.account(before)
    assert account["sent"] == account["neigh_pending"] and 0 < account["sent"] < 200
    assert account["lost_no_neighbour"] == 400 - account["sent"]


def test_route_changes_are_followed(plane):
    """Another way, no way, and back, from one packet to the next."""
    port, moved = plane.port(), "198.18.0.2"
    plane.put((moved, port), protocol="17", dest_port=TARGET_PORT)
    hosts = "mediation", "internet"
    for h in hosts:
        plane.ip(h, "addr", "add", f"{moved}/32", "dev", "lo")
    before = plane.stats()
    try:
        with plane.receiver("mediation", port, addr=moved) as one, plane.receiver("internet", port, addr=moved) as two:
            for i, receiver in enumerate([one, two, one, two]):
                role = hosts[i % 2]
                plane.ip("router", "route", "replace", f"{moved}/32", "via", plane.addr(role))
                send_targets(plane, 5)
                receiver.wait(5 * (i // 2 + 1))
            for kind in "blackhole", "unreachable", "prohibit":
                plane.ip("router", "route", "replace", kind, f"{moved}/32")
                send_targets(plane, 2)
            plane.ip("router", "route", "del", f"{moved}/32")
            send_targets(plane, 4)
            account = plane.account(before)
    finally:
        for h in hosts:
            plane.ip(h, "addr", "del", f"{moved}/32", "dev", "lo")
    assert (account["due"], account["sent"], account["lost_no_route"]) == (30, 20, 10)
    assert len(one.got) == len(two.got) == 10


@pytest.mark.parametrize("out", BOTH)
def test_mtu_of_the_route(plane, out):
    """Outer fragments of the size that the way takes; too many of them for one copy are a counted loss."""
    port, host = plane.port(), plane.addr("mediation", out)
    plane.put(port, version=out, protocol="17", dest_port=TARGET_PORT)
    family = ("-6",) if out == 6 else ()
    for mtu in 1280, 1281, 1287, 1499:
        plane.ip("router", *family, "route", "replace", host, "dev", plane.port_of("mediation"),
                 "mtu", "lock", str(mtu))  # without "lock" a router forwards by the device's alone
        before = plane.stats()
        with copies_to(plane, port) as copies:
            packets = send_targets(plane, 3, size=1450)
            got = whole(copies.got, 3)
            plane.account(before)
        assert not difference(packets, [outer(out, c)[5] for c in got])
        assert max(map(len, copies.got)) <= mtu < max(map(len, copies.got)) + 8
        assert all(map(pcap.checksums_right, got + copies.got))
    plane.ip("router", *family, "route", "del", host, "dev", plane.port_of("mediation"))


@pytest.fixture
def jumbo(plane):
    """Customer links that take packets of up to 65,535 bytes."""
    for role in "subscriber", "internet":
        for ns, dev in (role, "eth0"), ("router", plane.port_of(role)):
            plane.ip(ns, "link", "set", dev, "mtu", "65535")
    yield
    for role in "subscriber", "internet":
        for ns, dev in (role, "eth0"), ("router", plane.port_of(role)):
            plane.ip(ns, "link", "set", dev, "mtu", "1500")


@pytest.mark.parametrize("inner,out", COMBINATIONS)
def test_jumbo_packets(plane, jumbo, inner, out):
    """Copied in as many outer fragments as it takes; beyond what the kernel can encapsulate, counted."""
    port = plane.port()
    plane.put(port, version=out, protocol="17", dest_port=TARGET_PORT)
    sizes = 4000, 5913, 8900, 15000, 15900
    packets = [target_packet(plane, inner, bytes([i]) * n) for i, n in enumerate(sizes)]
    before = plane.stats()
    with copies_to(plane, port) as copies, plane.injector("subscriber") as inject:
        for p in packets + [target_packet(plane, inner, bytes(n)) for n in (16100, 40000, 65000)]:
            inject(p)
        got = whole(copies.got, len(packets))
        account = plane.account(before)
    assert not difference(packets, [outer(out, c)[5] for c in got])
    assert all(map(pcap.checksums_right, got + copies.got))
    assert (account["sent"], account["lost_too_big"], account["fragmented"]) == (5, 3, 5)


def test_queue_of_the_content_port_is_accounted(plane):
    """A shaper on the way refuses copies: those are lost, all others arrive."""
    port, link = plane.port(), plane.port_of("mediation")
    plane.put(port, protocol="17", dest_port=TARGET_PORT)
    argv = "tc", "qdisc", "replace", "dev", link, "root", "tbf", "rate", "4mbit", "burst", "3000", "limit", "20000"
    plane.run("router", *argv)
    try:
        before = plane.stats()
        with plane.receiver("mediation", port) as content:
            send_targets(plane, 200, size=1000)
            account = plane.account(before)
            content.wait(account["sent"])
    finally:
        plane.run("router", *plane.queue)
    assert account["lost_tx"] > 0 and account["sent"] + account["lost_tx"] == 200
    assert len(content.got) == account["sent"]


def test_content_port_down_is_accounted(plane):
    port, link = plane.port(), plane.port_of("mediation")
    plane.put(port, protocol="17", dest_port=TARGET_PORT)
    before = plane.stats()
    plane.ip("router", "link", "set", link, "down")
    try:
        send_targets(plane, 10)
        account = plane.account(before)
    finally:
        plane.ip("router", "link", "set", link, "up")
        plane.ip("router", "addr", "replace", plane.addr("router", 6) + "/64", "dev", link, "nodad")
    assert (account["due"], account["sent"], account["lost_no_route"]) == (10, 0, 10)
    with plane.receiver("mediation", port) as content:
        send_targets(plane, 1)
        content.wait(1)


def open_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def read_all(fd, into):
    """What was sent through a tun interface, without the kernel's own neighbour discovery."""
    with contextlib.suppress(BlockingIOError):
        while True:
            data = os.read(fd, 65536)
            if pcap.Packet(data).proto == 17:
                into.append(data)


@pytest.mark.parametrize("out", BOTH)
def test_content_leaves_without_ethernet(plane, out):
    """A tun interface has no neighbours: nothing to wait for, and nothing to give up."""
    port, got, sent = plane.port(), [], []
    there = {4: "198.18.3.1", 6: "2001:db8:7::1"}[out]
    fd = plane.inside("router", open_tun, "ct0")
    try:
        plane.ip("router", "link", "set", "ct0", "up")
        plane.ip("router", *(("-6",) if out == 6 else ()), "route", "add", there, "dev", "ct0")
        before = plane.stats()
        plane.put((there, port), version=out, protocol="17", dest_port=TARGET_PORT)
        end = time.monotonic() + NEIGH_WAIT + 0.5
        while time.monotonic() < end:
            sent += send_targets(plane, 2, size=64) + send_targets(plane, 1, size=1450)
            until("the copies", lambda: read_all(fd, got) or len(got) >= len(sent) * 4 // 3)
        account = plane.account(before)
    finally:
        os.close(fd)
    assert not difference(sent, [outer(out, c)[5] for c in reassembled(got)])
    assert account["due"] == account["sent"] == len(sent)


def test_content_leaves_through_a_bridge(plane):
    """The route decides, whatever kind of interface it names."""
    port, link = plane.port(), plane.port_of("mediation")
    plane.ip("router", "link", "add", "br0", "type", "bridge")
    plane.ip("router", "link", "set", link, "master", "br0")
    plane.ip("router", "addr", "add", "10.8.0.1/24", "dev", "br0")
    plane.ip("router", "link", "set", "br0", "up")
    plane.ip("mediation", "addr", "add", "10.8.0.10/24", "dev", "eth0")
    try:
        plane.put(("10.8.0.10", port), protocol="17", dest_port=TARGET_PORT)
        before = plane.stats()
        with plane.receiver("mediation", port, addr="10.8.0.10") as content:
            packets = send_targets(plane, 10, size=1450)
            content.wait(10)
            account = plane.account(before)
    finally:
        plane.ip("mediation", "addr", "del", "10.8.0.10/24", "dev", "eth0")
        plane.ip("router", "link", "del", "br0")
    assert not difference(packets, content.got) and account["sent"] == account["fragmented"] == 10


# ---- our own traffic, limits, bursts ----


def test_original_keeps_its_mark(plane):
    """Ours is gone before the router's rules look at the packet."""
    ports = [plane.port() for _ in range(2)]
    before = plane.stats()
    plane.put(*ports, protocol="17", dest_port=TARGET_PORT)
    plane.ip("router", "rule", "add", "not", "fwmark", "0/0xffffffff", "prohibit")
    try:
        with copies_to(plane, *ports) as copies, plane.sniffer("internet", keep=to_the_internet) as forwarded:
            send_targets(plane, 10)
            copies.wait(20)
            forwarded.wait(10)
            plane.account(before)
    finally:
        plane.ip("router", "rule", "del", "not", "fwmark", "0/0xffffffff", "prohibit")


@pytest.mark.parametrize("out", BOTH)
def test_copies_that_come_back_are_not_copied(plane, out):
    """All traffic is tapped on all ports, and the mediation device sends the copies back through the router,
    which sends them there again: whole ones, fragments, and at last the error that their time is over."""
    port, hairpin, expired = plane.port(), {4: "198.18.0.1", 6: "2001:db8:9::1"}[out], {4: (11, 0), 6: (3, 0)}[out]
    family = ("-6",) if out == 6 else ()
    # Otherwise an IPv4 router drops what has its own source address, after the tap.
    accept = {f"ipv4__conf__{plane.port_of('mediation')}__accept_local": 1}
    net.sysctl(plane.ns("router"), **accept)
    net.sysctl(plane.ns("mediation"), ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    plane.ip("router", *family, "route", "add", hairpin, "via", plane.addr("mediation", out))
    try:
        # What waits for a next hop's address may be lost there; that is not what this is about.
        net.run(*net.argv_inside(plane.ns("router"), ["ping", f"-{out}", "-c", "1", "-W", "5", plane.addr("mediation", out)]))
        before = plane.stats()
        with plane.sniffer("mediation", keep=lambda d: pcap.Packet(d).ttl == 9) as copies, plane.sniffer(
                "router", plane.port_of("mediation"), keep=lambda d: pcap.Packet(d).icmp == expired) as errors:
            # Now: a host may ask for a neighbour at any time, which is a packet like others.
            plane.put((hairpin, port), version=out, ttl=9)
            packets = send_targets(plane, 4) + send_targets(plane, 2, size=1440)
            # 4 whole ones and 2 in two fragments; in IPv4 there is no error about a later fragment
            errors.wait(4 + 2 if out == 4 else 4 + 2 * 2)
            last, = send_targets(plane, 1, size=1)
            until("the last copy", lambda: [
                outer(out, c)[5] for c in whole(copies.got, 7) if outer(out, c)[5] == last])
            account = plane.account(before)
            got = [outer(out, c)[5] for c in whole(copies.got, account["sent"])]
    finally:
        plane.ip("router", *family, "route", "del", hairpin)
        net.sysctl(plane.ns("mediation"), ipv4__ip_forward=0, ipv6__conf__all__forwarding=0)
        net.sysctl(plane.ns("router"), **dict.fromkeys(accept, 0))
    assert not difference(packets, [x for x in got if x in packets])
    assert account["own_copy"] >= 4 * (4 + 2 * 2) + len(errors.got)  # each four times, and the errors
    for i in map(pcap.Packet, got):
        assert str(i.src) != plane.addr("router", out) or i.proto != 17, "a copy of a copy"
        assert str(i.src) != plane.addr("mediation", out) or i.icmp != expired, "an error about a copy was copied"


def test_deletion_during_traffic(plane):
    """Criteria come and go under load: what was handed over and has nowhere to go any more is counted."""
    port = plane.port()
    before = plane.stats()
    with plane.receiver("mediation", port) as content:
        sender = threading.Thread(target=send_targets, args=(plane, 4000))
        sender.start()
        while sender.is_alive():
            uid = plane.put(port, protocol="17", dest_port=TARGET_PORT)
            until("a match", lambda: plane.counts(uid)[0] or not sender.is_alive())
            plane.ask(f"delete {uid}")
        sender.join()
        account = plane.account(before)
        content.wait(account["sent"])
    assert account["sent"] > 0 and len(content.got) == account["sent"]
    assert account["due"] == account["sent"] + account["lost_gone_out"]


def test_more_copies_than_the_limit(plane):
    """40 criteria x 2 destinations of one packet: 64 copies, and 16 counted as lost."""
    ports = [plane.port() for _ in range(80)]
    for i in range(0, 80, 2):
        plane.put(*ports[i:i + 2], source_address=plane.addr("subscriber"), protocol="17", dest_port=TARGET_PORT)
    before = plane.stats()
    with copies_to(plane, *ports) as copies:
        packet, = send_targets(plane, 1)
        copies.wait(64)
        account = plane.account(before)
    got = [outer(4, c) for c in copies.got]
    assert len({o[3] for o in got}) == len(got) == 64 and {o[5] for o in got} == {packet}
    assert [account[k] for k in ("matched", "due", "sent", "lost_limit")] == [40, 80, 64, 16]


def test_an_agency_does_not_take_the_copies_of_another(plane):
    """Agency 1 has more criteria for a packet than are served; those of 2 and 3, older and newer, all are."""
    ports, older, newer = [plane.port() for _ in range(80)], plane.port(), plane.port()
    plane.put(older, agency=2, protocol="17", dest_port=TARGET_PORT)
    for i in range(0, 80, 2):
        plane.put(*ports[i:i + 2], agency=1, source_address=plane.addr("subscriber"), dest_port=TARGET_PORT)
    plane.put(newer, agency=3, protocol="17", dest_port=TARGET_PORT)
    before = plane.stats()
    with copies_to(plane, older, newer) as copies:
        send_targets(plane, 3)
        copies.wait(6)
        account = plane.account(before)
    assert sorted(outer(4, c)[3] for c in copies.got) == [older] * 3 + [newer] * 3
    assert [account[k] for k in ("due", "sent", "lost_limit")] == [3 * 82, 3 * 66, 3 * 16]


@pytest.mark.parametrize("others", [0, 1, 7])
def test_copies_keep_the_order_of_their_criteria(plane, others):
    """Whatever another agency has for the same packet, before, between and after, and has deleted."""
    ports, gone = [plane.port() for _ in range(6)], []
    shapes = [{"dest_address": plane.addr("internet"), "dest_port": TARGET_PORT}, {"source_address": plane.addr("subscriber")},
              {"source_address": plane.addr("subscriber"), "protocol": "17"}]

    def other(shape):
        gone.append(plane.put(plane.port(), agency=2, **shape))
        plane.put(plane.port(), agency=2, **shape)

    for i, port in enumerate(ports):
        for _ in range(others):
            other(shapes[(i + 1) % 3])
        plane.put(port, agency=1, **shapes[i % 3])
    for uid in gone:
        plane.ask(f"delete {uid}")
    with copies_to(plane, *ports) as copies:
        send_targets(plane, 1)
        copies.wait(6)
    assert [outer(4, c)[3] for c in copies.got] == ports


def test_burst_of_256_with_4_copies_each(plane):
    """The copies suffer, never the forwarded packets, and each loss is counted."""
    ports = [plane.port() for _ in range(4)]
    packet = target_packet(plane, 4, b"x" * 64)
    with copies_to(plane, *ports) as copies, plane.sniffer("internet", keep=to_the_internet) as forwarded:
        burst(plane, "subscriber", packet, 1)
        forwarded.wait(1)
        for port in ports:
            plane.put(port, dest_port=TARGET_PORT)
        burst(plane, "subscriber", packet, 1)  # all neighbours are known after it
        copies.wait(len(ports))
        before = plane.stats()
        for n in range(1, 6):
            burst(plane, "subscriber", packet, MOST)
            forwarded.wait(2 + n * MOST)
        account = plane.account(before)
        copies.wait(len(ports) + account["sent"])
    assert len(forwarded.got) == 2 + 5 * MOST
    assert account["due"] == 5 * MOST * 4
    assert len(copies.got) == len(ports) + account["sent"]
    assert {outer(4, c)[5] for c in copies.got} == {packet}
