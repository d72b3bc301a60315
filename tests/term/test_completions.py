# SPDX-License-Identifier: BSD-2-Clause
"""The completions of bash, zsh and fish know each option of each program, and no other."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
from programs import PROGRAMS, TREE

FILES = TREE + "/packaging/completions"
NAMES = ["dtcp", "flowtap", "flowtap-collect", "flowtapd"]
SOURCES = {"dtcp": "mediation/client_opts.c", "flowtap": "flowtap/main.c", "flowtap-collect": "mediation/collect_main.c",
           "flowtapd": "flowtapd/main.c"}
HIDDEN = {"--role", "--complete"}  # for our own processes, and for these completions
ENV = {**os.environ, "PATH": ":".join(os.path.dirname(PROGRAMS[n]) for n in NAMES) + ":" + os.environ["PATH"]}
each = pytest.mark.parametrize("name", NAMES)


def table(name):
    """The options in the program's own table: long ones, and single letters."""
    with open(f"{TREE}/src/{SOURCES[name]}") as f:
        text = f.read()
    if name == "dtcp":
        rows = re.findall(r'^    \{"([a-z0-9-]+)", (?:0|\'(.)\'), (?:TEXT|FLAG|NUMBER|CALL),', text, re.M)
        longs, letters = [r[0] for r in rows] + ["help", "version"], [r[1] for r in rows if r[1]] + ["h"]
    else:
        longs = re.findall(r'\{"([a-z-]+)", (?:no|required|optional)_argument, NULL', text)
        letters = re.search(r'#define SHORT_OPTIONS "([^"]*)"', text)[1].replace(":", "")
    assert len(longs) > 5
    return {"--" + x for x in longs} - HIDDEN | {"-" + x for x in letters}


def bash(*words):
    """What bash offers in place of the last word."""
    script = (f"source {shlex.quote(FILES)}/{words[0]}.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); "
              f"_{words[0].replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    r = subprocess.run(["bash", "-c", script, "bash", *words], env=ENV, capture_output=True, text=True, timeout=30, check=True)
    return r.stdout.split()


@each
def test_table_is_the_usage(name):
    """What the usage tells of is in the table, too: else the table was not read right."""
    usage = subprocess.run([PROGRAMS[name], "--help"], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", usage)) == {x for x in table(name) if x.startswith("--")}


@each
def test_bash_options(name):
    offered = set(bash(name, "-"))
    if name == "dtcp":
        for command in "add", "delete", "list", "run", "noop":
            offered |= set(bash("dtcp", "-p", "7", "lea1@router", command, "-"))
    assert offered == table(name)


@each
def test_zsh_options(name):
    with open(f"{FILES}/_{name}") as f:
        text = f.read()
    assert set(re.findall(r"'\*?(--?[a-zA-Z0-9-]+?)[=+]?\[", text)) == table(name)


@each
def test_fish_options(name):
    with open(f"{FILES}/{name}.fish") as f:
        lines = [x for x in f if " -d '" in x]
    found = {"--" + m[1] for x in lines if (m := re.search(r" -l (\S+)", x))} | \
        {"-" + m[1] for x in lines if (m := re.search(r" -s (\S)", x))}
    assert found == table(name)


def test_bash_words(tmp_path):
    assert bash("dtcp", "router", "l") == ["list"]
    assert bash("dtcp", "-l", "add", "router", "") == ["add", "delete", "list", "noop", "run"]
    assert bash("dtcp", "router", "list", "--fl") == ["--flags"] and bash("dtcp", "router", "noop", "--fl") == []
    assert bash("dtcp", "router", "list", "--flags", "s") == ["stats"]
    assert bash("flowtap-collect", "--color", "a") == ["auto", "always"]
    assert "lo" in bash("flowtap-collect", "-i", "l")
    assert bash("flowtap", "commit", "--c") == ["--check", "--confirmed", "--comment"]
    assert bash("flowtap", "-s", "/nonexistent", "--col") == ["--color"]
    assert bash("flowtap", "-j", "sho") == ["show"]


def test_own_options_of_commands():
    """commit, rollback and audit have options of their own."""
    for source, commands in ("commit_cmd.c", ("commit", "rollback")), ("audit_cmd.c", ("audit",)):
        with open(f"{TREE}/src/flowtap/{source}") as f:
            wanted = {"--" + x for x in re.findall(r'\{"([a-z-]+)", (?:no|required)_argument', f.read())}
        for command in commands:
            assert wanted and set(bash("flowtap", command, "-")) == wanted
            for file in "_flowtap", "flowtap.fish":
                with open(f"{FILES}/{file}") as f:
                    text = f.read()
                assert all(x in text or f"-l {x[2:]}" in text for x in wanted), (file, wanted)


@each
def test_shells_read_them(name):
    for shell, file, flag in ("bash", name + ".bash", "-n"), ("zsh", "_" + name, "-n"), ("fish", name + ".fish", "--no-execute"):
        if shutil.which(shell):
            r = subprocess.run([shell, flag, f"{FILES}/{file}"], capture_output=True, text=True, timeout=30)
            assert r.returncode == 0 and not r.stderr, r


@each
def test_they_are_installed(name):
    """Each program's package has its completions."""
    package = {"dtcp": "client", "flowtap-collect": "mediation"}.get(name, "router")
    with open(f"{TREE}/debian/flowtap-{package}.install") as f:
        lines = f.read().split()
    for path in (f"bash-completion/completions/{name}", f"zsh/vendor-completions/_{name}",
                 f"fish/vendor_completions.d/{name}.fish"):
        assert "usr/share/" + path in lines
