# SPDX-License-Identifier: BSD-2-Clause
"""The packages on a Debian as it comes: installed, upgraded under traffic, booted, removed, purged.

The tests are one story, in this order.
"""

import glob
import gzip
import json
import os
import re
import resource
import subprocess

import paramiko
import pytest
from flow import Flow, doubled, missed
from lablib.dtcp import request as dtcp_request
from machine import CannotBoot, Machine, cannot, settled
from rig import lab_name, net, until

# What a machine can't give to a container, if it does not have it itself.
NOT_OURS = {"memory may be swapped out": resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] != resource.RLIM_INFINITY}
# Named in documents as what somebody may make.
EXAMPLES = {"/etc/flowtap/record.jsonl", "/var/spool/content", "/var/lib/flowtap/machine-key.next",
            "/var/lib/flowtap/checkpoints.jsonl", "/etc/flowtap/order.txt", "/run/flowtap/order.txt",
            "/etc/flowtap/sshd_config.d/flowtapd.conf",
            "/var/lib/flowtap/state.db.before-upgrade"}  # there after another release only
UNITS = ("flowtapd.service", "flowtap-first.service", "flowtap-aux.service", "flowtap-aux.socket", "flowtap-sshd.service", "flowtap-sshd.socket",
         "flowtap-sshd-reload.path",
         "run-flowtap-bpf.mount")
SHELL = """configure
delete services flow-tap tapped-interfaces
set services flow-tap tapped-interfaces [ sub0 inet0 ]
set services flow-tap source-address 192.0.2.1
set services flow-tap agency lea1 authority standing
set services flow-tap agency lea1 content-destination 192.0.2.0/24
set system login class tappers permissions flow-tap-operation
set system login user lea1 class tappers
set system login user lea1 authentication ssh-ed25519 "KEY"
commit and-quit
"""
ADD = {"--source": "7001", "--dest": "7002"}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("root is needed to boot a container")
    m = None
    try:
        m = Machine(tmp_path_factory.mktemp("machine"), lab_name("packages"))
        m.boot()
        settled(m)
        m.loud = warnings(m)  # before anything of ours is there
        yield m
    except CannotBoot as e:
        cannot(f"no booted Debian here: {e}")
    finally:
        if m:
            m.close()


@pytest.fixture
def flow(machine):
    f = Flow(machine)
    yield f
    f.stop(last_too=False)


def lost(m):
    return {x for x in warnings(m) if "copies-lost" in x}


def warnings(m):
    """Lines of the journal at warning or above, without times and process numbers."""
    lines = m.journal("-p", "warning", "-o", "short").splitlines()
    return {re.sub(r"^\S+ +\d+ \S+ \S+ |\[\d+\]", "", line) for line in lines
            if not any(text in line for text, expected in NOT_OURS.items() if expected)}


def dtcp(m, *argv, check=True):
    """By the mediation device, with the package's own program."""
    return m.host("mediation", m.root + "/usr/bin/dtcp", "-i", m.dir + "/key", "-o", "StrictHostKeyChecking=no", "-o",
                  "UserKnownHostsFile=" + m.dir + "/known", "lea1@192.0.2.1", *argv, check=check)


def tap(m):
    for way, port in ADD.items():
        dtcp(m, "add", way, "198.51.100.10", "--to", "192.0.2.10:" + port)


def answers(m):
    return dtcp(m, "noop", check=False).returncode == 0


def pid(m, unit):
    return m.show(unit, "MainPID")


def repacked(m, package, version, schema=None):
    """The same package under another version, where apt of the machine finds it; of an older schema, if one is given."""
    work, path = f"{m.dir}/work", f"/root/debs/{package}_{version}.deb"
    subprocess.run(["dpkg-deb", "-R", m.debs[package], work], check=True)
    with open(work + "/DEBIAN/control", "r+") as f:
        text = re.sub(r"(?m)^Version: .*", "Version: " + version, f.read())
        f.seek(0)
        f.write(text)
        f.truncate()
    if schema:
        subprocess.run(["sed", "-i", f"s/^schema=.*/schema={schema}/", work + "/DEBIAN/preinst"], check=True)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", work, m.root + path], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["rm", "-r", work], check=True)
    return path


