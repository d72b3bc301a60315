# SPDX-License-Identifier: BSD-2-Clause
"""State databases that this release can't use: said in words, nothing changed, and every tap can still be ended."""

import os
import struct

import pytest
from rig import TREE, lab_command, udp_packet, until
from test_keys import Log, service, state_path
from test_lifecycle import listing


OFFSET = {"user_version": 60, "application_id": 68}


def pragma(path, name, value=None):
    """A number in the head of a database that nobody has open; set if value is given."""
    with open(path, "r+b") as f:
        f.seek(OFFSET[name])
        before, = struct.unpack(">i", f.read(4))
        if value is not None:
            f.seek(OFFSET[name])
            f.write(struct.pack(">i", value))
    return before


FOREIGN = {
    "newer": ("user_version", lambda v: v + 1, "is of a later release: schema {new}, made by flowtap"),
    "older than any release": ("user_version", lambda v: 4, "is from before the first release: schema 4"),
    "another program's": ("application_id", lambda v: 77, "is not a database of flowtap's"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_foreign_state(rig, what):
    name, change, said = FOREIGN[what]
    path, port = state_path(rig, "state.db"), rig.port()
    packets = [udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"%d" % i) for i in range(4)]
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as up:
        with rig.session() as s:
            s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
            before = listing(s)
        service(rig, "stop")
        until("the daemon's end", lambda: not rig.processes()["parent"])
        try:
            was = pragma(path, name)
            pragma(path, name, change(was))
            with open(path, "rb") as f:
                bytes_before = f.read()
            log = Log(rig)
            service(rig, "start")
            log.wait(said.format(new=was + 1))
            assert "`flowtapd --remove` ends every tap" in log.text()
            until("the daemon's end", lambda: not rig.processes()["parent"])
            again = Log(rig)
            service(rig, "start")
            again.wait("starts in a row have failed")
            assert "state.db" not in again.text(), "what was said is not said again"
            until("the daemon's end", lambda: not rig.processes()["parent"])
            up(packets[0])
            assert content.wait(1) == packets[:1], "the kernel goes on"
            with open(path, "rb") as f:
                assert f.read() == bytes_before
            if what == "newer":
                # Neither this file nor a configuration that can be read is needed to end all.
                r = lab_command("exec", "--name", rig.name, "router", "flowtapd", "--remove", "-f", "/nonexistent")
                assert "taps are removed all the same" in r.stderr
                assert not os.path.exists(f"/proc/{rig.info['init']}/root/run/flowtap/bpf/maps")
                up(packets[1])
        finally:
            service(rig, "stop")
            pragma(path, name, was)
            lab_command("restart", "--name", rig.name)
        with rig.session() as s:
            assert listing(s) == before
        up(packets[2])
        content.wait(2)
        assert content.got == [packets[0], packets[2]]


def test_upgrade_can_be_undone(rig, tmp_path):
    """The database of the first release: its copy shows no target, and --undo-upgrade puts it back."""
    names = "state.db", "machine-key"
    paths = {x: state_path(rig, x) for x in names}
    copy = paths["state.db"] + ".before-upgrade"
    lab_command("stop", "--name", rig.name)
    stat = {x: os.stat(paths[x]) for x in names}
    kept = {}
    for x in names:
        with open(paths[x], "rb") as f:
            kept[x] = f.read()

    def put(name, data):
        with open(paths[name], "wb") as f:
            f.write(data)
        os.chown(paths[name], stat[name].st_uid, stat[name].st_gid)

    try:
        put("machine-key", b"the machine key of all fixtures.".hex().encode() + b"\n")
        with open(TREE + "/tests/unit/schemas/5.db", "rb") as f:
            first = f.read()
        put("state.db", first)
        assert b"172.29.201.17" in first
        log = Log(rig)
        service(rig, "start")
        log.wait("audit record")  # its lines are no lines of a record: it starts no further
        until("the daemon's end", lambda: not rig.processes()["parent"])
        assert pragma(paths["state.db"], "user_version") > 5
        with open(copy, "rb") as f:
            assert b"172.29" not in f.read()
        assert os.stat(copy).st_mode & 0o777 == 0o600
        service(rig, "stop")
        r = lab_command("exec", "--name", rig.name, "router", "flowtapd", "--undo-upgrade")
        assert "is as the former release left it" in r.stdout
        assert pragma(paths["state.db"], "user_version") == 5 and not os.path.exists(copy)
        r = lab_command("exec", "--name", rig.name, "router", "flowtapd", "--undo-upgrade", check=False)
        assert r.returncode == 1 and "there is no copy" in r.stderr
    finally:
        service(rig, "stop")
        for x in names:
            put(x, kept[x])
        for suffix in "-wal", "-shm", ".before-upgrade":
            if os.path.exists(paths["state.db"] + suffix):
                os.unlink(paths["state.db"] + suffix)
        lab_command("restart", "--name", rig.name)
    assert rig.answered()
