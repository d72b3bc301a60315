# SPDX-License-Identifier: BSD-2-Clause
"""Agency lea1 can learn nothing about agency lea2: non-interference as a property test.

Generated scripts of lea1 are played twice, with lea2 away and with lea2 busy: adding, deleting, listing,
filling its quota, opening sessions until it is refused, sending to a dead destination, killed in mid-request,
flooding the record, asking for listings that it does not read, and taking the disk to and from nearly full,
on the same target with the same names and the same ids.  What lea1 is told, byte for byte but for the time and
the digest, its copies and its counters have to be identical.

FLOWTAP_SCRIPTS: how many scripts (300); FLOWTAP_SEED: begins the same ones again."""

import json
import multiprocessing
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest
from rig import TREE, Rig, dtcp, lab_name, udp_packet, until

SCRIPTS = int(os.environ.get("FLOWTAP_SCRIPTS", "300"))
SEED = int(os.environ.get("FLOWTAP_SEED", random.SystemRandom().randrange(1 << 32)))
BLOCK = 25       # scripts with lea2 away and the same ones with lea2 busy, in either order
TRAFFIC = 5      # every so many scripts have packets
OVER_SSH = max(5, SCRIPTS // 400)
SEEN = 3.0       # seconds: the daemon looks at the disk every two
ON_DISK = max(BLOCK, min(200, SCRIPTS // 10))  # more fill it with their record, and are refused
NEARLY_FULL = 20 << 20  # bytes that are left then
KEPT = 20        # lea2 always has its first ids; lea1 has them no more
PORT, OTHER = 7700, 7701  # content of lea1 and lea2
TTL = 61         # of lea1's copies: its later fragments have no ports to know them by
ALL = "Criteria-ID: 1-4294967295"


class Direct(dtcp.Session):
    """What sshd does once a login is good: flowtap-dtcp as the agency's user.  No SSH around it, for speed."""

    def __init__(self, rig, user):
        uid = rig.uids[user]
        argv = ["nsenter", "-t", str(rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv", f"--reuid={uid}",
                f"--regid={uid}", "--clear-groups", "/usr/libexec/flowtap/flowtap-dtcp"]
        self.user, self.seq, self.buf = user, 0, b""
        self.ssh = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env={"SSH_CONNECTION": "192.0.2.10 1 192.0.2.1 32001"}, bufsize=0,
                                    start_new_session=True)


# ---- scripts ----

def number(rng):
    return rng.randrange(1, 255)


ADDRESSES = [
    lambda r: f"198.51.100.{number(r)}", lambda r: f"10.{number(r)}.0.0/{r.randrange(8, 33)}", lambda r: "*",
    lambda r: f"10.0.0.{number(r)}-10.0.1.{number(r)}", lambda r: f"10.0.0.0/8,!10.{number(r)}.0.0/16",
    lambda r: f"!198.51.100.{number(r)}", lambda r: f"2001:db8::{number(r):x}", lambda r: "2001:db8:7::/48,!2001:db8:7::1",
    lambda r: ",".join(f"10.{number(r)}.{number(r)}.{number(r)}" for _ in range(r.randrange(1, 6))),
    lambda r: "1.2.3", lambda r: "10.0.0.0/33", lambda r: "10.0.0.9-10.0.0.1", lambda r: "", lambda r: "10.0.0.1,,10.0.0.2",
]
PORTS = [lambda r: str(r.randrange(65536)), lambda r: "1024-*", lambda r: "*-80", lambda r: "!53", lambda r: "1-9,!5",
         lambda r: "70000", lambda r: "x", lambda r: "9-8"]
ENDS = [["Flags: STATIC"]] * 6 + [["Timeout-Total: 5000"], ["Timeout-Idle: 5000"], [], ["Flags: NONSENSE"],
                                  ["Timeout-Total: 0"], ["Timeout-Idle: 90000"]]


def elements(rng):
    """Filter elements of every form, right and wrong."""
    found = []
    for name, forms, chance in (("Source-Address", ADDRESSES, 0.9), ("Dest-Address", ADDRESSES, 0.4),
                                ("Source-Port", PORTS, 0.15), ("Dest-Port", PORTS, 0.2)):
        if rng.random() < chance:
            found.append(f"{name}: {rng.choice(forms)(rng)}")
    if rng.random() < 0.4:
        found.append(f"Protocol: {rng.choice(['6', '17', '6,17', '1', '300', '!6', '0-255'])}")
    if rng.random() < 0.1:
        found.append(rng.choice(["ICMP-Type: 8", "ICMP-Code: 0-3", "Action: Block", "Priority: 3", "X-JTap-VRF-Name: red",
                                 "X-Unknown: 1", "Unknown: 1"]))
    return found


def near(rng):
    """An id as {n}: the n-th after the script's first; or one that lea2 has, or nobody."""
    return rng.choice(["{%d}" % rng.randrange(-4, 9)] * 6 + [str(rng.randrange(1, KEPT + 1))] * 2 + ["4294967295"])


def destinations(rng):
    two = rng.random() < 0.15
    names, to = rng.choice([("cd1", "{mediation}"), ("cd2", "{mediation}"), ("cd1", "{dead}"), ("cd 3", "{mediation}")])
    return [f"Cdest-ID: {names},cd4" if two else f"Cdest-ID: {names}",
            "X-JTap-Cdest-Dest-Address: " + (f"{to},{{dead}}" if two else to),
            "X-JTap-Cdest-Dest-Port: " + ("{port},{port}" if two and rng.random() < 0.8 else "{port}"),
            "X-JTap-Cdest-Source-Address: " + rng.choice(["{router}"] * 9 + ["{mediation}"]),
            "X-JTap-Cdest-Source-Port: 49153"]


def selector(rng):
    return rng.choice([f"Criteria-ID: {near(rng)}", f"Criteria-ID: {near(rng)},{near(rng)}", ALL, "Cdest-ID: cd1",
                       f"Criteria-ID: {near(rng)}-{near(rng)}", "Cdest-ID: cd2", "Cdest-ID: never", "Cdest-ID: theirs",
                       "Cdest-ID: cd1,cd2", "Criteria-ID: 0", "Criteria-ID: x"])


def step(rng):
    """(method, lines, version); a method of "" is bytes that are not answered."""
    which, version = rng.random(), rng.choice(["0.6", "0.7", "0.7", "0.8"])
    if which < 0.4:
        return "ADD", [*destinations(rng), *elements(rng), *rng.choice(ENDS)], version
    if which < 0.6:
        return "DELETE", [selector(rng), *rng.choice([["Flags: STATIC"], ["Flags: STATIC"], []])], version
    if which < 0.8:
        return "LIST", [*rng.choice([[], [selector(rng)]]), *rng.choice(
            [[], ["Flags: BOTH"], ["Flags: BOTH"], ["Flags: CRITERIA"], ["Flags: STATS"], ["Flags: ?"]])], version
    if which < 0.86:
        return "REFRESH", [selector(rng), rng.choice(["Timeout-Idle: 3000", "Timeout-Total: 0", "x"])], version
    if which < 0.94:
        return rng.choice(["NOOP", "NOOP", "FROB", "ENABLE"]), [], rng.choice([version, "0.9", "0.5"])
    return "", [rng.choice(["digest", "source", "noise"]), rng.randbytes(rng.randrange(200)).hex()], version


def script(seed):
    """Sessions, one after the other: steps, whether they are sent at once, how it ends."""
    rng = random.Random(seed)
    sessions = [([step(rng) for _ in range(rng.randrange(2, 10))], rng.random() < 0.3, rng.choice(["", "", "cut", "kill"]))
                for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    return {"sessions": sessions, "packets": rng.randrange(2, 9) if seed % TRAFFIC == 0 else 0}


# ---- playing them ----

def filled(line, base, names):
    for n in range(-4, 9):
        line = line.replace("{%d}" % n, str(max(base + n, 1)))
    for name, value in names.items():
        line = line.replace("{%s}" % name, value)
    return line


def raw_request(user, seq, what, version):
    method, lines = what
    if method:
        return dtcp.request(method, user, seq, *lines, version=version)
    good = dtcp.request("ADD", user, seq, *dtcp.add_lines(), version=version)
    return {"digest": good.replace(b"7890", b"7891"), "source": dtcp.request(ALL[:4], "lea2", seq, ALL, version=version),
            "noise": bytes.fromhex(lines[1]) + b"\r\nAuthentication-Info: 0\r\n\r\n"}[lines[0]]


TIME = re.compile(r"(?im)^(TIMESTAMP|LAST-REFRESH|REMAINING-TOTAL|REMAINING-IDLE|AUTHENTICATION-INFO):.*$")
ID = re.compile(r"(?im)^(CRITERIA-ID: )(\d+)")


def normal(reply, base):
    """The bytes of an answer, without the time and what follows from it; ids count from the script's first."""
    assert reply.authentic
    text = TIME.sub(r"\1: -", reply.raw.decode())
    return ID.sub(lambda m: m[1] + str(int(m[2]) - base), text)


class Player:
    """lea1."""

    def __init__(self, rig, open_session=None):
        self.rig, self.times = rig, {}
        self.open = open_session or (lambda: Direct(rig, "lea1"))
        self.names = {"mediation": rig.addr("mediation"), "dead": "192.0.2.99", "router": rig.addr("router"),
                      "port": str(PORT)}
        target, noise, to = rig.addr("subscriber"), "198.51.100.77", rig.addr("internet")
        self.packets = [udp_packet(target, to, 1, 9, b"x" * size) for size in (6, 700, 1472)]
        self.noise = udp_packet(noise, to, 1, 9, b"noise")

    def begin(self, s):
        """The same state every time: no criterion, the names known, and a number from which ids are counted."""
        assert s.ask("DELETE", ALL, "Flags: STATIC", timeout=30).code == 200
        for name in "cd1", "cd2":
            reply = s.ask("ADD", *self.add_lines(name, source_address="1.1.1.1"), timeout=30)
            base = int(reply.get("CRITERIA-ID"))
        assert s.ask("DELETE", ALL, "Flags: STATIC", timeout=30).code == 200
        return base + 1

    def add_lines(self, name, port=PORT, **what):
        return dtcp.add_lines(cdest=name, to=(self.names["mediation"], port), src=(self.names["router"], 49153), ttl=TTL,
                              **what)

    def play(self, what, inject=None, copies=None):
        told, base = [], None
        for steps, at_once, end in what["sessions"]:
            with self.open() as s:
                base = base or self.begin(s)
                requests = [((m, [filled(x, base, self.names) for x in lines]), v) for m, lines, v in steps]
                told += [normal(r, base) for r in (self.ask_all if at_once else self.ask_each)(s, requests)]
                if end:
                    s.send(raw_request("lea1", 1, ("DELETE", [ALL, "Flags: STATIC"]), "0.7")[:-9])
                if end == "kill":
                    os.killpg(s.ssh.pid, signal.SIGKILL)
        if what["packets"] and inject:
            with self.open() as s:
                told += self.traffic(s, what["packets"], inject, copies)
        return told

    def ask_all(self, s, requests):
        s.send(b"".join(raw_request("lea1", i, *r) for i, r in enumerate(requests)))
        return [s.receive(30) for r, _ in requests if r[0]]

    def ask_each(self, s, requests):
        for i, (what, version) in enumerate(requests):
            began = time.perf_counter()
            s.send(raw_request("lea1", i, what, version))
            if what[0]:
                reply = s.receive(30)
                kind = what[0] if reply.code == 200 else "refused"
                self.times.setdefault(kind, []).append(time.perf_counter() - began)
                yield reply

    def traffic(self, s, count, inject, copies):
        """Copies and counters.  The copies of one packet keep their order, and each outer packet has an id of
        its own; what is not lea1's to see comes between the target's packets."""
        s.ask("DELETE", ALL, "Flags: STATIC", timeout=30)
        criteria = [{}, {}, {}] if count % 2 else [{}, {"protocol": "17"}, {"dest_port": "9", "protocol": "17"}]
        for i, what in enumerate(criteria):
            reply = s.ask("ADD", *self.add_lines(f"c{i}", PORT + 2 * i, source_address=self.rig.addr("subscriber"), **what),
                          timeout=30)
            assert reply.code == 200, reply
        base, have = int(reply.get("CRITERIA-ID")), len(copies.got)
        for i in range(count):
            inject(self.packets[i % len(self.packets)])
            inject(self.noise)
        pieces = sum(1 + (i % len(self.packets) == 2) for i in range(count)) * len(criteria)
        copies.wait(have + pieces, 20)
        got = copies.got[have:]
        ids = list(dict.fromkeys(x[4:6] for x in got))
        told = [normal(s.ask("LIST", "Flags: BOTH", timeout=30), base)]
        told[0] = re.sub(r"(?m)^AVERAGE-BANDWIDTH:.*\n?", "", told[0])
        return told + [(x[:4] + x[6:10] + x[12:]).hex() + f" {ids.index(x[4:6])}" for x in got]


def pipelined(session, requests):
    """[(method, lines)], all sent before the first answer is read; the answers' codes."""
    begin, session.seq = session.seq, session.seq + len(requests)
    session.send(b"".join(dtcp.request(m, session.user, begin + i + 1, *lines)
                          for i, (m, lines) in enumerate(requests)))
    return [session.receive(30).code for _ in requests]


class Busy:
    """lea2, doing its worst until told to stop; in a process of its own."""

    def __init__(self, rig, seed):
        self.rig, self.rng = rig, random.Random(seed)
        self.disk_until = 0.0
        self.stopping, self.done = multiprocessing.Event(), multiprocessing.Value("L", 0)
        self.process = multiprocessing.get_context("fork").Process(target=self.run)

    def lines(self):
        rng, rig = self.rng, self.rig
        name, to = rng.choice([("cd1", rig.addr("mediation")), ("cd2", "192.0.2.98"), ("theirs", "192.0.2.97")])
        source = rng.choice([rig.addr("subscriber")] * 2 + ["198.51.100.77", "*", f"198.51.100.{number(rng)}"])
        elements = rng.choice([{}, {}, {"protocol": "17"}, {"dest_port": "9", "protocol": "17"}])
        return dtcp.add_lines(cdest=name, to=(to, rng.choice([PORT, OTHER] if name == "cd2" else [OTHER])),
                              src=(rig.addr("router"), 49153), source_address=source, **elements)

    def requests(self):
        rng = self.rng
        which = rng.random()
        if which < 0.5:
            return [("ADD", self.lines())]
        if which < 0.6:
            return [("ADD", self.lines()) for _ in range(100)]  # until 550, its quota
        if which < 0.8:
            low = rng.randrange(KEPT + 1, 5000)
            return [("DELETE", [f"Criteria-ID: {low}-{low * 50}", "Flags: STATIC"])]
        return [("LIST", ["Flags: BOTH"])] if which < 0.9 else [(rng.choice(["NOOP", "FROB"]), [])]

    def work(self, s):
        for _ in range(self.rng.randrange(1, 30)):
            if self.stopping.is_set():
                return
            what = self.requests()
            pipelined(s, what)
            self.done.value += len(what)

    def crowd(self):
        """As many sessions as it may have, and some more, which are refused."""
        many = [Direct(self.rig, "lea2") for _ in range(12)]
        for s in many:
            s.close()

    def flood(self, s):
        """More words than its share of the record has room for."""
        lines = [f"X-Words: {'x' * 60000}"]
        pipelined(s, [("FROB", lines)] * self.rng.randrange(1, 60))

    def stall(self, s):
        """Listings of which nothing is read for a while, or ever."""
        s.send(b"".join(dtcp.request("LIST", "lea2", i, "Flags: BOTH") for i in range(30)))
        self.stopping.wait(self.rng.random())
        os.killpg(s.ssh.pid, signal.SIGKILL)

    def disk(self):
        """From plenty of room to nearly full, or back; each long enough to be seen by a daemon that looks now and then."""
        ballast, now = self.rig.disk + "/ballast", time.monotonic()
        if now < self.disk_until:
            return
        self.disk_until = now + SEEN
        if os.path.exists(ballast):
            os.unlink(ballast)
            return
        free = os.statvfs(self.rig.disk)
        with open(ballast, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, free.f_bavail * free.f_frsize - NEARLY_FULL)

    def run(self):
        while not self.stopping.is_set():
            if hasattr(self.rig, "disk"):
                self.disk()
            with Direct(self.rig, "lea2") as s:
                try:
                    self.work(s)
                    if self.rng.random() < 0.05:
                        self.flood(s)
                    if self.rng.random() < 0.1:
                        self.stall(s)
                        continue
                except dtcp.Silence:  # one session too many
                    continue
                if self.rng.random() < 0.3:
                    s.send(b"ADD DTCP/0.7\r\nCsource-ID: lea2\r\nSource-Ad")
                if self.rng.random() < 0.3:
                    os.killpg(s.ssh.pid, signal.SIGKILL)
            if self.rng.random() < 0.1:
                self.crowd()

    def __enter__(self):
        self.process.start()
        until("lea2 at work", lambda: self.done.value > 20 or self.process.exitcode, 30)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.process.join()
        with Direct(self.rig, "lea2") as s:
            s.ask("DELETE", f"Criteria-ID: {KEPT + 1}-4294967295", "Flags: STATIC", timeout=30)
        assert self.process.exitcode == 0


def distance(a, b):
    """Kolmogorov and Smirnov's: the largest difference of the two distribution functions."""
    merged = sorted([(x, 1 / len(a)) for x in a] + [(x, -1 / len(b)) for x in b])
    worst = total = 0.0
    for _, weight in merged:
        total += weight
        worst = max(worst, abs(total))
    return worst


def quantiles(times):
    times = sorted(times)
    return {f"p{q}": round(times[len(times) * q // 100] * 1e6) for q in (10, 50, 90, 99)}


def timing(alone, beside):
    return {kind: {"answers": len(alone[kind]), "distance": round(distance(alone[kind], beside[kind]), 3),
                   "alone_us": quantiles(alone[kind]), "beside_us": quantiles(beside[kind])}
            for kind in sorted(alone) if beside.get(kind)}


def first_ids(rig):
    """Both have had their first ids, lea2 has them still."""
    rig.uids = {name: rig.router("id", "-u", name).strip() for name in ("lea1", "lea2")}
    with Direct(rig, "lea1") as one, Direct(rig, "lea2") as two:
        for s in one, two:
            while s.add(source_address="1.1.1.1", **rig.destination(PORT)) < KEPT + 5:
                pass
        one.ask("DELETE", ALL, "Flags: STATIC")


@pytest.fixture
def two_agencies(rig, config):
    """lea2 fills its quota in no time."""
    config(lambda old: old.replace("agency lea2 {", "agency lea2 { maximum-criteria 200; maximum-sessions 8;"))
    first_ids(rig)
    return rig


@pytest.fixture
def on_a_small_disk(tmp_path, request):
    """Both agencies, and a state on a file system of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=711", "tmpfs", disk], check=True)
    os.chmod(tmp_path, 0o711)
    rig = None
    try:
        (disk / "state").mkdir()
        rig = Rig(lab_name("disk"), "--state", str(disk / "state"))
        rig.disk = str(disk)
        first_ids(rig)
        yield rig
    finally:
        if rig:
            rig.down()
        subprocess.run(["umount", "-l", disk], check=True)


def first_difference(alone, beside):
    for i, (a, b) in enumerate(zip(alone, beside)):
        if a != b:
            return f"answer {i}:\nalone  {a}\nbeside {b}"
    return f"{len(alone)} answers alone, {len(beside)} beside"


def play_both(rig, seeds, player, rng, *places):
    """The same scripts, lea2 away and lea2 busy, in either order so that drift cancels."""
    told = {}
    for how in rng.sample(["alone", "beside"], 2):
        player.times = player.took[how]
        if how == "alone":
            told[how] = [player.play(script(x), *places) for x in seeds]
        else:
            with Busy(rig, rng.random()):
                told[how] = [player.play(script(x), *places) for x in seeds]
    for seed, alone, beside in zip(seeds, told["alone"], told["beside"]):
        assert alone == beside, f"script {seed} of FLOWTAP_SEED={SEED}: {first_difference(alone, beside)}"
    return sum(map(len, told["alone"]))


def test_lea1_cannot_tell_whether_lea2_is_there(two_agencies):
    print(f"FLOWTAP_SEED={SEED}")
    rig, began, compared = two_agencies, time.monotonic(), 0
    player, rng = Player(rig), random.Random(SEED)
    player.took = {"alone": {}, "beside": {}}
    copies_of = lambda d: d[0] >> 4 == 4 and d[8] == TTL and d[9] == 17  # noqa: E731
    with rig.injector("subscriber") as inject, rig.sniffer("mediation", keep=copies_of) as copies:
        for start in range(0, SCRIPTS, BLOCK):
            seeds = [SEED + i for i in range(start, min(start + BLOCK, SCRIPTS))]
            compared += play_both(rig, seeds, player, rng, inject, copies)
    report = {"scripts": SCRIPTS, "seed": SEED, "compared": compared, "seconds": round(time.monotonic() - began),
              "timing": timing(**player.took)}
    with open(TREE + "/build/separation.json", "w") as f:
        json.dump(report, f, indent=2)
    print(json.dumps(report, indent=2))
    # The processors are shared with an agency that does all it can; what is bounded is waiting for each other.
    for kind, t in report["timing"].items():
        assert t["beside_us"]["p50"] < 20 * t["alone_us"]["p50"] + 20000, kind


def test_the_same_while_the_disk_gets_nearly_full(on_a_small_disk):
    """It does that again and again while lea2 is there, which writes to it all the time."""
    rig = on_a_small_disk
    player = Player(rig)
    player.took = {"alone": {}, "beside": {}}
    for start in range(0, ON_DISK, BLOCK):
        play_both(rig, [SEED + i for i in range(start, min(start + BLOCK, ON_DISK))], player, random.Random(SEED + start))

    def seen():
        events = json.loads(rig.router("flowtap", "-j", "show", "services", "flow-tap", "events"))["events"]
        return any(x["kind"] == "disk-nearly-full" for x in events)
    # It is nearly full now, or was for long enough.
    until("the disk was nearly full", lambda: seen() or not os.path.exists(rig.disk + "/ballast"))
    assert seen()


def test_the_same_over_ssh(two_agencies):
    """A few scripts through the real front door."""
    player = Player(two_agencies, two_agencies.session)
    player.took = {"alone": {}, "beside": {}}
    play_both(two_agencies, [SEED + i for i in range(OVER_SSH)], player, random.Random(SEED))


def same_bytes(session, *requests):
    """Whether these requests are answered alike but for the time and its digest."""
    answers = []
    for method, *lines in requests:
        session.send(dtcp.request(method, session.user, 7, *lines))
        answers.append(normal(session.receive(), 0))
    return answers[0] if len(set(answers)) == 1 else answers


def test_foreign_and_absent_ids_are_answered_alike(rig):
    """An id or a name that only lea2 has, and one that nobody has."""
    with rig.session() as one, rig.session("lea2") as two:
        # Each agency counts for itself; "theirs" is the one that has come further.
        first, second = (s.add(source_address="198.51.100.2", **rig.destination(PORT)) for s in (one, two))
        if second < first:
            one, two = two, one
        own = one.add(source_address="198.51.100.1", **rig.destination(PORT))
        theirs = 0
        while theirs <= own:
            theirs = two.add(cdest="only-theirs", source_address="198.51.100.1", **rig.destination(OTHER))
        assert str(theirs) not in [x["CRITERIA-ID"] for x in one.ask("LIST").entries()]
        ids, names = (f"Criteria-ID: {theirs}", "Criteria-ID: 4294967295"), ("Cdest-ID: only-theirs", "Cdest-ID: nobodys")
        for absent, code in (ids, "431 Unknown Criteria ID"), (names, "430 Unknown Content Destination"):
            for method, *flags in ("DELETE", "Flags: STATIC"), ("DELETE",), ("LIST",), ("LIST", "Flags: BOTH"), \
                    ("REFRESH", "Timeout-Idle: 5"):
                answer = same_bytes(one, *((method, x, *flags) for x in absent))
                assert isinstance(answer, str) and answer.startswith(f"DTCP/0.7 {code}\r\n"), answer
        # With what is one's own beside it, too.
        for absent in ids:
            assert one.ask("DELETE", f"{absent},{own}", "Flags: STATIC").code == 431
        assert one.ask("DELETE", f"Criteria-ID: {own}-{theirs}", "Flags: STATIC").get("CRITERIA-COUNT") == "1"
        assert str(theirs) in [x["CRITERIA-ID"] for x in two.ask("LIST").entries()]


def test_ids_are_the_agencys_own(rig):
    """Nothing of another's activity shows in the numbers one is given."""
    with rig.session() as one, rig.session("lea2") as two:
        first = one.add(source_address="198.51.100.1", **rig.destination(PORT))
        for i in range(7):
            two.add(source_address=f"198.51.100.{i + 1}", **rig.destination(OTHER))
        assert one.add(source_address="198.51.100.2", **rig.destination(PORT)) == first + 1


def test_what_was_refused_was_never_there(rig):
    """An ADD that only the data plane can refuse, and what selects it sent at once: the answers do not depend on
    whether both fall into one transaction."""
    with rig.session() as s:
        refused = dtcp.add_lines(source_address="198.51.100.1", to=(rig.addr("mediation"), PORT),
                                 src=(rig.addr("mediation"), 49153))
        elsewhere = dtcp.add_lines(source_address="198.51.100.1", to=(rig.addr("mediation"), OTHER))
        codes = pipelined(s, [("ADD", refused), ("DELETE", [ALL, "Flags: STATIC"]), ("ADD", refused),
                              ("ADD", elsewhere), ("DELETE", ["Cdest-ID: cd1", "Flags: STATIC"])] * 100)
        assert codes == [901, 200, 901, 200, 200] * 100
        s.send(dtcp.request("ADD", "lea1", 1, *refused) + dtcp.request("DELETE", "lea1", 2, ALL, "Flags: STATIC"))
        assert s.receive().code == 901
        assert s.receive().get("CRITERIA-COUNT") == "0"


def test_refused_sessions_of_one_do_not_hide_anothers(rig, config):
    """They are on record once a second: for each agency by itself."""
    config(lambda old: re.sub(r"agency lea[12] \{", lambda m: m[0] + " maximum-sessions 1;", old))
    users = {name: int(rig.router("id", "-u", name)) for name in ("lea1", "lea2")}
    mark = json.loads(rig.router("flowtap", "-j", "audit", "head"))["n"]
    with rig.session() as one, rig.session("lea2") as two:
        assert one.ask("NOOP").code == two.ask("NOOP").code == 200
        rig.uids = users
        for who in "lea2", "lea2", "lea1":
            with pytest.raises(dtcp.Silence), Direct(rig, who) as s:
                s.ask("NOOP")
        lines = map(json.loads, rig.router("flowtap", "audit", "export", str(mark + 1)).splitlines())
        assert {x["uid"] for x in lines if x["kind"] == "session-refused"} == set(users.values())


def test_damage_of_another_is_not_felt(rig):
    """Requests of all agencies go into one transaction.  One that spoils it, since the agency's rows are damaged,
    is repeated alone, and the row is set aside: each spoils once."""
    def target(i):
        return dtcp.add_lines(source_address=f"198.{51 + (i >> 16)}.{i >> 8 & 255}.{i & 255}", **rig.destination(PORT))

    with rig.session() as one, rig.session("lea2") as two:
        numbers = [int(two.ask("ADD", *target(i)[:-1], "Timeout-Total: 50000").get("CRITERIA-ID")) for i in range(100)]
        with sqlite3.connect(rig.info["dir"] + "/state/state.db", timeout=10) as db:
            assert db.execute("UPDATE criterion SET secret = zeroblob(length(secret)) WHERE agency ="
                              " (SELECT no FROM agency WHERE name = 'lea2')").rowcount == 100
        db.close()
        codes = []
        spoiler = threading.Thread(target=lambda: codes.extend(pipelined(
            two, [("REFRESH", [f"Criteria-ID: {n}", "Timeout-Idle: 5"]) for n in numbers * 3])))
        spoiler.start()
        answers = []
        while spoiler.is_alive() or not answers:
            answers += pipelined(one, [x for i in range(20) for x in (("ADD", target(len(answers) + i)), ("NOOP", []))])
        spoiler.join()
        listed = len(one.ask("LIST").entries())
    assert set(codes[:100]) <= {500, 431} and codes[100:] == [431] * 200
    assert set(answers) == {200} and listed == len(answers) / 2


def test_what_another_fills_is_not_full(rig):
    """lea2 has as many criteria for everything as it gets, and then as many long ones; lea1 gets its own."""
    many = ",".join(f"10.{i >> 8}.{i & 255}.1" for i in range(0, 4000, 2))
    with rig.session() as one, rig.session("lea2") as two:
        for lines in dtcp.add_lines(**rig.destination(OTHER)), dtcp.add_lines(source_address=many, **rig.destination(OTHER)):
            count, codes = 0, []
            while 550 not in codes:
                codes = pipelined(two, [("ADD", lines)] * 50)
                count += codes.count(200)
            assert count and set(codes) <= {200, 550}
            assert one.ask("ADD", *(x.replace(str(OTHER), str(PORT)) for x in lines), timeout=30).code == 200
            two.ask("DELETE", ALL, "Flags: STATIC", timeout=60)
        assert len(one.ask("LIST").entries()) == 2


def test_one_source_cannot_shut_out_others(rig):
    """More connections that never log in than sshd lets wait altogether; another's login is not refused."""
    def connect():
        return socket.create_connection((rig.addr("router"), rig.lab["ssh_port"]), 10)

    waiting = []
    try:
        for _ in range(620):
            waiting.append(rig.inside("subscriber", connect))
        for _ in range(5):
            with rig.session() as s:
                assert s.ask("NOOP", timeout=60).code == 200
    finally:
        for sock in waiting:
            sock.close()
    until("sshd has let go of them", lambda: len(rig.processes()["sshd"]) < 10, 30)


def accounts(rig):
    """{agency: its account}, once nothing is in flight."""
    rig.account_closed()
    return {a["agency"]: a for a in rig.show()["agencies"]}


def test_who_takes_too_much_loses_his_own(rig, config):
    """lea2 may have 100 copies a second; lea1, on the same packets, misses none."""
    config(lambda old: old.replace("agency lea2 {", "agency lea2 { copy-limit { packets-per-second 100; burst 100; }"))
    with rig.session() as one, rig.session("lea2") as two, rig.receiver("mediation", PORT) as all_of_them, \
            rig.receiver("mediation", OTHER) as some, rig.injector("subscriber") as inject:
        one.add(source_address=rig.addr("subscriber"), **rig.destination(PORT))
        two.add(source_address=rig.addr("subscriber"), **rig.destination(OTHER))
        before = accounts(rig)
        packets = [udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, b"%06d" % i) for i in range(2000)]
        for p in packets:
            inject(p)
        all_of_them.wait(len(packets), 20)
        after = accounts(rig)
    assert all_of_them.got == packets
    change = {who: {k: after[who][k] - before[who][k] for k in ("due", "sent", "lost-budget")} for who in after}
    assert change["lea1"] == {"due": 2000, "sent": 2000, "lost-budget": 0}
    lea2 = change["lea2"]
    assert lea2["due"] == 2000 == lea2["sent"] + lea2["lost-budget"] and 10 <= lea2["sent"] < 1000
    assert len(some.got) == lea2["sent"] and set(some.got) <= set(packets)
