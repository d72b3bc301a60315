# SPDX-License-Identifier: BSD-2-Clause
"""The mediation side: the dtcp client against the real router."""

import json
import os
import subprocess

import pytest
from rig import dtcp, net, udp_packet

PACKET = udp_packet("198.51.100.10", "203.0.113.10", 4000, 53, b"a question")


@pytest.fixture
def client(rig, tmp_path):
    """dtcp(1) as lea1: returns the finished process."""
    def run(*args, agency="lea1", password=None, text=None, known_hosts=None):
        env = dict(os.environ, DTCP_PASSWORD=rig.passwords[agency] if password is None else password, LC_ALL="C.UTF-8")
        argv = [rig.lab["bin"] + "/dtcp", "-l", agency, "-o", f"UserKnownHostsFile={known_hosts or rig.info['known_hosts']}",
                *args]
        return subprocess.run(net.argv_inside(rig.ns("mediation"), argv), capture_output=True, text=True, env=env,
                              input=text, timeout=60)

    return run


def test_add_list_delete(rig, client):
    port = rig.port()
    r = client(rig.addr("router"), "add", "--source", "198.51.100.0/24,!198.51.100.77", "--protocol", "17",
               "--dest-port", "53,1024-*", "--to", f"{rig.addr('mediation')}:{port}")
    assert r.returncode == 0 and "added" in r.stdout, r
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        inject(PACKET)
        assert content.wait(1) == [PACKET]
    r = client("-j", rig.addr("router"), "list")
    entry, = json.loads(r.stdout)["entries"]
    assert entry["source-address"] == "198.51.100.0/24,!198.51.100.77" and entry["dest-port"] == "53,1024-*"
    assert (entry["matching-packets"], entry["matching-bytes"]) == (1, len(PACKET))
    ident = str(entry["criteria-id"])
    text = client(rig.addr("router"), "list", ident).stdout
    assert ident in text and "198.51.100.0/24" in text and max(map(len, text.splitlines())) <= 80
    r = client(rig.addr("router"), "delete", ident)
    assert (r.returncode, r.stdout) == (0, "1 criterion deleted\n")
    assert json.loads(client("-j", rig.addr("router"), "list").stdout)["entries"] == []


def test_two_destinations_and_ipv6(rig, client):
    a, b = rig.port(), rig.port()
    r = client(rig.addr("router"), "add", "--ipv6", "--everything", "--to", f"[{rig.addr('mediation', 6)}]:{a}", "--to",
               f"[{rig.addr('mediation', 6)}]:{b}", "--from", f"[{rig.addr('router', 6)}]:49153", "--ttl", "9", "-j")
    answer = json.loads(r.stdout)
    assert r.returncode == 0 and answer["code"] == 200, r
    entry, = json.loads(client("-j", rig.addr("router", 6), "list").stdout)["entries"]
    assert entry["x-jtap-cdest-ttl"] == 9 and entry["criteria-id"] == answer["criteria-id"]
    assert entry["x-jtap-cdest-dest-port"] == f"{a},{b}"


@pytest.mark.parametrize("args,status,says", [
    (("delete", "4000000"), 4, "431"),
    (("list", "--cdest", "nosuch"), 4, "430"),
    (("add", "--protocol", "1", "--dest-port", "9", "--to", "192.0.2.10:7"), 1, "432"),
    (("add", "--source", "10.0.0.1", "--dest", "2001:db8::1", "--to", "192.0.2.10:7"), 1, "400"),
    (("add", "--source", "10.0.0.1"), 2, "--to"),
    (("frob",), 2, "frob"),
    (("delete",), 2, "delete"),
    (("add", "--to", "nowhere"), 2, "nowhere"),
    (("add", "--protocol", "6", "--to", "[2001:db8::1]:7"), 2, "--from"),
])
def test_exit_status_and_reason(rig, client, args, status, says):
    r = client(rig.addr("router"), *args)
    assert r.returncode == status and says in r.stdout + r.stderr, r


def test_login_refused(rig, client):
    r = client(rig.addr("router"), "noop", password="wrong")
    assert r.returncode == 3 and "wrong password" in r.stderr
    r = client("-o", "BatchMode=yes", "-o", "PasswordAuthentication=no", rig.addr("router"), "noop", password="")
    assert r.returncode == 3 and "login was refused" in r.stderr


