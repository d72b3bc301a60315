# SPDX-License-Identifier: BSD-2-Clause
"""The main job: ask over SSH, receive an exact copy."""

import re
import socket
import struct
import subprocess

import paramiko
import pytest
from rig import difference, dtcp, net, outer, pcap, reassembled, udp_packet, until

BOTH = 4, 6
COMBINATIONS = [(i, o) for i in BOTH for o in BOTH]


def sent_to(rig, port):
    """Copies that arrive at the mediation device for a content port, with their outer header."""
    def keep(data):
        p = pcap.Packet(data)
        return p.proto == 17 and (p.later or p.dport == port)
    return rig.sniffer("mediation", keep=keep)


def say(rig, role, version, count, size=64, port=5000):
    """UDP datagrams from a host to its opposite, each different."""
    to = "internet" if role == "subscriber" else "subscriber"
    with rig.udp(role, version) as s:
        for i in range(count):
            s.sendto(f"{role} {i} ".encode().ljust(size, b"."), (rig.addr(to, version), port))


@pytest.mark.parametrize("version", BOTH)
def test_first_packet_after_the_answer_is_copied(rig, version):
    port = rig.port()
    target = rig.addr("subscriber", version)
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.udp("subscriber", version) as u:
        for i in range(50):
            ident = s.add(source_address=target, protocol="17", dest_port="5000", **rig.destination(port))
            u.sendto(b"first %d" % i, (rig.addr("internet", version), 5000))
            content.wait(i + 1)
            assert content.got[i].endswith(b"first %d" % i)
            assert s.ask("DELETE", f"Criteria-ID: {ident}", "Flags: STATIC").get("CRITERIA-COUNT") == "1"
            u.sendto(b"after %d" % i, (rig.addr("internet", version), 5000))
        assert not [c for c in content.got if b"after" in c]


@pytest.mark.parametrize("inner,out", COMBINATIONS)
def test_both_directions_exact(rig, wire_sized, inner, out):
    """Every byte from the IP header on, TTL not yet lowered, behind the outer header that was asked for."""
    port, target = rig.port(), rig.addr("subscriber", inner)

    def of_target(data):
        p = pcap.Packet(data)
        return p.proto == 17 and p.dport == 5000

    with rig.session() as s, sent_to(rig, port) as copies, \
            rig.sniffer("subscriber", outgoing=True, keep=of_target) as up, \
            rig.sniffer("internet", outgoing=True, keep=of_target) as down:
        # Only what the test sends: hosts also answer with ICMP errors and ask for their neighbours.
        s.add(source_address=target, protocol="17", dest_port="5000", ttl=33, **rig.destination(port, out))
        s.add(dest_address=target, protocol="17", dest_port="5000", ttl=33, **rig.destination(port, out))
        for size in 1, 64, 700, 1472 if inner == 4 else 1452:
            say(rig, "subscriber", inner, 5, size)
            say(rig, "internet", inner, 5, size)
        up.wait(20), down.wait(20)
        until("40 copies", lambda: len(whole(copies.got)) >= 40)
        got = [outer(out, c) for c in whole(copies.got)]
    assert {g[:5] for g in got} == {(rig.addr("router", out), rig.addr("mediation", out), 49153, port, 33)}
    assert not difference(up.got + down.got, [g[5] for g in got])
    for c in copies.got:
        assert c[0] >> 4 != 4 or not c[6] & 0x40, "outer DF is set"


def whole(packets):
    try:
        return reassembled(packets)
    except AssertionError:  # the other half is still on its way
        return []


def test_full_size_packet_arrives_through_an_ordinary_socket(rig):
    port = rig.port()
    with rig.session() as s, rig.receiver("mediation", port) as content, \
            rig.receiver("mediation", port, 6) as content6, rig.injector("subscriber") as inject:
        packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, bytes(range(256)) * 5 + bytes(192))
        assert len(packet) == 1500
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        s.add(source_address=rig.addr("subscriber"), cdest="cd6", **rig.destination(port, 6))
        inject(packet)
        assert content.wait(1) == [packet] and content6.wait(1) == [packet]


def test_two_destinations(rig):
    a, b = rig.port(), rig.port()
    with rig.session() as s, rig.receiver("mediation", a) as one, rig.receiver("mediation", b) as two:
        s.add(cdest=["a", "b"], to=[(rig.addr("mediation"), a), (rig.addr("mediation"), b)],
              source_address=rig.addr("subscriber"))
        say(rig, "subscriber", 4, 10)
        assert not difference(one.wait(10), two.wait(10))


