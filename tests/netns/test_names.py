# SPDX-License-Identifier: BSD-2-Clause
"""Name services are other people's code: whatever a module does, the daemon is unharmed and says what is wrong."""

import contextlib
import fcntl
import os
import re
import shutil

import pytest
from rig import BIN, lab_command, until
from test_commit import Conf
from test_lifecycle import engines

COMPAT = "/usr/lib/x86_64-linux-gnu/libnss_compat.so.2"
LATE_FILE = "/etc/odd-late"


def log_of(rig):
    return rig.info["logs"] + "/flowtapd.log"


def said_since(rig, at):
    with open(log_of(rig)) as f:
        f.seek(at)
        return f.read()


@pytest.fixture
def odd(rig, rewritten):
    """tests/lib/nss_odd.c is asked for who is in no file, in place of a module that the machine has."""
    etc = f"/proc/{rig.info['init']}/root/etc"
    module = shutil.copy(f"{BIN}/tests/libnss_odd.so", rig.info["dir"])  # the router sees no other /tmp
    rig.router("mount", "--bind", module, COMPAT)
    with open(etc + "/nsswitch.conf") as f:
        old = f.read()
    with open(etc + "/nsswitch.conf", "w") as f:
        f.write("passwd: files compat\ngroup: files\nshadow: files\nhosts: files dns\n")
    yield Conf(rig)
    with open(etc + "/nsswitch.conf", "w") as f:
        f.write(old)
    rig.router("umount", "-l", COMPAT)  # sshd may have loaded it
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"/proc/{rig.info['init']}/root{LATE_FILE}")


def with_agency(text, name):
    return text.replace("agency lea1", f"agency {name} {{ authority standing; }} agency lea1", 1)


@pytest.mark.parametrize("name, why", [
    ("odd-nobody", "agency odd-nobody: no such system user"),
    ("odd-calls", "agency odd-calls: no such system user"),
    ("odd-crash", "users can't be looked up: the name services' code was ended by SIGABRT"),
    ("odd-closes", "users can't be looked up: the name services' code was ended by SIGKILL"),
    ("odd-hang", "users can't be looked up: the name services do not answer"),
])
def test_a_module_harms_nobody(rig, odd, name, why):
    before, same, at = odd.text(), (engines(rig), rig.processes()["names"][:1]), os.path.getsize(log_of(rig))
    for _ in range(2 if name != "odd-hang" else 1):
        r = odd.commit(with_agency(before, name), "--check", check=False)
        assert r.returncode == 1 and why in r.stderr, r.stderr
    assert rig.answered() and odd.text() == before
    assert (engines(rig), rig.processes()["names"][:1]) == same
    assert "ended by" not in said_since(rig, at).replace("code was ended by", "")
    assert odd.commit(odd.with_limit(11)).returncode == 0, "and is asked again"
    odd.commit(before)


def with_login(text, name):
    return text + f"\nsystem {{ login {{ user {name} {{ class operator; }} }} }}\n"


@pytest.mark.parametrize("name, check, commit", [
    ("odd-hang", "users can't be looked up: the name services do not answer", "/usr/sbin/useradd has not ended"),
    ("odd-crash", "the name services' code was ended by SIGABRT", "/usr/sbin/useradd was ended by SIGABRT"),
    ("odd-late", *2 * ("system login user odd-late: there is such a user, whom no commit made",)),
])
def test_logins_by_a_module(rig, odd, name, check, commit):
    """The process that makes logins is in no module's hands: what a tool of the system's meets is told, soon."""
    before, at, etc = odd.text(), os.path.getsize(log_of(rig)), f"/proc/{rig.info['init']}/root/etc"
    same = engines(rig), rig.processes()["accounts"][:1]
    with open(etc + LATE_FILE.removeprefix("/etc"), "w"):
        pass
    for said, options in (check, ("--check",)), (commit, ()):
        r = odd.commit(with_login(before, name), *options, check=False)
        assert r.returncode == 1 and said in r.stderr, r.stderr
    assert rig.answered() and odd.text() == before and not os.path.exists(f"{etc}/flowtap/logins/{name}")
    assert (engines(rig), rig.processes()["accounts"][:1]) == same
    assert "accounts: ended by" not in said_since(rig, at)
    odd.commit(with_login(before, "not-odd"))
    assert "not-odd" in rig.router("cat", "/etc/passwd")
    odd.commit(before)
    until("the account is gone", lambda: "not-odd" not in rig.router("cat", "/etc/passwd"), 20)


