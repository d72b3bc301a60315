# SPDX-License-Identifier: BSD-2-Clause
"""Whoever takes over what reads an agency's words has that agency's words, and nothing else: no other agency notices,
whatever becomes of it, and the daemon goes on."""

import ctypes
import json
import os
import signal
import socket
import struct

import pytest
from rig import dtcp, until
from test_audit import export
from test_escape import confined

SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438


def readers(rig):
    return set(rig.processes()["reading"])


def of(rig, agency):
    """The process that reads that agency's requests: the new one when its first is asked, or the only one it has."""
    for pid in readers(rig):
        os.kill(pid, signal.SIGKILL)
    until("none is left", lambda: not readers(rig))
    with rig.session(agency) as s:
        assert s.ask("NOOP").code == 200
    (pid,) = readers(rig)
    return pid


def state(rig):
    return rig.services()["flowtapd"]["starts"], rig.processes()["engine"], rig.processes()["reader"]


def test_each_agency_has_one_of_its_own(rig):
    first = of(rig, "lea1")
    with rig.session("lea2") as s, rig.session("lea1") as t:
        assert s.ask("NOOP").code == 200 and t.ask("NOOP").code == 200
    (second,) = readers(rig) - {first}
    for pid in first, second:
        assert confined(pid)
        kinds = {os.readlink(f"/proc/{pid}/fd/{x}").split(":")[0] for x in os.listdir(f"/proc/{pid}/fd") if int(x) > 2}
        assert kinds == {"socket"} and len([x for x in os.listdir(f"/proc/{pid}/fd") if int(x) > 2]) == 1
        assert {os.readlink(f"/proc/{pid}/fd/{x}") for x in (0, 1, 2)} == {"/dev/null"}, "nobody's log"


@pytest.mark.parametrize("sig", [signal.SIGSEGV, signal.SIGKILL])
def test_one_that_ends(rig, sig):
    before, pid = state(rig), of(rig, "lea1")
    with rig.session() as s, rig.session("lea2") as other:
        assert s.ask("NOOP").code == 200
        os.kill(pid, sig)
        until("its end", lambda: pid not in readers(rig))
        assert other.ask("NOOP").code == 200
        assert s.ask("NOOP").code == 200, "another one reads"
    assert state(rig) == before


def test_one_that_does_not_answer(rig, begun_anew):
    """What it was asked can't be read: that session ends, with an alarm; nobody else waits for it."""
    before, pid = state(rig), of(rig, "lea1")
    with rig.session() as s, rig.session("lea2") as other:
        assert s.ask("NOOP").code == 200
        os.kill(pid, signal.SIGSTOP)
        s.send(dtcp.request("NOOP", "lea1", 2))
        for _ in range(20):
            assert other.ask("NOOP").code == 200
        with pytest.raises(dtcp.Silence, match="ended"):
            s.receive()
        assert pid not in readers(rig)
    assert rig.answered() and state(rig) == before
    with open(rig.info["logs"] + "/flowtapd.log") as f:
        assert "ALARM: agency lea1 asked for something in words that can't be read: its session was ended" in f.read()


def test_what_ends_a_tap_is_done(rig):
    """A DELETE does not depend on it: it is carried out, with an alarm, and the record has what was done."""
    before, pid = state(rig), of(rig, "lea1")
    with rig.session() as s:
        tap = s.add(source_address="198.51.100.80", **rig.destination(7000))
        os.kill(pid, signal.SIGSTOP)
        assert s.ask("DELETE", f"Criteria-ID: {tap}", "Flags: STATIC").code == 200
        assert s.ask("LIST", "Flags: BOTH").entries() == [], "and the session goes on"
    lines = [json.loads(x) for x in export(rig).splitlines()]
    done = next(x for x in reversed(lines) if x["kind"] == "delete")
    assert f"Criteria-ID: {tap}\n" in done["parsed"] and state(rig) == before
    assert done["reason"] == "1 deleted; the request's words could not be read"


@pytest.mark.parametrize("behind", ["nothing", "more"])
def test_what_ends_a_tap_is_done_before_the_session_ends(rig, behind):
    """All that was asked can't be read: the session ends at what may not be done so, and not before what comes first."""
    for k in range(4):
        pid = of(rig, "lea1")
        with rig.session() as s:
            tap = s.add(source_address="198.51.100.81", **rig.destination(7000 + k))
            os.kill(pid, signal.SIGSTOP)
            s.send(dtcp.request("DELETE", "lea1", 5, f"Criteria-ID: {tap}", "Flags: STATIC")
                   + (dtcp.request("NOOP", "lea1", 6) if behind == "more" else b""))
            until("it was asked", lambda: waiting(pid))
            os.kill(pid, signal.SIGKILL)
            assert s.receive().code == 200
            if behind == "more":
                with pytest.raises(dtcp.Silence, match="ended"):
                    s.receive()
        assert rig.show()["capacity"]["criteria"] == 0
        done = [x for x in map(json.loads, export(rig).splitlines()) if x["kind"] in ("delete", "alarm")]
        assert [x["reason"] for x in done if x["kind"] == "delete"][-1].startswith("1 deleted; the request's words")


def its_socket(pid):
    """The one by which it is asked, as whoever has taken it over has it."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = libc.syscall(SYS_PIDFD_OPEN, pid, 0)
    fd = libc.syscall(SYS_PIDFD_GETFD, process, 3, 0)
    assert process >= 0 and fd >= 0, os.strerror(ctypes.get_errno())
    os.close(process)
    return socket.socket(fileno=fd)


def waiting(pid):
    with its_socket(pid) as s:
        try:
            return bool(s.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False


@pytest.mark.parametrize("answer", [b"", b"\0", b"\0\0\0", b"\0\0\0\0", b"\0\0\0\0" + b"x" * 1000000],
                         ids=["empty", "1", "3", "accepted", "long"])
def test_one_that_lies(rig, answer):
    """Its answer is a frame as it should be, and says nothing or too much."""
    before, pid = state(rig), of(rig, "lea1")
    with rig.session() as s, rig.session("lea2") as other, its_socket(pid) as asked:
        assert other.ask("NOOP").code == 200
        os.kill(pid, signal.SIGSTOP)
        s.send(dtcp.request("NOOP", "lea1", 2))
        until("it was asked", lambda: waiting(pid))
        _, kind, _, number = struct.unpack(">IHHI", asked.recv(12, socket.MSG_PEEK))
        asked.sendall(struct.pack(">IHHI", len(answer), kind + 1, 0, number) + answer)
        with pytest.raises(dtcp.Silence, match="ended"):
            s.receive()
        assert other.ask("NOOP").code == 200
    for left in readers(rig) & {pid}:
        os.kill(left, signal.SIGKILL)
    assert rig.answered() and state(rig) == before
