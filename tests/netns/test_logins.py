# SPDX-License-Identifier: BSD-2-Clause
"""Users of system login are users of the system: made, changed and removed by commits, all or nothing, and no
others; by real tools, in an /etc of the lab's own, and let in or not by the real sshd."""

import os
import re
import signal
import subprocess

import paramiko
import pytest
from lablib.box import hash_password
from rig import dtcp, lab_command, net, until
from test_commit import Conf

TAPPERS = "class tappers { permissions flow-tap-operation; } "
WATCHERS = "class watchers { permissions view; } "


class Logins:
    def __init__(self, rig, folder):
        self.rig, self.conf, self.folder = rig, Conf(rig), folder
        self.before, self.accounts = self.conf.active()["text"], self.files()

    def file(self, name):
        with open(f"/proc/{self.rig.info['init']}/root/etc/{name}") as f:
            return f.read()

    def files(self):
        return {name: sorted(self.file(name).splitlines()) for name in ("passwd", "group", "shadow")}

    def names(self):
        """Whom we made, by the user table."""
        gid = re.search(r"(?m)^flowtap-login:x:(\d+):", self.file("group"))[1]
        return {x.split(":")[0] for x in self.file("passwd").splitlines() if x.split(":")[3] == gid}

    def configured(self):
        return set(re.findall(r"(?m)^ {8}user (\S+) ?[{;]", self.conf.active()["text"]))

    def shadow(self, name):
        return re.search(rf"(?m)^{re.escape(name)}:([^:]*):", self.file("shadow"))[1]

    def text(self, logins, agencies=""):
        return (self.before.replace("flow-tap {", f"flow-tap {{ {agencies}", 1)
                + f"system {{ login {{ {TAPPERS}{WATCHERS}{logins} }} }}")

    def commit(self, logins, agencies="", check=True):
        return self.conf.commit(self.text(logins, agencies), check=check)

    def key(self, kind):
        path = f"{self.folder}/{kind}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a b", "-f", path], check=True)
        with open(path + ".pub") as f:
            return path, f.read().strip()

    def lets_in(self, user, password="", key=None):
        login = ("-o", "PubkeyAuthentication=no") if key is None else (
            "-o", "PasswordAuthentication=no", "-o", "IdentitiesOnly=yes", "-i", key)
        self.rig.passwords.setdefault(user, password)
        try:
            with self.rig.session(user, password=password, login=login) as s:
                return s.ask("NOOP").code == 200
        except dtcp.Silence:
            return False
        finally:
            self.rig.passwords.pop(user)


@pytest.fixture
def logins(rig, rewritten, tmp_path):
    one = Logins(rig, tmp_path)
    yield one
    assert rig.router("stat", "-c", "%U:%G %a", "/etc/shadow") == "root:shadow 640\n"
    one.conf.commit(one.before)
    until("nobody is left", lambda: one.names() == set(), 20)
    assert one.files() == one.accounts


def agency(name):
    return f"agency {name} {{ authority standing; }} "


@pytest.mark.parametrize("name", ["ft-user1", "lea+5@example.net"])
def test_password(logins, name):
    """Made, changed, removed; the others are not touched, and the hash is what was given."""
    one, two = hash_password("first"), hash_password("second")
    logins.commit(f'user {name} {{ class tappers; authentication {{ encrypted-password "{one}"; }} }}', agency(name))
    assert logins.names() == {name} and logins.shadow(name) == one
    assert logins.lets_in(name, "first") and not logins.lets_in(name, "second")
    logins.commit(f'user {name} {{ class tappers; authentication {{ encrypted-password "{two}"; }} }}', agency(name))
    assert logins.shadow(name) == two
    assert logins.lets_in(name, "second") and not logins.lets_in(name, "first")
    others = {f: [x for x in lines if name not in x] for f, lines in logins.files().items()}
    was = {f: [x for x in lines if not x.startswith("flowtap-agency:")] for f, lines in logins.accounts.items()}
    assert {f: [x for x in lines if not x.startswith("flowtap-agency:")] for f, lines in others.items()} == was
    logins.commit("")
    until("the account is gone", lambda: logins.names() == set(), 20)
    assert not logins.lets_in(name, "second")


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_keys(logins, kind):
    path, public = logins.key(kind)
    logins.commit(f'user ft-user1 {{ class tappers; authentication {{ ssh-{kind} "{public}"; }} }}', agency("ft-user1"))
    assert logins.shadow("ft-user1") == "*"
    assert logins.lets_in("ft-user1", key=path)
    logins.commit("user ft-user1 { class tappers; }", agency("ft-user1"))
    assert not logins.lets_in("ft-user1", key=path)


