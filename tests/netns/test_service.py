# SPDX-License-Identifier: BSD-2-Clause
"""The units as packaging has them, under a real systemd: everything works with the powers that they leave."""

import json
import os
import re
import signal

import pytest
from booted import Booted, CannotBoot
from rig import TREE, until

CONF = """services { flow-tap { tapped-interfaces in0; alarm-hook "/usr/local/bin/hook";
    metrics { address 127.0.0.1; port 9109; }
    agency lea1 { authority standing; content-destination 192.0.2.0/24; } } }
system { login { class tappers { permissions flow-tap-operation; }
    user lea1 { class tappers; authentication { ssh-ed25519 "KEY"; } } } }
"""
HOOK = """#!/bin/sh
cat >/dev/null
logger -t hook $FLOWTAP_EVENT $(id -un) $(/sbin/ip -o link show in0 | wc -l) $(grep CapBnd /proc/self/status)
"""
UNITS = "flowtapd.service", "flowtap-aux.service", "flowtap-sshd.service"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    try:
        b = Booted(tmp_path_factory.mktemp("booted"))
        try:
            os.system(f"ssh-keygen -q -t ed25519 -N '' -f {b.dir}/key")
            with open(b.dir + "/key.pub") as f:
                b.write("/etc/flowtap/flowtap.conf", CONF.replace("KEY", f.read().strip()))
            b.write("/root/key", open(b.dir + "/key").read(), 0o600)
            b.write("/usr/local/bin/hook", HOOK, 0o755)
            b.write("/etc/systemd/system/flowtapd.service.d/test.conf", "[Service]\nWatchdogSec=3s\n")
            b.boot()
            network(b)
            b.run("systemctl", "start", "flowtap-sshd.socket", "flowtapd.service")
            yield b
        finally:
            b.close()
    except CannotBoot as e:
        pytest.skip(f"no container with systemd here: {e}")


def network(b):
    """A subscriber and a mediation device around it."""
    for host, port, addr in ("sub", "in0", "198.51.100"), ("med", "out0", "192.0.2"):
        b.run("ip", "netns", "add", host)
        b.run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host)
        b.run("ip", "addr", "add", addr + ".1/24", "dev", port)
        b.run("ip", "link", "set", port, "up")
        b.run("ip", "-n", host, "addr", "add", addr + ".10/24", "dev", "eth0")
        b.run("ip", "-n", host, "link", "set", "eth0", "up")
        b.run("ip", "-n", host, "route", "add", "default", "via", addr + ".1")


def dtcp(b, *argv):
    return b.run("ip", "netns", "exec", "med", "dtcp", "-l", "lea1", "-i", "/root/key", "-o", "StrictHostKeyChecking=no",
                 "-o", "UserKnownHostsFile=/root/known", "192.0.2.1", *argv)


def copies(b):
    return json.loads(b.run("flowtap", "-j", "show", "services", "flow-tap"))["copies"]["sent"]


def ping(b, n):
    b.run("ip", "netns", "exec", "sub", "ping", "-q", "-c", str(n), "-i", "0.01", "198.51.100.1")


@pytest.fixture(scope="module")
def tapped(box):
    """A criterion, added by way of flowtap-sshd's socket, with a login that the configuration made."""
    dtcp(box, "add", "--source", "198.51.100.10", "--to", "192.0.2.10:7000", "--from", "192.0.2.1:50000")
    return box


def test_ready_and_at_work(tapped):
    assert {u: tapped.show(u, "ActiveState") for u in UNITS} == dict.fromkeys(UNITS, "active")
    before = copies(tapped)
    ping(tapped, 3)
    until("copies", lambda: copies(tapped) == before + 3)


