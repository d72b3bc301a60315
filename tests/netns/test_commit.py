# SPDX-License-Identifier: BSD-2-Clause
"""Commits: all or nothing, kept in a history, recorded, and without a packet missed."""

import json
import os
import subprocess

import pytest
from rig import lab_command
from test_lifecycle import exact_under


@pytest.fixture
def conf(rig, rewritten):
    return Conf(rig)


class Conf:
    def __init__(self, rig):
        self.rig, self.path = rig, rig.info["dir"] + "/etc/flowtap.conf"
        self.candidate = rig.info["dir"] + "/etc/candidate"

    def text(self):
        with open(self.path) as f:
            return f.read()

    def flowtap(self, *argv, check=True):
        r = lab_command("exec", "--name", self.rig.name, "router", "flowtap", *argv, check=False)
        assert not check or r.returncode == 0, f"flowtap {argv}: {r.returncode} {r.stderr}"
        return r

    def ask(self, *argv):
        return json.loads(self.flowtap("-j", *argv).stdout)

    def active(self, back=0):
        return self.ask("show", "configuration", "rollback", str(back))

    def commit(self, text, *options, check=True):
        with open(self.candidate, "w") as f:
            f.write(text)
        return self.flowtap("commit", *options, "/etc/flowtap/candidate", check=check)

    def with_limit(self, n):
        """What is in force, with another limit."""
        text = self.active()["text"]
        assert text.count("maximum-sessions") <= 1
        text = "\n".join(line for line in text.split("\n") if "maximum-sessions" not in line)
        where = text.index("agency lea1 {") + len("agency lea1 {")
        return text[:where] + f" maximum-sessions {n};" + text[where:]


def test_commit_and_rollback(rig, conf):
    before = conf.active()
    assert conf.flowtap("show", "configuration").stdout == before["text"] == conf.active(0)["text"]
    done = conf.commit(conf.with_limit(7), "--comment", "fewer sessions")
    assert done.stdout == f"commit {before['generation'] + 1} complete\n"
    now = conf.active()
    assert "maximum-sessions 7;" in now["text"] and conf.text() == now["text"]
    assert (now["user"], now["comment"]) == ("root", "fewer sessions")
    assert conf.commit(now["text"]).stdout == "no changes\n"
    assert conf.flowtap("rollback", "1").stdout == f"commit {now['generation'] + 1} complete\n"
    assert conf.active()["text"] == before["text"] and conf.active(1)["text"] == now["text"]
    commits = conf.ask("show", "system", "commit")["commits"]
    assert [c["rollback"] for c in commits] == list(range(len(commits)))
    assert commits[0]["comment"] == f"rollback to commit {before['generation']}"
    assert commits[1]["comment"] == "fewer sessions"
    assert "fewer sessions" in conf.flowtap("show", "system", "commit").stdout
    assert conf.flowtap("rollback", "49", check=False).returncode == 4
    audit = [json.loads(line) for line in conf.flowtap("audit", "export").stdout.splitlines()]
    told = [e for e in audit if e["kind"] == "commit" and e.get("request") == "fewer sessions"]
    assert [(e["uid"], e["reason"]) for e in told] == [
        (0, "changed: services flow-tap agency lea1 maximum-sessions")]


def test_refused_commit_changes_nothing(rig, conf):
    before, listed = conf.text(), conf.ask("show", "system", "commit")
    bad = conf.commit(before.replace("flow-tap {", "flow-tapp {", 1), check=False)
    assert bad.returncode == 1 and ":11:5: flow-tapp: expected flow-tap or }" in bad.stderr, bad.stderr
    nobody = conf.commit(before + "services { flow-tap { agency nobody-of-that-name; } }", check=False)
    assert nobody.returncode == 1 and "agency nobody-of-that-name: no such system user" in nobody.stderr
    device = conf.commit(before + "services { flow-tap { maximum-criteria 2048; } }", check=False)
    assert device.returncode == 1 and "needs a restart: services flow-tap maximum-criteria" in device.stderr
    stale = conf.commit(conf.with_limit(9), "--base", "1000000", check=False)
    assert stale.returncode == 1 and "changed meanwhile" in stale.stderr
    assert conf.commit(conf.with_limit(9), "--check").stdout == "configuration check succeeds\n"
    assert conf.text() == before and conf.ask("show", "system", "commit") == listed
    assert rig.answered()


def test_only_operators(rig, conf):
    for words in (["show", "configuration"], ["show", "system", "commit"], ["commit", "/etc/flowtap/flowtap.conf"]):
        r = lab_command("exec", "--name", rig.name, "router", "setpriv", "--reuid=65534", "--clear-groups", "flowtap",
                        *words, check=False)
        assert r.returncode == 3 and "permission denied" in r.stderr, r


def test_commit_under_traffic(rig, conf):
    """Not a packet is missed or copied twice."""
    def disturb():
        for n in 5, 6, 7, 8:
            conf.commit(conf.with_limit(n))
    exact_under(rig, disturb)
    conf.flowtap("rollback", "4")


def test_unwritable_folder(rig, conf):
    """A disk error changes nothing."""
    before, listed = conf.text(), conf.ask("show", "system", "commit")
    folder = os.path.dirname(conf.path)
    text = conf.with_limit(9)
    with open(conf.candidate, "w") as f:
        f.write(text)
    os.chmod(folder, 0o755)
    os.chown(folder, 65534, 65534)
    try:
        r = conf.flowtap("commit", "/etc/flowtap/candidate", check=False)
    finally:
        os.chown(folder, 0, 0)
    assert r.returncode == 1 and "/etc/flowtap/flowtap.conf: Permission denied" in r.stderr, r.stderr
    assert conf.text() == before and conf.ask("show", "system", "commit") == listed
    assert conf.commit(conf.with_limit(9)).returncode == 0
    conf.flowtap("rollback", "1")


def test_confirmed(rig, conf):
    before = conf.active()
    assert "unless it is confirmed" in conf.commit(conf.with_limit(11), "--confirmed", "1").stdout
    assert "confirm-within-seconds" in conf.ask("show", "system", "commit")
    assert conf.flowtap("commit").stdout == f"commit {before['generation'] + 1} confirmed\n"
    assert "confirm-within-seconds" not in conf.ask("show", "system", "commit")
    assert conf.flowtap("commit", check=False).returncode == 1
    conf.flowtap("rollback", "1")