def nothing_missed(flow):
    """Every packet that was sent both arrived and was copied, once."""
    for sent, arrived, copied in flow.stop():
        assert len(sent) > 100
        assert missed(sent, arrived) == [] and missed(sent, copied) == [] and doubled(copied) == []


def mounted(m):
    """The file system that the taps are in: another mount has another number."""
    with open(f"/proc/{m.init}/mountinfo") as f:
        return [line.split()[0] for line in f if " /run/flowtap/bpf " in line]


def test_install(machine):
    """Nothing starts, nothing is said, and what was made belongs to whom it should."""
    said = machine.install()
    assert not re.search(r"(?i)fail|error|warn|cannot", said), said
    assert {machine.show(u, "ActiveState") for u in UNITS} == {"inactive"}
    assert {machine.show(u, "LoadState") for u in UNITS} == {"loaded"}
    stat = machine.run("stat", "-c", "%n %U:%G %a", "/etc/flowtap", "/etc/flowtap/flowtap.conf", "/etc/flowtap/sshd_config",
                       "/var/lib/flowtap", "/run/flowtap").splitlines()
    assert stat == ["/etc/flowtap root:root 755", "/etc/flowtap/flowtap.conf root:_flowtap 640",
                    "/etc/flowtap/sshd_config root:root 644", "/var/lib/flowtap _flowtap:root 770", "/run/flowtap root:root 755"]
    assert "usage:" in machine.run("dtcp", "--help") and "usage:" in machine.run("flowtap-collect", "--help")


def test_configure_and_tap(machine, flow):
    """As README.Debian says, from the packaged configuration."""
    machine.run("systemctl", "enable", "--now", "flowtapd", "flowtap-sshd")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", machine.dir + "/key"], check=True)
    with open(machine.dir + "/key.pub") as f:
        said = machine.run("flowtap", text=SHELL.replace("KEY", f.read().strip()))
    assert "commit complete" in said, said
    tap(machine)
    for copied in flow.copied:
        copied.wait(50)


def sessions_opened(m):
    lines = [json.loads(line) for line in m.run("flowtap", "audit", "export").splitlines()]
    return [x for x in lines if x["kind"] == "session-open"]


def test_where_sessions_come_from(machine):
    """What root saw, through all that the units forbid; after the daemon's restart, too, by a connection that was there."""
    fingerprint = machine.run("ssh-keygen", "-l", "-f", "/etc/flowtap/logins/lea1").split()[1]
    t = connected(machine)
    for restart in False, True:
        if restart:
            machine.run("systemctl", "restart", "flowtapd.service")
        channel = t.open_session()
        channel.settimeout(20)
        channel.invoke_subsystem("flow-tap-dtcp")
        channel.sendall(dtcp_request("NOOP", "lea1", 1))
        assert channel.recv(100).startswith(b"DTCP/0.7 200 OK")
        channel.close()
    t.close()
    opened = sessions_opened(machine)
    assert len(opened) >= 4  # those of test_configure_and_tap, too
    assert {(x.get("peer"), x["auth"]) for x in opened} == {("192.0.2.10", f"publickey ssh-ed25519 {fingerprint}")}
    until("no connection is left", lambda: machine.run("ls", "/run/flowtap/connections") == "")


def by_other_sshd(m, user, *argv):
    """ssh to the machine's own sshd, with the mediation device's key."""
    return m.host("mediation", "ssh", "-F", "none", "-i", m.dir + "/key", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                  "-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes", "-l", user, *argv, "192.0.2.1",
                  check=False)


def other_sshd_says(m, user, what):
    """A reload takes it a moment, in which it refuses connections, or is as it was."""
    r = by_other_sshd(m, user, "-W", "127.0.0.1:32001")
    return what in r.stdout + r.stderr