def test_power_is_what_the_unit_says(tapped):
    """The bounding set was enough to start, and no process has kept anything of it."""
    assert set(tapped.show("flowtapd.service", "CapabilityBoundingSet").split()) == {
        "cap_bpf", "cap_net_admin", "cap_net_raw", "cap_perfmon", "cap_setgid", "cap_setpcap", "cap_setuid"}
    roles = tapped.processes()
    assert {"parent", "engine", "dataplane", "inventory", "keeper", "accounts", "names", "reader", "metrics", "canary"} == set(roles)
    for role, pid in roles.items():
        with open(f"/proc/{pid}/status") as f:
            assert set(re.findall(r"(?m)^Cap(?:Prm|Eff|Inh|Amb|Bnd):\t(\w+)", f.read())) == {"0" * 16}, role


def test_restart_misses_no_packet(tapped):
    before = copies(tapped)
    tapped.run("systemctl", "stop", "flowtapd.service")
    ping(tapped, 4)
    tapped.run("systemctl", "start", "flowtapd.service")
    assert copies(tapped) == before + 4
    tapped.run("systemctl", "restart", "flowtapd.service")
    ping(tapped, 2)
    until("copies", lambda: copies(tapped) == before + 6)
    assert "198.51.100.10" in dtcp(tapped, "list")


def test_reload(tapped):
    """One that is right is in force when systemctl returns; one that is wrong is refused with its place."""
    path = "/etc/flowtap/flowtap.conf"
    old = tapped.run("cat", path)
    tapped.write(path, old.replace("authority standing;", "authority standing; maximum-criteria 77;"))
    tapped.run("systemctl", "reload", "flowtapd.service")
    assert "maximum-criteria 77;" in tapped.run("flowtap", "show", "configuration")
    tapped.write(path, old.replace("tapped-interfaces", "taped-interfaces"))
    r = tapped.run("systemctl", "reload", "flowtapd.service", check=False)
    assert r.returncode != 0
    tapped.write(path, old)
    until("the place", lambda: "flowtap.conf:1:23: taped-interfaces: expected" in tapped.journal("-u", "flowtapd.service"))
    tapped.run("systemctl", "reload", "flowtapd.service")
    assert tapped.show("flowtapd.service", "ActiveState") == "active"


def test_reload_that_the_system_refuses(tapped):
    """What no reading of the file can tell makes the reload fail, too, and says why; nothing has changed."""
    path = "/etc/flowtap/flowtap.conf"
    old, shown = tapped.run("cat", path), tapped.run("flowtap", "show", "configuration")
    tapped.write(path, old.replace("agency lea1", "agency nosuch { content-destination 192.0.2.0/24; } agency lea1"))
    r = tapped.run("systemctl", "reload", "flowtapd.service", check=False)
    tapped.write(path, old)
    assert r.returncode != 0
    until("the reason", lambda: "flowtap: agency nosuch: no such system user" in tapped.journal("-u", "flowtapd.service"))
    assert tapped.run("flowtap", "show", "configuration") == shown
    assert tapped.show("flowtapd.service", "ActiveState") == "active"
    tapped.run("systemctl", "reload", "flowtapd.service")
    tapped.run("systemctl", "kill", "--kill-who=main", "--signal=HUP", "flowtapd.service")
    until("both", lambda: tapped.journal("-u", "flowtapd.service").count("configuration unchanged") >= 2)


def test_the_start_says_nothing_of_no_use(tapped):
    """Of tools that the unit runs, nothing is in the journal."""
    assert "old priority" not in tapped.journal("-u", "flowtapd.service")


def test_commit_and_users(tapped):
    """The file and the system's users are written from inside the sandbox."""
    old = tapped.run("cat", "/etc/flowtap/flowtap.conf")
    tapped.write("/root/new.conf", old.replace("user lea1 {", 'user watcher { class tappers; authentication { '
                                                              'encrypted-password "$6$x$y"; } } user lea1 {'))
    tapped.run("flowtap", "commit", "/root/new.conf")
    assert "watcher:$6$x$y:" in tapped.run("cat", "/etc/shadow")
    tapped.run("flowtap", "rollback", "1")
    until("the user to go", lambda: "watcher:" not in tapped.run("cat", "/etc/passwd"))


