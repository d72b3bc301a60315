# SPDX-License-Identifier: BSD-2-Clause
"""Death, restart and reload while packets flow: no packet lost, no copy lost or doubled."""

import contextlib
import ctypes
import os
import re
import signal
import threading

import pytest
from rig import difference, lab_ask, lab_command, udp_packet, until

RATE_PAUSE = 0.0005  # seconds between packets of the steady stream


class Stream(threading.Thread):
    """A steady stream of different packets from the subscriber to the internet, until stopped."""

    def __init__(self, rig, port):
        super().__init__(daemon=True)
        self.rig, self.port, self.sent, self.stop = rig, port, 0, threading.Event()

    def packet(self, i):
        return udp_packet(self.rig.addr("subscriber"), self.rig.addr("internet"), 1, self.port, b"%08d" % i)

    def run(self):
        with self.rig.injector("subscriber") as inject:
            while not self.stop.wait(RATE_PAUSE):
                inject(self.packet(self.sent))
                self.sent += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()

    def more(self, count):
        """Waits for so many further packets."""
        goal = self.sent + count
        until(f"{count} more packets", lambda: self.sent >= goal, 30)


def listing(session):
    """LIST without what depends on when it is asked."""
    reply = session.ask("LIST", "Flags: CRITERIA")
    return re.sub(rb"(?m)^(SEQ|TIMESTAMP|AUTHENTICATION-INFO): .*$", b"", reply.raw)


def exact_under(rig, disturb, criteria=20):
    """Runs the stream, disturbs in its midst, and demands every packet forwarded and copied once."""
    content_port, port = rig.port(), rig.port()
    with rig.session() as s:
        s.add(source_address=rig.addr("subscriber"), dest_port=str(port), protocol="17",
              **rig.destination(content_port))
        for i in range(criteria):
            s.add(source_address=f"198.51.100.{100 + i}", dest_port=str(port), protocol="17",
                  **rig.destination(content_port))
        before = listing(s)
    with rig.receiver("internet", port) as forwarded, rig.receiver("mediation", content_port) as content:
        with Stream(rig, port) as stream:
            stream.more(300)
            disturb()
            stream.more(300)
        forwarded.wait(stream.sent)
        content.wait(stream.sent)
    assert not difference([b"%08d" % i for i in range(stream.sent)], forwarded.got)
    assert not difference([stream.packet(i) for i in range(stream.sent)], content.got)
    with rig.session() as s:
        assert listing(s) == before
        assert s.add(source_address="198.51.100.250", **rig.destination(content_port)) == criteria_max(before) + 1
    due, sent, losses = rig.account_closed()
    return stream.sent


def criteria_max(listed):
    return max(map(int, re.findall(rb"(?m)^CRITERIA-ID: (\d+)", listed)))


def engines(rig):
    return set(rig.processes()["engine"])


def restarted(rig, old):
    """Another engine answers, and no longer the one that is about to follow its killed parent."""
    until("another engine", lambda: (now := engines(rig)) and not now & old, 20)
    until("answers", rig.answered, 20)


@pytest.mark.parametrize("role", ["parent", "engine", "dataplane"])
def test_kill_during_traffic(rig, role):
    """kill -9: the kernel goes on copying, the next daemon takes over."""
    def kill():
        old = engines(rig)
        pid, = rig.processes()[role]
        os.kill(pid, signal.SIGKILL)
        restarted(rig, old)
    exact_under(rig, kill)


def test_kill_all_at_once(rig):
    def kill():
        old, p = engines(rig), rig.processes()
        for role in "engine", "dataplane", "parent":
            for pid in p[role]:
                with contextlib.suppress(ProcessLookupError):  # it went with the one before
                    os.kill(pid, signal.SIGKILL)
        restarted(rig, old)
    exact_under(rig, kill)


def test_kill_again_and_again(rig):
    """Also while the next one is starting."""
    def kill():
        for pause in 0.0, 0.01, 0.03, 0.1, 0.2:
            pids = until("a process", lambda: rig.processes()["parent"], 20)
            threading.Event().wait(pause)  # how far it has come is what varies here
            old = engines(rig)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        restarted(rig, old)
    exact_under(rig, kill)


def test_kill_session_and_sshd(rig):
    """They are no part of the copying: nothing changes but that the client has to connect anew."""
    def kill():
        with rig.session() as s:
            assert s.ask("NOOP").code == 200
            p = rig.processes()
            for pid in p["session"] + p["sshd"]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        until("answers", rig.answered, 20)
    exact_under(rig, kill)


def test_orderly_restart(rig):
    exact_under(rig, lambda: lab_command("restart", "--name", rig.name))


def test_kill_while_adding(rig):
    """What was answered with 200 is there after kill -9; what was not may or may not be."""
    confirmed = []
    with rig.session() as s:
        engine, = rig.processes()["engine"]

        def kill():
            until("some criteria", lambda: len(confirmed) >= 50)
            os.kill(engine, signal.SIGKILL)
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            while len(confirmed) < 20000:
                confirmed.append(s.add(source_address=f"10.{len(confirmed) >> 8 & 255}.{len(confirmed) & 255}.1"))
        except Exception:  # the session ended, or answered 500, or nothing: as the moment had it
            pass
        killer.join()
    restarted(rig, {engine})
    with rig.session() as s:
        there = {int(e["CRITERIA-ID"]) for e in s.ask("LIST", "Flags: CRITERIA", timeout=30).entries()}
    assert confirmed and len(confirmed) < 20000
    assert set(confirmed) <= there and len(there) <= len(confirmed) + 1


