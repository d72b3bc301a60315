# SPDX-License-Identifier: BSD-2-Clause
"""Configuration mode: what a Junos operator edits with, by scripts and on a terminal."""

import os
import pathlib

import pytest
from lablib.terminal import Terminal
from test_script import run  # noqa: F401
from test_shell import EDIT, PROMPT, argv

LEA1 = "services flow-tap agency lea1"


@pytest.fixture
def edit(run):  # noqa: F811
    """Lines of configuration mode, and what was said."""
    def call(*lines, status=0):
        return run(stdin="\n".join(("configure", *lines, "rollback", "")), status=status)
    return call


def test_objects(edit):
    said = edit(f"set {LEA1} maximum-sessions 7", f"copy {LEA1} to agency lea8", f"annotate {LEA1} \"till May\"",
                "rename services flow-tap agency lea2 to agency lea7",
                "insert services flow-tap agency lea8 before agency lea1", "show services flow-tap")
    assert said.index("agency lea8 {") < said.index("/* till May */\nagency lea1 {") < said.index("agency lea7 {"), said
    assert said.count("maximum-sessions 7;") == 2 and "agency lea2" not in said
    assert "there is one of that name" in edit(f"copy {LEA1} to agency lea2", status=2)
    assert "expected agency and a name" in edit(f"rename {LEA1} to user lea3", status=2)
    assert "incomplete; expected: to" in edit(f"rename {LEA1}", status=2)
    assert "incomplete; expected: before, after" in edit(f"insert {LEA1}", status=2)


def test_comments_are_compared(edit, rig):
    """One alone is a difference, which can be applied as a patch."""
    folder = pathlib.Path(rig.info["dir"]) / "etc"
    said = edit(f"annotate {LEA1} \"till May\"", "show | compare")
    wanted = "[edit services flow-tap]\n+   /* till May */\n    agency lea1 { ... }\n"
    assert wanted in said, said
    (folder / "comment").write_text(wanted)
    said = edit("load patch /etc/flowtap/comment", "show | compare", f"annotate {LEA1} \"till June\"", "show | compare",
                f"annotate {LEA1} \"\"", "show | compare", "commit check")
    assert said.count(wanted) == 1 and said.count("[edit") == 2 and "+   /* till June */\n    agency lea1 { ... }\n" in said, said


def test_patterns(edit):
    said = edit("replace pattern \"^lea([12])$\" with \"agency-\\\\1\"", "show services flow-tap")
    assert "agency agency-1 {" in said and "agency agency-2 {" in said and "lea" not in said, said
    said = edit("edit services flow-tap", "replace pattern lea with dea upto 1", "show")
    assert "agency dea1 {" in said and "agency lea2 {" in said, said
    said = edit("replace pattern lea1 with lea2", "show services flow-tap", status=2)  # two of one name
    assert "nothing is replaced" in said and "agency lea1 {" in said, said
    assert "warning: nothing matches" in edit("replace pattern nobody with x")
    said = edit("wildcard delete services flow-tap agency lea*", "show services flow-tap")
    assert "matched: services flow-tap agency lea1\n" in said and "agency lea2 {" not in said
    assert "statement not found" in edit("wildcard delete services flow-tap agency x*", status=4)


