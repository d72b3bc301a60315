# SPDX-License-Identifier: BSD-2-Clause
"""Checkpoints leave the machine: a real rsyslogd sends them over TLS, and stops at a collector that is not the one."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from rig import TREE, until
from test_audit import flowtap, head

CONFIG = TREE + "/packaging/rsyslog/flowtap-checkpoints.conf"
NAME = "audit.example.net"


def certificate(folder, name):
    """A self-signed certificate of that name: (certificate, key)."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out", cert, "-keyout", key],
                   check=True, capture_output=True)
    return cert, key


class Collector(threading.Thread):
    """Takes syslog over TLS on the loopback; .got is all that came.  It shakes hands after so many seconds, as one far
    away does after some milliseconds."""

    def __init__(self, cert, key, after=0):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        self.after = after
        self.port, self.got, self.attempts, self.stopping = self.listener.getsockname()[1], b"", 0, False
        self.start()

    def run(self):
        while not self.stopping:
            with contextlib.suppress(TimeoutError, OSError):
                s, _ = self.listener.accept()
                s.settimeout(10)
                self.attempts += 1
                time.sleep(self.after)
                self.serve(s)
        self.listener.close()

    def serve(self, s):
        with contextlib.suppress(ssl.SSLError, ConnectionError), self.context.wrap_socket(s, server_side=True) as t:
            t.settimeout(0.2)
            while not self.stopping:
                try:
                    data = t.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return
                self.got += data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.join()


@contextlib.contextmanager
def rsyslogd(folder, drop, port, ca):
    """Our configuration, with this collector and this file in place of the printed ones."""
    with open(CONFIG) as f:
        text = f.read()
    for old, new in (f'Target="{NAME}"', 'Target="127.0.0.1"'), ("6514", str(port)), \
            ("/etc/flowtap/audit-ca.pem", str(ca)), ("/var/lib/flowtap/checkpoints.jsonl", str(drop)):
        assert old in text
        text = text.replace(old, new)
    conf = folder / "rsyslog.conf"
    conf.write_text(f'global(workDirectory="{folder}")\n{text}')
    subprocess.run(["rsyslogd", "-N1", "-f", conf], check=True, capture_output=True)
    with open(folder / "log", "w") as log:
        p = subprocess.Popen(["rsyslogd", "-n", "-f", conf, "-i", folder / "pid"], stdout=log, stderr=log)
    try:
        yield p
    finally:
        p.terminate()
        p.wait(20)


@pytest.fixture
def folder(tmp_path):
    if not shutil.which("rsyslogd"):
        pytest.skip("rsyslogd is not installed")
    return tmp_path


def test_checkpoints_reach_another_machine(rig, folder):
    """Every one, as it stands in the record, the one made just now too."""
    cert, key = certificate(folder, NAME)
    drop = f"{rig.info['dir']}/state/checkpoints.jsonl"
    with Collector(cert, key) as collector, rsyslogd(folder, drop, collector.port, cert):
        before = head(rig)["n"]
        with rig.session() as s:
            for i in range(300):
                s.add(source_address=f"198.51.{i // 250}.{i % 250 + 1}", **rig.destination(7000))
        with open(drop) as f:
            lines = f.read().splitlines()
        assert f'"n":{before}' not in lines[-1]
        until("the last checkpoint", lambda: lines[-1].encode() in collector.got, 30)
        record = flowtap(rig, "audit", "export").stdout
        for line in lines:
            assert line.encode() in collector.got and line + "\n" in record


@pytest.mark.parametrize("after", [0, 0.5])
def test_only_the_collector_of_that_name(rig, folder, after):
    """Somebody else with a certificate of the same authority's kind gets nothing."""
    cert, key = certificate(folder, "other.example.net")
    drop = f"{rig.info['dir']}/state/checkpoints.jsonl"
    with Collector(cert, key, after) as collector, rsyslogd(folder, drop, collector.port, cert):
        until("an attempt", lambda: collector.attempts > 0, 30)
        until("its refusal", lambda: "not permitted" in open(folder / "log").read() or collector.attempts > 1, 30)
    assert b"checkpoint" not in collector.got


def test_the_file_tells_no_target(rig):
    with rig.session() as s:
        s.add(source_address="198.51.100.123", **rig.destination(7000))
    path = f"{rig.info['dir']}/state/checkpoints.jsonl"
    assert os.stat(path).st_mode & 0o077 == 0
    with open(path) as f:
        assert "198.51.100" not in f.read()
