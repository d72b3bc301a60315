# SPDX-License-Identifier: BSD-2-Clause
"""Commits: all or nothing, kept in a history, recorded, and without a packet missed."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time

import pytest
from rig import TREE, lab_command, outer, udp_packet, until
from stepper import Stepper
from test_lifecycle import engines, exact_under, restarted


@pytest.fixture
def conf(rig, rewritten):
    return Conf(rig)


class Conf:
    def __init__(self, rig):
        self.rig, self.path = rig, rig.info["dir"] + "/etc/flowtap.conf"
        self.candidate = rig.info["dir"] + "/etc/candidate"

    def text(self):
        with open(self.path) as f:
            return f.read()

    def flowtap(self, *argv, check=True):
        r = lab_command("exec", "--name", self.rig.name, "router", "flowtap", *argv, check=False)
        assert not check or r.returncode == 0, f"flowtap {argv}: {r.returncode} {r.stderr}"
        return r

    def ask(self, *argv):
        return json.loads(self.flowtap("-j", *argv).stdout)

    def active(self, back=0):
        return self.ask("show", "configuration", "rollback", str(back))

    def commit(self, text, *options, check=True):
        with open(self.candidate, "w") as f:
            f.write(text)
        return self.flowtap("commit", *options, "/etc/flowtap/candidate", check=check)

    def with_limit(self, n):
        """What is in force, with another limit."""
        text = self.active()["text"]
        assert text.count("maximum-sessions") <= 1
        text = "\n".join(line for line in text.split("\n") if "maximum-sessions" not in line)
        where = text.index("agency lea1 {") + len("agency lea1 {")
        return text[:where] + f" maximum-sessions {n};" + text[where:]


def test_commit_and_rollback(rig, conf):
    before = conf.active()
    assert conf.flowtap("show", "configuration").stdout == before["text"] == conf.active(0)["text"]
    done = conf.commit(conf.with_limit(7), "--comment", "fewer sessions")
    assert done.stdout == f"commit {before['generation'] + 1} complete\n"
    now = conf.active()
    assert "maximum-sessions 7;" in now["text"] and conf.text() == now["text"]
    assert (now["user"], now["comment"]) == ("root", "fewer sessions")
    assert conf.commit(now["text"]).stdout == "no changes\n"
    assert conf.flowtap("rollback", "1").stdout == f"commit {now['generation'] + 1} complete\n"
    assert conf.active()["text"] == before["text"] and conf.active(1)["text"] == now["text"]
    commits = conf.ask("show", "system", "commit")["commits"]
    assert [c["rollback"] for c in commits] == list(range(len(commits)))
    assert commits[0]["comment"] == f"rollback to commit {before['generation']}"
    assert commits[1]["comment"] == "fewer sessions"
    assert "fewer sessions" in conf.flowtap("show", "system", "commit").stdout
    assert conf.flowtap("rollback", "49", check=False).returncode == 4
    audit = [json.loads(line) for line in conf.flowtap("audit", "export").stdout.splitlines()]
    told = [e for e in audit if e["kind"] == "commit" and e.get("request") == "fewer sessions"]
    assert [(e["uid"], e["reason"]) for e in told] == [
        (0, "changed: services flow-tap agency lea1 maximum-sessions")]


def test_what_is_committed_can_be_shown(rig, conf):
    """An answer is JSON, in which what is escaped already is escaped again."""
    word = '{\n    x "' + '\\"' * 1_800_000 + '";\n}\n'
    before = conf.active()["text"]
    conf.commit(before + "interfaces " + word + "system { login { retry-options " + word + "} }"
        "services { radius-flow-tap " + word + "}")
    assert conf.flowtap("show", "configuration").stdout.count('\\"') == 3 * 1_800_000
    assert conf.active()["text"].count('\\"') == 3 * 1_800_000
    conf.commit(before)


def test_a_file_that_only_root_can_read(rig, conf):
    """As configuration management writes it: that the daemon can't read it is said at once, by a check and by a reload, with
    what is to be done."""
    log, remedy = rig.info["logs"] + "/flowtapd.log", f"chgrp _flowtap {conf.path}; chmod 640 {conf.path}"
    inside = "/etc/flowtap/flowtap.conf"
    remedy, at, before = remedy.replace(conf.path, inside), os.path.getsize(log), os.stat(conf.path)
    text, old = conf.with_limit(27), open(conf.path).read()
    try:
        with open(conf.path + ".new", "w") as f:
            f.write(text)
        os.chmod(conf.path + ".new", 0o600)
        os.rename(conf.path + ".new", conf.path)

        def said():
            with open(log) as f:
                f.seek(at)
                return "can't be read again without a restart: " + remedy in f.read()
        until("the daemon's word", said)
        r = lab_command("exec", "--name", rig.name, "router", "sh", "-c", f"flowtapd -n -f {inside} 2>&1")
        assert "configuration OK" in r.stdout and "can't read it: " + remedy in r.stdout
        r = lab_command("exec", "--name", rig.name, "router", "sh", "-c",
                        "flowtap request system configuration reload 2>&1", check=False)
        assert r.returncode != 0 and remedy in r.stdout, r.stdout
        os.chown(conf.path, 0, before.st_gid)
        os.chmod(conf.path, 0o640)
        r = lab_command("exec", "--name", rig.name, "router", "sh", "-c", f"flowtapd -n -f {inside} 2>&1")
        assert "can't read it" not in r.stdout
        rig.router("flowtap", "request", "system", "configuration", "reload")
    finally:
        with open(conf.path, "w") as f:
            f.write(old)
        os.chown(conf.path, 0, before.st_gid)
        os.chmod(conf.path, 0o640)
        rig.router("flowtap", "request", "system", "configuration", "reload")


def test_commit_keeps_the_file_from_others(rig, conf):
    """Whatever it was, after a commit others can't read it, and the daemon can.  Its history is the engine's alone."""
    def mode(path):
        return os.stat(path).st_mode & 0o777
    try:
        group = os.stat(conf.path).st_gid
        for n, before in enumerate((0o644, 0o666, 0o600)):
            os.chmod(conf.path, before)
            os.chown(conf.path, 0, 0 if before == 0o600 else group)
            conf.commit(conf.with_limit(20 + n))
            assert mode(conf.path) == 0o640 and os.stat(conf.path).st_uid == 0 and os.stat(conf.path).st_gid == group
        folder = history_dir(rig)
        assert {mode(f"{folder}/{name}") for name in os.listdir(folder)} == {0o600}
        # What everybody can read, or the daemon can't, is told of at the start.
        for now, said in (0o644, "everybody can read it, password hashes"), (0o600, "can't be read again without a restart"):
            os.chmod(conf.path, now)
            at = os.path.getsize(rig.info["logs"] + "/flowtapd.log")
            lab_command("restart", "--name", rig.name)
            with open(rig.info["logs"] + "/flowtapd.log") as f:
                f.seek(at)
                assert said in f.read()
    finally:
        os.chmod(conf.path, 0o640)


@pytest.mark.parametrize("mode,own_group", [(0o644, True), (0o666, True), (0o640, False), (0o600, False)])
def test_no_changes_but_the_file_is_kept_from_others(rig, conf, mode, own_group):
    """A commit that changes nothing puts its group and mode right, too, and leaves what root has written there meanwhile;
    a check does not."""
    active, was, written = conf.active()["text"], os.stat(conf.path), conf.text() + "# by hand\n"

    def now():
        st = os.stat(conf.path)
        return st.st_mode & 0o7777, st.st_uid, st.st_gid
    try:
        with open(conf.path, "w") as f:
            f.write(written)
        os.chown(conf.path, 0, was.st_gid if own_group else 0)
        os.chmod(conf.path, mode)
        before = now()
        assert conf.commit(active, "--check").returncode == 0 and now() == before
        assert conf.commit(active).stdout == "no changes\n"
        until("it is right", lambda: now() == (0o640, 0, was.st_gid), 10)
        assert conf.text() == written
    finally:
        with open(conf.path, "w") as f:
            f.write(written.removesuffix("# by hand\n"))
        os.chown(conf.path, 0, was.st_gid)
        os.chmod(conf.path, 0o640)


def test_refused_commit_changes_nothing(rig, conf):
    before, listed = conf.text(), conf.ask("show", "system", "commit")
    bad = conf.commit(before.replace("flow-tap {", "flow-tapp {", 1), check=False)
    assert bad.returncode == 1 and re.search(
        r":\d+:5: flow-tapp: expected dynamic-flow-capture, radius-flow-tap, flow-tap, ", bad.stderr, re.M), bad.stderr
    nobody = conf.commit(before.replace("agency lea1", "agency nobody-of-that-name;\n agency lea1", 1), check=False)
    assert nobody.returncode == 1 and "agency nobody-of-that-name: no such system user" in nobody.stderr
    stale = conf.commit(conf.with_limit(9), "--base", "1000000", check=False)
    assert stale.returncode == 1 and "changed meanwhile" in stale.stderr
    assert conf.commit(conf.with_limit(9), "--check").stdout == "configuration check succeeds\n"
    assert conf.text() == before and conf.ask("show", "system", "commit") == listed
    assert rig.answered()


def test_refusals_say_where_and_why(rig, conf):
    """What only the system can judge is told of its statement, with the reason and a way out."""
    text = conf.text()
    lo = text.replace("flow-tap {", "flow-tap {\n        tapped-interfaces lo;", 1)
    if "tapped-interfaces" in text:
        lo = re.sub(r"tapped-interfaces [^;]*;", "tapped-interfaces lo;", text)
    r = conf.commit(lo, "--check", check=False)
    line = 1 + lo[:lo.index("tapped-interfaces")].count("\n")
    assert r.returncode == 1 and f":{line}:1: interface lo: not Ethernet, which alone can be tapped" in r.stderr, r
    r = conf.commit(text.replace("agency lea1", "agency nobody-of-that-name;\n agency lea1", 1), check=False)
    line = 1 + text[:text.index("agency lea1")].count("\n")
    assert f":{line}:1: agency nobody-of-that-name: no such system user; system login user, or useradd(8), makes one" \
        in r.stderr, r
    assert conf.text() == text


def test_only_operators(rig, conf):
    for words in (["show", "configuration"], ["show", "system", "commit"], ["commit", "/etc/hostname"]):
        r = lab_command("exec", "--name", rig.name, "router", "setpriv", "--reuid=65534", "--clear-groups", "flowtap",
                        *words, check=False)
        assert r.returncode == 3 and "permission denied" in r.stderr, r


def test_commit_under_traffic(rig, conf):
    """Not a packet is missed or copied twice."""
    def disturb():
        for n in 5, 6, 7, 8:
            conf.commit(conf.with_limit(n))
    exact_under(rig, disturb)
    conf.flowtap("rollback", "4")


def test_unwritable_folder(rig, conf):
    """A disk error changes nothing."""
    before, listed = conf.text(), conf.ask("show", "system", "commit")
    folder = os.path.dirname(conf.path)
    text = conf.with_limit(9)
    with open(conf.candidate, "w") as f:
        f.write(text)
    os.chmod(folder, 0o755)
    os.chown(folder, 65534, 65534)
    try:
        r = conf.flowtap("commit", "/etc/flowtap/candidate", check=False)
    finally:
        os.chown(folder, 0, 0)
    assert r.returncode == 1 and "/etc/flowtap/flowtap.conf: Permission denied" in r.stderr, r.stderr
    assert conf.text() == before and conf.ask("show", "system", "commit") == listed
    assert conf.commit(conf.with_limit(9)).returncode == 0
    conf.flowtap("rollback", "1")


def test_confirmed(rig, conf):
    before = conf.active()
    assert "unless it is confirmed" in conf.commit(conf.with_limit(11), "--confirmed", "1").stdout
    assert "confirm-within-seconds" in conf.ask("show", "system", "commit")
    assert conf.flowtap("commit").stdout == f"commit {before['generation'] + 1} confirmed\n"
    assert "confirm-within-seconds" not in conf.ask("show", "system", "commit")
    assert conf.flowtap("commit", check=False).returncode == 1
    conf.flowtap("rollback", "1")


@pytest.fixture
def users(rig):
    """So many more system users in the router's box that there are 10,000 agencies with the two it has."""
    path, names = f"/proc/{rig.info['init']}/root/etc/passwd", [f"many{i}" for i in range(9998)]
    with open(path) as f:
        old = f.read()
    with open(path, "a") as f:
        f.writelines(f"{name}:x:{1900100000 + i}:65534::/:/bin/sh\n" for i, name in enumerate(names))
    yield names
    with open(path, "w") as f:
        f.write(old)


