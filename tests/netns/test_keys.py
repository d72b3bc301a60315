# SPDX-License-Identifier: BSD-2-Clause
"""Keys of the stored rows: renewed under load, lost, replaced.  No tap and no copy may notice."""

import contextlib
import json
import os
import signal
import socket
import threading

import pytest
from rig import difference, lab_command, udp_packet, until
from rig import dtcp
from test_lifecycle import Stream, engines, exact_under, listing, restarted

ROTATE = "request", "services", "flow-tap", "rotate-keys"
DONE = "keys rotated: every row is sealed with a new key"


def state_path(rig, name):
    return f"/proc/{rig.info['init']}/root/var/lib/flowtap/{name}"


class Log:
    """What the daemon has said since this was made."""

    def __init__(self, rig):
        self.path = rig.info["logs"] + "/flowtapd.log"
        self.at = os.path.getsize(self.path)

    def text(self):
        with open(self.path, errors="replace") as f:
            f.seek(self.at)
            return f.read()

    def wait(self, what, timeout=20):
        until(f"\"{what}\" in the log", lambda: what in self.text(), timeout)


def rotate(rig):
    log = Log(rig)
    answer = json.loads(rig.router("flowtap", "-j", *ROTATE))
    assert answer["rotation"] == "started"
    log.wait(DONE)
    assert rig.show()["reseal-rows"] == 0
    return answer["reseal-rows"]


def add_many(session, count, **what):
    """ADDs, up to 1,000 of them on their way at once; their ids."""
    ids = []
    while len(ids) < count:
        out = []
        for i in range(len(ids), min(count, len(ids) + 1000)):
            session.seq += 1
            lines = dtcp.add_lines(source_address=f"10.77.{i >> 8}.{i & 255}", **what)
            out.append(dtcp.request("ADD", session.user, session.seq, *lines))
        session.send(b"".join(out))
        replies = [session.receive() for _ in out]
        assert {r.code for r in replies} == {200}
        ids += [int(r.get("CRITERIA-ID")) for r in replies]
    return ids


def ids_listed(session):
    return [int(e["CRITERIA-ID"]) for e in session.ask("LIST", "Flags: CRITERIA", timeout=30).entries()]


def test_rotation_loses_no_copy(rig):
    """Twice, with a stream of packets, and every packet forwarded and copied exactly once."""
    def disturb():
        assert rotate(rig) > 0
        rotate(rig)
    exact_under(rig, disturb)


class Adder(threading.Thread):
    """Adds, lists and deletes in a session of its own until stopped; .kept is what has to be there."""

    def __init__(self, rig):
        super().__init__(daemon=True)
        self.rig, self.kept, self.codes, self.rounds, self.stop = rig, [], set(), 0, threading.Event()

    def run(self):
        with self.rig.session("lea2") as s:
            while not self.stop.is_set():
                new = add_many(s, 20, cdest="added")
                self.codes.add(s.ask("DELETE", f"Criteria-ID: {new[0]}", "Flags: STATIC").code)
                self.kept += new[1:]
                if ids_listed(s) != self.kept:
                    self.codes.add("LIST differs")
                    return
                self.rounds += 1

    def more(self, count):
        goal = self.rounds + count
        until(f"{count} more rounds", lambda: self.rounds >= goal or not self.is_alive(), 30)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()


def test_rotation_while_agencies_work(rig):
    """5,000 rows are sealed anew while another agency adds, lists and deletes; a restart finds all."""
    content_port, port = rig.port(), rig.port()
    with rig.session() as s:
        ids = add_many(s, 5000, cdest="bulk")
        ids.append(s.add(source_address=rig.addr("subscriber"), dest_port=str(port), protocol="17",
                         **rig.destination(content_port)))
        with rig.receiver("mediation", content_port) as content, Stream(rig, port) as stream, Adder(rig) as adder:
            adder.more(2)
            stream.more(100)
            assert rotate(rig) > 5000
            adder.more(2)
            rotate(rig)
            adder.more(2)
            stream.more(100)
        content.wait(stream.sent)
        assert not difference([stream.packet(i) for i in range(stream.sent)], content.got)
        assert adder.codes == {200}
        assert ids_listed(s) == ids
        before = listing(s)
    lab_command("restart", "--name", rig.name)
    with rig.session() as s, rig.session("lea2") as other:
        assert listing(s) == before
        assert ids_listed(other) == adder.kept
        assert s.ask("DELETE", "Cdest-ID: bulk", "Flags: STATIC").code == 200
        assert ids_listed(s) == ids[-1:]


def test_killed_rotation_is_finished(rig):
    """kill -9 in its midst; the next daemon goes on with it and nothing is missing."""
    with rig.session() as s:
        ids = add_many(s, 5000)
    old, log = engines(rig), Log(rig)
    engine, = rig.processes()["engine"]
    rig.router("flowtap", *ROTATE)
    os.kill(engine, signal.SIGKILL)
    restarted(rig, old)
    log.wait(DONE)
    with rig.session() as s:
        assert ids_listed(s) == ids


