# SPDX-License-Identifier: BSD-2-Clause
"""Who lies, and who suffers: each process of the daemon, and a session, is replaced by tests/attack/liar.c.

The process is stopped, and the liar speaks by its descriptors whatever can be said in frames.  Meanwhile another agency
has a session and a tap, and asks.  Nobody else may end; that agency is answered as ever, by whatever does not need the
process itself; the record has no line of what did not happen, and little of what the liar says; what is tapped, stored
and configured is what it was.

FLOWTAP_LIES: seconds of each (2); FLOWTAP_SEED: the same ones again.  build/lies.txt has the table."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time

import pytest
import rig as rigs
from rig import BIN, TREE, dtcp, udp_packet, until
from test_audit import export, head, verify
from test_plane import FRAME, PEER, borrowed

SECONDS = float(os.environ.get("FLOWTAP_LIES", "2"))
SEED = int(os.environ.get("FLOWTAP_SEED", random.SystemRandom().randrange(1 << 32)))
TARGETS = "203.0.113.77", "203.0.113.78"
# What may be on record of a lie, and what the bystander itself leaves there.
HARMLESS = {"alarm", "list", "session-open", "session-close", "sessions", "refused", "checkpoint", "session-unread",
            "session-refused", "commit-refused", "authorities", "export"}
ALARMS = 20 + int(10 * SECONDS / 60)  # lines of the record that a liar can cause by what it claims
ANSWER_S = 5
GROWTH_KB = 65536  # of another process
LOG_BYTES = (1 << 20) + int(SECONDS / 60 * (1 << 18))
# Without whom nobody is answered: what is asked of the bystander meanwhile is only that it is not sent away.
NEEDED = {"dataplane", "reader"}
OPTIONAL = {"metrics", "canary", "hook"}
ROLES = ["session", "dataplane", "metrics", "canary", "hook", "keeper", "inventory", "accounts", "names", "reader"]
rows = []


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    extra = tmp_path_factory.mktemp("lies") / "extra"
    name = rigs.lab_name("lies")
    extra.write_text(f'alarm-hook "/run/ftlab/{name}/hook.sh";\n')
    rig = rigs.Rig(name, "--conf-extra", str(extra))
    with open(rig.info["dir"] + "/hook.sh", "w") as f:
        f.write("#!/bin/sh\n")
    os.chmod(f.name, 0o755)
    shutil.copy(BIN + "/tests/liar", rig.lab["bin"] + "/liar")  # the router sees no other /tmp
    yield rig
    rig.down()


@pytest.fixture(scope="module", autouse=True)
def table():
    yield
    head = f"{'who lies':10} {'messages':>9} {'heard to the end by':20} {'answered within':>15} {'on record':>9}  who suffers"
    text = "\n".join([f"FLOWTAP_SEED={SEED}, {SECONDS:g} s each", head, *rows]) + "\n"
    with open(TREE + "/build/lies.txt", "w") as f:
        f.write(text)
    print("\n" + text)


def memory_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(next(x for x in f if x.startswith("VmRSS:")).split()[1])


def lines(rig):
    return [json.loads(x) for x in export(rig).splitlines()]


def stored(rig):
    with contextlib.closing(sqlite3.connect(f"file:{rig.info['dir']}/state/state.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT uid, agency, id FROM criterion ORDER BY uid").fetchall()


def configured(rig):
    with open(rig.info["conf"]) as f:
        return f.read()


def log_text(rig, since):
    with open(rig.info["logs"] + "/flowtapd.log", errors="replace") as f:
        f.seek(since)
        return f.read()


class Bystander:
    """lea2, asking all the time; the longest that it waited."""

    def __init__(self, session, what):
        self.session, self.what, self.longest, self.n = session, what, 0.0, 0

    def ask(self):
        began = time.monotonic()
        reply = self.session.ask(*self.what[self.n % len(self.what)], timeout=30)
        self.n += 1
        self.longest = max(self.longest, time.monotonic() - began)
        assert reply.code == 200, reply


def start(rig, role, seed, uids):
    """The liar, and the number of the process that it stands for."""
    argv = ["nsenter", "-t", str(rig.info["init"]), "--mount", "--net"]
    if role == "session":
        uid = rig.router("id", "-u", "lea1").strip()
        argv += ["--pid", "--", "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        how, victim = ["-s", "/run/flowtap/dtcp.sock"], None
    else:
        victim, = rig.processes()[role]
        os.kill(victim, signal.SIGSTOP)
        argv, how = [], ["-p", str(victim)]
    argv += [rig.lab["bin"] + "/liar", "-r", role, *how, str(seed), str(int(SECONDS * 1000)), *map(str, uids)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True), victim


def alive(pids):
    return {role: [p for p in of if os.path.exists(f"/proc/{p}")] for role, of in pids.items()}


def others(rig, role):
    """Processes of the daemon besides who lies; sessions and sshd's come and go."""
    return {r: p for r, p in rig.processes().items() if r not in (role, "session", "sshd", "reading")}


