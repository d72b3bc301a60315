# SPDX-License-Identifier: BSD-2-Clause
"""Who is a target is seen by nobody who is not entitled, and is nowhere once it was deleted."""

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import tempfile

import pytest
from marker import SECRET, Marker, kernel_maps, memory, places, seen_with_tools, state_files
from rig import until

NOBODY = 65534
ROLES = "parent", "engine", "dataplane", "session", "reader", "reading"
PTRACE_SEIZE, EPERM = 0x4206, 1


class Targets:
    """Two addresses that exist nowhere else, installed as criteria of every kind; .session stays open."""

    def __init__(self, rig):
        self.rig, self.init = rig, rig.info["init"]
        self.session = rig.session()
        self.marks = [self.marker(), Marker(6)]
        self.to = rig.destination(rig.port())
        for m in self.marks:
            for what in ({"source_address": str(m)}, {"dest_address": str(m), "protocol": "17", "dest_port": "53"},
                         {"source_address": f"{m},{m.addr + 2}-{m.addr + 5}"}):
                self.session.add(**what, **self.to)
        assert len(self.session.ask("LIST", "Flags: BOTH").entries()) == 6
        # Sessions, refusals and answers of other kinds pass through other buffers.
        assert self.session.ask("ADD", "Cdest-ID: x", f"Source-Address: {self.marks[0]}/99").code != 200

    def marker(self):
        """An IPv4 address that is nowhere yet: four bytes of megabytes of ciphertext are one's by chance too often."""
        found = self.rig.processes()
        here = [*state_files(self.init), *(x for role in ("engine", "dataplane") for x in memory(found[role][0]))]
        while places(here, [mark := Marker(4)], tight=True):
            pass
        return mark

    def pids(self):
        found = self.rig.processes()
        return {role: found[role][0] for role in ROLES}

    def in_memory(self, role):
        return [x for pid in self.rig.processes()[role] for x in places(memory(pid), self.marks, tight=True)]

    def in_maps(self):
        return places(kernel_maps(self.init), self.marks, tight=True)

    def in_files(self):
        return places(state_files(self.init), self.marks)

    def seen(self, uid=None, without=()):
        return places(seen_with_tools(self.init, uid, self.rig.lab["bin"], without), self.marks)


def nowhere(what, look):
    """Waits until look() finds nothing; says where it still did."""
    found = []

    def clean():
        found[:] = look()
        return not found

    try:
        until(what, clean, 10)
    except AssertionError as e:
        raise AssertionError(f"{e}: {found}") from None


@pytest.fixture
def targets(rig):
    t = Targets(rig)
    yield t
    t.session.close()


def test_search_finds_what_is_there(targets):
    """The positive control: where targets have to be, the search sees them."""
    assert targets.in_maps() and not targets.in_files(), "the files hold them sealed"
    # The dataplane keeps what it needs; the engine has forgotten what it has handed on.
    assert targets.in_memory("dataplane")
    assert not targets.in_memory("parent")
    # A session forgets at once what it has handed on: only half a request is still there.
    targets.session.send(f"ADD DTCP/0.7\r\nCsource-ID: lea1\r\nSource-Address: {targets.marks[0]}\r\n".encode())
    until("half a request", lambda: targets.in_memory("session"))
    with open(f"/proc/{targets.init}/root/run/flowtap/bpf/maps/ft_term4", "rb") as f:
        assert places([("cat", f.read())], targets.marks), "the threat model says what root's cat shows"
    for m in targets.marks:
        for form in m.forms().values():
            assert places([("x", b"some " + form + b" more")], [m])


def test_ordinary_user_sees_no_target(targets):
    assert not targets.seen(NOBODY)


def test_roots_ordinary_tools_show_no_target(rig, targets):
    """All but what the threat model names: the pinned tables and the state's files."""
    assert not targets.seen(without=[*SECRET, rig.info["dir"] + "/state"])


def test_reading_tools_did_run(rig, targets):
    """What the two tests above looked at was really there."""
    seen = dict(seen_with_tools(targets.init, None, rig.lab["bin"], SECRET))
    for tool in "ps auxwwe", "ip -d -s addr", "tc -s -d qdisc", "ss -anpe", "flowtap -j show services flow-tap":
        assert len(seen[tool]) > 60, tool
    assert b"flowtapd" in seen["ps auxwwe"] and b"ftap0" in seen["ip -d -s link"]
    pid = next(p for p in seen if p.endswith("/cmdline") and b"engine" in seen[p]).split("/")[2]
    for name in "environ", "status", "maps", "limits":
        assert f"/proc/{pid}/{name}" in seen or name == "environ"
    assert any(p.endswith("/log/flowtapd.log") for p in seen)
    without = dict(seen_with_tools(targets.init, NOBODY, rig.lab["bin"]))
    assert b"flowtapd" in without["ps auxwwe"] and f"/proc/{pid}/maps" not in without


