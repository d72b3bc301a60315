# SPDX-License-Identifier: BSD-2-Clause
"""The lab of the benchmarks: a router between a generator, a sink and a mediation device.

    gen g0 -- r0 router r1 -- s0 sink
                 router r2 -- m0 mediation

Neighbours are static.  Router and ends have NAPI (GRO on) on every port, so that copies and
forwarded packets never share a queue; r0 needs it anyway, to take frames from bench_gen.
All other offloads are off unless a suite asks for them.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tools"))
from lablib import net  # noqa: E402

PREFIX = "ftbench-"
ROLES = "gen", "router", "sink", "mediation"
# end: its namespace, device, MAC; the router's device and MAC; network
LINKS = {
    "gen": ("g0", "02:00:00:00:01:02", "r0", "02:00:00:00:01:01", "198.18.1.", "2001:db8:ffff:1::"),
    "sink": ("s0", "02:00:00:00:02:02", "r1", "02:00:00:00:02:01", "198.18.2.", "2001:db8:ffff:2::"),
    "mediation": ("m0", "02:00:00:00:03:02", "r2", "02:00:00:00:03:01", "198.18.3.", "2001:db8:ffff:3::"),
}
CONTENT_MTU = 1600  # a copy of 1500 bytes goes in one piece, as operators are advised
OFFLOADS = "tso", "gso", "tx", "rx", "tx-udp-segmentation"
LOCK = "/run/ftbench.lock"


def ns(role):
    return PREFIX + role


def addr(role, version=4):
    """An end's address; the router's on the mediation link for "router"."""
    link = LINKS["mediation" if role == "router" else role]
    last = "1" if role == "router" else "2"
    return link[4 if version == 4 else 5] + last


def down():
    for role in ROLES:
        if os.path.exists(f"{net.NETNS_DIR}/{ns(role)}"):
            net.run("ip", "netns", "del", ns(role))


def link_up(role):
    end, end_mac, port, port_mac, v4, v6 = LINKS[role]
    queues = "numtxqueues", "1", "numrxqueues", "1"
    net.run("ip", "link", "add", end, "netns", ns(role), "address", end_mac, *queues, "type", "veth",
            "peer", "name", port, "netns", ns("router"), "address", port_mac, *queues)
    for where, dev, last, other, mac in ((ns(role), end, "2", "1", port_mac), (ns("router"), port, "1", "2", end_mac)):
        net.run("ip", "-n", where, "-batch", "-", text=(
            f"addr add {v4}{last}/24 dev {dev}\n"
            f"addr add {v6}{last}/64 dev {dev} nodad\n"
            f"link set {dev} up\n"
            f"neigh replace {v4}{other} lladdr {mac} dev {dev} nud permanent\n"
            f"neigh replace {v6}{other} lladdr {mac} dev {dev} nud permanent\n"))
        net.offloads(where, dev, "gro", "on")
        offloads(where, dev, False)
    net.run("ip", "-n", ns(role), "-batch", "-", text=f"route add default via {v4}1\nroute add default via {v6}1\n")


def content_mtu(mtu):
    for where, dev in (ns("mediation"), "m0"), (ns("router"), "r2"):
        net.run("ip", "-n", where, "link", "set", dev, "mtu", str(mtu))


def offloads(where, dev, on):
    for word in OFFLOADS:
        subprocess.run(net.argv_inside(where, ["ethtool", "-K", dev, word, "on" if on else "off"]),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def up():
    for role in ROLES:
        net.run("ip", "netns", "add", ns(role))
        net.sysctl(ns(role), ipv6__conf__all__accept_dad=0, ipv6__conf__default__accept_dad=0,
                   ipv6__conf__default__accept_ra=0, ipv6__conf__default__router_solicitations=0)
        net.run("ip", "-n", ns(role), "link", "set", "lo", "up")
    net.sysctl(ns("router"), ipv4__ip_forward=1, ipv6__conf__all__forwarding=1, ipv4__conf__all__rp_filter=0,
               ipv4__conf__default__rp_filter=0, ipv4__ip_early_demux=0)
    for role in LINKS:
        link_up(role)
    content_mtu(CONTENT_MTU)
    # Everything that is not on a link of ours goes to the sink: any address can be sent to.
    sink = LINKS["sink"]
    net.run("ip", "-n", ns("router"), "-batch", "-", text=(
        f"route add default via {sink[4]}2 dev {sink[2]}\nroute add default via {sink[5]}2 dev {sink[2]}\n"))


class Lab:
    """Only one at a time, and none of an earlier run is left."""

    def __enter__(self):
        self.lock = open(LOCK, "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.folder = tempfile.mkdtemp(prefix="ftbench-")
        try:
            down()
            up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        down()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()
