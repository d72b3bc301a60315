# SPDX-License-Identifier: BSD-2-Clause
"""Whatever others say, in any field of any answer: no output of any program does anything to a terminal, and no line of
it is theirs."""

import json
import os
import stat
import subprocess
import sys

import fakectl
import hostile
import pytest
from fakectl import JSON
from hostile import harmless
from jsonstyle import commands
from lablib import dtcp
from lablib.terminal import Terminal
from programs import PROGRAMS
from test_width import ANSWERS

ERROR, LINES, WRONG = 66, 67, 69
MORE = {"audit head": {"key": "00" * 32, "n": 7, "hash": "11" * 32}, "configure": {"user": "a", "pid": 7, "since": "b"},
        "commit check": {"result": "check", "changed": True, "warnings": ["a"], "pending-restart": "b",
                         "scheduled": {"user": "a", "time": "b"}}}
CONF = f'# {hostile.LINE.replace(chr(27), "").replace(chr(7), "").replace(chr(8), "").replace(chr(127), "")}\n' \
       'services {\n    flow-tap {\n        agency lea1;\n    }\n}\n'


def string(s):
    return len(s).to_bytes(2, "big") + s


def in_every_field(words):
    """What the command asks for, with all texts hostile; the configuration in what its grammar permits."""
    answer = {**ANSWERS, **MORE}.get(words) or {**fakectl.state(1), "user": "a", "time": "b", "generation": 7}
    answer = {**hostile.made(answer), "text": CONF, "message": hostile.TEXT, "uid": 0, "rights": 0xffffffff}
    if words.startswith("configuration") or words == "cli authorization":
        return [(JSON, json.dumps(answer).encode())]
    if words.startswith("audit export"):
        return [(LINES, hostile.BYTES + b"\n"), (JSON, b"{}")]
    return [(JSON, json.dumps(answer, ensure_ascii=False).encode())]


def an_error(_):
    return [(ERROR, b"\1" + string(hostile.BYTES.replace(b"\0", b"")))]


def wrong(_):
    return [(WRONG, b"\0\0\0\7\0\0\0\7" + string(hostile.BYTES[:60]) + string(hostile.BYTES))]


def no_json(_):
    return [(JSON, hostile.BYTES)]


@pytest.fixture(scope="module", params=[in_every_field, an_error, wrong, no_json], ids=lambda f: f.__name__)
def ctl(request, tmp_path_factory):
    with fakectl.daemon(tmp_path_factory.mktemp("run"), request.param) as path:
        yield path


def run(name, *args, stdin=b""):
    return subprocess.run([PROGRAMS[name], *args], capture_output=True, timeout=20, input=stdin, check=False)


@pytest.mark.parametrize("words", [w for w in commands(PROGRAMS["flowtap"]) if w[0] not in ("ping", "traceroute")],
                         ids=" ".join)
def test_commands(ctl, words):
    for how in [], ["-j"], ["-p"]:
        r = run("flowtap", "-s", ctl, *how, *words)
        harmless(r.stdout, (how, words))
        harmless(r.stderr, (how, words))
    for pipe in "display xml", "display set", "match .", "last 5":
        r = run("flowtap", "-s", ctl, *words, "|", *pipe.split())
        harmless(r.stdout + r.stderr, (pipe, words))


def test_configuration_mode(ctl):
    """A script of it: what is said of a candidate and of what the daemon says to it."""
    lines = ["configure", "status", "show", "show | compare", "show | display set", "show | display inheritance",
             "set services flow-tap agency lea2", "show | compare", "commit check", "commit", "commit at 23:59", "run show services flow-tap",
             "save terminal", "rollback 1", "wildcard delete services flow-tap agency <*>", "show nonsense" + hostile.LINE, "exit"]
    r = run("flowtap", "-s", ctl, "-c", "; ".join(lines))
    harmless(r.stdout + r.stderr)