def test_the_other_sshd_keeps_agencies_out(machine):
    """As installed: not even with a key that it would take.  The router's other logins have their shell there."""
    m, drop_in = machine, "/etc/ssh/sshd_config.d/flowtap.conf"
    with open(m.dir + "/key.pub") as f:
        key = f.read().strip()
    m.run("flowtap", text="configure\nset system login class lookers permissions view\n"
          f"set system login user oper1 class lookers\nset system login user oper1 authentication ssh-ed25519 \"{key}\"\n"
          "commit and-quit\n")
    m.write("/etc/ssh/sshd_config.d/keys.conf", "AuthorizedKeysFile /etc/flowtap/logins/%u\n")
    m.run("systemctl", "reload", "ssh.service")
    assert "denygroups flowtap-agency\n" in m.run("sshd", "-T")
    assert "lets agencies in" not in m.run("sh", "-c", "flowtapd -n -f /etc/flowtap/flowtap.conf 2>&1")
    until("it is refused", lambda: other_sshd_says(m, "lea1", "Permission denied"))
    forwarded = by_other_sshd(m, "oper1", "-W", "127.0.0.1:32001")
    assert forwarded.returncode == 255 and "Permission denied" not in forwarded.stderr, forwarded.stderr
    assert "forwarding failed" in forwarded.stderr or "prohibited" in forwarded.stderr, forwarded.stderr
    assert answers(m)  # ours is not concerned
    m.run("mv", drop_in, "/root/flowtap.conf")  # the control: without it there is a way
    m.run("systemctl", "reload", "ssh.service")
    try:
        assert "lets agencies in" in m.run("sh", "-c", "flowtapd -n -f /etc/flowtap/flowtap.conf 2>&1")
        until("there is a way", lambda: other_sshd_says(m, "lea1", "SSH-2.0"))
        m.loud.add("flowtap-sshd: error: kex_exchange_identification: Connection closed by remote host")  # by that
    finally:
        m.run("mv", "/root/flowtap.conf", drop_in)
        m.run("rm", "/etc/ssh/sshd_config.d/keys.conf")
        m.run("systemctl", "reload", "ssh.service")
        m.run("flowtap", text="configure\ndelete system login user oper1\ndelete system login class lookers\ncommit and-quit\n")


def documents(root):
    """{file name: text} of what the packages bring to read."""
    found = {}
    for path in sorted(glob.glob(root + "/usr/share/doc/flowtap-*/*") + glob.glob(root + "/usr/share/man/man*/*")):
        name = os.path.basename(path)
        if name.startswith(("changelog", "copyright")) or "/man/" in path and not re.match("flowtap|dtcp", name):
            continue
        with (gzip.open if path.endswith(".gz") else open)(path, "rt") as f:
            found[name.removesuffix(".gz")] = f.read()
    return found


def test_documents_name_what_is_installed(machine):
    """Files, units, manuals and options that README, NEWS, the guide and the manuals speak of."""
    texts, missing = documents(machine.root), []
    assert {"NEWS.md", "guide.md", "threat-model.md", "README.Debian", "flowtapd.8", "dtcp.1"} <= set(texts)
    inside = f"/proc/{machine.init}/root"
    for name, text in texts.items():
        for path in set(re.findall(r"/(?:usr|etc|lib|run|var)/[\w./@-]*\w", text)) - EXAMPLES:
            if not os.path.lexists(inside + path):
                missing.append(f"{name}: {path}")
        for unit in set(re.findall(r"\b[a-z-]*flowtap[a-z-]*\.(?:service|socket|mount)\b", text)) - EXAMPLES:
            if not os.path.exists(f"{inside}/lib/systemd/system/{unit}"):
                missing.append(f"{name}: {unit}")
        for page, section in re.findall(r"\.Xr ((?:flowtap|dtcp)\S*) (\d)", text):
            if f"{page}.{section}" not in texts:
                missing.append(f"{name}: {page}({section})")
        for document in re.findall(r"(?:\]\(|`)([\w/.-]+\.md)[)`]", text):
            if document not in texts:
                missing.append(f"{name}: {document}")
    assert missing == []


def test_the_routers_operator_has_what_the_manuals_name(machine):
    """With nothing but the router's package, and with the client's beside it."""
    files = machine.run("dpkg", "-L", "flowtap-router").split()
    pages = {re.sub(r"^(.*\.\d).*", r"\1", os.path.basename(f)) for f in files if "/man/man" in f}
    texts = documents(machine.root)
    wanted = {f"{page}.{section}" for page in pages & set(texts)
              for name, section in re.findall(r"\.Xr (flowtap(?:d|-dtcp|\.conf)?|dtcp) (\d)", texts[page])
              for page in [name]}
    assert "dtcp.7" in wanted and wanted - {"dtcp.1"} <= pages
    assert machine.run("man", "-w", "7", "dtcp").strip()


