# SPDX-License-Identifier: BSD-2-Clause
"""What whoever started the daemon gave it: limits, signals, descriptors.  It is put right, or said."""

import contextlib
import os
import signal
import subprocess

import pytest
from rig import dtcp, lab_command
from test_exhausted import status
from test_full_disk import Tap, copied

LITTLE = {"nofile": 64, "stack": 128 << 10, "fsize": 4096, "cpu": 1, "as": 16 << 20, "data": 1 << 20}
WORDS = {"nofile": "Max open files", "stack": "Max stack size", "fsize": "Max file size", "cpu": "Max cpu time",
         "as": "Max address space", "data": "Max data size"}


def limit(pid, name):
    with open(f"/proc/{pid}/limits") as f:
        line = next(x for x in f if x.startswith(WORDS[name]))
    return line[len(WORDS[name]):].split()[0]


def start(rig, *before, redirect=""):
    """A daemon with the lab's own configuration, besides the one that runs: how far does it come?"""
    argv = ["nsenter", "-t", str(rig.info["init"]), "--mount", "--pid", "--net", "--", *before, "sh", "-c",
            f'exec "$0" -f /etc/flowtap/flowtap.conf {redirect}', rig.lab["bin"] + "/flowtapd"]
    r = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    # What it has said it would not say again, and the next start would wait.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"/proc/{rig.info['init']}/root/run/flowtap/failed-starts")
    return r


def test_daemon_has_what_it_needs_whatever_it_was_given(rig):
    """Its starter's limits would end it without a word: by a signal, or as processes that can't be started."""
    init = str(rig.info["init"])
    with open(f"/proc/{init}/limits") as f:
        before = f.read()
    args = [f"--{name}={LITTLE[name]}:" for name in ("nofile", "stack", "fsize")]
    was = {name: next(x for x in before.splitlines() if x.startswith(w))[len(w):].split()[0] for name, w in WORDS.items()}
    with contextlib.ExitStack() as stack:
        subprocess.run(["prlimit", "--pid", init, *args], check=True)
        stack.callback(subprocess.run, ["prlimit", "--pid", init, *(f"--{n}={v}:" for n, v in was.items())], check=True)
        lab_command("restart", "--name", rig.name)
        port = rig.port()
        content = stack.enter_context(rig.receiver("mediation", port))
        inject = stack.enter_context(rig.injector("subscriber"))
        s = stack.enter_context(rig.session())
        assert s.ask("ADD", *dtcp.add_lines(source_address="198.51.100.77", **rig.destination(port))).code == 200
        taps = [Tap(rig, f"198.51.100.{n}", content, inject) for n in (77, 77)]
        assert copied(*taps)
        for pid in (n for role, pids in rig.processes().items() if role not in ("session", "sshd") for n in pids):
            assert int(limit(pid, "nofile")) >= 1024, pid
            assert int(limit(pid, "stack")) >= 2 << 20, pid
            assert limit(pid, "fsize") == "unlimited", pid
            ignored = int(status(pid, "SigIgn")[0], 16)
            assert ignored >> (signal.SIGXFSZ - 1) & 1 and ignored >> (signal.SIGPIPE - 1) & 1, pid
    lab_command("restart", "--name", rig.name)
    rig.session().close()


@pytest.mark.parametrize("name", ["nofile", "stack", "cpu"])
def test_what_it_may_not_raise_is_named(rig, name):
    r = start(rig, "prlimit", f"--{name}={LITTLE[name]}:{LITTLE[name]}", "setpriv", "--bounding-set=-sys_resource")
    assert r.returncode == 1 and f"Limit{name.upper()} is {LITTLE[name]} " in r.stderr, r


@pytest.mark.parametrize("name", ["fsize", "as", "data"])
def test_what_it_can_do_without_is_said(rig, name):
    """The start goes on, until it meets the daemon that runs."""
    few = 1 << 40
    r = start(rig, "prlimit", f"--{name}={few}:{few}", "setpriv", "--bounding-set=-sys_resource")
    assert r.returncode == 1 and f"Limit{name.upper()} is {few} bytes: beyond it" in r.stderr, r
    assert "running" in r.stderr, r


def test_closed_descriptors_are_no_files_of_ours(rig):
    """What is opened first would be standard error, and be written to by whatever is said later."""
    r = start(rig, redirect="<&- >&- 2>/tmp/said")
    assert r.returncode == 1
    with open(f"/proc/{rig.info['init']}/root/tmp/said") as f:
        assert "running" in f.read()
