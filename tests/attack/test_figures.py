# SPDX-License-Identifier: BSD-2-Clause
"""An ordinary user of the router sends somebody two packets and looks which figures of the kernel's move, to find out
who is a target.  The content link's own counters tell it, as docs/threat-model.md says; nothing else does."""

import math
import random
import socket

import figures
import pytest
from content_link import FAR, HERE, LINK, ContentLink
from rig import net, udp_packet, until

UDP_SEGMENT = 103
LEARN = 40


@pytest.fixture
def content(rig):
    link = ContentLink(rig)
    yield link
    link.close()


@pytest.fixture
def people(rig):
    """Addresses of subscribers, half of them targets."""
    base = rig.addr("subscriber").rsplit(".", 1)[0]
    addresses = [f"{base}.{n}" for n in range(100, 116)]
    for a in addresses:
        net.run("ip", "-n", rig.ns("subscriber"), "addr", "add", a + "/32", "dev", "eth0")
    yield addresses[::2], addresses[1::2]
    for a in addresses:
        net.run("ip", "-n", rig.ns("subscriber"), "addr", "del", a + "/32", "dev", "eth0")


def packets(size):
    """Two packets, as they come from a network."""
    def send(rig, inject, source, port):
        for _ in range(2):
            inject(udp_packet(source, rig.addr("internet"), 1024, port, bytes(size)))
        return 2
    return send


def train(rig, inject, source, port):
    """Two trains, of three segments each, none of which fits the content link with a second header."""
    def make():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((source, 0))
        return s

    with rig.inside("subscriber", make) as s:
        s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1472)
        for _ in range(2):
            s.sendto(bytes(3 * 1472), (rig.addr("internet"), port))
    return 6


class Attacker:
    def __init__(self, rig, reader, content, send, port):
        self.rig, self.reader, self.content, self.send, self.port = rig, reader, content, send, port
        self.arrived = 0

    def tries(self, source, inject, forwarded):
        """What moved while somebody got their packets."""
        before = self.reader.look()
        self.arrived += self.send(self.rig, inject, source, self.port)
        forwarded.wait(self.arrived)
        moved = figures.moved(before, self.reader.look())
        return {key: n for key, n in moved.items() if LINK not in key}


def cut(tried):
    """The figure, and the value of it, that tells targets from others best; whether targets are those above it."""
    best = (0, None, 0, True)
    for key in {k for _, moved in tried for k in moved}:
        values = [(moved.get(key, 0), target) for target, moved in tried]
        for limit in {v for v, _ in values}:
            right = sum((v > limit) == target for v, target in values)
            for above, hits in (True, right), (False, len(values) - right):
                best = max(best, (hits, key, limit, above), key=lambda b: b[0])
    return best[1:]


@pytest.mark.parametrize("send,guess", [(packets(64), 80), (packets(1472), 200), (train, 80)],
                         ids=["direct", "stage-device", "trains"])
def test_nobody_learns_who_is_a_target(rig, content, people, send, guess):
    targets, others = people
    port, dice = rig.port(), random.Random(9)
    with rig.session() as s, rig.receiver("internet", port) as forwarded, rig.injector("subscriber") as inject, \
            figures.Reader(rig.ns("router")) as reader:
        for a in targets:
            s.add(source_address=a, to=(FAR, rig.port()), src=(HERE, 49153))
        attacker = Attacker(rig, reader, content, send, port)
        attacker.tries(others[0], inject, forwarded)
        attacker.tries(targets[0], inject, forwarded)
        until("a copy left", lambda: content.frames > 0)
        # Once copies lead there the dataplane looks at the interface, which opens the direct way or does not.
        until("the way is known", lambda: any(i["name"] == LINK for i in rig.show()["content-interfaces"]))
        seen = content.frames

        def series(n):
            tried = []
            for _ in range(n):
                target = dice.random() < 0.5
                tried.append((target, attacker.tries(dice.choice(targets if target else others), inject, forwarded)))
            return tried

        key, limit, above = cut(series(LEARN))
        guesses = series(guess)
        right = sum(((moved.get(key, 0) > limit) == above) == target for target, moved in guesses)
        until("copies left of every target", lambda: content.frames - seen >= 2 * sum(t for t, _ in guesses))
    # four standard deviations above chance
    assert right <= guess / 2 + 4 * math.sqrt(guess) / 2, f"{right} of {guess} guesses are right by {key}"


def test_the_content_links_own_counters_tell(rig, content, people):
    """What the threat model says is left: if that test could not see it, it could see nothing."""
    port = rig.port()
    with rig.session() as s, rig.receiver("internet", port) as forwarded, rig.injector("subscriber") as inject, \
            figures.Reader(rig.ns("router")) as reader:
        s.add(source_address=people[0][0], to=(FAR, rig.port()), src=(HERE, 49153))
        before = reader.look()
        packets(64)(rig, inject, people[0][0], port)
        forwarded.wait(2)
        until("both copies", lambda: content.frames >= 2)
        moved = figures.moved(before, reader.look())
    assert moved[f"/proc/net/dev {LINK} 10"] == 2
