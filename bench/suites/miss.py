# SPDX-License-Identifier: BSD-2-Clause
"""What a packet that nobody asked for pays: bpf_stats over a no-op program, and forwarding."""

import contextlib

from benchlib.bench import Variant
from benchlib.tools import Tap

RANDOM = {"src": "10.0.0.0/8,65536", "dst": "10.0.0.0/8,65536", "ports": 6}
FLOWS = {"src": "10.0.0.0/8,64", "dst": "10.0.0.0/8,64", "ports": 0}
WHOLE = {"src": "128.0.0.0/2,536870912", "dst": "128.0.0.0/2,536870912", "ports": 6}

# name: mixture, criteria, maximum-criteria, more
TABLES = {
    "1k": ("hosts", 1000, 131072, {}),
    "100k": ("hosts", 100000, 131072, {}),
    "1M": ("hosts", 1000000, 1048576, {}),
    "1M-4": ("masks4", 1000000, 1048576, {}),
    "1M-16": ("masks16", 1000000, 1048576, {}),
    "1M-16-both": ("masks16", 1000000, 1048576, {"family": 46}),
    "1M-whole": ("hosts", 1000000, 1048576, {"space": "128.0.0.0/2,1048576"}),
}


class Tables:
    """Several tables in the kernel at once, of which one is attached at a time."""

    def __init__(self, bench):
        self.bench, self.stack, self.taps = bench, contextlib.ExitStack(), {}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return self.stack.__exit__(*exc)

    def get(self, name):
        if name not in self.taps:
            mix, n, most, more = TABLES[name]
            tap = self.stack.enter_context(
                Tap(self.bench.opts.bin, f"{self.bench.lab.folder}/{name}", max=most))
            took = tap.fill(mix, n, **more)["ns"] / 1e9
            usage = tap.ask("usage")
            self.bench.say(f"{name}: {n} criteria, {usage['masks']} masks, put in {took:.2f} s")
            self.taps[name] = tap
        return self.taps[name]

    def variant(self, name, **words):
        tap = self.get(name)
        return Variant(name, tap.attach, tap.detach, **words)


def cost(bench, tables, what, names, keys, **words):
    """bpf_stats: nanoseconds over the no-op program.  keys: {name of a table: key of its goal}"""
    names = [n for n in names if bench.wanted(n, what)]
    if not names:
        return
    c = bench.compare(what, {n: tables.variant(n, stats=1) for n in names}, base=bench.noop(), key="hook",
                      rounds=bench.rounds(9), ms=100, **words)
    for n in names:
        if n in keys:
            bench.told(keys[n], c.extras(n), c.control)
        else:
            bench.info(f"miss, {n}, {what}, over a no-op hook", "ns", c.extras(n), c.control)


def forwarding(bench, tables):
    names = [n for n in ("1k", "100k", "1M", "1M-16") if bench.wanted(n, "forwarding")
             and not (bench.opts.quick and n == "1M-16")]
    if not names:
        return
    c = bench.compare("forwarding", {n: tables.variant(n) for n in names}, rounds=bench.rounds(15, 3), ms=150, **RANDOM)
    for n in names:
        if n == "1M-16":
            bench.info("forwarding, no match, 1M in 16 masks / no tap", "ratio", c.ratios(n), c.control)
        else:
            bench.told(f"forward-{n}", c.ratios(n), c.control)


def run(bench):
    with Tables(bench) as tables:
        cost(bench, tables, "random", ["1k", "100k", "1M", "1M-4", "1M-16"],
             {n: f"miss-{n}" for n in TABLES}, **RANDOM)
        cost(bench, tables, "flows", ["1M"], {"1M": "miss-1M-flows"}, **FLOWS)
        forwarding(bench, tables)
        if not bench.opts.quick:
            cost(bench, tables, "IPv6", ["1M-16-both"], {}, family=6, **RANDOM)
            cost(bench, tables, "whole space", ["1M-whole"], {}, **WHOLE)
