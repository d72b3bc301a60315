# SPDX-License-Identifier: BSD-2-Clause
"""The record of every use: one line for each, at once, for auditors only, and provable to an outsider."""

import collections
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading

import pytest
from rig import BIN, Rig, dtcp, lab_ask, lab_command, lab_name, udp_packet, until


def flowtap(rig, *argv, check=True, user=()):
    """The operator's command in the router, as root or by setpriv's options as somebody else."""
    return lab_command("exec", "--name", rig.name, "router", *(("setpriv", *user, "--clear-groups") if user else ()),
                       "flowtap", *argv, check=check)


def export(rig, start=1):
    return flowtap(rig, "audit", "export", str(start)).stdout


def head(rig):
    return json.loads(flowtap(rig, "-j", "audit", "head").stdout)


def since(rig, mark):
    """The lines after a mark, without the checkpoints and what reading them adds."""
    lines = [json.loads(x) for x in export(rig, mark["n"] + 1).splitlines()]
    return [x for x in lines if x["kind"] not in ("checkpoint", "export")]


def verify(text, key, tmp_path, known=None):
    """As an outsider: (exit code, what was printed)."""
    path = tmp_path / "record.jsonl"
    path.write_text(text)
    argv = [f"{BIN}/src/flowtap/flowtap", "audit", "verify", "--key", key, *(["--known", known] if known else []), path]
    r = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout


def test_every_use_has_its_line(rig):
    """Who, from where, what in their own words, with which result: once each, in order."""
    mark = head(rig)
    with rig.session() as s:
        number = s.add(source_address="198.51.100.77", **rig.destination(7000))
        s.ask("LIST")
        s.ask("NOOP")
        s.ask("DELETE", "Criteria-ID: 999999", "Flags: STATIC")
        s.ask("ADD", "Source-Address: 1.2.3", "Flags: STATIC")
        s.ask("FROB")
        s.send(dtcp.request("NOOP", "lea2", 99))  # another's name: no answer, but a line
        s.ask("DELETE", f"Criteria-ID: {number}", "Flags: STATIC")
    until("the session's end", lambda: since(rig, mark)[-1]["kind"] == "session-close")
    lines = since(rig, mark)
    assert [(x["kind"], x.get("code")) for x in lines] == [
        ("session-open", None), ("add", 200), ("list", 200), ("delete", 431), ("refused", 432), ("refused", 501),
        ("refused", 499), ("delete", 200), ("session-close", None)]
    uid = lines[0]["uid"]
    for x in lines:
        assert (x["agency"], x["peer"], x["auth"], x["uid"]) == ("lea1", rig.addr("mediation"), "password", uid), x
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", x["time"]) and "uncertainty_us" in x
    add = lines[1]
    assert add["id"] == number and add["seq"] == 1
    assert "Source-Address: 198.51.100.77\r\n" in add["request"] and "X-JTap-Cdest-Dest-Port: 7000" in add["request"]
    assert "Authentication-Info" not in add["request"]
    assert lines[7]["ids"] == str(number) and lines[4]["reason"]
    assert lines[-1]["reason"] == "4 requests refused", "whoever refused them"


