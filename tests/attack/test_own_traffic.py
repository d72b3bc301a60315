# SPDX-License-Identifier: BSD-2-Clause
"""What is sent to our own SSH server is never tapped; what others have on the same port is, whether or not there is a
route to it, and whichever routing table it is by."""

import contextlib
import ipaddress
import os
import pathlib

import pytest
from rig import lab_command, net, pcap, until

SYN, ACK = 2, 16
AWAY = {4: "233.252.0.7", 6: "2001:db8:ffff::7"}  # no route of the router leads there


def tcp_packet(src, dst, sport, dport, flags):
    """A TCP segment without payload, as an IP packet."""
    source, dest = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    body = bytearray(sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + b"\0\0\0\1\0\0\0\1" + bytes((0x50, flags))
                     + b"\xff\xff\0\0\0\0")
    body[16:18] = pcap.checksum(source.packed + dest.packed + len(body).to_bytes(4, "big") + b"\0\0\0\6"
                                + bytes(body)).to_bytes(2, "big")
    if source.version == 6:
        return bytes.fromhex("60000000") + len(body).to_bytes(2, "big") + bytes((6, 64)) + source.packed \
            + dest.packed + bytes(body)
    head = bytearray(bytes.fromhex("4500") + (20 + len(body)).to_bytes(2, "big") + b"\0\1\0\0\x40\6\0\0"
                     + source.packed + dest.packed)
    head[10:12] = pcap.checksum(bytes(head)).to_bytes(2, "big")
    return bytes(head + body)


def ip(rig, version, *argv):
    return rig.run("router", "ip", f"-{version}", *argv)


@contextlib.contextmanager
def unrouted(rig, version):
    yield


@contextlib.contextmanager
def routed_by_interface(rig, version):
    """By a table that holds for what comes in there alone."""
    dev = rig.lab["router"]["interfaces"]
    bits = ipaddress.ip_address(AWAY[version]).max_prefixlen
    ip(rig, version, "route", "add", f"{AWAY[version]}/{bits}", "via", rig.addr("internet", version), "table", "77")
    ip(rig, version, "rule", "add", "iif", dev["subscriber"], "lookup", "77")
    try:
        yield
    finally:
        ip(rig, version, "rule", "del", "iif", dev["subscriber"], "lookup", "77")
        ip(rig, version, "route", "flush", "table", "77")


@contextlib.contextmanager
def forwarded(rig, version):
    bits = ipaddress.ip_address(AWAY[version]).max_prefixlen
    ip(rig, version, "route", "add", f"{AWAY[version]}/{bits}", "via", rig.addr("internet", version))
    try:
        yield
    finally:
        ip(rig, version, "route", "del", f"{AWAY[version]}/{bits}")


@pytest.mark.parametrize("flags", [SYN, ACK])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("way", [unrouted, routed_by_interface, forwarded])
def test_the_port_of_others_is_tapped(rig, way, version, flags):
    content = rig.port()
    packet = tcp_packet(rig.addr("subscriber", version), AWAY[version], 40000, rig.lab["ssh_port"], flags)
    with way(rig, version), rig.session() as s, rig.receiver("mediation", content) as got, \
            rig.injector("subscriber") as inject:
        s.add(dest_address=AWAY[version], protocol="6", **rig.destination(content))
        inject(packet)
        got.wait(1)
        assert [pcap.Packet(p).dport for p in got.got] == [rig.lab["ssh_port"]]


def skipped(rig):
    return rig.show()["information"]["own-ssh-skipped"]


def test_our_own_sessions_are_not_tapped(rig):
    """From the first packet to the last."""
    content = rig.port()
    with rig.session() as s, rig.receiver("mediation", content) as got, rig.injector("mediation") as inject:
        s.add(source_address=rig.addr("mediation"), protocol="6", **rig.destination(content))
        before = skipped(rig)
        assert rig.answered()
        until("they were seen", lambda: skipped(rig) >= before + 10)
        inject(tcp_packet(rig.addr("mediation"), rig.addr("internet"), 1, 9, SYN))  # what is copied
        got.wait(1)
        assert [pcap.Packet(p).dport for p in got.got] == [9]


