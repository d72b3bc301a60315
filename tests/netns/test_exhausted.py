# SPDX-License-Identifier: BSD-2-Clause
"""No descriptor and no memory left in the engine: what ends taps works, what is new is refused, and all recovers."""

import contextlib
import os
import re
import subprocess

import pytest
from rig import dtcp, lab_command, until
from test_audit import flowtap
from test_commit import Conf
from test_full_disk import Tap, ask_gone, copied, raised
from test_warrant import BOB, officer, order


def status(pid, name):
    with open(f"/proc/{pid}/status") as f:
        return next(x for x in f if x.startswith(name + ":")).split()[1:]


class Limit:
    """A soft limit of a running process, set as its own user, who may."""

    def __init__(self, pid, name):
        self.pid, self.name = pid, name

    def set(self, soft):
        who = ["--reuid", status(self.pid, "Uid")[0], "--regid", status(self.pid, "Gid")[0], "--clear-groups"]
        subprocess.run(["setpriv", *who, "prlimit", "--pid", str(self.pid), f"--{self.name}={soft}:"], check=True)

    def lift(self):
        with open(f"/proc/{self.pid}/limits") as f:
            words = {"nofile": "Max open files", "as": "Max address space", "data": "Max data size"}
            line = next(x for x in f if x.startswith(words[self.name]))
        self.set(line[len(words[self.name]):].split()[1])


class Taps:
    """Some taps of lea1: two plain ones, one of a warrant, one that stays; and one of lea2."""
    made = 0

    def __init__(self, rig, stack, reference):
        self.rig, self.reference, port = rig, reference, rig.port()
        content = stack.enter_context(rig.receiver("mediation", port))
        inject = stack.enter_context(rig.injector("subscriber"))
        order(rig, reference)
        self.s, self.s2 = stack.enter_context(rig.session()), stack.enter_context(rig.session("lea2"))
        self.port, self.tap, self.id = port, {}, {}
        for i, name in enumerate(("first", "second", "warrant", "lea2", "stays")):
            t = Tap(rig, f"198.51.100.{201 + i}", content, inject)
            more = ("X-Warrant-Id: " + reference,) if name == "warrant" else ()
            lines = dtcp.add_lines(source_address=t.host, **rig.destination(port))
            reply = (self.s2 if name == "lea2" else self.s).ask("ADD", *lines, *more)
            assert reply.code == 200, reply
            self.tap[name], self.id[name] = t, reply.get("CRITERIA-ID")

    def is_copied(self, name):
        return copied(self.tap[name], self.tap["stays"])

    def add(self):
        return self.s.ask("ADD", *dtcp.add_lines(source_address="198.51.100.9", **self.rig.destination(self.port)))

    def end_each(self):
        """By a DELETE, by its warrant's end, and with its agency."""
        assert self.is_copied("first") and self.is_copied("warrant") and self.is_copied("lea2")
        assert ask_gone(self.s, self.id["first"]) == 200
        assert not self.is_copied("first")
        officer(self.rig, BOB, "revoke", "lea1", self.reference)
        until("the warrant's end", lambda: not self.is_copied("warrant"), 2)
        conf = Conf(self.rig)
        conf.commit(re.sub(r"(?m)^( *)agency lea2 \{(.|\n)*?^\1\}\n", "", conf.active()["text"]))
        until("the agency's end", lambda: not self.is_copied("lea2"), 2)
        assert self.is_copied("second")


@pytest.fixture
def emptied(rig):
    yield
    until("lea2", lambda: rig.answered("lea2"))
    rig.forget_all()


@pytest.fixture
def taps(rig, emptied, config):
    Taps.made += 1
    with contextlib.ExitStack() as stack:
        taps = Taps(rig, stack, f"X-{Taps.made}")
        yield taps
    # Whatever became of the test: a warrant in force would let other tests' requests through.
    officer(rig, BOB, "revoke", "lea1", taps.reference, check=False)


def test_no_descriptor_left(rig, taps):
    engine = rig.processes()["engine"][0]
    limit = Limit(engine, "nofile")
    with contextlib.ExitStack() as stack:
        limit.set(len(os.listdir(f"/proc/{engine}/fd")) + 3)
        stack.callback(limit.lift)
        with pytest.raises(dtcp.Silence):
            for _ in range(8):
                s = stack.enter_context(rig.session())
                assert s.ask("NOOP").code == 200
        until("the alarm", lambda: raised(rig, "out-of-resources"), 10)
        taps.end_each()
        limit.lift()
        until("a session", rig.answered, 10)
    assert taps.add().code == 200
    assert rig.processes()["engine"] == [engine]


@pytest.fixture
def fresh(rig):
    """A daemon that has no memory of former tests' to take from: some thousands of criteria would fit into it."""
    lab_command("restart", "--name", rig.name)


def test_no_memory_left(rig, fresh, taps):
    """As far as a limit of the address space goes: nothing more than the process has."""
    engine = rig.processes()["engine"][0]
    limit = Limit(engine, "as")
    try:
        limit.set(int(status(engine, "VmSize")[0]) * 1024)
        codes = set()
        # Many small pieces of memory, which do not come back, and large ones, which then do not fit.  The small ones
        # name hosts of their own: too many for one would slow the router.
        def request(host, notes):
            lines = dtcp.add_lines(source_address=f"198.19.{host // 250}.{host % 250 + 1}", **rig.destination(taps.port))
            return dtcp.request("ADD", "lea1", 1, *lines, *(f"X-Note-{i}: " + "y" * 900 for i in range(notes)))

        for hundred in range(40):
            hosts = range(104 * hundred, 104 * (hundred + 1))
            taps.s.send(b"".join(request(host, 60 if host in hosts[100:] else 0) for host in hosts))
            for _ in range(104):
                reply = taps.s.receive()
                codes.add((reply.code, reply.get("X-REASON")))
            if (500, "the router has no memory") in codes:
                break
        assert (500, "the router has no memory") in codes, codes
        until("the alarm", lambda: raised(rig, "out-of-resources"), 10)
        reply = taps.add()
        assert (reply.code, reply.get("X-REASON")) == (500, "the router has no memory")
        taps.end_each()
        with rig.session() as s:
            assert ask_gone(s, taps.id["second"]) == 200
        assert not taps.is_copied("second")
    finally:
        limit.lift()
    until("an ADD", lambda: taps.add().code == 200, 10)
    assert rig.processes()["engine"] == [engine]