def test_every_criterion_gets_its_own_copy(rig):
    """64 copies of one packet; the 65th and 66th are counted as lost."""
    port = rig.port()
    before = rig.account_closed()
    with rig.session() as s, rig.receiver("mediation", port) as content:
        for i in range(33):
            s.add(cdest=["a", "b"], to=[(rig.addr("mediation"), port)] * 2, source_address=rig.addr("subscriber"),
                  dest_port="5000", protocol="17")
        say(rig, "subscriber", 4, 1)
        content.wait(64)
        due, sent, losses = rig.account_closed()
    assert len(content.got) == 64
    assert due - before[0] == 66 and sent - before[1] == 64
    assert losses["copy-limit"] - before[2].get("copy-limit", 0) == 2


# criterion elements, packets (protocol, source port or ICMP type, destination port or code) that match and do not
FILTERS = [
    ({"protocol": "17", "dest_port": "53"}, [(17, 9, 53)], [(17, 53, 9), (6, 9, 53)]),
    ({"protocol": "6,17", "dest_port": "53,1024-2000"}, [(6, 1, 53), (17, 1, 1024), (17, 1, 2000)],
     [(17, 1, 1023), (6, 1, 2001)]),
    ({"protocol": "17", "dest_port": "60000-*"}, [(17, 1, 60000), (17, 1, 65535)], [(17, 1, 59999)]),
    ({"protocol": "17", "source_port": "*-99"}, [(17, 0, 7), (17, 99, 7)], [(17, 100, 7)]),
    ({"protocol": "17", "dest_port": "1-100,!50"}, [(17, 1, 49), (17, 1, 51)], [(17, 1, 50), (17, 1, 101)]),
    ({"protocol": "!17"}, [(6, 1, 1), (1, 8, 0)], [(17, 1, 1)]),
    ({"dest_port": "7"}, [(6, 1, 7), (17, 1, 7)], [(1, 8, 0), (47, 0, 0)]),
    ({"protocol": "1", "icmp_type": "8", "icmp_code": "0-3"}, [(1, 8, 0), (1, 8, 3)], [(1, 0, 0), (1, 8, 4)]),
    ({}, [(6, 1, 1), (17, 1, 1), (1, 8, 0), (47, 0, 0)], []),
]


def packet_of(rig, mark, protocol, a, b, version=4):
    """A packet of the protocol between the hosts that carries a mark."""
    data = udp_packet(rig.addr("subscriber", version), rig.addr("internet", version), a, b, b"%08d" % mark)
    head, body = (20, bytearray(data[20:])) if version == 4 else (40, bytearray(data[40:]))
    if protocol in (1, 58):
        body[0:2] = bytes((a, b))
    if protocol == 6:
        body = bytearray(struct.pack("!HHIIBBHHH", a, b, mark, 0, 0x50, 2, 1000, 0, 0)) + body[8:]
    packet = bytearray(data[:head]) + body
    packet[9 if version == 4 else 6] = protocol
    if version == 4:
        packet[2:4] = len(packet).to_bytes(2, "big")
        packet[10:12] = b"\0\0"
        packet[10:12] = pcap.checksum(bytes(packet[:20])).to_bytes(2, "big")
    else:
        packet[4:6] = len(body).to_bytes(2, "big")
    return bytes(packet)


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("elements,yes,no", FILTERS, ids=lambda x: str(x)[:40])
def test_filter_elements(rig, version, elements, yes, no):
    """What matches is copied, what does not is not; a last packet that matches says that all was seen."""
    port, host = rig.port(), rig.addr("subscriber", version)
    if version == 6 and "icmp_type" in elements:
        elements, yes, no = {**elements, "protocol": "58"}, [(58, *t[1:]) for t in yes], [(58, *t[1:]) for t in no]
    wanted, unwanted = ([packet_of(rig, i, *t, version) for i, t in enumerate(x)] for x in (yes, no))
    last = packet_of(rig, 99, 253, 0, 0, version)
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        s.add(source_address=f"{host}/{32 if version == 4 else 128}", **elements, **rig.destination(port))
        s.add(source_address=host, protocol="253", **rig.destination(port))
        for p in unwanted + wanted + [last]:
            inject(p)
        twice = not elements or elements == {"protocol": "!17"}  # the first criterion matches the last packet too
        until("the last packet", lambda: content.got.count(last) == 1 + twice)
    assert not difference(wanted + [last] * (1 + twice), content.got)


