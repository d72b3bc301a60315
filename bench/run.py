#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures what the product does on this machine; bench/README.md says how to read it.

Usage: bench/run.py [SUITE...] [--quick] [--rounds N] [--only PART,...] [--record]     (root)
Without a suite: all.  Figures go to build/bench/results.json and, as they come, to stderr.
"""

import argparse
import importlib
import os
import pathlib
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from benchlib import report, topo  # noqa: E402
from benchlib.bench import Bench  # noqa: E402
from benchlib.tools import Gen  # noqa: E402

SUITES = ("baseline", "miss", "peers", "match", "latency", "tcp", "loss", "memory", "install", "dtcp", "reload",
          "collect", "receive", "gro")
NOT_QUICK = ("receive",)  # collect says the same of the collector, more roughly


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("suite", nargs="*", help=", ".join(SUITES))
    p.add_argument("--bin", default=str(HERE.parent / "build"))
    p.add_argument("--out", help="folder of results.json (build/bench)")
    p.add_argument("--quick", action="store_true", help="under three minutes")
    p.add_argument("--rounds", type=int, default=0, help="of each comparison")
    p.add_argument("--only", type=lambda s: set(s.split(",")), default=set(), help="parts of suites")
    p.add_argument("--record", action="store_true", help="into bench/RESULTS.md and its charts, too")
    p.add_argument("--seed", type=int, default=1)
    o = p.parse_args()
    for s in o.suite:
        if s not in SUITES:
            p.error(f"no suite {s}")
    o.suite = o.suite or [s for s in SUITES if not (o.quick and s in NOT_QUICK)]
    o.out = o.out or f"{o.bin}/bench"
    return o


ended = False


def end(*_):
    """By a signal: the lab is taken down then, too."""
    global ended
    ended = True
    sys.exit(143)


def run_suite(bench, name):
    """Whether it went well; the others go on if it did not."""
    bench.suite = name
    start = time.monotonic()
    try:
        importlib.import_module(f"suites.{name}").run(bench)
        bench.say(f"took {time.monotonic() - start:.0f} s")
        return True
    except Exception:
        if ended:  # its programs were ended with us
            sys.exit(143)
        traceback.print_exc()
        bench.say("FAILED")
        return False
    finally:
        bench.suite = ""


def main():
    opts = options()
    signal.signal(signal.SIGTERM, end)
    os.makedirs(opts.out, exist_ok=True)
    failed = []
    with topo.Lab() as lab, Gen(opts.bin) as gen:
        bench = Bench(opts, lab, gen)
        for name in opts.suite:
            if not run_suite(bench, name):
                failed.append(name)
            report.write_json(bench.entries, opts.out)  # what there is, should somebody end us
        bench.told_account()
    report.write_json(bench.entries, opts.out)
    report.write(bench.entries, opts.out)
    if opts.record:
        report.write(bench.entries, HERE)
    if failed:
        sys.exit(f"bench: failed: {' '.join(failed)}")


main()
