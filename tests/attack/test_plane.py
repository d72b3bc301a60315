# SPDX-License-Identifier: BSD-2-Clause
"""What the engine's end of its channel can do to the data plane: a request that it can't take is refused, and the next
one is served.  The engine is stopped meanwhile, and its descriptor borrowed."""

import contextlib
import ctypes
import errno
import os
import signal
import socket
import struct

import pytest
from rig import udp_packet, until

PEER = 4            # the engine's descriptor for it, daemon.h
PIDFD_GETFD = 438
FRAME = struct.Struct(">IHHI")
PUT, DELETE, SYNC, STATS, STATUS, LIFE, BUDGET, AGENCIES, TEST_BEGIN, TEST_END, GRANT, DESTS = range(32, 44)
DONE = 48
UID = 1 << 60


def borrowed(pid, number):
    """A process's own descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    fd = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    os.close(pidfd)
    return fd


@contextlib.contextmanager
def engines_end(rig):
    """The engine's own socket to the data plane, while the engine does nothing."""
    pid, = rig.processes()["engine"]
    fd = borrowed(pid, PEER)
    os.kill(pid, signal.SIGSTOP)
    try:
        with socket.socket(fileno=fd) as s:
            s.setblocking(True)
            yield s
            s.setblocking(False)
    finally:
        os.kill(pid, signal.SIGCONT)


def exactly(s, n):
    got = b""
    while len(got) < n:
        part = s.recv(n - len(got))
        assert part, "the data plane closed"
        got += part
    return got


def ask(s, kind, body):
    """(type, body) of the answer; what the data plane tells by itself, with no number, is passed over."""
    s.sendall(FRAME.pack(len(body), kind, 0, 77) + body)
    while True:
        size, answer, _, number = FRAME.unpack(exactly(s, FRAME.size))
        body = exactly(s, size)
        if number == 77:
            return answer, body


def refused(s, kind, body):
    answer, text = ask(s, kind, body)
    return answer == DONE and struct.unpack(">I", text)[0] in (errno.EINVAL, errno.ENOENT)


def address(text):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return b"\0" if not text else bytes((6 if ":" in text else 4,)) + socket.inet_pton(family, text)


def dest(src="192.0.2.1", dst="192.0.2.10", sport=49153, dport=7890, ttl=255):
    return address(src) + address(dst) + struct.pack(">HHB", sport, dport, ttl)


def term(small=(4, 0, 0, 255, 0, 255, 0, 255), src=("203.0.113.77",) * 2, ports=(0, 65535, 0, 65535)):
    anywhere = socket.inet_aton("0.0.0.0") + socket.inet_aton("255.255.255.255")
    return bytes(small) + b"".join(socket.inet_aton(x) for x in src) + anywhere + struct.pack(">4H", *ports)


def put(uid=UID, dests=(dest(),), ndest=None, agency=1, more=0, used=(0, 0, 0), terms=(term(),), nterm=None):
    return struct.pack(">QB", uid, len(dests) if ndest is None else ndest) + b"".join(dests) + \
        struct.pack(">I5QB3Q", agency, 0, 0, 0, 0, 0, more, *used) + \
        struct.pack(">I", len(terms) if nterm is None else nterm) + b"".join(terms)


WRONG = {
    "nothing": b"",
    "uid 0": put(uid=0),
    "no destination": put(dests=()),
    "more destinations than there are": put(ndest=2),
    "255 destinations": put(ndest=255),
    "source without a family": put(dests=(dest(src=""),)),
    "families mixed": put(dests=(dest(src="2001:db8::1"),)),
    "port 0": put(dests=(dest(dport=0),)),
    "TTL 0": put(dests=(dest(ttl=0),)),
    "agency 0": put(agency=0),
    "a bit of a life that is none": put(more=255),
    "used more than there can be": put(used=(1 << 63, 0, 0)),
    "more terms than there are": put(nterm=2),
    "a million terms": put(nterm=1 << 20),
    "a term of no family": put(terms=(term(small=(5, 0, 0, 255, 0, 255, 0, 255)),)),
    "a term with a need that is none": put(terms=(term(small=(4, 9, 0, 255, 0, 255, 0, 255)),)),
    "a range upside down": put(terms=(term(src=("203.0.113.9", "203.0.113.1")),)),
    "ports that it does not need": put(terms=(term(ports=(1, 2, 3, 4)),)),
    "bytes behind it": put() + b"\0",
}


@pytest.fixture
def living(rig):
    """A tap, which goes on; and the same processes."""
    port = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, os.urandom(8))
    before = rig.services()["flowtapd"]["starts"], rig.processes()["dataplane"], rig.processes()["engine"]
    with rig.session("lea2") as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        yield
        inject(packet)
        until("the copy", lambda: packet in content.got)
        assert len(s.ask("LIST", "Flags: BOTH").entries()) == 1
    assert before == (rig.services()["flowtapd"]["starts"], rig.processes()["dataplane"], rig.processes()["engine"])


def test_wrong_requests_are_refused(rig, living):
    with engines_end(rig) as s:
        taken = [what for what, body in WRONG.items() if not refused(s, PUT, body)]
        for kind in SYNC, STATUS, TEST_BEGIN, TEST_END:
            taken += [kind] * (not refused(s, kind, b"\0"))
        for kind in DELETE, STATS, LIFE, BUDGET, AGENCIES, GRANT, DESTS:
            taken += [kind] * (not refused(s, kind, b""))
        for kind in STATS, AGENCIES:
            taken += [kind] * (not refused(s, kind, struct.pack(">I", 1 << 17)))
        assert taken == []
        assert ask(s, PUT, put()) == (DONE, bytes(4)), "the control"
        assert ask(s, DELETE, struct.pack(">IQ", 1, UID)) == (DONE, bytes(4))


def test_every_cut_is_refused(rig, living):
    """A PUT that ends anywhere."""
    whole = put()
    with engines_end(rig) as s:
        assert all(refused(s, PUT, whole[:n]) for n in range(len(whole)))