def test_a_terminal(ctl):
    """The shell at a terminal: its message, its prompt and its answers; ours are the only escapes there."""
    with Terminal([PROGRAMS["flowtap"], "-s", ctl], 50, 132, {"LANG": "C.UTF-8", "NO_COLOR": "1"}) as t:
        t.expect(r"^\S+@\S+> $")
        for line in "show services flow-tap | no-more", "show services flow-tap events | no-more", "show system commit | no-more":
            t.type(line + "\r")
            t.expect(r"^\S+@\S+[>#] $")
        for escape in "\x1b]0;", "\x1b[8m", "\x07", "\x9b", "\u202e", "\x7f":
            assert escape not in t.seen, t.seen


def test_completions(ctl):
    r = run("flowtap", "-s", ctl, "--complete", "show configuration services ")
    for line in r.stdout.splitlines():
        harmless(line.replace(b"\t", b" "))


def record(**fields):
    return json.dumps({"n": 6, "time": "2026-11-30T00:00:00.000Z", "kind": "add", **fields}).encode() + b"\n"


def test_report_of_the_record(tmp_path):
    """The issue's own: a line of it forged by what an agency writes."""
    path = tmp_path / "record.jsonl"
    names = "time", "kind", "agency", "peer", "auth", "method", "ids", "warrant", "signer", "reason", "request"
    path.write_bytes(b"".join(record(**{name: hostile.TEXT, "code": 200, "uid": 7, "id": 1}) for name in names) +
                     record(**{name: hostile.TEXT for name in names}) + record(request="a\0b\r\n\r\n" + hostile.FORGED + "\n"))
    r = run("flowtap", "audit", "report", str(path))
    assert r.returncode == 0 and not r.stderr, r
    harmless(r.stdout)
    lines = r.stdout.decode().splitlines()
    assert sum(not x.startswith("        | ") for x in lines) == len(names) + 2, lines
    assert "warrant W\\x08\\x08\\x08\\x1b]0;owned\\x07\\r\\n" in lines[7], "nothing is lost"
    assert "        | " + hostile.FORGED in lines, "the request's own lines are marked as such"
    r = run("flowtap", "-j", "audit", "report", str(path))
    harmless(r.stdout)
    assert [json.loads(x) for x in r.stdout.splitlines()] == [json.loads(x) for x in path.read_bytes().splitlines()]
    path.write_bytes(hostile.BYTES)
    for words in ["report", str(path)], ["verify", "-k", "00" * 32, str(path)]:
        for how in [], ["-j"]:
            r = run("flowtap", *how, "audit", *words)
            harmless(r.stdout + r.stderr)


def test_fields_of_a_line_are_parted():
    """Two blanks part them: what is in a field has none."""
    r = run("flowtap", "audit", "report", "-", stdin=record(auth="a  warrant W-1  ", warrant="W-2", reason=" x)  agency lea9"))
    assert r.stdout == (b"       6  2026-11-30T00:00:00.000Z  add  auth a \\x20warrant W-1 \\x20  warrant W-2"
                        b"  (\\x20x) \\x20agency lea9)\n")


PATH = [os.path.dirname(hostile.__file__), os.path.dirname(os.path.dirname(dtcp.__file__))]
ROUTER = '''#!{python}
import sys
sys.dont_write_bytecode = True
sys.path[:0] = {path!r}
import hostile
from lablib.dtcp import END, KEY
import hashlib, hmac
sys.stderr.buffer.write(hostile.BYTES + b"\\n")
sys.stderr.buffer.flush()
text, answer, seq, data = hostile.LINE.encode() + b"\\x9b\\xff", {answer!r}, 0, b""
while chunk := sys.stdin.buffer.read1(65536):
    data += chunk
    while cut := END.search(data):
        asked, data = data[:cut.end()], data[cut.end():]
        numbers = [x.split(b":")[1].strip() for x in asked.splitlines() if x.lower().startswith(b"seq:")]
        body = answer.replace(b"SEQ", numbers[0]).replace(b"TEXT", text)
        sys.stdout.buffer.write(body + b"Authentication-Info: " + hmac.new(KEY, body, hashlib.sha1).hexdigest().encode() + b"\\r\\n\\r\\n")
        sys.stdout.buffer.flush()
        if {last!r}:  # nobody waits for one that does not come
            sys.exit(0)
'''
HEAD = b"DTCP/0.7 %s\r\nSEQ: SEQ\r\nTIMESTAMP: TEXT\r\nX-REASON: TEXT\r\nREASON: TEXT\r\n"
ENTRY = b"".join(f"{x}: TEXT\r\n".encode() for x in (
    "Cdest-ID", "Csource-ID", "Csource-Address", "Last-Refresh", "Source-Address", "Dest-Address", "Protocol", "Source-Port",
    "Dest-Port", "ICMP-Type", "ICMP-Code", "Matching-Packets", "Matching-Bytes", "Average-Bandwidth", "Priority", "Flags",
    "X-JTap-Cdest-Dest-Address", "X-JTap-Cdest-Dest-Port", "X-JTap-Cdest-Source-Address", "X-JTap-Cdest-Source-Port",
    "X-JTap-Cdest-TTL", "X-Warrant-Id", "TEXT"))
