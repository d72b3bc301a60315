# SPDX-License-Identifier: BSD-2-Clause
"""What all programs do alike: help and version wherever they are asked for, refusals in one line, and an output that
can't be written is told."""

import subprocess

import pytest
from programs import PROGRAMS

# A command line that would be carried out.
SENSIBLE = {
    "dtcp": ["router", "list", "7"],
    "flowtap": ["show", "version"],
    "flowtap-collect": ["-p", "7000", "-n"],
    "flowtap-dtcp": ["-s", "/nowhere"],
    "flowtapd": ["-n"],
}
each = pytest.mark.parametrize("name", sorted(PROGRAMS))


def run(name, *args, **kw):
    kw = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kw}
    return subprocess.run([PROGRAMS[name], *args], text=True, timeout=30, **kw)


@each
def test_help_fits(name):
    """Into a terminal of 80 columns."""
    lines = run(name, "--help").stdout.splitlines()
    assert lines and not [line for line in lines if len(line) > 80]


@each
@pytest.mark.parametrize("word", ["--help", "-h", "--version"])
def test_anywhere(name, word):
    words = SENSIBLE[name]
    lines = [[word], [*words, word], [word, *words], [words[0], word, *words[1:]]]
    if name != "flowtap-dtcp":  # which is a login's shell, and is given no mistakes to look past
        lines.append([*words, "--frob", word])
    for line in lines:
        if line[0] in ("-s", "-p") and line[1:2] == [word]:
            continue  # the option's value
        r = run(name, *line)
        begin = f"{name} 0." if word == "--version" else "usage: "
        assert r.returncode == 0 and r.stdout.startswith(begin) and r.stderr == "", (line, r)


@each
@pytest.mark.parametrize("word,says", [("--frob", "unknown option --frob"), ("--frob=3", "unknown option --frob"),
                                       ("-Z", "unknown option -Z"), ("--version=", "--version takes no value")])
def test_one_line(name, word, says):
    if name == "dtcp" and "version" in word:
        says = "--version : 0.6"
    r = run(name, *SENSIBLE[name], word)
    assert r.returncode == 2 and r.stdout == "" and r.stderr.count("\n") == 1, r
    assert r.stderr.startswith(f"{name}: ") and says in r.stderr and r.stderr.endswith(f"see {name} --help\n"), r


@each
def test_output_that_can_not_be_written(name):
    for word in "--help", "--version":
        with open("/dev/full", "w") as full:
            r = run(name, word, stdout=full)
        assert r.returncode != 0 and r.stderr == f"{name}: standard output: No space left on device\n", r
        r = subprocess.run(["sh", "-c", 'exec "$0" "$1" >&-', PROGRAMS[name], word], stderr=subprocess.PIPE, text=True)
        assert r.returncode != 0 and r.stderr == f"{name}: standard output: Bad file descriptor\n", r


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "/* nothing */"])
def test_a_configuration_without_a_statement(text):
    """It would end everything: it needs a word more, or it is refused before the daemon is asked."""
    for more in [], ["--check"], ["--confirmed", "5"]:
        r = subprocess.run([PROGRAMS["flowtap"], "-s", "/nonexistent", "commit", *more, "-"], input=text,
                           capture_output=True, text=True, timeout=30)
        assert r.returncode == 1 and "there is no statement in it" in r.stderr and "--empty" in r.stderr, r
    r = subprocess.run([PROGRAMS["flowtap"], "-s", "/nonexistent", "commit", "--empty", "-"], input=text,
                       capture_output=True, text=True, timeout=30)
    assert r.returncode == 5 and "is flowtapd running" in r.stderr, r


@each
def test_streams_closed(name):
    """Nothing that a program opens gets the number of a standard stream."""
    for closed in "<&-", ">&-", "2>&-", "<&- >&- 2>&-":
        r = subprocess.run(["sh", "-c", f'exec "$0" --version {closed}', PROGRAMS[name]], capture_output=True, text=True)
        wanted = ">&-" in closed.replace("2>&-", "")
        assert (r.returncode != 0) == wanted, (closed, r)


@pytest.mark.parametrize("line", ["show version", "show version '|' count", "-j show version", "-c 'show version'",
                                  "--complete sho", "-c help", "audit report -", "-j show nonsense"])
def test_flowtap_output_that_can_not_be_written(line):
    """Whichever way it goes, it is told once and is no success."""
    record = '{"n":1,"time":"2026-01-01T00:00:00Z","kind":"start"}\n'
    for to in "/dev/full", "&-":
        r = subprocess.run(["sh", "-c", f'exec "$0" -s /nonexistent {line} >{to}', PROGRAMS["flowtap"]], input=record,
                           stderr=subprocess.PIPE, text=True, timeout=30)
        assert r.returncode != 0 and r.stderr.count("standard output: ") == 1, (to, r)