def test_many_agencies(rig, conf, users):
    """As many as there may be, 10,000, in two seconds or less, there and back."""
    old, text = conf.active()["text"], conf.text()
    many = "".join(f"agency {name} {{ authority standing; content-destination 192.0.2.0/24; }}\n" for name in users)
    took = []
    for new in text.replace("agency lea1", many + "agency lea1", 1), old:
        start = time.monotonic()
        conf.commit(new)
        took.append(time.monotonic() - start)
    print(f"{len(users)} agencies committed in {took[0]:.2f} s, taken away in {took[1]:.2f} s")
    assert max(took) <= (4 if "PYTEST_XDIST_WORKER" in os.environ else 2)  # another lab has its share of the cores
    assert conf.text() == old


# ---- what happens when the daemon dies ----

def history_dir(rig):
    return f"/proc/{rig.info['init']}/root/var/lib/flowtap/rollback"


def agrees(conf, texts, comments):
    """What is in force is one of the texts, whole, in the file, in the daemon and in the history."""
    now, text = conf.active(), conf.text()
    assert text in texts, text
    assert now["text"] == text
    commits = conf.ask("show", "system", "commit")["commits"]
    assert commits[0]["generation"] == now["generation"] and commits[0]["comment"] in comments[texts.index(text)]
    assert [c["generation"] for c in commits] == sorted((c["generation"] for c in commits), reverse=True)
    assert not [n for n in os.listdir(history_dir(conf.rig)) if n.endswith(".new")]
    return text