@pytest.mark.parametrize("spec,yes,no", [
    ("198.51.100.0/25", "198.51.100.127", "198.51.100.128"),
    ("198.51.100.20-198.51.100.29", "198.51.100.29", "198.51.100.30"),
    ("198.51.100.100-*", "198.51.100.100", "198.51.100.99"),
    ("*-198.51.100.9", "198.51.100.9", "198.51.100.10"),
    ("198.51.100.0/24,!198.51.100.77", "198.51.100.76", "198.51.100.77"),
    ("2001:db8:1::/64", "2001:db8:1::ffff", "2001:db8:2::1"),
    ("2001:db8:1::20-2001:db8:1::29", "2001:db8:1::29", "2001:db8:1::2a"),
    ("!2001:db8:1::66", "2001:db8:1::67", "2001:db8:1::66"),
])
def test_address_forms(rig, spec, yes, no):
    port = rig.port()
    dst = rig.addr("internet", 6 if ":" in yes else 4)
    last = udp_packet(yes, dst, 1, 2, b"last")
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        s.add(source_address=spec, **rig.destination(port))
        inject(udp_packet(no, dst, 1, 2, b"no"))
        inject(udp_packet(yes, dst, 1, 2, b"yes"))
        inject(last)
        until("the last packet", lambda: last in content.got)
    ours = [p[-3:] for p in content.got if pcap.Packet(p).proto == 17]  # not the hosts' neighbour discovery
    assert ours == [b"yes", b"ast"]


def test_fragments_follow_their_first(rig):
    """A datagram in fragments, tapped by its port: every fragment is copied as it came."""
    port = rig.port()
    for version in BOTH:
        with rig.session() as s, rig.receiver("mediation", port) as content, \
                rig.sniffer("subscriber", outgoing=True, keep=lambda d: pcap.Packet(d).proto == 17) as out:
            s.add(protocol="17", dest_port="5353", **rig.destination(port))
            say(rig, "subscriber", version, 3, 4000, 5353)
            assert len(out.wait(9)) == 9
            assert not difference(out.got, content.wait(9))
        rig.forget_all()


def test_options_and_extension_headers(rig):
    """Copied whole, and matched by the ports behind them."""
    port = rig.port()
    plain4 = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 5353, b"options")
    head = bytearray(plain4[:20] + bytes.fromhex("01010101") + bytes.fromhex("94040000"))
    head[0], head[2:4], head[10:12] = 0x47, (len(plain4) + 8).to_bytes(2, "big"), b"\0\0"
    head[10:12] = pcap.checksum(bytes(head)).to_bytes(2, "big")
    packets = [bytes(head) + plain4[20:]]
    plain6 = udp_packet(rig.addr("subscriber", 6), rig.addr("internet", 6), 1, 5353, b"extension")
    for n in 1, 8:
        chain = b"".join(bytes((60 if i < n - 1 else 17, 0, 1, 4, 0, 0, 0, 0)) for i in range(n))
        packets.append(plain6[:4] + (len(plain6) - 40 + len(chain)).to_bytes(2, "big") + b"\x3c" + plain6[7:40]
                       + chain + plain6[40:])
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        s.add(protocol="17", dest_port="5353", **rig.destination(port))
        for p in packets:
            inject(p)
        assert not difference(packets, content.wait(len(packets)))


