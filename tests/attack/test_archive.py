# SPDX-License-Identifier: BSD-2-Clause
"""What has left the record: only what was proved, only when it is old enough, and what is left proves the warrants."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time

import pytest
from rig import BIN, lab_command, until
from test_audit import export, flowtap, head
from test_clock import tap, wall  # noqa: F401
from test_commit import Conf
from test_warrant import BOB, officer, order, printed, strict, text  # noqa: F401
from test_warrant_rows import database, rows, states
from test_warrant_signed import approve as to_be_approved
from test_warrant_signed import enter as to_be_entered
from test_warrant_signed import people, signed, to_approve, to_enter  # noqa: F401

DAY = 86400
MANY = 700  # lines: more than are deleted at once


def asked(rig, sql):
    with contextlib.closing(sqlite3.connect(rig.info["dir"] + "/state/state.db", timeout=10)) as db, db:
        return db.execute(sql).fetchone()


def archive(rig, known):
    r = flowtap(rig, "audit", "archive", known, check=False)
    return r.returncode, (r.stdout + r.stderr).strip()


def verified(key, *argv):
    r = subprocess.run([f"{BIN}/src/flowtap/flowtap", "audit", "verify", "--key", key, *map(str, argv)],
                       capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout


def known(line):
    return f"{line['n']}:{line['hash']}"


def retention(rig, days):
    conf = Conf(rig)
    text = conf.active()["text"]
    line = f" audit {{ retention {days}; }}" if days else ""
    head, _, rest = text.partition("flow-tap {")
    assert "audit" not in rest or "retention" in rest
    rest = "\n".join(x for x in rest.splitlines() if "retention" not in x)
    conf.commit(f"{head}flow-tap {{{line}\n{rest}\n")


def long_ago(rig, wall):  # noqa: F811
    wall.set(-3 * DAY)
    lab_command("restart", "--name", rig.name)
    officer(rig, BOB, "accept-clock", check=False)


def of_today(rig, wall):  # noqa: F811
    """The last line of long ago."""
    last = head(rig)
    wall.set(0)
    lab_command("restart", "--name", rig.name)  # with a checkpoint of today
    return next(x for x in map(json.loads, export(rig, last["n"]).splitlines()))


def leaves(rig, old):
    """What there is up to this line."""
    retention(rig, 2)
    assert archive(rig, known(old))[0] == 0
    until("they are deleted", lambda: asked(rig, "SELECT min(n) FROM audit") == (old["n"] + 1,), 20)


@pytest.fixture
def old(rig, wall, strict, tap):  # noqa: F811
    """Some hundred lines and a warrant of three days ago; what comes then is of today."""
    long_ago(rig, wall)
    order(rig, strict, start=-5 * DAY, end=int(time.time()) + DAY)
    assert tap.add()[0] == 200
    with rig.session("lea2") as s:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(tap.port))
        for _ in range(MANY):
            assert s.ask("LIST").code == 200
    assert tap.copied()
    yield of_today(rig, wall)
    for ref in strict, strict + "-new":
        officer(rig, BOB, "revoke", "lea1", ref, check=False)
    rig.forget_all()


def test_the_record_becomes_shorter(rig, old, tap, tmp_path):  # noqa: F811
    whole, key = export(rig), head(rig)["key"]
    n = old["n"]
    # ---- who asks for what may not go ----
    assert archive(rig, known(old)) == (1, 'flowtap: nothing leaves the record: no "audit retention" is configured')
    retention(rig, 2)
    assert archive(rig, f"{n}:{'0' * 64}")[0] == 1
    assert "another hash" in archive(rig, f"{n}:{'0' * 64}")[1]
    assert archive(rig, "7")[0] == 2
    young = json.loads(export(rig).splitlines()[-1])
    code, why = archive(rig, known(young))
    assert code == 1 and "2 days: the last that may go is line" in why
    assert flowtap(rig, "audit", "archive", known(old), user=("--reuid", "lea1"), check=False).returncode != 0
    assert export(rig).startswith(whole), "nothing has gone"
    # ---- what may ----
    assert archive(rig, known(old)) == (0, f"lines up to {n} have left the record")
    until("they are deleted", lambda: asked(rig, "SELECT min(n) FROM audit") == (n + 1,), 20)
    rest = export(rig)
    assert json.loads(rest.splitlines()[0])["n"] == n + 1 and head(rig)["archived"] == n
    told = [x for x in map(json.loads, rest.splitlines()) if x["kind"] == "archived"]
    assert [x["reason"] for x in told] == [f"lines 1 to {n}, the last with the hash {old['hash']}, have left the record"]
    assert "left the record already" in archive(rig, known(old))[1]
    # ---- and what it proves ----
    first, second = tmp_path / "one", tmp_path / "two"
    first.write_text("".join(x + "\n" for x in whole.splitlines()[:n]))
    second.write_text(rest)
    assert verified(key, first, second)[0] == 0
    assert verified(key, second)[0] == 1
    assert verified(key, "--begin", known(old), second)[0] == 0
    assert verified(key, "--begin", f"{n}:{'0' * 64}", second)[0] == 1
    assert verified(key, second, first)[0] == 1
    first.write_text("".join(x + "\n" for x in whole.splitlines()[:n - 1]))
    assert verified(key, first, second)[0] == 1
    # ---- the daemon begins with it, and nothing has ended ----
    lab_command("restart", "--name", rig.name)
    assert tap.copied() and tap.add()[0] == 200
    with contextlib.suppress(sqlite3.IntegrityError):
        asked(rig, f"DELETE FROM audit WHERE n = {n + 2} RETURNING n")
        pytest.fail("a line that has not left can be deleted")


def test_killed_in_the_midst(rig, old, tap):  # noqa: F811
    """What was answered holds, and the next daemon goes on."""
    retention(rig, 2)
    assert archive(rig, known(old))[0] == 0
    os.kill(rig.processes()["engine"][0], signal.SIGKILL)
    until("an answer", rig.answered, 30)
    until("they are deleted", lambda: asked(rig, "SELECT min(n) FROM audit") == (old["n"] + 1,), 90)
    assert tap.copied()


def test_warrants_are_proved_by_what_is_left(rig, old, strict, tap):  # noqa: F811
    """The lines of their entry and approval have left; somebody puts the row back that one had before it was revoked."""
    leaves(rig, old)
    order(rig, strict + "-new")
    with database(rig) as db:
        put = rows(db, "warrant", "ref = ?", strict + "-new")
    officer(rig, BOB, "revoke", "lea1", strict + "-new")
    with database(rig) as db:
        back = rows(db, "warrant", "ref = ?", strict + "-new")
        put(db)
    assert (states(rig)[strict + "-new"], states(rig)[strict]) == ("unproved", "in force")
    assert tap.copied() and tap.add(f"X-Warrant-Id: {strict}")[0] == 200
    with database(rig) as db:
        back(db)
    assert states(rig)[strict + "-new"] == "revoked"


def test_signatures_are_proved_by_what_is_left(rig, wall, signed, people):  # noqa: F811
    """Its keys are known by a line that stays; a signature that is taken out of the database is missed by it."""
    def ordered(ref, start):
        what = text(ref, start=start, end=int(time.time()) + DAY)
        paper = printed(to_be_entered(rig, what, people["alice"].sign(to_enter(rig, what))))
        to_be_approved(rig, ref, paper, people["bob"].sign(to_approve(rig, ref)))

    other = signed + "-other"
    long_ago(rig, wall)
    ordered(signed, -5 * DAY)
    leaves(rig, of_today(rig, wall))
    ordered(other, -3600)
    with database(rig) as db:  # a row that differs has the whole record read
        put, back = rows(db, "warrant", "ref = ?", other), rows(db, "warrant", "ref = ?", signed)
    officer(rig, BOB, "revoke", "lea1", other)
    with database(rig) as db:
        revoked = rows(db, "warrant", "ref = ?", other)
        put(db)
    assert (states(rig)[other], states(rig)[signed]) == ("unproved", "in force")
    with database(rig) as db:
        revoked(db)
        db.execute("UPDATE warrant SET signatures = NULL WHERE ref = ?", (signed,))
    assert (states(rig)[other], states(rig)[signed]) == ("revoked", "unproved")
    with database(rig) as db:
        back(db)
    assert states(rig)[signed] == "in force"
