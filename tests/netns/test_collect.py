# SPDX-License-Identifier: BSD-2-Clause
"""flowtap-collect with real content, by the sockets alone and with what is taken before the network stack."""

import contextlib
import json
import os
import signal
import socket
import subprocess

import pytest
from rig import ETH_P_IP, ETH_P_IPV6, net, udp_packet, until

PACKET = udp_packet("198.51.100.10", "203.0.113.10", 4000, 53, b"a question")
EARLY = "-i", "eth0"
WAYS = pytest.mark.parametrize("way", [(), EARLY], ids=["sockets", "early"])


class Collector:
    def __init__(self, rig, folder, *args, before=()):
        argv = [*before, rig.lab["bin"] + "/flowtap-collect", "-j", "-q", *(["-w", str(folder)] if folder else ["-n"]),
                *args]
        self.p = subprocess.Popen(net.argv_inside(rig.ns("mediation"), argv), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.ready = json.loads(self.p.stdout.readline())
        self.err = ""
        assert self.ready["event"] == "ready"

    def end(self, sig=signal.SIGTERM):
        if sig:
            self.p.send_signal(sig)
        out, self.err = self.p.communicate(timeout=20)
        assert self.p.returncode == 0, self.err
        return json.loads(out.splitlines()[-1])["total"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()


def packets(folder):
    """The inner packets of every file, by tshark, in order."""
    got = []
    for name in sorted(os.listdir(folder)):
        out = subprocess.run(["tshark", "-r", f"{folder}/{name}", "-T", "json", "-x"], capture_output=True, text=True,
                             check=True).stdout
        got += [bytes.fromhex(p["_source"]["layers"]["frame_raw"][0]) for p in json.loads(out or "[]")]
    return got


@contextlib.contextmanager
def frames(rig, link=None):
    """A function that puts one whole IP packet on the wire to the mediation device, as the router's port does:
    checksums and all."""
    (_, end), (_, iface) = link or ((None, "eth0"), (None, rig.lab["router"]["interfaces"]["mediation"]))
    dev = json.loads(net.run("ip", "-n", rig.ns("mediation"), "-j", "link", "show", end))[0]
    mac = bytes.fromhex(dev["address"].replace(":", ""))
    with rig.inside("router", socket.socket, socket.AF_PACKET, socket.SOCK_DGRAM, 0) as s:
        yield lambda ip: s.sendto(ip, (iface, ETH_P_IP if ip[0] >> 4 == 4 else ETH_P_IPV6, 0, 0, mac))


def send(rig, port, payloads, version=4, link=None):
    with frames(rig, link) as put:
        for p in payloads:
            put(udp_packet(rig.addr("router", version), rig.addr("mediation", version), 49153, port, p))


def through_the_stack(rig):
    """UDP datagrams that the mediation device's kernel has delivered to sockets so far."""
    snmp = rig.run("mediation", "cat", "/proc/net/snmp", "/proc/net/snmp6").stdout
    names, values = [line.split() for line in snmp.splitlines() if line.startswith("Udp:")]
    six, = [line.split()[1] for line in snmp.splitlines() if line.startswith("Udp6InDatagrams")]
    return int(values[names.index("InDatagrams")]) + int(six)


@WAYS
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_unwritten_at_the_end(rig, tmp_path, sig, way):
    port = rig.port()
    inner = [udp_packet("198.51.100.10", "203.0.113.10", 1, 2, b"%06d" % i) for i in range(5000)]
    with Collector(rig, tmp_path, "-p", str(port), *way) as c:
        assert c.ready["interfaces"] == list(way[1:])
        before = through_the_stack(rig)
        send(rig, port, inner)
        account = c.end(sig)
    assert account["packets"] + account["lost"] == len(inner) and account["unwritten"] == 0
    assert account["lost"] or packets(tmp_path) == inner
    assert len(packets(tmp_path)) == account["packets"]
    assert through_the_stack(rig) - before == (0 if way else account["packets"])


@WAYS
def test_both_families_and_ports(rig, tmp_path, way):
    a, b = rig.port(), rig.port()
    v6 = bytes.fromhex("6000000000083b40") + bytes(31) + b"\1" + b"payload!"
    with Collector(rig, tmp_path, "-p", f"{a},{b}", *way) as c:
        before = through_the_stack(rig)
        send(rig, a, [PACKET])
        send(rig, b, [v6], 6)
        send(rig, a, [b"no packet"])
        until("both files", lambda: len(os.listdir(tmp_path)) >= 2)
        account = c.end()
    assert account["packets"] == 3 and account["malformed"] == 1
    # What is no packet is kept too: it came for the agency.
    assert sorted(packets(tmp_path)) == sorted([PACKET, v6, b"no packet"])
    assert through_the_stack(rig) - before == (0 if way else 3)


@WAYS
def test_fragments(rig, tmp_path, way):
    """Copies that were too big for the path arrive in outer fragments, between others that are whole."""
    port = rig.port()
    small = [udp_packet("198.51.100.10", "203.0.113.10", 1, 2, b"%06d" % i) for i in range(20)]
    big = [udp_packet("198.51.100.10", "203.0.113.10", 1, 2, b"%06d" % i + bytes(3000)) for i in range(20)]
    with Collector(rig, tmp_path, "-p", str(port), *way) as c:
        before = through_the_stack(rig)
        for version in 4, 6:
            with rig.udp("router", version) as s:
                for one, other in zip(small, big):
                    send(rig, port, [one], version)
                    s.sendto(other, (rig.addr("mediation", version), port))
        account = c.end()
    assert account == {"packets": 80, "bytes": 2 * sum(map(len, small + big)), "lost": 0, "malformed": 0,
                       "unwritten": 0}
    assert sorted(packets(tmp_path)) == sorted((small + big) * 2)
    assert through_the_stack(rig) - before == (40 if way else 80)


@WAYS
def test_longer_than_a_frame(rig, tmp_path, way):
    """Jumbo frames: what is too long for the early path takes the other."""
    port = rig.port()
    sizes = 1500, 1600, 1601, 3000, 8000
    inner = [udp_packet("198.51.100.10", "203.0.113.10", 1, 2, bytes(n - 28)) for n in sizes]
    ends = [(rig.ns("mediation"), "eth0"), (rig.ns("router"), rig.lab["router"]["interfaces"]["mediation"])]
    try:
        for ns, dev in ends:
            net.run("ip", "-n", ns, "link", "set", dev, "mtu", "9000")
        with Collector(rig, tmp_path, "-p", str(port), *way) as c:
            assert c.ready["interfaces"] == list(way[1:])
            send(rig, port, inner)
            account = c.end()
    finally:
        for ns, dev in ends:
            net.run("ip", "-n", ns, "link", "set", dev, "mtu", "1500")
    assert (account["packets"], account["lost"], account["malformed"]) == (len(sizes), 0, 0)
    assert sorted(packets(tmp_path)) == sorted(inner)


@WAYS
def test_what_did_not_fit_is_counted(rig, tmp_path, way):
    """The collector stands still until its buffer has overflowed."""
    a, b = rig.port(), rig.port()
    inner = [udp_packet("198.51.100.10", "203.0.113.10", 1, 2, b"%06d" % i) for i in range(3000)]
    with Collector(rig, tmp_path, "-p", f"{a},{b}", "--rcvbuf", "64k", *way) as c:
        c.p.send_signal(signal.SIGSTOP)
        send(rig, a, inner)
        send(rig, b, inner[:1000], 6)
        c.p.send_signal(signal.SIGCONT)
        until("the file", lambda: os.listdir(tmp_path))
        c.p.send_signal(signal.SIGTERM)
        out, err = c.p.communicate(timeout=20)
    account = json.loads(out.splitlines()[-1])
    got = {p["port"]: p for p in account["ports"]}
    assert got[a]["packets"] + got[a]["lost"] == 3000 and got[b]["packets"] + got[b]["lost"] == 1000
    assert got[a]["lost"] > 1000 and got[b]["lost"] > 0
    assert len(packets(tmp_path)) == account["total"]["packets"]


@WAYS
def test_file_is_readable_while_open(rig, tmp_path, way):
    port = rig.port()
    with Collector(rig, tmp_path, "-p", str(port), *way) as c:
        send(rig, port, [PACKET] * 3)
        until("three packets in the file", lambda: os.listdir(tmp_path) and len(packets(tmp_path)) == 3)
        assert c.p.poll() is None
        c.end()


@WAYS
def test_rotation_by_size(rig, tmp_path, way):
    port = rig.port()
    inner = [udp_packet("198.51.100.10", "203.0.113.10", 1, 2, b"%06d" % i + bytes(1300)) for i in range(3000)]
    with Collector(rig, tmp_path, "-p", str(port), "-C", "1", *way) as c:
        for i in range(0, len(inner), 100):
            send(rig, port, inner[i:i + 100])
        account = c.end()
    names = os.listdir(tmp_path)
    assert len(names) >= 3 and all(os.path.getsize(tmp_path / n) < 1100000 for n in names)
    assert account["packets"] == len(inner) and packets(tmp_path) == inner


@WAYS
def test_full_disk(rig, tmp_path, way):
    """Whole packets are in the file as far as there was room; the others are counted."""
    port = rig.port()
    inner = [udp_packet("198.51.100.10", "203.0.113.10", 1, 2, b"%06d" % i + bytes(1000)) for i in range(2000)]
    net.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path))
    try:
        with Collector(rig, tmp_path, "-p", str(port), *way) as c:
            send(rig, port, inner)
            c.p.send_signal(signal.SIGTERM)
            out, err = c.p.communicate(timeout=20)
        account = json.loads(out.splitlines()[-1])["total"]
        written = packets(tmp_path)
    finally:
        net.run("umount", str(tmp_path))
    assert c.p.returncode == 6 and "cannot write" in err
    assert account["packets"] == len(inner) and account["unwritten"] > 500
    assert written == inner[:len(written)] and len(written) == account["packets"] - account["unwritten"]


