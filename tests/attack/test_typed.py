# SPDX-License-Identifier: BSD-2-Clause
"""What an agency's user number can do to the engine without our session in between: tests/attack/typed.c says it."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess

import pytest
import rawctl
from rig import BIN, dtcp, udp_packet, until
from test_keys import Log, service

ADD = "\r\n".join(["ADD DTCP/0.7", "Csource-ID: {user}", "Seq: 7", "Cdest-ID: cd1", "Source-Address: {target}",
                   "Protocol: 17", "Dest-Port: 53", "X-JTap-Cdest-Dest-Address: 192.0.2.10",
                   "X-JTap-Cdest-Dest-Port: 7890", "X-JTap-Cdest-Source-Address: 192.0.2.1",
                   "X-JTap-Cdest-Source-Port: 49153", "{life}", ""])
DELETE = "DELETE DTCP/0.7\r\nCsource-ID: {user}\r\nSeq: 7\r\nCriteria-ID: 1\r\nFlags: STATIC\r\n"
NOOP = "NOOP DTCP/0.7\r\nCsource-ID: {user}\r\nSeq: 7\r\n"
REFRESH = "REFRESH DTCP/0.7\r\nCsource-ID: {user}\r\nSeq: 7\r\nCriteria-ID: 1\r\nTimeout-Idle: 9\r\n"
LIST = "LIST DTCP/0.7\r\nCsource-ID: {user}\r\nSeq: 7\r\n"
AT_NCDEST = 11  # in an encoded request


def words(text=ADD, user="lea1", target="203.0.113.77", life="Flags: STATIC"):
    return text.format(user=user, target=target, life=life).encode()


def typed(rig, *args, user="lea1", request=b"", timeout=30):
    """The engine's answer, as typed prints it."""
    uid = rig.router("id", "-u", user).strip()
    program = rig.lab["bin"] + "/typed"  # the router sees no other /tmp
    if not os.path.exists(program):
        shutil.copy(BIN + "/tests/typed", program)
    argv = ["nsenter", "-t", str(rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv", f"--reuid={uid}",
            f"--regid={uid}", "--clear-groups", program, "/run/flowtap/dtcp.sock", *args]
    r = subprocess.run(argv, input=request, capture_output=True, timeout=timeout)
    assert r.returncode == 0, r.stderr
    return r.stdout.decode().strip()


def record(rig):
    return [json.loads(x) for x in rig.router("flowtap", "audit", "export").splitlines()]


def starts(rig):
    return rig.services()["flowtapd"]["starts"], rig.processes()["engine"], rig.processes()["dataplane"]


@pytest.fixture
def bystander(rig):
    """lea2, with a tap and a session: both are as they were, whatever lea1 does."""
    port = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, os.urandom(8))
    before = starts(rig)
    with rig.session("lea2") as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        yield s
        inject(packet)
        until("the bystander's copy", lambda: packet in content.got)
        assert len(s.ask("LIST", "Flags: BOTH").entries()) == 1
    assert starts(rig) == before, "a process ended"


def test_what_a_session_sends(rig, bystander):
    """The control: unchanged, the same program is obeyed."""
    assert typed(rig, request=words()).startswith("200 ")
    with rig.session() as s:
        assert len(s.ask("LIST", "Flags: BOTH").entries()) == 1


BROKEN = {
    "no destination": ["ncdest=0"],
    "TTL 0": ["ttl=0"],
    "source without a family": ["from="],
    "destination without a family": ["to="],
    "source of another family": ["from=2001:db8::1"],
    "destination of another family": ["to=2001:db8::10"],
    "destination port 0": ["port=0"],
    "source port 0": ["from-port=0"],
    "destination on a loopback": ["to=127.0.0.1"],
    "a multicast destination": ["to=224.0.0.1"],
    "a destination without a name": ["name="],
    "IPv6 in a version without it": ["version=6", "from=2001:db8::1", "to=2001:db8::10"],
    "a version that is not ours": ["version=9"],
    "a flag that is not an ADD's": ["flags=5"],
    "a flag that is none": ["flags=129"],
    "neither static nor a timeout": ["flags=0"],
    "static with a timeout": ["named=1", "idle=5"],
    "a timeout out of range": ["flags=0", "named=1", "idle=86401"],
    "a timeout that is not named": ["flags=0", "named=1", "idle=5", "bytes=1"],
    "a timeout of another kind": ["flags=0", "named=16"],
    "a family without an address of it": ["target=*", "family=6"],
    "pairs that are none": ["paired=1"],
    "another method's struct": ["method=1"],
    "a method that is not built": ["method=5"],
    "a method that is none": ["method=200"],
    "an ADD that selects": ["select=2", "sel-cdest=cd1"],
    "more destinations than there may be": ["-b", f"{AT_NCDEST}=3"],
    "255 destinations": ["-b", f"{AT_NCDEST}=255"],
}
OTHERS = {
    "a DELETE of nothing": (DELETE, ["select=0"]),
    "a DELETE of a name without one": (DELETE, ["select=2"]),
    "a REFRESH without a timeout": (REFRESH, ["named=0", "idle=0"]),
    "a REFRESH with Static": (REFRESH, ["flags=1"]),
    "a LIST of nothing": (LIST, ["flags=0"]),
    "a NOOP with a destination": (NOOP, ["ttl=1"]),
    "a NOOP with a warrant": (NOOP, ["warrant=W"]),
}
RAW = {
    "an empty request": ("2", ""),
    "a refusal with 200": ("3", "000000c8" + "0000" * 3),
    "a refusal with a code that is none": ("3", "00000190"[:6] + "f0" + "0000" * 3),
    "a refusal for a reason with an escape": ("3", "00000190" + "0000" + "00011b" + "0000"),
    "a second HELLO": ("1", "00" + "0000"),
    "an answer": ("16", "00"),
    "a message of nobody": ("999", ""),
}


