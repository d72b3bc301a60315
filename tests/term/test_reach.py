# SPDX-License-Identifier: BSD-2-Clause
"""dtcp on its way to a router: what stops it is told as what it is, with an exit status of its own."""

import contextlib
import json
import os
import socket
import subprocess
import threading

import pytest
from programs import PROGRAMS


def dtcp(*args, **env):
    return subprocess.run([PROGRAMS["dtcp"], *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, "LC_ALL": "C", **env})


@contextlib.contextmanager
def server(answer):
    """A port of 127.0.0.1; answer(connection) for each that comes."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        kept = []  # open until the end

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    kept.append(s.accept()[0])
                    answer(kept[-1])
        threading.Thread(target=serve, daemon=True).start()
        yield str(s.getsockname()[1])
        s.shutdown(socket.SHUT_RDWR)
        for c in kept:
            c.close()


def outcome(*args):
    text, as_json = dtcp(*args, "noop"), dtcp("-j", *args, "noop")
    assert text.returncode == as_json.returncode
    error = json.loads(as_json.stdout)
    assert error["text"] in text.stderr and text.stdout == "", text
    return text.returncode, error["error"]


def test_nothing_listens():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        assert outcome("-p", str(s.getsockname()[1]), "127.0.0.1") == (8, "connection-refused")


def test_no_such_host():
    assert outcome("nosuch.invalid") == (9, "no-host")


def test_silence_before_the_login():
    with server(lambda c: None) as port:
        assert outcome("-o", "ConnectTimeout=1", "-p", port, "127.0.0.1") == (10, "connection-timeout")


def test_no_ssh():
    with server(lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n" * 2000 + b"\r\n")) as port:
        assert outcome("-p", port, "127.0.0.1") == (13, "not-ssh")


def test_closed():
    with server(lambda c: c.shutdown(socket.SHUT_RDWR)) as port:
        assert outcome("-p", port, "127.0.0.1") == (13, "cut")


def test_no_ssh_program():
    assert outcome("--ssh", "/nonexistent/ssh", "router") == (14, "no-program")


@pytest.mark.parametrize("says,ends,status,error", [
    ("subsystem request failed on channel 0", 255, 12, "no-dtcp"),
    ("", os.EX_UNAVAILABLE, 12, "no-service"),
    ("", os.EX_NOPERM, 11, "not-permitted"),
    ("something else", 1, 5, "closed"),
])
def test_behind_the_login(says, ends, status, error):
    """As a server says it whose sshd has taken the login."""
    ssh = f"sh -c 'echo \"Authenticated to router ([192.0.2.1]:32001) using none\" >&2; echo \"{says}\" >&2; exit {ends}' x"
    assert outcome("--ssh", ssh, "router") == (status, error)


def test_second_address_answers():
    """What an earlier address said is forgotten once another has let us in."""
    says = "ssh: connect to host router port 32001: Connection refused", \
           "Authenticated to router ([192.0.2.1]:32001) using none"
    ssh = "sh -c '" + "".join(f'echo "{x}" >&2; ' for x in says) + "exit 1' x"
    assert outcome("--ssh", ssh, "router") == (5, "closed")