def test_ids_are_not_used_again(rig):
    with rig.session() as s:
        first = s.add(source_address="198.51.100.1")
        assert s.ask("DELETE", f"Criteria-ID: {first}", "Flags: STATIC").code == 200
    lab_command("restart", "--name", rig.name)
    with rig.session() as s:
        assert s.add(source_address="198.51.100.1") > first


# ---- configuration ----

def tapped(rig):
    return {i["name"] for i in rig.show()["interfaces"] if i["tapped"]}


def test_reload_changes_interfaces(rig, config):
    port, from_net = rig.port(), rig.port()
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as up, \
            rig.injector("internet") as down:
        s.add(protocol="17", dest_port=str(from_net), **rig.destination(port))
        one = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, from_net, b"one")
        two = udp_packet(rig.addr("internet"), rig.addr("subscriber"), 1, from_net, b"two")
        assert {"sub0", "inet0"} <= tapped(rig)
        config(lambda text: text.replace("tapped-interfaces all;", "tapped-interfaces inet0;"))
        assert tapped(rig) == {"inet0"}
        up(one), down(two)
        assert content.wait(1) == [two]
        config(lambda text: text)
        up(one)
        assert content.wait(2) == [two, one]


def test_news_of_interfaces_during_a_reload(rig, config):
    """What a change is about to tap is not given up because its interface is looked at meanwhile."""
    stop, at = threading.Event(), os.path.getsize(rig.info["logs"] + "/flowtapd.log")
    batch = "".join(f"link set dev sub0 alias n{i % 2}\n" for i in range(1000))

    def news():
        while not stop.is_set():
            rig.run("router", "ip", "-batch", "-", text=batch)
    t = threading.Thread(target=news)
    t.start()
    try:
        for _ in range(10):
            config(lambda text: text.replace("tapped-interfaces all;", "tapped-interfaces inet0;"))
            assert tapped(rig) == {"inet0"}
            config(lambda text: text)
            assert {"sub0", "inet0"} <= tapped(rig)
    finally:
        stop.set()
        t.join()
        rig.run("router", "ip", "link", "set", "dev", "sub0", "alias", "")
    with open(rig.info["logs"] + "/flowtapd.log") as f:
        f.seek(at)
        said = f.read()
    assert [said.count(f"interface sub0: {x}\n") for x in ("tapped", "no longer tapped")] == [10, 10], said


def test_reload_of_nonsense_changes_nothing(rig, config):
    port = rig.port()
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as up:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        config(lambda text: text.replace("tapped-interfaces all;", "tapped-interfaces inet0; nonsense 1;"),
               expect="nonsense")
        config(lambda text: text.replace("agency lea2 {", "agency nosuchuser {"), expect="configuration not applied")
        packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"still")
        up(packet)
        assert content.wait(1) == [packet]
        assert s.ask("NOOP").code == 200 and rig.answered("lea2")


def test_reload_takes_an_agency_out(rig, config):
    """Its sessions end, its criteria stop copying; they are back when it is."""
    port = rig.port()
    with rig.session("lea2") as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as up:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        packets = [udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"%d" % i) for i in range(3)]
        up(packets[0])
        content.wait(1)
        config(lambda text: re.sub(r"agency lea2 .*", "", text))
        up(packets[1])
        assert not rig.answered("lea2") and rig.answered("lea1")
        config(lambda text: text)
        until("lea2 is back", lambda: rig.answered("lea2"))
        up(packets[2])
        content.wait(2)
        assert content.got == [packets[0], packets[2]]


libc = ctypes.CDLL(None, use_errno=True)
PTRACE_CONT, PTRACE_SEIZE, WALL = 7, 0x4206, 0x40000000


def test_what_is_in_a_sockets_place_is_named(rig):
    at, path = os.path.getsize(rig.info["logs"] + "/flowtapd.log"), f"/proc/{rig.info['init']}/root/run/flowtap/dtcp.sock"

    def said():
        with open(rig.info["logs"] + "/flowtapd.log") as f:
            f.seek(at)
            return f.read()
    lab_command("stop", "--name", rig.name)
    os.unlink(path)
    os.mkdir(path)
    try:
        lab_ask(rig, "start")
        until("it is named", lambda: "/run/flowtap/dtcp.sock: no socket can be made there: Is a directory" in said())
    finally:
        lab_command("stop", "--name", rig.name)
        os.rmdir(path)
        lab_command("start", "--name", rig.name)
    assert rig.answered()


def test_who_crashed_is_named_though_others_end_first(rig):
    """A debugger keeps the engine's end from its parent until the dataplane, which misses the engine, has ended."""
    found, starts = rig.processes(), rig.services()["flowtapd"]["starts"]
    engine, dataplane = found["engine"][0], found["dataplane"][0]

    def said():
        with open(rig.info["logs"] + "/flowtapd.log", errors="replace") as f:
            return f.read().count("engine: ended by signal 11 (SIGSEGV)")

    def dataplane_ended():
        try:
            with open(f"/proc/{dataplane}/stat") as f:
                return f.read().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    before = said()
    assert libc.ptrace(PTRACE_SEIZE, engine, None, None) == 0, os.strerror(ctypes.get_errno())
    os.kill(engine, signal.SIGSEGV)
    assert os.waitpid(engine, WALL)[0] == engine
    assert libc.ptrace(PTRACE_CONT, engine, None, ctypes.c_void_p(signal.SIGSEGV)) == 0
    rig.faults_caused += 1
    until("end of the dataplane", dataplane_ended)
    assert os.waitpid(engine, WALL) == (engine, signal.SIGSEGV)
    until("restart", lambda: rig.services()["flowtapd"]["starts"] > starts, 20)
    assert said() == before + 1
    until("answers", rig.answered, 20)