def test_class_decides(logins):
    """Without flow-tap-operation nobody comes in, and who loses it is out, the open session too."""
    secret = hash_password("x")
    user = f'user ft-user1 {{ class @; authentication {{ encrypted-password "{secret}"; }} }}'
    logins.commit(user.replace("@", "watchers"), agency("ft-user1"))
    assert not logins.lets_in("ft-user1", "x")
    logins.commit(user.replace("@", "tappers"), agency("ft-user1"))
    logins.rig.passwords["ft-user1"] = "x"
    with logins.rig.session("ft-user1") as s:
        assert s.ask("NOOP").code == 200
        logins.commit(user.replace("@", "watchers"), agency("ft-user1"))
        with pytest.raises(dtcp.Silence):
            s.ask("NOOP")
    logins.rig.passwords.pop("ft-user1")
    assert not logins.lets_in("ft-user1", "x")


def test_who_is_removed_is_out(logins):
    """Also while the agency stays: the open session ends, and the connection that is still there opens no other."""
    rig = logins.rig
    logins.commit(f'user ft-user1 {{ class tappers; authentication {{ encrypted-password "{hash_password("x")}"; }} }}',
                  agency("ft-user1"))
    t = paramiko.Transport(net.tcp_connect(rig.ns("mediation"), rig.addr("router"), rig.lab["ssh_port"]))
    try:
        t.connect(username="ft-user1", password="x")

        def said():
            channel = t.open_session()
            channel.settimeout(20)
            channel.invoke_subsystem("flow-tap-dtcp")
            channel.sendall(dtcp.request("NOOP", "ft-user1", 1))
            data = b""
            while not dtcp.END.search(data) and (piece := channel.recv(4096)):
                data += piece
            return channel, data

        channel, answer = said()
        assert answer.startswith(b"DTCP/0.7 200 OK")
        logins.commit("", agency("ft-user1"))
        assert channel.recv(100) == b"", "it ends"
        assert said()[1] == b""
    finally:
        t.close()
    until("the account is gone", lambda: logins.names() == set(), 20)


