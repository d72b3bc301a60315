# SPDX-License-Identifier: BSD-2-Clause
"""What is in the kernel is compared with what was authorised, all the time: anything else raises an alarm within 5 s."""

import ctypes
import itertools
import os
import socket
import struct
import time

import pytest
from marker import GET, OBJ_GET, bpf
from rig import dtcp, lab_command, udp_packet, until
from test_audit import head, since

UPDATE, PROG_LOAD, LINK_CREATE, PROG_NEXT, PROG_FD = 2, 5, 28, 11, 13
INFO, TCX_INGRESS, SOCKET_FILTER = 15, 46, 1
ACTIVE, DEAD = 2, 3
CRIT = struct.Struct("=QIIII2I4Q")
WITHIN = 5.0


def ok(result):
    assert result >= 0, os.strerror(ctypes.get_errno())
    return result


class Table:
    """A map of the router's daemon, as root has it by its pin."""

    def __init__(self, rig, name, size):
        path = ctypes.create_string_buffer(f"/proc/{rig.info['init']}/root/run/flowtap/bpf/maps/{name}".encode())
        self.fd, self.size = ok(bpf(OBJ_GET, struct.pack("=QI", ctypes.addressof(path), 0))), size

    def call(self, cmd, index, value):
        key = ctypes.create_string_buffer(struct.pack("=I", index), 4)
        ok(bpf(cmd, struct.pack("=IIQQQ", self.fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0)))

    def get(self, index):
        value = ctypes.create_string_buffer(self.size)
        self.call(GET, index, value)
        return value.raw

    def set(self, index, data):
        self.call(UPDATE, index, ctypes.create_string_buffer(data, self.size))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def alarm(rig, mark, says):
    """The alarm's line, and that it was in time."""
    begin = time.monotonic()
    found = until(says, lambda: [x for x in since(rig, mark) if x["kind"] == "alarm" and says in x["reason"]], 20)
    assert time.monotonic() - begin < WITHIN
    with open(rig.info["logs"] + "/flowtapd.log") as f:
        assert "ALARM: " + found[0]["reason"] in f.read()


def test_foreign_criterion(rig):
    mark = head(rig)
    with Table(rig, "ft_crit", CRIT.size) as crit:
        crit.set(777, CRIT.pack(99, ACTIVE, 1, 0, 0, 0, 0, 0, 0, 0, 0))
        alarm(rig, mark, "a criterion that nobody authorised")
        assert CRIT.unpack(crit.get(777))[1] == DEAD
        crit.set(777, bytes(CRIT.size))


def active(crit):
    """Index of the only active criterion: places are given anew in turn, so it is behind all that earlier tests used."""
    return next(i for i in itertools.count(1) if CRIT.unpack(crit.get(i))[1] == ACTIVE)


def test_foreign_term(rig):
    """Somebody widens a criterion that is authorised."""
    mark = head(rig)
    with rig.session() as s, Table(rig, "ft_crit", CRIT.size) as crit, Table(rig, "ft_term4", 48) as term:
        s.add(source_address="198.51.100.1", **rig.destination(rig.port()))
        c = active(crit)
        own = term.get(CRIT.unpack(crit.get(c))[3])
        term.set(999, own)
        alarm(rig, mark, "a filter that nobody authorised")
        assert struct.unpack_from("=II", term.get(999))[1] == 0
        term.set(999, bytes(48))


def test_content_led_elsewhere(rig):
    """Somebody changes where an agency's copies go: it is found, and put right."""
    mark, port, wrong = head(rig), rig.port(), rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, b"target")
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.receiver("mediation", wrong) as other, \
            rig.injector("subscriber") as inject, Table(rig, "ft_crit", CRIT.size) as crit, \
            Table(rig, "ft_dest", 64) as dest:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        inject(packet)
        content.wait(1)
        d = CRIT.unpack(crit.get(active(crit)))[5]
        raw = bytearray(dest.get(d))
        assert raw[34:36] == port.to_bytes(2, "big")
        raw[34:36] = wrong.to_bytes(2, "big")
        dest.set(d, bytes(raw))
        inject(packet)
        other.wait(1)
        alarm(rig, mark, "a criterion was changed in the kernel")

        def right_again():
            inject(packet)
            return len(content.got) > 1
        until("the right destination", right_again)
        assert len(s.ask("LIST").entries()) == 1


def test_program_on_our_tables(rig):
    """A program that uses our maps and is not ours, wherever it is attached or not."""
    mark = head(rig)
    with Table(rig, "ft_crit", CRIT.size) as crit:
        code = struct.pack("=BBhiBBhi", 0x18, 0x11, 0, crit.fd, 0, 0, 0, 0)  # r1 = map
        code += struct.pack("=BBhi", 0xb7, 0, 0, 0) + struct.pack("=BBhi", 0x95, 0, 0, 0)  # return 0
        insns, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
        fd = ok(bpf(PROG_LOAD, struct.pack("=IIQQIIQII16s", SOCKET_FILTER, len(code) // 8, ctypes.addressof(insns),
                                           ctypes.addressof(licence), 0, 0, 0, 0, 0, b"quiet")))
        try:
            alarm(rig, mark, "uses our tables: quiet")
        finally:
            os.close(fd)


def our_ingress(rig):
    """A descriptor of the router's own tap_ingress: the one whose link is on its interface."""
    folder = f"/proc/{rig.info['init']}/root/run/flowtap/bpf/links"
    path = ctypes.create_string_buffer(f"{folder}/{sorted(os.listdir(folder))[0]}".encode())
    link = ok(bpf(OBJ_GET, struct.pack("=QI", ctypes.addressof(path), 0)))
    info = ctypes.create_string_buffer(128)
    ok(bpf(INFO, struct.pack("=IIQ", link, 128, ctypes.addressof(info))))
    os.close(link)
    return ok(bpf(PROG_FD, struct.pack("=III", struct.unpack_from("=3I", info.raw)[2], 0, 0)))


def test_our_program_where_it_does_not_belong(rig):
    if rig.show()["attach"] != "tcx":
        pytest.skip("without tcx there are no links to look at")
    mark = head(rig)
    prog = our_ingress(rig)

    def attach():
        index = socket.if_nametoindex("lo")
        return ok(bpf(LINK_CREATE, struct.pack("=IIIIIIQ", prog, index, TCX_INGRESS, 0, 0, 0, 0)))

    link = rig.inside("router", attach)
    try:
        alarm(rig, mark, "attached where nobody authorised it")
    finally:
        os.close(link)
        os.close(prog)


def test_no_alarm_without_cause(rig):
    """Adding, deleting, ending, restarting and reloading are no reason."""
    mark = head(rig)
    lab_command("restart", "--name", rig.name)
    lab_command("reload", "--name", rig.name)
    with rig.session() as s:
        for i in range(300):
            s.add(source_address=f"198.51.{i // 250}.{i % 250 + 1}", **rig.destination(7000))
        s.ask("ADD", *[x for x in dtcp.add_lines(source_address="1.2.3.4", **rig.destination(7000))
                       if not x.startswith("Flags")], "Timeout-Total: 1")
        until("its end", lambda: len(s.ask("LIST").entries()) == 300)
        s.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC")
        first = s.add(source_address="198.51.100.1", **rig.destination(7000))
        s.ask("REFRESH", f"Criteria-ID: {first}", "Timeout-Total: 100")
    begin = time.monotonic()
    until("two rounds of looking", lambda: time.monotonic() > begin + 9, 20)
    assert not [x for x in since(rig, mark) if x["kind"] == "alarm"]
