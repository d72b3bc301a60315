# SPDX-License-Identifier: BSD-2-Clause
"""Prometheus metrics of the real daemon: over its Unix socket and over HTTP, and what they must not tell.  promtool
(of Debian's package prometheus) has its say if it is there: in the PATH or named by FLOWTAP_PROMTOOL."""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest
import rig as rigs
from rig import BIN, TREE, lab_command, until

PORT = 9117
SAMPLE = re.compile(r'(flowtap_[a-z0-9_]+)(?:\{([a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*)\})? (-?[0-9.]+)')
LABELS = {"reason", "family", "interface", "severity", "version", "attach"}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    extra = tmp_path_factory.mktemp("metrics") / "extra"
    extra.write_text(f"metrics {{ address 192.0.2.1; port {PORT}; }}\n")
    rig = rigs.Rig(rigs.lab_name("metrics"), "--conf-extra", str(extra))
    yield rig
    rig.down()


def over_unix(rig, request=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(f"/proc/{rig.info['init']}/root/run/flowtap/metrics.sock")
        return conversation(s, request)


def over_tcp(rig, request=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
    s = rig.inside("mediation", socket.create_connection, (rig.addr("router"), PORT), 10)
    with s:
        return conversation(s, request)


def conversation(s, request):
    s.sendall(request)
    got = b""
    while part := s.recv(65536):
        got += part
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), dict(x.split(": ", 1) for x in lines[1:]), body.decode()


def metrics(text):
    """{name: {labels: value}}; each family is announced by HELP and TYPE, once, and stands in one piece."""
    found, kinds, now = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            now = line.split()[2]
            assert now not in kinds and line.endswith(".") and len(line.split()) > 4, line
        elif line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name == now and kind in ("counter", "gauge")
            assert (kind == "counter") == name.endswith("_total"), line
            kinds[name] = kind
        else:
            m = SAMPLE.fullmatch(line)
            assert m and m[1] == now, line
            labels = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', m[2] or ""))
            assert set(labels) <= LABELS
            values = found.setdefault(now, {})
            assert m[2] not in values, line
            values[m[2]] = float(m[3])
    assert set(found) == set(kinds)
    return found


def promtool():
    return os.environ.get("FLOWTAP_PROMTOOL") or shutil.which("promtool")


def test_scrape(box):
    status, head, body = over_unix(box)
    assert (status, head["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert int(head["Content-Length"]) == len(body)
    got = metrics(body)
    assert got["flowtap_criteria_limit"] == {None: 131072}
    assert got["flowtap_interface_tapped"]['interface="sub0"'] == 1
    assert got["flowtap_agencies"] == {None: 2}
    assert over_tcp(box)[0] == 200


@pytest.mark.skipif(promtool() is None, reason="no promtool; it is in Debian's package prometheus")
def test_promtool_has_no_complaint(box):
    r = subprocess.run([promtool(), "check", "metrics"], input=over_unix(box)[2], capture_output=True, text=True)
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")


def test_figures_are_the_daemons(box):
    """The sum closes here, too, and nothing tells whose copies they were, or of what."""
    port = box.port()
    with box.session() as s, box.receiver("mediation", port) as content, box.udp("subscriber") as u:
        s.add(source_address=box.addr("subscriber"), **box.destination(port))
        for i in range(20):
            u.sendto(b"x", (box.addr("internet"), 9))
        content.wait(20)
        box.account_closed()
        text = over_unix(box)[2]
        got = metrics(text)
        assert got["flowtap_copies_sent_total"][None] == 20 and got["flowtap_criteria"] == {None: 1}
        assert got["flowtap_copies_due_total"][None] == 20 + sum(got["flowtap_copies_lost_total"].values())
        assert got["flowtap_sessions"][None] >= 1
        for secret in "lea1", "lea2", box.addr("subscriber"), box.addr("mediation"), str(port):
            assert secret not in text
    box.forget_all()


@pytest.mark.parametrize("request_, status", [
    (b"HEAD /metrics HTTP/1.0\r\n\r\n", 200),
    (b"GET /metrics?x=y HTTP/1.1\n\n", 200),
    (b"GET / HTTP/1.1\r\n\r\n", 404),
    (b"POST /metrics HTTP/1.1\r\n\r\n", 405),
    (b"nonsense\r\n\r\n", 400),
    (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 4096, 431),
], ids=range(6))
def test_answers(box, request_, status):
    got, head, body = over_tcp(box, request_)
    assert got == status and (body == "") == request_.startswith(b"HEAD")


def test_slow_and_many(box):
    """Who says nothing is thrown out; who is one too many is turned away; the others are served."""
    idle = [box.inside("mediation", socket.create_connection, (box.addr("router"), PORT), 10) for _ in range(15)]
    try:
        assert over_unix(box)[0] == 200
        for s in idle:
            s.settimeout(20)
        assert idle[0].recv(1) == b"", "it was closed"
    finally:
        for s in idle:
            s.close()
    assert over_tcp(box)[0] == 200


def test_who_may_read(box):
    root = f"/proc/{box.info['init']}/root"
    st = os.stat(root + "/run/flowtap/metrics.sock")
    group = int(box.router("getent", "group", "flowtap-metrics").split(":")[2])
    assert (st.st_mode & 0o777, st.st_uid, st.st_gid) == (0o660, 0, group)


def test_its_death_is_the_end_of_nothing_else(box):
    """Metrics are gone until the next start; taps, sessions and the rest go on."""
    before = {k: v for k, v in box.processes().items() if k not in ("metrics", "session", "sshd")}
    os.kill(box.processes()["metrics"][0], 9)
    until("it is gone", lambda: not box.processes()["metrics"])
    assert box.answered() and box.show()["state"] == "running"
    assert {k: v for k, v in box.processes().items() if k not in ("metrics", "session", "sshd")} == before
    events = json.loads(box.router("flowtap", "-j", "show", "services", "flow-tap", "events"))["events"]
    assert "metrics" in [x["kind"] for x in events]
    lab_command("restart", "--name", box.name)
    assert over_unix(box)[0] == 200


# ---- the dashboard ----

def queries(node):
    if isinstance(node, dict):
        if "expr" in node:
            yield node["expr"]
        node = node.values()
    elif not isinstance(node, list):
        return
    for x in node:
        yield from queries(x)


def test_dashboard(box):
    """Grafana can import it: a variable for the data source, no id of ours; each query names metrics that exist."""
    with open(TREE + "/packaging/grafana/flowtap.json") as f:
        board = json.load(f)
    assert board.get("id") is None and "uid" not in board and board["title"]
    assert [v["type"] for v in board["templating"]["list"]][0] == "datasource"
    got = metrics(over_unix(box)[2])
    found = list(queries(board["panels"]))
    assert len(found) >= 10 and len({p["id"] for p in board["panels"]}) == len(board["panels"])
    for expr in found:
        names = set(re.findall(r"flowtap_[a-z0-9_]+", expr))
        assert names and names <= set(got), expr
    for panel in board["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