def test_a_number_is_not_given_again_too_early(logins):
    """An account goes when its last process has; until then it can do nothing."""
    logins.commit(f'user ft-user1 {{ class tappers; authentication {{ encrypted-password "{hash_password("x")}"; }} }}')
    with subprocess.Popen(["nsenter", "-t", str(logins.rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv",
                           "--reuid=ft-user1", "--regid=65534", "--clear-groups", "cat"], stdin=subprocess.PIPE) as p:
        until("it runs", lambda: b"cat" in open(f"/proc/{p.pid}/cmdline", "rb").read())
        logins.commit("user ft-user2 { class tappers; }")
        assert logins.names() == {"ft-user1", "ft-user2"} and logins.shadow("ft-user1") == "*"
        assert "ft-user1" not in re.search(r"(?m)^flowtap-agency:.*$", logins.file("group"))[0]
        assert not logins.lets_in("ft-user1", "x")
        p.stdin.close()
        p.wait(10)
    until("the account is gone", lambda: logins.names() == {"ft-user2"}, 20)


def test_accounts_of_others(logins):
    """One that exists is not touched, and the commit says on which line."""
    before, commits = logins.files(), logins.conf.ask("show", "system", "commit")
    text = logins.text("user ft-user1 { class tappers; }\nuser lea1 { class watchers; }")
    line = text[:text.index("user lea1")].count("\n") + 1
    for options in ((), ("--check",)):
        r = logins.conf.commit(text, *options, check=False)
        assert r.returncode == 1, r
        assert f":{line}:1: user: system login user lea1: there is such a user, whom no commit made" in r.stderr, r
        assert logins.files() == before and logins.conf.ask("show", "system", "commit") == commits
    assert logins.rig.answered()


def test_names_that_look_like_our_own(logins):
    """What is written on the way to a login's file is nobody's login; what a killed one left, of this release or of an
    older one, is no login and goes."""
    folder = os.path.dirname(logins.conf.path) + "/logins"
    logins.commit("user boss.new { class tappers; }")
    for left in ".boss.new", ".gone.new", "gone.new", ".theirs":
        with open(f"{folder}/{left}", "w") as f:
            f.write("half a k")
    logins.commit("user boss.new { class tappers; } user boss { class tappers; }")
    assert set(os.listdir(folder)) == {"boss", "boss.new", ".theirs"} and logins.names() == {"boss", "boss.new"}
    os.unlink(folder + "/.theirs")
    logins.commit("user boss { class tappers; }")
    until("one of them is gone", lambda: logins.names() == {"boss"} and os.listdir(folder) == ["boss"], 20)


def test_of_our_group_without_a_mark(logins):
    """Made by hand, or their file is gone: left alone, and named, at each change."""
    log = logins.rig.info["logs"] + "/flowtapd.log"
    logins.rig.router("useradd", "--system", "--gid", "flowtap-login", "--no-create-home", "byhand")
    try:
        at = os.path.getsize(log)
        logins.commit("user ft-user1 { class watchers; }")
        assert logins.names() == {"ft-user1", "byhand"}
        with open(log) as f:
            f.seek(at)
            said = f.read()
        assert said.count("login byhand: no commit has made it, but its group is flowtap-login") == 1
        assert "login ft-user1: no" not in said
    finally:
        logins.rig.router("userdel", "byhand")


def test_refused_commit_leaves_nobody(logins):
    """Whichever process it is that refuses: the accounts are as before."""
    logins.commit("user ft-user1 { class watchers; } user ft-user3 { class watchers; }")
    before = logins.files()
    r = logins.commit("user ft-user1 { class tappers; } user ft-user2 { class tappers; }", agency("nobody-at-all"), check=False)
    assert r.returncode == 1 and "agency nobody-at-all: no such system user" in r.stderr, r
    assert logins.files() == before
    folder = os.path.dirname(logins.conf.path)
    with open(logins.conf.candidate, "w") as f:
        f.write(logins.text("user ft-user1 { class tappers; } user ft-user2 { class tappers; }"))
    os.chown(folder, 65534, 65534)
    try:
        r = logins.conf.flowtap("commit", "/etc/flowtap/candidate", check=False)
    finally:
        os.chown(folder, 0, 0)
    assert r.returncode == 1 and "Permission denied" in r.stderr, r
    assert logins.files() == before


def test_check_makes_nobody(logins):
    before = logins.files()
    r = logins.conf.commit(logins.text("user ft-user1 { class tappers; }", agency("ft-user1")), "--check")
    assert r.stdout == "configuration check succeeds\n" and logins.files() == before


@pytest.mark.parametrize("role", ["parent", "accounts", "engine"])
def test_killed_in_the_midst(logins, role):
    """After the next start the accounts are those of the configuration in force, the old or the new one."""
    sets = ["ft-user1", "ft-user2"], ["ft-user2", "ft-user3", "ft-user4"]
    seen = set()
    for step in range(8):
        with open(logins.conf.candidate, "w") as f:
            f.write(logins.text("".join(f"user {u} {{ class tappers; }} " for u in sets[step % 2])))
        pid, = logins.rig.processes()[role][:1]
        before = logins.file("passwd")
        argv = ["commit", "/etc/flowtap/candidate"]
        client = subprocess.Popen(["nsenter", "-t", str(logins.rig.info["init"]), "--mount", "--pid", "--net", "--",
                                   logins.rig.lab["bin"] + "/flowtap", *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        # the accounts' files change, for the first to the fourth time
        for _ in range(step // 2 + 1):
            until("a change, or an answer", lambda: client.poll() is not None or logins.file("passwd") != before)
            before = logins.file("passwd")
        os.kill(pid, signal.SIGKILL)
        seen.add(client.wait(20))
        client.stdout.close()
        until("another start", lambda: logins.rig.processes()[role][:1] not in ([], [pid]), 20)
        until("it answers", logins.rig.answered, 20)
        until(f"step {step}", lambda: logins.names() == logins.configured(), 20)
        assert logins.configured() in (set(sets[0]), set(sets[1]), set()), step
    assert seen & {0, 1, 5}


def test_changed_by_hand(logins):
    """A file put in place before a start says who there is; an account that somebody replaced is no login."""
    with open(logins.conf.path) as f:
        raw = f.read()
    try:
        with open(logins.conf.path, "w") as f:
            f.write(logins.text("user ft-user1 { class super-user; } user lea1 { class super-user; }"))
        lab_command("restart", "--name", logins.rig.name)
        assert logins.names() == {"ft-user1"}
        words = ["flowtap", "show", "configuration"]
        for user, code in ("ft-user1", 0), ("lea1", 3):
            r = lab_command("exec", "--name", logins.rig.name, "router", "setpriv", f"--reuid={user}", "--regid=65534",
                            "--clear-groups", *words, check=False)
            assert r.returncode == code, (user, r)
        with open(logins.rig.info["logs"] + "/flowtapd.log") as f:
            assert "system login user lea1: there is such a user" in f.read()
    finally:
        with open(logins.conf.path, "w") as f:
            f.write(raw)
        lab_command("restart", "--name", logins.rig.name)


def test_power_of_the_process(logins):
    pid, = logins.rig.processes()["accounts"]
    with open(f"/proc/{pid}/status") as f:
        st = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    assert {int(st[kind], 16) for kind in ("CapPrm", "CapEff", "CapAmb")} == {0}
    assert st["Groups"].split() == [str(os.stat(f"/proc/{pid}/root/etc/shadow").st_gid)], "the file's of passwords"
    assert st["NoNewPrivs"] == "1"
