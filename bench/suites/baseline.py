# SPDX-License-Identifier: BSD-2-Clause
"""The machine itself: do its CPUs share a core, what does the generator cost, how fast does the router forward?"""

from benchlib.bench import Variant

SHARED_BELOW = 0.9


def run(bench):
    spins = [bench.gen.ask("spin") for _ in range(bench.rounds(5, 3))]
    share = [s["two"] / s["one"] for s in spins]
    bench.info("a CPU's work while its neighbour is busy / alone", "ratio", share)
    if sorted(share)[len(share) // 2] < SHARED_BELOW:
        bench.say("the CPUs share a core: figures are those of one core, and everything else on the machine is in them")
    own = [bench.gen.run(own=1, ms=100)["ns_sent"] for _ in range(3)]
    bench.info("the generator's own cost of a packet", "ns", own)
    variants = {f"{n} B": Variant(str(n), len=n) for n in (256, 1400)}
    variants["IPv6, 64 B"] = Variant("v6", family=6)
    variants["4k flows"] = Variant("flows", src="10.0.0.0/8,64", dst="10.0.0.0/8,64", ports=0)
    c = bench.compare("forwarding without tap", variants, rounds=bench.rounds(9, 3), ms=150)
    bench.info("forwarding without tap, 64 B, a packet", "ns", c.values("control", "ns"), c.control)
    for name in variants:
        bench.info(f"forwarding without tap, {name}, a packet", "ns", c.values(name, "ns"), c.control)