def test_no_connection(rig, client):
    """Each reason has its own words and its own exit status."""
    r = client("-p", "9", rig.addr("router"), "noop")
    assert r.returncode == 8 and "connection refused" in r.stderr
    nobody = rig.addr("mediation").rsplit(".", 1)[0] + ".231"
    r = client("-o", "ConnectTimeout=10", nobody, "noop")
    assert r.returncode == 10 and ("no way" in r.stderr or "in time" in r.stderr), r


def test_host_key(rig, client, tmp_path):
    """An unknown host key, and one that is not the router's: nothing is sent, also where nobody can be asked."""
    known = tmp_path / "known"
    r = client("-o", "StrictHostKeyChecking=ask", rig.addr("router"), "noop", known_hosts=known)
    assert r.returncode == 7 and "host key is not known" in r.stderr, r
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    key = (tmp_path / "other.pub").read_text().split()[1]
    known.write_text(f"[{rig.addr('router')}]:{rig.lab['ssh_port']} ssh-ed25519 {key}\n")
    r = client("-j", rig.addr("router"), "noop", known_hosts=known)
    assert r.returncode == 7 and json.loads(r.stdout)["error"] == "host-key-changed", r


def test_not_permitted(rig, client, config):
    """A login that sshd takes, of a user who is no agency of the configuration."""
    config(lambda text: text.replace("agency lea2", "inactive: agency lea2"))
    r = client("-j", rig.addr("router"), "noop", agency="lea2")
    assert r.returncode == 11 and json.loads(r.stdout)["error"] == "not-permitted", r


def test_everything(rig, client):
    """A filter that matches everybody is nobody's mistake: it has to be said."""
    to = ("--to", f"{rig.addr('mediation')}:{rig.port()}")
    for filters in (), ("--source", "*"), ("--dest", "0.0.0.0/1,128.0.0.0/1", "--protocol", "0-255"), ("--ipv6",):
        r = client(rig.addr("router"), "add", *to, *filters)
        assert r.returncode == 2 and "--everything" in r.stderr, r
    assert json.loads(client("-j", rig.addr("router"), "list").stdout)["entries"] == []
    assert client(rig.addr("router"), "add", *to, "--everything").returncode == 0
    assert client(rig.addr("router"), "add", *to, "--everything", "--protocol", "6").returncode == 2


def test_run_file(rig, client, tmp_path):
    """Requests as other clients' scripts have them: some signed, some not, in any order of lines."""
    port = rig.port()
    add = "\n".join(dtcp.add_lines(source_address="198.51.100.1", **rig.destination(port)))
    requests = [f"ADD DTCP/0.7\n{add}\n", "FROB DTCP/0.7\n",
                dtcp.request("NOOP", "lea1", 77).decode().replace("\r\n", "\n").rstrip("\n") + "\n",
                "LIST DTCP/0.8\nFlags: BOTH\n"]
    path = tmp_path / "requests"
    path.write_text("\n".join(requests))
    r = client("-j", rig.addr("router"), "run", str(path))
    answers = [json.loads(line) for line in r.stdout.splitlines()]
    assert r.returncode == 6, r
    assert [a["code"] for a in answers if "code" in a] == [200, 501, 200, 200], r.stdout
    again = client("-j", rig.addr("router"), "run", "-", text="NOOP DTCP/0.7\n")
    assert again.returncode == 0 and json.loads(again.stdout.splitlines()[0])["code"] == 200


def test_run_thousands(rig, client, tmp_path):
    path = tmp_path / "many"
    with open(path, "w") as f:
        for i in range(3000):
            lines = "\n".join(dtcp.add_lines(source_address=f"10.9.{i >> 8}.{i & 255}", **rig.destination(7)))
            f.write(f"ADD DTCP/0.7\n{lines}\n\n")
    r = client("-q", rig.addr("router"), "run", str(path))
    assert r.returncode == 0, r
    assert len(json.loads(client("-j", rig.addr("router"), "list").stdout)["entries"]) == 3000
