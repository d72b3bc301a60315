# SPDX-License-Identifier: BSD-2-Clause
"""Whatever a client does, it gets the right answer or the right silence, and nobody else notices."""

import concurrent.futures
import contextlib
import json
import os
import random
import sqlite3
import threading
import time

import pytest
import rawctl
from fakectl import JSON
from rig import dtcp, udp_packet, until

ADD = dtcp.request("ADD", "lea1", 7, *dtcp.add_lines(protocol="17", dest_port="53"))


@pytest.fixture
def bystander(rig):
    """lea2, with a tap: after the test it is still answered at once and still receives."""
    port = rig.port()
    with rig.session("lea2") as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        yield s
        packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, os.urandom(8))
        inject(packet)
        until("the bystander's copy", lambda: packet in content.got)
        assert len(s.ask("LIST", "Flags: BOTH").entries()) == 1


def silent_then_alive(session, seq=99):
    """The next thing heard is the answer to a NOOP: what came before got none."""
    session.send(dtcp.request("NOOP", session.user, seq))
    reply = session.receive()
    assert (reply.code, reply.get("SEQ")) == (200, str(seq)), reply


def resigned(body):
    return body + b"Authentication-Info: " + dtcp.digest(body).encode() + b"\r\n\r\n"


SILENT = {
    "wrong digest": ADD.replace(b"Dest-Port: 53", b"Dest-Port: 54"),
    "digest of zeros": ADD[:-44] + b"0" * 40 + b"\r\n\r\n",
    "short digest": ADD[:-10] + b"\r\n\r\n",
    "unknown Csource-ID": dtcp.request("ADD", "nobody", 7, *dtcp.add_lines()),
    "another agency's Csource-ID": dtcp.request("ADD", "lea2", 7, *dtcp.add_lines()),
    "no Csource-ID": resigned(b"NOOP DTCP/0.7\r\nSeq: 1\r\n"),
    "no digest": b"NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 1\r\n\r\n",
    "not DTCP": b"GET / HTTP/1.1\r\nHost: router\r\n\r\n",
    "empty lines": b"\r\n\n\r\n\r\n",
}


@pytest.mark.parametrize("what", SILENT)
def test_silence(rig, bystander, what):
    with rig.session() as s:
        s.send(SILENT[what])
        silent_then_alive(s)


