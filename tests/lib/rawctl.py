# SPDX-License-Identifier: BSD-2-Clause
"""The control socket without our client: whatever bytes, of whatever user, and as many connections."""

import contextlib
import os
import socket

from fakectl import HEADER, SHOW

ERROR, TEXT = 66, 68  # of frames: the answer no; text ahead of a command


def frame(words, text=b"", kind=SHOW):
    body = text if kind == TEXT else b"".join(len(x).to_bytes(2, "big") + x for x in (words.encode(), text))
    return HEADER.pack(len(body), kind, 0, 1) + body


@contextlib.contextmanager
def as_user(uid):
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def connect(rig, uid=0, timeout=20):
    """As that user, whom the kernel names to the daemon."""
    folder = os.open(f"/proc/{rig.info['init']}/root/run/flowtap", os.O_PATH)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    try:
        with as_user(uid):
            s.connect(f"/proc/self/fd/{folder}/ctl.sock")
    except OSError:
        s.close()
        raise
    finally:
        os.close(folder)
    return s


def exactly(s, n):
    got = b""
    while len(got) < n:
        part = s.recv(n - len(got))
        if not part:
            raise ConnectionResetError("the daemon closed")
        got += part
    return got


def answer(s):
    size, kind, _, _ = HEADER.unpack(exactly(s, HEADER.size))
    return kind, exactly(s, size)


def ask(rig, words, uid=0):
    with connect(rig, uid) as s:
        s.sendall(frame(words))
        return answer(s)


def ask_with(rig, words, text, uid=0):
    """The same with what goes with the command."""
    with connect(rig, uid) as s:
        s.sendall(frame(words, text))
        return answer(s)
