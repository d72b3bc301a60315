# SPDX-License-Identifier: BSD-2-Clause
"""Alarms call the operator's hook: what it is told, as whom it runs, and that it can hold nobody up."""

import json
import os
import time

import pytest
import rig as rigs
from rig import until

HOOK = """#!/bin/sh
out=$(mktemp /tmp/alarm.XXXXXX)
{ cat; env | grep ^FLOWTAP_ | sort; grep -E '^(Uid|Groups|CapEff|CapBnd|NoNewPrivs)' /proc/self/status; ls -l /proc/self/fd; } >$out
chmod 644 $out
mv $out /tmp/$FLOWTAP_EVENT.$FLOWTAP_SEVERITY
echo noise; echo noise >&2
test ! -e /tmp/hang || { sleep 1000 & sleep 1001; }
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    extra = tmp_path_factory.mktemp("hook") / "extra"
    name = rigs.lab_name("hook")
    extra.write_text(f'alarm-hook "/run/ftlab/{name}/hook.sh";\n')
    rig = rigs.Rig(name, "--conf-extra", str(extra))
    with open(rig.info["dir"] + "/hook.sh", "w") as f:
        f.write(HOOK)
    os.chmod(f.name, 0o755)
    yield rig
    rig.down()


def said(rig, name):
    try:
        with open(f"/proc/{rig.info['init']}/root/tmp/{name}") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return None


def unreachable(rig, port):
    """A content destination whose next hop is silent, and a packet for it."""
    silent = rig.addr("mediation").rsplit(".", 1)[0] + ".77"
    s = rig.session()
    s.add(cdest="silent", source_address=rig.addr("subscriber"), to=(silent, port), src=(rig.addr("router"), 49153))
    with rig.udp("subscriber") as u:
        u.sendto(b"x", (rig.addr("internet"), 9))
    return s


def events(rig):
    return json.loads(rig.router("flowtap", "-j", "show", "services", "flow-tap", "events"))["events"]


def test_alarm_and_its_end(box):
    with unreachable(box, 7201):
        lines = until("the alarm", lambda: said(box, "destination-unreachable.alarm"))
        until("it is shown", lambda: [x for x in events(box) if (x["kind"], x["severity"]) == (
            "destination-unreachable", "alarm")])
        box.forget_all()
    until("the end of it", lambda: said(box, "destination-unreachable.cleared"))
    told = json.loads(lines[0])
    assert (told["event"], told["severity"], told["lost"]) == ("destination-unreachable", "alarm", 0)
    env = dict(x.split("=", 1) for x in lines[1:] if x.startswith("FLOWTAP_"))
    assert set(env) == {"FLOWTAP_" + x for x in ("NUMBER", "TIME", "SEVERITY", "EVENT", "TEXT", "LOST")}
    assert env["FLOWTAP_TEXT"] == told["text"] and env["FLOWTAP_NUMBER"] == str(told["number"])
    assert box.addr("subscriber") not in "\n".join(lines), "no target"


def test_without_power_and_descriptors(box):
    lines = said(box, "destination-unreachable.alarm")
    status = dict(x.split(":\t", 1) for x in lines if ":\t" in x)
    uid = box.router("id", "-u", "_flowtap-hook").strip()
    assert status["Uid"].split() == [uid] * 4 and status["Groups"].strip() in ("", uid)
    assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"] == "1"
    links = [x.split(" -> ")[1] for x in lines if " -> " in x]
    strange = [x for x in links if not x.startswith(("pipe:", "/dev/null", "/proc/", "/tmp/alarm."))]
    assert links and not strange


def hook_children(box):
    found = []
    for pid in rigs.net.pids(box.ns("router")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f.read().startswith(b"sleep\x00100"):
                    found.append(pid)
        except OSError:
            pass
    return found


def test_a_hook_that_hangs_holds_nobody_up(box):
    """It is killed after ten seconds, with what it started; meanwhile all goes on, and then comes the next event."""
    os.unlink(f"/proc/{box.info['init']}/root/tmp/destination-unreachable.alarm")
    os.unlink(f"/proc/{box.info['init']}/root/tmp/destination-unreachable.cleared")
    box.router("touch", "/tmp/hang")
    with unreachable(box, 7202):
        until("the alarm", lambda: said(box, "destination-unreachable.alarm"))
        until("it hangs", lambda: len(hook_children(box)) == 2)
        begin = time.monotonic()
        box.forget_all()
        assert box.answered()
        until("the end of the alarm", lambda: events(box)[-1]["severity"] == "cleared"
              or [x for x in events(box)[-12:] if x["severity"] == "cleared"])
        assert time.monotonic() - begin < 9
    box.router("rm", "/tmp/hang")
    until("the next event", lambda: said(box, "destination-unreachable.cleared"), 15)
    until("nothing is left of it", lambda: not hook_children(box))


def test_only_what_is_roots_is_run(box):
    path = box.info["dir"] + "/hook.sh"
    os.chmod(path, 0o757)
    os.unlink(f"/proc/{box.info['init']}/root/tmp/destination-unreachable.alarm")
    log = box.info["logs"] + "/flowtapd.log"
    with unreachable(box, 7203):
        until("refused", lambda: "only root can change" in open(log).read())
        assert said(box, "destination-unreachable.alarm") is None
        box.forget_all()
    os.chmod(path, 0o755)
