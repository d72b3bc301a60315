# SPDX-License-Identifier: BSD-2-Clause
"""Criteria that end by themselves (C03 section 5.4.1), and REFRESH."""

import os
import signal
import time

import pytest
from rig import dtcp, lab_ask, lab_command, udp_packet, until
from test_audit import head, since


def add(rig, session, port, *timeouts, flags=(), source=None):
    lines = [x for x in dtcp.add_lines(source_address=source or rig.addr("subscriber"), **rig.destination(port))
             if not x.startswith("Flags")]
    reply = session.ask("ADD", *lines, *timeouts, *flags)
    assert reply.code == 200, reply
    return int(reply.get("CRITERIA-ID"))


def packets(rig, n):
    return [udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, b"%06d" % i) for i in range(n)]


def ended(rig, mark):
    return [(x["id"], x["reason"]) for x in since(rig, mark) if x["kind"] == "ended"]


def test_timeout_packets_is_exact(rig):
    port, mark = rig.port(), head(rig)
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        number = add(rig, s, port, "Timeout-Packets: 5")
        entry, = s.ask("LIST").entries()
        assert entry["TIMEOUT-PACKETS"] == "5" and "FLAGS" not in entry
        for p in packets(rig, 9):
            inject(p)
        content.wait(5)
        until("its end in the store", lambda: s.ask("LIST").entries() == [])
        assert ended(rig, mark) == [(number, "Timeout-Packets is used up, after 5 packets")]
        assert s.ask("DELETE", f"Criteria-ID: {number}").code == 431
    rig.account_closed()
    assert content.got == packets(rig, 5)


def test_timeout_bytes(rig):
    """The packet that reaches the limit is still copied."""
    port = rig.port()
    size = len(packets(rig, 1)[0])
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        add(rig, s, port, f"Timeout-Bytes: {2 * size + 1}")
        for p in packets(rig, 6):
            inject(p)
        until("its end in the store", lambda: s.ask("LIST").entries() == [])
    rig.account_closed()
    assert content.got == packets(rig, 3)


@pytest.mark.parametrize("timeout", ["Timeout-Total: 1", "Timeout-Idle: 1"])
def test_timeout_of_time(rig, timeout):
    port, mark = rig.port(), head(rig)
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        number = add(rig, s, port, timeout)
        begin = time.monotonic()
        inject(packets(rig, 1)[0])
        content.wait(1)
        until("its end in the store", lambda: s.ask("LIST").entries() == [])
        assert 0.9 < time.monotonic() - begin < 4
        inject(packets(rig, 1)[0])
        (which, why), = ended(rig, mark)
        assert which == number and why.endswith("after 1 packets")
    rig.account_closed()
    assert len(content.got) == 1


def test_idle_goes_on_while_there_are_packets(rig):
    port = rig.port()
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        add(rig, s, port, "Timeout-Idle: 1")
        begin, sent = time.monotonic(), 0
        while time.monotonic() < begin + 2.5:
            inject(packets(rig, 1)[0])
            sent += 1
            time.sleep(0.05)
        content.wait(sent)
        assert len(s.ask("LIST").entries()) == 1


def test_refresh(rig):
    """Named timeouts are replaced, others run on; static criteria are neither touched nor counted."""
    port, mark = rig.port(), head(rig)
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        static = add(rig, s, port, flags=["Flags: STATIC"], source="198.51.100.9")
        number = add(rig, s, port, "Timeout-Packets: 3", "Timeout-Total: 80000")
        inject(packets(rig, 1)[0])
        content.wait(1)
        reply = s.ask("REFRESH", f"Criteria-ID: {static}-{number}", "Timeout-Packets: 4")
        assert (reply.code, reply.get("CRITERIA-COUNT")) == (200, "1")
        entry = s.ask("LIST", f"Criteria-ID: {number}", "Flags: BOTH").entries()[0]
        assert (entry["TIMEOUT-PACKETS"], entry["TIMEOUT-TOTAL"], entry["NUM-REFRESH"]) == ("4", "80000", "1")
        for p in packets(rig, 9):
            inject(p)
        until("its end in the store", lambda: len(s.ask("LIST").entries()) == 1)
        assert len(content.got) == 1 + 4
        line, = (x for x in since(rig, mark) if x["kind"] == "refresh")
        assert (line["ids"], line["reason"]) == (str(number), "1 refreshed")


def test_refresh_refused(rig):
    port = rig.port()
    with rig.session() as s:
        number = add(rig, s, port, "Timeout-Total: 80000")
        for lines, code in (
                (("Criteria-ID: 4294967295", "Timeout-Idle: 1"), 431),
                (("Cdest-ID: never-used", "Timeout-Idle: 1"), 430),
                ((f"Criteria-ID: {number}",), 433),
                ((f"Criteria-ID: {number}", "Timeout-Total: 0"), 433),
                (("Timeout-Total: 5",), 400)):
            assert s.ask("REFRESH", *lines).code == code, lines
        entry, = s.ask("LIST", "Flags: BOTH").entries()
        assert (entry["TIMEOUT-TOTAL"], entry.get("NUM-REFRESH")) == ("80000", None)


