# SPDX-License-Identifier: BSD-2-Clause
"""Many criteria of one agency are nobody else's matter: what is long is done in parts, in bounded memory."""

import json
import pathlib

import pytest
from rig import dtcp, lab_ask, udp_packet, until

MANY = 20000


def record(rig):
    return [json.loads(x) for x in rig.router("flowtap", "audit", "export").splitlines()]


def engine_peak_bytes(rig):
    pid = rig.processes()["engine"][0]
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(x.split()[1]) * 1024 for x in status.splitlines() if x.startswith("VmHWM"))


@pytest.fixture
def crowd(rig):
    """A session of lea1 that has added many criteria, all asked for at once."""
    with rig.session() as s:
        asked = b"".join(dtcp.request("ADD", s.user, i + 1, *dtcp.add_lines(
            source_address=f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", **rig.destination(7000))) for i in range(MANY))
        s.seq = MANY
        s.send(asked)
        for _ in range(MANY):
            assert s.receive(30).code == 200
        yield s


def ask_all(s, method, *lines):
    """Asks and does not wait."""
    s.seq += 1
    s.send(dtcp.request(method, s.user, s.seq, *lines))


def is_silent(s):
    return not dtcp.wait_for(0, read=s.ssh.stdout) and not s.buf


def test_deleting_many_holds_nobody_up(rig, crowd):
    with rig.session("lea2") as other:
        other.add(source_address="198.51.100.7", **rig.destination(7000))
        peak = engine_peak_bytes(rig)
        ask_all(crowd, "DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC")
        for i in range(3):
            other.add(source_address=f"198.51.100.{8 + i}", **rig.destination(7000))
        assert is_silent(crowd), "another agency waited until all was deleted"
        assert crowd.ask("NOOP", timeout=30).get("CRITERIA-COUNT") == str(MANY)
        assert crowd.receive().code == 200  # the NOOP's own, after it
        assert engine_peak_bytes(rig) - peak < 8 << 20
    parts = [x for x in record(rig) if x["kind"] == "delete" and x["agency"] == "lea1"][-(MANY // 1024 + 1):]
    assert [x["reason"].split(" ", 1)[1] for x in parts] == ["deleted so far"] * (len(parts) - 1) + ["deleted"]
    assert parts[-1]["reason"] == f"{MANY} deleted"
    assert rig.show()["capacity"]["criteria"] == 4
    rig.forget_all()


def test_listing_many_holds_nobody_up(rig, crowd):
    with rig.session("lea2") as other:
        ask_all(crowd, "LIST", "Flags: BOTH")
        for i in range(3):
            other.add(source_address=f"198.51.100.{8 + i}", **rig.destination(7000))
        assert dtcp.END.search(crowd.buf) is None
        entries = 0
        while entries < MANY:
            reply = crowd.receive(30)
            entries += sum(name == "CRITERIA-ID" for name, _ in reply.fields)
            assert {value for name, value in reply.fields if name == "CRITERIA-COUNT"} == {str(MANY)}
        assert entries == MANY
    rig.forget_all()


def test_a_session_that_ends_leaves_whole_parts(rig, crowd):
    """A DELETE whose session has gone stops between two parts; store and kernel agree about the rest."""
    ask_all(crowd, "DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC")
    until("the first part", lambda: rig.show()["capacity"]["criteria"] < MANY)
    crowd.ssh.kill()
    until("lea1 has no session", lambda: not next(a for a in rig.show()["agencies"] if a["agency"] == "lea1")["sessions"])
    with rig.session() as s:
        left = int(s.ask("LIST", "Criteria-ID: 1-4294967295", "Flags: STATS").get("CRITERIA-COUNT") or 0)
        assert rig.show()["capacity"]["criteria"] == left
        assert s.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC", timeout=30).get("CRITERIA-COUNT") == str(left)


def as_user(rig, uid, name, *lines):
    """The answer to an ADD of an agency that has no login here: what sshd would start, as its user."""
    script = ("import os, subprocess, sys\n"
              "def user():\n"
              f"    os.setgroups([]); os.setgid({uid}); os.setuid({uid})\n"
              "p = subprocess.run(['/usr/libexec/flowtap/flowtap-dtcp'], input=sys.argv[1].encode(), capture_output=True,\n"
              "                   preexec_fn=user, env={'SSH_CONNECTION': '192.0.2.10 1 192.0.2.1 2'})\n"
              "sys.stdout.write(p.stdout.decode())\n")
    return rig.router("/usr/bin/python3", "-c", script, dtcp.request("ADD", name, 1, *lines).decode())


@pytest.fixture
def agencies(rig):
    """More agencies than the kernel's table had room for once; uids from 300,000 on."""
    many = 2000
    rig.router("sh", "-c", f"cp /etc/passwd /run/passwd && cp /etc/flowtap/flowtap.conf /run/conf\n"
               f"seq 0 {many - 1} | sed 's|.*|many&:x:30&:300000::/:/bin/sh|; s|:x:30\\(.\\):|:x:30000\\1:|; "
               f"s|:x:30\\(..\\):|:x:3000\\1:|; s|:x:30\\(...\\):|:x:300\\1:|' >> /etc/passwd\n"
               "{ sed '/tapped-interfaces/q' /run/conf\n"
               f"seq 0 {many - 1} | sed 's|.*|agency many& {{ authority standing; content-destination 192.0.2.0/24; }}|'\n"
               "sed '1,/tapped-interfaces/d' /run/conf; } > /etc/flowtap/flowtap.conf")
    reload(rig, many + 2)
    yield many
    rig.router("sh", "-c", "cp /run/passwd /etc/passwd && cp /run/conf /etc/flowtap/flowtap.conf")
    reload(rig, 2)


def reload(rig, agencies):
    lab_ask(rig, "reload")
    until(f"{agencies} agencies", lambda: len(rig.show()["agencies"]) == agencies, 30)


def test_two_thousand_agencies_have_a_destination_each(rig, agencies):
    # Those of other tests rest a while before they are free.
    until("no destination is in use", lambda: rig.show()["capacity"]["destinations"] == 0)
    used = (0, 1, 1021, 1022, 1500, agencies - 1)
    for i in used:
        lines = dtcp.add_lines(source_address="198.51.100.9", to=("192.0.2.10", 10000 + i))
        assert " 200 " in as_user(rig, 300000 + i, f"many{i}", *lines).splitlines()[0], i
    assert rig.show()["capacity"]["destinations"] == len(used)
    with rig.receiver("mediation", 10000 + agencies - 1) as content, rig.injector("internet") as send:
        send(udp_packet("198.51.100.9", rig.addr("subscriber"), 1, 2, b"one"))
        content.wait(1)
