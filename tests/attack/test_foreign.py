# SPDX-License-Identifier: BSD-2-Clause
"""An agency, its session process and whoever logs in write what a terminal obeys into every field they have: the record
keeps it, escaped, and nobody's screen, log or figures do."""

import contextlib
import json
import os
import socket
import subprocess

import hostile
import rawctl
from hostile import harmless
from programs import PROGRAMS
from rig import dtcp, lab_command, until

HELLO, REFUSED = 1, 3


def flowtap(rig, *argv):
    r = lab_command("exec", "--name", rig.name, "router", "flowtap", *argv, check=False)
    return r.stdout + r.stderr


def string(s):
    return len(s).to_bytes(2, "big") + s


def session_itself(rig, uid, *messages):
    """What a session process of the agency could send."""
    folder = os.open(f"/proc/{rig.info['init']}/root/run/flowtap", os.O_PATH)
    with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
        s.settimeout(5)
        with rawctl.as_user(uid):
            s.connect(f"/proc/self/fd/{folder}/dtcp.sock")
        for kind, body in messages:
            s.sendall(rawctl.HEADER.pack(len(body), kind, 0, 1) + body)
            rawctl.answer(s)
    os.close(folder)


def test_every_field(rig, tmp_path):
    log = f"{rig.info['logs']}/flowtapd.log"
    begin = os.path.getsize(log)
    line, raw = hostile.LINE, hostile.BYTES.replace(b"\n", b" ").replace(b"\r", b" ").replace(b"\0", b"")
    with rig.session() as s:
        for n, field in enumerate(("X-Warrant-Id", "Cdest-ID", "Source-Address", "Priority", "Flags", "X-Nonsense", line,
                                   "X-JTap-Cdest-Dest-Address", "Timeout-Idle")):
            lines = [x for x in dtcp.add_lines(source_address="198.51.100.7", **rig.destination(7000)) if not x.startswith(field)]
            with contextlib.suppress(dtcp.Silence):
                s.send(dtcp.request("ADD", "lea1", n + 1, f"{field}: {line}", *lines))
                harmless(s.receive(2).raw.replace(b"\r\n", b"\n"), field)
        s.send(dtcp.request(line, "lea1", 90))
        s.send(raw + b"\r\n\r\n")
    uid = int(rig.router("id", "-u", "lea1"))
    session_itself(rig, uid, (HELLO, b"\0" + string(raw[:120])),
                   (REFUSED, (432).to_bytes(4, "big") + string(raw[:60]) + string(raw[:120]) + string(hostile.BYTES)))
    for _ in range(6):
        rawctl.ask_with(rig, "login-failed", raw + b"\n192.0.2.77")
    until("it is on record", lambda: "login-failed" in flowtap(rig, "audit", "export"))
    path = tmp_path / "record.jsonl"
    path.write_text(rig.router("flowtap", "audit", "export"))
    record = [json.loads(x) for x in path.read_text().splitlines()]
    harmless(path.read_bytes())
    assert any("\x1b]0;owned\x07" in x.get("request", "") for x in record), "the record has the bytes"
    report = subprocess.run([PROGRAMS["flowtap"], "audit", "report", path], capture_output=True, timeout=60, check=True)
    harmless(report.stdout + report.stderr)
    assert b"owned" in report.stdout
    for words in (["show", "services", "flow-tap", x] for x in ("sessions", "events", "statistics", "content-destinations")):
        for how in [], ["-j"]:
            harmless(flowtap(rig, *how, *words), words)
    harmless(flowtap(rig, "show", "system", "alarms"))
    with open(log, "rb") as f:
        f.seek(begin)
        harmless(f.read(), "the log")
    with rig.inside("router", socket.socket, socket.AF_UNIX) as s:
        s.connect(f"/proc/{rig.info['init']}/root/run/flowtap/metrics.sock")
        s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    harmless(answer.replace(b"\r\n", b"\n"), "metrics")


def test_an_interface_of_any_name(rig):
    """Root names them, or what a guest of the router asks for: figures and screens have it as an escape."""
    name = "x\x1b[8m\x7f"
    rig.router("ip", "link", "add", name, "type", "veth", "peer", "name", "other")
    try:
        until("it is seen", lambda: "[8m" in flowtap(rig, "-j", "show", "services", "flow-tap"))
        for words in ["show", "services", "flow-tap"], ["show", "interfaces", "terse"], ["show", "route"]:
            for how in [], ["-j"]:
                harmless(flowtap(rig, *how, *words), words)
    finally:
        rig.router("ip", "link", "del", name)