def last_line(rig):
    return record(rig)[-1]["n"]


@pytest.fixture
def ends(rig, bystander):
    """Each session is ended, nothing is stored or done, and what is on record says so."""
    before = last_line(rig)

    def check(said):
        assert {k: v for k, v in said.items() if v != "closed"} == {}
        with rig.session() as s:
            assert not s.ask("LIST", "Flags: BOTH").entries()
        new = [x for x in record(rig) if x["n"] > before and x.get("agency") == "lea1"]
        assert {x["kind"] for x in new} <= {"session-open", "session-close", "list", "alarm"}
        closed = [x for x in new if x["kind"] == "session-close" and "ended for what it sent" in x["reason"]]
        assert len(closed) == len(said)

    return check


def test_broken_adds(rig, ends):
    ends({what: typed(rig, *edits, request=words()) for what, edits in BROKEN.items()})


def test_broken_requests(rig, ends):
    ends({what: typed(rig, *edits, request=words(text)) for what, (text, edits) in OTHERS.items()})


def test_broken_messages(rig, ends):
    ends({what: typed(rig, "-t", kind, body) for what, (kind, body) in RAW.items()})


def test_lies_are_an_alarm(rig, begun_anew, ends):
    """On record and in the events, by the agency's name and without a target; once a minute at most."""
    before = last_line(rig)
    ends({i: typed(rig, "ncdest=0", request=words()) for i in range(5)})
    alarms = [x for x in record(rig) if x["n"] > before and x["kind"] == "alarm" and x.get("agency") == "lea1"
              and "unproven" not in x["reason"]]  # that it did not come by our sshd is another one
    assert alarms and all("sent what no session of ours sends" in x["reason"] for x in alarms)
    events = json.loads(rawctl.ask(rig, "services flow-tap events")[1])["events"]
    told = [x["text"] for x in events if "sent what no session of ours sends" in x["text"]]
    assert told and not any("203.0.113.77" in x for x in told)
    times = [x["time"] for x in alarms]
    assert len({x[:16] for x in times}) >= len(times) - 1, "more than one in a minute"


# ---- the record ----

INSTEAD = {
    "another target": ["target=198.51.100.9"],
    "another port": ["dest-port=80"],
    "another content destination": ["to=192.0.2.11"],
    "another content source": ["from-port=49154"],
    "another TTL": ["ttl=3"],
    "another name": ["name=cd9"],
    "another sequence number": ["seq=8"],
    "another life": ["flags=0", "named=1", "idle=5"],
    "another warrant": ["warrant=W"],
    "another priority": ["priority=9"],
}


def test_words_that_say_something_else(rig, ends):
    """Well-formed and permitted, but not what its words ask for: nothing is done, and both are on record."""
    before = last_line(rig)
    ends({what: typed(rig, "-p", "8.8.8.8", *edits, request=words()) for what, edits in INSTEAD.items()})
    alarms = [x for x in record(rig) if x["n"] > before and x["kind"] == "alarm"]
    for line in alarms:  # once a minute
        assert "in the words of something else" in line["reason"]
        assert "203.0.113.77" in line["request"] and line["parsed"].startswith("ADD DTCP/0.7\n")


def test_what_was_done_is_on_record(rig, bystander):
    """From the struct that was carried out, beside the words."""
    before = last_line(rig)
    with rig.session() as s:
        first = s.add(source_address="203.0.113.0/24,!203.0.113.7", protocol="17", dest_port="1-9")
        s.ask("REFRESH", "Cdest-ID: cd1", "Timeout-Idle: 9")
        s.ask("LIST", f"Criteria-ID: {first}", "Flags: BOTH")
        s.ask("DELETE", f"Criteria-ID: {first},7-9", "Flags: STATIC")
    lines = {x["kind"]: x for x in record(rig) if x["n"] > before and x.get("agency") == "lea1"}
    added = lines["add"]["parsed"].splitlines()
    assert added[:4] == ["ADD DTCP/0.7", "Source-Address: 203.0.113.0/24,!203.0.113.7", "Protocol: 17", "Dest-Port: 1-9"]
    assert any(x.startswith("X-JTap-Cdest-TTL: ") for x in added) and added[-1] == "Flags: Static"
    assert lines["refresh"]["parsed"] == "REFRESH DTCP/0.7\nCdest-ID: cd1\nTimeout-Idle: 9\n"
    assert lines["list"]["parsed"] == f"LIST DTCP/0.7\nCriteria-ID: {first}\nFlags: Stats,Criteria\n"
    assert lines["delete"]["parsed"] == f"DELETE DTCP/0.7\nCriteria-ID: {first},7-9\nFlags: Static\n"


