# SPDX-License-Identifier: BSD-2-Clause
"""The packages in a Debian of their own: installed, upgraded under a running tap, removed, purged.

The root is made by debootstrap, in build/, and kept for the next time.  Everything runs in mount, pid and
network namespaces of its own; nothing of the machine's own Debian is touched.
"""

import ctypes
import glob
import json
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import time

import pytest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, TREE + "/tools")

from lablib import dtcp  # noqa: E402

DEBS = TREE + "/build/deb"
BASE = TREE + "/build/deb-root.tar"
SUITE = "bookworm"
CONF = """services { flow-tap { tapped-interfaces in0;
    agency lea1 { authority standing; content-destination 192.0.2.0/24; } } }
"""


def until(what, ready, timeout=30.0):
    deadline = time.monotonic() + timeout
    while not (value := ready()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout:.0f} s"
        time.sleep(0.02)
    return value


def mirror():
    """Where this machine's own Debian comes from."""
    found = []
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*"))]:
        if os.path.exists(path):
            with open(path) as f:
                found += re.findall(r"(?m)^(?:URIs:|deb\b.*?) *(\S+://\S+/debian)/?(?:\s|$)", f.read())
    return found[0] if found else "http://deb.debian.org/debian"


@pytest.fixture(scope="module")
def base():
    if os.geteuid() != 0:
        pytest.skip("root is needed for a chroot")
    if not glob.glob(DEBS + "/flowtap-router_*.deb"):
        pytest.skip("no packages in build/deb: make deb")
    if os.path.exists(BASE):
        return BASE
    if not shutil.which("debootstrap"):
        pytest.skip("no debootstrap")
    folder = TREE + "/build/deb-root.new"
    shutil.rmtree(folder, ignore_errors=True)
    r = subprocess.run(["debootstrap", "--variant=minbase", "--include=systemd,iproute2,ca-certificates", SUITE, folder, mirror()],
                       capture_output=True, text=True, timeout=900)
    if r.returncode:
        pytest.skip(f"debootstrap: {(r.stdout + r.stderr).strip().splitlines()[-1]}")
    subprocess.run(["tar", "-C", folder, "-cf", BASE + ".new", "."], check=True)
    os.rename(BASE + ".new", BASE)
    shutil.rmtree(folder)
    return BASE


