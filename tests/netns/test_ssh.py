# SPDX-License-Identifier: BSD-2-Clause
"""A misconfigured SSH is fatal: no DTCP without encryption, no fallback to anything weaker."""

import os
import pathlib
import shutil
import socket
import subprocess
import time

import pytest
from rig import TREE, dtcp, lab_command, net, until
from test_audit import head, since

SSHD = "/usr/sbin/sshd"
CONFIG = TREE + "/packaging/sshd/flowtap-sshd_config"


class Config:
    """Our sshd_config with host keys of its own, for an sshd in the router."""

    def __init__(self, rig, name):
        """The router has the folder in its /etc/flowtap."""
        folder = pathlib.Path(rig.info["dir"]) / "etc" / name
        folder.mkdir(mode=0o755)
        self.folder, self.path = pathlib.Path("/etc/flowtap") / name, folder / "sshd_config"
        self.inside = ["nsenter", "-t", str(rig.info["init"]), "--mount", "--", SSHD]
        self.keys = [folder / f"ssh_host_{kind}_key" for kind in ("ed25519", "ecdsa", "rsa")]
        for key in self.keys:
            net.run("ssh-keygen", "-q", "-t", key.name.split("_")[2], "-N", "", "-f", str(key))
        self.write()

    def write(self, *first):
        with open(CONFIG) as f:
            text = f.read().replace("/etc/flowtap/", f"{self.folder}/")
        self.path.write_text("\n".join((*first, text)))  # the first value of an option counts

    def refused(self):
        """Why sshd does not start with it; empty if it would."""
        r = subprocess.run([*self.inside, "-t", "-f", f"{self.folder}/sshd_config"], capture_output=True, text=True, timeout=10)
        return r.returncode != 0 and r.stderr

    def effective(self):
        """{option: value} with the defaults that sshd fills in."""
        out = net.run(*self.inside, "-T", "-f", f"{self.folder}/sshd_config", "-C", "user=lea1,host=md,addr=192.0.2.10")
        return dict(line.split(" ", 1) for line in out.splitlines() if " " in line)


@pytest.fixture
def config(the_rig, tmp_path):
    return Config(the_rig, tmp_path.name)


def test_our_configuration_is_accepted(config):
    assert config.refused() is False


@pytest.mark.parametrize("lines", [
    ["Ciphers none"], ["Ciphers aes128-ctr,none"], ["Ciphers arcfour"], ["MACs none"], ["MACs hmac-nothing"],
    ["KexAlgorithms none"], ["HostKeyAlgorithms none"], ["PubkeyAcceptedAlgorithms none"], ["Cipher none"],
    ["PermitEmptyPasswords perhaps"], ["Port 70000"], ["ForceCommand"], ["AllowPlaintext yes"],
], ids=" ".join)
def test_nonsense_is_fatal(config, lines):
    config.write(*lines)
    assert "line 1" in config.refused()


def spoil(keys, how):
    for key in keys:
        if how == "readable by all":
            os.chmod(key, 0o644)
        elif how == "readable by the group":
            os.chmod(key, 0o640)
        elif how == "empty":
            key.write_text("")
        elif how == "damaged":
            key.write_text(key.read_text().replace("A", "B"))
        else:
            key.unlink()


@pytest.mark.parametrize("how", ["readable by all", "readable by the group", "empty", "damaged", "missing"])
def test_bad_host_keys_are_fatal(config, how):
    spoil(config.keys, how)
    assert "no hostkeys available" in config.refused()


def test_what_is_offered(config):
    """Nothing old or void, whatever the distribution's defaults become."""
    got = config.effective()
    for option, bad in ("ciphers", ("none", "cbc", "arcfour", "3des", "rc4")), ("macs", ("none", "md5", "96")), \
            ("kexalgorithms", ("none", "sha1", "group1-")), ("hostkeyalgorithms", ("none", "dss", "ssh-rsa,")):
        words = got[option].split(",")
        assert words and not [w for w in words for b in bad if b.rstrip(",") == w or (b in w and b != "none")], option
    for option, value in {
            "permitemptypasswords": "no", "permitrootlogin": "no", "permittty": "no", "permituserenvironment": "no",
            "permituserrc": "no", "disableforwarding": "yes", "permittunnel": "no", "gatewayports": "no",
            "strictmodes": "yes", "compression": "no", "hostbasedauthentication": "no", "port": "32001",
            "allowgroups": "flowtap-agency", "x11forwarding": "no"}.items():
        assert got[option] == value, option
    assert got["forcecommand"].endswith("/flowtap-dtcp")


def test_unit_checks_before_it_starts():
    with open(TREE + "/packaging/systemd/flowtap-sshd.service") as f:
        lines = f.read().splitlines()
    check = "/usr/sbin/sshd -t -f /etc/flowtap/sshd_config"
    assert "ExecStartPre=" + check in lines
    assert not any(x.startswith("ExecReload=") for x in lines), "a changed file means a restart, which checks it"