def listen(rig, liar, by, role):
    while liar.poll() is None:
        if role not in NEEDED:
            by.ask()
        time.sleep(0.02)
    assert liar.returncode == 0
    sent, parent, engine = liar.stdout.read().split()
    heard = [w for w, yes in (("parent", parent), ("engine", engine)) if yes == "1"]
    return sent, "+".join(heard) or "nobody"


def again(rig, role, victim):
    """Who lied is no more; all is as the next daemon makes it."""
    starts = rig.services()["flowtapd"]["starts"]
    if victim:
        os.kill(victim, signal.SIGKILL)
    if role in OPTIONAL:
        rigs.lab_command("restart", "--name", rig.name)
    elif victim:
        until("the next daemon", lambda: rig.services()["flowtapd"]["starts"] > starts, 30)
    until("the daemon", lambda: rig.answered("lea2"), 30)


ENDED, REASONS = 52, {"time": 1, "idle": 2, "packets": 3, "bytes": 4}
LIFE = {"time": "Timeout-Total: 80000", "idle": "Timeout-Idle: 80000", "packets": "Timeout-Packets: 80000",
        "bytes": "Timeout-Bytes: 80000000"}


def test_what_only_the_engine_ends(rig):
    """What the data plane says has ended: only if it could."""
    with rig.session() as s:
        ids = {None: s.add(source_address=TARGETS[0])}
        for kind, line in LIFE.items():
            ids[kind] = int(s.ask("ADD", *dtcp.add_lines(source_address=TARGETS[1])[:-1], line).get("CRITERIA-ID"))
    of = {number: uid for uid, _, number in stored(rig)}
    at = lines(rig)[-1]["n"]
    with socket.socket(fileno=borrowed(rig.processes()["dataplane"][0], PEER)) as s:
        for kind, number in ids.items():
            for what in REASONS:
                # A bound of time is one that the engine's clock has, too.
                if what != kind or what == "time":
                    body = struct.pack(">IQB6Q", 1, of[number], REASONS[what], of[number], 1, 1, 0, 0, 0)
                    s.sendall(FRAME.pack(len(body), ENDED, 0, 0) + body)
        body = struct.pack(">IQB6Q", 1, of[ids["idle"]], REASONS["idle"], of[ids["idle"]], 1, 1, 0, 0, 0)
        s.sendall(FRAME.pack(len(body) + 1, ENDED, 0, 0) + body + b"\0")  # and too long: nothing of it is done
        s.sendall(FRAME.pack(len(body), ENDED, 0, 0) + body)
        s.setblocking(False)
    until("the one that could", lambda: [x for x in lines(rig) if x["n"] > at and x["kind"] == "ended"])
    assert {x[2] for x in stored(rig)} == set(ids.values()) - {ids["idle"]}
    new = [x for x in lines(rig) if x["n"] > at]
    assert [x["id"] for x in new if x["kind"] == "ended"] == [ids["idle"]]
    assert len([x for x in new if x["kind"] == "alarm" and "the data plane says what it should not" in x["reason"]]) == 1


