# SPDX-License-Identifier: BSD-2-Clause
"""The collector: how many copies a second it takes in and writes without losing one, and its memory."""

import json
import os
import subprocess
import tempfile

from benchlib import topo
from benchlib.goals import GOALS
from benchlib.topo import net

PORTS = 3  # bits: eight content ports
LOW, HIGH = 50000, 1600000
STEP = 1.05  # the search ends when it knows the limit so well
MEMORY_GOAL_MB = 64


def copy_of(size):
    """A copy as the tap sends it: outer IPv4 and UDP without checksum, inner IPv4 of so many bytes."""
    inner = bytearray(size)
    inner[0], inner[2:4], inner[8], inner[9] = 0x45, size.to_bytes(2, "big"), 64, 253
    udp = (49153).to_bytes(2, "big") + (7000).to_bytes(2, "big") + (8 + size).to_bytes(2, "big") + b"\0\0"
    src, dst = (bytes(map(int, topo.addr(r).split("."))) for r in ("router", "mediation"))
    head = bytearray(b"\x45\0" + (28 + size).to_bytes(2, "big") + b"\0\0\x40\0\x40\x11\0\0" + src + dst)
    total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
    total = (total & 0xFFFF) + (total >> 16)
    head[10:12] = (~(total + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
    return bytes(head) + udp + bytes(inner)


class Collector:
    def __init__(self, bench):
        self.program = os.path.abspath(bench.opts.bin) + "/src/mediation/flowtap-collect"

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        os.chmod(self.folder.name, 0o700)
        self.process = subprocess.Popen(net.argv_inside(topo.ns("mediation"), [
            self.program, "-j", "-q", "-p", f"7000-{7000 + (1 << PORTS) - 1}", "-w", self.folder.name]),
            stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        return self

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(f.read().split("VmHWM:")[1].split()[0]) * 1024

    def end(self):
        """Its account, as it says itself."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out.splitlines()[-1])["total"]

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.folder.cleanup()


def trial(bench, size, rate, ms):
    """(sent a second, lost, memory) at this rate; lost: sent, but not in the collector's account and files."""
    with Collector(bench) as c:
        r = bench.gen.run(at="mediation", raw=copy_of(size).hex(), rate=rate, ms=ms, ports=PORTS)
        memory = c.memory()
        total = c.end()
    lost = r["sent"] - total["packets"] + total["unwritten"]
    per_s = 1e9 / r["ns_sent"]
    bench.say(f"{size} B, {per_s:.0f} a second: {r['sent']} sent, {lost} lost, {memory / 1e6:.1f} MB")
    return per_s, lost, memory


def limit(bench, size, ms):
    """The highest rate without a loss, by halving; and the most memory seen."""
    low, high, best, peak = LOW, HIGH, 0.0, 0
    while high / low > STEP:
        rate = int((low * high) ** 0.5)
        per_s, lost, memory = trial(bench, size, rate, ms)
        peak = max(peak, memory)
        if lost:
            high = rate
            continue
        low, best = rate, max(best, per_s)  # the generator may not reach the rate that was asked for
    return best, peak


def run(bench):
    bench.gen.ask("count", "off")
    try:
        for size in (64,) if bench.opts.quick else (64, 1400):
            if size == 64 and not bench.opts.quick:
                goal_s = 10
                _, lost, _ = trial(bench, size, int(GOALS["collect"].goal * 1.002), goal_s * 1000)
                bench.entry(f"collector, 500,000 copies of 64 B a second for {goal_s} s: lost", lost, "copies", None, None,
                            0, "<=")
            best, peak = limit(bench, size, 1000 if bench.opts.quick else 4000)
            if size == 64:
                g = GOALS["collect"]
                bench.entry(g.name, best, g.unit, None, None, g.goal, g.sense)
            else:
                bench.entry(f"collector, copies of {size} B a second without loss", best, "1/s")
            bench.entry(f"collector, memory at its peak, copies of {size} B", peak / 1e6, "MB", None, None,
                        MEMORY_GOAL_MB, "<=")
    finally:
        bench.gen.ask("count", "on")
