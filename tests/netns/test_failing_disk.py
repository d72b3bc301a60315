# SPDX-License-Identifier: BSD-2-Clause
"""A disk that answers EIO for good: what ends taps works, the daemon stays, and all is put right when it works again."""

import collections
import os
import shutil
import subprocess

import pytest
from rig import Rig, dtcp, lab_command, lab_name, until
from test_full_disk import Tap, ask_gone, copied, prove, raised, record, state


class Disk:
    """A file system on a loop device whose file can't be written: the device says EIO.

    What was read or written before is in the kernel's memory, as of a real disk that dies."""

    def __init__(self, path):
        self.base, self.mount = path / "base", path / "disk"
        self.base.mkdir()
        self.mount.mkdir()
        self.image, self.kept, self.ballast = self.base / "image", path / "kept", self.base / "ballast"
        self.device = None
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", self.base], check=True)
        self.image.touch()
        os.truncate(self.image, 40 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", self.image], check=True)
        argv = ["losetup", "-f", "--show", self.image]
        r = subprocess.run(argv, check=False, capture_output=True, text=True)
        if r.returncode:
            self.close()
            pytest.skip(f"no loop device to be had here: {r.stderr.strip()}")
        self.device = r.stdout.strip()
        subprocess.run(["mount", "-o", "errors=continue", self.device, self.mount], check=True)
        os.chmod(self.mount, 0o711)

    def fail(self):
        """No block of it can be written any more."""
        os.sync()
        shutil.copyfile(self.image, self.kept)
        os.truncate(self.image, 0)
        with open(self.ballast, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass

    def work(self):
        os.unlink(self.ballast)
        with open(self.kept, "rb") as old, open(self.image, "r+b") as new:
            shutil.copyfileobj(old, new, 1 << 20)

    def close(self):
        if self.device:
            subprocess.run(["umount", "-l", self.mount], check=False)
            subprocess.run(["losetup", "-d", self.device], check=False)
        subprocess.run(["umount", "-l", self.base], check=False)


@pytest.fixture
def failing_rig(tmp_path, request):
    os.chmod(tmp_path, 0o711)
    disk, lab = Disk(tmp_path), None
    try:
        (disk.mount / "state").mkdir()
        lab = Rig(lab_name("pytest-eio"), "--state", str(disk.mount / "state"))
        request.node.rig, request.node.log_sizes = lab, collections.Counter()
        yield lab, disk
    finally:
        if lab:
            lab.down()
        disk.close()


def refused(session, rig, port):
    lines = dtcp.add_lines(source_address="198.51.100.9", **rig.destination(port))
    return session.ask("ADD", *lines)


def gone(rig, number):
    """A DELETE, by new sessions if it has to be: a process that can't know what the disk has answers nobody."""

    def once():
        try:
            with rig.session() as s:
                return ask_gone(s, number) in (200, 431)
        except dtcp.Silence:
            return False

    until("the DELETE", once, 20)


def test_taps_end_on_a_disk_that_fails(failing_rig, tmp_path):
    """At most one start is made for it; ADDs are refused with the reason, DELETEs work, over a restart, too."""
    rig, disk = failing_rig
    port = rig.port()
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        taps = [Tap(rig, f"198.51.100.{i}", content, inject) for i in range(101, 106)]
        with rig.session() as s:
            ids = [s.add(source_address=t.host, **rig.destination(port)) for t in taps]
        starts = rig.services()["flowtapd"]["starts"]
        disk.fail()
        gone(rig, ids[0])
        until("the alarm", lambda: raised(rig, "disk-full"), 10)
        assert state(rig)["disk"]["state"] == "failing"
        assert not copied(taps[0], taps[4]) and copied(taps[1], taps[4])
        with rig.session() as s:
            reply = refused(s, rig, port)
            assert reply.code == 500 and "fails" in reply.get("X-REASON"), reply
            assert ask_gone(s, ids[1]) == 200
            assert ask_gone(s, ids[1]) == 431, "it is gone for whoever asks again"
            assert not copied(taps[1], taps[4])
        assert rig.services()["flowtapd"]["starts"] <= starts + 1, "it starts again and again"
        lab_command("restart", "--name", rig.name)
        assert not copied(taps[0], taps[4]) and not copied(taps[1], taps[4]) and copied(taps[2], taps[4])
        with rig.session() as s:
            assert ask_gone(s, ids[2]) == 200
        assert not copied(taps[2], taps[4])
        disk.work()
        until("the end of the alarm", lambda: state(rig)["disk"]["state"] in ("ok", "nearly-full"), 15)
        until("what is owed", lambda: state(rig)["disk"]["lines-owed"] == 0, 15)
        with rig.session() as s:
            assert [x["CRITERIA-ID"] for x in s.ask("LIST").entries()] == [str(ids[3]), str(ids[4])]
            s.add(source_address="198.51.100.9", **rig.destination(port))
            assert copied(Tap(rig, "198.51.100.9", content, inject), taps[4])
    lines = [x for x in record(rig) if x["kind"] == "delete" and x["code"] == 200 and "ids" in x]
    assert [x["ids"] for x in lines] == [str(x) for x in ids[:3]]
    prove(rig, tmp_path)
