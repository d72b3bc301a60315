# SPDX-License-Identifier: BSD-2-Clause
"""A number that is another's now: what it permitted is over whatever the disk does, and that is no commit, which somebody
waits to confirm, or made a candidate against."""

import contextlib
import os
import pathlib
import re

import pytest
import rawctl
from rig import dtcp, lab_command, until
from test_audit import flowtap
from test_commit import conf  # noqa: F401
from test_full_disk import disk_rig, fill_up, prove, raised, record, remount  # noqa: F401
from test_limits import limit, opened  # noqa: F401
from test_users_change import AUDITORS, knocks, table  # noqa: F401
from test_warrant import order

ANOTHER = "1900300007"
SOON = 6  # seconds: the tables are looked at once a second, and a look-up takes a moment


def number(rig, name, of="passwd"):
    return next(x.split(":")[2] for x in rig.router("cat", f"/etc/{of}").splitlines() if x.startswith(name + ":"))


@contextlib.contextmanager
def edited(rig, name, pattern, text):
    path = pathlib.Path(f"/proc/{rig.info['init']}/root/etc/{name}")
    old = path.read_text()
    changed, n = re.subn(pattern, text, old, flags=re.M)
    assert n == 1
    path.write_text(changed)
    try:
        yield
    finally:
        path.write_text(old)


def log(rig):
    with open(rig.info["logs"] + "/flowtapd.log") as f:
        return f.read()


def commits(rig):
    return [x for x in record(rig) if x["kind"] in ("commit", "config")]


def moved(table):
    table("passwd", "^lea2:([^:]*):[0-9]*:", rf"lea2:\g<1>:{ANOTHER}:")


def alarms(conf):
    return [x for x in conf.ask("show", "system", "alarms")["alarms"] if x["kind"] == "agency-without-user"]


def noticed(rig, who=ANOTHER):
    until("it is noticed", lambda: knocks(rig, who, "agency lea2: session opened"), SOON)


# ---- a full disk ----

def test_an_agencys_number_on_a_full_disk(disk_rig, tmp_path):  # noqa: F811
    """Whoever has it now is nobody, the agency's session ends; the line of it is on record once there is room."""
    rig, disk = disk_rig
    was = number(rig, "lea2")
    with rig.session("lea2") as s, rig.session() as other:
        assert s.ask("NOOP").code == other.ask("NOOP").code == 200
        before = commits(rig)
        fill_up(rig, disk)
        with edited(rig, "passwd", "^lea2:", "nagios:"):
            until("nobody is let in", lambda: knocks(rig, was, "session refused: the user is no agency"), SOON)
            with pytest.raises(dtcp.Silence):
                s.ask("NOOP")
            assert other.ask("NOOP").code == 200, "others' sessions stay"
        until("lea2 is back", lambda: rig.answered("lea2"), SOON + 60)
        assert raised(rig, "disk-full") and "configuration not applied" not in log(rig)
    os.unlink(disk / "ballast")
    remount(disk, "size=8m")

    def lines():
        return [x["reason"] for x in record(rig) if x["kind"] == "number" and x["agency"] == "lea2"]
    until("both are on record", lambda: lines() == [f"user lea2: none, was number {was}",
                                                    f"user lea2: number {was}, was none"], 30)
    assert commits(rig) == before
    prove(rig, tmp_path)


def test_the_officers_number_on_a_full_disk(disk_rig):  # noqa: F811
    """Who has it now revokes nothing."""
    rig, disk = disk_rig
    order(rig, "W-9", agency="lea2")
    was = number(rig, "flowtap-warrant", "group")

    def shown():
        return lab_command("exec", "--name", rig.name, "router", "setpriv", "--reuid=65534", f"--regid={was}",
                           "--clear-groups", "flowtap", "warrant", "show", check=False).returncode == 0
    assert shown()
    fill_up(rig, disk)
    with edited(rig, "group", "^flowtap-warrant:", "webteam:"):
        until("not any more", lambda: not shown(), SOON)
        r = lab_command("exec", "--name", rig.name, "router", "setpriv", "--reuid=65534", f"--regid={was}",
                        "--clear-groups", "flowtap", "warrant", "revoke", "lea2", "W-9", check=False)
        assert r.returncode != 0
    os.unlink(disk / "ballast")
    remount(disk, "size=8m")
    until("it is over", lambda: not raised(rig, "disk-full"), 30)
    assert not [x for x in record(rig) if x["kind"] == "warrant-revoked"]


