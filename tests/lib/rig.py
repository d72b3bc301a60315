# SPDX-License-Identifier: BSD-2-Clause
"""A lab as the tests see it: sessions, traffic into the router, copies out of it."""

import collections
import contextlib
import ipaddress
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TREE + "/tools")

from lablib import dtcp, net, pcap  # noqa: E402,F401

BIN = os.environ.get("FLOWTAP_BIN", TREE + "/build")
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
SO_RCVBUFFORCE = 33
PACKET_OUTGOING = 4


def until(what, ready, timeout=10.0):
    """Waits for ready() to be true, at most timeout seconds; its value."""
    deadline = time.monotonic() + timeout
    while not (value := ready()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.005)
    return value


def lab_command(*argv, check=True):
    r = subprocess.run([TREE + "/tools/lab", *argv], capture_output=True, text=True, timeout=180)
    assert not check or r.returncode == 0, f"tools/lab {' '.join(argv)}: exit {r.returncode}\n{r.stderr}"
    return r


def lab_ask(rig, do, service="flowtapd"):
    """A word to the lab's process 1, which does not wait for its effect."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(rig.info["dir"] + "/ctl")
        s.sendall(json.dumps({"do": do, "service": service}).encode() + b"\n")
        return json.loads(s.makefile().readline())


def parent_of(pid):
    """Its parent's number; 0: it has ended."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return int(next(x for x in f if x.startswith("PPid:")).split()[1])
    except OSError:
        return 0


class Receiver(threading.Thread):
    """Reads a socket until stopped; .got is the list of what came, in order."""

    def __init__(self, sock, keep=lambda data, addr: data):
        super().__init__(daemon=True)
        self.sock, self.keep, self.got, self.stopping = sock, keep, [], False
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        sock.settimeout(0.1)
        self.start()

    def run(self):
        while not self.stopping:
            try:
                item = self.keep(*self.sock.recvfrom(65535))
            except TimeoutError:
                continue
            if item is not None:
                self.got.append(item)
        self.sock.close()

    def wait(self, count, timeout=10.0):
        until(f"{count} packets (have {len(self.got)})", lambda: len(self.got) >= count, timeout)
        return self.got

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.join()


def lab_name(name):
    """Another name for each clone, and for each process of pytest, whose tests run at the same time: FLOWTAP_LAB goes in
    front, and the process's own name."""
    return os.environ.get("FLOWTAP_LAB", "") + os.environ.get("PYTEST_XDIST_WORKER", "") + name


