#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The collector under load: what it receives and writes a second, and its memory.

Usage: bench/collect/run.py [--bin build] [--seconds N]     (root; makes two namespaces)
Prints one line of JSON for each figure; bench/README.md says how to read them.
"""
import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
from lablib import net  # noqa: E402

A, B = "bench-collect-a", "bench-collect-b"
PORTS = range(7000, 7008)
BATCH = 64


def up():
    for ns in A, B:
        net.run("ip", "netns", "add", ns)
    net.run("ip", "link", "add", "a0", "netns", A, "type", "veth", "peer", "name", "b0", "netns", B)
    for ns, dev, addr in (A, "a0", "198.18.0.1/24"), (B, "b0", "198.18.0.2/24"):
        net.run("ip", "-n", ns, "addr", "add", addr, "dev", dev)
        net.run("ip", "-n", ns, "link", "set", dev, "up")


def down():
    for ns in A, B:
        subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL)


def send(seconds, size):
    """As fast as one process can; the number of datagrams sent."""
    inner = bytearray(size)
    inner[0], inner[2:4] = 0x45, size.to_bytes(2, "big")
    socks = []
    for port in PORTS:
        s = net.inside(A, socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(("198.18.0.2", port))
        socks.append(s)
    n, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for s in socks:
            for _ in range(BATCH):
                s.send(inner)
        n += BATCH * len(socks)
    return n


def memory(pid):
    with open(f"/proc/{pid}/status") as f:
        text = f.read()
    assert text.startswith("Name:\tflowtap-collect\n")
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


def show(name, value, unit, **more):
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, **more}), flush=True)


def measure(program, seconds, size, folder):
    argv = [program, "-j", "-q", "-p", f"{PORTS[0]}-{PORTS[-1]}", "-w", folder]
    p = subprocess.Popen(net.argv_inside(B, argv), stdout=subprocess.PIPE, text=True)
    p.stdout.readline()
    sent = send(seconds, size)
    peak = memory(p.pid)
    p.terminate()
    out, _ = p.communicate(timeout=60)
    total = json.loads(out.splitlines()[-1])["total"]
    show(f"collector, packets of {size} bytes received", total["packets"] / seconds, "1/s", sent=sent,
         lost=total["lost"], unwritten=total["unwritten"], received=total["packets"])
    show(f"collector, memory at its peak, packets of {size} bytes", peak / 1e6, "MB", goal=64, reached=peak <= 64e6)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--bin", default=str(ROOT / "build"))
    p.add_argument("--seconds", type=float, default=3)
    o = p.parse_args()
    program = o.bin + "/src/mediation/flowtap-collect"
    down()
    up()
    try:
        for size in 100, 1400:
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o700)
                measure(program, o.seconds, size, folder)
    finally:
        down()


main()
