# SPDX-License-Identifier: BSD-2-Clause
"""How fast criteria get into the kernel's tables and out of them, and what they take there."""

import contextlib

from benchlib import stat
from benchlib.tools import Tap

COUNT = 1000000
MIXES = "hosts", "masks16"


def fill_and_remove(tap, mix):
    """(put a second, removed a second); the same tables are used again."""
    put = COUNT / tap.fill(mix, COUNT)["ns"] * 1e9
    removed = COUNT / tap.ask("remove", n=COUNT)["ns"] * 1e9
    return put, removed


def rates(bench, mix):
    """Two equal tables by turns: one is the other's control."""
    pairs = []
    with contextlib.ExitStack() as stack:
        taps = [stack.enter_context(Tap(bench.opts.bin, f"{bench.lab.folder}/install-{i}", max=1048576)) for i in (0, 1)]
        for n in range(bench.rounds(3, 1)):
            pairs.append([fill_and_remove(tap, mix) for tap in taps])
            bench.say(f"{mix}: round {n + 1}: put {pairs[-1][0][0]:.0f} and {pairs[-1][1][0]:.0f} a second, "
                      f"removed {pairs[-1][0][1]:.0f} and {pairs[-1][1][1]:.0f}")
    control = stat.summary([a[0] / b[0] for a, b in pairs]).median
    both = [x for p in pairs for x in p]
    return [x[0] for x in both], [x[1] for x in both], control


def run(bench):
    for mix in MIXES:
        if not bench.wanted(mix) or (bench.opts.quick and mix != "masks16"):
            continue
        put, removed, control = rates(bench, mix)
        if mix == "masks16":
            bench.told("install-kernel", put, control)
        else:
            bench.info(f"install into the kernel, {mix}", "1/s", put, control)
        bench.info(f"remove from the kernel, {mix}", "1/s", removed, control)
