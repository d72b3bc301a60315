# SPDX-License-Identifier: BSD-2-Clause
"""connection-limit and rate-limit, by the real sshd: exact, of each agency by itself, and through commits; and what
connections to the control socket may hold."""

import contextlib
import os
import time

import pytest
import rawctl
from fakectl import JSON
from rig import dtcp, lab_command, until
from test_commit import Conf


@pytest.fixture
def limit(rig, rewritten):
    """Commits other statements of ssh."""
    conf = Conf(rig)
    before = conf.active()["text"]

    def commit(words):
        conf.commit(conf.active()["text"].replace("port ", words + " port ", 1) if words else before)

    yield commit
    commit("")


def opened(rig, stack, agency="lea1"):
    """Whether one more session was let in; it stays open."""
    s = stack.enter_context(rig.session(agency))
    try:
        return s.ask("NOOP").code == 200
    except dtcp.Silence:
        return False


def minute_begins(rig, agency):
    """No session of the last minute counts any more: the limit is asked whether one fits in, not the clock."""
    deadline = time.monotonic() + 75
    while True:
        with contextlib.ExitStack() as stack:
            if opened(rig, stack, agency):
                return
        assert time.monotonic() < deadline, "not even after a minute"


def test_connection_limit(rig, limit):
    limit("connection-limit 2;")
    with contextlib.ExitStack() as two:
        assert [opened(rig, two) for _ in range(4)] == [True, True, False, False]
        with contextlib.ExitStack() as others:
            assert [opened(rig, others, "lea2") for _ in range(3)] == [True, True, False], "not one of lea1's counts"
        limit("")
        limit("connection-limit 3;")
        assert [opened(rig, two) for _ in range(2)] == [True, False]
        limit("")
        limit("connection-limit 1;")
        assert not opened(rig, two)
    with contextlib.ExitStack() as one:
        assert [opened(rig, one) for _ in range(2)] == [True, False]


@pytest.mark.skipif(not os.environ.get("FLOWTAP_EVERY_CALL"), reason="takes the minute that the limit is of: make check-long")
def test_rate_limit(rig, limit):
    """So many in any minute: refused ones and those of others do not count, and a commit begins no new minute."""
    lab_command("restart", "--name", rig.name)  # which asks lea1: lea2 has had no session yet
    with contextlib.ExitStack() as stack:
        begin = time.monotonic()
        first = [opened(rig, stack, "lea2") for _ in range(3)]
        limit("rate-limit 3;")
        assert first == [True] * 3 and not opened(rig, stack, "lea2")
        with contextlib.ExitStack() as others:
            assert opened(rig, others, "lea1"), "it has a minute of its own"
        limit("")
        limit("rate-limit 4;")
        assert [opened(rig, stack, "lea2") for _ in range(2)] == [True, False]
        limit("")
        limit("rate-limit 3;")
    assert not opened(rig, contextlib.ExitStack(), "lea2"), "that the sessions have ended makes no difference"
    until("most of a minute is over", lambda: time.monotonic() - begin > 57, 60)
    minute_begins(rig, "lea2")
    assert time.monotonic() - begin >= 60


def test_why_is_on_record(rig, limit):
    conf = Conf(rig)
    limit("connection-limit 1;")
    with contextlib.ExitStack() as stack:
        assert [opened(rig, stack) for _ in range(2)] == [True, False]
    events = conf.ask("show", "services", "flow-tap", "events")["events"]
    assert any(x["kind"] == "session-refused" and "connection-limit" in x["text"] for x in events)


def said(s):
    """What the daemon says before it closes, whatever it says before that."""
    kind, last = rawctl.answer(s)
    with contextlib.suppress(ConnectionResetError):
        while True:
            kind, last = rawctl.answer(s)
    return kind, last


def test_connections_to_the_control_socket(rig):
    """A user has a share of them, root apart; and who gives no command is ended.  Agencies notice nothing."""
    engine = rig.processes()["engine"][0]
    before = len(os.listdir(f"/proc/{engine}/fd"))
    with contextlib.ExitStack() as stack, rig.session() as s:
        assert s.ask("NOOP").code == 200
        many = [stack.enter_context(rawctl.connect(rig, 65534)) for _ in range(300)]
        refused = [said(x) for x in many[32:]]
        assert all(kind == rawctl.ERROR and b"as many connections as a user may have" in x for kind, x in refused)
        assert len(os.listdir(f"/proc/{engine}/fd")) < before + 40
        assert rawctl.ask(rig, "cli authorization", 65533)[0] == JSON, "it is another user's share"
        roots = [stack.enter_context(rawctl.connect(rig)) for _ in range(40)]
        for x in roots + many[1:2]:
            x.sendall(rawctl.frame("cli authorization"))
            assert rawctl.answer(x)[0] == JSON
        assert s.ask("LIST").code == 200 and rig.answered("lea2")
        many[2].sendall(rawctl.frame("cli authorization")[:20])
        assert all(b"no command came in time" in said(x)[1] for x in [many[0], *many[2:32]])
        for x in roots[0], many[1]:
            x.sendall(rawctl.frame("cli authorization"))
            assert rawctl.answer(x)[0] == JSON, "it had given a command"
    events = Conf(rig).ask("show", "services", "flow-tap", "events")["events"]
    assert any(x["kind"] == "session-refused" and "control socket: user number 65534" in x["text"] for x in events)
