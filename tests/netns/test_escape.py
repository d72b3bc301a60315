# SPDX-License-Identifier: BSD-2-Clause
"""What a process of ours could do if an attacker ran his code in it: tests/escape.c confines itself by the code that
the process itself uses, and tries."""

import os
import subprocess
import tempfile

import pytest
from rig import BIN, until

ROLES = "parent", "engine", "dataplane", "keeper", "session", "collector", "metrics", "canary", "reader"
NOBODY = 65534
FILES = ("read a file outside", "write a file outside", "make a file outside", "read the passwords",
         "remove a file outside")
# Opening files is permitted, of its own folders; landlock refuses the rest.  Everything else is death.
BY_LANDLOCK = {"parent": FILES[:4], "engine": FILES, "dataplane": FILES, "keeper": FILES, "session": (),
               "collector": FILES, "metrics": (), "canary": (), "reader": ()}
ATTEMPTS = 26


def escape(role):
    """{attempt: outcome}"""
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o777)
        os.mkdir(top + "/own")
        os.chmod(top + "/own", 0o777)
        r = subprocess.run([BIN + "/tests/escape", role, top + "/own", str(NOBODY)], capture_output=True, text=True,
                           timeout=30)
    assert r.returncode == 0, r.stderr
    return dict(line.split(": ") for line in r.stdout.splitlines())


@pytest.mark.parametrize("role", ROLES)
def test_no_way_out(role):
    got = escape(role)
    assert len(got) == ATTEMPTS
    expected = {what: "EACCES" if what in BY_LANDLOCK[role] else "killed" for what in got}
    assert got == expected


def test_unconfined_all_of_it_works():
    """The positive control: nothing but the confinement is in the way."""
    got = escape("none")
    assert len(got) == ATTEMPTS and set(got.values()) == {"done"}, got


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def confined(pid):
    st = status(pid)
    return (st["NoNewPrivs"], st["Seccomp"]) == ("1", "2") and all(
        int(st[x], 16) == 0 for x in ("CapInh", "CapPrm", "CapEff", "CapAmb"))


def test_living_processes_are_confined(rig):
    """Every one there is, with a session open; see test_privilege.py for each role's descriptors."""
    with rig.session() as s:
        assert s.ask("NOOP").code == 200
        found = rig.processes()
        living = [role for role in ROLES if role != "collector"]
        assert all(found[role] for role in living)
        for role in living:
            for pid in found[role]:
                assert confined(pid), role
    assert not confined("self")


def test_living_collector_is_confined(rig):
    argv = ["flowtap-collect", "-n", "-q", "-p", str(rig.port()), "-u", "nobody"]
    argv[0] = rig.lab["bin"] + "/flowtap-collect"
    p = rig.inside("mediation", subprocess.Popen, argv, stdout=subprocess.DEVNULL)
    try:
        until("confined", lambda: p.poll() is not None or confined(p.pid))
        assert p.poll() is None and set(status(p.pid)["Uid"].split()) == {str(NOBODY)}
        assert status(p.pid)["Groups"].strip() == "" and os.stat(f"/proc/{p.pid}/fd").st_uid == 0
    finally:
        p.terminate()
        p.wait(10)
