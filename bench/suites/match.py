# SPDX-License-Identifier: BSD-2-Clause
"""What a copy costs: the tap, the floor below every tap (a bare clone), and what else copies."""

from benchlib import peers, stat
from benchlib.bench import Skipped, Variant
from benchlib.tools import SPAN, Tap

SPACE = "100.64.0.0/10,1000"  # where targets are, and nobody else
PREFIX = "100.64.0.0/10"
TARGETS = 1000
WORDS = {"target": SPACE, "ms": 150}

# key of the goal: how the peer is made.  One rule for all targets: the best case of a list.
PEERS = {
    "iptables TEE": lambda bench: peers.Iptables([f"-d {PREFIX}"]),
    "nft dup": lambda bench: peers.Nft(f"CHAIN {{ ip daddr {PREFIX} DUP\n }}"),
    "u32+vxlan": lambda bench: peers.U32([PREFIX]),
    "daemonlogger": lambda bench: peers.daemonlogger(f"dst net {PREFIX}", bench.lab.folder),
    "tcpdump": lambda bench: peers.tcpdump(f"dst net {PREFIX}"),
}
GOALS = {"iptables TEE": "copies-tee", "nft dup": "copies-dup", "u32+vxlan": "copies-vxlan"}


class Copies:
    """A tap whose criteria come and go, 1, 2 or 4 for each target, whose account is closed after every run."""

    def __init__(self, bench):
        self.bench = bench
        self.tap = Tap(bench.opts.bin, f"{bench.lab.folder}/match", max=131072)

    def __enter__(self):
        self.tap.go_direct(self.bench.gen)
        return self

    def __exit__(self, *_):
        self.tap.close()

    def variant(self, copies=1, **words):
        before, n = {}, TARGETS * copies

        def on():
            self.tap.fill("dst", n, copies=copies, space=SPACE)
            self.tap.attach()
            before.update(self.tap.ask("stats"))

        def off():
            self.tap.detach()
            self.tap.ask("remove", n=n)
            self.tap.ask("tick")

        return Variant("tap", on, off, lambda reading: self.account(reading, before), **words)

    def account(self, reading, before):
        reading["lost"] = self.bench.close_account("tap", before, self.tap.account(), reading["copies"])


def clone(bench, copies=1):
    return Variant("clone", lambda: bench.gen.ask("hook", "clone", copies=copies),
                   lambda: bench.gen.ask("hook", "none"))


def peer_variants(bench):
    found = {}
    for name, make in PEERS.items():
        if not bench.wanted(name, "peers"):
            continue
        try:
            p = make(bench)
            found[name] = Variant(name, p.on, p.off)
        except Skipped as e:
            bench.skip(name, e)
    return found


def against(bench, copies):
    """The table of goals: 64 B, every packet copied once."""
    variants = {"tap": copies.variant(), "clone": clone(bench), **peer_variants(bench)}
    c = bench.compare("64 B, all", variants, rounds=bench.rounds(11, 5), match=SPAN, **WORDS)
    bench.told("copy-cost", stat.quotients(c.extras("tap"), c.extras("clone")), c.control)
    for name in variants:
        bench.info(f"{name}: extra time of a packet that is copied", "ns", c.extras(name), c.control)
        bench.info(f"{name}: copies a second", "1/s", c.values(name, "copies_per_s"), c.control)
    for name, key in GOALS.items():
        if name in c:
            bench.told(key, stat.quotients(c.values("tap", "copies_per_s"), c.values(name, "copies_per_s")), c.control)


def shapes(bench, copies):
    """How it grows with copies, length and share of packets: extra time a packet, against the floor."""
    for n, length, share in (2, 64, 1), (4, 64, 1), (1, 256, 1), (1, 1400, 1), (1, 64, 0.1), (1, 64, 0.01):
        what = f"{n} copies, {length} B, {share:.0%}"
        if not bench.wanted("shapes", what):
            continue
        variants = {"tap": copies.variant(n)}
        if share == 1:  # the floor has no match
            variants["clone"] = clone(bench, n)
        c = bench.compare(what, variants, rounds=bench.rounds(5), match=int(SPAN * share), len=length, **WORDS)
        bench.info(f"{what}: forwarding / no tap", "ratio", c.ratios("tap"), c.control)
        if share == 1:
            bench.info(f"{what}: copies / bare clones, time", "ratio",
                       stat.quotients(c.extras("tap"), c.extras("clone")), c.control)


def run(bench):
    with Copies(bench) as copies:
        if bench.wanted("all", "peers", *PEERS):
            against(bench, copies)
        if not bench.opts.quick:
            shapes(bench, copies)