def test_rotation_is_roots(rig):
    """The operators' group sees figures; it does not change anything."""
    user = ["setpriv", "--reuid=_flowtap", "--regid=_flowtap", "--clear-groups", "flowtap"]
    log = Log(rig)
    r = lab_command("exec", "--name", rig.name, "router", *user, *ROTATE, check=False)
    assert (r.returncode, r.stderr) == (3, "flowtap: permission denied\n")
    assert "rotation" not in log.text()


# ---- the machine key ----

@contextlib.contextmanager
def replaced(path, text, mode=0o600):
    """Another file in its place; the old one is back afterwards."""
    os.rename(path, path + ".kept")
    try:
        if text is not None:
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, mode), "w") as f:
                f.write(text)
        yield
    finally:
        os.rename(path + ".kept", path)


REFUSALS = {
    "another": ("00" * 32 + "\n", 0o600, "was made with another machine key"),
    "readable": ("00" * 32 + "\n", 0o640, "the machine key can be reached by others than root"),
    "short": ("00" * 31 + "\n", 0o600, "the machine key is not 64 hexadecimal digits"),
    "missing": (None, 0, "the machine key is missing"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_without_its_key_it_does_not_start(rig, what):
    """It says why, changes nothing, and the kernel goes on copying; with the key all is as before."""
    text, mode, said = REFUSALS[what]
    port = rig.port()
    packets = [udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"%d" % i) for i in range(3)]
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as up:
        with rig.session() as s:
            s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
            before = listing(s)
        up(packets[0])
        content.wait(1)
        with replaced(state_path(rig, "machine-key"), text, mode):
            log = Log(rig)
            for pid in rig.processes()["parent"]:
                os.kill(pid, signal.SIGKILL)
            log.wait(said)
            up(packets[1])
            content.wait(2)
            assert not rig.answered()
        lab_command("restart", "--name", rig.name)
        with rig.session() as s:
            assert listing(s) == before
        up(packets[2])
        assert content.wait(3) == packets


def service(rig, do):
    """Tells the lab's process 1 what to do with the daemon."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(os.path.dirname(rig.info["logs"]) + "/ctl")
        s.sendall(json.dumps({"do": do, "service": "flowtapd"}).encode() + b"\n")
        s.makefile().readline()


def rewrap(rig, file):
    r = lab_command("exec", "--name", rig.name, "router", "flowtapd", "--rewrap", file, check=False)
    return r.returncode, r.stdout + r.stderr


def test_another_machine_key(rig):
    """While no daemon runs and the kernel goes on copying; not while one runs; the old key opens nothing afterwards."""
    port, key, new = rig.port(), state_path(rig, "machine-key"), state_path(rig, "machine-key.next")
    packets = [udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"%d" % i) for i in range(2)]
    with open(key) as f:
        old = f.read()
    with open(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as f:
        f.write("5a" * 32 + "\n")
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as up:
        with rig.session() as s:
            s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
            before = listing(s)
        code, said = rewrap(rig, "/var/lib/flowtap/machine-key.next")
        assert code == 1 and "flowtapd is running" in said
        service(rig, "stop")
        until("the daemon's end", lambda: not rig.processes()["parent"])
        try:
            assert rewrap(rig, "/etc/flowtap/flowtap.conf")[0] == 1
            code, said = rewrap(rig, "/var/lib/flowtap/machine-key.next")
            assert (code, said) == (0, "/var/lib/flowtap/state.db needs the key in /var/lib/flowtap/machine-key.next "
                                       "from now on\n")
            code, said = rewrap(rig, "/var/lib/flowtap/machine-key.next")
            assert code == 1 and "state.db is as it was" in said  # the key in place is the old one still
            up(packets[0])
            content.wait(1)
            log = Log(rig)
            service(rig, "start")
            log.wait("was made with another machine key")
        finally:
            os.rename(new, key)
            lab_command("restart", "--name", rig.name)
        with open(key) as f:
            assert f.read() != old
        with rig.session() as s:
            assert listing(s) == before
        up(packets[1])
        assert content.wait(2) == packets


def test_files_show_no_target(rig):
    """What two agencies asked for is in none of the daemon's files; it is in the answer to the one who asked."""
    with rig.session() as one, rig.session("lea2") as two:
        one.add(source_address="198.51.100.77", cdest="marker-of-lea1", to=("203.0.113.55", 7001))
        two.add(source_address="2001:db8:7a9::77", cdest="marker-of-lea2", to=("203.0.113.66", 7002))
        markers = [bytes((198, 51, 100, 77)), bytes((203, 0, 113, 55)), bytes((203, 0, 113, 66)),
                   bytes.fromhex("20010db807a90000"), b"marker-of-lea", b"198.51.100.77", b"2001:db8:7a9"]
        folder = state_path(rig, "")
        files = {os.path.relpath(f"{at}/{name}", folder): open(f"{at}/{name}", "rb").read()
                 for at, _, names in os.walk(folder) for name in names}
        assert {"state.db", "state.db-wal", "state.db-shm", "machine-key"} <= set(files)
        for name, data in files.items():
            for m in markers:
                assert m not in data and m.hex().encode() not in data, f"{m} in {name}"
        assert any(b"lea1" in data for data in files.values())
        assert b"marker-of-lea1" in one.ask("LIST", "Flags: CRITERIA").raw
