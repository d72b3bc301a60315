# SPDX-License-Identifier: BSD-2-Clause
"""A control socket that answers as flowtapd does, without one: for what the shell does with an answer."""

import contextlib
import json
import os
import socket
import struct
import threading

SHOW, JSON = 64, 65
HEADER = struct.Struct("!IHHI")


def state(looks):
    """Counters that grow from look to look."""
    return {"copies": {"matched": 1000 * looks, "due": 900 * looks, "sent": 800 * looks},
            "losses": {"budget": 100 * looks},
            "agencies": [{"agency": "lea1", "sessions": 1, "criteria": 2, "due": 900 * looks, "sent": 800 * looks,
                          "lost-budget": 100 * looks, "lost-otherwise": 0}]}


@contextlib.contextmanager
def daemon(directory, answers=None):
    """The socket's path.  answers: of what is asked, as JSON; of all else, counters that grow.  Or a function of the
    words that gives the messages, (kind, body) each."""
    path, looks = os.path.join(directory, "ctl.sock"), 0
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()

        def serve():
            nonlocal looks
            with contextlib.suppress(OSError):
                while True:
                    with s.accept()[0] as c, c.makefile("rb") as f, contextlib.suppress(ConnectionError):
                        size, _, _, ident = HEADER.unpack(f.read(HEADER.size))
                        said = f.read(size)
                        words = said[2:2 + int.from_bytes(said[:2])].decode()
                        looks += 1
                        if callable(answers):
                            messages = answers(words)
                        else:
                            messages = [(JSON, json.dumps((answers or {}).get(words) or state(looks)).encode())]
                        for kind, body in messages:
                            c.sendall(HEADER.pack(len(body), kind, 0, ident) + body)
        threading.Thread(target=serve, daemon=True).start()
        yield path
        s.shutdown(socket.SHUT_RDWR)