REFUSED = {
    "no such method": (dtcp.request("FROB", "lea1", 7), 501),
    "REFRESH": (dtcp.request("REFRESH", "lea1", 7, "Criteria-ID: 4294967295", "Timeout-Idle: 5"), 431),
    "future version": (dtcp.request("NOOP", "lea1", 7, version="0.9"), 505),
    "past version": (dtcp.request("NOOP", "lea1", 7, version="0.5"), 505),
    "line without colon": (resigned(b"NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nrubbish\r\nSeq: 7\r\n"), 400),
    "port over 65535": (dtcp.request("ADD", "lea1", 7, *dtcp.add_lines(protocol="17", dest_port="65536")), 432),
    "range upside down": (dtcp.request("ADD", "lea1", 7, *dtcp.add_lines(protocol="17", dest_port="9-8")), 432),
    "prefix of 33": (dtcp.request("ADD", "lea1", 7, *dtcp.add_lines(source_address="10.0.0.0/33")), 432),
    "ports of ICMP": (dtcp.request("ADD", "lea1", 7, *dtcp.add_lines(protocol="1", dest_port="5")), 432),
    "families mixed": (dtcp.request("ADD", "lea1", 7, *dtcp.add_lines(
        source_address="10.0.0.1", dest_address="2001:db8::1")), 400),
    "three destinations": (dtcp.request("ADD", "lea1", 7, *dtcp.add_lines(
        cdest=["a", "b", "c"], to=[("192.0.2.10", 1), ("192.0.2.10", 2), ("192.0.2.10", 3)])), 400),
    "counts differ": (dtcp.request("ADD", "lea1", 7, *dtcp.add_lines(
        cdest=["a", "b"], to=[("192.0.2.10", 1)])), 432),
    "no destination": (dtcp.request("ADD", "lea1", 7, "Cdest-ID: cd1", "Flags: STATIC"), 901),
    "no flag and no timeout": (dtcp.request("ADD", "lea1", 7, *dtcp.add_lines()[:-1]), 433),
    "unknown id": (dtcp.request("DELETE", "lea1", 7, "Criteria-ID: 4000000000", "Flags: STATIC"), 431),
    "unknown destination": (dtcp.request("LIST", "lea1", 7, "Cdest-ID: nosuch", "Flags: BOTH"), 430),
    "both selectors": (dtcp.request("DELETE", "lea1", 7, "Criteria-ID: 1", "Cdest-ID: cd1", "Flags: STATIC"), 400),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(rig, bystander, what):
    raw, code = REFUSED[what]
    with rig.session() as s:
        s.send(raw)
        reply = s.receive()
        assert (reply.code, reply.get("SEQ")) == (code, "7") and reply.authentic
        silent_then_alive(s)
        assert not s.ask("LIST", "Flags: BOTH").entries()


def test_truncated_at_every_byte(rig, bystander):
    """The session ends in the middle of a request, before the end of its digest: nothing is added.  One session for each byte would say no
    more about the parser than one for each line does about the session; the parser has its own test."""
    cuts = [i + d for i in range(len(ADD)) if ADD[i:i + 1] == b"\n" for d in (-1, 0, 1)][:-6]  # with its digest it is whole
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def cut_off(n):
            with rig.session() as s:
                s.ask("NOOP", timeout=60)
                s.send(ADD[:n])
        list(pool.map(cut_off, cuts))
    with rig.session() as s:
        assert not s.ask("LIST", "Flags: BOTH").entries()


def test_prefixes_of_a_request_in_one_session(rig, bystander):
    """Every prefix of an ADD, each ended by an empty line: only the whole one is obeyed."""
    with rig.session() as s:
        for n in range(1, len(ADD) - 4):
            s.send(ADD[:n] + b"\r\n\r\n")
        silent_then_alive(s)
        assert not s.ask("LIST", "Flags: BOTH").entries()


def test_long_lists(rig, bystander):
    """Hundreds of ids and addresses in one request: the answer, and no process the worse for it."""
    before = rig.services()["flowtapd"]["starts"], rig.processes()["engine"]
    addresses = ",".join(f"10.0.{i >> 7}.{2 * i & 255}" for i in range(1000))
    with rig.session() as s:
        assert s.ask("DELETE", "Criteria-ID: " + ",".join(f"{3 * i + 1}-{3 * i + 2}" for i in range(1, 1000)),
                     "Flags: STATIC").code == 200
        assert s.ask("LIST", "Criteria-ID: " + ",".join(f"{3 * i + 1}-{3 * i + 2}" for i in range(1, 1000))).code == 200
        s.add(source_address=addresses)
        assert len(s.ask("LIST").entries()) == 1
    assert (rig.services()["flowtapd"]["starts"], rig.processes()["engine"]) == before


@pytest.mark.parametrize("size", [65536, 65537, 1 << 20])
def test_oversized(rig, bystander, size):
    """64 KiB is the most; beyond it silence, and the session goes on with the next request."""
    filler = b"X-Filler: " + b"x" * 1000 + b"\r\n"
    head, tail = b"NOOP DTCP/0.7\r\nCsource-ID: lea1\r\n", b"Seq: 7\r\n"
    room = size - len(head) - len(tail) - 65
    body = head + filler * (room // len(filler))
    rest = size - 65 - len(body) - len(tail)
    body += b"X-F: " + b"x" * (rest - 7) + b"\r\n" + tail if rest >= 8 else tail
    raw = resigned(body)
    with rig.session() as s:
        s.send(raw)
        if size <= 65536:
            assert s.receive().code == 200
        silent_then_alive(s)


def test_rubbish(rig, bystander):
    noise = random.Random(1)
    with rig.session() as s:
        for _ in range(50):
            s.send(noise.randbytes(5000))
        s.send(b"\r\nAuthentication-Info: 0\r\n\r\n")
        silent_then_alive(s)


def test_never_reads(rig, bystander):
    """Its answers pile up to a bound; then it is not read from any more.  Others are answered meanwhile."""
    with rig.session() as s:
        for i in range(200):
            s.add(source_address=f"10.0.0.{i}")
        ask = b"".join(dtcp.request("LIST", "lea1", i, "Flags: BOTH") for i in range(2000))
        os.set_blocking(s.ssh.stdin.fileno(), False)
        sent, stuck_since = 0, time.monotonic()
        while time.monotonic() - stuck_since < 1 and sent < len(ask):
            try:
                sent += os.write(s.ssh.stdin.fileno(), ask[sent:sent + 65536])
                stuck_since = time.monotonic()
            except BlockingIOError:
                began = time.monotonic()
                assert bystander.ask("NOOP").code == 200
                assert time.monotonic() - began < 5
        pids = rig.processes()
        for pid in pids["session"] + pids["engine"]:
            assert rss_kb(pid) < 64 << 10, "memory grows with unread answers"


def rss_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next((int(x.split()[1]) for x in f if x.startswith("VmRSS:")), 0)


@pytest.mark.parametrize("words, uid", [("cli authorization", 65534), ("configuration", 0)])
def test_operator_never_reads(rig, bystander, words, uid):
    """Of what an operator's connection asks in heaps, one command is done at a time, and none while the answers
    before it were not taken: no memory grows, the others are answered, and what was sent is answered once it is read."""
    one, n = rawctl.frame(words), 100000
    heap, sent, engine = one * n, 0, rig.processes()["engine"]
    with rawctl.connect(rig, uid) as s:
        s.setblocking(False)
        stuck_since = time.monotonic()
        while time.monotonic() - stuck_since < 0.5 and sent < len(heap):
            try:
                sent += s.send(heap[sent:sent + 65536])
                stuck_since = time.monotonic()
            except BlockingIOError:
                began = time.monotonic()
                assert rawctl.ask(rig, "cli authorization")[0] == JSON and bystander.ask("NOOP").code == 200
                assert time.monotonic() - began < 2
        assert sent < len(heap) // 2, "all of it was read, and the answers are kept"
        for pid in engine:
            assert rss_kb(pid) < 64 << 10, "memory grows with unread answers"
        s.settimeout(20)
        rest = threading.Thread(target=s.sendall, args=(one[sent % len(one):] if sent % len(one) else b"",))
        rest.start()
        assert all(rawctl.answer(s)[0] == JSON for _ in range(-(-sent // len(one))))
        rest.join()
    assert rig.processes()["engine"] == engine


def test_snapshots_never_read(rig, bystander):
    """Of a LIST and of an export that nobody reads, and by another program: what others delete is erased when the
    first is ended and the last has ended, an export waits without; and lasting ones are told of."""
    state = f"{rig.info['dir']}/state/state.db"
    with rig.session() as s, rawctl.connect(rig) as export, contextlib.closing(sqlite3.connect(state)) as reader:
        for i in range(200):
            s.add(source_address=f"10.0.0.{i}")
        s.send(dtcp.request("DELETE", "lea1", 1, "Criteria-ID: 4000000000", "Flags: STATIC") * 2000)
        assert {s.receive(timeout=60).code for _ in range(2000)} == {431}
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        export.sendall(rawctl.frame("audit export"))
        ask = b"".join(dtcp.request("LIST", "lea1", i, "Flags: BOTH") for i in range(500))
        os.set_blocking(s.ssh.stdin.fileno(), False)
        os.write(s.ssh.stdin.fileno(), ask)
        until("a LIST that waits", lambda: any(x["agency"] == "lea1" and x["unanswered"] > 100 for x in sessions(rig)))
        gone = bystander.add(source_address="10.9.9.9", **rig.destination(rig.port()))
        assert bystander.ask("DELETE", f"Criteria-ID: {gone}", "Flags: STATIC").code == 200
        until("its session's end", lambda: all(x["agency"] != "lea1" for x in sessions(rig)), 20)
        until("the event", lambda: told(rig, "can't be erased yet"), 20)
        assert os.path.getsize(state + "-wal") > 0
        reader.rollback()
        until("it is erased", lambda: os.path.getsize(state + "-wal") == 0 and told(rig, "what was deleted is erased"))
        assert told(rig, "agency lea1: LIST broken off: nothing of it was read for 10 seconds")
        lines = b""
        while (got := rawctl.answer(export))[0] != JSON:
            lines += got[1]
        numbers = [json.loads(x)["n"] for x in lines.splitlines()]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 2000


def sessions(rig):
    return json.loads(rawctl.ask(rig, "services flow-tap sessions")[1])["sessions"]


def told(rig, text):
    return any(text in x["text"] for x in json.loads(rawctl.ask(rig, "services flow-tap events")[1])["events"])


def test_one_byte_a_second(rig, bystander):
    """A slow client is served in the end, and holds nobody up: here a byte each time another was answered."""
    raw = dtcp.request("NOOP", "lea1", 5)
    with rig.session() as slow:
        for i in range(len(raw)):
            slow.send(raw[i:i + 1])
            assert bystander.ask("NOOP").code == 200
        assert slow.receive().get("SEQ") == "5"


def test_requests_in_pieces_and_in_heaps(rig, bystander):
    """Cut anywhere, or many at once: one answer each, in order."""
    raw = b"".join(dtcp.request("NOOP", "lea1", i) for i in range(500))
    cuts = sorted(random.Random(2).sample(range(len(raw)), 300))
    with rig.session() as s:
        for a, b in zip([0, *cuts], [*cuts, len(raw)]):
            s.send(raw[a:b])
        assert [s.receive().get("SEQ") for _ in range(500)] == [str(i) for i in range(500)]


def test_250_connections_at_once(rig, bystander):
    """As many as may be configured: those within the limit are answered, the others are told no; none hangs,
    and afterwards all is as before."""
    def one(_):
        try:
            with rig.session() as s:
                return s.ask("NOOP", timeout=150).code
        except dtcp.Silence as e:
            return str(e)

    with concurrent.futures.ThreadPoolExecutor(250) as pool:
        results = list(pool.map(one, range(250)))
    answered = results.count(200)
    assert answered >= 75, results
    assert rig.answered("lea1") and bystander.ask("NOOP").code == 200
    until("the sessions are gone", lambda: len(rig.processes()["session"]) == 1, 20)


def test_wrong_password(rig):
    with pytest.raises(dtcp.Silence, match="Permission denied"), rig.session(password="wrong") as s:
        s.ask("NOOP")
    assert rig.answered()
