# SPDX-License-Identifier: BSD-2-Clause
"""A Debian as it comes, under a kernel of its own: the root of debianroot.py with our packages, as a disk of an emulated
computer (qemu, in software: no other way is the same everywhere).

The router has three network cards; at the other end of each stands a host, a network namespace of the same computer,
with a card of its own or the other end of a veth pair.  Commands go in by a serial line.
"""

import json
import os
import shutil
import socket
import subprocess

import debianroot
from kernels import fetch
from machine import debs
from rig import net

HERE = os.path.dirname(os.path.abspath(__file__))
ROLES = tuple(net.LINKS)
MEMORY_MB = 1024
AGENT = """[Unit]
Description=commands of the tests
After=basic.target
[Service]
ExecStart=/usr/bin/python3 /opt/guest.py serve
[Install]
WantedBy=multi-user.target
"""
# Nothing that is of no use to a router without a network of its own; each costs seconds of an emulated processor.
MASKED = ("apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_reap.service e2scrub_all.timer fstrim.timer "
          "logrotate.timer man-db.timer systemd-timesyncd.service serial-getty@ttyS0.service getty@tty1.service "
          "networking.service ssh.service").split()
CONF = """services {
    flow-tap {
        tapped-interfaces [ sub0 inet0 ];
        agency lea1 {
            authority standing;
            content-destination 192.0.2.0/24;
        }
    }
}
"""


def dress(root):
    """What whoever sets up the router does, but for the packages themselves."""
    folder = root + "/var/tmp/debs"
    os.makedirs(folder)
    for path in debs().values():
        shutil.copy(path, folder)
    names = sorted(os.listdir(folder))
    debianroot.inside(root, "dpkg", "-i", *("/var/tmp/debs/" + n for n in names))
    debianroot.inside(root, "useradd", "-r", "-U", "-G", "flowtap-agency", "lea1")
    debianroot.write(root + "/etc/flowtap/flowtap.conf", CONF, 0o640)
    debianroot.inside(root, "chgrp", "_flowtap", "/etc/flowtap/flowtap.conf")
    shutil.copy(HERE + "/guest.py", root + "/opt/guest.py")
    debianroot.write(root + "/etc/systemd/system/guest.service", AGENT)
    debianroot.inside(root, "systemctl", "enable", "-q", "guest.service", "flowtapd.service", "flowtap-sshd.socket")
    debianroot.inside(root, "systemctl", "mask", "-q", *MASKED)
    debianroot.write(root + "/etc/sysctl.d/router.conf", "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n")
    debianroot.write(root + "/etc/hosts", "127.0.0.1 localhost router\n")
    debianroot.write(root + "/etc/fstab", "/dev/nvme0n1 / ext4 noatime 0 1\n")
    shutil.rmtree(folder)


def disk_make(path, kernels):
    """One disk for all kernels."""
    top = path + ".d"
    for name in "up", "work", "root":
        os.makedirs(f"{top}/{name}")
    debianroot.run("mount", "-t", "overlay", "overlay", "-o",
                   f"volatile,lowerdir={debianroot.pristine()},upperdir={top}/up,workdir={top}/work", top + "/root")
    try:
        dress(top + "/root")
        for k in kernels:
            k.install(top + "/root")
        for sub in "/var/cache/apt/archives", "/usr/share/doc", "/usr/share/locale":
            shutil.rmtree(top + "/root" + sub)
            os.mkdir(top + "/root" + sub)
        debianroot.run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0,lazy_itable_init=1",
                       "-d", top + "/root", path, "3G")
    finally:
        debianroot.run("umount", top + "/root")
        shutil.rmtree(top)


