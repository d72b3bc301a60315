# SPDX-License-Identifier: BSD-2-Clause
"""A router with the kernel programs and nothing else of the project: tables are filled through
tapctl (tests/bpf), without daemon and DTCP."""

import collections
import json
import subprocess

import rig as rigs
from rig import net, until

# In the order of abi.h: what left the stage device before it, and what was lost behind it.
BEFORE = "lost_encap", "lost_encap_gso", "lost_gone_out", "lost_too_big"
BEHIND = "lost_gone", "lost_no_route", "lost_no_neighbour", "lost_fragment", "lost_tx"


class Refused(Exception):
    pass


class Plane(rigs.Rig):
    def __init__(self, name, attach, run_dir):
        self.name, self.next_port, self.uid = name, 7000, 0
        net.up(name)
        self.lab = net.plan(name)
        net.sysctl(self.ns("mediation"), ipv4__icmp_ratelimit=0, ipv6__icmp__ratelimit=0)  # tests wait for errors
        # A mount namespace of its own: when tapctl ends, pins and links are gone.
        argv = net.argv_inside(self.ns("router"), ["unshare", "-m", rigs.BIN + "/tests/bpf/tapctl", str(run_dir)])
        self.tapctl = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        try:
            self.attach = self.ask("load " + attach)["attach"]
            for role in "subscriber", "internet", "mediation":
                self.ask("attach " + self.port_of(role))
        except BaseException:
            self.down()
            raise

    def down(self):
        try:
            self.ask("unload")
        finally:
            self.tapctl.stdin.close()
            self.tapctl.wait(10)
            net.remove(self.name)

    def port_of(self, role):
        """The router's interface on the host's link."""
        return self.lab["router"]["interfaces"][role]

    def ip(self, role, *argv):
        return net.run("ip", "-n", self.ns(role), *argv)

    # ---- tables ----

    def ask(self, line):
        self.tapctl.stdin.write(line + "\n")
        reply = json.loads(self.tapctl.stdout.readline())
        if not reply.pop("ok"):
            raise Refused(f"{line.split()[0]}: {reply['error']}")
        return reply

    def put(self, *to, version=4, ttl=64, **elements):
        """A criterion; to: content ports of the mediation device, or (address, port).  Its number."""
        self.uid += 1
        words = [f"from={self.addr('router', version)},49153"]
        for t in to:
            addr, port = t if isinstance(t, tuple) else (self.addr("mediation", version), t)
            words.append(f"to={addr},{port},{ttl}")
        words += [f"{k.replace('_', '-').title().replace('Icmp', 'ICMP')}={v}" for k, v in elements.items()]
        self.ask(f"put {self.uid} {' '.join(words)}")
        return self.uid

    def forget_all(self):
        for uid in range(1, self.uid + 1):
            try:
                self.ask(f"delete {uid}")
            except Refused:
                pass  # a test deleted it

    # ---- account ----

    def stats(self):
        return collections.Counter(self.ask("stats"))

    def account(self, before, queue_loss=0):
        """What was counted since `before`, once nothing is in flight; the identity of abi.h is checked."""
        def settled():
            now = self.stats() - before
            arrived = sum(now[k] for k in ("sent", *BEHIND))
            left = now["handed"] - sum(now[k] for k in BEFORE) - now["arrived"]
            return now if arrived == now["arrived"] and (queue_loss is None or left == queue_loss) else None
        now = until("everything handed over has arrived", settled)
        left = now["handed"] - sum(now[k] for k in BEFORE) - now["arrived"]
        assert now["due"] == now["sent"] + now["lost_budget"] + now["lost_limit"] + sum(now[k] for k in BEFORE + BEHIND) + left
        return now

    def counts(self, uid):
        """(packets, bytes, copies due, copies sent)"""
        c = self.ask(f"counts {uid}")
        return c["packets"], c["bytes"], c["due"], c["sent"]
