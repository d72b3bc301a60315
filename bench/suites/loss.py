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


def forwarded(readings):
    return [r["forwarded"] / r["sent"] for r in readings]


def burst(bench, overload, size, copies, slow):
    """The share of packets that were forwarded, against the share without tap in the same round."""
    what = f"bursts of {size}, {copies} copies" + (f", content link {SLOW}" if slow else "")
    if slow:
        shape(True)
    try:
        c = bench.compare(what, {"tap": overload.variant(copies)}, rounds=bench.rounds(5, 3), match=SPAN, target=SPACE,
                          burst=size, ms=150)
    finally:
        if slow:
            shape(False)
    s = c.samples["tap"]
    kept = stat.quotients(forwarded(x.value for x in s),
                          [stat.summary(forwarded([x.before, x.after])).median for x in s])
    bench.info(f"{what}: forwarded / no tap", "ratio", kept, c.control)
    bench.info(f"{what}: copies lost, all counted", "ratio", [x.value["lost"] / x.value["due"] for x in s], c.control)
    if not all(x.value["whole"] for x in s):
        bench.say(f"{what}: NOT EVERY PACKET WAS MATCHED")
    return kept, c.control


def shape(on):
    """A content link that takes less than the copies need: what its queue refuses is counted, too."""
    if on:
        try:
            net.run("tc", "-n", topo.ns("router"), "qdisc", "add", "dev", "r2", "root", "tbf", "rate", SLOW,
                    "burst", "20k", "limit", "100k")
        except RuntimeError as e:
            raise Skipped(str(e)) from e
    else:
        net.run("tc", "-n", topo.ns("router"), "qdisc", "del", "dev", "r2", "root")


def at_capacity(bench, overload):
    """A long run, as fast as the machine forwards and copies."""
    seconds = 3 if bench.opts.quick else 60
    r = overload.variant(1).measure(bench.gen.run, match=SPAN, target=SPACE, ms=seconds * 1000)
    bench.entry(f"copies in {seconds} s at capacity: {r['copies']} of {r['due']}, lost and counted", r["lost"], "copies")
    bench.entry(f"forwarded in {seconds} s at capacity / sent", r["forwarded"] / r["sent"], "ratio")


def run(bench):
    kept, controls = [], []
    with Tap(bench.opts.bin, f"{bench.lab.folder}/loss", max=131072) as tap:
        overload = Overload(bench, tap)
        for size, copies, slow in (64, 4, False), (256, 4, False), (256, 16, False), (256, 4, True):
            if bench.opts.quick and size == 64:
                continue
            try:
                k, control = burst(bench, overload, size, copies, slow)
            except Skipped as e:
                bench.skip("slow content link", e)
                continue
            kept += k
            controls.append(control)
        at_capacity(bench, overload)
    g, s = GOALS["overload"], stat.summary(kept)
    bench.entry(g.name, s.low, g.unit, (s.low, s.high), stat.summary(controls).median, g.goal, g.sense)
