# SPDX-License-Identifier: BSD-2-Clause
"""The demo's second half: what agencies, targets and courts are promised, tried on the running lab."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

from . import dtcp, net

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + "/tests/lib")
import marker  # noqa: E402

PACKETS, EACH_MS, LIFE_S = 200, 5, 4
OFFICERS = 60001, 60002
CHANGES_WITH_TIME = ("TIMESTAMP", "LAST-REFRESH", "AVERAGE-BANDWIDTH", "AUTHENTICATION-INFO")


def session(stage, agency, passwords):
    return dtcp.Session(stage.lab["mediation"]["netns"], stage.addr("router", 4), stage.lab["ssh_port"], agency,
                        passwords[agency], stage.info["known_hosts"], stage.info["askpass"],
                        ("-o", "PubkeyAuthentication=no"))


def add_lines(stage, port, target, **more):
    return dtcp.add_lines(cdest=f"cd{port}", to=(stage.addr("mediation", 4), port),
                          src=(stage.addr("router", 4), 49153), source_address=target, **more)


def normal(reply, base, seq):
    """A reply's lines without what depends on when it is asked; ids and Seq counted from the script's first."""
    lines = []
    for name, value in reply.fields:
        if name.upper() in CHANGES_WITH_TIME:
            continue
        begin = {"CRITERIA-ID": base or 0, "SEQ": seq}.get(name.upper())
        lines.append((name, value if begin is None else str(int(value) - begin)))
    return reply.version, reply.code, reply.text, lines


def script(stage, s, port):
    """What lea1 does, and everything it is told."""
    target, first = stage.addr("subscriber", 4), None
    told, seq = [], s.seq

    def ask(*request):
        nonlocal first
        reply = s.ask(*request)
        number = reply.get("CRITERIA-ID")
        first = first or (int(number) if number else None)
        told.append(normal(reply, first, seq))
        return reply

    ask("LIST", "Flags: BOTH")
    ask("ADD", *add_lines(stage, port, target, protocol="17", dest_port="9"))
    with stage.udp("subscriber", 4) as out:
        for i in range(PACKETS):
            out.sendto(b"%06d" % i, (stage.addr("internet", 4), 9))
    stage.settled()
    ask("LIST", "Flags: BOTH")
    ask("ADD", *add_lines(stage, port, target), "Source-Port: 70000")
    ask("DELETE", f"Criteria-ID: {first + 1}", "Flags: STATIC")  # the next id, which another agency may have
    ask("DELETE", "Cdest-ID: cd9999", "Flags: STATIC")
    ask("REFRESH", f"Criteria-ID: {first}", "Timeout-Total: 60")
    ask("NOOP")
    ask("DELETE", f"Criteria-ID: {first}", "Flags: STATIC")
    return told


def separation(stage, passwords):
    """lea1's script with lea2 away, and with lea2 on the same target, busy, and killed in mid-request."""
    port = 7801
    with session(stage, "lea1", passwords) as one, session(stage, "lea2", passwords) as two:
        alone = script(stage, one, port)
        for i in range(50):
            two.ask("ADD", *add_lines(stage, 7802, stage.addr("subscriber", 4), protocol="17", dest_port="9"))
            two.ask("DELETE", f"Criteria-ID: {i + 1}", "Flags: STATIC")
            if i % 10 == 0:
                two.ask("ADD", *add_lines(stage, 7802, "*"), "Source-Port: 1-2")
        two.send(b"ADD DTCP/0.7\r\nCsource-ID: lea2\r\nSource-Addr")  # and no more of it
        beside = script(stage, one, port)
        two.ssh.kill()
    with session(stage, "lea2", passwords) as two:
        two.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC")
    return alone == beside, len(alone)


# ---- authority ----

def officer(stage, uid, *argv):
    gid = stage.router("getent", "group", "flowtap-warrant").split(":")[2]
    return stage.router("setpriv", "--reuid", str(uid), "--regid", gid, "--clear-groups", "flowtap", "warrant", *argv)


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def strict(stage):
    """lea1 needs a warrant from now on."""
    path = stage.info["conf"]
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(re.sub(r"agency lea1 \{ authority standing;", "agency lea1 {", text))
    stage.reload()


