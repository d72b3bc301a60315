# SPDX-License-Identifier: BSD-2-Clause
"""What must hold: key, what people read, unit, sense, goal, stretch goal."""

import collections

Goal = collections.namedtuple("Goal", "name unit sense goal stretch")

GOALS = {
    "miss-1k": Goal("miss, 1k hosts, over a no-op hook", "ns", "<=", 20, None),
    "miss-100k": Goal("miss, 100k hosts, over a no-op hook", "ns", "<=", 120, 80),
    "miss-1M": Goal("miss, 1M hosts, over a no-op hook", "ns", "<=", 150, 100),
    "miss-1M-4": Goal("miss, 1M in 4 masks, over a no-op hook", "ns", "<=", 200, 150),
    "miss-1M-16": Goal("miss, 1M in 16 masks, over a no-op hook", "ns", "<=", 450, 350),
    "miss-1M-flows": Goal("miss, 1M hosts, 4k flows, over a no-op hook", "ns", "<=", 25, None),
    "peer-1k": Goal("miss, nft interval set / tap, 1k filters", "x", ">=", 40, None),
    "peer-10k": Goal("miss, nft interval set / tap, 10k filters", "x", ">=", 250, None),
    "forward-1k": Goal("forwarding, no match, 1k hosts / no tap", "ratio", ">=", 0.98, None),
    "forward-100k": Goal("forwarding, no match, 100k hosts / no tap", "ratio", ">=", 0.96, None),
    "forward-1M": Goal("forwarding, no match, 1M hosts / no tap", "ratio", ">=", 0.90, None),
    "copy-cost": Goal("a copy with encapsulation / a bare clone and transmit", "ratio", "<=", 1.05, 1.0),
    "copies-tee": Goal("copies a second / iptables TEE", "ratio", ">=", 1.3, None),
    "copies-dup": Goal("copies a second / nft dup", "ratio", ">=", 1.3, None),
    "copies-vxlan": Goal("copies a second / u32+mirred to vxlan", "ratio", ">=", 1.5, None),
    "tcp": Goal("bulk TCP, all copied / no tap", "ratio", ">=", 0.75, 0.85),
    "latency": Goal("latency p50 of the target, one copy / no tap", "ratio", "<=", 1.10, 1.0),
    "overload": Goal("forwarding during overload, least / no tap", "ratio", ">=", 0.97, 1.0),
    "exact": Goal("copies = matches - counted losses", "runs", "<=", 0, None),
    "memory-kernel": Goal("memory per criterion at 1M, kernel", "B", "<=", 100, None),
    "memory-daemon": Goal("memory per criterion at 1M, daemon", "B", "<=", 200, None),
    "install-dtcp": Goal("install from a file over DTCP", "1/s", ">=", 50000, None),
    "install-kernel": Goal("install into the kernel", "1/s", ">=", 1500000, None),
    "reload": Goal("forwarding during a reload of 1M / no tap", "ratio", ">=", 0.9, None),
    "reload-missed": Goal("packets missed during a reload by kept criteria", "packets", "<=", 0, None),
    "collect": Goal("collector, copies of 64 B a second without loss", "1/s", ">=", 500000, None),
}