@pytest.mark.parametrize("version", BOTH)
def test_segment_trains_leave_as_they_were_on_the_wire(rig, version):
    """TSO at the sender, GRO at the router: the copies are wire-sized, complete, and hold the stream."""
    port, size = rig.port(), 3_000_000
    data = bytes(range(251)) * (size // 251)
    before = rig.account_closed()
    listener = rig.inside("internet", socket.create_server, (rig.addr("internet", version), 0),
                          family=socket.AF_INET if version == 4 else socket.AF_INET6)
    with rig.session() as s, rig.receiver("mediation", port) as content, listener:
        s.add(source_address=rig.addr("subscriber", version), protocol="6", **rig.destination(port))
        up = net.tcp_connect(rig.ns("subscriber"), *listener.getsockname()[:2])
        peer, _ = listener.accept()
        with up, peer:
            received = 0
            for at in range(0, len(data), 60000):
                up.sendall(data[at:at + 60000])
                while received < min(at + 60000, len(data)):
                    received += len(peer.recv(1 << 20))
        due, sent, losses = rig.account_closed()
        due, sent = due - before[0], sent - before[1]
        assert losses == before[2] and due == sent
        content.wait(sent)
    stream, first = {}, None
    for c in content.got:
        p = pcap.Packet(c)
        assert len(c) <= 1500 and pcap.checksums_right(c)
        seq, flags = struct.unpack_from("!I", p.payload, 4)[0], p.payload[13]
        if flags & 2:
            first = seq + 1
        body = p.payload[(p.payload[12] >> 4) * 4:]
        if body:
            stream[(seq - first) & 0xFFFFFFFF] = body
    assert len(content.got) == sent
    assert b"".join(stream[k] for k in sorted(stream)) == data


def test_wildcard_taps_neither_our_ssh_nor_our_copies(rig):
    """Everything is tapped, and the content comes back in at the router: it must not be copied again."""
    port, hairpin = rig.port(), "198.18.0.1"
    with rig.session() as s:
        net.sysctl(rig.ns("mediation"), ipv4__ip_forward=1)
        net.run("ip", "-n", rig.ns("router"), "route", "add", f"{hairpin}/32", "via", rig.addr("mediation"))
        try:
            with sent_to(rig, port) as copies:
                before = rig.show()
                s.add(to=(hairpin, port), src=(rig.addr("router"), 49153), ttl=9)
                say(rig, "subscriber", 4, 1)
                for _ in range(5):
                    assert s.ask("NOOP").code == 200
                until("the copy and that of the answer to it", lambda: len(copies.got) >= 2)
                now = until("the copies that came back", lambda: (x := rig.show())["information"][
                    "own-copies-skipped"] > before["information"]["own-copies-skipped"] and x)
                assert now["information"]["own-ssh-skipped"] > before["information"]["own-ssh-skipped"]
                inner = [outer(4, c)[5] for c in copies.got]
        finally:
            net.run("ip", "-n", rig.ns("router"), "route", "del", f"{hairpin}/32")
            net.sysctl(rig.ns("mediation"), ipv4__ip_forward=0)
    for data in map(pcap.Packet, inner):
        assert not (data.proto == 17 and data.dport == port), "a copy of a copy"
        assert not (data.proto == 6 and rig.lab["ssh_port"] in (data.sport, data.dport)), "our own SSH was tapped"


def test_route_change_is_followed(rig):
    """The copy after a route change goes the new way."""
    port, moved = rig.port(), "198.18.0.2"
    hosts = "mediation", "internet"
    for h in hosts:
        net.run("ip", "-n", rig.ns(h), "addr", "add", f"{moved}/32", "dev", "lo")
    try:
        with rig.session() as s, rig.receiver("mediation", port, addr=moved) as one, \
                rig.receiver("internet", port, addr=moved) as two:
            net.run("ip", "-n", rig.ns("router"), "route", "replace", f"{moved}/32", "via", rig.addr("mediation"))
            s.add(source_address=rig.addr("subscriber"), to=(moved, port), src=(rig.addr("router"), 49153))
            say(rig, "subscriber", 4, 5)
            one.wait(5)
            net.run("ip", "-n", rig.ns("router"), "route", "replace", f"{moved}/32", "via", rig.addr("internet"))

            def arrived():
                say(rig, "subscriber", 4, 1)
                return two.got
            until("a copy by the new route", arrived, 1.0)
    finally:
        net.run("ip", "-n", rig.ns("router"), "route", "del", f"{moved}/32")
        for h in hosts:
            net.run("ip", "-n", rig.ns(h), "addr", "del", f"{moved}/32", "dev", "lo")


def test_no_route_is_counted_and_nothing_else_changes(rig):
    port = rig.port()
    before = rig.account_closed()
    with rig.session() as s, rig.receiver("internet", port) as forwarded:
        s.add(source_address=rig.addr("subscriber"), to=("198.18.99.99", port), src=(rig.addr("router"), 49153))
        say(rig, "subscriber", 4, 20, port=port)
        forwarded.wait(20)
        due, sent, losses = rig.account_closed()
    assert (due - before[0], sent - before[1]) == (20, 0)
    assert losses["no-route"] - before[2].get("no-route", 0) == 20


def test_paramiko_client(rig):
    """Another SSH client: ADD, LIST, DELETE, NOOP over one channel, requests sent at once."""
    t = paramiko.Transport(net.tcp_connect(rig.ns("mediation"), rig.addr("router"), rig.lab["ssh_port"]))
    try:
        t.connect(username="lea1", password="lea1-secret")
        ch = t.open_session()
        ch.invoke_subsystem("flow-tap-dtcp")
        ch.settimeout(10)
        ch.sendall(dtcp.request("ADD", "lea1", 1, *dtcp.add_lines(protocol="17", dest_port="53"))
                   + dtcp.request("LIST", "lea1", 2, "Flags: BOTH") + dtcp.request("NOOP", "lea1", 3)
                   + dtcp.request("DELETE", "lea1", 4, "Cdest-ID: cd1", "Flags: STATIC"))
        data, replies = b"", []
        while len(replies) < 4:
            piece = ch.recv(65536)
            assert piece, "channel closed"
            data += piece
            while end := dtcp.END.search(data):
                replies.append(dtcp.Reply(data[:end.end()]))
                data = data[end.end():]
    finally:
        t.close()
    add, listed, noop, deleted = replies
    assert [r.code for r in replies] == [200] * 4 and all(r.authentic for r in replies)
    assert [r.get("SEQ") for r in replies] == ["1", "2", "3", "4"]
    entry, = listed.entries()
    assert entry["CRITERIA-ID"] == add.get("CRITERIA-ID") and entry["DEST-PORT"] == "53"
    assert entry["X-JTAP-CDEST-DEST-PORT"] == "7890" and entry["CRITERIA-COUNT"] == "1"
    assert deleted.get("CRITERIA-COUNT") == "1" and not data


def test_public_key_login_is_configured(rig):
    """A key in /etc/flowtap/authorized_keys lets its agency in, and no other."""
    key = f"{rig.info['dir']}/test_key"
    net.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    with open(key + ".pub") as f, open(f"{rig.info['dir']}/etc/authorized_keys/lea1", "w") as out:
        out.write(f.read())
    by_key = ["-i", key, "-o", "PasswordAuthentication=no"]
    with rig.session("lea1", login=by_key) as s:
        assert s.ask("NOOP").code == 200
    with pytest.raises(dtcp.Silence, match="Permission denied"), rig.session("lea2", login=by_key) as s:
        s.ask("NOOP")


def test_nothing_but_dtcp_can_be_run(rig):
    """Whatever command is asked for, the answer is DTCP's; no terminal, no forwarding."""
    ask = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={rig.info['known_hosts']}", "-p", str(rig.lab["ssh_port"]),
           "-l", "lea1", rig.addr("router")]
    env = {"PATH": "/usr/bin:/bin", "SSH_ASKPASS": rig.info["askpass"], "SSH_ASKPASS_REQUIRE": "force",
           "FTLAB_PASSWORD": "lea1-secret"}
    argv = net.argv_inside(rig.ns("mediation"), [*ask, "id; cat /etc/passwd"])
    r = subprocess.run(argv, input=dtcp.request("NOOP", "lea1", 1), capture_output=True, env=env, timeout=20)
    assert dtcp.Reply(r.stdout).code == 200 and b"root" not in r.stdout
    argv = net.argv_inside(rig.ns("mediation"), [*ask[:1], "-W", "127.0.0.1:22", *ask[1:]])
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=20)
    assert r.returncode != 0 and b"prohibited" in r.stderr


