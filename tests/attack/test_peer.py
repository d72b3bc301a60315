# SPDX-License-Identifier: BSD-2-Clause
"""Where a session comes from is what root saw, whatever it says: tests/attack/fakectl.py's frames by other ways than ours."""

import contextlib
import json
import os
import signal
import socket
import subprocess

import paramiko
import pytest
from fakectl import HEADER
from rig import dtcp, lab_command, net, parent_of, until
from test_keys import service

HELLO, WELCOME = 1, 18
FORGED = "publickey ssh-ed25519 SHA256:forged"
CONNECTIONS = "/run/flowtap/connections"


def record(rig, since=0):
    return [json.loads(x) for x in rig.router("flowtap", "audit", "export").splitlines()][since:]


def hello(address="8.8.8.8", auth=FORGED):
    body = bytes([4]) + socket.inet_aton(address) + len(auth).to_bytes(2, "big") + auth.encode()
    return HEADER.pack(len(body), HELLO, 0, 0) + body


def inside(rig, *argv):
    """In the router, with its files."""
    return ["nsenter", "-t", str(rig.info["init"]), "--mount", "--pid", "--net", "--", *argv]


def connections(rig):
    return set(rig.router("ls", CONNECTIONS).split())


@pytest.fixture
def other_sshd(rig):
    """An sshd as a machine has one, with forwarding: a function agency -> socket to the engine by it."""
    path = rig.info["dir"] + "/forwarded"
    daemon = subprocess.Popen(
        inside(rig, "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", "2222", "-h",
               "/etc/flowtap/ssh_host_ed25519_key", "-o", "UsePAM=no", "-o", "PidFile=none"), stderr=subprocess.DEVNULL)
    clients = []

    def connect(agency):
        env = dict(os.environ, SSH_ASKPASS=rig.info["askpass"], SSH_ASKPASS_REQUIRE="force",
                   FTLAB_PASSWORD=rig.passwords[agency])
        clients.append(subprocess.Popen(net.argv_inside(rig.ns("mediation"), [
            "ssh", "-F", "none", "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o",
            "PubkeyAuthentication=no", "-p", "2222", "-l", agency, "-N", "-L", path + ":/run/flowtap/dtcp.sock",
            rig.addr("router")]), env=env, stderr=subprocess.DEVNULL))
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)

        def connected():
            with contextlib.suppress(OSError):
                s.connect(path)
                return True
        until("the forwarding", connected)
        return s

    until("the other sshd", lambda: ":2222 " in rig.router("ss", "-Hltn"))
    yield connect
    for p in [*clients, daemon]:
        p.terminate()
        p.wait()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def test_by_another_sshd(rig, begun_anew, other_sshd):
    """An agency's login forwarded to the engine's socket: what it says of itself is no proof, and is an alarm."""
    mark = len(record(rig))
    with other_sshd("lea1") as s:
        s.sendall(hello())
        assert HEADER.unpack(s.recv(HEADER.size))[1] == WELCOME
        shown = json.loads(rig.router("flowtap", "show", "services", "flow-tap", "sessions", "|", "display", "json"))
        assert "unproven" in json.dumps(shown) and "8.8.8.8" not in json.dumps(shown)
    until("its end on record", lambda: any(x["kind"] == "session-close" for x in record(rig, mark)))
    lines = record(rig, mark)
    opened, = [x for x in lines if x["kind"] == "session-open"]
    assert "peer" not in opened and opened["auth"] == "unproven"
    assert opened["reason"].startswith("peer unproven: it says that it is from 8.8.8.8")
    alarm, = [x["reason"] for x in lines if x["kind"] == "alarm"]
    assert "agency lea1 has a session that did not come by flowtap-sshd" in alarm
    assert not any(x.get("peer") == "8.8.8.8" or x.get("auth") == FORGED for x in lines)


def test_what_our_sshd_saw(rig):
    """By ours: proven, with the peer that there is, and the file ends with the connection."""
    mark, before = len(record(rig)), connections(rig)
    with rig.session() as s:
        assert s.ask("NOOP").code == 200
        new, = connections(rig) - before
        uid = rig.router("id", "-u", "lea1").strip()
        head, auth = rig.router("cat", f"{CONNECTIONS}/{new}").splitlines()
        assert head.startswith(f"{uid} {rig.addr('mediation')} ") and auth == "password"
        assert rig.router("stat", "-c", "%U %a", CONNECTIONS).split() == ["root", "750"]
    until("the connection's end", lambda: connections(rig) == before)
    opened, = [x for x in record(rig, mark) if x["kind"] == "session-open"]
    assert (opened["peer"], opened["auth"]) == (rig.addr("mediation"), "password") and "reason" not in opened


def with_groups(rig, uid, *groups, data):
    """What the engine answers to somebody of this user number with these supplementary groups."""
    code = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(10)\n"
            "s.connect('/run/flowtap/dtcp.sock')\ns.sendall(bytes.fromhex(sys.argv[1]))\n"
            "sys.stdout.buffer.write(s.recv(65536))\n")
    who = ["--groups=" + ",".join(str(g) for g in groups)] if groups else ["--clear-groups"]
    r = subprocess.run(inside(rig, "setpriv", f"--reuid={uid}", f"--regid={uid}", *who, "/usr/bin/python3", "-c", code,
                              data.hex()), capture_output=True, timeout=30)
    assert r.returncode == 0, r.stderr
    return r.stdout


LIES = {"peer": hello("8.8.8.8", "password"), "login": hello("192.0.2.10", FORGED), "both": hello()}


