# SPDX-License-Identifier: BSD-2-Clause
"""Another program holds the database's lock, as a person with sqlite3 may: what ends taps works at once, what begins
them is refused with the reason, nobody waits long, and all is written when the lock is gone."""

import contextlib
import sqlite3
import time

from rig import dtcp, lab_command, until
from test_full_disk import Tap, ask_gone, copied, prove, raised, record, state


@contextlib.contextmanager
def locked(rig):
    with contextlib.closing(sqlite3.connect(f"{rig.info['dir']}/state/state.db", isolation_level=None, timeout=30)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def test_taps_end_while_the_database_is_locked(rig, tmp_path):
    port = rig.port()
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        taps = [Tap(rig, f"198.51.100.{i}", content, inject) for i in range(101, 105)]
        with rig.session() as s, rig.session("lea2") as other:
            ids = [s.add(source_address=t.host, **rig.destination(port)) for t in taps]
            starts = rig.services()["flowtapd"]["starts"]
            with locked(rig):
                begin = time.monotonic()
                assert ask_gone(s, ids[0]) == 200
                assert other.ask("NOOP").code == 200
                assert time.monotonic() - begin < 8, "they wait for the lock"
                assert not copied(taps[0], taps[3]) and copied(taps[1], taps[3])
                until("the alarm", lambda: raised(rig, "disk-full"), 10)
                assert state(rig)["disk"]["state"] == "locked"
                reply = other.ask("ADD", *dtcp.add_lines(source_address="198.51.100.9", **rig.destination(port)))
                assert (reply.code, reply.get("X-REASON")) == (500, "the router's database is locked by another program")
                assert ask_gone(s, ids[0]) == 431, "it is gone for whoever asks again"
                lab_command("exec", "--name", rig.name, "router", "flowtap", "show", "services", "flow-tap")
            until("the end of the alarm", lambda: not raised(rig, "disk-full"), 15)
            until("what is owed", lambda: state(rig)["disk"]["lines-owed"] == 0, 15)
            assert [x["CRITERIA-ID"] for x in s.ask("LIST").entries()] == [str(x) for x in ids[1:]]
        assert rig.services()["flowtapd"]["starts"] == starts
    assert [x["ids"] for x in record(rig) if x["kind"] == "delete" and "ids" in x][-1] == str(ids[0])
    prove(rig, tmp_path)


def test_a_start_while_it_is_locked(rig):
    """Taps go on, what was deleted stays so, and the daemon comes up, or says what keeps it and comes up afterwards."""
    port = rig.port()
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        one, two = (Tap(rig, f"198.51.100.{i}", content, inject) for i in (111, 112))
        with rig.session() as s:
            ids = [s.add(source_address=t.host, **rig.destination(port)) for t in (one, two)]
            with locked(rig):
                assert ask_gone(s, ids[0]) == 200
                lab_command("stop", "--name", rig.name)
                lab_command("start", "--name", rig.name, check=False)
                assert not copied(one, two)
        until("answers", rig.answered, 60)
        with rig.session() as s:
            until("what is owed", lambda: state(rig)["disk"]["lines-owed"] == 0, 30)
            assert [x["CRITERIA-ID"] for x in s.ask("LIST").entries()] == [str(ids[1])]
            assert not copied(one, two)
    with open(rig.info["logs"] + "/flowtapd.log") as f:
        assert "locked by another program" in f.read()
