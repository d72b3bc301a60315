# SPDX-License-Identifier: BSD-2-Clause
"""How much later the target's own packets come: two sockets in one thread, there and back, both ways tapped."""

from benchlib import peers, stat, topo
from benchlib.bench import Skipped, Variant
from benchlib.tools import Talk, Tap

PORTS = "r0", "r1"
ELSEWHERE = "100.64.0.1"  # nobody is there


def tapped(bench, tap, name, addresses, copies):
    """Criteria for packets to these addresses while it is on."""
    before = {}

    def on():
        for i, a in enumerate(addresses):
            tap.host(a, 1 + 100 * i, copies)
        tap.attach(*PORTS)
        before.update(tap.ask("stats"), copies=bench.gen.ask("counts")["copies"])

    def off():
        tap.detach(*PORTS)
        for i in range(len(addresses)):
            tap.ask("remove", first=1 + 100 * i, n=copies)
        tap.ask("tick")

    def after(_):
        arrived = bench.gen.ask("counts")["copies"] - before.pop("copies")
        bench.close_account(name, before, tap.account(), arrived)

    return Variant(name, on, off, after)


def run(bench):
    ends = topo.addr("gen"), topo.addr("sink")
    bench.gen.ask("count", "mediation")
    try:
        with Talk(bench.opts.bin) as talk, \
                Tap(bench.opts.bin, f"{bench.lab.folder}/latency", max=131072) as tap:
            tap.go_direct(bench.gen)
            variants = {
                "miss": tapped(bench, tap, "miss", [ELSEWHERE], 1),
                "one copy": tapped(bench, tap, "one copy", ends, 1),
                "four copies": tapped(bench, tap, "four copies", ends, 4),
            }
            try:
                tee = peers.Iptables([f"-d {a}" for a in ends])
                variants["iptables TEE"] = Variant("iptables TEE", tee.on, tee.off)
            except Skipped as e:
                bench.skip("iptables TEE", e)
            measure(bench, talk, variants)
    finally:
        bench.gen.ask("count", "on")


def measure(bench, talk, variants):
    c = bench.compare("ping-pong", variants, key="p50", rounds=bench.rounds(15, 7),
                      run=lambda **words: talk.ask("ping", **words), n=4000)
    bench.told("latency", [1 / r for r in c.ratios("one copy")], c.control)
    for name in variants:
        bench.info(f"latency, {name}: p50 there and back, more than no tap", "ns", c.extras(name), c.control)
        bench.info(f"latency, {name}: p99 there and back, more than no tap", "ns",
                   stat.extras(c.samples[name], "p99"), c.control)
    bench.info("latency, no tap: p50 there and back", "ns", c.values(stat.CONTROL, "p50"), c.control)