class Vm:
    """cards: emulated network cards (e1000e) on both ends of the three links instead of veth."""

    def __init__(self, kernel, disk, folder, cards=False):
        self.kernel, self.dir, self.cards, self.buffer = kernel, str(folder), cards, b""
        self.seconds = 0
        self.line = socket.socket(socket.AF_UNIX)
        path = self.dir + "/line"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(20)
        self.log = open(self.dir + "/qemu.log", "w+")
        self.proc = subprocess.Popen(self.argv(disk, path), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self.line, _ = listener.accept()
        except TimeoutError:
            self.close()
            raise AssertionError(self.said()) from None

    def argv(self, disk, line):
        words = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine",
                 "q35,accel=tcg,smbus=off,sata=off", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MB),
                 "-kernel", self.kernel.image, "-append",
                 "root=/dev/nvme0n1 rootfstype=ext4 rw no_timer_check lpj=4000000 cryptomgr.notests console=ttyS0 quiet "
                 "panic=-1 mitigations=off modprobe.blacklist=kvm_amd,iTCO_wdt,powernow_k8,i2c_i801,pcspkr "
                 "tsc=reliable systemd.show_status=no net.ifnames=0",
                 "-drive", f"file={disk},format=raw,if=none,id=disk,snapshot=on,cache=unsafe",
                 "-device", "nvme,drive=disk,serial=1", "-object", "rng-random,id=rng,filename=/dev/urandom",
                 "-device", "virtio-rng-pci,rng=rng", "-serial", f"file:{self.dir}/console",
                 "-serial", f"unix:{line}"]
        if self.kernel.initrd:
            words += ["-initrd", self.kernel.initrd]
        for i in range(2 * len(ROLES) if self.cards else 0):
            words += ["-netdev", f"hubport,id=n{i},hubid={i // 2}", "-device",
                      f"e1000e,netdev=n{i},mac=02:00:00:00:00:{i:02x}"]
        return words

    def said(self):
        """What there is to read about a failure."""
        self.log.seek(0)
        with open(self.dir + "/console", errors="replace") as f:
            return self.log.read() + f.read()[-3000:]

    def answer(self, timeout):
        self.line.settimeout(timeout)
        while b"\n" not in self.buffer:
            more = self.line.recv(1 << 16)
            assert more, "the machine ended\n" + self.said()
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ready(self, timeout=400):
        try:
            assert self.answer(timeout) == {"ready": True}
        except TimeoutError:
            raise AssertionError(f"not up in {timeout} s\n" + self.said()) from None

    def run(self, *argv, check=True, text=None, timeout=120):
        ask = json.dumps({"argv": argv, "text": text, "timeout": timeout})
        self.line.settimeout(timeout)
        self.line.sendall(ask.encode() + b"\n")
        r = self.answer(timeout + 60)
        assert not check or r["rc"] == 0, f"{argv}: {r}\n{self.run('journalctl', '-qn40', '--no-pager', check=False)['out']}"
        return r["out"] if check else r

    def sh(self, text, **more):
        return self.run("sh", "-ec", text, **more)

    def host(self, role, *argv, **more):
        return self.run("ip", "netns", "exec", role, *argv, **more)

    def network(self):
        """The hosts, and the cables to them.  In few processes: each costs a tenth of a second."""
        names, links, hosts = [], [], {}
        for i, role in enumerate(ROLES):
            port, v4, v6 = net.LINKS[role]
            names.append(f"ip netns add {role}")
            if self.cards:
                links += [f"link set c{2 * i} name {port}", f"link set c{2 * i + 1} name eth0 netns {role}"]
            else:
                links.append(f"link add {port} type veth peer name eth0 netns {role}")
            links += [f"addr add {v4}{net.ROUTER}/24 dev {port}", f"addr add {v6}{net.ROUTER}/64 dev {port} nodad",
                      f"link set {port} up"]
            hosts[role] = ["link set lo up", f"addr add {v4}{net.HOST}/24 dev eth0",
                           f"addr add {v6}{net.HOST}/64 dev eth0 nodad", "link set eth0 up",
                           f"route add default via {v4}{net.ROUTER}", f"-6 route add default via {v6}{net.ROUTER}"]
        if self.cards:  # by their addresses: their names are as the driver found them
            names.append("modprobe e1000e; udevadm settle -t 100")
            names.append('for a in /sys/class/net/*/address; do read m <$a; case $m in 02:00:00:00:00:0?) d=${a%/address}; '
                         'ip link set ${d##*/} down name c${m#02:00:00:00:00:0};; esac; done')
        self.sh("\n".join(names))
        self.run("ip", "-batch", "-", text="\n".join(links) + "\n")
        for role, commands in hosts.items():
            self.run("ip", "-n", role, "-batch", "-", text="\n".join(c for c in commands if not c.startswith("-6")) + "\n")
            self.run("ip", "-6", "-n", role, "-batch", "-", text=commands[-1][3:] + "\n")

    def close(self):
        self.line.close()
        self.proc.terminate()
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.log.close()
