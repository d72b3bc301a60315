# SPDX-License-Identifier: BSD-2-Clause
"""connection-limit and rate-limit, by the real sshd: exact, of each agency by itself, and through commits."""

import contextlib
import os
import time

import pytest
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
