# SPDX-License-Identifier: BSD-2-Clause
"""bench_gen and bench_tap, under our control."""

import json
import os
import subprocess
import time

from . import topo
from .topo import net

SPAN = 1 << 20  # match=SPAN: every packet goes to a target


class Refused(Exception):
    pass


def line_of(*words, **more):
    return " ".join([*words, *(f"{k}={v}" for k, v in more.items())])


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
        line = line_of(*words, **more)
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
    """ports: (namespace, device) of the router towards the generator, of the sink, of the mediation
    device; out: the router's towards that."""

    def __init__(self, folder, ports=None, out="r2"):
        ports = ports or [(topo.ns("router"), "r0"), (topo.ns("sink"), "s0"), (topo.ns("mediation"), "m0")]
        words = [w for ns, dev in ports for w in (f"{net.NETNS_DIR}/{ns}", dev)]
        super().__init__([f"{folder}/bench/bench_gen", *words, out])

    def run(self, **words):
        """One run; to what it counted are added ns (per forwarded packet) and hook (ns, with stats=1)."""
        self.send_run(**words)
        return self.receive_run(**words)

    def send_run(self, **words):
        """Without waiting for its end."""
        self.send(line_of("run", **words))

    def receive_run(self, **words):
        r = self.receive("run")
        r["loss"] = r["sent"] / max(1, r["forwarded"])  # 1: all forwarded
        if "bursts" in words:
            return r
        if not r["timed"]:
            raise Refused("bench_gen: too short a run to be timed")
        per_sent = r["timed_ns"] / r["timed"]
        r["ns_sent"] = per_sent
        r["ns"] = per_sent * r["sent"] / r["forwarded"] if r["forwarded"] else float("inf")
        r["copies_per_s"] = r["copies"] / r["sent"] / per_sent * 1e9
        if r["hook_runs"]:
            r["hook"] = r["hook_ns"] / r["hook_runs"]
        return r


class Talk(Tool):
    """Two hosts that talk, gen and sink."""

    def __init__(self, folder):
        path = f"{net.NETNS_DIR}/{topo.PREFIX}"
        super().__init__([f"{folder}/bench/bench_talk", path + "gen", topo.addr("gen"),
                          path + "sink", topo.addr("sink")])


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

    def fill(self, mix, n, **words):
        self.send_fill(mix, n, **words)
        return self.receive("fill")

    def send_fill(self, mix, n, **words):
        """Without waiting for the answer."""
        self.send(line_of("fill", mix=mix, n=n, to=topo.addr("mediation"), **{"from": topo.addr("router")}, **words))

    def host(self, addr, first, copies=1, outer=4):
        self.ask("host", addr=addr, first=first, copies=copies, to=topo.addr("mediation", outer),
                 **{"from": topo.addr("router", outer)})

    def go_direct(self, gen):
        """What the daemon does every second: looks at the interface to which copies led."""
        space = "100.64.0.0/10,1000"
        self.fill("dst", 1000, space=space)
        self.attach()
        gen.run(match=SPAN, target=space, burst=16, bursts=4)
        ways = self.ask("ports")
        self.detach()
        self.ask("remove", n=1000)
        self.ask("tick")
        if ways != {"staged": 0, "direct": 1}:
            raise Refused(f"bench_tap: copies do not go directly: {ways}")

    def attach(self, *ports):
        for p in ports or ("r0",):
            self.ask("attach", p)

    def detach(self, *ports):
        for p in ports or ("r0",):
            self.ask("detach", p)

    def account(self):
        """Counters, once nothing is in flight."""
        before = None
        while (now := self.ask("stats")) != before:
            before = now
            time.sleep(0.002)
        return now

    def close(self):
        if self.process.poll() is None:
            try:
                self.ask("unload")
            except Refused:
                pass
        super().close()
