# SPDX-License-Identifier: BSD-2-Clause
"""Every class, every command and every branch, by the real daemon over its real sockets."""

import json
import re
import subprocess

import pytest
from rig import dtcp, lab_command
from test_commit import Conf

# What each class may, said a second time and without a look at the code: R(ead) the configuration, L see logins,
# l change them, c(ommit), p change ports, S see hashes, F see flow-tap, f change it, O speak DTCP, A audit,
# M maintenance, W warrants, X what is root's.
CLASSES = {
    "view": "R", "view-configuration": "RL", "configure": "Rc", "admin": "RL", "admin-control": "RLlc",
    "interface": "R", "interface-control": "Rpc", "secret": "S", "maintenance": "M", "audit": "A",
    "flow-tap": "RF", "flow-tap-control": "RFfc", "flow-tap-operation": "O", "all-control": "RLlpFfc",
    "all": "RLlcpSFfAM", "routing": "", "none": "",
}
OTHERS = {  # by user and groups
    "root": ("0", "0", "RLlcpSFfAMWX"), "operator": ("65534", "_flowtap", "RLlcpSFf"),
    "auditor": ("65534", "flowtap-audit", "A"), "officer": ("65534", "flowtap-warrant", "W"),
    "nobody": ("65534", "65534", ""),
}
COMMANDS = {
    ("show", "services", "flow-tap"): "", ("show", "services", "flow-tap", "statistics"): "F",
    ("show", "services", "flow-tap", "sessions"): "F", ("show", "services", "flow-tap", "content-destinations"): "F",
    ("show", "services", "flow-tap", "events"): "F", ("show", "configuration"): "R",
    ("show", "configuration", "rollback", "1"): "R", ("show", "system", "commit"): "R",
    ("commit",): "Rc", ("rollback", "--check", "0"): "Rc",
    ("request", "system", "configuration", "reload"): "X",
    ("audit", "head"): "A", ("audit", "export"): "A",
    ("warrant", "show"): "W", ("warrant", "enter", "/dev/null"): "W", ("warrant", "approve", "lea1", "x", "y"): "W",
    ("warrant", "revoke", "lea1", "x"): "W", ("warrant", "accept-clock"): "W",
    ("request", "services", "flow-tap", "rotate-keys"): "FM",
    ("request", "services", "flow-tap", "self-test"): "F", ("show", "cli", "authorization"): "",
}
# A branch: what stands in it, a change, what it takes to see and to change it.
BRANCHES = {
    "login": ("user u-view {", "user u-view { authentication { ssh-rsa \"ssh-rsa AAAA\"; }", "L", "l"),
    "dtcp": ("connection-limit 70;", "connection-limit 71;", "F", "f"),
    "chassis": ("fpc 0;", "fpc 1;", "R", "p"),
    "class-of-service": ("queue-num 3;", "queue-num 4;", "R", "p"),
    "flow-tap": ("maximum-sessions 31;", "maximum-sessions 30;", "F", "f"),
    "interfaces": ("vt-0/0/0", "vt-0/1/0", "R", "p"),
}


def has(rights, needed):
    return all(x in rights for x in needed)