@pytest.mark.parametrize("role", ["engine", "dataplane", "inventory"])
def test_watchdog(tapped, role):
    """One of them hangs: systemd hears no more of us, and starts all of it again."""
    n = int(tapped.show("flowtapd.service", "NRestarts"))
    os.kill(tapped.processes()[role], signal.SIGSTOP)
    until("a restart", lambda: int(tapped.show("flowtapd.service", "NRestarts")) > n, 30)
    until("it is ready", lambda: tapped.show("flowtapd.service", "ActiveState") == "active", 30)
    assert "watchdog" in tapped.journal("-u", "flowtapd.service").lower()
    before = copies(tapped)
    ping(tapped, 1)
    until("a copy", lambda: copies(tapped) == before + 1)


def test_service_beside(tapped):
    """Metrics over TCP, the hook with a network: what flowtapd.service itself is denied."""
    assert "flowtap_copies" in tapped.run("curl", "-sS", "http://127.0.0.1:9109/metrics")
    dtcp(tapped, "add", "--source", "198.51.100.11", "--to", "192.0.2.77:7000", "--from", "192.0.2.1:50000")
    tapped.run("ip", "-n", "sub", "addr", "add", "198.51.100.11/24", "dev", "eth0")
    tapped.run("ip", "netns", "exec", "sub", "ping", "-q", "-c", "1", "-I", "198.51.100.11", "198.51.100.1")
    until("the hook", lambda: re.search(r"(?m)^destination-unreachable _flowtap-hook 1 CapBnd: 0{16}$",
                                        tapped.journal("-t", "hook")), 20)


def test_without_the_service_beside(tapped):
    """Its end is said, and all else goes on: taps, metrics' socket too; the next start has it again."""
    tapped.run("systemctl", "kill", "--signal=KILL", "flowtap-aux.service")
    until("a word of it", lambda: "the service beside us has ended" in tapped.journal("-u", "flowtapd.service"))
    before = copies(tapped)
    ping(tapped, 2)
    until("copies", lambda: copies(tapped) == before + 2)
    assert "flowtap_copies" in tapped.run("curl", "-sS", "http://127.0.0.1:9109/metrics")
    tapped.run("systemctl", "restart", "flowtapd.service")
    assert tapped.show("flowtap-aux.service", "ActiveState") == "active"


def test_events_are_in_the_journal(tapped):
    """With their ids, fields and explanations, once each, and without a target."""
    tapped.run("journalctl", "--update-catalog")
    dtcp(tapped, "noop")
    ids = dict(re.findall(r"(?m)^\.It ([a-z-]+) Ta ([0-9a-f]{32})$", open(TREE + "/docs/man/flowtapd.8").read()))
    opened = [json.loads(line) for line in tapped.run(
        "journalctl", "-q", "-o", "json", "MESSAGE_ID=" + ids["session-open"]).splitlines()]
    assert {(x["MESSAGE"], x["FLOWTAP_EVENT"], x["FLOWTAP_SEVERITY"], x["PRIORITY"], x["_SYSTEMD_UNIT"], x["_UID"])
            for x in opened} == {("session-open: agency lea1", "session-open", "notice", "5", "flowtapd.service",
                                  tapped.run("id", "-u", "_flowtap").strip())}
    alarms = tapped.run("journalctl", "-q", "-x", "-o", "short", "FLOWTAP_SEVERITY=alarm", "FLOWTAP_EVENT=destination-unreachable")
    assert "ALARM: destination-unreachable: the next hop of 1" in alarms and "Subject: A content destination" in alarms
    text = tapped.journal("-u", "flowtapd.service")
    assert text.count("destination-unreachable: the next hop") == alarms.count("destination-unreachable: the next hop")
    assert "198.51.100." not in text


def test_no_internet_sockets(tapped):
    """Neither flowtapd nor sshd, should either be somebody else's one day."""
    for unit in "flowtapd.service", "flowtap-sshd.service":
        assert "AF_INET" not in tapped.show(unit, "RestrictAddressFamilies").split()