def as_user(uid, call):
    """What call returns in a process of that user."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.write(w, str(call()).encode())
        finally:
            os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        text = f.read()
    os.waitpid(pid, 0)
    return int(text)


def seize(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    return 0 if libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0 else ctypes.get_errno()


def seize_own_child():
    child = subprocess.Popen(["sleep", "60"])
    try:
        until("exec", lambda: open(f"/proc/{child.pid}/comm").read() == "sleep\n")
        return seize(child.pid)
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("role", ROLES)
def test_not_traceable(targets, role):
    """Neither by others nor by the process's own user, who could be another of his processes."""
    pid = targets.pids()[role]
    own = int(next(x for x in open(f"/proc/{pid}/status") if x.startswith("Uid:")).split()[1])
    assert as_user(own, lambda: seize(pid)) == EPERM
    assert as_user(NOBODY, lambda: seize(pid)) == EPERM
    assert as_user(NOBODY, seize_own_child) == 0, "it can be done to others"


@pytest.mark.parametrize("role", ROLES)
def test_strace_is_refused(targets, role):
    if not shutil.which("strace"):
        pytest.skip("no strace on this machine; test_not_traceable makes the same call")
    r = subprocess.run(["strace", "-p", str(targets.pids()[role])], user=NOBODY, group=NOBODY, capture_output=True,
                       text=True, timeout=10)
    assert r.returncode != 0 and "Operation not permitted" in r.stderr


@pytest.fixture
def cores():
    """A folder that the kernel puts cores of everybody in."""
    with open("/proc/sys/kernel/core_pattern") as f:
        before = f.read()
    folder = tempfile.mkdtemp(prefix="cores", dir="/dev/shm")
    os.chmod(folder, 0o1777)

    def pattern(text):
        with open("/proc/sys/kernel/core_pattern", "w") as f:
            f.write(text)

    try:
        pattern(folder + "/core.%p")
        yield folder
    finally:
        pattern(before)
        shutil.rmtree(folder)


def crash(pid):
    """Dies of SIGSEGV although root allowed it a core of any size."""
    try:
        resource.prlimit(pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (PermissionError, ValueError):
        pass  # a root without CAP_SYS_RESOURCE
    os.kill(pid, signal.SIGSEGV)


@pytest.mark.parametrize("role", ["parent", "engine", "dataplane", "session"])
def test_no_core(rig, targets, cores, role):
    victim = subprocess.Popen(["nsenter", "-t", str(targets.init), "--mount", "--", "sh", "-c",
                               "ulimit -c unlimited; exec sleep 60"])
    until("limit lifted", lambda: "unlimited" in next(
        x for x in open(f"/proc/{victim.pid}/limits") if x.startswith("Max core")) and
        open(f"/proc/{victim.pid}/comm").read() == "sleep\n")
    crash(victim.pid)
    victim.wait()
    assert os.listdir(cores) == [f"core.{victim.pid}"], "an ordinary process leaves a core"
    os.unlink(f"{cores}/core.{victim.pid}")

    starts, pid = rig.services()["flowtapd"]["starts"], targets.pids()[role]
    limits = open(f"/proc/{pid}/limits").read()
    assert next(x for x in limits.splitlines() if x.startswith("Max core")).split()[4:6] == ["0", "0"]
    crash(pid)
    rig.faults_caused += role != "session"
    until("its end", lambda: not os.path.exists(f"/proc/{pid}"))
    if role != "session":
        until("restart", lambda: rig.services()["flowtapd"]["starts"] > starts, 20)
        until("answers", rig.answered, 20)
    assert os.listdir(cores) == []


def test_deleted_target_is_nowhere(rig, targets):
    """Neither in the memory of our processes, those that go on living, nor in the kernel's tables, nor in the files."""
    other = targets.session.add(source_address="198.51.100.77", **targets.to)
    assert targets.session.ask("DELETE", f"Criteria-ID: 1-{other - 1}", "Flags: STATIC").code == 200
    nowhere("files without it", targets.in_files)
    nowhere("maps without it", targets.in_maps)
    for role in "engine", "dataplane", "session", "reader", "reading":
        nowhere(f"{role} without it", lambda role=role: targets.in_memory(role))
    assert len(targets.session.ask("LIST", "Flags: BOTH").entries()) == 1


def test_target_of_a_restarted_daemon_is_nowhere_after_delete(rig, targets):
    """What the next daemon read from the store and from the kernel goes as well."""
    starts = rig.services()["flowtapd"]["starts"]
    os.kill(targets.pids()["engine"], signal.SIGKILL)
    until("restart", lambda: rig.services()["flowtapd"]["starts"] > starts, 20)
    until("answers", rig.answered, 20)
    targets.session.close()
    with rig.session() as s:
        targets.session = s
        assert targets.in_maps() and not targets.in_files(), "the files hold them sealed"
        assert s.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC").code == 200
        nowhere("files without it", targets.in_files)
        nowhere("maps without it", targets.in_maps)
        for role in "engine", "dataplane", "session", "reader", "reading":
            nowhere(f"{role} without it", lambda role=role: targets.in_memory(role))


def test_memory_is_locked(targets):
    """Where the machine lets root lift the limit, as the units of systemd do."""
    for role in "engine", "dataplane", "session", "reader", "reading":
        pid = targets.pids()[role]
        limits = open(f"/proc/{pid}/limits").read()
        if "unlimited" not in next(x for x in limits.splitlines() if x.startswith("Max locked memory")):
            pytest.skip("locked memory is limited here and this root may not lift it (no CAP_SYS_RESOURCE)")
        locked = next(x for x in open(f"/proc/{pid}/status") if x.startswith("VmLck:"))
        assert int(locked.split()[1]) > 0, f"{role}: {locked}"
