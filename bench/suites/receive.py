# SPDX-License-Identifier: BSD-2-Clause
"""What a copy costs the collector, by its sockets and taken early (-i), and what bounds the rate.

Copies go out of the router's port, at rising rates; sender and collector have one CPU between them. Every copy that
came through the link is received or counted as lost by the collector, or the suite fails.  "Without loss" is the highest rate at which none
was.  "A copy" is where its time goes when nothing is paced: to the sender, to the kernel between its port and the
collector, and to the collector, files included; the largest of the three is what bounds the rate.
"""

import json
import os
import subprocess
import tempfile

from benchlib import topo
from benchlib.topo import net

from .collect import MEMORY_GOAL_MB, PORTS, copy_of

CPU = 0
WAYS = {"sockets": (), "early": ("-i", "m0")}
FIRST = 100000, 300000, 500000
STEP = 1.2
ENOUGH = 0.95  # of the rate asked for; less, and there is no time left to send more
TICK = os.sysconf("SC_CLK_TCK")


def cpu_ns(pid):
    with open(f"/proc/{pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) * 1e9 / TICK


class Collector:
    def __init__(self, bench, folder, way):
        program = os.path.abspath(bench.opts.bin) + "/src/mediation/flowtap-collect"
        argv = [program, "-j", "-q", "-p", f"7000-{7000 + (1 << PORTS) - 1}", "-w", folder, *WAYS[way]]
        self.process = subprocess.Popen(net.argv_inside(topo.ns("mediation"), argv), stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        assert ready["interfaces"] == list(WAYS[way][1:]), "the early path is not to be had here"
        os.sched_setaffinity(self.process.pid, {CPU})

    def end(self):
        """(its account, CPU time it took, MB of memory at its peak)"""
        ns = cpu_ns(self.process.pid)
        with open(f"/proc/{self.process.pid}/status") as f:
            memory = int(f.read().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
        self.process.terminate()
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out.splitlines()[-1])["total"], ns, memory

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def refused():
    """Frames that the link's ring had no room for: they never came to the collector's machine."""
    link = json.loads(net.run("ip", "-n", topo.ns("mediation"), "-j", "-s", "link", "show", "m0"))[0]
    return link["stats64"]["rx"]["dropped"]


def trial(bench, way, size, rate, ms):
    words = {"raw": copy_of(size).hex(), "wire": 1, "ports": PORTS, "ms": ms, **({"rate": rate} if rate else {})}
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o700)
        with Collector(bench, folder, way) as c:
            start, before = cpu_ns(bench.gen.process.pid), refused()
            sent = bench.gen.run(**words)
            sending = cpu_ns(bench.gen.process.pid) - start
            account, ns, memory = c.end()
    came = sent["sent"] - (refused() - before)
    assert account["packets"] + account["lost"] == came, "a copy is neither received nor counted as lost"
    t = {"per_s": 1e9 / sent["ns_sent"], "lost": sent["sent"] - account["packets"] + account["unwritten"], "memory": memory,
         "collector_ns": ns / max(1, account["packets"]), "sending_ns": sending / sent["sent"]}
    bench.say(f"{way}, {size} B, {t['per_s']:.0f} a second: {sent['sent']} sent, {t['lost']} lost, "
              f"{t['collector_ns']:.0f} ns of the collector's a copy")
    return t


def rates():
    yield from FIRST
    rate = FIRST[-1]
    while True:
        rate = int(rate * STEP)
        yield rate


def measure(bench, way, size, ms, own_ns):
    name, best, peak = f"collector, {way}, {size} B", 0.0, 0.0
    for rate in rates():
        t = trial(bench, way, size, rate, ms)
        peak = max(peak, t["memory"])
        if t["lost"]:
            break
        best = max(best, t["per_s"])
        if t["per_s"] < ENOUGH * rate:
            break
    bench.entry(f"{name}, one CPU with the sender, without loss", best, "1/s")
    # Without a pause, the sender's time is its own and that of the kernel's receive path, which runs in it.
    t = trial(bench, way, size, 0, ms)
    bench.entry(f"{name}, a copy: sender", own_ns, "ns")
    bench.entry(f"{name}, a copy: link and receive path", t["sending_ns"] - own_ns, "ns")
    bench.entry(f"{name}, a copy: collector", t["collector_ns"], "ns")
    bench.entry(f"{name}, memory at its peak", peak, "MB", goal=MEMORY_GOAL_MB, sense="<=")


def run(bench):
    gen, before = bench.gen.process.pid, os.sched_getaffinity(bench.gen.process.pid)
    bench.gen.ask("count", "off")
    os.sched_setaffinity(gen, {CPU})
    try:
        for size in (64,) if bench.opts.quick else (64, 1400):
            own_ns = min(bench.gen.run(raw=copy_of(size).hex(), ms=200, own=1)["ns_sent"] for _ in range(3))
            for way in WAYS:
                measure(bench, way, size, 600 if bench.opts.quick else 2000, own_ns)
    finally:
        os.sched_setaffinity(gen, before)
        bench.gen.ask("count", "on")
