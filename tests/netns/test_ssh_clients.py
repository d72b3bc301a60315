# SPDX-License-Identifier: BSD-2-Clause
"""SSH as mediation devices speak it: Perl's Expect around the ssh program, paramiko, and the algorithms that JSch, Ganymed
and Trilead offer on the wire (by paramiko, held to their lists: no Java is needed for that)."""

import os
import subprocess

import paramiko
import pytest
from rig import dtcp, net, until
from test_commit import Conf

# What these libraries offer, by their sources: the first in common with ours is taken.
JSCH = {  # 0.2: signatures by SHA-2
    "kex": ["ecdh-sha2-nistp256", "diffie-hellman-group16-sha512", "diffie-hellman-group14-sha256"],
    "key_types": ["rsa-sha2-512", "rsa-sha2-256"], "ciphers": ["aes128-ctr", "aes256-ctr"]}
GANYMED = {"kex": ["diffie-hellman-group14-sha1"], "key_types": ["ssh-rsa"],
           "ciphers": ["aes256-cbc", "aes192-cbc", "aes128-cbc"]}


def connect(rig, offers=None):
    t = paramiko.Transport(net.tcp_connect(rig.ns("mediation"), rig.addr("router"), rig.lab["ssh_port"]))
    for name, wanted in (offers or {}).items():
        setattr(t.get_security_options(), name, wanted)
    return t


def ask(t, seq=1):
    """A NOOP over a channel of its own."""
    ch = t.open_session()
    ch.invoke_subsystem("flow-tap-dtcp")
    ch.settimeout(20)
    ch.sendall(dtcp.request("NOOP", "lea1", seq))
    data = b""
    while not dtcp.END.search(data):
        piece = ch.recv(65536)
        assert piece, "channel closed"
        data += piece
    ch.close()
    return dtcp.Reply(data)


def test_rsa_host_key_with_sha2(rig):
    """For who knows no other kind of key."""
    t = connect(rig, JSCH)
    try:
        t.connect(username="lea1", password=rig.passwords["lea1"])
        assert t.get_remote_server_key().get_name() == "ssh-rsa" and t.host_key_type.startswith("rsa-sha2-")
        assert ask(t).code == 200
    finally:
        t.close()


def test_old_algorithms_are_not_offered(rig):
    """Each of them alone makes the two sides part."""
    for name, value in GANYMED.items():
        t = connect(rig, {name: value})
        try:
            with pytest.raises(paramiko.SSHException):
                t.connect(username="lea1", password=rig.passwords["lea1"])
        finally:
            t.close()


def reread(rig):
    """The listener takes its configuration again: what flowtap-sshd-reload.path has the service manager do."""
    rig.router("kill", "-HUP", str(rig.services()["sshd"]["pid"]))  # its number in the router


def test_old_algorithms_by_a_statement(rig, rewritten):
    """What Ganymed knows, and nothing else: refused, let in while the statement is there, with a warning, and refused again."""
    conf = Conf(rig)
    before, path = conf.active()["text"], rig.info["dir"] + "/etc/sshd_config.d/flowtapd.conf"

    def answered():
        try:
            t = connect(rig, GANYMED)
        except ConnectionRefusedError:
            return False  # it is just beginning again
        try:
            t.connect(username="lea1", password=rig.passwords["lea1"])
            return ask(t).code == 200
        except (paramiko.SSHException, EOFError, OSError):
            return False
        finally:
            t.close()

    assert not answered()
    with_it = before + "system { services { flow-tap-dtcp { ssh { legacy-algorithms; } } } }\n"
    assert not conf.commit(with_it, "--check").stderr.count("error") and not os.path.exists(path), "only asked"
    done = conf.commit(with_it)
    assert done.stderr == ("warning: system services flow-tap-dtcp ssh legacy-algorithms: every mediation device may use SHA-1 "
                           "and CBC now; replace those that need it\n")
    reread(rig)
    until("old algorithms", answered, 20)
    t = connect(rig, JSCH)  # nobody else is the worse for it
    t.connect(username="lea1", password=rig.passwords["lea1"])
    assert ask(t).code == 200 and t.remote_cipher.endswith("-ctr")
    t.close()
    assert "legacy-algorithms" in conf.active()["text"], "the record of commits has it"
    conf.commit(before)
    assert not os.path.exists(path)
    reread(rig)
    until("refused again", lambda: not answered(), 20)
    until("others are let in", rig.answered, 20)