@WAYS
def test_count_and_time_end_it(rig, tmp_path, way):
    port = rig.port()
    with Collector(rig, tmp_path / "a", "-p", str(port), "-c", "2", *way) as c:
        send(rig, port, [PACKET] * 2)
        assert c.end(None)["packets"] == 2
    with Collector(rig, tmp_path / "b", "-p", str(port), "-t", "1", *way) as c:
        assert c.end(None)["packets"] == 0


def test_port_in_use_is_told(rig, tmp_path):
    port = rig.port()
    with Collector(rig, tmp_path, "-p", str(port)):
        argv = [rig.lab["bin"] + "/flowtap-collect", "-p", str(port), "-n"]
        r = subprocess.run(net.argv_inside(rig.ns("mediation"), argv), capture_output=True, text=True, timeout=20)
        assert r.returncode == 1 and str(port) in r.stderr


def test_no_such_interface(rig):
    argv = [rig.lab["bin"] + "/flowtap-collect", "-p", str(rig.port()), "-n", "-i", "nosuch0"]
    r = subprocess.run(net.argv_inside(rig.ns("mediation"), argv), capture_output=True, text=True, timeout=20)
    assert r.returncode == 1 and "nosuch0" in r.stderr


def test_a_driver_that_cannot(rig):
    """More queues at the other end than the driver has for a program: it runs behind the driver then."""
    ends = ("mediation", "g0"), ("router", "g1")
    net.run("ip", "link", "add", "g0", "netns", rig.ns("mediation"), "numrxqueues", "1", "type", "veth",
            "peer", "name", "g1", "netns", rig.ns("router"), "numtxqueues", "4")
    port = rig.port()
    try:
        for role, dev in ends:
            net.run("ip", "-n", rig.ns(role), "link", "set", dev, "up")
        rig.run("router", "ethtool", "-L", "g1", "tx", "4")
        with Collector(rig, None, "-p", str(port), "-i", "g0") as c:
            link = json.loads(net.run("ip", "-n", rig.ns("mediation"), "-j", "-d", "link", "show", "g0"))[0]
            assert c.ready["interfaces"] == ["g0"] and link["xdp"]["attached"][0]["mode"] == 2
            before = through_the_stack(rig)
            send(rig, port, [PACKET] * 10, link=ends)
            send(rig, port, [PACKET] * 10, 6, link=ends)
            assert c.end()["packets"] == 20 and through_the_stack(rig) == before
    finally:
        net.run("ip", "-n", rig.ns("router"), "link", "del", "g1")


