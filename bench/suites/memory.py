# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel's tables take for a criterion, when there are 1,000,000 and room for no more."""

from benchlib.goals import GOALS
from benchlib.tools import Tap

COUNT = 1000000


def run(bench):
    with Tap(bench.opts.bin, f"{bench.lab.folder}/memory", max=COUNT) as tap:
        empty = tap.ask("memory")["bytes"]
        tap.fill("masks16", COUNT)
        full = tap.ask("memory")["bytes"]
    g = GOALS["memory-kernel"]
    bench.entry(g.name, full / COUNT, g.unit, None, None, g.goal, g.sense)
    bench.entry("memory of the kernel's tables with room for 1M criteria, empty", empty / 1e6, "MB")