@pytest.mark.parametrize("page,program", [("flowtapd.8", "/usr/sbin/flowtapd"), ("flowtap.8", "/usr/bin/flowtap"),
                                          ("dtcp.1", "/usr/bin/dtcp"), ("flowtap-collect.1", "/usr/bin/flowtap-collect")])
def test_manuals_name_options_that_there_are(machine, page, program):
    text = documents(machine.root)
    name = os.path.basename(program)
    options = set(re.findall(r"\bFl -([a-z][a-z0-9-]+)", text[page]))
    for document in text.values():
        options.update(re.findall(rf"`{name} [^`|\n]*?--([a-z][a-z0-9-]+)", document))
    with open(machine.root + program, "rb") as f:
        known = f.read()
    assert options and [o for o in options if o.encode() + b"\0" not in known] == []


def upgraded(m, path):
    before = {u: pid(m, u) for u in ("flowtapd.service", "flowtap-sshd.service")}, mounted(m)
    assert len(before[1]) == 1
    said = m.apt("install", path)
    after = {u: pid(m, u) for u in ("flowtapd.service", "flowtap-sshd.service")}, mounted(m)
    assert after[1] == before[1]
    assert all(after[0][u] not in ("0", before[0][u]) for u in before[0]), said
    assert {m.show(u, "ActiveState") for u in UNITS} == {"active"}
    until("sessions again", lambda: answers(m))
    return said


def test_upgrade(machine, flow):
    """By apt, under traffic: another daemon and sshd run afterwards, no packet is missed, none copied twice."""
    flow.copied[0].wait(100)
    upgraded(machine, repacked(machine, "flowtap-router", "0.1.1-1"))
    now = [len(c.got) for c in flow.copied]
    until("copies after it", lambda: all(len(c.got) > n + 100 for c, n in zip(flow.copied, now)))
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "flowtap-router") == "0.1.1-1"
    assert "2 criteria" in dtcp(machine, "list")
    nothing_missed(flow)


def test_upgrade_with_needrestart(machine, flow):
    """It restarts what runs with old libraries, as it likes."""
    machine.apt("install", "--no-download", "needrestart")
    library = os.path.realpath(glob.glob(machine.root + "/usr/lib/*/libseccomp.so.2")[0])
    subprocess.run(["cp", "-p", library, library + ".new"], check=True)
    os.rename(library + ".new", library)  # as an upgrade of it leaves things
    flow.copied[0].wait(100)
    said = upgraded(machine, repacked(machine, "flowtap-router", "0.1.2-1"))
    said += machine.run("needrestart", "-b", "-r", "a", "-l")
    until("sessions again", lambda: answers(machine))
    now = [len(c.got) for c in flow.copied]
    until("copies after it", lambda: all(len(c.got) > n + 100 for c, n in zip(flow.copied, now)))
    nothing_missed(flow)
    machine.apt("purge", "needrestart")


def schema_of(m):
    """Of the database: what the maintainer scripts say of it has to be so."""
    with open(m.root + "/var/lib/flowtap/state.db", "rb") as f:
        found = int.from_bytes(f.read(64)[60:], "big")
    assert f"\nschema={found}\n" in m.run("cat", "/var/lib/dpkg/info/flowtap-router.preinst")
    return found


def test_downgrade_is_refused(machine, flow):
    """With words; all goes on as it was."""
    before = pid(machine, "flowtapd.service")
    said = machine.apt("install", "--allow-downgrades", repacked(machine, "flowtap-router", "0.1.1-1", schema_of(machine) - 1),
                       check=False)
    assert "does not read what 0.1.2-1 has stored" in said and "Sub-process /usr/bin/dpkg returned an error" in said, said
    assert machine.run("dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", "flowtap-router") == "0.1.2-1 installed"
    assert pid(machine, "flowtapd.service") == before and answers(machine)
    flow.copied[0].wait(100)
    nothing_missed(flow)


