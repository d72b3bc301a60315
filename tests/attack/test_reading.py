# SPDX-License-Identifier: BSD-2-Clause
"""Whoever takes over what reads an agency's words has that agency's words, and nothing else: no other agency notices,
whatever becomes of it, and the daemon goes on."""

import json
import os
import signal

import pytest
from rig import dtcp, until
from test_audit import export
from test_escape import confined


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


def test_one_that_does_not_answer(rig):
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
