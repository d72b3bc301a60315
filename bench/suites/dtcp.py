# SPDX-License-Identifier: BSD-2-Clause
"""The whole product, daemon, sshd and DTCP client: a million criteria from a file."""

import json
import os
import pathlib
import subprocess
import tempfile
import time

from benchlib.goals import GOALS
from benchlib.tools import SPAN, Gen, Tool
from benchlib.topo import TREE, net

NAME = "ftbench"
COUNT, QUICK = 1000000, 50000
DESTS = 10000
LAB = str(TREE / "tools" / "lab")
TARGETS, SPACE = 1000, "100.64.0.0/10,1000"
RESTART_MS = 10000


def lab(*argv):
    r = subprocess.run([LAB, argv[0], "--name", NAME, *argv[1:]], capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError(f"tools/lab {argv[0]}: {r.stderr.strip()}")
    return r.stdout


class Product:
    """A lab with the daemon, and the generator at its ports."""

    def __init__(self, bench):
        self.bin, self.folder = os.path.abspath(bench.opts.bin), bench.lab.folder
        conf = self.folder + "/flowtap.conf"
        with open(conf, "w") as f:
            f.write(f"maximum-criteria {COUNT + 65536};\n")
        self.plan = json.loads(lab("up", "--bin", self.bin, "--conf-extra", conf))
        self.gen = None

    def __enter__(self):
        try:
            self.gen = Gen(self.bin, [(self.ns("router"), "sub0"), (self.ns("internet"), "eth0"),
                                      (self.ns("mediation"), "eth0")], "med0")
            for prefix in "10.0.0.0/8", "100.64.0.0/10":
                net.run("ip", "-n", self.ns("router"), "route", "add", prefix, "via", self.plan["internet"]["v4"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.gen:
            self.gen.close()
        lab("down")

    def ns(self, role):
        return self.plan[role]["netns"]

    def dtcp(self, *words):
        """(seconds, what it said) of the client, with its JSON."""
        argv = net.argv_inside(self.ns("mediation"), [
            self.plan["bin"] + "/dtcp", "-l", "lea1", "-p", str(self.plan["ssh_port"]),
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "--timeout", "300", "-j",
            self.plan["router"]["v4"], *words])
        with tempfile.TemporaryFile() as out:
            start = time.monotonic()
            r = subprocess.run(argv, env=dict(os.environ, DTCP_PASSWORD="lea1-secret"), stdout=out)
            took = time.monotonic() - start
            if r.returncode:
                raise RuntimeError(f"dtcp {words[0]} ended with {r.returncode}")
            out.seek(0)
            return took, out.read()

    def anonymous(self):
        """Bytes of anonymous memory of all the daemon's processes: the kernel's tables, which are mapped, are not."""
        total = 0
        for pid in net.pids(self.ns("router")):
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            if status.startswith("Name:\tflowtapd\n"):
                total += sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon"))
        return total

    def account(self):
        """Counters as bench_tap's, once nothing is in flight."""
        before = None
        while True:
            shown = json.loads(lab("exec", "router", "flowtap", "-j", "show", "services", "flow-tap"))
            now = {"due": shown["copies"]["due"], "sent": shown["copies"]["sent"],
                   "lost": sum(shown["losses"].values()), "queue": 0}
            if now == before:
                return now
            before = now


def add(product, **words):
    """Seconds that a file of such requests took."""
    path = product.folder + "/requests"
    with Tool([f"{product.bin}/bench/bench_tap", product.folder + "/none"]) as tap:
        tap.ask("requests", file=path, to=product.plan["mediation"]["v4"], **{"from": product.plan["router"]["v4"]},
                **words)
    took, _ = product.dtcp("run", path)
    os.unlink(path)
    return took


def install(bench, product, count):
    before = product.anonymous()
    took = add(product, mix="masks16", family=46, n=count, dests=DESTS)
    g = GOALS["install-dtcp"]
    bench.entry(g.name, count / took, g.unit, None, None, g.goal, g.sense)
    g = GOALS["memory-daemon"]
    name = g.name if count == COUNT else f"memory per criterion at {count}, daemon"
    bench.entry(name, (product.anonymous() - before) / count, g.unit, None, None,
                *((g.goal, g.sense) if count == COUNT else ()))
    took, answer = product.dtcp("list", "--flags", "both")
    listed = answer.count(b'"criteria-id":')
    if listed < count:
        raise RuntimeError(f"LIST told of {listed} criteria of {count}")
    bench.entry(f"list {count} criteria over DTCP", took, "s")


def while_restarting(bench, product):
    """The kernel goes on copying while the daemon is exchanged: each packet of a target is due, once."""
    add(product, mix="dst", n=TARGETS, space=SPACE)
    before = product.account()
    product.gen.send_run(ms=RESTART_MS, dst="10.0.0.0/8,65536", target=SPACE, match=SPAN // 20, rate=50000)
    start = time.monotonic()
    lab("restart")
    bench.entry("restart with them, until DTCP is answered", time.monotonic() - start, "s")
    r = product.gen.receive_run()
    now = product.account()
    bench.close_account("over DTCP", before, now, r["copies"])
    bench.entry("packets of targets missed while it restarted", r["targets"] - (now["due"] - before["due"]), "packets")


def run(bench):
    count = QUICK if bench.opts.quick else COUNT
    with Product(bench) as product:
        install(bench, product, count)
        while_restarting(bench, product)