def test_statement_for_an_sshd_that_does_not_include_it(rig, rewritten):
    """Nothing is accepted that would do nothing: an sshd_config of an operator's own."""
    conf, path = Conf(rig), rig.info["dir"] + "/etc/sshd_config"
    with open(path) as f:
        text = f.read()
    try:
        with open(path, "w") as f:
            f.write(text.replace("Include /etc/flowtap/", "#Include /etc/flowtap/"))
        r = conf.commit(conf.active()["text"] + "system { services { flow-tap-dtcp { ssh { legacy-algorithms; } } } }\n", check=False)
        assert r.returncode != 0
        assert 'sshd_config has no line "Include /etc/flowtap/sshd_config.d/*.conf"' in r.stderr, r.stderr
    finally:
        with open(path, "w") as f:
            f.write(text)


def test_four_keys_do_not_use_up_the_password(rig):
    """A client offers what it has before it asks for the password."""
    t = connect(rig)
    try:
        t.start_client(timeout=20)
        for _ in range(4):
            with pytest.raises(paramiko.AuthenticationException):
                t.auth_publickey("lea1", paramiko.RSAKey.generate(2048))
        t.auth_password("lea1", rig.passwords["lea1"])
        assert ask(t).code == 200
    finally:
        t.close()


def test_a_login_without_a_channel_is_left_alone(rig):
    """By what sshd goes by: nobody waits here for more than a minute."""
    got = rig.router("/usr/sbin/sshd", "-T", "-f", "/etc/flowtap/sshd_config", "-C", "user=lea1,host=md,addr=192.0.2.10")
    timeout = next(int(x.split()[1]) for x in got.splitlines() if x.startswith("unusedconnectiontimeout "))
    assert timeout == 0 or timeout >= 3600


def test_channels_one_after_another(rig):
    """JSch keeps the connection and opens a channel when there is something to ask."""
    t = connect(rig)
    try:
        t.connect(username="lea1", password=rig.passwords["lea1"])
        assert [ask(t, n).get("SEQ") for n in (1, 2, 3)] == ["1", "2", "3"]
    finally:
        t.close()


EXPECT = r"""
use strict; use warnings; use Expect;
my ($password, $file, $n, @ssh) = @ARGV;
local $/; open(my $f, '<:raw', $file) or die; my @requests = split /(?<=\r\n\r\n)/, <$f>;
my $e = Expect->new; $e->raw_pty(1); $e->log_stdout(0);
$e->spawn(@ssh) or die "spawn";
$e->expect(20, -re => '[Pp]assword: ?$') or die "no prompt: " . $e->before . "\n";
$e->send("$password\n");
for my $request (@requests) {
	$e->send($request);
	$e->expect(20, -re => 'AUTHENTICATION-INFO: [0-9a-f]{40}\r?\n\r?\n') or die "no answer: " . $e->before . "\n";
	print $e->before . $e->match;
}
$e->hard_close;
"""


def test_perl_expect(rig, tmp_path):
    """The vendor's way: ssh in a pseudo-terminal, the prompt waited for, requests from files with trailing blanks, success
    told by "200 OK" and CRITERIA-ID, of LIST by CRITERIA-NUM."""
    def request(method, seq, *lines):
        body = "".join(x + " \r\n" for x in (f"{method} DTCP/0.7", "Csource-ID: lea1", *lines, f"Seq: {seq}")).encode()
        return body + f"Authentication-Info: {dtcp.digest(body)}\r\n\r\n".encode()

    lines = [x.replace("Cdest-ID", "CDest-ID").replace("X-JTap", "X-Jtap")
             for x in dtcp.add_lines(source_address="198.51.100.77", **rig.destination(7300))]
    (tmp_path / "script").write_text(EXPECT)
    (tmp_path / "requests").write_bytes(
        request("ADD", 1, *lines, "Priority: 1000") + request("LIST", 1, "Flags: BOTH") + request("LIST", 1, "CDest-ID: nosuch")
        + request("DELETE", 2, "CDest-ID: cd1", "Flags: STATIC"))
    ssh = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={rig.info['known_hosts']}", "-o", "PubkeyAuthentication=no",
           "-l", "lea1", "-p", str(rig.lab["ssh_port"]), rig.addr("router"), "-s", "flow-tap-dtcp"]
    r = subprocess.run(["perl", tmp_path / "script", rig.passwords["lea1"], tmp_path / "requests", "4",
                        *net.argv_inside(rig.ns("mediation"), ssh)], capture_output=True, timeout=120)
    assert r.returncode == 0, r.stderr
    said = r.stdout.decode().replace("\r", "")
    assert said.count("200 OK") == 3 and "430 " in said
    assert "CRITERIA-ID: " in said and "CRITERIA-NUM: 1" in said and "CRITERIA-COUNT: 1" in said