# ---- what can't be used as it is stored ----

def damaged(rig, user, number):
    """Another byte in one sealed row."""
    with contextlib.closing(sqlite3.connect(f"{rig.info['dir']}/state/state.db")) as db, db:
        uid, secret = db.execute("SELECT c.uid, c.secret FROM criterion c JOIN agency a ON a.no = c.agency "
                                 "WHERE a.name = ? AND c.id = ?", (user, number)).fetchone()
        db.execute("UPDATE criterion SET secret = ? WHERE uid = ?",
                   (secret[:-1] + bytes([secret[-1] ^ 1]), uid))


def without_daemon(rig, do):
    service(rig, "stop")
    until("the daemon's end", lambda: not rig.processes()["parent"])
    do()
    service(rig, "start")
    until("the daemon", lambda: rig.answered("lea2"), 30)


def test_a_row_that_cannot_be_opened(rig):
    """It is set aside: everything else is active, its agency is told, and can delete it by its number."""
    port = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"kept")
    with rig.session() as s, rig.session("lea2") as other:
        kept = s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        bad = s.add(source_address="203.0.113.77", **rig.destination(port))
        others = other.add(source_address="203.0.113.78", **rig.destination(port))
    log = Log(rig)
    without_daemon(rig, lambda: damaged(rig, "lea1", bad))
    assert f"agency lea1: criteria {bad} can't be used as they are stored, and are set aside" in log.text()
    assert "203.0.113" not in log.text()
    with rig.session() as s, rig.session("lea2") as other, rig.receiver("mediation", port) as content, \
            rig.injector("subscriber") as inject:
        reply = s.ask("LIST", "Flags: BOTH")
        assert [int(e["CRITERIA-ID"]) for e in reply.entries()] == [kept]
        assert reply.get("X-REASON") == f"set aside and not active, DELETE and ADD anew: {bad}"
        reply = other.ask("LIST", "Flags: BOTH")
        assert [int(e["CRITERIA-ID"]) for e in reply.entries()] == [others] and not reply.get("X-REASON")
        inject(packet)
        until("the copy", lambda: packet in content.got)
        assert s.ask("REFRESH", f"Criteria-ID: {bad}", "Timeout-Idle: 9").code == 431
        assert s.ask("REFRESH", "Criteria-ID: *", "Timeout-Idle: 9").code == 200
        assert s.ask("LIST", f"Criteria-ID: {bad}", "Flags: BOTH").entries() == []
        assert s.ask("LIST", "Cdest-ID: cd1", "Flags: BOTH").get("X-REASON")
        assert s.ask("DELETE", f"Criteria-ID: {bad}", "Flags: STATIC").code == 200
        reply = s.ask("LIST", "Flags: BOTH")
        assert len(reply.entries()) == 1 and not reply.get("X-REASON")
    line, = [x for x in record(rig) if x["kind"] == "set-aside" and x["ids"] == str(bad)]
    assert line["agency"] == "lea1"


def test_a_row_that_is_damaged_while_it_runs(rig):
    """The first that reads it breaks off; from then on it is set aside, and out of the kernel."""
    with rig.session() as s:
        kept = s.add(source_address="203.0.113.76")
        bad = s.add(source_address="203.0.113.77")
        damaged(rig, "lea1", bad)
        with pytest.raises(dtcp.Silence):
            s.ask("LIST", "Flags: BOTH")
    with rig.session() as s:
        assert [int(e["CRITERIA-ID"]) for e in s.ask("LIST", "Flags: BOTH").entries()] == [kept]
    until("out of the kernel", lambda: rig.show()["capacity"]["criteria"] == 1)


def test_sessions_wash_no_alarm_away(rig):
    """Of what operators are shown, events of one kind take the room of no other kind."""
    def shown():
        return json.loads(rawctl.ask(rig, "services flow-tap events")[1])["events"]
    typed(rig, "ncdest=0", request=words())
    until("the alarm", lambda: any(x["kind"] == "alarm" for x in shown()))
    alarms = [x for x in shown() if x["kind"] == "alarm"]
    assert int(typed(rig, "-n", "700", request=words(NOOP), timeout=60)) > 600
    events = shown()
    assert [x for x in events if x["kind"] == "alarm"] == alarms
    numbers = [x["number"] for x in events]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers) and numbers[-1] > 1000