def test_reboot(machine, flow):
    """What the machine forwards, from its last moment to its first, is copied, once.  What comes in before it can send
    on anything is lost with its copies, and that is told."""
    flow.copied[0].wait(100)
    assert not lost(machine)
    machine.reboot()
    now = [len(c.got) for c in flow.copied]
    until("copies after it", lambda: all(len(c.got) > n + 200 for c, n in zip(flow.copied, now)), 30)
    until("sessions again", lambda: answers(machine), 30)
    for sent, arrived, copied in flow.stop():
        assert len(arrived) < len(sent)  # it was off for a while
        assert missed(arrived, copied) == [] and doubled(copied) == []
    settled(machine)
    assert machine.run("systemctl", "is-system-running", check=False).stdout.strip() == "running"
    assert lost(machine) <= {"flowtapd: ALARM: copies-lost: copies are lost; reasons so far: no-neighbour"}
    machine.loud |= lost(machine)


def test_uneventful(machine):
    """All of it, and nothing in the journal that asks for attention."""
    assert warnings(machine) - machine.loud == set(), machine.journal("-o", "short")
    machine.run("systemctl", "kill", "--signal=KILL", "flowtap-aux.service")  # what does is seen
    until("a warning", lambda: any("the service beside us has ended" in w for w in warnings(machine)))
    machine.run("systemctl", "restart", "flowtapd.service")


def connected(m, kex=None, key_types=None, ciphers=None):
    """A client of the mediation device's, logged in, that knows these algorithms only; None where it is not let in."""
    t = None
    try:
        t = paramiko.Transport(net.tcp_connect(m.ns("mediation"), "192.0.2.1", 32001))
        offers = t.get_security_options()
        offers.kex, offers.key_types, offers.ciphers = kex or offers.kex, key_types or offers.key_types, ciphers or offers.ciphers
        t.connect(username="lea1", pkey=paramiko.Ed25519Key.from_private_key_file(m.dir + "/key"))
        return t
    except (paramiko.SSHException, EOFError, OSError):
        if t:
            t.close()
        return None


def ganymed(m):
    t = connected(m, ["diffie-hellman-group14-sha1"], ["ssh-rsa"], ["aes128-cbc"])
    if t:
        t.close()
    return t is not None


def test_old_algorithms_by_a_commit(machine):
    """sshd takes up what the statement says by itself, and what it no longer says; who is connected stays so, and opens
    channels as before."""
    line = "system services flow-tap-dtcp ssh legacy-algorithms\ncommit and-quit\n"
    assert not ganymed(machine)
    t, before = connected(machine), pid(machine, "flowtap-sshd.service")
    assert "legacy-algorithms: every mediation" in machine.run("sh", "-c", "flowtap 2>&1", text="configure\nset " + line)
    until("old algorithms", lambda: ganymed(machine), 20)
    machine.run("flowtap", text="configure\ndelete " + line)
    until("no old algorithms", lambda: answers(machine) and not ganymed(machine), 20)
    assert pid(machine, "flowtap-sshd.service") != before
    channel = t.open_session()
    channel.settimeout(20)
    channel.invoke_subsystem("flow-tap-dtcp")
    channel.sendall(dtcp_request("NOOP", "lea1", 1))
    assert channel.recv(100).startswith(b"DTCP/0.7 200 OK")
    t.close()
    assert "prepare_auth_info_file" not in machine.journal("-u", "flowtap-sshd.service")


def test_old_algorithms_changed_often(machine):
    """However many commits there are in a moment, the last one holds, and so does the next one after it."""
    def commits(*words):
        text = "".join(f"{w} system services flow-tap-dtcp ssh legacy-algorithms\ncommit\n" for w in words)
        machine.run("flowtap", text="configure\n" + text)

    commits(*4 * ("set", "delete"))
    until("no old algorithms", lambda: answers(machine) and not ganymed(machine), 20)
    commits("set")
    until("old algorithms", lambda: ganymed(machine), 20)
    commits("delete")
    until("no old algorithms", lambda: answers(machine) and not ganymed(machine), 20)
    for unit in "flowtap-sshd.service", "flowtap-sshd.socket", "flowtap-sshd-reload.path":
        assert machine.show(unit, "ActiveState") == "active", unit
    assert "start-limit-hit" not in machine.journal("-u", "flowtap-sshd*")