class Root:
    """The chroot, and one shell in its namespaces through which all commands go."""

    def __init__(self, base, folder):
        self.path = str(folder)
        subprocess.run(["tar", "-C", self.path, "-xpf", base], check=True)
        with open(self.path + "/usr/sbin/policy-rc.d", "w") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(self.path + "/usr/sbin/policy-rc.d", 0o755)
        shutil.copy("/etc/resolv.conf", self.path + "/etc/resolv.conf")
        with open(self.path + "/etc/apt/sources.list", "w") as f:
            f.write(f"deb {mirror()} {SUITE} main\n")
        for path in glob.glob("/etc/apt/apt.conf.d/*"):  # the way to it
            shutil.copy(path, self.path + path)
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--fork", "--kill-child", "--propagation", "private",
             "sh", "-c", "mount -t proc proc $0/proc && mount -t sysfs sysfs $0/sys && mount -t bpf bpf $0/sys/fs/bpf && "
             "mount -t tmpfs tmpfs $0/run && mount -t tmpfs tmpfs $0/tmp && mount --bind /dev $0/dev && ip link set lo up && "
             "echo ready && exec sleep infinity", self.path], stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        self.inner = int(open(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read().split()[0])
        self.daemons = []

    def argv(self, *argv, net=True):
        spaces = ["--mount", "--pid"] + (["--net"] if net else [])
        return ["nsenter", "-t", str(self.inner), *spaces, "chroot", self.path, *argv]

    def run(self, *argv, net=True, text=None, check=True):
        r = subprocess.run(self.argv(*argv, net=net), capture_output=True, text=True, input=text, timeout=600,
                           env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})
        assert not check or r.returncode == 0, f"{argv}: {r.returncode}\n{r.stdout}\n{r.stderr}"
        return r.stdout

    def install(self, *names):
        """By apt, with what they depend on; it alone has the machine's network."""
        os.makedirs(self.path + "/var/debs", exist_ok=True)
        for path in names:
            shutil.copy(path, self.path + "/var/debs")
        self.run("apt-get", "update", "-q", net=False)
        return self.run("apt-get", "install", "-qy", "--no-install-recommends", "--allow-downgrades",
                        *("/var/debs/" + os.path.basename(n) for n in names), net=False)

    def start(self):
        log = open(self.path + "/var/log/flowtapd.log", "a+")
        at = log.seek(0, 2)
        p = subprocess.Popen(self.argv("/usr/sbin/flowtapd", "-f", "/etc/flowtap/flowtap.conf"), stdout=log, stderr=log)

        def ready():
            log.seek(at)
            said = log.read()
            assert p.poll() is None, said
            return "flowtapd: ready" in said
        until("the daemon", ready)
        self.daemons.append(p)

    def stop(self):
        """As the service manager would: SIGTERM to the parent."""
        self.run("sh", "-c", "kill $(pgrep -o -x flowtapd)")
        assert self.daemons.pop().wait(20) is not None

    def dtcp(self, method, *lines):
        """A session of lea1 with one request, as sshd would start it; the answer."""
        p = subprocess.Popen(self.argv("setpriv", "--reuid=lea1", "--regid=lea1", "--init-groups",
                                       "/usr/libexec/flowtap/flowtap-dtcp"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p.stdin.write(dtcp.request(method, "lea1", 1, *lines))
        p.stdin.flush()
        answer = b""
        while not answer.endswith(b"\r\n\r\n") and select.select([p.stdout], [], [], 20)[0]:
            more = os.read(p.stdout.fileno(), 65536)
            answer += more
            if not more:
                break
        p.stdin.close()
        p.wait(20)
        return answer.decode()

    def copies(self):
        return json.loads(self.run("flowtap", "-j", "show", "services", "flow-tap"))["copies"]

    def close(self):
        self.holder.kill()
        self.holder.wait()


@pytest.fixture(scope="module")
def root(base, tmp_path_factory):
    r = Root(base, tmp_path_factory.mktemp("root"))
    yield r
    r.close()


def newer(path, folder):
    """The same package with a higher version."""
    work = f"{folder}/work"
    subprocess.run(["dpkg-deb", "-R", path, work], check=True)
    with open(work + "/DEBIAN/control") as f:
        control = f.read()
    with open(work + "/DEBIAN/control", "w") as f:
        f.write(control.replace("Version: ", "Version: 1:", 1))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", work, f"{folder}/flowtap-router_new.deb"], check=True,
                   stdout=subprocess.DEVNULL)
    return f"{folder}/flowtap-router_new.deb"


def deb(name):
    return next(p for p in glob.glob(f"{DEBS}/{name}_*.deb"))


def inject(root, n):
    """n packets of the target, from a neighbour into in0."""
    libc = ctypes.CDLL(None, use_errno=True)
    ours, theirs = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/proc/{root.inner}/ns/net", os.O_RDONLY)
    assert libc.setns(theirs, 0x40000000) == 0
    try:
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind(("peer0", 0))
    finally:
        assert libc.setns(ours, 0x40000000) == 0
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, socket.inet_aton("198.51.100.10"),
                     socket.inet_aton("203.0.113.1")) + struct.pack("!HHHH", 1, 2, 8, 0)
    for _ in range(n):
        s.send(b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x00" + ip)
    s.close()


def test_install_and_self_test(root):
    said = root.install(deb("flowtap-router"), deb("flowtap-client"), deb("flowtap-mediation"))
    assert "Failed" not in said, said
    users = root.run("cat", "/etc/passwd", "/etc/group")
    for name in "_flowtap:", "_flowtap-dp:", "flowtap-agency:", "flowtap-audit:":
        assert "\n" + name in users
    assert root.run("stat", "-c", "%U:%G %a", "/var/lib/flowtap") == "_flowtap:root 770\n"
    assert root.run("stat", "-c", "%U:%G %a", "/etc/flowtap/flowtap.conf") == "root:_flowtap 640\n"
    units = {os.path.basename(p) for p in glob.glob(TREE + "/packaging/systemd/*")
             if p.endswith((".service", ".socket", ".mount"))}
    assert units <= set(os.listdir(root.path + "/lib/systemd/system")) and len(units) == 6
    assert "flowtap.catalog" in os.listdir(root.path + "/usr/lib/systemd/catalog")
    assert not os.path.exists(root.path + "/run/flowtap/ctl.sock")  # nobody has started it
    assert "usage:" in root.run("dtcp", "--help") and "usage:" in root.run("flowtap-collect", "--help")
    root.run("useradd", "-r", "-U", "-G", "flowtap-agency", "lea1")
    root.run("sh", "-c", "ip link add in0 type veth peer name peer0 && ip addr add 198.51.100.1/24 dev in0 && "
             "ip link add out0 type veth peer name far0 && ip addr add 192.0.2.1/24 dev out0 && "
             "ip link set out0 up && ip link set far0 up && ip link set in0 up && ip link set peer0 up && "
             "ip neigh add 192.0.2.10 lladdr 02:00:00:00:00:0a dev out0 nud permanent")
    with open(root.path + "/etc/flowtap/flowtap.conf", "w") as f:
        f.write(CONF)
    root.start()
    assert "Self-test: works" in root.run("flowtap", "request", "services", "flow-tap", "self-test")


def test_upgrade_keeps_taps(root, tmp_path):
    """Packets before, between stop and start, and after: all matched, and all but counted losses copied."""
    assert "200 OK" in root.dtcp("ADD", *dtcp.add_lines(to=("192.0.2.10", 7001), source_address="198.51.100.10"))
    before = root.copies()
    inject(root, 100)
    os.chmod(root.path + "/etc/flowtap/flowtap.conf", 0o644)  # as 0.1.0 had it
    said = root.install(newer(deb("flowtap-router"), tmp_path))
    assert "1:0.1" in root.run("dpkg-query", "-W", "flowtap-router"), said
    with open(root.path + "/etc/flowtap/flowtap.conf") as f:
        assert f.read() == CONF
        assert os.fstat(f.fileno()).st_mode & 0o777 == 0o640
    inject(root, 100)
    root.stop()
    inject(root, 100)
    root.start()
    inject(root, 100)
    now = until("all packets", lambda: (c := root.copies())["matched"] - before["matched"] >= 400 and c)
    assert now["matched"] - before["matched"] == 400
    state = json.loads(root.run("flowtap", "-j", "show", "services", "flow-tap"))
    assert now["due"] == now["sent"] + sum(state["losses"].values())
    assert "CRITERIA-COUNT: 1\r\n" in root.dtcp("LIST", "Flags: BOTH").upper()


def test_remove_and_purge(root):
    """Removal takes the taps out of the kernel; purging leaves the record, and says so."""
    root.stop()
    root.run("apt-get", "remove", "-qy", "flowtap-router")
    links = root.run("ip", "-br", "link")
    pinned = [n for n in os.listdir(f"/proc/{root.inner}/root{root.path}/sys/fs/bpf") if not n.endswith(".debug")]
    assert "ftap0" not in links and pinned == []  # *.debug are the file system's own
    assert os.path.exists(root.path + "/etc/flowtap/flowtap.conf")
    r = subprocess.run(root.argv("dpkg", "--purge", "flowtap-router", "flowtap-client", "flowtap-mediation"),
                       capture_output=True, text=True)
    assert r.returncode == 0 and "the record of every use is in it" in r.stderr, r.stderr
    left = root.run("find", "/", "-xdev", "-path", "/proc", "-prune", "-o", "-path", "/sys", "-prune", "-o", "-path",
                    "/var/debs", "-prune", "-o", "-iname", "*flowtap*", "-print").split()
    assert [p for p in left if not p.startswith("/var/lib/flowtap")] == ["/var/log/flowtapd.log"]
    assert os.path.exists(root.path + "/var/lib/flowtap/state.db")