@pytest.mark.parametrize("lie", LIES)
def test_a_session_that_lies_ends(rig, begun_anew, lie):
    """A program in the place of our session, by our sshd (its groups are those that the kernel gave it)."""
    uid, mark, before = rig.router("id", "-u", "lea1").strip(), len(record(rig)), connections(rig)
    with rig.session() as s:
        assert s.ask("NOOP").code == 200
        number, = connections(rig) - before
        truth = hello(rig.addr("mediation"), "password")
        assert HEADER.unpack(with_groups(rig, uid, int(number, 16), data=truth)[:HEADER.size])[1] == WELCOME
        assert with_groups(rig, uid, int(number, 16), data=LIES[lie]) == b""
        assert s.ask("NOOP").code == 200  # the other one is not concerned
    lines = record(rig, mark)
    alarm, = [x for x in lines if x["kind"] == "alarm"]
    assert "agency lea1 lied about where its session comes from" in alarm["reason"]
    assert {x["peer"] for x in lines if x.get("agency") == "lea1"} == {rig.addr("mediation")}


def test_anothers_connection_proves_nothing(rig):
    """Of another agency, of one that has ended, and of one that there never was."""
    one, two = (rig.router("id", "-u", name).strip() for name in ("lea1", "lea2"))
    mark, before = len(record(rig)), connections(rig)
    with rig.session() as s:
        assert s.ask("NOOP").code == 200
        number, = connections(rig) - before
        with_groups(rig, two, int(number, 16), data=hello(rig.addr("mediation"), "password"))
    until("the connection's end", lambda: connections(rig) == before)
    left = f"/proc/{rig.info['init']}/root{CONNECTIONS}/{number}"
    with open(left, "w") as f:  # as an sshd that was killed leaves it: nobody holds it
        f.write(f"{one} 192.0.2.99 1 192.0.2.1 2\npassword\n")
    os.chmod(left, 0o644)
    with_groups(rig, one, int(number, 16), data=hello("192.0.2.99", "password"))
    with_groups(rig, one, 0xfffffff0, data=hello("192.0.2.99", "password"))
    opened = [x for x in record(rig, mark) if x["kind"] == "session-open" and x["auth"] == "unproven"]
    assert [x["agency"] for x in opened] == ["lea2", "lea1", "lea1"] and not any("peer" in x for x in opened)
    with rig.session() as s:  # the next login removes it
        assert s.ask("NOOP").code == 200
        assert not os.path.exists(left)


def test_connections_outlive_the_daemon(rig):
    """The daemon is started again under an SSH connection: its next session is proven as before.  And one that logs in
    while there is no daemon is, once there is one."""
    mark = len(record(rig))

    def sessions(t, n):
        for _ in range(n):
            c = t.open_session()
            c.invoke_subsystem("flow-tap-dtcp")
            c.settimeout(10)
            c.sendall(b"NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 1\r\n\r\n")
            c.shutdown_write()
            while c.recv(4096):
                pass

    def login():
        sock = rig.inside("mediation", socket.socket)
        sock.connect((rig.addr("router"), rig.lab["ssh_port"]))
        t = paramiko.Transport(sock)
        t.connect(username="lea1", password=rig.passwords["lea1"])
        return t

    with contextlib.closing(login()) as t:
        sessions(t, 1)
        lab_command("restart", "--name", rig.name)
        sessions(t, 1)
        service(rig, "stop")
        with contextlib.closing(login()) as other:
            service(rig, "start")
            until("the daemon", lambda: lab_command("exec", "--name", rig.name, "router", "flowtap", "show", "system",
                                                    "alarms", check=False).returncode == 0, 30)
            sessions(other, 1)
    opened = [x for x in record(rig, mark) if x["kind"] == "session-open"]
    assert len(opened) >= 3  # the lab asks itself, too, whether the daemon is there
    assert {(x.get("peer"), x["auth"]) for x in opened} == {(rig.addr("mediation"), "password")}


def test_an_sshd_that_was_killed(rig):
    """Its file proves nothing any more."""
    before = connections(rig)
    with contextlib.suppress(Exception), rig.session() as s:
        assert s.ask("NOOP").code == 200
        new, = connections(rig) - before
        for pid in net.pids(rig.ns("router")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline") as f:
                if "lea1 [priv]" in f.read():
                    os.kill(pid, 9)
    assert connections(rig) - before == {new}
    with rig.session() as s:
        assert s.ask("NOOP").code == 200
        assert new not in connections(rig)


def above(pid):
    """The sshd of this connection alone, from the one that started pid upwards: [pid]."""
    found = []
    while (pid := parent_of(pid)) and (name := command(pid)).startswith("sshd") and "[listener]" not in name:
        found.append(pid)
    return found


def command(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        return os.path.basename(f.read().replace(b"\0", b" ").decode().removeprefix("flowtap-"))


def test_a_session_whose_connection_is_over(rig, begun_anew):
    """Its process lives on, as a taken one might: the session ends, on record with the reason; others go on."""
    mark = len(record(rig))
    with rig.session("lea2") as other:
        assert other.ask("NOOP").code == 200
        before = set(rig.processes()["session"])
        s = rig.session()
        with contextlib.suppress(OSError, dtcp.Silence), s:
            assert s.ask("NOOP").code == 200
            session, = set(rig.processes()["session"]) - before
            sshd = above(session)
            assert sshd
            os.kill(session, signal.SIGSTOP)
            try:
                for pid in sshd:
                    os.kill(pid, signal.SIGKILL)
                until("its end on record", lambda: any(x["kind"] == "session-close" and x["agency"] == "lea1" and
                                                       x["reason"].endswith("its connection is over")
                                                       for x in record(rig, mark)), 20)
                assert session in rig.processes()["session"], "it has not ended by itself"
                assert other.ask("NOOP").code == 200
            finally:
                os.kill(session, signal.SIGKILL)
    assert rig.answered()
