#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""100,000 criteria over one SSH session, pipelined: time to add, time to list, memory of the daemon.

Usage: bench/scale/run.py [--bin build] [--count N]     (root; makes a lab of its own)
Prints one line of JSON for each figure; bench/README.md says how to read them.
"""
import argparse
import ipaddress
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAB = str(ROOT / "tools" / "lab")
NAME = "scale"


def criterion(rng, i):
    """A mixture: hosts, prefixes, ports, both families."""
    v6 = i % 4 == 3
    base = int(ipaddress.ip_address("2001:db8::" if v6 else "10.0.0.0")) + i * (1 << 64 if v6 else 1)
    host = str(ipaddress.ip_address(base))
    lines = {"Source-Address": "*", "Dest-Address": "*", "Protocol": "*", "Source-Port": "*", "Dest-Port": "*"}
    side = rng.choice(["Source-Address", "Dest-Address"])
    kind = i % 5
    lines[side] = host
    if kind == 1:
        length = rng.choice([48, 56, 64] if v6 else [24, 28, 30])
        lines[side] = str(ipaddress.ip_network(f"{host}/{length}", strict=False))
    if kind in (2, 3):
        lines["Protocol"] = rng.choice(["6", "17"])
        lines["Dest-Port"] = str(rng.randrange(1, 65536))
    if kind == 4:
        lines["Protocol"] = "17"
        lines["Dest-Port"] = f"{rng.randrange(1, 30000)}-{rng.randrange(30000, 65536)}"
    return lines


def write_requests(path, count, lab, seed):
    rng = random.Random(seed)
    with open(path, "w", newline="") as f:
        for i in range(count):
            lines = criterion(rng, i)
            f.write("ADD DTCP/0.7\r\nCsource-ID: lea1\r\nCdest-ID: cd1\r\n")
            f.writelines(f"{k}: {v}\r\n" for k, v in lines.items())
            f.write(f"Priority: 2\r\nX-JTap-Cdest-Dest-Address: {lab['mediation']['v4']}\r\n"
                    f"X-JTap-Cdest-Dest-Port: 7890\r\nX-JTap-Cdest-Source-Address: {lab['router']['v4']}\r\n"
                    "X-JTap-Cdest-Source-Port: 49153\r\nX-JTap-Cdest-TTL: 64\r\nFlags: STATIC\r\n\r\n")


def daemon_anon_bytes(lab):
    """Anonymous memory of all flowtapd processes in the router's namespace: the kernel's tables, which
    the dataplane maps, are not anonymous."""
    pids = subprocess.run(["ip", "netns", "pids", lab["router"]["netns"]], capture_output=True, text=True,
                          check=True).stdout.split()
    total = 0
    for pid in pids:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            continue
        if "Name:\tflowtapd\n" in status:
            total += sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon"))
    return total


def dtcp(lab, *args, quiet=False):
    cmd = ["ip", "netns", "exec", lab["mediation"]["netns"], f"{lab['bin']}/dtcp", "-l", "lea1", "-p",
           str(lab["ssh_port"]), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "--timeout",
           "120", "-j", lab["router"]["v4"], *args]
    env = dict(os.environ, DTCP_PASSWORD="lea1-secret")
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        r = subprocess.run(cmd, env=env, stdout=out)
        seconds = time.monotonic() - start
        if r.returncode != 0:
            sys.exit(f"dtcp {args[0]} ended with {r.returncode}")
        out.seek(0)
        return seconds, out.read()


def show(name, value, unit, goal):
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "reached": value <= goal}),
          flush=True)


def run(lab, count, seed, folder):
    path = os.path.join(folder, "requests")
    write_requests(path, count, lab, seed)
    before = daemon_anon_bytes(lab)
    seconds, _ = dtcp(lab, "run", path)
    show(f"add {count} criteria", seconds, "s", 60 * count / 100000)
    show("daemon memory per criterion", (daemon_anon_bytes(lab) - before) / count, "bytes", 500)
    seconds, answer = dtcp(lab, "list", "--flags", "both")
    listed = answer.count(b'"criteria_id":')
    if listed < count:
        sys.exit(f"LIST told of {listed} criteria of {count}")
    show(f"list {count} criteria", seconds, "s", 5)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--bin", default=str(ROOT / "build"))
    p.add_argument("--count", type=int, default=100000)
    p.add_argument("--seed", type=int, default=1)
    o = p.parse_args()
    up = subprocess.run([LAB, "up", "--name", NAME, "--bin", o.bin], capture_output=True, text=True)
    if up.returncode != 0:
        sys.exit(up.stderr)
    try:
        with tempfile.TemporaryDirectory() as folder:
            run(json.loads(up.stdout), o.count, o.seed, folder)
    finally:
        subprocess.run([LAB, "down", "--name", NAME], check=True)


main()
