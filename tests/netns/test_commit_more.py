# SPDX-License-Identifier: BSD-2-Clause
"""Commits that wait: for the next start, for their time, for whoever has the configuration to themselves; and rescue."""

import contextlib
import datetime
import json
import os
import re
import signal
import socket

import pytest
import rawctl
from fakectl import HEADER, JSON, SHOW
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


def test_an_empty_candidate(rig, run):  # noqa: F811
    """A person is asked, and Enter is no; a script is warned."""
    with Terminal(argv(rig)) as t:
        t.expect(PROMPT)
        t.ask("configure", EDIT)
        t.ask("load override /dev/null", EDIT)
        t.type("commit\n")
        t.expect(r"Commit an empty configuration\? \[yes,no\] \(no\) ")
        t.ask("", EDIT)
        assert "no statement" not in t.ask("commit check", EDIT)
        t.ask("rollback", EDIT)
        t.ask("exit", PROMPT)
    assert "maximum-sessions" not in run("show", "configuration") and "agency" in run("show", "configuration")
    said = run(stdin="configure\nload override /dev/null\ncommit confirmed 1\nrollback 1\ncommit\n")
    assert "warning: the candidate has no statement" in said and said.count("commit complete") == 2, said


def test_an_alarm_hook_that_is_not_there(rig, run):  # noqa: F811
    """A check says so; what can be run is no reason for a word."""
    hook = "set services flow-tap alarm-hook"
    said = run(stdin=f"configure\n{hook} /nonexistent/hook\ncommit check\n{hook} /etc/passwd\ncommit check\n"
                     f"{hook} /bin/true\ncommit check\nrollback\n")
    assert "alarm-hook: /nonexistent/hook: there is no such file: no alarm is handed on" in said, said
    assert "alarm-hook: /etc/passwd: it is not a program that can be run" in said and "/bin/true:" not in said, said
    text = run("show", "configuration").replace("flow-tap {", "flow-tap { alarm-hook /nonexistent/hook;", 1)
    found = json.loads(run("-j", "commit", "--check", "-", stdin=text))
    assert [w for w in found["warnings"] if "/nonexistent/hook" in w], found


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


def test_texts_that_wait(rig, run):  # noqa: F811
    """What others have sent of a command that does not come leaves root's commit its room, another user's too, and
    goes after seconds; no command follows on a part of its text."""
    piece, most = rawctl.frame("", b"# text that waits\n" * 7000, rawctl.TEXT), 16 << 20
    with contextlib.ExitStack() as stack:
        def fill(user, room):
            s = stack.enter_context(group_of(rig, "_flowtap", user))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for _ in range(room // len(piece)):
                    s.sendall(piece)
            return s
        little = fill(65532, 2 * len(piece))
        fill(65534, most)
        second = fill(65534, 2 * len(piece))
        kind, said = rawctl.answer(second)
        assert kind == ERROR and b"too much text of this user" in said
        with pytest.raises(ConnectionResetError):
            rawctl.answer(second)
        fill(65533, most - 4 * len(piece))
        conf = run("show", "configuration").encode()
        with rawctl.connect(rig) as root:
            for at in range(0, len(conf), 1000):
                root.sendall(rawctl.frame("", conf[at:at + 1000], rawctl.TEXT))
            root.sendall(rawctl.frame("commit check"))
            kind, said = rawctl.answer(root)
            assert kind == JSON, said
        assert b"no command came in time" in rawctl.answer(little)[1]


@contextlib.contextmanager
def group_of(rig, name, user=65534):
    """A connection of a user who is in this group of the router's and is no login."""
    with open(f"/proc/{rig.info['init']}/root/etc/group") as f:
        gid = next(int(x.split(":")[2]) for x in f if x.startswith(name + ":"))
    os.setegid(gid)
    try:
        s = rawctl.connect(rig, user)
    finally:
        os.setegid(0)
    with s:
        yield s


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


def refused(run, why):  # noqa: F811
    until("its time", lambda: "requested" not in run("show", "system", "commit"), 40)
    events = run("show", "services", "flow-tap", "events").replace("\n                             ", " ")
    assert re.search(f"refused: (engine: )?{why}", events[events.rindex("had put off"):]), events


def test_commit_at_without_a_base(rig, run):  # noqa: F811
    """The daemon itself knows from which configuration on it holds."""
    text = run("show", "configuration").replace("agency lea1 {", "agency lea1 { maximum-sessions 3;", 1)
    kind, said = raw(rig, f"commit at {int(rig.router('date', '+%s')) + 3}", text)
    assert kind == JSON, said
    said = run(stdin=f"configure\n{SHORT} 8\ncommit\n")
    assert "will be refused: it was made from another configuration" in said, said
    refused(run, "the configuration has changed meanwhile")
    assert "maximum-sessions 8" in run("show", "configuration") and "requested" not in run("show", "system", "commit")


def test_commit_at_is_its_authors(rig, run):  # noqa: F811
    """What their groups permit doesn't count; and nobody else's number commits, as the system has them when it is due."""
    path = f"/proc/{rig.info['init']}/root/etc/passwd"
    run(stdin="configure\nset system login user atops class super-user\ncommit\n")
    with open(path) as f:
        before = f.read()
    uid = re.search("(?m)^atops:x:([0-9]+):", before)[1]
    words = f"commit at {int(rig.router('date', '+%s')) + 3}"
    text = run("show", "configuration").replace("agency lea1 {", "agency lea1 { maximum-sessions 3;", 1)
    with group_of(rig, "_flowtap") as s:
        s.sendall(rawctl.frame(words, text.encode()))
        kind, said = rawctl.answer(s)
        assert kind == ERROR and b"not the groups of the system" in said, said
    with rawctl.connect(rig, int(uid)) as s:
        s.sendall(rawctl.frame(words, text.encode()))
        kind, said = rawctl.answer(s)
        assert kind == JSON, said
    with open(path, "w") as f:
        f.write(f"stranger:x:{uid}:65534::/:/bin/false\n" + before)
    try:
        refused(run, "its author is not the same user any more")
    finally:
        with open(path, "w") as f:
            f.write(before)
    assert "maximum-sessions" not in run("show", "configuration")


def test_commit_at_is_refused(rig, run, at):  # noqa: F811
    """If the configuration has changed meanwhile; and it can be cleared."""
    at(3, 15)
    said = run(stdin=f"configure\n{SHORT} 8\ncommit\n")
    assert "warning: the commit that root has put off till" in said, said
    refused(run, "the configuration has changed meanwhile")
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
