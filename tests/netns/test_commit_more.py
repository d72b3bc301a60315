# SPDX-License-Identifier: BSD-2-Clause
"""Commits that wait: for the next start, for their time, for whoever has the configuration to themselves; and rescue."""

import datetime
import json
import os
import re
import signal

import pytest
from lablib.terminal import Terminal
from rig import until
from test_lifecycle import engines, restarted
from test_script import SHORT, run  # noqa: F401
from test_shell import EDIT, PROMPT, argv


def test_for_the_next_start(rig, run):  # noqa: F811
    """What only a start can change is committed, said to be pending, and in force after a start; the rest is at once."""
    told = "From the next start of flowtapd on: services flow-tap maximum-criteria\n"
    said = run(stdin=f"configure\nset services flow-tap maximum-criteria 2048\n{SHORT} 5\ncommit check\ncommit\n")
    assert said.count("warning: from the next start of flowtapd on: services flow-tap maximum-criteria") == 2, said
    assert "maximum-criteria 2048;" in run("show", "configuration") and told in run("show", "system", "commit")
    assert json.loads(run("-j", "show", "services", "flow-tap"))["capacity"]["criteria-limit"] != 2048
    assert "Pending" in run("show", "services", "flow-tap")
    old = engines(rig)
    os.kill(rig.processes()["parent"][0], signal.SIGKILL)
    restarted(rig, old)
    assert json.loads(run("-j", "show", "services", "flow-tap"))["capacity"]["criteria-limit"] == 2048
    assert told not in run("show", "system", "commit") and "maximum-sessions 5" in run("show", "configuration")
    said = run(stdin="configure\ndelete services flow-tap maximum-criteria\ncommit\nrollback 1\ncommit\n")
    assert said.count("warning: from the next start") == 1, said  # and with the old value again nothing is pending
    assert told not in run("show", "system", "commit")
    run(stdin="configure\ndelete services flow-tap maximum-criteria\ncommit\n")
    old = engines(rig)
    os.kill(rig.processes()["parent"][0], signal.SIGKILL)
    restarted(rig, old)
    assert told not in run("show", "system", "commit")


def test_exclusive(rig, run):  # noqa: F811
    """Others are told who, and commit nothing; the lock ends with the session, whatever way that ends."""
    with Terminal(argv(rig)) as t:
        t.expect(PROMPT)
        t.ask("configure exclusive", EDIT)
        assert "configuration database locked by root (pid " in run("-c", "configure exclusive", status=1)
        said = run(stdin=f"configure\n{SHORT} 5\ncommit\nrollback\n", status=1)
        assert "exclusive [edit]" in said and "configuration database locked by root" in said, said
        assert "locked by" in run("rollback", "1", status=1)
        t.ask(f"{SHORT} 6", EDIT)
        assert "commit complete" in t.ask("commit", EDIT)
        assert "commit complete" in t.ask(f"{SHORT} 7", EDIT) + t.ask("commit", EDIT)
        t.ask("exit", PROMPT)
        run(stdin=f"configure\n{SHORT} 5\ncommit\n")
        t.ask("configure exclusive", EDIT)
        t.child.kill()
    until("the lock is gone", lambda: "locked" not in run("-c", "configure exclusive", status=None))


def test_rescue(rig, run):  # noqa: F811
    assert "there is no rescue configuration" in run("show", "system", "configuration", "rescue", status=4)
    run(stdin=f"configure\n{SHORT} 9\ncommit\n")
    assert "saved" in run("request", "system", "configuration", "rescue", "save")
    run(stdin=f"configure\n{SHORT} 5\ncommit\n")
    assert "maximum-sessions 9" in run("show", "system", "configuration", "rescue")
    said = run(stdin="configure\nrollback rescue\nshow | compare\ncommit\n")
    assert "load complete" in said and "+   maximum-sessions 9;" in said, said
    assert "deleted" in run("request", "system", "configuration", "rescue", "delete")
    assert "there is no rescue" in run("-c", "configure; rollback rescue", status=4)
    denied = run("request", "system", "configuration", "rescue", "save", user=65534, status=2)
    assert "unknown word" in denied


def later(rig, seconds):
    now = int(rig.router("date", "+%s"))
    return datetime.datetime.fromtimestamp(now + seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


@pytest.fixture
def at(rig, run):  # noqa: F811
    def call(limit, seconds, status=0):
        return run(stdin=f"configure\n{SHORT} {limit}\ncommit at \"{later(rig, seconds)}\" comment later\n",
                   status=status)
    return call


def test_commit_at(rig, run, at):  # noqa: F811
    """At its time, and not before; over a kill of the daemon."""
    said = at(3, 8)
    assert "configuration check succeeds\ncommit will be executed at 20" in said, said
    assert "maximum-sessions" not in run("show", "configuration")
    assert re.search(r"^commit requested by root at 20\S+Z$", run("show", "system", "commit"), re.M)
    assert "another commit waits" in at(4, 60, status=1)
    old = engines(rig)
    os.kill(rig.processes()["parent"][0], signal.SIGKILL)
    restarted(rig, old)
    until("it is in force", lambda: "maximum-sessions 3" in run("show", "configuration"), 20)
    assert "later" in run("show", "system", "commit") and "requested" not in run("show", "system", "commit")


def test_commit_at_is_refused(rig, run, at):  # noqa: F811
    """If the configuration has changed meanwhile; and it can be cleared."""
    at(3, 15)
    said = run(stdin=f"configure\n{SHORT} 8\ncommit\n")
    assert "warning: the commit that root has put off till" in said, said
    until("it is refused", lambda: "had put off was refused: the configuration has changed meanwhile" in run(
        "show", "services", "flow-tap", "events").replace("\n                             ", " "), 40)
    assert "maximum-sessions 8" in run("show", "configuration") and "requested" not in run("show", "system", "commit")
    at(3, 3600)
    assert "cleared" in run("clear", "system", "commit")
    assert "no commit waits" in run("clear", "system", "commit", status=4)
    for wrong in "25:00", "2020-01-01 10:00", "soon", "10:00:99":
        assert "expected hh:mm" in run(stdin=f"configure\n{SHORT} 3\ncommit at \"{wrong}\"\nrollback\n", status=2)
