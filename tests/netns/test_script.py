# SPDX-License-Identifier: BSD-2-Clause
"""Commands that nobody types: `ssh ROUTER "show version"` by a real sshd, -c, and scripts on standard input."""

import json
import os
import pathlib
import subprocess

import pytest
from rig import TREE, lab_command

SHORT = "set services flow-tap agency lea1 maximum-sessions"


@pytest.fixture
def run(rig, rewritten):
    """flowtap with these words; what it said, if its exit status is the one expected."""
    before = json.loads(lab_command("exec", "--name", rig.name, "router", "flowtap", "-j", "show", "configuration",
                                    "rollback", "0").stdout)["text"]

    def call(*words, status=0, stdin=None, user=None):
        who = ("setpriv", f"--reuid={user}", "--clear-groups") if user else ()
        r = subprocess.run([TREE + "/tools/lab", "exec", "--name", rig.name, "router", *who, "flowtap", *words],
                           capture_output=True, text=True, input=stdin, timeout=60)
        assert status is None or r.returncode == status, f"{words}: {r.returncode} {r.stdout} {r.stderr}"
        return r.stdout + r.stderr
    yield call
    call("commit", "-", stdin=before)


class Login:
    """A user of the router whose shell is flowtap, and an sshd of the router's own, one for each connection."""

    def __init__(self, rig, folder, name, gid, uid):
        inside = f"/proc/{rig.info['init']}/root"
        self.name, self.key, self.box = name, f"{folder}/key", str(rig.info["init"])
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.passwd = f"{inside}/etc/passwd"
        self.old = pathlib.Path(self.passwd).read_text()
        with open(self.passwd, "a") as f:
            f.write(f"{name}:x:{uid}:{gid}::/:{rig.lab['bin']}/flowtap\n")
        self.folder = pathlib.Path(f"{inside}/tmp/{name}")
        self.folder.mkdir(mode=0o755)
        (self.folder / "keys").write_bytes(pathlib.Path(self.key + ".pub").read_bytes())
        (self.folder / "host").write_bytes(pathlib.Path(self.key).read_bytes())
        os.chmod(self.folder / "host", 0o600)
        (self.folder / "conf").write_text(f"HostKey /tmp/{name}/host\nAuthorizedKeysFile /tmp/{name}/keys\n"
                                          "StrictModes no\nUsePAM no\n")

    def ssh(self, *words, stdin=""):
        proxy = f"nsenter -t {self.box} --mount --pid --net -- /usr/sbin/sshd -i -f /tmp/{self.name}/conf"
        return subprocess.run(["ssh", "-F", "none", "-T", "-i", self.key, "-o", "UserKnownHostsFile=/dev/null", "-o",
                               "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR", "-o", f"ProxyCommand={proxy}",
                               f"{self.name}@router", *words],
                              capture_output=True, text=True, input=stdin, timeout=60)

    def close(self):
        pathlib.Path(self.passwd).write_text(self.old)


@pytest.fixture
def login(rig, tmp_path):
    made = []

    def one(name, group):
        text = pathlib.Path(f"/proc/{rig.info['init']}/root/etc/group").read_text()
        gid = next(line.split(":")[2] for line in text.splitlines() if line.startswith(group + ":"))
        folder = tmp_path / name
        folder.mkdir()
        made.append(Login(rig, folder, name, gid, 1900300000 + len(made)))
        return made[-1]
    yield one
    for user in reversed(made):
        user.close()


def test_by_ssh(rig, run, login):
    """As on a Junos router: the command, its answer, its exit code; and no more than the user may."""
    ops, other = login("ops", "_flowtap"), login("other", "nogroup")
    said = ops.ssh("show version")
    assert (said.returncode, said.stdout, said.stderr) == (0, run("show", "version"), "")
    said = ops.ssh("show configuration | match agency | count")
    assert said.returncode == 0 and said.stdout == "Count: 2 lines\n", said
    assert ops.ssh("show nonsense").returncode == 2
    assert ops.ssh("/bin/sh -c id").returncode == 2
    said = ops.ssh(f"configure; {SHORT} 5; commit comment \"a; b\"; exit")
    assert said.returncode == 0 and "commit complete" in said.stdout, said
    assert "a; b" in ops.ssh("show system commit").stdout
    said = ops.ssh("configure; load set terminal; commit", stdin=f"{SHORT} 4\n")
    assert said.returncode == 0 and "maximum-sessions 4;" in run("show", "configuration")
    said = ops.ssh(stdin="show version\nshow nonsense\n")
    assert said.returncode == 2 and said.stdout.startswith("flowtap "), said
    said = other.ssh("show configuration")
    assert said.returncode == 3 and "permission denied" in said.stderr and said.stdout == ""


def test_of_words(run):
    assert run("-c", "show version") == run("show", "version")
    assert run("-c", "") == "" == run("-c", " ; \n;")
    assert json.loads(run("-j", "-c", "show system commit"))["commits"]
    assert "-c goes without a COMMAND" in run("-c", "show version", "show", "version", status=2)
    assert "a quotation mark is missing" in run("-c", 'show "a; b', status=2)


def test_a_wrong_line_commits_nothing(run):
    """Nor does any line behind it; all are run."""
    for wrong in ("set services nonsense", "delete services flow-tap agency nobody", "edit services nonsense",
                  "load set /nonexistent"):
        said = run(status=run_code(wrong), stdin=f"configure\n{SHORT} 6\n{wrong}\ncommit\nshow | compare\n")
        assert "error: nothing is committed: line 3 failed" in said and "+   maximum-sessions 6;" in said, said
        assert "maximum-sessions" not in run("show", "configuration")
    said = run("-c", f"configure; {SHORT} 6; set nonsense; commit and-quit", status=2)
    assert "line 3 failed" in said and "maximum-sessions" not in run("show", "configuration")


def run_code(line):
    return 2 if "nonsense" in line else 4


@pytest.mark.parametrize("end", ["", "exit\n", "quit\n", "top\nexit configuration-mode\n", "commit check\n"])
def test_an_end_without_commit(run, end):
    said = run(status=1, stdin=f"configure\n{SHORT} 6\n" + end)
    assert "has been changed but not committed" in said and "are discarded" in said
    assert "maximum-sessions" not in run("show", "configuration")


def test_a_script_that_commits(run):
    assert "commit complete" in run(stdin=f"configure\n{SHORT} 6\ncommit\nexit\nshow version\n")
    assert "maximum-sessions 6" in run("show", "configuration")
    run(stdin=f"configure\n{SHORT} 7\nrollback\nexit\n")  # nothing is left to be committed
    run(stdin="configure\nshow\n")
    assert "maximum-sessions 6" in run("show", "configuration")