@pytest.mark.parametrize("version,address", [(4, "198.18.7.7"), (6, "2001:db8:77::7")])
def test_addresses_come_and_go(rig, version, address):
    content = rig.port()
    bits = ipaddress.ip_address(address).max_prefixlen
    packet = tcp_packet(rig.addr("mediation", version), address, 40000, rig.lab["ssh_port"], SYN)
    with rig.session() as s, rig.receiver("mediation", content) as got, rig.injector("mediation") as inject:
        s.add(dest_address=address, protocol="6", **rig.destination(content))
        inject(packet)
        got.wait(1)

        def is_skipped():
            before, copies = skipped(rig), len(got.got)
            inject(packet)
            until("it is one or the other", lambda: skipped(rig) > before or len(got.got) > copies)
            return len(got.got) == copies
        ip(rig, version, "addr", "add", f"{address}/{bits}", "dev", "lo")
        try:
            until("it is the router's own", is_skipped)
        finally:
            ip(rig, version, "addr", "del", f"{address}/{bits}", "dev", "lo")
        until("it is somebody else's", lambda: not is_skipped())


LOCAL_MAX = 65536  # TAP_LOCAL_MAX


def test_an_address_for_which_there_was_no_room(rig):
    """The kernel's table is full when it comes; it is put there once there is room, without any more news of addresses."""
    table, address = "/run/flowtap/bpf/maps/ft_local", "198.18.7.9"
    batch = pathlib.Path(f"/proc/{rig.info['init']}/root/run/local.batch")
    batch.write_text("".join(
        f"map update pinned {table} key hex 00 00 00 00 00 00 00 00 00 00 00 00 00 {n >> 16:x} {n >> 8 & 255:x} {n & 255:x}"
        " 09 00 00 00 value 1 0 0 0\n" for n in range(LOCAL_MAX)))

    def known():
        return lab_command("exec", "--name", rig.name, "router", "bpftool", "map", "lookup", "pinned", table, "key",
                           *map(str, ipaddress.ip_address(address).packed), *["0"] * 12, "4", "0", "0", "0",
                           check=False).returncode == 0
    log = rig.info["logs"] + "/flowtapd.log"
    at = os.path.getsize(log)
    r = lab_command("exec", "--name", rig.name, "router", "bpftool", "batch", "file", "/run/local.batch", check=False)
    batch.unlink()
    assert "Argument list too long" in r.stderr, "it is full"
    ip(rig, 4, "addr", "add", f"{address}/32", "dev", "lo")
    try:
        until("it is known", known, 10)
        with open(log) as f:
            f.seek(at)
            said = f.read()
        assert said.count("this router's own addresses: what is sent to our SSH server may be tapped") == 1
        assert said.count("this router's own addresses are known again") == 1
    finally:
        ip(rig, 4, "addr", "del", f"{address}/32", "dev", "lo")
    until("it is gone", lambda: not known())


def test_a_network_of_our_own(rig):
    """Of a route of type local no interface has the address: the connection tells."""
    content, address = rig.port(), "198.18.8.9"
    ip(rig, 4, "route", "add", "local", "198.18.8.0/24", "dev", "lo")
    net.run("ip", "-n", rig.ns("mediation"), "route", "add", "198.18.8.0/24", "via", rig.addr("router"))
    try:
        with rig.session() as s, rig.receiver("mediation", content) as got:
            s.add(dest_address=address, protocol="6", **rig.destination(content))
            before = skipped(rig)
            with net.tcp_connect(rig.ns("mediation"), address, rig.lab["ssh_port"]) as t:
                assert t.recv(8) == b"SSH-2.0-"
            until("the connection was seen", lambda: skipped(rig) > before)
            assert all(len(p) <= 60 for p in got.got) and len(got.got) <= 1, "more than what opens it"
    finally:
        net.run("ip", "-n", rig.ns("mediation"), "route", "del", "198.18.8.0/24")
        ip(rig, 4, "route", "del", "local", "198.18.8.0/24", "dev", "lo")
