# SPDX-License-Identifier: BSD-2-Clause
"""What a packet that nobody asked for pays when 1,000 or 10,000 filters are there: the tap, and what else copies."""

import ipaddress

from benchlib import peers, stat
from benchlib.bench import Skipped, Variant
from benchlib.tools import Tap

TRAFFIC = {"src": "10.0.0.0/8,65536", "dst": "10.0.0.0/8,65536"}
INTERVALS = "nft interval set"  # the only one that finds several fields of many filters at once
PEERS = {
    INTERVALS: peers.nft_intervals,
    "nft set": peers.nft_set,
    "ipset + TEE": peers.Ipset,
    "nft list": peers.nft_list,
    "iptables TEE list": lambda hosts: peers.Iptables([f"-s 10.0.0.0/8 -d {h} -p udp" for h in hosts]),
    "u32+mirred list": peers.U32,
}
NAMES = {1000: "1k", 10000: "10k"}


def hosts_of(bench, n):
    numbers = bench.gen.ask("addresses", of=f"10.0.0.0/8,{n}")["addresses"]
    return [str(ipaddress.ip_address(a)) for a in numbers]


def variants_of(bench, n):
    hosts, found = hosts_of(bench, n), {}
    for name, make in PEERS.items():
        if not bench.wanted(name) or (bench.opts.quick and name != INTERVALS):
            continue
        try:
            p = make(hosts)
            found[name] = Variant(name, p.on, p.off)
        except Skipped as e:
            bench.skip(name, e)
    return found


def against(bench, n):
    """The tap's own cost is too small for throughput to tell: bpf_stats.  The peers' is not."""
    name, rounds = NAMES[n], bench.rounds(5, 3)
    with Tap(bench.opts.bin, f"{bench.lab.folder}/peers", max=131072) as tap:
        tap.fill("fields", n)
        own = bench.compare(f"tap, {name} filters", {"tap": Variant("tap", tap.attach, tap.detach, stats=1)},
                            base=bench.noop(), key="hook", rounds=rounds, ms=100, **TRAFFIC)
    bench.info(f"tap, {name} filters of several fields, over a no-op hook", "ns", own.extras("tap"), own.control)
    variants = variants_of(bench, n)
    c = bench.compare(f"peers, {name} filters", variants, rounds=rounds, ms=200, **TRAFFIC)
    for peer in variants:
        bench.info(f"{peer}, {name} filters: extra time of a miss", "ns", c.extras(peer), c.control)
    if INTERVALS in variants:
        bench.told(f"peer-{name}", stat.quotients(c.extras(INTERVALS), own.extras("tap")), c.control)


def run(bench):
    for n in NAMES:
        if bench.wanted(NAMES[n], *PEERS):
            against(bench, n)
