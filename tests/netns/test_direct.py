# SPDX-License-Identifier: BSD-2-Clause
"""Copies that go straight to the outgoing interface: when they do, and that none is lost when that changes."""

import json
import os
import signal
import subprocess
import sys

import pytest
from rig import net, outer, pcap, udp_packet, until
from test_lifecycle import engines, exact_under, restarted


def way(rig):
    """How copies reach the interface to the mediation device."""
    port = rig.lab["router"]["interfaces"]["mediation"]
    return {i["name"]: i["way"] for i in rig.show()["content-interfaces"]}.get(port)


def offload(rig, word):
    net.offloads(rig.ns("router"), rig.lab["router"]["interfaces"]["mediation"], "tx", word, "tso", word)


def becomes(rig, expected):
    """Once copies lead there the interface is looked at, every second."""
    if way(rig):
        until(expected, lambda: way(rig) == expected)
        return
    with rig.session() as s, rig.injector("subscriber") as inject:
        added = s.add(source_address="192.0.2.77", **rig.destination(9))
        packet = udp_packet("192.0.2.77", rig.addr("internet"), 1, 9, b"a packet")
        until(f"copies go by way of: {expected}", lambda: inject(packet) or way(rig) == expected)
        assert s.ask("DELETE", f"Criteria-ID: {added}", "Flags: STATIC").code == 200


@pytest.fixture
def direct(rig):
    offload(rig, "off")
    becomes(rig, "direct")
    yield rig
    offload(rig, "on")
    becomes(rig, "stage device")


def test_a_virtual_interface_with_offloads_is_not_taken(rig):
    becomes(rig, "stage device")


def test_steady(direct):
    _, _, before = direct.account()
    exact_under(direct, lambda: None)
    assert direct.account()[2] == before


def test_restart(direct):
    def kill():
        old = engines(direct)
        pid, = direct.processes()["parent"]
        os.kill(pid, signal.SIGKILL)
        restarted(direct, old)
    exact_under(direct, kill)
    assert way(direct) == "direct"


def test_offloads_change_meanwhile(direct):
    """From one way to the other and back, while packets flow."""
    def change():
        for word, expected in ("on", "stage device"), ("off", "direct"):
            offload(direct, word)
            until(expected, lambda: way(direct) == expected)
    exact_under(direct, change)


def test_program_taken_away(direct):
    """Somebody detaches our egress program: what leaves without it is counted as lost, and soon it is there again."""
    port = direct.port()
    folder = f"/proc/{direct.info['init']}/root/run/flowtap/bpf/ports"
    if not os.path.isdir(folder) or not os.listdir(folder):
        pytest.skip("without tcx there is no link to detach")
    packet = udp_packet(direct.addr("subscriber"), direct.addr("internet"), 1, 9, b"target")
    with direct.session() as s, direct.receiver("mediation", port) as content, \
            direct.injector("subscriber") as inject:
        s.add(source_address=direct.addr("subscriber"), **direct.destination(port))
        due, sent, losses = direct.account_closed()
        subprocess.run(["bpftool", "link", "detach", "pinned", f"{folder}/{os.listdir(folder)[0]}"], check=True)
        for _ in range(100):
            inject(packet)
        until("our program is attached again", lambda: inject(packet) or way(direct) == "direct")
        inject(packet)
        now_due, now_sent, now_losses = direct.account_closed()
        lost = sum(now_losses.values()) - sum(losses.values())
        content.wait(now_sent - sent)
    assert now_due - due == now_sent - sent + lost and set(content.got) == {packet}
    assert 1 <= lost <= os.cpu_count(), "one on each CPU at most"


def aged(rig, port):
    """As if that destination's next hop had been confirmed long ago."""
    table = f"/proc/{rig.info['init']}/root/run/flowtap/bpf/maps/ft_dest"

    def ask(*words):
        return json.loads(subprocess.run(["bpftool", "-j", "map", *words], check=True, capture_output=True).stdout or "0")

    for row in ask("dump", "pinned", table):
        value = bytearray(int(b, 16) for b in row["value"])
        if value[34:36] != port.to_bytes(2, "big") or value[36] != 4:
            continue
        assert any(value[48:56]), "not used yet"
        value[48:56] = (1).to_bytes(8, sys.byteorder)
        ask("update", "pinned", table, "key", *(str(int(b, 16)) for b in row["key"]), "value", *map(str, value))
        return
    raise AssertionError(f"no destination with port {port}")


@pytest.mark.parametrize("expected", ["stage device", "direct"])
def test_next_hop_is_asked_without_a_copy(rig, request, expected):
    """The kernel confirms an old entry of its neighbour table; copies and the account know nothing of that."""
    if expected == "direct":
        request.getfixturevalue("direct")
    becomes(rig, expected)
    port, dev = rig.port(), rig.lab["router"]["interfaces"]["mediation"]
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, b"target")

    def state():
        entry, = json.loads(net.run("ip", "-j", "-n", rig.ns("router"), "neigh", "show", rig.addr("mediation"), "dev", dev))
        return entry["state"][0]

    def sent():
        return rig.account_closed()[1]

    with rig.session() as s, rig.sniffer("mediation", keep=lambda d: pcap.Packet(d).proto == 17) as arrived, \
            rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        first = sent()
        inject(packet)
        arrived.wait(1)
        net.run("ip", "-n", rig.ns("router"), "neigh", "change", rig.addr("mediation"), "dev", dev, "nud", "stale")
        inject(packet)
        arrived.wait(2)
        assert state() == "STALE", "copies go past the neighbour table"
        aged(rig, port)
        inject(packet)
        until("the next hop is asked", lambda: state() != "STALE")
        inject(packet)
        arrived.wait(4)
        assert sent() - first == 4 == len(arrived.got)
        assert {outer(4, d)[5] for d in arrived.got} == {packet}
