# SPDX-License-Identifier: BSD-2-Clause
"""Too many copies: forwarding goes on as without tap, and every copy that is not there is counted."""

from benchlib import stat, topo
from benchlib.bench import Skipped, Variant
from benchlib.goals import GOALS
from benchlib.tools import SPAN, Tap
from benchlib.topo import net

SPACE = "100.64.0.0/10,1000"
TARGETS = 1000
SLOW = "100mbit"  # what the content link takes in the worst case


class Overload:
    """One tap; criteria for so many copies of every packet come and go."""

    def __init__(self, bench, tap):
        self.bench, self.tap = bench, tap

    def variant(self, copies):
        before, n = {}, TARGETS * copies

        def on():
            self.tap.fill("dst", n, copies=copies, space=SPACE)
            self.tap.attach()
            before.update(self.tap.ask("stats"))

        def after(r):
            now = self.tap.account()
            r["lost"] = self.bench.close_account(f"{copies} copies", before, now, r["copies"])
            r["due"] = now["due"] - before["due"]
            r["whole"] = r["due"] == r["sent"] * copies

        def off():
            self.tap.detach()
            self.tap.ask("remove", n=n)
            self.tap.ask("tick")

        return Variant("tap", on, off, after)


def overload_of(bench, overload, what, copies, slow=False, **words):
    """The share of packets that were forwarded, against the share without tap in the same round."""
    if slow:
        shape(True)
    try:
        c = bench.compare(what, {"tap": overload.variant(copies)}, key="loss", rounds=bench.rounds(5, 3), match=SPAN,
                          target=SPACE, **words)
    finally:
        if slow:
            shape(False)
    readings = [x.value for x in c.samples["tap"]]
    bench.info(f"{what}: forwarded / no tap", "ratio", c.ratios("tap"), c.control)
    bench.info(f"{what}: copies lost, all counted", "ratio", [r["lost"] / r["due"] for r in readings], c.control)
    if not all(r["whole"] for r in readings):
        bench.say(f"{what}: NOT EVERY PACKET WAS MATCHED")
    return c.ratios("tap"), c.control


def bursts(bench, overload):
    """More copies of a burst than all queues hold; the next one comes when the last is done with."""
    kept, controls = [], []
    for copies, slow in (4, False), (16, False), (64, False), (4, True):
        if copies == 64 and bench.opts.quick:
            continue
        what = f"bursts of 256, {copies} copies" + (f", content link {SLOW}" if slow else "")
        try:
            k, control = overload_of(bench, overload, what, copies, slow, burst=256,
                                     bursts=10 if bench.opts.quick else 20)
        except Skipped as e:
            bench.skip(what, e)
            continue
        kept += k
        controls.append(control)
    g, s = GOALS["overload"], stat.summary(kept)
    bench.entry(g.name, s.low, g.unit, (s.low, s.high), stat.summary(controls).median, g.goal, g.sense)


def shape(on):
    """A content link that takes less than the copies need: what its queue refuses is counted, too."""
    if on:
        try:
            net.run("tc", "-n", topo.ns("router"), "qdisc", "add", "dev", "r2", "root", "tbf", "rate", SLOW,
                    "burst", "20k", "limit", "40k")
        except RuntimeError as e:
            raise Skipped(str(e)) from e
    else:
        net.run("tc", "-n", topo.ns("router"), "qdisc", "del", "dev", "r2", "root")


def at_capacity(bench, overload):
    """A long run, as fast as the machine forwards and copies."""
    seconds = 3 if bench.opts.quick else 60
    r = overload.variant(1).measure(bench.gen.run, match=SPAN, target=SPACE, ms=seconds * 1000)
    bench.say(f"{seconds} s at capacity: {r['copies']} copies of {r['due']}, {r['lost']} lost and counted")
    bench.entry(f"copies lost in {seconds} s at capacity, all counted", r["lost"], "copies")
    bench.entry(f"forwarded in {seconds} s at capacity / sent", r["forwarded"] / r["sent"], "ratio")


def run(bench):
    with Tap(bench.opts.bin, f"{bench.lab.folder}/loss", max=131072) as tap:
        tap.go_direct(bench.gen)
        overload = Overload(bench, tap)
        if bench.wanted("bursts"):
            bursts(bench, overload)
        if bench.wanted("flood") and not bench.opts.quick:
            for copies in 4, 16:
                overload_of(bench, overload, f"flood in bursts of 64, {copies} copies", copies, burst=64, ms=150)
        if bench.wanted("capacity"):
            at_capacity(bench, overload)
