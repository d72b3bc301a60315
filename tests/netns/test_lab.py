# SPDX-License-Identifier: BSD-2-Clause
"""The lab itself: what up promises, and that down leaves nothing."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
from rig import BIN, TREE, Rig, lab_command, lab_name, net, until

NAME = lab_name("labtest")


def machine():
    """What a lab could leave behind; other labs come and go meanwhile."""
    with open("/proc/self/mountinfo") as f:
        mounts = sorted(line.split(" ", 3)[3] for line in f
                        if NAME in line or ("/netns" not in line and "/ftlab" not in line))
    with open("/etc/passwd") as f:
        users = f.read()
    netns = sorted(n for n in os.listdir(net.NETNS_DIR) if NAME in n) if os.path.isdir(net.NETNS_DIR) else []
    with open("/proc/net/dev") as f:
        devices = sorted(line.split(":")[0].strip() for line in f)
    return mounts, users, netns, devices, os.path.exists(f"/run/ftlab/{NAME}"), sorted(os.listdir("/etc"))


def processes():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f"/ftlab/{NAME}".encode() in f.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


@pytest.fixture(autouse=True)
def nothing_stays():
    lab_command("down", "--name", NAME)
    before = machine()
    yield
    lab_command("down", "--name", NAME)
    until("nothing is left", lambda: machine() == before, 5)
    until("processes gone", lambda: not processes(), 5)


def test_a_tree_anywhere(tmp_path):
    """The lab's router has a /tmp of its own, so a tree there is out of its sight; and names may have spaces."""
    tree = tmp_path / "a tree"
    for folder in "tools", "packaging":
        shutil.copytree(f"{TREE}/{folder}", tree / folder)
    assert str(tree).startswith("/tmp/")
    subprocess.run([tree / "tools/lab", "up", "--name", NAME, "--bin", BIN], check=True, capture_output=True, timeout=120)
    r = subprocess.run([tree / "tools/lab", "exec", "--name", NAME, "router", "flowtap", "show", "services", "flow-tap"],
                       capture_output=True, text=True, timeout=60)
    assert "Flow-tap: running" in r.stdout, r.stderr
    subprocess.run([tree / "tools/lab", "down", "--name", NAME], check=True, timeout=60)


def test_up_prints_where_everything_is_and_answers(the_rig):
    """Beside another lab that is up."""
    rig = Rig(NAME)
    assert set(rig.lab) == {"subscriber", "internet", "mediation", "router", "ssh_port", "bin"}
    for role in "subscriber", "internet", "mediation", "router":
        assert {"netns", "v4", "v6", "iface"} <= set(rig.lab[role])
    assert set(rig.lab["router"]["interfaces"]) == {"subscriber", "internet", "mediation"}
    assert {"flowtapd", "flowtap-dtcp", "flowtap", "dtcp", "flowtap-collect"} <= set(os.listdir(rig.lab["bin"]))
    for version in "4", "6":
        for a, b in ("subscriber", "internet"), ("mediation", "subscriber"), ("mediation", "router"):
            rig.run(a, "ping", "-c1", "-W2", rig.addr(b, version))
    assert rig.answered("lea1") and rig.answered("lea2") and the_rig.answered("lea1")


def test_agencies_by_option(tmp_path):
    key = tmp_path / "key"
    net.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    rig = Rig(NAME, "--agency", "police:with:colon", "--agency-key", f"customs:{key}.pub")
    rig.passwords = {"police": "with:colon", "customs": None}
    with rig.session("police") as s:
        assert s.ask("NOOP").code == 200
    with rig.session("customs", login=["-i", str(key), "-o", "PasswordAuthentication=no"]) as s:
        assert s.ask("NOOP").code == 200


@pytest.mark.parametrize("folder", ["/etc", "/usr/libexec", "/var/lib"])
def test_the_machine_is_out_of_reach(the_rig, folder):
    """Root in the router, an intruder, say, can change nothing in folders of this machine, only what is the lab's own."""
    def number(path):
        st = os.lstat(path)
        return st.st_dev, st.st_ino

    ours = {number(folder)} | {number(f"{f}/{name}") for f, folders, files in os.walk(folder) for name in folders + files}
    found = [line.split(" ", 2) for line in
             the_rig.router("find", folder, "!", "-type", "l", "-writable", "-printf", r"%D %i %p\n").splitlines()]
    assert [path for device, node, path in found if (int(device), int(node)) in ours] == []
    assert folder in [path for _, _, path in found], "names can be added"


def test_second_up_of_a_name_is_refused():
    lab_command("up", "--name", NAME, "--bin", BIN)
    r = lab_command("up", "--name", NAME, "--bin", BIN, check=False)
    assert r.returncode == 1 and "up already" in r.stderr and not r.stdout


def test_failed_up_removes_itself_and_says_why(tmp_path):
    extra = tmp_path / "extra"
    extra.write_text("no-such-statement 7;\n")
    before = machine()
    r = lab_command("up", "--name", NAME, "--bin", BIN, "--conf-extra", str(extra), check=False)
    assert r.returncode == 1 and not r.stdout and "no-such-statement" in r.stderr
    until("nothing is left", lambda: machine() == before and not processes(), 5)


def test_up_without_programs(tmp_path):
    r = lab_command("up", "--name", NAME, "--bin", str(tmp_path), check=False)
    assert r.returncode == 1 and "no program" in r.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_up_killed_at_any_time(number):
    """Ended at some moment, down takes away what there is by then."""
    for pause in 0.05, 0.15, 0.3, 0.6:
        p = subprocess.Popen([TREE + "/tools/lab", "up", "--name", NAME, "--bin", BIN], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(pause)  # the moment is what varies here
        p.send_signal(number)
        p.wait(30)
        lab_command("down", "--name", NAME)
        assert not machine()[2] and not machine()[4]


def test_down_after_killing_process_1():
    lab_command("up", "--name", NAME, "--bin", BIN)
    pid = json.loads(lab_command("status", "--name", NAME).stdout)[0]["init"]
    os.kill(pid, signal.SIGKILL)
    until("processes gone", lambda: not processes(), 5)
    assert lab_command("status", "--name", NAME, check=False).returncode == 1


def test_another_user_is_told_why_root_is_needed():
    with tempfile.TemporaryDirectory() as folder:  # the tree itself may be where nobody may look
        for part in "tools", "packaging":
            shutil.copytree(f"{TREE}/{part}", f"{folder}/{part}")
        os.chmod(folder, 0o755)
        r = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3",
                            "-B", folder + "/tools/lab", "up"], capture_output=True, text=True)
    assert r.returncode == 1 and "root is needed" in r.stderr
