# SPDX-License-Identifier: BSD-2-Clause
"""Roles that are started by hand, with a parent of ours that lies: root's user number does only what a configuration
could have asked for."""

import contextlib
import os
import re
import socket
import struct
import subprocess

import pytest
from rig import BIN, TREE, until


def number(name):
    """Of a message, as src/ipc/ipc.h counts them."""
    with open(f"{TREE}/src/ipc/ipc.h") as f:
        words = re.findall(r"(?m)^\t(IPC_[A-Z]_\w+)(?: = (\d+))?,", f.read())
    at = 0
    for word, given in words:
        at = int(given) if given else at + 1
        if word == name:
            return at
    raise KeyError(name)


def text(s):
    return struct.pack(">H", len(s)) + s


class Role:
    """A process of flowtapd's; its first channel is ours."""

    def __init__(self, role, enter=(), fds=1, program=None):
        pairs = [socket.socketpair() for _ in range(fds)]
        self.ours = [ours for ours, _ in pairs]
        theirs = [t.fileno() for _, t in pairs]
        shell = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(theirs))
        self.p = subprocess.Popen([*enter, "bash", "-c", f'exec "$0" --role {role} {shell}',
                                   program or f"{BIN}/src/flowtapd/flowtapd"], pass_fds=theirs, stderr=subprocess.PIPE)
        for _, t in pairs:
            t.close()
        self.ours[0].settimeout(10)

    def send(self, name, body, to=0):
        self.ours[to].sendall(struct.pack(">IHHI", len(body), number(name), 0, 0) + body)

    def answer(self):
        """errno, or 0."""
        with self.ours[0].makefile("rb") as f:
            length, kind, _, _ = struct.unpack(">IHHI", f.read(12))
            assert kind == number("IPC_P_READY")
            return struct.unpack(">I", f.read(length)[:4])[0]

    def ask(self, name, body):
        self.send(name, body)
        return self.answer()

    def close(self):
        for s in self.ours:
            s.close()
        said = self.p.communicate(timeout=10)[1].decode()
        return self.p.returncode, said


@contextlib.contextmanager
def told(*args, **more):
    role = Role(*args, **more)
    try:
        yield role
    finally:
        role.close()


def test_keeper(tmp_path):
    path = tmp_path / "flowtap.conf"
    path.write_text("# as it was\n")
    with told("keeper") as role:
        role.send("IPC_P_KEEPER", text(str(path).encode()))
        for wrong in b"\0", b"no-such-statement 7;", b"system {", b"system { login { user x { uid 0; } } }", b"\x1b[2J":
            assert role.ask("IPC_P_WRITE", wrong) != 0, wrong
            assert path.read_text() == "# as it was\n"
        right = ('groups { g { services { flow-tap { agency <*> { authority standing; } } } } } apply-groups g; services { '
                 'flow-tap { agency lea1; } } system { login { class c { permissions view; allow-commands "(a|b)*"; } } }')
        assert role.ask("IPC_P_WRITE", right.encode()) == 0
        assert path.read_text() == right
    assert os.listdir(tmp_path) == ["flowtap.conf"]


@pytest.mark.parametrize("path", [b".", b"..", b"/", b"/etc/..", b""])
def test_keeper_of_no_file(path):
    role = Role("keeper")
    role.send("IPC_P_KEEPER", text(path))
    assert role.p.wait(10) == 1
    role.close()


@pytest.mark.parametrize("path", [b"hook", b"./hook", b"/tmp/../bin/sh", b"/bin//sh", b"/bin/sh/"])
def test_hook_by_an_odd_path(path):
    role = Role("hook", fds=2)
    role.send("IPC_P_HOOK", text(path))
    assert role.p.wait(10) == 1
    assert "cannot start" in role.close()[1]


def test_hook_is_told_one_line(tmp_path):
    hook, out = tmp_path / "hook", tmp_path / "hook.out"
    hook.write_text('#!/bin/sh\nprintf "%s" "$FLOWTAP_SEVERITY $FLOWTAP_EVENT $FLOWTAP_TEXT" >"$0.part"; mv "$0.part" "$0.out"\n')
    hook.chmod(0o755)
    with told("hook", fds=2) as role:
        role.send("IPC_P_HOOK", text(str(hook).encode()))
        words = text(b"alarm\n") + text(b"x\x1b[2J") + text(b"a\nb \xc3\xb6\x7f")
        role.send("IPC_K_EVENT", struct.pack(">QQ", 1, 0) + words, to=1)
        until("the hook has run", out.exists, 10)
    assert out.read_bytes() == b"alarm\\n x\\x1b[2J a\\nb \xc3\xb6\\x7f"


def account(name, uid=0, full_name=b"", password=b"*", keys=b""):
    return text(name) + b"\1" + struct.pack(">I", uid) + text(full_name) + text(password) + text(keys)


LIES = {
    "two lines of passwords": [account(b"ft-user1", password=b"*\nroot:INJECTED")],
    "a name above": [account(b"../../cron.d/evil", keys=b"* * * * * root true\n")],
    "a hidden name": [account(b".ft-user1")],
    "an option": [account(b"--root=/tmp")],
    "a key with options": [account(b"ft-user1", keys=b'command="x" ssh-rsa AAAA\n')],
    "half a line": [account(b"ft-user1", keys=b"ssh-rsa AAAA")],
    "fields in the full name": [account(b"ft-user1", full_name=b"x:0:0")],
    "a number of the system's": [account(b"ft-user1", uid=7)],
    "the same twice": [account(b"ft-user1"), account(b"ft-user1", password=b"!")],
}


def test_accounts(rig):
    """In the lab's own /etc."""
    root = f"/proc/{rig.info['init']}/root"

    def files():
        seen = {f"{folder}/{name}" for folder, _, names in os.walk(root + "/etc") for name in names}
        with open(root + "/etc/shadow") as s, open(root + "/etc/passwd") as p:
            return seen, s.read(), p.read()

    before = files()
    enter = ["nsenter", "-t", str(rig.info["init"]), "--mount", "--pid", "--net", "--"]
    with told("accounts", enter=enter, program=rig.lab["bin"] + "/flowtapd") as role:
        role.send("IPC_P_ACCOUNTS", text(b"/etc/flowtap"))
        for lie, accounts in LIES.items():
            for phase in range(3):
                body = struct.pack(">BBI", phase, 0, len(accounts)) + b"".join(accounts)
                assert os.strerror(role.ask("IPC_P_LOGINS", body)) == "Bad message", lie
                assert files() == before, lie