def test_reload_tells_what_becomes_of_it(machine):
    """Success only when the file is in force; what only the system can refuse is no success, and the journal has it."""
    path, unit = "/etc/flowtap/flowtap.conf", "flowtapd.service"
    old, shown = machine.run("cat", path), machine.run("flowtap", "show", "configuration")
    try:
        machine.write(path, old.replace("flow-tap {", "flow-tap { agency nosuch { content-destination 192.0.2.0/24; }", 1), 0o640)
        assert machine.run("systemctl", "reload", unit, check=False).returncode != 0
        until("the reason", lambda: "flowtap: agency nosuch: no such system user" in machine.journal("-u", unit))
        assert machine.run("flowtap", "show", "configuration") == shown
        machine.write(path, old.replace("flow-tap {", "flow-tap { maximum-criteria 131071;", 1), 0o640)
        machine.run("systemctl", "reload", unit)
        assert "maximum-criteria 131071;" in machine.run("flowtap", "show", "configuration")
    finally:
        machine.write(path, old, 0o640)
        machine.run("systemctl", "reload", unit)
    assert "old priority" not in machine.journal("-u", unit)


def test_going_back_is_a_matter_of_the_schema(machine):
    """Where nobody is at the database, as after flowtapd --undo-upgrade."""
    script = "/var/lib/dpkg/info/flowtap-router.preinst"
    machine.run("systemctl", "stop", "flowtapd.service")
    machine.run("sh", script, "upgrade", "0.1.2-1", "0.1.1-1")
    older = machine.run("sed", f"s/^schema=.*/schema={schema_of(machine) - 1}/", script)
    r = machine.run("sh", "-s", "upgrade", "0.1.2-1", "0.1.1-1", text=older, check=False)
    assert r.returncode == 1 and "flowtapd --undo-upgrade" in r.stderr
    machine.run("systemctl", "start", "flowtapd.service")


def test_remove(machine, flow):
    """No tap stays in the kernel; the packets go on."""
    flow.copied[0].wait(100)
    said = machine.apt("remove", "flowtap-router")
    now = [len(a.got) for a in flow.arrived]
    until("packets after it", lambda: all(len(a.got) > n + 100 for a, n in zip(flow.arrived, now)))
    result = flow.stop()
    assert all(missed(sent, arrived) == [] for sent, arrived, _ in result), said
    links = machine.run("ip", "-br", "link")
    assert "ftap" not in links and mounted(machine) == [] and not os.path.exists(f"/proc/{machine.init}/root/run/flowtap")
    assert {machine.show(u, "ActiveState") for u in UNITS} == {"inactive"}
    assert os.path.exists(machine.root + "/etc/flowtap/flowtap.conf")


def test_purge(machine):
    """Nothing stays but the record, of which it says so, and who it may belong to."""
    machine.run("getent", "passwd", "lea1")
    machine.run("useradd", "--system", "--gid", "flowtap-login", "--no-create-home", "byhand")
    said = machine.apt("purge", "flowtap-router", "flowtap-client", "flowtap-mediation")
    assert "the record of every use is in it" in said and "removed the login lea1" in said, said
    assert "the login byhand stays: no commit has made it, but its group is flowtap-login" in said, said
    assert machine.run("getent", "passwd", "lea1", check=False).returncode == 2
    machine.run("userdel", "byhand")
    left = machine.run("find", "/", "-xdev", "-path", "/root/debs", "-prune", "-o", "-path", "/proc", "-prune", "-o",
                       "-iname", "*flowtap*", "-print").split()
    assert [p for p in left if not p.startswith("/var/lib/flowtap")] == []
    assert machine.run("systemctl", "list-unit-files", "*flowtap*", "--no-legend", check=False).stdout.strip() == ""
    assert net.run("ip", "-n", machine.ns("router"), "-br", "link").count("ftap") == 0


def test_install_again(machine):
    """What had been kept is there again: the record goes on."""
    machine.install()
    machine.run("systemctl", "enable", "--now", "flowtapd", "flowtap-sshd")
    assert "last line" in machine.run("flowtap", "audit", "head")