def test_a_key_login_is_recorded_by_its_fingerprint(rig, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    rig.router("sh", "-c", "mkdir -p -m 755 /etc/flowtap/authorized_keys && cat > /etc/flowtap/authorized_keys/lea1 "
               f"<<'E'\n{(tmp_path / 'key.pub').read_text()}E")
    mark = head(rig)
    try:
        with rig.session(login=("-o", "PreferredAuthentications=publickey", "-i", str(key))) as s:
            assert s.ask("NOOP").code == 200
    finally:
        rig.router("rm", "/etc/flowtap/authorized_keys/lea1")
    wanted = subprocess.run(["ssh-keygen", "-l", "-f", key], check=True, capture_output=True, text=True).stdout.split()[1]
    assert since(rig, mark)[0]["auth"] == f"publickey ssh-ed25519 {wanted}"


def test_deleted_ids_are_named(rig):
    with rig.session() as s:
        ids = [s.add(source_address=f"198.51.100.{i}", **rig.destination(7000)) for i in range(1, 9)]
        s.ask("DELETE", f"Criteria-ID: {ids[3]}", "Flags: STATIC")
        mark = head(rig)
        reply = s.ask("DELETE", f"Criteria-ID: {ids[0]}-{ids[-1]}", "Flags: STATIC")
        assert reply.get("CRITERIA-COUNT") == "7"
        line = since(rig, mark)[0]
    assert line["ids"] == f"{ids[0]}-{ids[2]},{ids[4]}-{ids[7]}" and line["reason"] == "7 deleted"


def test_a_hundred_sessions_at_once_are_exactly_recorded(rig):
    """Pipelined, interleaved and killed: as many lines as there were changes, as the store counts them."""
    mark = head(rig)
    answered = collections.Counter()

    def work(agency, n):
        with rig.session(agency) as s:
            for i in range(30):
                lines = dtcp.add_lines(source_address=f"198.51.{n}.{i + 1}", **rig.destination(7000))
                s.send(dtcp.request("ADD", agency, i + 1, *lines))
            for i in range(30 if n % 2 else 7):  # half of them go without their answers
                answered[s.receive(30).code] += 1

    threads = [threading.Thread(target=work, args=(f"lea{1 + n % 2}", n)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kinds = lambda: collections.Counter(x["kind"] for x in since(rig, mark))  # noqa: E731
    until("every session's end", lambda: kinds()["session-close"] == 12, 30)
    lines = since(rig, mark)
    added = [(x["agency"], x["id"]) for x in lines if x["kind"] == "add" and x["code"] == 200]
    listed = []
    for agency in "lea1", "lea2":
        with rig.session(agency) as s:
            listed += [(agency, int(x["CRITERIA-ID"])) for x in s.ask("LIST").entries()]
    assert sorted(added) == sorted(listed) and len(set(added)) == len(added) >= 6 * 30 + 6 * 7
    assert answered[200] == 6 * 30 + 6 * 7


def test_provable_and_tampering_is_found(rig, tmp_path):
    with rig.session() as s:
        for i in range(20):
            s.add(source_address=f"198.51.100.{i + 1}", **rig.destination(7000))
    lab_command("restart", "--name", rig.name)  # a stop ends with a checkpoint
    end = head(rig)
    text = export(rig)
    lines = text.splitlines(keepends=True)
    known = f"{end['n']}:{end['hash']}"
    code, out = verify(text, end["key"], tmp_path, known)
    assert code == 0 and "proved" in out, out
    some = next(i for i, x in enumerate(lines) if '"kind":"add"' in x and "198.51.100." in x)
    forged = {
        "changed": [*lines[:some], lines[some].replace("198.51.100", "198.51.101", 1), *lines[some + 1:]],
        "cut out": lines[:some] + lines[some + 1:],
        "swapped": [*lines[:some], lines[some + 1], lines[some], *lines[some + 2:]],
        "twice": lines[:some + 1] + lines[some:],
        "end cut": lines[:end["n"] - 1],
        "beginning cut": lines[1:],
    }
    for how, what in forged.items():
        code, out = verify("".join(what), end["key"], tmp_path, known)
        assert code == 1 and "NOT PROVED" in out, how
        if how in ("changed", "cut out", "swapped"):
            assert f"line {some + 1} " in out, (how, out)
    # all hashes made anew: the signatures tell
    previous, redone = "0" * 64, []
    for x in forged["changed"]:
        body = re.sub(r'"prev":"[0-9a-f]{64}","hash":"[0-9a-f]{64}"\}\n$', f'"prev":"{previous}"', x)
        previous = hashlib.sha256(body.encode()).hexdigest()
        redone.append(body + f',"hash":"{previous}"}}\n')
    code, out = verify("".join(redone), end["key"], tmp_path)
    assert code == 1 and "signature" in out
    other = end["key"][:-2] + ("00" if end["key"][-2:] != "00" else "01")
    assert verify(text, other, tmp_path)[0] == 1


def test_rolled_back_store_is_not_taken(rig, tmp_path):
    """Yesterday's database with today's checkpoints: the daemon does not go on as if nothing had happened."""
    state, log = f"{rig.info['dir']}/state", f"{rig.info['logs']}/flowtapd.log"
    lab_command("stop", "--name", rig.name)
    shutil.copy(f"{state}/state.db", tmp_path / "old.db")
    lab_command("start", "--name", rig.name)
    with rig.session() as s:
        s.add(source_address="198.51.100.1", **rig.destination(7000))
    lab_command("stop", "--name", rig.name)
    shutil.copy(f"{state}/state.db", tmp_path / "new.db")
    shutil.copyfile(tmp_path / "old.db", f"{state}/state.db")
    begin = os.path.getsize(log)
    lab_ask(rig, "start")

    def said():
        with open(log) as f:
            f.seek(begin)
            return "older than its last checkpoint" in f.read()

    until("its refusal", said)
    assert not rig.answered()
    lab_command("stop", "--name", rig.name)
    shutil.copyfile(tmp_path / "new.db", f"{state}/state.db")
    lab_command("start", "--name", rig.name)
    assert rig.answered()


def test_who_may_read_it(rig):
    """The auditors' group and root; neither an operator nor an agency."""
    group = lambda name: rig.router("getent", "group", name).split(":")[2]  # noqa: E731
    uid = rig.router("id", "-u", "lea1").strip()
    auditor = ("--reuid", "65534", "--regid", group("flowtap-audit"))
    operator = ("--reuid", "65534", "--regid", group("_flowtap"))
    agency = ("--reuid", uid, "--regid", uid)
    assert flowtap(rig, "audit", "export", user=auditor).stdout.startswith('{"n":1,')
    for who in operator, agency:
        for command in ("export",), ("head",):
            r = flowtap(rig, "audit", *command, user=who, check=False)
            assert r.returncode == 3 and not r.stdout and "auditors" in r.stderr
    assert "agencies" in json.loads(flowtap(rig, "-j", "show", "services", "flow-tap", user=operator).stdout)
    assert "agencies" not in json.loads(flowtap(rig, "-j", "show", "services", "flow-tap", user=auditor).stdout)


@pytest.fixture
def small_disk(tmp_path):
    """A lab whose state is on a file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=711", "tmpfs", disk], check=True)
    os.chmod(tmp_path, 0o711)
    lab = None
    try:
        (disk / "state").mkdir()
        lab = Rig(lab_name("pytest-full"), "--state", str(disk / "state"))
        yield lab, disk
    finally:
        if lab:
            lab.down()
        subprocess.run(["umount", disk], check=True)


def test_what_cannot_be_recorded_is_not_done(small_disk, request):
    """The disk is full: an ADD is refused or not answered, nothing is copied; with room again all is as before."""
    rig, disk = small_disk
    request.node.rig, request.node.log_sizes = rig, collections.Counter()
    port = rig.port()
    with rig.session() as s, rig.receiver("mediation", port) as early, rig.injector("subscriber") as inject:
        assert s.ask("NOOP").code == 200
        with open(disk / "ballast", "wb", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(bytes(4096))
        with pytest.raises((AssertionError, dtcp.Silence, OSError)):  # what room the log still has is used up
            for i in range(1000):
                s.add(source_address=f"198.51.{i // 250}.{i % 250 + 1}", **rig.destination(port))
        target = {"source_address": rig.addr("subscriber"), **rig.destination(port)}
        with contextlib.suppress(dtcp.Silence, OSError):
            assert s.ask("ADD", *dtcp.add_lines(**target)).code == 500
        packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, b"target")
        inject(packet)
        os.unlink(disk / "ballast")
    lab_command("restart", "--name", rig.name)
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        s.add(**target)
        inject(packet)
        content.wait(1)
        lines = [json.loads(x) for x in export(rig).splitlines()]
        added = [x["id"] for x in lines if x["kind"] == "add" and x["code"] == 200]
        assert added == [int(x["CRITERIA-ID"]) for x in s.ask("LIST").entries()]
    assert early.got == [] and content.got == [packet]


def test_report(rig, tmp_path):
    with rig.session() as s:
        s.add(source_address="198.51.100.9", **rig.destination(7000))
        assert s.ask("DELETE", "Criteria-ID: 7\0").code >= 400
    path = tmp_path / "record.jsonl"
    path.write_text(export(rig))
    r = subprocess.run([f"{BIN}/src/flowtap/flowtap", "audit", "report", path], capture_output=True, text=True)
    assert r.returncode == 0
    assert re.search(r"add -> 200  agency lea1  peer \S+  auth password .* criterion \d+\n +\| ADD DTCP/0.7", r.stdout)
    assert "        | Criteria-ID: 7\\x00\n" in r.stdout
