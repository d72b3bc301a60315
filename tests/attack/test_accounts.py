# SPDX-License-Identifier: BSD-2-Clause
"""What a taken accounts process can do: it is root's user number, so its system calls are what it has left."""

import os
import subprocess
import tempfile

from rig import BIN, until

# What the system's tools need, and what is not of the process's folders.
EXPECTED = {"read the passwords": "done", "exec": "done", "fork": "done", "executable memory": "done",
            "memory made executable": "done", "be dumpable again": "done", "read a file outside": "EACCES",
            "write a file outside": "EACCES", "make a file outside": "EACCES", "remove a file outside": "EACCES"}
BY_SCOPE = "signal another", "signal another's thread"  # landlock's sixth version, Linux 6.12


def test_no_way_out_of_the_accounts():
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(top + "/own")
        r = subprocess.run([BIN + "/tests/escape", "accounts", top + "/own", "0"], capture_output=True, text=True,
                           timeout=30)
    assert r.returncode == 0, r.stderr
    got = dict(line.split(": ") for line in r.stdout.splitlines())
    scope = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 12)
    expected = {what: EXPECTED.get(what, "ENOSYS") for what in got}
    expected |= {what: "EPERM" if scope else "done" for what in BY_SCOPE}
    assert len(got) == 26 and got == expected


def test_the_living_one_is_confined(rig):
    until("it runs", lambda: rig.processes()["accounts"])
    for pid in rig.processes()["accounts"]:
        with open(f"/proc/{pid}/status") as f:
            st = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        assert (st["NoNewPrivs"], st["Seccomp"]) == ("1", "2")
        assert all(int(st[x], 16) == 0 for x in ("CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd")), st
