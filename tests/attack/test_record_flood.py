# SPDX-License-Identifier: BSD-2-Clause
"""An agency that floods the record harms itself only: what it may leave there is bounded, all of it is accounted for,
what ends its taps is done, and nobody else feels it."""

import json
import os
import re
import threading
import time

import pytest
from rig import dtcp, until
from test_audit import export, flowtap
from test_typed import DELETE, NOOP, typed, words

WORDS = 65000
# record_share.h: what is kept at once of refused requests, with as much again for what comes back meanwhile and for the
# sizes of sealed lines and pages.
REFUSED_ROOM = 2 * ((256 << 10) + 512 * 600)

# With maximum-criteria 1000: SHARE_RECORD_BYTES, and SHARE_RECORD_EACH of them.
SHARE = (16 << 20) + 1000 * (2 << 10)


def state_bytes(rig):
    folder = rig.info["dir"] + "/state"
    return sum(os.path.getsize(f"{folder}/{x}") for x in os.listdir(folder) if x.startswith("state.db"))


class Flood(threading.Thread):
    """Sends the same requests, pipelined, over a session of its own until stopped, and counts the answers."""

    def __init__(self, rig, request, ahead):
        super().__init__(daemon=True)
        self.session, self.request, self.ahead = rig.session(), request, ahead
        self.codes, self.stopping, self.reasons = {}, False, set()

    def run(self):
        waiting = 0
        while waiting or not self.stopping:
            while waiting < self.ahead and not self.stopping:
                self.session.send(self.request)
                waiting += 1
            if waiting:
                reply = self.session.receive()
                self.codes[reply.code] = self.codes.get(reply.code, 0) + 1
                self.reasons.add(reply.get("X-REASON"))
                waiting -= 1

    def __enter__(self):
        self.session.__enter__()
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.join(60)
        self.session.__exit__(None, None, None)


def refused(rig, since):
    """(lines, requests) of lea1 that the record has as refused, from that line on."""
    lines = [x for x in (json.loads(y) for y in export(rig).splitlines()) if x["n"] > since and x["kind"] == "refused"]
    many = [int(m[1]) for x in lines if (m := re.match(r"(\d+) requests in one line", x.get("reason", "")))]
    return len(lines), len(lines) - len(many) + sum(many), many


@pytest.fixture
def since(rig):
    return json.loads(flowtap(rig, "-j", "audit", "head").stdout)["n"]


def test_refused_requests(rig, since, tmp_path):
    """65 KB each, some thousands of them."""
    junk = dtcp.request("ADD", "lea1", 1, "X-JTap-Cdest-Dest-Port: none", *(f"X-Pad-{i}: " + "x" * 900 for i in range(WORDS // 920)))
    with rig.session() as s, rig.session("lea2") as other:
        tap = s.add(source_address="198.51.100.77", **rig.destination(7000))
        before, begun = state_bytes(rig), time.monotonic()
        with Flood(rig, junk, 16) as flood:
            until("a flood", lambda: sum(flood.codes.values()) > 900, 60)
            assert other.ask("LIST", "Flags: BOTH").code == 200
            asked = time.monotonic()
            assert s.ask("DELETE", f"Criteria-ID: {tap}", "Flags: STATIC").code == 200
            assert time.monotonic() - asked < 3, "what ends a tap does not wait for the flood"
        assert all(c >= 400 for c in flood.codes), flood.codes
        assert s.ask("NOOP").code == 200
    lines, requests, many = refused(rig, since)
    assert requests == sum(flood.codes.values()) and many
    assert lines < 512 + 14 * (time.monotonic() - begun + 2)
    assert state_bytes(rig) - before < REFUSED_ROOM + 20000 * (time.monotonic() - begun) + (4 << 20), "with its log"
    assert rig.answered() and rig.answered("lea2")


def test_lists(rig, config):
    """What a LIST leaves on record is charged to whoever asks: its words are as long as any."""
    config(lambda text: text.replace("agency lea1 {", "agency lea1 { maximum-criteria 1000;", 1))
    notes = (f"X-Note-{i}: " + "y" * 900 for i in range(60))
    wide = dtcp.request("LIST", "lea1", 1, "Flags: BOTH", *notes)
    before, begun = state_bytes(rig), time.monotonic()
    with rig.session("lea2") as other:
        with Flood(rig, wide, 16) as flood:
            until("its share is used up", lambda: flood.codes.get(500), 120)
            until("many more", lambda: flood.codes[500] > 100, 60)
            assert other.ask("LIST", "Flags: BOTH").code == 200
        assert "more requests than the agency's share of the record has room for: try again later" in flood.reasons
        mine = SHARE + 2 * (256 << 10) * (time.monotonic() - begun)
        assert state_bytes(rig) - before < mine + 2 * REFUSED_ROOM + (8 << 20), "with its log"


def test_requests_that_are_carried_out(rig, config):
    """Refused with a reason before the disk is touched; other agencies, and what ends taps, as ever."""
    config(lambda text: text.replace("agency lea1 {", "agency lea1 { maximum-criteria 5000;", 1))
    lines = dtcp.add_lines(source_address="198.51.100.78", **rig.destination(7000))
    wide = dtcp.request("ADD", "lea1", 1, *lines, *(f"X-Note-{i}: " + "y" * 900 for i in range(60)))
    with rig.session() as s, rig.session("lea2") as other, Flood(rig, wide, 16) as flood:
        until("its share is used up", lambda: flood.codes.get(500), 120)
        assert "more requests than the agency's share of the record has room for: try again later" in flood.reasons
        assert other.add(source_address="198.51.100.79", **rig.destination(7000))
        assert s.ask("LIST").code == 500
        assert s.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC").code == 200


def test_sessions(rig, since):
    """Sessions that come and go by the thousand are counted, and none is lost; what ends taps gets in all the same."""
    with rig.session() as s:
        tap = s.add(source_address="198.51.100.77", **rig.destination(7000))
    begun = time.monotonic()
    opened = int(typed(rig, "-n", "3000", request=words(NOOP), timeout=120))
    assert typed(rig, request=words(DELETE).replace(b"Criteria-ID: 1", b"Criteria-ID: %d" % tap)).startswith("200 ")
    seconds = time.monotonic() - begun

    def counted():
        lines = [x for x in map(json.loads, export(rig).splitlines()) if x["n"] > since and x.get("agency") == "lea1"]
        many = [re.match(r"(\d+) sessions opened and (\d+) closed", x["reason"]) for x in lines if x["kind"] == "sessions"]
        own = [sum(x["kind"] == k for x in lines) for k in ("session-open", "session-close")]
        assert sum(own) < 1024 + 16 * (seconds + 5)
        return many and [own[i] + sum(int(m[i + 1]) for m in many) for i in (0, 1)]
    until("all of them", lambda: counted() == [opened + 2, opened + 2], 30)
    assert rig.answered() and rig.answered("lea2")