class People:
    def __init__(self, rig):
        self.rig, self.conf = rig, Conf(rig)
        self.before = self.conf.active()["text"]
        logins = "".join(f"class c-{c} {{ permissions {c}; }} user u-{c} {{ class c-{c}; }} "
                         for c in CLASSES if c != "none") + "class c-none; user u-none { class c-none; }"
        agencies = "".join(f"agency u-{c} {{ authority standing; maximum-sessions 31; }} " for c in CLASSES)
        self.text = (self.before.replace("flow-tap {", f"flow-tap {{ {agencies}", 1) + "chassis { fpc 0; }"
                     "class-of-service { forwarding-classes { class voice queue-num 3; } }"
                     f"interfaces {{ vt-0/0/0 {{ unit 0; }} }} system {{ login {{ {logins} }}"
                     " services { flow-tap-dtcp { ssh { connection-limit 70; } } } }")
        self.conf.commit(self.text, "--comment", "the tap for lea9")
        self.rights = {c: r for c, r in CLASSES.items()} | {who: o[2] for who, o in OTHERS.items()}

    def close(self):
        self.conf.commit(self.before)

    def run(self, who, *argv, text=None):
        user, group = OTHERS[who][:2] if who in OTHERS else (f"u-{who}", "65534")
        return subprocess.run(["nsenter", "-t", str(self.rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv",
                               f"--reuid={user}", f"--regid={group}", "--clear-groups", *argv],
                              capture_output=True, text=True, input=text, timeout=30)

    def flowtap(self, who, *words, text=None):
        return self.run(who, self.rig.lab["bin"] + "/flowtap", *words, text=text)

    def view(self, who):
        return self.flowtap(who, "show", "configuration").stdout

    def check(self, who, text):
        return self.flowtap(who, "commit", "--check", "-", text=text)


@pytest.fixture(scope="module")
def people(the_rig, rewritten):
    p = People(the_rig)
    yield p
    p.close()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_class_and_command(people, words):
    for who, rights in people.rights.items():
        r = people.flowtap(who, *words)
        denied = r.returncode == 3
        assert denied == (not has(rights, COMMANDS[words])), (who, r)
        assert not denied or (r.stdout == "" and not ("tap" in r.stderr.removeprefix("flowtap: ").split("group")[0])), (
            who, r)


def test_authorization_has_the_words_that_are_set(people):
    """A class with these words gives the same; what one has not is not among them."""
    for who, rights in people.rights.items():
        said = json.loads(people.flowtap(who, "-j", "show", "cli", "authorization").stdout)
        words = set(said["permissions"])
        assert words <= set(CLASSES) - {"none"} | {"clear", "network", "trace", "secret-control"}, (who, words)
        assert all(has(rights, CLASSES[w]) for w in words & set(CLASSES)), (who, words)
        assert who in words or who in OTHERS or not CLASSES[who], (who, words)
        assert said["warrant-officer"] == has(rights, "W"), who


@pytest.mark.parametrize("branch", BRANCHES)
def test_every_class_and_branch(people, branch):
    here, there, see, change = BRANCHES[branch]
    for who, rights in people.rights.items():
        view = people.view(who)
        assert (here in view) == (has(rights, "R") and has(rights, see)), (who, branch)
        if here not in view or not has(rights, "c"):
            continue
        r = people.check(who, view.replace(here, there, 1))
        assert r.returncode == (0 if has(rights, change) else 3), (who, branch, r)
        assert people.check(who, view).stdout == "no changes\n"


def test_what_may_be_changed_is(people):
    """Not only checked: of everything that is not shown, not a byte changes."""
    whole = people.conf.active()["text"]
    for who, (here, there) in {"interface-control": ("fpc 0", "fpc 7"), "flow-tap-control": ("connection-limit 70", "connection-limit 69"),
                               "admin-control": ("class c-none;", "class c-none; # as agreed")}.items():
        r = people.flowtap(who, "commit", "--comment", f"by {who}", "-", text=people.view(who).replace(here, there, 1))
        assert r.returncode == 0, (who, r)
        whole = whole.replace(here, there, 1)
        now = people.conf.active()
        assert (now["text"], now["user"], now["comment"]) == (whole, f"u-{who}", f"by {who}")


def test_secrets(people):
    """A hash that was not shown is neither lost nor needed."""
    text, secret = people.conf.active()["text"], "$y$j9T$aaaaaaaa$bbbbbbbb"
    people.conf.commit(text.replace("user u-routing {", f"user u-routing {{ authentication {{ encrypted-password \"{secret}\"; }}"))
    for who, rights in people.rights.items():
        assert (secret in people.view(who)) == has(rights, "RLS"), who
    view = people.view("admin-control")
    assert 'encrypted-password "*";' in view
    r = people.flowtap("admin-control", "commit", "-", text=view.replace("class c-routing;", "class c-routing; # kept"))
    assert r.returncode == 0, r
    assert secret in people.conf.active()["text"]
    people.conf.commit(text)


@pytest.mark.parametrize("text", ["@ { flow-tap; }", "system { @ { flow-tap-dtcp; } }", "inactive: @;",
                                  "set @ flow-tap", "set system @ flow-tap-dtcp ssh", "delete @", "deactivate @ flow-tap"])
def test_nothing_tells_of_what_is_hidden(people, text):
    """What one may not know of is as unknown as what there is not."""
    for who, rights in people.rights.items():
        if has(rights, "c") and not has(rights, "F"):
            known, unknown = people.check(who, text.replace("@", "services")), people.check(who, text.replace("@", "servicex"))
            assert known.returncode == unknown.returncode == 1
            assert known.stderr == unknown.stderr.replace("servicex", "services"), (known, unknown)
            assert not re.search("expected.*(services|tap)", known.stderr), known


def test_the_shell_knows_no_more(people):
    """Neither when a path is typed nor when words are offered."""
    for who, rights in people.rights.items():
        if not has(rights, "R") or has(rights, "F"):
            continue
        known, unknown = (people.flowtap(who, "show", "configuration", word) for word in ("services", "servicex"))
        assert known.returncode == unknown.returncode != 0
        assert known.stderr == unknown.stderr.replace("servicex", "services"), (who, known, unknown)
        lines = "configure\nset @ flow-tap\nset system @\ndelete @\nedit @\nset system login class x permissions @\nexit\n"
        for hidden, other in ("services", "servicex"), ("flow-tap", "flow-tax"):
            known, unknown = (people.flowtap(who, text=lines.replace("@", word)) for word in (hidden, other))
            for told in known.stdout + known.stderr, unknown.stdout + unknown.stderr:
                assert not re.search("expected.*(services|tap)", told), (who, told)
            assert known.stderr == unknown.stderr.replace(other, hidden), (who, known, unknown)


def test_history_tells_nothing(people):
    """Not the comments, nor the earlier texts."""
    n = len(json.loads(people.flowtap("root", "-j", "show", "system", "commit").stdout)["commits"])
    for who, rights in people.rights.items():
        if not has(rights, "R") or has(rights, "F"):
            continue
        said = people.flowtap(who, "-j", "show", "system", "commit").stdout
        said += "".join(people.flowtap(who, "-j", "show", "configuration", "rollback", str(i)).stdout for i in range(n))
        assert '"generation"' in said and "lea9" not in said and "agency" not in said and "services" not in said, who
        assert "flow-tap" not in said.replace("u-flow-tap", "").replace("c-flow-tap", ""), who
    assert "the tap for lea9" in people.flowtap("operator", "show", "system", "commit").stdout


def test_who_may_tap(people):
    """By DTCP, which not even root's permissions contain; the logins' own class decides."""
    for c, rights in CLASSES.items():
        text = dtcp.request("NOOP", f"u-{c}", 1).decode()
        r = people.run(c, "/usr/libexec/flowtap/flowtap-dtcp", text=text)
        assert ("200 OK" in r.stdout) == has(rights, "O"), (c, r)
    for who in OTHERS:
        r = people.run(who, "/usr/libexec/flowtap/flowtap-dtcp", text=dtcp.request("NOOP", "lea1", 1).decode())
        assert "200 OK" not in r.stdout, (who, r)


def test_a_lost_permission_ends_the_session(people):
    argv = ["nsenter", "-t", str(people.rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv",
            "--reuid=u-flow-tap-operation", "--regid=65534", "--clear-groups",
            "/usr/libexec/flowtap/flowtap-dtcp"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        p.stdin.write(dtcp.request("NOOP", "u-flow-tap-operation", 1))
        p.stdin.flush()
        assert b"200 OK" in p.stdout.readline()
        text = people.conf.active()["text"]
        people.conf.commit(text.replace("permissions flow-tap-operation;", "permissions view;"))
        p.stdout.read()
        assert p.wait(10) is not None
        people.conf.commit(text)


def test_groups_of_a_process_count(people):
    """Supplementary ones, as they were when it asked."""
    r = subprocess.run(["nsenter", "-t", str(people.rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv",
                        "--reuid=65534", "--regid=65534", "--groups=_flowtap", people.rig.lab["bin"] + "/flowtap",
                        "show", "configuration"], capture_output=True, text=True, timeout=30)
    assert r.returncode == 0 and "agency lea1" in r.stdout


def test_everybody_sees_that_there_is_one(people):
    for who in people.rights:
        state = json.loads(people.flowtap(who, "-j", "show", "services", "flow-tap").stdout)
        assert state["services-interfaces"] == ["ftap0", "ftap1"]
        assert ("interfaces" in state) == ("copies" in state) == has(people.rights[who], "F"), who
