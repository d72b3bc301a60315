# SPDX-License-Identifier: BSD-2-Clause
"""A whole set of 1,000,000 criteria is taken out and another put in, while packets are forwarded and copied.

Some criteria are in both sets: not one of their packets may be missed.  The reloading process has
another CPU than the packets; where CPUs share a core (see calibration), its mere being busy slows
forwarding.  So the baseline is forwarding while the same process reloads tables that are not
attached; what an idle neighbour would give is told beside it.
"""

import contextlib

from benchlib import stat
from benchlib.bench import Variant
from benchlib.goals import GOALS
from benchlib.tools import SPAN, Tap

COUNT = 1000000
KEPT = "100.64.0.0/10,1000"
KEPT_FIRST = 1 << 40
TRAFFIC = {"src": "10.0.0.0/8,65536", "dst": "10.0.0.0/8,65536", "target": KEPT, "match": SPAN // 20}
WHILE_MS = 400


class Set:
    """Tables with criteria that stay, and a million that are exchanged, a part in each run."""

    def __init__(self, bench, stack, name):
        self.tap = stack.enter_context(Tap(bench.opts.bin, f"{bench.lab.folder}/{name}", max=2 * COUNT))
        self.tap.fill("dst", 1000, space=KEPT, first=KEPT_FIRST)
        self.tap.fill("hosts", COUNT)
        self.oldest, self.newest = 1, COUNT + 1

    def exchange_begin(self, part):
        """Sends the orders; exchange_end waits for them."""
        self.part = part
        self.tap.send(f"remove first={self.oldest} n={part}")
        self.tap.send_fill("hosts", part, first=self.newest)
        self.oldest, self.newest = self.oldest + part, self.newest + part

    def exchange_end(self):
        return sum(self.tap.receive("reload")["ns"] for _ in range(2))


def measure(bench, stack):
    live, idle = Set(bench, stack, "live"), Set(bench, stack, "idle")
    part, missed, took, before = COUNT // 10, [], [], {}

    def attach(beside):
        def on():
            live.tap.attach()
            before.update(live.tap.ask("stats"))
            if beside:
                beside.exchange_begin(part)
        return on

    def after(beside):
        def read(r):
            if beside:
                took.append(beside.exchange_end())
            (beside or live).tap.ask("tick")  # what the daemon does each second
            now = live.tap.account()
            bench.close_account("reload", before, now, r["copies"])
            missed.append(r["targets"] - (now["matched"] - before["matched"]))
        return read

    def variant(name, beside):
        return Variant(name, attach(beside), live.tap.detach, after(beside))

    variants = {"reload": variant("reload", live)}
    if not bench.opts.quick:
        variants["quiet"] = variant("quiet", None)
    c = bench.compare("reload", variants, base=variant("beside", idle), rounds=bench.rounds(7, 3), ms=WHILE_MS, **TRAFFIC)
    bench.told("reload", c.ratios("reload"), c.control)
    if "quiet" in c:
        bench.info("forwarding with an idle neighbour / while it reloads elsewhere", "ratio", c.ratios("quiet"), c.control)
    bench.info("reload: criteria exchanged a second, with packets", "1/s", [2 * part / ns * 1e9 for ns in took])
    g, s = GOALS["reload-missed"], stat.summary(missed)
    bench.entry(g.name, sum(missed), g.unit, (s.low, s.high), c.control, g.goal, g.sense)


def run(bench):
    with contextlib.ExitStack() as stack:
        measure(bench, stack)
