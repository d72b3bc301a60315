# SPDX-License-Identifier: BSD-2-Clause
"""Bulk TCP through the router, with segmentation and merging offloads on and every segment copied."""

from benchlib import peers, topo
from benchlib.bench import Skipped, Variant
from benchlib.tools import Talk, Tap
from benchlib.topo import net

PORTS = "r0", "r1"
PLACES = ("gen", "g0"), ("router", "r0"), ("router", "r1"), ("sink", "s0")


def offloads(on):
    for role, dev in PLACES:
        topo.offloads(topo.ns(role), dev, on)


def tapped(bench, tap, whole=True):
    """Both directions copied; each segment that was sent is a datagram at the mediation device, or a counted loss."""
    before = {}

    def on():
        tap.attach(*PORTS)
        before.update(tap.ask("stats"), copies=bench.gen.ask("counts")["copies"])

    def after(reading):
        arrived = bench.gen.ask("counts")["copies"] - before.pop("copies")
        now = tap.account()
        lost = bench.close_account("tcp", before, now, arrived if whole else None)
        reading["lost"], reading["due"] = lost, now["due"] - before["due"]
        reading["unlike"] = now["matched"] - before["matched"] - reading["segments"]

    return Variant("tap", on, lambda: tap.detach(*PORTS), after)


def run_of(talk):
    def run(**words):
        r = talk.ask("tcp", **words)
        r["ns"] = r["ns"] / r["bytes"] * 1e3  # for a kilobyte
        return r
    return run


def queue(on):
    """As network cards have one: it takes a train of segments whole or not at all."""
    words = ("replace", "dev", "r2", "root", "pfifo", "limit", "10000") if on else ("del", "dev", "r2", "root")
    net.run("tc", "-n", topo.ns("router"), "qdisc", *words)


def measure(bench, talk, tap):
    tap.go_direct(bench.gen)
    for i, end in enumerate(("gen", "sink")):
        tap.host(topo.addr(end), 1 + i)
    variants = {"tap": tapped(bench, tap)}
    try:
        tee = peers.Iptables([f"-d {topo.addr(e)}" for e in ("gen", "sink")])
        variants["iptables TEE"] = Variant("iptables TEE", tee.on, tee.off)
    except Skipped as e:
        bench.skip("iptables TEE", e)
    c = bench.compare("bulk TCP", variants, rounds=bench.rounds(11, 5), run=run_of(talk), ms=300)
    bench.told("tcp", c.ratios("tap"), c.control)
    if "iptables TEE" in c:
        bench.info("bulk TCP, all copied by TEE / no tap", "ratio", c.ratios("iptables TEE"), c.control)
    bench.info("bulk TCP without tap", "Gbit/s", [8e3 / ns for ns in c.values("control", "ns")], c.control)
    bench.info("bulk TCP: share of copies lost", "ratio",
               [lost / max(1, due) for lost, due in zip(c.values("tap", "lost"), c.values("tap", "due"))])
    bench.info("bulk TCP: segments matched, more than were sent", "segments", c.values("tap", "unlike"))
    if not bench.opts.quick:
        cut_in_two(bench, talk, tap)


def cut_in_two(bench, talk, tap):
    topo.content_mtu(1500)
    try:
        cut = bench.compare("bulk TCP, content MTU 1500", {"tap": tapped(bench, tap, whole=False)},
                            rounds=bench.rounds(5), run=run_of(talk), ms=300)
    finally:
        topo.content_mtu(topo.CONTENT_MTU)
    bench.info("bulk TCP, all copied, each copy in two fragments / no tap", "ratio", cut.ratios("tap"), cut.control)


def run(bench):
    bench.gen.ask("count", "mediation")
    queue(True)
    offloads(True)
    try:
        with Talk(bench.opts.bin) as talk, Tap(bench.opts.bin, f"{bench.lab.folder}/tcp", max=131072) as tap:
            measure(bench, talk, tap)
    finally:
        queue(False)
        offloads(False)
        bench.gen.ask("count", "on")
