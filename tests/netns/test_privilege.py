# SPDX-License-Identifier: BSD-2-Clause
"""Who holds which power: each process's capabilities, flags, user and descriptors against a list."""

import json
import os
import re
import subprocess

import pytest
from rig import lab_command

# role: (user, what its descriptors may be); see docs/threat-model.md
BPF_MAPS, BPF_ANY = r"anon_inode:bpf-map", r"anon_inode:bpf(-map|-prog|_link|-link)"
BPF_LIST = r"anon_inode:bpf[_-](link|iter)"  # iterators, and nothing that they list
BASE = [r"/dev/null", r"anon_inode:\[eventpoll\]", r"anon_inode:\[timerfd\]", r"anon_inode:\[signalfd\]",
        r"anon_inode:\[eventfd\]", r"socket:\[\d+\]", r"pipe:\[\d+\]", r".*/log/flowtapd\.log"]
ROLES = {
    "parent": ("_flowtap", BASE),
    "engine": ("_flowtap", [*BASE, r"/var/lib/flowtap/state\.db(-wal|-shm)?", r"/etc/localtime",
                            r".*/state/state\.db(-wal|-shm)?", r"(/var/lib/flowtap|.*/state)/(checkpoints\.jsonl|clock|rollback|reserve)",
                            r"/run/flowtap/(owed|ended)"]),
    "dataplane": ("_flowtap-dp", [*BASE, BPF_ANY, r"/run/flowtap/flowtapd\.lock", r"/run/flowtap/bpf.*"]),
    "inventory": ("_flowtap-dp", [*BASE, BPF_LIST]),
    "keeper": ("root", [*BASE, r"/etc/flowtap", r".*/etc"]),
    "metrics": ("_flowtap-aux", BASE),
    "canary": ("_flowtap-aux", BASE),
    "names": ("_flowtap-aux", BASE),
    "reader": ("_flowtap-aux", BASE),
    "session": ("lea1", BASE),
}


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def descriptors(pid):
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return found


def uid_of(rig, user):
    return int(rig.router("id", "-u", user))


@pytest.fixture
def running(rig):
    """{role: pid} with a session open."""
    with rig.session() as s:
        assert s.ask("NOOP").code == 200
        yield {role: rig.processes()[role][0] for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
def test_confinement(rig, running, role):
    st = status(running[role])
    assert set(st["Uid"].split()) == {str(uid_of(rig, ROLES[role][0]))}
    for kind in "CapInh", "CapPrm", "CapEff", "CapAmb":
        assert int(st[kind], 16) == 0, f"{kind} {st[kind]}"
    assert (st["NoNewPrivs"], st["Seccomp"]) == ("1", "2")
    with open(f"/proc/{running[role]}/limits") as f:
        core = next(line for line in f if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    assert os.stat(f"/proc/{running[role]}/fd").st_uid == 0, "not dumpable: its files in /proc are root's"


@pytest.mark.parametrize("role", ROLES)
def test_descriptors(running, role):
    allowed = [re.compile(x) for x in ROLES[role][1]]
    strange = {fd: x for fd, x in descriptors(running[role]).items() if not any(a.fullmatch(x) for a in allowed)}
    assert not strange


def test_bpf_descriptors_are_the_dataplanes_and_the_inventorys_alone(running):
    for role, pid in running.items():
        has = [x for x in descriptors(pid).values() if "bpf" in x]
        assert bool(has) == (role in ("dataplane", "inventory")), f"{role}: {has}"


def test_files(rig, running):
    """State is the daemon's alone; an agency's user can reach the DTCP socket and nothing else."""
    root = f"/proc/{rig.info['init']}/root"
    st = os.stat(root + "/var/lib/flowtap")
    assert (st.st_mode & 0o777, st.st_uid) == (0o770, uid_of(rig, "_flowtap"))
    for name in os.listdir(root + "/var/lib/flowtap"):
        assert os.stat(f"{root}/var/lib/flowtap/{name}").st_mode & 0o077 == 0, name
    for name in os.listdir(root + "/var/lib/flowtap/rollback"):
        st = os.stat(f"{root}/var/lib/flowtap/rollback/{name}")
        assert (st.st_mode & 0o777, st.st_uid) == (0o600, uid_of(rig, "_flowtap")), name
    key = os.stat(root + "/var/lib/flowtap/machine-key")
    assert (key.st_mode & 0o7777, key.st_uid) == (0o600, 0), "root's alone: the engine has it from a pipe"
    assert os.stat(root + "/run/flowtap/bpf").st_mode & 0o007 == 0


def test_figures_are_for_the_entitled(rig):
    """Asking is not permitted to everybody, and harms nobody."""
    starts = rig.services()["flowtapd"]["starts"]
    argv = ["nsenter", "-t", str(rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv", "--reuid=65534",
            "--regid=65534", "--clear-groups", rig.lab["bin"] + "/flowtap", "show", "services", "flow-tap"]
    for _ in range(3):
        r = subprocess.run(argv, capture_output=True, text=True, timeout=10)
        assert "entitled" in r.stdout and "copies" not in r.stdout, r
    assert rig.services()["flowtapd"]["starts"] == starts and rig.show()["copies"] is not None
    assert rig.answered()
@pytest.mark.parametrize("user, group, figures", [("lea1", "lea1", False), ("lea1", "_flowtap", True)])
def test_who_asks_for_figures(rig, user, group, figures):
    """Anybody may ask for the state; figures are for root and the daemon's group.  Nobody's question ends the daemon."""
    engine = rig.processes()["engine"]
    r = lab_command("exec", "--name", rig.name, "router", "setpriv", f"--reuid={user}", f"--regid={group}",
                    "--clear-groups", "flowtap", "-j", "show", "services", "flow-tap")
    state = json.loads(r.stdout)
    assert state["state"] == "running"
    assert ("copies" in state, "agencies" in state) == (figures, figures)
    assert rig.processes()["engine"] == engine
