# SPDX-License-Identifier: BSD-2-Clause
"""What else copies packets in this kernel: rules put into the lab's router, and taken out again."""

import os
import shutil
import signal
import subprocess

from . import topo
from .bench import Skipped
from .topo import net

MEDIATION = topo.addr("mediation")


def inside(*argv, text=None):
    return net.run(*net.argv_inside(topo.ns("router"), argv), text=text)


def need(*programs):
    for p in programs:
        if not shutil.which(p, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            raise Skipped(f"no program {p}")


class Peer:
    """on() and off(): its rules are there, and gone; a failure to put them there means it is not to be had."""

    name = programs = None

    def __init__(self):
        need(*self.programs)
        try:
            self.on()
        except RuntimeError as e:
            raise Skipped(str(e).splitlines()[0][:200]) from e
        finally:
            self.off()

    def off(self):
        raise NotImplementedError


class Iptables(Peer):
    """rules: words of iptables' matches; one TEE for each."""

    programs = "iptables-legacy", "iptables-legacy-restore"

    def __init__(self, rules):
        self.rules = rules
        super().__init__()

    def on(self):
        inside("iptables-legacy-restore", "--noflush", text="*mangle\n" + "".join(
            f"-A PREROUTING {r} -j TEE --gateway {MEDIATION}\n" for r in self.rules) + "COMMIT\n")

    def off(self):
        inside("iptables-legacy", "-t", "mangle", "-F")


class Ipset(Iptables):
    """Hosts in one set, as destination or source."""

    programs = *Iptables.programs, "ipset"

    def __init__(self, hosts):
        self.hosts = hosts
        super().__init__(["-m set --match-set bench dst", "-m set --match-set bench src"])

    def on(self):
        n = len(self.hosts)
        inside("ipset", "restore", text=f"create bench hash:ip maxelem {2 * n} hashsize {max(64, n)}\n" + "".join(
            f"add bench {h}\n" for h in self.hosts))
        super().on()

    def off(self):
        super().off()
        subprocess.run(net.argv_inside(topo.ns("router"), ["ipset", "destroy", "bench"]), stderr=subprocess.DEVNULL)


class Nft(Peer):
    """body: of a table, with one chain at prerouting in place of CHAIN { and DUP for what copies."""

    programs = "nft",

    def __init__(self, body):
        self.text = "table ip bench {\n" + body.replace(
            "CHAIN {", "chain c { type filter hook prerouting priority -150;").replace(
            "DUP", f"dup to {MEDIATION} device r2") + "\n}\n"
        super().__init__()

    def on(self):
        inside("nft", "-f", "-", text=self.text)

    def off(self):
        inside("nft", "flush", "ruleset")


def nft_list(hosts):
    return Nft("CHAIN {\n" + "".join(f"ip daddr {h} meta l4proto udp DUP\n" for h in hosts) + "}")


def nft_set(hosts):
    return Nft(f"set s {{ type ipv4_addr; size {2 * len(hosts)}; elements = {{ {', '.join(hosts)} }} }}\n"
               "CHAIN { ip daddr @s DUP\n ip saddr @s DUP\n }")


def nft_intervals(hosts):
    """Source prefix, destination, ports: the only peer that finds several fields of many filters at once."""
    def element(i, host):
        return f"10.{i % 128}.0.0/16 . {host} . 0-65535" if i % 2 else f"0.0.0.0/0 . {host} . 5000-6000"

    return Nft("set s { typeof ip saddr . ip daddr . udp dport; flags interval; elements = {\n"
               + ",\n".join(element(i, h) for i, h in enumerate(hosts))
               + "} }\nCHAIN { ip saddr . ip daddr . udp dport @s DUP\n }")


class U32(Peer):
    """u32 filters that mirror to a vxlan device: the one peer that adds an outer header."""

    programs = "tc",
    PER_PRIORITY = 3000  # a table has 4095 places

    def __init__(self, prefixes):
        self.prefixes = prefixes
        super().__init__()

    def on(self):
        inside("ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "remote", MEDIATION, "dstport", "7001",
               "dev", "r2", "nolearning")
        inside("ip", "link", "set", "vx0", "up")
        inside("tc", "qdisc", "add", "dev", "r0", "clsact")
        inside("tc", "-batch", "-", text="".join(
            f"filter add dev r0 ingress protocol ip prio {1 + i // self.PER_PRIORITY} u32 match ip dst {p} "
            "match ip protocol 17 0xff action mirred egress mirror dev vx0\n" for i, p in enumerate(self.prefixes)))

    def off(self):
        for argv in ("tc", "qdisc", "del", "dev", "r0", "clsact"), ("ip", "link", "del", "vx0"):
            subprocess.run(net.argv_inside(topo.ns("router"), argv), stderr=subprocess.DEVNULL)


class Reader(Peer):
    """A program that reads the router's port by itself."""

    def __init__(self, programs, argv, ready):
        self.programs, self.argv, self.ready, self.process = programs, argv, ready, None
        super().__init__()

    def on(self):
        self.process = subprocess.Popen(net.argv_inside(topo.ns("router"), self.argv), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = []
        for line in self.process.stderr:
            said.append(line)
            if self.ready in line:
                return
        raise RuntimeError(f"{self.argv[0]}: {''.join(said).strip()}")

    def off(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)
        self.process = None


def daemonlogger(expression, folder):
    """Sends what it sees on to the content port, without outer header."""
    path = folder + "/daemonlogger.bpf"
    with open(path, "w") as f:
        f.write(expression + "\n")
    return Reader(("daemonlogger",), ["daemonlogger", "-i", "r0", "-o", "r2", "-f", path], "sniffing on")


def tcpdump(expression):
    return Reader(("tcpdump",), ["tcpdump", "-i", "r0", "-n", "-B", "65536", "-w", "/dev/null", expression],
                  "listening on")
