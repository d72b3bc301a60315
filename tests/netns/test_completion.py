# SPDX-License-Identifier: BSD-2-Clause
"""The completions of bash, zsh and fish, each by the real shell."""

import os
import shlex
import shutil
import subprocess

import pytest
from lablib.terminal import Terminal
from rig import BIN, TREE

FILES = TREE + "/packaging/completions"
ENV = {**os.environ, "PATH": f"{BIN}/src/flowtap:{os.environ['PATH']}"}


def run(*argv, cwd=None):
    return subprocess.run(argv, env=ENV, cwd=cwd, capture_output=True, text=True, timeout=30, check=True).stdout


def bash(*words, cwd=None):
    script = (f"source {shlex.quote(FILES)}/flowtap.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _flowtap; "
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    return run("bash", "-c", script, "bash", "flowtap", *words, cwd=cwd).split()


def test_bash(tmp_path):
    assert bash("sho") == ["show"]
    assert bash("show", "services", "flow-tap", "s") == ["statistics", "sessions"]
    assert bash("show", "configuration", "services", "f") == ["flow-tap"]
    assert bash("request", "services", "flow-tap", "") == ["self-test", "rotate-keys"]
    assert bash("nonsense", "") == []
    (tmp_path / "order.txt").write_text("")
    assert bash("warrant", "enter", "ord", cwd=tmp_path) == ["order.txt"]


def test_fish():
    if not shutil.which("fish"):
        pytest.skip("no fish")

    def fish(line):
        return run("fish", "--no-config", "-c", f"source {shlex.quote(FILES)}/flowtap.fish; complete -C '{line}'").splitlines()
    assert fish("flowtap sho") == ["show\tShow something"]
    assert [x.split("\t")[0] for x in fish("flowtap show services flow-tap s")] == ["sessions", "statistics"]


def test_zsh():
    if not shutil.which("zsh"):
        pytest.skip("no zsh")
    with Terminal(["zsh", "-f"], env={"PATH": ENV["PATH"], "PS1": "zsh> "}) as t:
        t.expect("zsh> ")
        t.ask(f"fpath=({shlex.quote(FILES)} $fpath); autoload -U compinit; compinit -u -D; echo rea''dy", r"^ready$")
        t.expect("zsh> ")
        t.editor()
        t.type("flowtap show services flow-tap stat\t")
        t.expect("istics")
        t.type("\x15flowtap --help\n")
        t.expect("usage: flowtap")