def test_delete_without_static_leaves_static_criteria(rig):
    port = rig.port()
    with rig.session() as s:
        static = add(rig, s, port, flags=["Flags: STATIC"])
        number = add(rig, s, port, "Timeout-Total: 80000")
        reply = s.ask("DELETE", f"Criteria-ID: {static}-{number}")
        assert (reply.code, reply.get("CRITERIA-COUNT")) == (200, "1")
        assert [int(x["CRITERIA-ID"]) for x in s.ask("LIST").entries()] == [static]


def test_restart_does_not_begin_anew(rig):
    """What was used up stays used up."""
    port = rig.port()
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        with rig.session() as s:
            add(rig, s, port, "Timeout-Packets: 5", "Timeout-Total: 80000")
        for p in packets(rig, 3):
            inject(p)
        content.wait(3)
        lab_command("restart", "--name", rig.name)
        for p in packets(rig, 9):
            inject(p)
        with rig.session() as s:
            until("its end in the store", lambda: s.ask("LIST").entries() == [])
        rig.account_closed()
        assert len(content.got) == 5


def new_tables(rig):
    """As after a reboot: the daemon is stopped, everything is taken out of the kernel, and it starts again."""
    lab_ask(rig, "stop")
    until("the daemon's end", lambda: not rig.processes()["parent"], 20)
    lab_command("exec", "--name", rig.name, "router", "flowtapd", "--remove")
    lab_command("restart", "--name", rig.name)


def send(rig, inject, n):
    for p in packets(rig, n):
        inject(p)


def test_limit_is_not_given_again(rig):
    """Timeout-Packets: 10, 6 copied, new tables: what is left of the part is forfeited, and nothing more is copied."""
    port, mark = rig.port(), head(rig)
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        with rig.session() as s:
            number = add(rig, s, port, "Timeout-Packets: 10")
        send(rig, inject, 6)
        content.wait(6)
        new_tables(rig)
        send(rig, inject, 30)
        with rig.session() as s:
            until("its end in the store", lambda: s.ask("LIST").entries() == [])
        rig.account_closed()
        assert 6 <= len(content.got) <= 10
        (which, why), = ended(rig, mark)
        assert which == number and why.startswith("Timeout-Packets is used up")


@pytest.mark.parametrize("unit", ["packets", "bytes"])
def test_limit_in_parts_over_kills_and_reboots(rig, unit):
    """Kills at any moment cost nothing, new tables one part each at most; the limit is never exceeded."""
    port, size = rig.port(), len(packets(rig, 1)[0])
    limit, part, forfeited = 3000, 3000 // 8, 0
    if unit == "bytes":
        part = (1 << 20) // size + 1  # the least there is, which is more than an eighth
        limit = 3 * part
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        with rig.session() as s:
            add(rig, s, port, f"Timeout-Packets: {limit}" if unit == "packets" else f"Timeout-Bytes: {limit * size}")
        for event in "engine", "reboot", "dataplane", "parent":
            for _ in range(7):
                before = len(content.got)
                send(rig, inject, part // 20)
                content.wait(before + part // 20)  # at such a rate no packet waits for the next part
            if event == "reboot":
                new_tables(rig)
                forfeited += 4 * part  # a part that went in less than half a second leads to one of two seconds
                before = len(content.got)  # the first packets may come before the next part

                def goes_on():
                    send(rig, inject, 1)
                    return len(content.got) > before
                until("the next part", goes_on)
            else:
                starts = rig.services()["flowtapd"]["starts"]
                os.kill(rig.processes()[event][0], signal.SIGKILL)
                send(rig, inject, 20)
                until("restart", lambda: rig.services()["flowtapd"]["starts"] > starts, 30)
                until("answers", rig.answered, 30)
        with rig.session() as s:
            def over():
                send(rig, inject, 100)
                return s.ask("LIST").entries() == []
            until("its end in the store", over, 60)
        rig.account_closed()
        assert limit - forfeited - 1 <= len(content.got) <= limit


def test_idleness_goes_on_over_new_tables(rig):
    port = rig.port()
    with rig.session() as s:
        add(rig, s, port, "Timeout-Idle: 8")
    began = time.monotonic()
    until("half of it", lambda: time.monotonic() > began + 4)
    new_tables(rig)
    anew = time.monotonic()
    with rig.session() as s:
        until("its end", lambda: s.ask("LIST").entries() == [], 12)
    assert began + 7.5 < time.monotonic() < max(began + 8, anew) + 4
    assert time.monotonic() < anew + 7.5, "it did not begin anew"
