# SPDX-License-Identifier: BSD-2-Clause
"""Commits that wait: for the next start, for their time, for whoever has the configuration to themselves; and rescue."""

import datetime
import json
import os
import re
import signal
import socket

import pytest
from fakectl import HEADER, SHOW
from lablib.terminal import Terminal
from rig import until
from test_commit import Conf
from test_lifecycle import engines, restarted
from test_script import SHORT, run  # noqa: F401
from test_shell import EDIT, PROMPT, argv

ERROR, WRONG = 66, 69  # of answers


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
    denied = run("request", "system", "configuration", "rescue", "save", user=65534, status=3)
    assert "permission denied" in denied


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


def raw(rig, words, text):
    """The answer to a command on the control socket: its type and its bytes."""
    body = b"".join(len(x).to_bytes(2, "big") + x for x in (words.encode(), text.encode()))
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(f"/proc/{rig.info['init']}/root/run/flowtap/ctl.sock")
        s.sendall(HEADER.pack(len(body), SHOW, 0, 1) + body)
        with s.makefile("rb") as f:
            size, kind, _, _ = HEADER.unpack(f.read(HEADER.size))
            return kind, f.read(size)


def test_commit_at_is_judged_at_once(rig, run):  # noqa: F811
    """By the daemon, whatever its client has looked at before."""
    words = f"commit at {int(rig.router('date', '+%s')) + 3600}"
    kind, said = raw(rig, words, "nonsense;")
    assert kind == WRONG and b"nonsense" in said, said
    kind, said = raw(rig, words + " base 1000000", run("show", "configuration"))
    assert kind == ERROR and b"the configuration has changed meanwhile" in said, said
    assert "no commit waits" in run("clear", "system", "commit", status=4)


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


def test_a_file_that_is_a_link(rig, rewritten):
    """As something else manages it: the commit is refused, link and file stay as they are; and no group may write it."""
    conf = Conf(rig)
    path, real = conf.path, conf.path + ".real"
    os.chmod(path, 0o660)
    conf.commit(conf.with_limit(8))
    assert os.stat(path).st_mode & 0o777 == 0o640
    os.rename(path, real)
    try:
        os.symlink("flowtap.conf.real", path)
        before = conf.text()
        r = conf.commit(conf.with_limit(9), check=False)
        assert r.returncode != 0 and "it is a link" in r.stderr, r.stderr
        assert os.path.islink(path) and conf.text() == before
    finally:
        os.rename(real, path)
    conf.commit(conf.with_limit(9))
