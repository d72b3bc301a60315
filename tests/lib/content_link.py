# SPDX-License-Identifier: BSD-2-Clause
"""A content link whose far end is not on this machine, as far as its kernel knows: what leaves there is read from a device
that hands frames to us."""

import fcntl
import os
import struct
import threading

from rig import net

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
LINK, HERE, FAR, FAR_MAC = "content0", "192.0.9.1", "192.0.9.2", "02:00:00:00:09:02"


class ContentLink(threading.Thread):
    """on: the kind of an interface that stands on the device, by which copies leave then."""

    def __init__(self, rig, on=None):
        super().__init__(daemon=True)
        self.rig, self.frames, self.top = rig, 0, LINK
        self.fd = rig.inside("router", os.open, "/dev/net/tun", os.O_RDWR)
        rig.inside("router", fcntl.ioctl, self.fd, TUNSETIFF, struct.pack("16sH22x", LINK.encode(), IFF_TAP | IFF_NO_PI))
        if on:
            self.stand(on)
        for name in {LINK, self.top}:
            net.sysctl(rig.ns("router"), **{f"ipv6__conf__{name}__disable_ipv6": 1})
            self.ip("link", "set", name, "up")
        self.ip("addr", "add", HERE + "/24", "dev", self.top)
        self.ip("neigh", "add", FAR, "lladdr", FAR_MAC, "nud", "permanent", "dev", self.top)
        self.start()

    def ip(self, *argv):
        net.run("ip", "-n", self.rig.ns("router"), *argv)

    def stand(self, kind):
        self.top = "content1"
        below = ("link", LINK) if kind == "macvlan" else ()
        self.ip("link", "add", self.top, *below, "type", kind)
        if not below:
            self.ip("link", "set", LINK, "master", self.top)

    def run(self):
        while True:
            try:
                frame = os.read(self.fd, 65536)
            except OSError:
                return
            self.frames += frame[12:14] == b"\x08\0"

    def close(self):
        if self.top != LINK:
            self.ip("link", "del", self.top)
        self.ip("link", "del", LINK)  # its reader hears of it
        self.join()
        os.close(self.fd)