def test_only_its_own_address(rig):
    """With -a, what goes to the machine's other address is not the collector's, early or not."""
    port = rig.port()
    with Collector(rig, None, "-p", str(port), "-a", rig.addr("mediation", 6), *EARLY) as c:
        with rig.receiver("mediation", port) as other:
            send(rig, port, [PACKET])
            send(rig, port, [PACKET], 6)
            assert other.wait(1) == [PACKET]
        assert c.end()["packets"] == 1


def test_without_privilege_the_sockets_do_it(rig):
    port = rig.port()
    before = "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"
    with Collector(rig, None, "-p", str(port), *EARLY, before=before) as c:
        assert c.ready["interfaces"] == []
        send(rig, port, [PACKET])
        assert c.end()["packets"] == 1
    assert "eth0" in c.err or "an interface" in c.err
    assert "going on with sockets" in c.err


def test_nothing_is_left_on_the_interface(rig):
    def attached():
        return "xdp" in json.loads(net.run("ip", "-n", rig.ns("mediation"), "-j", "-d", "link", "show", "eth0"))[0]

    for sig in signal.SIGTERM, signal.SIGKILL:
        with Collector(rig, None, "-p", str(rig.port()), *EARLY) as c:
            assert attached()
            c.p.send_signal(sig)
            c.p.wait(20)
        until("the program is gone", lambda: not attached())


@WAYS
def test_it_is_confined(rig, tmp_path, way):
    """No capability, no new privileges, seccomp; no socket but those it was started for."""
    with Collector(rig, tmp_path, "-p", str(rig.port()), *way) as c:
        with open(f"/proc/{c.p.pid}/status") as f:
            st = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        assert int(st["CapEff"], 16) == 0 and st["NoNewPrivs"] == "1" and st["Seccomp"] == "2"
        c.end()
