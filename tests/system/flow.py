# SPDX-License-Identifier: BSD-2-Clause
"""Traffic by numbers: who sent which, which came by, which were copied."""

import collections
import socket
import struct
import threading
import time

from rig import Receiver, net, until

PORT = 4000
NUMBER = struct.Struct("!Q")


class Sender(threading.Thread):
    """Numbered datagrams from a host's socket, some 500 a second, until it is stopped; what the network refuses counts
    as not sent."""

    def __init__(self, sock, to):
        super().__init__(daemon=True)
        self.sock, self.to, self.stopping, self.sent = sock, to, False, []
        self.start()

    def run(self):
        number = 0
        while not self.stopping:
            number += 1
            try:
                self.sock.sendto(NUMBER.pack(number), self.to)
                self.sent.append(number)
            except OSError:
                pass  # the router is off
            time.sleep(0.002)


class Flow:
    """Subscriber to internet and back, with a receiver for copies of each way on the mediation device."""

    WAYS = ("subscriber", "internet", 7001), ("internet", "subscriber", 7002)

    def __init__(self, machine):
        self.machine, self.plan = machine, net.plan(machine.name)
        self.senders, self.arrived, self.copied = [], [], []
        socks = {role: self.udp(role, PORT) for role in ("subscriber", "internet")}
        for src, dst, port in self.WAYS:
            self.arrived.append(Receiver(socks[dst], lambda data, addr: NUMBER.unpack(data)[0]))
            # The copy is the whole packet: its number is its last bytes.
            self.copied.append(Receiver(self.udp("mediation", port), lambda data, addr: NUMBER.unpack(data[-8:])[0]))
        for src, dst, port in self.WAYS:
            self.senders.append(Sender(socks[src].dup(), (self.plan[dst]["v4"], PORT)))

    def udp(self, role, port):
        def make():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((self.plan[role]["v4"], port))
            return s
        return net.inside(self.machine.ns(role), make)

    def counts(self):
        return [(len(s.sent), len(a.got), len(c.got)) for s, a, c in zip(self.senders, self.arrived, self.copied)]

    def stop(self, last_too=True):
        """Stops sending; the list of (sent, arrived, copied) by way once no more comes.  last_too: what was sent last has to arrive."""
        for s in self.senders:
            s.stopping = True
            s.join()
        # A way's numbers arrive in their order; copies end when there is quiet, for there may be none.
        for s, a in zip(self.senders, self.arrived):
            if last_too and not a.stopping:
                until("the last number", lambda: a.got and a.got[-1] == s.sent[-1])
        quiet, last = time.monotonic(), None
        while time.monotonic() - quiet < 0.5:
            if self.counts() != last:
                last, quiet = self.counts(), time.monotonic()
            time.sleep(0.02)
        for r in self.arrived + self.copied:
            r.stopping = True
            r.join()
        for s in self.senders:
            s.sock.close()
        return [(s.sent, a.got, c.got) for s, a, c in zip(self.senders, self.arrived, self.copied)]


def doubled(numbers):
    return sorted(n for n, times in collections.Counter(numbers).items() if times > 1)


def missed(expected, got):
    return sorted(set(expected) - set(got))
