# SPDX-License-Identifier: BSD-2-Clause
"""Four network namespaces: three hosts, each on its own link to one router.

Addresses are from the ranges set aside for documentation (RFC 5737, RFC 3849),
so that nothing in a lab can be mistaken for, or reach, a real host.
"""

import ctypes
import os
import re
import socket
import subprocess
import threading

NETNS_DIR = "/run/netns"
CLONE_NEWNET = 0x40000000
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

# role: the router's interface on that link, IPv4 network, IPv6 network
LINKS = {
    "subscriber": ("sub0", "198.51.100.", "2001:db8:1::"),
    "internet": ("inet0", "203.0.113.", "2001:db8:2::"),
    "mediation": ("med0", "192.0.2.", "2001:db8:3::"),
}
ROLES = (*LINKS, "router")
ROUTER, HOST = "1", "10"  # last part of the address

libc = ctypes.CDLL(None, use_errno=True)


def run(*argv, text=None):
    """Runs a command; what it said on stderr becomes the exception's text."""
    r = subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {(r.stderr or r.stdout).strip() or r.returncode}")
    return r.stdout


def netns(name, role):
    return f"ftlab-{name}-{role}"


def plan(name):
    """The lab as `tools/lab up` prints it, without the port and the programs."""
    lab = {}
    for role, (_, v4, v6) in LINKS.items():
        lab[role] = {"netns": netns(name, role), "v4": v4 + HOST, "v6": v6 + HOST, "iface": "eth0"}
    iface, v4, v6 = LINKS["mediation"]
    lab["router"] = {
        "netns": netns(name, "router"), "v4": v4 + ROUTER, "v6": v6 + ROUTER, "iface": iface,
        "interfaces": {role: link[0] for role, link in LINKS.items()},
    }
    return lab


def enter(ns_path):
    """Moves the calling thread into the network namespace."""
    fd = os.open(ns_path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {ns_path}")
    finally:
        os.close(fd)


def inside(ns, call, *args, **kw):
    """call(*args, **kw) by a thread that is in the namespace; sockets made there stay there."""
    result = {}

    def body():
        try:
            enter(f"{NETNS_DIR}/{ns}")
            result["value"] = call(*args, **kw)
        except BaseException as e:  # handed to the caller, below
            result["error"] = e

    t = threading.Thread(target=body)
    t.start()
    t.join()
    if "error" in result:
        raise result["error"]
    return result["value"]


def argv_inside(ns, argv):
    """The command line that runs argv in the namespace."""
    return ["nsenter", f"--net={NETNS_DIR}/{ns}", "--", *argv]


def sysctl(ns, **values):
    def write():  # what /proc/sys/net shows depends on the thread that opens it
        for key, value in values.items():
            with open("/proc/sys/net/" + key.replace("__", "/"), "w") as f:
                f.write(str(value))

    inside(ns, write)


def offloads(ns, iface, *words):
    run(*argv_inside(ns, ["ethtool", "-K", iface, *words]))


def up(name):
    for role in ROLES:
        run("ip", "netns", "add", netns(name, role))
        sysctl(netns(name, role), ipv6__conf__all__accept_dad=0, ipv6__conf__default__accept_dad=0,
               ipv6__conf__default__accept_ra=0)
        run("ip", "-n", netns(name, role), "link", "set", "lo", "up")
    router = netns(name, "router")
    sysctl(router, ipv4__ip_forward=1, ipv6__conf__all__forwarding=1, ipv4__conf__all__rp_filter=0,
           ipv4__conf__default__rp_filter=0)
    for role, (iface, v4, v6) in LINKS.items():
        host = netns(name, role)
        run("ip", "link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", iface, "netns", router)
        for ns, dev, last in (host, "eth0", HOST), (router, iface, ROUTER):
            run("ip", "-n", ns, "-batch", "-", text=(
                f"addr add {v4}{last}/24 dev {dev}\n"
                f"addr add {v6}{last}/64 dev {dev} nodad\n"
                f"link set {dev} up\n"))
        run("ip", "-n", host, "-batch", "-", text=(
            f"route add default via {v4}{ROUTER}\n"
            f"route add default via {v6}{ROUTER}\n"))
        # With GRO a veth end has a receive ring of its own, as a network card has;
        # without it all ends share one queue, and a burst on one starves the others.
        offloads(host, "eth0", "gro", "on")
        offloads(router, iface, "gro", "on")


def pids(ns):
    """Processes that are in the namespace, by host pid."""
    try:
        st = os.stat(f"{NETNS_DIR}/{ns}")
    except FileNotFoundError:
        return []
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            p = os.stat(f"/proc/{pid}/ns/net")
        except OSError:
            continue
        if (p.st_dev, p.st_ino) == (st.st_dev, st.st_ino):
            found.append(int(pid))
    return found


def remove(name):
    for role in ROLES:
        if os.path.exists(f"{NETNS_DIR}/{netns(name, role)}"):
            run("ip", "netns", "del", netns(name, role))


def tcp_connect(ns, addr, port, timeout=10):
    """A connected TCP socket in the namespace."""
    return inside(ns, socket.create_connection, (addr, port), timeout)