@pytest.mark.parametrize("role, stride", [("keeper", 3), ("parent", 4), ("engine", 20)])
def test_killed_at_every_call(rig, conf, role, stride):
    """kill -9 as the process is about to make its 1st, 2nd, 3rd ... system call in a commit."""
    if os.environ.get("FLOWTAP_EVERY_CALL"):
        stride = 1
    old, outcomes = conf.text(), set()
    texts = [conf.active()["text"]]
    conf.commit(conf.with_limit(3), "--comment", "base")
    for step in range(1, 4000, stride):
        old, before = conf.text(), engines(rig)
        new_text = conf.with_limit(4 if "maximum-sessions 3" in old else 3)
        with open(conf.candidate, "w") as f:
            f.write(new_text)
        check = conf.flowtap("commit", "--check", "/etc/flowtap/candidate")
        assert check.stdout == "configuration check succeeds\n"
        stepper = Stepper(rig.processes()[role][0])
        client = subprocess.Popen([TREE + "/tools/lab", "exec", "--name", rig.name, "router", "flowtap", "commit",
                                   "--comment", f"step {step}", "/etc/flowtap/candidate"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        killed = stepper.run(step, lambda: client.poll() is not None)
        said = client.communicate(timeout=30)[0]
        if killed:
            restarted(rig, before)
        new = re.sub(r"maximum-sessions \d+", lambda m: "maximum-sessions " + ("4" if m[0][-1] == "3" else "3"), old)
        was = conf.ask("show", "system", "commit")["commits"]
        now = agrees(conf, [old, new], [{c["comment"] for c in was}, {f"step {step}"}])
        assert client.returncode != 0 or now == new, said
        outcomes.add(now == new)
        if not killed:
            break
    assert step > 3 * stride and outcomes == {False, True}
    conf.commit(texts[0])


@pytest.mark.skipif(not os.environ.get("FLOWTAP_EVERY_CALL"), reason="a minute is the shortest time to confirm: make check-long")
def test_confirmed_outlives_a_kill(rig, conf):
    """Nobody confirms it; the daemon is killed meanwhile."""
    before = conf.active()
    conf.commit(conf.with_limit(12), "--confirmed", "1", "--comment", "risky")
    old, now = engines(rig), rig.processes()
    for role in "engine", "keeper", "parent":  # whoever is left ends by himself
        with contextlib.suppress(ProcessLookupError):
            os.kill(now[role][0], signal.SIGKILL)
    restarted(rig, old)
    assert "maximum-sessions 12" in conf.text() and conf.active()["comment"] == "risky"
    until("it is taken back", lambda: conf.text() == before["text"], 70)
    now = until("it is in force", lambda: (a := conf.active())["text"] == before["text"] and a)
    assert now["comment"] == f"commit {before['generation'] + 1} was not confirmed"
    assert "confirm-within-seconds" not in conf.ask("show", "system", "commit")


@pytest.mark.parametrize("boot", ["this", "another"])
def test_confirmed_and_over_at_a_start(rig, conf, boot):
    """Its time passes while no daemon runs, in this boot or with a reboot in between."""
    before = conf.active()
    conf.commit(conf.with_limit(13), "--confirmed", "60")
    path = f"{history_dir(rig)}/{before['generation'] + 1}.confirm"

    def later():
        back, name, boot_ms, wall_ms, set_ms = open(path).read().split()
        name = "f" * 8 + name[8:] if boot == "another" else name
        moved = [back, name, str(int(boot_ms) - 3600001), str(int(wall_ms) - 3600001), str(int(set_ms) - 3600001)]
        with open(path, "w") as f:
            f.write(" ".join(moved) + "\n")
    later()
    old, group = engines(rig), os.stat(conf.path).st_gid
    os.kill(rig.processes()["parent"][0], signal.SIGKILL)
    restarted(rig, old)
    assert conf.text() == before["text"] == conf.active()["text"]
    assert group != 0 and (os.stat(conf.path).st_gid, os.stat(conf.path).st_mode & 0o777) == (group, 0o640)
    assert conf.active()["comment"] == f"commit {before['generation'] + 1} was not confirmed"


# ---- what a commit changes ----

def test_class_of_copies(rig, conf):
    """Code points of what is copied from the moment of the commit."""
    text, port = conf.active()["text"], rig.port()
    everybodys = "class-of-service { interfaces { vt-0/0/0 { unit 7 { forwarding-class network-control; } } } }"
    classes = {"copies { forwarding-class expedited-forwarding; }": 46, "copies { dscp 10; }": 10,
               "copies { forwarding-class network-control; dscp 0; }": 0, "tunnel-interface vt-0/0/0.7;": 48}
    with rig.session() as s, rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        mine = lambda p: p[0] >> 4 == 4 and p[9] == 17 and int.from_bytes(p[22:24], "big") == port  # noqa: E731
        with rig.sniffer("mediation", keep=mine) as content:
            for n, (words, dscp) in enumerate(classes.items()):
                conf.commit(everybodys + text.replace("agency lea1", f"{words} agency lea1", 1))
                packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"%d" % n)
                inject(packet)
                copy = content.wait(n + 1)[n]
                assert copy[1] >> 2 == dscp and outer(4, copy)[5] == packet
    conf.commit(text)