# ---- the running one ----

def talk(rig, data):
    """What the port says to somebody who does not speak SSH."""
    with net.tcp_connect(rig.ns("mediation"), rig.addr("router"), rig.lab["ssh_port"]) as s:
        s.settimeout(10)
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except ConnectionResetError:
            pass  # it did not care to read all
    return got


@pytest.mark.parametrize("data", [
    dtcp.request("NOOP", "lea1", 1), dtcp.request("LIST", "lea1", 1, "Flags: BOTH"), b"SSH-1.5-old\r\n",
    b"SSH-1.99-x\r\n" + dtcp.request("NOOP", "lea1", 1), b"\r\n", b"GET / HTTP/1.0\r\n\r\n"],
    ids=["NOOP", "LIST", "SSH 1", "SSH 1.99", "empty", "HTTP"])
def test_nothing_is_answered_in_clear(rig, data):
    got = talk(rig, data)
    assert got.startswith(b"SSH-2.0-") and b"DTCP" not in got


@pytest.mark.parametrize("wish", ["Ciphers=none", "MACs=none", "Ciphers=3des-cbc",
                                  "KexAlgorithms=diffie-hellman-group1-sha1"])
def test_a_client_cannot_ask_for_less(rig, wish):
    with pytest.raises(dtcp.Silence):
        with rig.session(login=("-o", "PubkeyAuthentication=no", "-o", wish)) as s:
            s.ask("NOOP")
    assert rig.answered()


def listening(rig):
    """Addresses on which the router listens."""
    return net.run(*net.argv_inside(rig.ns("router"), ["ss", "-Hltun"])).splitlines()


def test_sshd_alone_listens(rig):
    assert listening(rig) and all(line.split()[4].endswith(f":{rig.lab['ssh_port']}") for line in listening(rig))


def test_broken_configuration_closes_the_port(rig):
    """Started again with it, sshd ends; flowtapd offers nothing in its place, and open sessions go on."""
    path = rig.info["dir"] + "/etc/sshd_config"
    shutil.copy2(path, path + ".good")
    with rig.session() as s:
        assert s.ask("NOOP").code == 200
        before = rig.services()["sshd"]
        try:
            with open(path, "a") as f:
                f.write("Ciphers none\n")
            lab_command("exec", "--name", rig.name, "router", "kill", str(before["pid"]))
            until("it gave up", lambda: rig.services()["sshd"]["starts"] >= before["starts"] + 2, 20)
            until("nobody listens", lambda: not listening(rig))
            with pytest.raises(ConnectionRefusedError):
                talk(rig, b"\r\n")
            assert s.ask("NOOP").code == 200
        finally:
            os.replace(path + ".good", path)
        until("answers", rig.answered, 20)


# ---- logins that fail (NET-2) ----

def fail(rig, user, password="wrong"):
    """Seconds until a login was refused."""
    begin = time.monotonic()
    rig.passwords.setdefault(user, password)
    with pytest.raises(dtcp.Silence):
        with rig.session(user, password=password) as s:
            s.ask("NOOP", timeout=30)
    return time.monotonic() - begin


def test_failed_logins_are_slow_recorded_and_raise_an_alarm(rig):
    """The one with the right password neither waits nor is locked out, in the midst of it."""
    mark = head(rig)
    assert fail(rig, "lea1") > 1
    assert fail(rig, "nobody-of-that-name") > 1
    rig.passwords.pop("nobody-of-that-name")
    for _ in range(4):
        fail(rig, "lea1")
    took = []
    for _ in range(3):  # another lab may have the cores for a moment
        begin = time.monotonic()
        assert rig.answered()
        took.append(time.monotonic() - begin)
    assert min(took) < 1.5
    lines = since(rig, mark)
    failed = [(x["reason"], x["peer"]) for x in lines if x["kind"] == "login-failed"]
    assert failed == [(f'login "{who}"', rig.addr("mediation"))
                      for who in ("lea1", "nobody-of-that-name", "lea1", "lea1", "lea1", "lea1")]
    alarm, = [x["reason"] for x in lines if x["kind"] == "alarm"]
    assert alarm.startswith("5 logins failed within a minute") and rig.addr("mediation") in alarm


def test_only_pam_tells_of_logins(rig):
    """Nobody makes failures up, or has the daemon believe in names that no terminal should see."""
    mark = head(rig)
    argv = ["exec", "--name", rig.name, "router"]
    env = ["PAM_RHOST=192.0.2.10", "PAM_USER=a\x1b[2J\"b"]
    lab_command(*argv, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", *env,
                "/usr/libexec/flowtap/flowtap-login-failed", check=False)
    assert since(rig, mark) == []
    lab_command(*argv, "env", *env, "/usr/libexec/flowtap/flowtap-login-failed")
    assert [x["reason"] for x in since(rig, mark)] == ['login "a?[2J?b"']
