# SPDX-License-Identifier: BSD-2-Clause
"""bench_gen and bench_tap, under our control."""

import json
import os
import subprocess

from . import topo
from .topo import net

SPAN = 1 << 20  # match=SPAN: every packet goes to a target


class Refused(Exception):
    pass


class Tool:
    """A program that answers lines with lines of JSON."""

    def __init__(self, argv):
        self.name = os.path.basename(argv[0])
        self.process = None
        self.start(argv)

    def start(self, argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def send(self, line):
        self.process.stdin.write(line + "\n")

    def receive(self, line):
        text = self.process.stdout.readline()
        if not text:
            raise Refused(f"{self.name} ended at: {line}")
        reply = json.loads(text)
        if not reply.pop("ok"):
            raise Refused(f"{self.name}: {line.split()[0]}: {reply['error']}")
        return reply

    def ask(self, *words, **more):
        line = " ".join([*words, *(f"{k}={v}" for k, v in more.items())])
        self.send(line)
        return self.receive(line)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Gen(Tool):
    def __init__(self, folder):
        path = f"{net.NETNS_DIR}/{topo.PREFIX}"
        super().__init__([f"{folder}/bench/bench_gen", path + "router", "r0", path + "sink", "s0",
                          path + "mediation", "m0", "r2"])

    def run(self, **words):
        """One run; to what it counted are added ns (per forwarded packet) and hook (ns, with stats=1)."""
        r = self.ask("run", **words)
        if not r["timed"]:
            raise Refused("bench_gen: too short a run to be timed")
        per_sent = r["timed_ns"] / r["timed"]
        r["ns_sent"] = per_sent
        r["ns"] = per_sent * r["sent"] / r["forwarded"] if r["forwarded"] else float("inf")
        r["copies_per_s"] = r["copies"] / r["sent"] / per_sent * 1e9
        if r["hook_runs"]:
            r["hook"] = r["hook_ns"] / r["hook_runs"]
        return r


class Tap(Tool):
    """The kernel side of the product in the lab's router, in a mount namespace of its own: when the
    process ends, its pins, programs and tables are gone."""

    def __init__(self, folder, run_dir, **load):
        os.makedirs(run_dir, exist_ok=True)
        self.attached = False
        super().__init__(net.argv_inside(topo.ns("router"), [
            "unshare", "-m", f"{os.path.abspath(folder)}/bench/bench_tap", run_dir]))
        self.name = "bench_tap"
        self.ask("load", **load)

    def fill(self, mix, n, version=4, **words):
        return self.ask("fill", mix=mix, n=n, to=topo.addr("mediation", version),
                        **{"from": topo.addr("router", version)}, **words)

    def attach(self):
        self.ask("attach", "r0")

    def detach(self):
        self.ask("detach", "r0")

    def close(self):
        if self.process.poll() is None:
            try:
                self.ask("unload")
            except Refused:
                pass
        super().close()