def warrant(stage, passwords):
    """(copies sent before the end, after it): every process is killed while packets flow."""
    strict(stage)
    port, target = 7803, stage.addr("subscriber", 4)
    with session(stage, "lea1", passwords) as s:
        if s.ask("ADD", *add_lines(stage, port, target)).code != 432:
            raise RuntimeError("an ADD without a warrant was not refused")
        end = int(time.time()) + LIFE_S
        with open(stage.info["dir"] + "/etc/warrant", "w") as f:
            f.write(f"Reference: W-1\nAgency: lea1\nStart: {moment(end - 3600)}\nEnd: {moment(end)}\n"
                    f"Prefix: {target}/32\nDirection: from\n")
        paper = officer(stage, OFFICERS[0], "enter", "/etc/flowtap/warrant").split(": ")[1].strip()
        officer(stage, OFFICERS[1], "approve", "lea1", "W-1", paper)
        reply = s.ask("ADD", *add_lines(stage, port, target, protocol="17", dest_port="9"))
        if reply.code != 200:
            raise RuntimeError(f"an ADD within its warrant was refused: {reply}")
    with stage.udp("mediation", 4, port) as content, stage.udp("subscriber", 4) as out:
        content.settimeout(1)
        content.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        stage.kill_daemon()
        while time.time() < end + 1:
            out.sendto(struct.pack(">d", time.time()), (stage.addr("internet", 4), 9))
            time.sleep(EACH_MS / 1000)
        stamps = []
        try:
            while True:
                stamps.append(struct.unpack(">d", content.recv(2048)[28:])[0])
        except TimeoutError:
            pass
    stage.start_daemon()
    return sum(t < end for t in stamps), sum(t >= end for t in stamps)


# ---- the record ----

def record(stage):
    """(proved, what is changed is found, lines): by the verifier, which has the file and the public key only."""
    head = json.loads(stage.router("flowtap", "-j", "audit", "head"))
    text = stage.router("flowtap", "audit", "export")
    path = stage.out + "/record.jsonl"

    def verify(data):
        with open(path, "w") as f:
            f.write(data)
        r = subprocess.run([stage.lab["bin"] + "/flowtap", "audit", "verify", "--key", head["key"], "--known",
                            f"{head['n']}:{head['hash']}", path], capture_output=True, text=True, timeout=60)
        return r.returncode == 0, r.stdout

    at = text.index("Source-Address: ") + len("Source-Address: ")
    changed = text[:at] + ("2" if text[at] != "2" else "3") + text[at + 1:]
    found, said = verify(changed)
    line = text[:at].count("\n") + 1
    proved, _ = verify(text)
    return proved, not found and f"line {line} " in said, text.count("\n")


# ---- secrecy ----

def markers(stage, passwords):
    """How many places show a target to an ordinary user, or to root's ordinary tools; and how many tools were tried."""
    marks = [marker.Marker(4), marker.Marker(6)]
    init, tried = stage.info["init"], 0
    with session(stage, "lea2", passwords) as s:
        for m in marks:
            if s.ask("ADD", *add_lines(stage, 7804, str(m))).code != 200:
                raise RuntimeError("the marked criteria were refused")
        if not marker.places(marker.kernel_maps(init), marks, tight=True):
            raise RuntimeError("the search does not find what is there")
        found = []
        for uid, without in (65534, ()), (None, [*marker.SECRET, stage.info["dir"] + "/state"]):
            seen = list(marker.seen_with_tools(init, uid, stage.lab["bin"], without))
            tried += len(seen)
            found += marker.places(seen, marks)
        s.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC")
    return found, tried


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def daemon_pids(stage):
    found = []
    for pid in net.pids(stage.lab["router"]["netns"]):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if os.path.basename(f.read().split(b"\0")[0].rstrip(b":")) == b"flowtapd":
                    found.append(pid)
        except OSError:
            continue
    return found
