# SPDX-License-Identifier: BSD-2-Clause
"""What is owed while the disk takes nothing: one agency's long words leave no other's end, and no officer's revocation,
without a file, so that a restart undoes none of them."""

import json
import os
import subprocess

from rig import dtcp, lab_command, until
from test_full_disk import Tap, copied, disk_rig, fill_up, prove, record, remount, state  # noqa: F401
from test_warrant import ALICE, officer, order

CRITERIA = 120
MIB = 1 << 20


def run_directory(rig, *argv):
    """A command where the daemon's /run is."""
    argv = ["nsenter", "-t", str(rig.info["init"]), "--mount", "--", *argv]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def used(rig):
    return int(run_directory(rig, "df", "-B1", "--output=used", "/run").split()[-1])


def delete(number, words):
    notes = (f"X-Note-{i}: " + "y" * 900 for i in range(words))
    return dtcp.request("DELETE", "lea1", 1, f"Criteria-ID: {number}", "Flags: STATIC", *notes)


def flood(rig, s, ids, leave):
    """Deletes each with words of 65 KB, in a run directory with little room, and then with fewer words, which still fit."""
    size = (used(rig) + leave) // 4096 * 4 + 4
    run_directory(rig, "mount", "-o", f"remount,size={size}k", "/run")
    for i, number in enumerate(ids):
        s.send(delete(number, 68 if i < 60 else 10 if i < 75 else 2 if i < 90 else 0))
        assert s.receive().code == 200


def test_one_agencys_words_undo_nobodys_end(disk_rig, tmp_path):  # noqa: F811
    rig, disk = disk_rig
    port = rig.port()
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        deleted, revoked, last = (Tap(rig, f"198.51.100.{i}", content, inject) for i in (201, 202, 203))
        order(rig, "W-9", agency="lea2")
        with rig.session() as s, rig.session("lea2") as other:
            ids = [s.add(source_address=f"198.51.100.{i + 1}", **rig.destination(7000 + i)) for i in range(CRITERIA)]
            mine = other.add(source_address=deleted.host, **rig.destination(port))
            lines = dtcp.add_lines(source_address=revoked.host, **rig.destination(port))
            assert other.ask("ADD", *lines, "X-Warrant-Id: W-9").code == 200
            other.add(source_address=last.host, **rig.destination(port))
            assert copied(deleted, last) and copied(revoked, last)
            fill_up(rig, disk)
            flood(rig, s, ids, MIB)
            run_directory(rig, "sh", "-c", "cat /dev/zero >/run/ballast 2>/dev/null || :")
            assert other.ask("DELETE", f"Criteria-ID: {mine}", "Flags: STATIC").code == 200
            officer(rig, ALICE, "revoke", "lea2", "W-9")
            assert not copied(deleted, last) and not copied(revoked, last)
        lab_command("restart", "--name", rig.name)
        assert not copied(deleted, last), "an end was undone"
        assert not copied(revoked, last), "a revocation was undone"
        assert {x["agency"]: x["criteria"] for x in state(rig)["agencies"]}["lea1"] == 0
        run_directory(rig, "rm", "/run/ballast")
        os.unlink(disk / "ballast")
        remount(disk, "size=8m")
        until("what is owed", lambda: state(rig)["disk"]["lines-owed"] == 0, 30)
        assert not copied(deleted, last) and not copied(revoked, last)
        assert "revoked" in officer(rig, ALICE, "show").stdout
        with rig.session("lea2") as other:
            assert len(other.ask("LIST").entries()) == 1
    told = record(rig)
    assert [x["ids"] for x in told if x.get("agency") == "lea2" and x["kind"] in ("delete", "ended")] == [str(mine)]
    assert [x["warrant"] for x in told if x["kind"] == "warrant-revoked"] == ["W-9"]
    assert all("SHA-256" in x["reason"] for x in told if x["kind"] == "delete" and "request" not in x)
    prove(rig, tmp_path)


def test_no_room_is_an_alarm(disk_rig):  # noqa: F811
    """Where the room for ends can't be had at a start, it is said."""
    rig, _ = disk_rig
    lab_command("stop", "--name", rig.name)
    run_directory(rig, "rm", "-f", "/run/flowtap/ended")
    run_directory(rig, "sh", "-c", "mount -o remount,size=$(($(df -k --output=used /run | tail -1) + 200))k /run")
    lab_command("start", "--name", rig.name)
    events = json.loads(rig.router("flowtap", "-j", "show", "services", "flow-tap", "events"))["events"]
    assert any(x["severity"] == "alarm" and "run directory has no room" in x["text"] for x in events)