class Rig:
    faults_caused = 0

    def __init__(self, name, *up_options):
        self.name = name
        out = lab_command("up", "--name", name, "--bin", BIN, *up_options).stdout
        self.lab = json.loads(out)
        self.info = json.loads(lab_command("status", "--name", name).stdout)[0]
        self.passwords = {"lea1": "lea1-secret", "lea2": "lea2-secret"}
        self.next_port = 7000

    def down(self):
        faults = self.faults()
        lab_command("down", "--name", self.name)
        assert len(faults) == self.faults_caused, f"ended by their own fault: {faults}"

    def log(self):
        """What flowtapd has said."""
        with open(self.info["logs"] + "/flowtapd.log", errors="replace") as f:
            return f.read()

    def faults(self):
        """Processes of flowtapd that crashed or broke out of their sandbox, as their parents saw it."""
        found = re.findall(r"(?m)^.*: ended by signal (?:4|6|7|8|11|31) \(SIG[A-Z]+\)$", self.log())
        return found + ["parent"] * lab_ask(self, "status")["flowtapd"]["faults"]

    # ---- places ----

    def ns(self, role):
        return self.lab[role]["netns"]

    def addr(self, role, version=4):
        return self.lab[role][f"v{version}"]

    def port(self):
        """A content port that no other test uses."""
        self.next_port += 1
        return self.next_port

    def inside(self, role, call, *args, **kw):
        return net.inside(self.ns(role), call, *args, **kw)

    def run(self, role, *argv, check=True, text=None):
        r = subprocess.run(net.argv_inside(self.ns(role), argv), capture_output=True, text=True, input=text, timeout=60)
        assert not check or r.returncode == 0, f"{argv}: {r.stderr}"
        return r

    def router(self, *argv):
        """A command in the router, its private files included."""
        return lab_command("exec", "--name", self.name, "router", *argv).stdout

    # ---- DTCP ----

    def session(self, agency="lea1", password=None, version=4, login=("-o", "PubkeyAuthentication=no")):
        return dtcp.Session(self.ns("mediation"), self.addr("router", version), self.lab["ssh_port"], agency,
                            self.passwords[agency] if password is None else password, self.info["known_hosts"],
                            self.info["askpass"], login)

    def forget_all(self):
        """Deletes every criterion of every agency."""
        for agency in self.passwords:
            with self.session(agency) as s:
                reply = s.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC")
                assert reply.code == 200, reply

    def destination(self, port, version=4):
        """The arguments of add_lines that send content to the mediation device."""
        return {"to": (self.addr("mediation", version), port), "src": (self.addr("router", version), 49153)}

    # ---- the daemon ----

    def show(self):
        return json.loads(self.router("flowtap", "-j", "show", "services", "flow-tap"))

    def account(self):
        """(copies due, copies sent, {reason: lost})"""
        state = self.show()
        return state["copies"]["due"], state["copies"]["sent"], {k: v for k, v in state["losses"].items() if v}

    def account_closed(self, timeout=5):
        """The account, once nothing is in flight: due = sent + losses."""
        def closed():
            due, sent, losses = self.account()
            return (due, sent, losses) if due == sent + sum(losses.values()) else None
        return until("due = sent + losses", closed, timeout)

    def services(self):
        return json.loads(lab_command("status", "--name", self.name).stdout)[0]["services"]

    def processes(self):
        """{role: [host pid]} of the daemon's processes: parent, engine, dataplane, session, sshd, ...; reading: the
        reader's children."""
        found = collections.defaultdict(list)
        for pid in net.pids(self.ns("router")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    argv = f.read().split(b"\0")
            except OSError:
                continue
            name = os.path.basename(argv[0].split(b" ")[0].rstrip(b":"))
            if name == b"flowtapd":
                found[argv[2].decode() if b"--role" in argv else "parent"].append(pid)
            elif name == b"flowtap-dtcp":
                found["session"].append(pid)
            elif name in (b"sshd", b"flowtap-sshd"):
                found["sshd"].append(pid)
        # The reader's own children, one for each agency that asks.
        reader, found["reader"] = found["reader"], []
        for pid in reader:
            found["reading" if parent_of(pid) in reader else "reader"].append(pid)
        return found

    def answered(self, agency="lea1"):
        try:
            with self.session(agency) as s:
                return s.ask("NOOP").code == 200
        except dtcp.Silence:
            return False

    # ---- traffic ----

    def router_mac(self, role):
        links = json.loads(net.run("ip", "-n", self.ns("router"), "-j", "link", "show",
                                   self.lab["router"]["interfaces"][role]))
        return bytes.fromhex(links[0]["address"].replace(":", ""))

    @contextlib.contextmanager
    def injector(self, role):
        """A function that sends one IP packet, as bytes, from the host to the router."""
        s = self.inside(role, socket.socket, socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        mac, iface = self.router_mac(role), self.lab[role]["iface"]

        def send(packet):
            packet = bytes(packet)
            s.sendto(packet, (iface, ETH_P_IP if packet[0] >> 4 == 4 else ETH_P_IPV6, 0, 0, mac))

        with s:
            yield send

    def udp(self, role, version=4, addr=None, port=0):
        """A UDP socket of the host, bound."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6

        def make():
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.bind((addr or self.addr(role, version), port))
            return s

        return self.inside(role, make)

    def receiver(self, role, port, version=4, addr=None):
        """Receives UDP payloads on a port of the host, for example content on mediation."""
        return Receiver(self.udp(role, version, addr, port))

    def sniffer(self, role, iface=None, outgoing=False, keep=None):
        """Receives the IP packets that come into (or go out of) an interface of the host."""
        def make():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            s.bind((iface or self.lab[role]["iface"], ETH_P_ALL))
            return s

        def pick(data, addr):
            ip = addr[1] in (ETH_P_IP, ETH_P_IPV6) and (addr[2] == PACKET_OUTGOING) == outgoing
            return data if ip and (keep is None or keep(data)) else None

        return Receiver(self.inside(role, make), pick)

    def offloads(self, on):
        """Segmentation, merging and checksum offload of the hosts and the router's customer ports."""
        word = "on" if on else "off"
        for role in "subscriber", "internet":
            net.offloads(self.ns(role), "eth0", "tx", word, "tso", word, "gso", word)
            net.offloads(self.ns("router"), self.lab["router"]["interfaces"][role], "gro", word)


def outer(version, packet):
    """(source, destination, source port, destination port, TTL, inner packet) of a whole copy."""
    p = pcap.Packet(packet)
    assert p.version == version and p.proto == 17
    return str(p.src), str(p.dst), p.sport, p.dport, p.ttl, p.payload[8:]


def reassembled(packets):
    """Whole datagrams from IPv4 or IPv6 fragments, headers of the first; order kept."""
    whole, parts = [], {}
    for data in packets:
        p = pcap.Packet(data)
        more = p.flags & 1
        if not more and not p.offset:
            whole.append(data)
            continue
        ident = data[4:6] if p.version == 4 else data[44:48]
        got = parts.setdefault((p.src, p.dst, ident), {})
        got[p.offset] = (data, p.payload, more)
        end = 0
        while end in got and got[end][2]:
            end += len(got[end][1])
        if end in got:
            body = b"".join(got[k][1] for k in sorted(got))
            head = got[0][0][:20 if p.version == 4 else 40]
            if p.version == 4:
                length = (20 + len(body)).to_bytes(2, "big")
                head = head[:2] + length + head[4:6] + b"\0\0" + head[8:10] + b"\0\0" + head[12:]
                head = head[:10] + pcap.checksum(head).to_bytes(2, "big") + head[12:]
            else:
                head = head[:4] + len(body).to_bytes(2, "big") + b"\x11" + head[7:]
            whole.append(head + body)
            del parts[(p.src, p.dst, ident)]
    assert not parts, "fragments without their others"
    return whole


def difference(expected, got):
    """What is missing and what is too much, as a text for people; empty when equal."""
    expected, got = collections.Counter(expected), collections.Counter(got)
    missing, surplus = expected - got, got - expected
    if not missing and not surplus:
        return ""
    show = lambda c: [x.hex()[:120] for x in list(c)[:3]]  # noqa: E731
    return (f"{sum(missing.values())} of {sum(expected.values())} missing {show(missing)}, "
            f"{sum(surplus.values())} too many {show(surplus)}")


def udp_packet(src, dst, sport, dport, payload, ttl=64):
    """An IP packet with right checksums."""
    source, dest = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    body = bytearray(sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + (8 + len(payload)).to_bytes(2, "big")
                     + b"\0\0" + payload)
    pseudo = source.packed + dest.packed + len(body).to_bytes(4, "big") + b"\0\0\0\x11"
    body[6:8] = (pcap.checksum(pseudo + bytes(body)) or 0xFFFF).to_bytes(2, "big")
    if source.version == 6:
        return bytes.fromhex("60000000") + len(body).to_bytes(2, "big") + bytes((17, ttl)) + source.packed \
            + dest.packed + bytes(body)
    head = bytearray(bytes.fromhex("4500") + (20 + len(body)).to_bytes(2, "big") + b"\0\1\0\0" + bytes((ttl, 17))
                     + b"\0\0" + source.packed + dest.packed)
    head[10:12] = pcap.checksum(bytes(head)).to_bytes(2, "big")
    return bytes(head + body)
