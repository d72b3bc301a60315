#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Inside a machine of vm.py: `guest.py serve` runs the commands that come by a serial line; the other words are a
test's own small programs, in the namespaces of the hosts around the router.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import termios
import threading
import tty

LINE = "/dev/ttyS1"
PORT = 4000
SEED = {"up": 1, "down": 2}


# ---- commands ----

def serve():
    """Requests {argv, text}, answers {rc, out, err}: a line of JSON each."""
    fd = os.open(LINE, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd, termios.TCSANOW)
    line = os.fdopen(fd, "rb+", buffering=0)
    line.write(b'{"ready": true}\n')
    for asked in iter(lambda: readline(line), b""):
        ask = json.loads(asked)
        try:
            r = subprocess.run(ask["argv"], input=ask.get("text"), capture_output=True, text=True, errors="replace",
                               timeout=ask.get("timeout", 120))
            told = {"rc": r.returncode, "out": r.stdout, "err": r.stderr}
        except (OSError, subprocess.TimeoutExpired) as e:
            told = {"rc": -1, "out": "", "err": str(e)}
        put(line, json.dumps(told).encode() + b"\n")


def readline(line):
    got = b""
    while not got.endswith(b"\n"):
        more = line.read(4096)
        if not more:
            return b""
        got += more
    return got


def put(line, data):
    while data:
        data = data[line.write(data):]


# ---- a stream both ways ----

def stream(way, n):
    """n bytes that no shift of them equals."""
    word, out = SEED[way], bytearray()
    while len(out) < n:
        word = word * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        out += struct.pack("<Q", word) * 3 + struct.pack("<I", len(out))
    return bytes(out[:n])


def both_ways(s, send, receive, n):
    """Sends and receives n bytes at once; what came has to be exact."""
    sender = threading.Thread(target=s.sendall, args=(stream(send, n),))
    sender.start()
    got = bytearray()
    while len(got) < n and (more := s.recv(1 << 16)):
        got += more
    sender.join()
    s.close()
    assert bytes(got) == stream(receive, n), f"{receive}: {len(got)} bytes, not those sent"


def internet(n):
    with socket.create_server(("203.0.113.10", PORT)) as listener:
        print("listening", flush=True)
        s, _ = listener.accept()
        both_ways(s, "down", "up", n)


def subscriber(n):
    both_ways(socket.create_connection(("203.0.113.10", PORT), 60), "up", "down", n)


# ---- what was copied ----

def packets(path):
    """The packets of a pcapng file, as it was written: little-endian enhanced packet blocks."""
    with open(path, "rb") as f:
        data = f.read()
    at = 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            captured, = struct.unpack_from("<I", data, at + 20)
            yield data[at + 28:at + 28 + captured]
        at += length


def total(data):
    data += b"\0" * (len(data) % 2)
    n = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n


def segment_of(p, ihl, parts):
    """The TCP segment in p, or None as long as pieces of it are missing.  (A card that is emulated cuts what it is given
    into fragments, and leaves "do not fragment" set in them.)"""
    frag, = struct.unpack_from("!H", p, 6)
    at, more = (frag & 0x1fff) * 8, frag & 0x2000
    if not at and not more:
        return p[ihl:]
    got = parts.setdefault(p[4:6] + p[12:20], {})
    got[at] = p[ihl:], more
    segment, next_more = b"", True
    while next_more and len(segment) in got:
        piece, next_more = got[len(segment)]
        segment += piece
    if next_more:
        return None
    del parts[p[4:6] + p[12:20]]
    return segment


def check(n, *paths):
    """The copies of the stream: right checksums, and all of its bytes each way.  Prints what was found."""
    seen = {"packets": 0, "bad": 0, "largest": 0}
    content = {"up": [], "down": []}  # what is sent again may be cut otherwise: all of it counts
    start, parts = {}, {}
    for path in paths:
        for p in packets(path):
            ihl, size = (p[0] & 15) * 4, struct.unpack_from("!H", p, 2)[0]
            if p[0] >> 4 != 4 or p[9] != 6:
                continue
            seen["packets"] += 1
            seen["largest"] = max(seen["largest"], size)
            if size != len(p) or total(p[:ihl]) != 0xffff:
                seen["bad"] += 1
                continue
            tcp = segment_of(p, ihl, parts)
            if tcp is None:
                continue
            if total(p[12:20] + struct.pack("!HH", 6, len(tcp)) + tcp) != 0xffff:
                seen["bad"] += 1
            way = "up" if p[16:20] == socket.inet_aton("203.0.113.10") else "down"
            seq, = struct.unpack_from("!I", tcp, 4)
            if tcp[13] & 2:
                start[way] = seq + 1 & 0xffffffff
            body = tcp[(tcp[12] >> 4) * 4:]
            if body:
                content[way].append((seq, body))
    seen["in pieces"] = len(parts)
    for way, pieces in content.items():
        sent, there = stream(way, n), bytearray(n)
        wrong = 0
        for seq, body in pieces:
            at = seq - start[way] & 0xffffffff
            wrong += sent[at:at + len(body)] != body
            there[at:at + len(body)] = b"\1" * len(body)
        seen[way] = {"missing": there.count(0), "wrong": wrong, "more": len(there) - n}
    print(json.dumps(seen))


if __name__ == "__main__":
    word, *rest = sys.argv[1:]
    if word == "check":
        check(int(rest[0]), *rest[1:])
    else:
        {"serve": serve, "internet": internet, "subscriber": subscriber}[word](*map(int, rest))