def unsaid(rig, had, new):
    """Changes of lea1's criteria that no line of the record tells of."""
    now, of = stored(rig), {x[0]: x[2] for x in had}
    left = {x[0] for x in now}
    gone = [of[uid] for uid in of if uid not in left]
    come = [number for uid, _, number in now if uid not in of]
    added = {x.get("id") for x in new if x["kind"] == "add"}
    deleted = any(x["kind"] in ("delete", "withdrawn") for x in new)
    return [f"{n} was added" for n in come if n not in added] + [f"{n} was deleted" for n in gone if not deleted]


def suffers(rig, role, had, conf, pids, size, new, log):
    """What is not as it was before, as texts."""
    found = [f"{r} ended" for r, p in alive(pids).items() if p != pids[r]]
    found += [f"{r} grew by {memory_kb(p) - size[p]} kB" for r, of in alive(pids).items() for p in of
              if memory_kb(p) - size[p] > GROWTH_KB]
    mine = {"session": {"add", "delete", "refresh", "withdrawn"}, "dataplane": {"set-aside"}}.get(role, set())
    found += sorted({f"on record: {x['kind']} of {x.get('agency')}" for x in new
                     if x["kind"] not in HARMLESS and x["kind"] not in mine or
                     role == "session" and x["kind"] in mine and x.get("agency") != "lea1"})
    alarms = [x for x in new if x["kind"] == "alarm"]
    if len(alarms) > ALARMS:
        found.append(f"{len(alarms)} alarms on record, as {alarms[-1]['reason']}")
    if len(log) > LOG_BYTES:
        found.append(f"{len(log)} bytes of log")
    if configured(rig) != conf:
        found.append("the configuration's file")
    found += unsaid(rig, had, new) if role == "session" else ["what is stored"] * (stored(rig) != had)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_who_lies(box, role, tmp_path):
    rig, seed = box, SEED + ROLES.index(role)
    port, found = rig.port(), []
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, os.urandom(8))
    with rig.session("lea1") as one:
        one.add(source_address=TARGETS[0])
        one.ask("ADD", *dtcp.add_lines(source_address=TARGETS[1])[:-1], "Timeout-Total: 86000")
    with rig.session("lea2") as two, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        two.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        had, conf, pids = stored(rig), configured(rig), others(rig, role)
        size = {p: memory_kb(p) for of in pids.values() for p in of}
        at, since = lines(rig)[-1]["n"], os.path.getsize(rig.info["logs"] + "/flowtapd.log")
        by = Bystander(two, [("NOOP",), ("LIST", "Flags: BOTH")])
        liar, victim = start(rig, role, seed, [x[0] for x in had])
        sent = heard = "?"
        try:
            sent, heard = listen(rig, liar, by, role)
            inject(packet)
            until("the bystander's copy", lambda: packet in content.got)
        except (dtcp.Silence, OSError) as e:
            found.append(f"lea2: {e}")
        finally:
            liar.kill()
            liar.wait()
        log = log_text(rig, since)
        new = [x for x in lines(rig) if x["n"] > at] if alive(pids)["engine"] == pids["engine"] else []
        found += suffers(rig, role, had, conf, pids, size, new, log)
    if by.longest > ANSWER_S:
        found.append(f"lea2 waited {by.longest:.1f} s")
    again(rig, role, victim)
    with rig.session("lea2") as two:
        if len(two.ask("LIST", "Flags: BOTH").entries()) < 1:
            found.append("lea2's criterion")
    code, said = verify(export(rig), head(rig)["key"], tmp_path)
    if code:
        found.append(f"the record: {said}")
    rig.forget_all()
    rows.append(f"{role:10} {sent:>9} {heard:20} {by.longest * 1000:>12.0f} ms {len(new):>9}  {'; '.join(found) or 'nobody'}")
    assert found == [], f"FLOWTAP_SEED={SEED}\n{log[-3000:]}"
