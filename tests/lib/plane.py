# SPDX-License-Identifier: BSD-2-Clause
"""A router with the kernel programs and nothing else of the project: tables are filled through
tapctl (tests/bpf), without daemon and DTCP."""

import collections
import json
import os
import subprocess

import rig as rigs
from rig import net, until

# In the order of abi.h: what left the stage device before it, and what was lost behind it.
BEFORE = "lost_encap", "lost_encap_gso", "lost_gone_out", "lost_too_big"
BEHIND = "lost_no_route", "lost_no_neighbour", "lost_fragment", "lost_tx"
LIFE = "agency", "start", "end", "idle", "packets", "bytes"  # words of tapctl, not filter elements


class Refused(Exception):
    pass


class Plane(rigs.Rig):
    def __init__(self, name, attach, run_dir):
        self.name, self.next_port, self.uid, self.run_dir = name, 7000, 0, str(run_dir)
        net.up(name)
        self.lab = net.plan(name)
        # What makes the queue towards the mediation device what it is.
        self.queue = "tc", "qdisc", "del", "dev", self.port_of("mediation"), "root"
        net.sysctl(self.ns("mediation"), ipv4__icmp_ratelimit=0, ipv6__icmp__ratelimit=0)  # tests wait for errors
        # A mount namespace of its own: when nobody has it any more, pins and links are gone.
        self.start("unshare", "-m")
        self.mounts = os.open(f"/proc/{self.tapctl.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.load(attach)
        except BaseException:
            self.down()
            raise

    def start(self, *into):
        argv = net.argv_inside(self.ns("router"), [*into, rigs.BIN + "/tests/bpf/tapctl", self.run_dir])
        self.tapctl = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.ask("help", ok=False)  # it is there, and not what starts it

    def load(self, attach):
        self.attach = self.ask("load " + attach)["attach"]
        for role in "subscriber", "internet", "mediation":
            self.ask("attach " + self.port_of(role))

    def kill(self):
        """No process of ours is left; what is in the kernel stays."""
        self.tapctl.kill()
        self.tapctl.wait(10)
        self.tapctl.stdin.close()

    def revive(self):
        """The next process, which takes over what the killed one left."""
        self.start("nsenter", f"--mount=/proc/{os.getpid()}/fd/{self.mounts}")
        self.load(self.attach)

    def down(self):
        os.close(self.mounts)
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

    def ask(self, line, ok=True):
        self.tapctl.stdin.write(line + "\n")
        reply = json.loads(self.tapctl.stdout.readline())
        if not reply.pop("ok") and ok:
            raise Refused(f"{line.split()[0]}: {reply['error']}")
        return reply

    def put(self, *to, version=4, ttl=64, uid=None, **elements):
        """A criterion; to: content ports of the mediation device, or (address, port).  Its number."""
        if uid is None:
            uid = self.uid = self.uid + 1
        words = [f"from={self.addr('router', version)},49153"]
        for t in to:
            addr, port = t if isinstance(t, tuple) else (self.addr("mediation", version), t)
            words.append(f"to={addr},{port},{ttl}")
        words += [f"{k if k in LIFE else k.replace('_', '-').title().replace('Icmp', 'ICMP')}={v}"
                  for k, v in elements.items()]
        self.ask(f"put {uid} {' '.join(words)}")
        return uid

    def go_direct(self):
        """From now on the way to the mediation device is one that copies may take directly, trains too."""
        port = self.port_of("mediation")
        net.offloads(self.ns("router"), port, "tx", "off", "tso", "off")
        self.queue = "tc", "qdisc", "replace", "dev", port, "root", "pfifo", "limit", "4000"
        self.run("router", *self.queue)
        uid = self.put(9, Source_Address=self.addr("subscriber"))
        with self.injector("subscriber") as inject:
            packet = rigs.udp_packet(self.addr("subscriber"), self.addr("internet"), 1, 1, b"x")
            until("the way is direct", lambda: inject(packet) or self.ask("ports")["direct"] == 1)
        self.ask(f"delete {uid}")

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
            left = now["handed"] - sum(now[k] for k in BEFORE) - now["arrived"]
            ended = now["sent"] + left + sum(now[k] for k in ("lost_budget", "lost_limit", *BEFORE, *BEHIND))
            return now if now["due"] == ended and (queue_loss is None or left == queue_loss) else None
        return until("each copy that is due is sent or counted as lost", settled)

    def counts(self, uid):
        """(packets, bytes, copies due, copies sent)"""
        c = self.ask(f"counts {uid}")
        return c["packets"], c["bytes"], c["due"], c["sent"]