def test_load_and_save(edit, run, rig):  # noqa: F811
    folder = pathlib.Path(rig.info["dir"]) / "etc"
    said = edit(f"edit {LEA1}", "set maximum-sessions 7", "save /etc/flowtap/saved", "save terminal", "top",
                f"set {LEA1} maximum-sessions 9", f"edit {LEA1}", "load override /etc/flowtap/saved relative", "show")
    assert "Wrote " in said and said.count("maximum-sessions 7;") == 2 and "maximum-sessions 9" not in said, said
    assert os.stat(folder / "saved").st_mode & 0o777 == 0o600
    (folder / "tagged").write_text(f"services {{ flow-tap {{ replace: agency lea1 {{ authority standing; }} "
                                   "agency lea2 { maximum-sessions 3; } } }")
    said = edit(f"set {LEA1} maximum-sessions 7", "load replace /etc/flowtap/tagged", "show services flow-tap")
    assert "maximum-sessions 7" not in said and "maximum-sessions 3;" in said, said
    difference = edit(f"set {LEA1} maximum-sessions 7", "delete services flow-tap agency lea2", "show | compare")
    (folder / "patch").write_text("[edit" + difference.split("[edit", 1)[1].split("load complete")[0])
    said = edit("load patch /etc/flowtap/patch", "show | compare")
    assert said.split("[edit", 1)[1] == difference.split("[edit", 1)[1], (said, difference)
    assert "no such statement" in edit("delete services flow-tap agency lea2", "load patch /etc/flowtap/patch", status=2)
    said = edit(f"edit {LEA1}", "load set /etc/flowtap/lines relative", status=4)
    (folder / "lines").write_text("set maximum-sessions 5\nset user lea9\ndelete user\n")
    said = edit(f"edit {LEA1}", "load set /etc/flowtap/lines relative", "show")
    assert "maximum-sessions 5;" in said and "user" not in said, said
    (folder / "all").write_text(run("show", "configuration").replace("agency lea1 {", "agency lea3 {"))
    said = edit("load update /etc/flowtap/all", "show | compare")
    assert "+   agency lea3 {" in said and "-   agency lea1 {" in said, said


def test_marks_of_load(edit, rig):
    folder = pathlib.Path(rig.info["dir"]) / "etc"
    (folder / "deletes").write_text("services { flow-tap { delete: agency lea2; agency lea1 { delete: maximum-sessions; } "
                                    "delete: agency lea9; } }")
    for how in "merge", "replace":
        said = edit(f"set {LEA1} maximum-sessions 7", f"load {how} /etc/flowtap/deletes", "show services flow-tap", "commit check")
        assert "agency lea1 {" in said and "agency lea2" not in said and "maximum-sessions" not in said, said
        assert "warning: statements to be deleted that were not there: 1\n" in said
        assert "configuration check succeeds" in said
    assert "delete:" in edit("load override /etc/flowtap/deletes", status=2)


def test_from_above(edit):
    said = edit(f"edit {LEA1}", "top show services flow-tap agency lea2 | match authority | count", "set user lea3",
                "up show | match agency", "up 2 show | match flow-tap", "up set agency lea2 maximum-sessions 3", "show",
                "top edit services flow-tap agency lea2", "show | match maximum", "up 3 edit system", "set login")
    assert "Count: 1 line\n" in said and "agency lea1 {" in said and "flow-tap {" in said, said
    assert "user lea3;" in said and "maximum-sessions 3;" in said, said
    assert "unknown word; expected: " in edit("top shw", status=2)


def test_what_may_follow(rig, run):  # noqa: F811
    """Completion within commands within commands, and behind a path."""
    with Terminal(argv(rig)) as t:
        t.expect(PROMPT)
        t.ask("set cli screen-length 0", PROMPT)
        t.ask("configure", EDIT)
        t.ask(f"edit {LEA1}", EDIT)
        for typed, expected in (("top show ser", "vices "), ("up set agen", "cy "), ("up 2 show flo", "w-tap "),
                                ("top rename services flow-tap agency lea1 t", "o ")):
            t.type(typed + "\t")
            t.expect(f"{expected}$")
            t.type("\x03")
            t.expect(EDIT)
        t.type("top insert services flow-tap agency lea1 ?")
        said = t.expect("after")
        assert "before" in said or t.expect("before")
        t.type("\x03")
        t.expect(EDIT)
        t.type("wildcard delete agency *\n")
        t.expect("statement not found")
        t.ask("top", EDIT)
        t.type("wildcard delete services flow-tap agency l*\n")
        t.expect(r"Delete 2 objects\? \[yes,no\] \(no\) ")
        t.ask("", EDIT)
        assert "[edit" not in t.ask("show | compare", EDIT).split("\n", 1)[1].split("\n[edit]")[0]
        t.ask("exit", PROMPT)
