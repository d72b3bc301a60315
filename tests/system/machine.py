# SPDX-License-Identifier: BSD-2-Clause
"""A Debian as it comes, booted with its own systemd, as a router with three hosts around it.

Nothing of the lab's is on it: what it has of ours, it has from the packages.  The hosts are network namespaces of this
machine (tools/lablib/net.py); the router's ends of the cables stay when it is switched off, as network cards do.
"""

import glob
import os
import subprocess

import debianroot
import pytest
from booted import Booted, CannotBoot, run
from rig import net, until

DEBS = debianroot.TREE + "/build/deb"
PACKAGES = "flowtap-router", "flowtap-client", "flowtap-mediation"
INTERFACES = """auto lo
iface lo inet loopback
""" + "".join(f"""
auto {port}
iface {port} inet static
    address {v4}{net.ROUTER}/24
iface {port} inet6 static
    address {v6}{net.ROUTER}/64
""" for port, v4, v6 in (net.LINKS[role] for role in ("mediation", "internet", "subscriber")))
FORWARDING = "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n"
HOSTS = "127.0.0.1 localhost router\n"
APT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def debs():
    """{package: path} of what tools/deb has made."""
    found = {name: next(iter(glob.glob(f"{DEBS}/{name}_*.deb")), None) for name in PACKAGES}
    if None in found.values():
        raise CannotBoot("no packages in build/deb: make deb")
    return found


class Machine(Booted):
    TARGET = "multi-user.target"

    def __init__(self, folder, name):
        try:
            self.LOWER = debianroot.pristine()
        except (debianroot.CannotMake, subprocess.TimeoutExpired) as e:
            raise CannotBoot(str(e)) from None
        self.debs, self.name = debs(), name
        self.NETWORK = ("--network-namespace-path=" + f"{net.NETNS_DIR}/{self.ns('router')}", "--resolv-conf=off")
        super().__init__(folder)
        net.remove(name)
        net.up(name)
        self.cut_power()

    def ns(self, role):
        return net.netns(self.name, role)

    def furnish(self):
        """What whoever sets up a router does before us."""
        self.write("/etc/network/interfaces", INTERFACES)
        self.write("/etc/sysctl.d/router.conf", FORWARDING)
        self.write("/etc/hosts", HOSTS)
        os.mkdir(self.root + "/root/debs")
        for path in self.debs.values():
            subprocess.run(["cp", path, self.root + "/root/debs/"], check=True)

    def cut_power(self):
        """The router's cards without addresses, programs or anything else: as after a power cycle."""
        old, spare = self.ns("router"), self.ns("spare")
        ports = [port for port, *_ in net.LINKS.values()]
        net.run("ip", "netns", "add", spare)
        for port in ports:
            net.run("ip", "-n", old, "link", "set", port, "netns", spare)
        net.run("ip", "netns", "del", old)
        net.run("ip", "netns", "add", old)
        for port in ports:
            net.run("ip", "-n", spare, "link", "set", port, "netns", old)
        net.run("ip", "netns", "del", spare)

    def reboot(self):
        """As a person does it; returns when it is up again."""
        run(*self.argv("systemctl", "reboot"))
        self.proc.wait(60)
        self.cut_power()
        self.boot()

    def apt(self, *argv, check=True):
        """apt-get, without questions; returns what it said."""
        r = run(*self.argv("apt-get", "-qy", *argv), env=APT)
        assert not check or r.returncode == 0, f"{argv}: {r.returncode}\n{r.stdout}\n{r.stderr}\n{self.journal('-n50')}"
        return r.stdout + r.stderr

    def install(self):
        return self.apt("install", *("/root/debs/" + os.path.basename(p) for p in self.debs.values()))

    def host(self, role, *argv, check=True):
        """A command on one of the hosts, with our programs for the mediation side."""
        r = run(*net.argv_inside(self.ns(role), argv))
        assert not check or r.returncode == 0, f"{argv}: {r.returncode}\n{r.stdout}\n{r.stderr}"
        return r.stdout if check else r

    def close(self):
        super().close()
        for role in (*net.ROLES, "spare"):
            run("ip", "netns", "del", self.ns(role))


def cannot(why):
    """Not on every machine; but where all is to be tested, that it can't be is a failure."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


def settled(machine, timeout=60):
    """Nothing is being started any more."""
    until("the end of starting", lambda: not machine.run("systemctl", "list-jobs", "--no-legend").strip() or
          "No jobs" in machine.run("systemctl", "list-jobs"), timeout)