# ---- no commit ----

def test_a_number_confirms_nothing(rig, conf, table):  # noqa: F811
    """It is in no history, shifts no number of it, and the commit still waits for somebody who confirms it."""
    before, lines = conf.active(), None
    conf.commit(conf.with_limit(11), "--confirmed", "1")
    lines, history = commits(rig), conf.ask("show", "system", "commit")["commits"]
    moved(table)
    noticed(rig)
    after = conf.ask("show", "system", "commit")
    assert "confirm-within-seconds" in after and after["commits"] == history
    assert commits(rig) == lines
    assert record(rig)[-1]["kind"] != "commit"
    until("its time goes on", lambda: conf.ask("show", "system", "commit")["confirm-within-seconds"] <
          after["confirm-within-seconds"])
    conf.flowtap("commit")
    conf.flowtap("rollback", "1")
    assert conf.active()["text"] == before["text"]


def test_a_candidate_is_as_good_as_before(rig, conf, table):  # noqa: F811
    base = conf.active()["generation"]
    moved(table)
    noticed(rig)
    assert conf.active()["generation"] == base
    conf.commit(conf.with_limit(12), "--base", str(base))
    conf.flowtap("rollback", "1")


def test_a_file_that_is_the_same_confirms_nothing(rig, conf):  # noqa: F811
    """It is read again; nothing is applied, kept or confirmed."""
    conf.commit(conf.with_limit(13), "--confirmed", "1")
    lines, history = commits(rig), conf.ask("show", "system", "commit")["commits"]
    conf.flowtap("request", "system", "configuration", "reload")
    after = conf.ask("show", "system", "commit")
    assert "confirm-within-seconds" in after and after["commits"] == history
    assert commits(rig) == lines
    conf.flowtap("commit")
    conf.flowtap("rollback", "1")


# ---- what belongs to whom ----

def test_a_new_number_begins_no_new_minute(rig, limit, table):  # noqa: F811
    """Sessions within a minute are the agency's, not its number's: two that swap theirs swap nothing else."""
    lab_command("restart", "--name", rig.name)
    one, two = number(rig, "lea1"), number(rig, "lea2")
    with contextlib.ExitStack() as stack:
        assert [opened(rig, stack, "lea2") for _ in range(3)] == [True] * 3
        limit("rate-limit 3;")
        assert not opened(rig, stack, "lea2")
    path = pathlib.Path(f"/proc/{rig.info['init']}/root/etc/passwd")
    text = path.read_text().replace(f"lea1:x:{one}:", "lea1:x:@:").replace(f"lea2:x:{two}:", f"lea2:x:{one}:")
    path.write_text(text.replace("lea1:x:@:", f"lea1:x:{two}:"))
    until("lea1 has lea2's", lambda: knocks(rig, two, "agency lea1: session opened"), SOON)
    assert not knocks(rig, one, "agency lea2: session opened"), "lea2 has used up its minute"
    limit("")


def test_an_open_connection_of_a_lost_group(rig, table):  # noqa: F811
    """An auditor's connection is one no longer when the group's number is another's."""
    was = int(number(rig, AUDITORS, "group"))
    os.setegid(was)
    try:
        s = rawctl.connect(rig, 65534)
    finally:
        os.setegid(0)
    with s:
        s.sendall(rawctl.frame("audit head"))
        assert rawctl.answer(s)[0] != rawctl.ERROR
        table("group", f"^{AUDITORS}:", "webteam:")

        def refused():
            s.sendall(rawctl.frame("audit head"))
            return rawctl.answer(s)[0] == rawctl.ERROR
        until("not any more", refused, SOON)


def test_an_agency_without_user_is_an_alarm(rig, conf, table):  # noqa: F811
    """It says what to do, and is over when there is one; another agency hears nothing of it."""
    with rig.session() as other:
        other.ask("NOOP")
        table("passwd", "^lea2:", "nagios:")
        said = until("the alarm", lambda: alarms(conf), 15)[0]["text"]
        assert "agency lea2" in said and "useradd(8)" in said
        reply = other.ask("LIST", "Criteria-ID: *")
        assert "lea2" not in str(reply)
    table("passwd", "^lea2:", "lea2:")
    until("it is over", lambda: not alarms(conf), 15)