ANSWERED = {
    "ok": HEAD % b"200 TEXT" + b"CRITERIA-ID: 7\r\nCRITERIA-COUNT: 1\r\n",
    "list": HEAD % b"200 OK" + b"CRITERIA-COUNT: 1\r\nCRITERIA-ID: 7\r\nCRITERIA-NUM: 1\r\n" + ENTRY,
    "refused": HEAD % b"432 TEXT",
    "notification": (HEAD % b"130 TEXT").replace(b"SEQ: SEQ\r\n", b""),
    "no DTCP": b"TEXT\r\nTEXT\r\n",
}


@pytest.mark.parametrize("answer", ANSWERED.values(), ids=ANSWERED)
@pytest.mark.parametrize("words", [["noop"], ["list"], ["delete", "7"], ["run", "-"],
                                   ["add", "--to", "192.0.2.1:7", "--from", "192.0.2.2:8", "--protocol", "17"]], ids=lambda w: w[0])
def test_a_routers_answers(tmp_path, words, answer):
    router = tmp_path / "router"
    router.write_text(ROUTER.format(python=sys.executable, path=PATH, answer=answer, last=b"SEQ" not in answer))
    router.chmod(router.stat().st_mode | stat.S_IXUSR)
    for how in [], ["-j"], ["-J"], ["-q"]:
        r = run("dtcp", "--timeout", "1", "--exec", str(router), "--csource", "lea1", *how, "router", *words,
                stdin=b"NOOP DTCP/0.7\r\n\r\nLIST DTCP/0.7\r\nFlags: BOTH\r\n\r\n" if words[0] == "run" else b"")
        harmless(r.stdout, (how, words))
        harmless(r.stderr, (how, words))
        assert b"owned" in r.stderr, r  # what the router says is shown, in its letters


def test_the_daemons_own_messages(tmp_path):
    """Of a configuration that is wrong, in a file of any name."""
    path = tmp_path / ("conf" + hostile.LINE.replace("/", ""))
    path.write_bytes(b"services {\n    " + hostile.BYTES.replace(b"\n", b" ") + b";\n}\n")
    r = run("flowtapd", "-n", "-f", str(path))
    harmless(r.stdout + r.stderr)
    assert r.returncode != 0
    path.write_text("# " + hostile.TEXT.replace("\n", " ").translate({c: None for c in (*range(9), *range(14, 32), 127)}) +
                    "\nservices {\n    flow-tap {\n        agency lea1;\n    }\n}\n")
    r = run("flowtapd", "-n", "-v", "-f", str(path))
    harmless(r.stdout + r.stderr)


def test_usage(tmp_path):
    """What was typed is not always the user's own."""
    for name in PROGRAMS:
        for args in ["--" + hostile.TEXT.replace("\0", "")], [hostile.TEXT], ["-" + hostile.LINE], ["-s", hostile.LINE, "show", hostile.LINE]:
            r = run(name, *args)
            harmless(r.stdout + r.stderr, (name, args))


def test_every_output_has_been_looked_at():
    """The bytes are in what was sent: else the tests above look for nothing."""
    with pytest.raises(AssertionError):
        harmless(hostile.TEXT)
    with pytest.raises(AssertionError):
        harmless("\n" + hostile.FORGED)
    assert dtcp.digest(b"")