def test_agencies_do_not_see_each_other(rig):
    """lea1's transcript is the same with and without lea2's criteria; lea2's are out of its reach."""
    def transcript():
        with rig.session("lea1") as s:
            replies = [s.ask("LIST", "Flags: BOTH"), s.ask("LIST", "Cdest-ID: secret", "Flags: BOTH"),
                       s.ask("LIST", "Criteria-ID: 1", "Flags: BOTH"),
                       s.ask("DELETE", "Criteria-ID: 1", "Flags: STATIC"),
                       s.ask("DELETE", "Cdest-ID: secret", "Flags: STATIC"),
                       s.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC")]
        return [re.sub(rb"(TIMESTAMP|AUTHENTICATION-INFO): .*", rb"", r.raw) for r in replies]

    port = rig.port()
    alone = transcript()
    with rig.session("lea2") as s, rig.receiver("mediation", port) as content:
        s.add(cdest="secret", source_address=rig.addr("subscriber"), **rig.destination(port))
        assert transcript() == alone
        say(rig, "subscriber", 4, 1)
        content.wait(1)
        assert len(s.ask("LIST", "Flags: BOTH").entries()) == 1


def test_show_has_no_target(rig):
    with rig.session() as s:
        s.add(source_address="198.51.100.213", dest_address="203.0.113.187", protocol="17", dest_port="61234")
        for argv in ["flowtap", "show", "services", "flow-tap"], ["flowtap", "-j", "show", "services", "flow-tap"]:
            text = rig.router(*argv)
            assert not [x for x in ("198.51.100.213", "203.0.113.187", "61234") if x in text]
        with open(f"{rig.info['logs']}/flowtapd.log") as f:
            text = f.read()
            assert not [x for x in ("198.51.100.213", "203.0.113.187", "61234") if x in text]
