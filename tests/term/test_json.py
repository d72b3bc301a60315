# SPDX-License-Identifier: BSD-2-Clause
"""-j of every command is JSON, errors included; the names of members are in one style."""

import re
import socket
import subprocess

import pytest
from jsonstyle import commands, values
from programs import PROGRAMS


def run(name, *args, **kw):
    return subprocess.run([PROGRAMS[name], *args], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL, **kw)


def error(r):
    """The one object of a failure."""
    value, = values(r.stdout)
    assert r.returncode != 0 and re.fullmatch(r"[a-z]+(-[a-z]+)*", value["error"]) and value["text"], r
    return value


@pytest.mark.parametrize("words", commands(PROGRAMS["flowtap"]), ids=" ".join)
def test_without_a_daemon(words):
    """Every command of the table, when there is nobody to ask."""
    r = run("flowtap", "-s", "/nonexistent/ctl.sock", "-j", *words)
    if r.returncode == 0:
        assert values(r.stdout) or words[:2] == ["audit", "report"]  # of no lines: no lines
    elif words[0] == "ping":  # what it says itself, also when no answer came
        assert [bool(v["text"]) for v in values(r.stdout)] == [True]
    elif words[:2] == ["audit", "verify"]:  # of no lines: it is not proved
        assert [v["proved"] for v in values(r.stdout)] == [False]
    else:
        error(r)
    assert "flowtap:" not in r.stdout + r.stderr, r


@pytest.mark.parametrize("words,kind", [
    (["show", "nonsense"], "usage"), (["--frob"], "usage"), (["show", '"'], "usage"), (["--color=red", "show", "version"], "usage"),
    (["show", "services", "flow-tap"], "transport"), (["commit", "/nonexistent"], "usage"), (["audit", "verify", "-x", "a"], "usage"),
    (["audit", "report", "/nonexistent"], "usage"), (["show", "version", "|", "match", "("], "usage"),
])
def test_errors(words, kind):
    for line in ["-j", *words], ["-p", *words]:
        assert error(run("flowtap", "-s", "/nonexistent", *line))["error"] == kind


def test_a_script_of_commands():
    r = run("flowtap", "-s", "/nonexistent", "-j", "-c", "show version; show nonsense; show version")
    first, *others = values(r.stdout)
    assert first["version"] and any(v.get("error") == "usage" for v in others) and r.returncode == 2, r


@pytest.mark.parametrize("args", [
    ["router"], ["router", "frob"], ["router", "list", "--frob"], ["router", "add", "--to", "nowhere"],
    ["router", "run", "/nonexistent"], ["--password-file", "/nonexistent", "router", "noop"],
    ["--ssh", "false", "router", "list"], ["--ssh", "false", "router", "run", "/dev/null"],
    ["nosuch.invalid", "add", "--to", "192.0.2.1:7", "--protocol", "6"],
])
def test_dtcp(args):
    r = run("dtcp", "-j", *args)
    if "/dev/null" in args:
        assert values(r.stdout)
    else:
        error(r)


def test_collect(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
        for args in (["-p", port, "-a", "127.0.0.1", "-n"], ["-p", "x"], ["-p", "7", "-w", "/proc/nowhere"], ["--frob"],
                     ["-p", "7", "-n", "-i", "nosuch0"]):
            error(run("flowtap-collect", "-j", *args))
    ready, rates, account = values(run("flowtap-collect", "-j", "-I", "1", "-t", "2", "-n", "-a", "127.0.0.1", "-p", port).stdout)[:3]
    assert (ready["event"], rates["event"]) == ("ready", "rates") and "packets-per-second" in rates["ports"][0]