def test_users_files_are_locked(rig, odd):
    """Somebody else changes users, and takes long."""
    before = odd.text()
    with open(f"/proc/{rig.info['init']}/root/etc/.pwd.lock", "w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        r = odd.commit(with_login(before, "not-odd"), check=False)
        assert r.returncode == 1 and "/etc/.pwd.lock may be held" in r.stderr, r.stderr
    assert rig.answered() and odd.text() == before
    odd.commit(with_login(before, "not-odd"))
    odd.commit(before)
    until("the account is gone", lambda: "not-odd" not in rig.router("cat", "/etc/passwd"), 20)


def test_as_debian_comes(rig, rewritten):
    """passwd: files systemd, and libnss-systemd where this machine has it."""
    with open(f"/proc/{rig.info['init']}/root/etc/nsswitch.conf") as f:
        assert re.search(r"(?m)^passwd: files systemd$", f.read())
    conf, same = Conf(rig), engines(rig)
    r = conf.commit(with_agency(conf.text(), "lea7"), "--check", check=False)
    assert r.returncode == 1 and "agency lea7: no such system user" in r.stderr
    assert rig.answered() and engines(rig) == same


def test_user_who_comes_later(rig, odd):
    """A start does not fail for an agency whose user is not there: the others' taps and sessions are as ever, the log
    says whose is missing, once, and the user is found when there is one."""
    before, at = odd.text(), os.path.getsize(log_of(rig))
    lab_command("stop", "--name", rig.name)
    with open(odd.path, "w") as f:
        f.write(with_agency(before, "odd-late"))
    lab_command("start", "--name", rig.name)
    assert rig.answered()
    said = "agency odd-late: no such system user: nobody is let in as this agency before there is that user\n"
    assert said_since(rig, at).count(said) == 1
    assert rig.router("cat", "/etc/flowtap/flowtap.conf").count("odd-late") == 1
    at = os.path.getsize(log_of(rig))
    with open(f"/proc/{rig.info['init']}/root{LATE_FILE}", "w"):
        pass
    until("the user is found", lambda: "agency odd-late: user odd-late: number " in said_since(rig, at), 30)
    assert rig.answered()
    odd.commit(before)


def test_users_of_one_number(rig, rewritten):
    """Two agencies whose users became one do not keep the daemon from its start: nobody is let in as either, and the log
    says why, until each has a number of their own; no commit makes two such."""
    conf, passwd = Conf(rig), f"/proc/{rig.info['init']}/root/etc/passwd"
    with open(passwd) as f:
        users = f.read()

    def twins(*numbers):
        with open(passwd, "w") as f:
            f.write(users + "".join(f"twin{i}:x:{n}:65534::/:/bin/sh\n" for i, n in enumerate(numbers)))

    before, at = conf.text(), os.path.getsize(log_of(rig))
    text = with_agency(with_agency(before, "twin0"), "twin1")
    said = "agencies twin0 and twin1: their system users have one number, 1900300000"
    try:
        twins(1900300000, 1900300000)
        r = conf.commit(text, "--check", check=False)
        assert r.returncode == 1 and said in r.stderr, r.stderr
        lab_command("stop", "--name", rig.name)
        with open(conf.path, "w") as f:
            f.write(text)
        lab_command("start", "--name", rig.name)
        assert rig.answered() and rig.answered("lea2")
        assert said_since(rig, at).count(said + ": nobody is let in as one of them before each has their own\n") == 1
        at = os.path.getsize(log_of(rig))
        twins(1900300000, 1900300001)
        until("each is found", lambda: "agency twin1: user twin1: number " in said_since(rig, at), 30)
        assert rig.answered()
        conf.commit(before)
    finally:
        with open(passwd, "w") as f:
            f.write(users)
