# SPDX-License-Identifier: BSD-2-Clause
"""dtcp with a router that answers as it is told to: files of requests, and lists on screens of any width."""

import json
import os
import shlex
import subprocess
import sys

import pytest
from lablib import dtcp
from lablib.terminal import Terminal, columns
from programs import PROGRAMS

ROUTER = '''#!{python}
import hashlib, hmac, sys
sys.dont_write_bytecode = True
sys.path.insert(0, {path!r})
from lablib.dtcp import END, KEY
answers, data = {answers!r}, b""
while chunk := sys.stdin.buffer.read1(65536):
    data += chunk
    while cut := END.search(data):
        asked, data = data[:cut.end()], data[cut.end():]
        with open({log!r}, "ab") as log:
            log.write(asked.split()[0] + b"\\n")
        with open({log!r} + ".whole", "ab") as log:
            log.write(asked)
        seq = next(x.split(b":")[1].strip() for x in asked.splitlines() if x.lower().startswith(b"seq:"))
        body = answers.get(asked.split()[0], b"DTCP/0.7 200 OK\\r\\nSEQ: %s\\r\\nCRITERIA-ID: 7\\r\\n") % seq
        sys.stdout.buffer.write(body + b"Authentication-Info: " + hmac.new(KEY, body, hashlib.sha1).hexdigest().encode())
        sys.stdout.buffer.write(b"\\r\\n\\r\\n")
        sys.stdout.buffer.flush()
'''
REFUSED = {b"DELETE": b"DTCP/0.7 431 Unknown Criteria-ID\r\nSEQ: %s\r\n"}
HEAD = "DTCP/0.7 200 OK\r\nSEQ: %s\r\n"
NAMES = "a-destination-of-a-long-name-1", "a-destination-of-a-long-name-2", "short"
FIGURES = "MATCHING-PACKETS: 3\r\nMATCHING-BYTES: 252\r\nLAST-REFRESH: 2026-11-23 20:58:26\r\n"


def listed(*more):
    text = HEAD
    for n, name in enumerate(NAMES):
        text += f"CRITERIA-ID: {n + 1}\r\nCDEST-ID: {name}\r\n" + "".join(more) + \
            "X-JTAP-CDEST-DEST-ADDRESS: 2001:db8:1111:2222:3333:4444:5555:6666\r\nX-JTAP-CDEST-DEST-PORT: 7001\r\n" + \
            f"CRITERIA-NUM: {n + 1}\r\nCRITERIA-COUNT: {len(NAMES)}\r\n"
    return {b"LIST": text.encode()}


@pytest.fixture
def router(tmp_path):
    """A program for --exec; its log has the method of every request."""
    def make(answers):
        path = tmp_path / "router"
        path.write_text(ROUTER.format(python=sys.executable, path=os.path.dirname(os.path.dirname(dtcp.__file__)),
                                      answers=answers, log=str(tmp_path / "log")))
        path.chmod(0o755)
        return [PROGRAMS["dtcp"], "--exec", shlex.quote(str(path)), "--csource", "lea1"]
    make.asked = lambda: (tmp_path / "log").read_text().split()
    make.whole = lambda: (tmp_path / "log.whole").read_text()
    return make


def run(argv, *more, **kw):
    return subprocess.run([*argv, *more], capture_output=True, text=True, timeout=30, **kw)


# ---- files of requests ----

REQUESTS = "NOOP DTCP/0.7\n\nDELETE DTCP/0.7\nCriteria-ID: 99\nFlags: STATIC\n\n" + "ADD DTCP/0.7\nX: y\n\n" * 2 + "NOOP DTCP/0.7\n"


def test_stop(router, tmp_path):
    """Nothing is sent behind the request that is refused, and the account is of what was sent."""
    path = tmp_path / "requests"
    path.write_text(REQUESTS)
    argv = router(REFUSED)
    r = run(argv, "router", "run", "--stop", str(path))
    assert r.returncode == 6 and "1 accepted, 1 refused, 0 unanswered, 3 not sent in" in r.stdout, r
    assert router.asked() == ["NOOP", "DELETE"]
    r = run(argv, "-j", "router", "run", "--stop", "--window", "1", str(path))
    account = json.loads(r.stdout.splitlines()[-1])
    assert (account["accepted"], account["refused"], account["not-sent"], account["unread"]) == (1, 1, 3, False), r
    r = run(argv, "router", "run", "--stop", "--window", "5", str(path))
    assert r.returncode == 2 and "--window" in r.stderr and router.asked() == ["NOOP", "DELETE"] * 2, r


def test_stop_of_a_pipe_that_goes_on(router):
    argv = router(REFUSED)
    with subprocess.Popen([*argv, "router", "run", "--stop", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as p:
        p.stdin.write(REQUESTS[:60] + "\n\n")
        p.stdin.flush()
        assert "; the rest of the input was not read" in p.stdout.read()
        p.stdin.close()
        assert p.wait(20) == 6


# ---- filters ----

@pytest.mark.parametrize("typed,sent", [("tcp", "6"), ("UDP,icmpv6, 50", "17,58, 50"), ("tcp-udp", "6-17"), ("6", "6"), ("*", "*")])
def test_names_of_protocols(router, typed, sent):
    """DTCP has numbers; a name that is none of ours is refused with what is wanted."""
    argv = router({})
    r = run(argv, "router", "add", "--source", "192.0.2.1", "--protocol", typed, "--to", "192.0.2.10:7",
            "--from", "192.0.2.1:50000")
    assert r.returncode == 0 and f"Protocol: {sent}\n" in router.whole(), (r, router.whole())


def test_no_protocol(router):
    r = run(router({}), "router", "add", "--protocol", "tcpp", "--to", "192.0.2.10:7")
    assert r.returncode == 2 and "a number is wanted: TCP is 6" in r.stderr, r


# ---- lists ----

def test_statistics_alone_are_no_filter(router, tmp_path):
    """Elements that were not asked for are not said to be missing."""
    argv = router(listed(FIGURES))
    assert "no filter element" not in run(argv, "router", "list", "--flags", "stats").stdout
    assert "no filter element" in run(argv, "router", "list").stdout
    path = tmp_path / "requests"
    path.write_text("LIST DTCP/0.7\nFlags: Stats\n")
    r = run(argv, "router", "run", str(path))
    assert "252" in r.stdout and "no filter element" not in r.stdout
    path.write_text("LIST DTCP/0.7\nFlags: BOTH\n")
    assert "no filter element" in run(argv, "router", "run", str(path)).stdout


@pytest.mark.parametrize("width", [40, 79, 80, 132])
def test_names_are_whole(router, width):
    argv = router(listed(FIGURES, "SOURCE-ADDRESS: 198.51.100.0/24,!198.51.100.77\r\n"))
    with Terminal([*argv, "router", "list"], 24, width, {"LANG": "C.UTF-8"}) as t:
        t.expect("3 criteria")
        said = t.seen.replace("\r", "")
    for line in said.split("\n"):
        assert columns(line) <= width, line
    for name in NAMES:
        assert name in said if width > 42 else name[:28] in said, said
    assert said.count("2026-11-23 20:58:26") == 3 or width == 40
    assert said.count("252") == 3 and said.count("198.51.100.0/24") == 3
