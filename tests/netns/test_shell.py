# SPDX-License-Identifier: BSD-2-Clause
"""The operator's shell, typed at on a terminal, with the real daemon behind it."""

import json
import os
import re
import subprocess

import pytest
from rig import TREE
from lablib.terminal import Terminal, columns

PROMPT, EDIT = r"^\S+@\S+> $", r"^\S+@\S+# $"


def argv(rig, *words):
    return [TREE + "/tools/lab", "exec", "--name", rig.name, "router", "flowtap", *words]


@pytest.fixture
def text(rig):
    """The configuration, which is put back as it was."""
    before = json.loads(subprocess.run(argv(rig, "-j", "show", "configuration", "rollback", "0"), capture_output=True,
                                       text=True, check=True).stdout)["text"]
    yield before
    subprocess.run(argv(rig, "commit", "-"), input=before, text=True, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def shell(rig, text):
    with Terminal(argv(rig), env={"LANG": "C.UTF-8"}) as t:
        t.expect(PROMPT)
        t.ask("set cli screen-length 0", PROMPT)
        yield t


def once(rig, *words, status=0, stdin=None):
    r = subprocess.run(argv(rig, *words), capture_output=True, text=True, input=stdin, timeout=60)
    assert r.returncode == status, f"{words}: {r.returncode} {r.stderr}"
    return r.stdout + r.stderr


def test_configuration_mode(rig, shell):
    """Set, look, check, commit, go back: the words of a Junos router."""
    shell.ask("configure", EDIT)
    shell.ask("edit services flow-tap agency lea1", r"^\[edit services flow-tap agency lea1\]\n\S+# $")
    shell.ask("set maximum-sessions 7", EDIT)
    assert "maximum-sessions 7;" in shell.ask("show", EDIT)
    shell.ask("top", r"^\[edit\]\n\S+# $")
    assert "[edit services flow-tap agency lea1]\n+   maximum-sessions 7;" in shell.ask("show | compare", EDIT)
    assert "configuration check succeeds" in shell.ask("commit check", EDIT)
    assert "maximum-sessions" not in once(rig, "show", "configuration")
    assert "commit complete" in shell.ask('commit comment "seven | 7"', EDIT)
    assert "set services flow-tap agency lea1 maximum-sessions 7\n" in once(
        rig, "show", "configuration", "|", "display", "set")
    assert "seven | 7" in shell.ask("run show system commit", EDIT)
    shell.ask("rollback 1", EDIT)
    assert "-   maximum-sessions 7;" in shell.ask("show | compare", EDIT)
    assert "commit complete" in shell.ask("commit and-quit", PROMPT)
    assert "maximum-sessions" not in once(rig, "show", "configuration")


def test_candidates_are_private(rig, shell, text):
    """Who commits first wins; the other is told and loses nothing."""
    shell.ask("configure", EDIT)
    shell.ask("set services flow-tap agency lea1 maximum-sessions 3", EDIT)
    once(rig, "commit", "-", stdin=text.replace("agency lea2 {", "agency lea2 { maximum-sessions 9;", 1))
    assert "changed meanwhile" in shell.ask("commit", EDIT)
    assert "maximum-sessions 3" in shell.ask("show services flow-tap agency lea1", EDIT)
    shell.type("exit\n")
    shell.expect(r"Discard uncommitted changes\? \[yes,no\] \(yes\) ")
    shell.ask("no", EDIT)
    shell.ask("rollback", EDIT)
    assert "maximum-sessions 9" in shell.ask("show services flow-tap agency lea2", EDIT)
    shell.ask("exit", PROMPT)


def test_questions_with_json(rig, text):
    """They are seen where they are asked, also when messages become JSON."""
    with Terminal(argv(rig, "-j"), env={"LANG": "C.UTF-8"}) as t:
        t.expect(PROMPT)
        t.ask("configure", EDIT)
        t.ask("set services flow-tap agency lea1 maximum-sessions 3", EDIT)
        t.type("exit\n")
        t.expect(r"Discard uncommitted changes\? \[yes,no\] \(yes\) ")
        t.ask("yes", PROMPT)
        t.ask("configure", EDIT)
        t.type("load merge terminal\n")
        t.expect(r"\[Type \^D at a new line to end input\]")
        t.ask("\x04", EDIT)


def test_refusals_point_at_the_word(rig, shell):
    said = shell.ask("show services flowtap", PROMPT)
    assert "show services flowtap\n              ^\nunknown word; expected: flow-tap\n" in said
    shell.ask("configure", EDIT)
    said = shell.ask("set services flow-tap agency lea1 maximum-sessions 251", EDIT)
    assert re.search(r"\n {51}\^\nexpected a number from 1 to 250\n", said), said
    said = shell.ask("set services dynamic-flow-capture capture-group g", EDIT)
    said = shell.ask("commit", EDIT)
    assert "cannot be configured on one router" in said and "error: configuration check-out failed" in said
    shell.ask("rollback", EDIT)
    shell.ask("exit", PROMPT)


def test_keys(rig, shell):
    """Space and Tab complete, ? helps, and what is pasted arrives as it is."""
    shell.type("sh ser")
    shell.expect("ow ser")  # the space has made it show
    shell.type("?")
    assert "flow-tap" not in shell.expect("Services applied to packets\n")
    shell.type(" flow-tap ?")
    said = shell.expect("Pipe through a command\n")
    assert "<[Enter]>" in said and "self-test" not in said and "statistics" in said
    shell.type("\x03")
    shell.expect(PROMPT)
    shell.type("conf\t\n")
    shell.expect(EDIT)
    shell.type("set services flow-tap agency ?")
    assert "lea1" in shell.expect("lea2")
    shell.type("\x03")
    shell.expect(EDIT)
    shell.ask("exit", PROMPT)


def test_pipes(rig, shell):
    assert "Count: 2 lines" in shell.ask('show configuration | match "agency lea" | count', PROMPT)
    said = shell.ask("show configuration services flow-tap | except lea2", PROMPT)
    assert "agency lea1 {" in said and "agency lea2 {" not in said
    last = shell.ask("show configuration | last 2", PROMPT).split("\n")
    assert last[-3:-1] == ["    }", "}"]  # before them is the line as typed, by the terminal too if it was quick
    assert json.loads(once(rig, "show", "configuration", "|", "display", "json"))["configuration"]["services"]
    assert "unknown word" in once(rig, "show", "configuration", "|", "cuont", status=2)


def test_screens_fit(rig, shell):
    """80 columns, whatever is shown."""
    for command in ("show services flow-tap", "show services flow-tap statistics", "show services flow-tap sessions",
                    "show services flow-tap content-destinations", "show services flow-tap events",
                    "show system commit", "request services flow-tap self-test", "help"):
        for line in shell.ask(command, PROMPT).split("\n"):
            assert columns(line) <= 80, line


def test_monitor_restores_the_terminal(rig, shell):
    shell.type("monitor\n")
    shell.expect("Packets a second")
    shell.type("x")  # says nothing
    shell.type("q")
    shell.expect(PROMPT)
    assert "flowtap 0" in shell.ask("show vers", PROMPT)  # the line editor has its terminal back
    lines = once(rig, "monitor", "count", "2").splitlines()
    assert len(lines) == 3 and lines[1].split()[0].endswith("Z"), lines


def test_a_script(rig, text):
    """Commands from a pipe: no prompts, and the first failure is the exit status."""
    out = once(rig, stdin="configure\nset services flow-tap agency lea1 maximum-sessions 6\n# a comment\n"
                          "show | compare\nset services nonsense\nrollback\nexit\nshow version\n", status=2)
    assert "+   maximum-sessions 6;" in out and "nonsense" in out and "flowtap 0" in out and ">" not in out.split("\n")[0]
    assert "maximum-sessions" not in once(rig, "show", "configuration")


@pytest.mark.parametrize("env, options, colours", [({}, [], True), ({"NO_COLOR": "1"}, [], False),
                                                   ({"TERM": "dumb"}, [], False), ({}, ["--color=never"], False),
                                                   ({"NO_COLOR": "1"}, ["--color=always"], True)])
def test_colours(rig, env, options, colours):
    with Terminal(argv(rig, *options), env={"NO_COLOR": "", **env}) as t:
        t.expect(r"> ")
        t.type("?")
        t.expect("Leave")
        assert ("\x1b[1m" in t.seen) == colours
    assert "\x1b" not in once(rig, "show", "services", "flow-tap")


def test_set_lines_of_a_file(rig, text):
    """What display set prints is a configuration, too."""
    lines = once(rig, "show", "configuration", "|", "display", "set")
    assert "no changes" in once(rig, "commit", "-", stdin=lines)
    assert ":2:5: srvices: expected" in once(rig, "commit", "-", stdin="# one\nset srvices\n", status=1)
    once(rig, "commit", "-", stdin=lines + "set services flow-tap agency lea2 maximum-sessions 8\n")
    with open(os.path.join(rig.info["dir"], "etc", "flowtap.conf")) as f:
        assert "maximum-sessions 8;" in f.read()


def test_commit_warns(rig, text):
    """Of what does nothing here, as the check does, once in each commit."""
    said = once(rig, stdin="configure\nset chassis fpc 0\nset system services ssh root-login deny\ncommit check\ncommit\n"
                           "set services flow-tap agency lea1 description x\ncommit\n")
    assert said.count("commit complete") == 2
    for line in "warning: chassis: kept, without effect\n", "warning: system services ssh: kept, without effect; ":
        assert said.count(line) == 3, said
