# SPDX-License-Identifier: BSD-2-Clause
"""Messages as long as an agency can make them: nothing waits for ever, nothing ends without a word."""

import json
import os

import rawctl
from rig import dtcp, lab_command, until
from test_typed import NOOP, typed, words

def long(i):
    """One address, in 39 KB of words."""
    return ",".join([f"198.51.{100 + i // 200}.{i % 200}"] * 3000)



def export(rig):
    """The record; a reader that waits longer than this waits for ever."""
    r = lab_command("exec", "--name", rig.name, "router", "timeout", "60", "flowtap", "audit", "export")
    return [json.loads(x) for x in r.stdout.splitlines()]


def test_export_of_long_lines(rig):
    """40 requests of 60 KB, most of it bytes that a line of the record has six for."""
    with rig.session() as s:
        for _ in range(40):
            s.add(source_address="198.51.100.9," + "\t" * 60000 + "198.51.100.10", **rig.destination(7000))
    lines = export(rig)
    assert sum(len(x.get("request", "")) > 60000 for x in lines) >= 40
    assert [x["n"] for x in lines] == list(range(1, len(lines) + 1))
    assert lines[-1]["kind"] == "export" and rig.answered()


def test_list_of_long_criteria(rig):
    """301 of them are more than a message between our processes holds."""
    with rig.session() as s:
        ids = [s.add(source_address=long(i), **rig.destination(7000)) for i in range(301)]
        found, seq = [], s.seq
        s.send(dtcp.request("LIST", "lea1", seq + 1, "Flags: BOTH"))
        while len(found) < 301:
            reply = s.receive(60)
            assert reply.code == 200
            found += [int(x["CRITERIA-ID"]) for x in reply.entries()]
        assert found == ids


def wal(rig):
    return os.path.getsize(f"{rig.info['dir']}/state/state.db-wal")


def test_unread_lists_hold_no_deletions(rig):
    """30 pipelined LISTs of which nothing is read: what others delete is erased all the same, once the first of them
    is broken off, and the session ends with a line that says why."""
    with rig.session() as s:
        for i in range(60):
            s.add(source_address=long(i), **rig.destination(7000))
        for i in range(30):
            s.ssh.stdin.write(dtcp.request("LIST", "lea1", s.seq + 1 + i, "Flags: BOTH"))
        with rig.session("lea2") as other:
            other.add(source_address="203.0.113.77", **rig.destination(7001))
            assert other.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC").code == 200
            until("the log is empty", lambda: wal(rig) == 0, 40)
            assert other.ask("LIST").entries() == []
        until("it is on record", lambda: any("LIST broken off" in x.get("reason", "") for x in export(rig)))
        closed = [x for x in export(rig) if x["kind"] == "session-close" and x["agency"] == "lea1"][-1]
        assert "not answered" in closed["reason"], closed


def test_who_sends_nonsense_is_told_of(rig):
    """A channel that ends by a fault leaves a line."""
    log = f"{rig.info['logs']}/flowtapd.log"
    begin = os.path.getsize(log)
    with rawctl.connect(rig, 65531) as s:
        s.sendall(b"\xff" * 64)
        assert s.recv(1) == b""

    def said():
        with open(log) as f:
            f.seek(begin)
            return "user number 65531 has sent what is not understood" in f.read()
    until("a line", said)


def memory(rig):
    """KiB that the engine has at most had in memory."""
    (pid,) = rig.processes()["engine"]
    with open(f"/proc/{pid}/status") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("VmHWM"))


def test_answers_that_nobody_reads(rig):
    """Whoever asks without end and reads no answer is no longer read, and is ended, on record."""
    before = memory(rig)
    assert typed(rig, "-u", request=words(NOOP), timeout=90) == "closed"
    assert memory(rig) - before < 8 << 10
    assert any("nothing of its answers was read" in x.get("reason", "") for x in export(rig))
    assert rig.answered() and rig.answered("lea2")
