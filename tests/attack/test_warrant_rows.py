# SPDX-License-Identifier: BSD-2-Clause
"""Somebody has the database while no daemon runs: a warrant that is not what the record tells gives no authority."""

import contextlib
import json
import sqlite3

import pytest
from rig import lab_command
from test_audit import flowtap, head, since
from test_warrant import ALICE, BOB, ask_add, enter, officer, order, printed, reason, text
from test_warrant_signed import Signer, approve as signed_approve, enter as signed_enter, stanza, to_approve, to_enter
from test_withdrawn import EVERYWHERE, statements


@contextlib.contextmanager
def database(rig):
    """The daemon's, which is stopped meanwhile."""
    lab_command("stop", "--name", rig.name)
    try:
        with contextlib.closing(sqlite3.connect(rig.info["dir"] + "/state/state.db", isolation_level=None)) as db:
            yield db
    finally:
        lab_command("start", "--name", rig.name)


def rows(db, table, where, *values):
    """Rows as they are, and a function that puts them back so."""
    found = db.execute(f"SELECT * FROM {table} WHERE {where}", values).fetchall()
    assert found

    def put(db):
        for row in found:
            db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({','.join('?' * len(row))})", row)
    return put


@pytest.fixture
def warranted(rig, config):
    """Both agencies need a warrant."""
    config(lambda t: statements(statements(t, "lea1", EVERYWHERE), "lea2", EVERYWHERE))
    warranted.n = getattr(warranted, "n", 0) + 1
    refs = [f"ROW-{warranted.n}-{x}" for x in (1, 2)]
    order(rig, refs[0])
    order(rig, refs[1], agency="lea2")
    with rig.session("lea2") as s:
        assert ask_add(rig, s, 7000, f"X-Warrant-Id: {refs[1]}").code == 200
    yield refs
    for agency, ref in zip(("lea1", "lea2"), refs):
        officer(rig, BOB, "revoke", agency, ref, check=False)


def alarms(rig, mark):
    return [x["reason"] for x in since(rig, mark) if x["kind"] == "alarm"]


def states(rig):
    return {w["reference"]: w["state"] for w in json.loads(flowtap(rig, "-j", "warrant", "show").stdout)["warrants"]}


def others_are_served(rig, ref):
    """The other agency's warrant and tap are as ever."""
    assert states(rig)[ref] == "in force"
    with rig.session("lea2") as s:
        assert len(s.ask("LIST", "Flags: BOTH").entries()) >= 1
        assert ask_add(rig, s, 7000, f"X-Warrant-Id: {ref}").code == 200


def test_a_start_without_a_change_is_silent(rig, warranted):
    mark = head(rig)
    for _ in range(2):
        with database(rig) as db:
            assert db.execute("SELECT count(*) FROM warrant").fetchone()[0] >= 2
    assert alarms(rig, mark) == [] and states(rig)[warranted[0]] == "in force"
    others_are_served(rig, warranted[1])


def test_a_revocation_put_back(rig, warranted):
    """The row from before the revocation, and its criteria's, each with a seal that is right."""
    with rig.session() as s:
        assert ask_add(rig, s, 7000, f"X-Warrant-Id: {warranted[0]}").code == 200
    with database(rig) as db:
        put = [rows(db, "warrant", "ref = ?", warranted[0])]
        no = db.execute("SELECT no FROM warrant WHERE ref = ?", (warranted[0],)).fetchone()[0]
        put += [rows(db, "criterion", "warrant = ?", no)]
    officer(rig, BOB, "revoke", "lea1", warranted[0])
    mark = head(rig)
    for times in 1, 2:  # nor by another start
        with database(rig) as db:
            for p in put if times == 1 else ():
                p(db)
        assert states(rig)[warranted[0]] == "unproved"
        assert rig.show()["capacity"]["criteria"] == times  # lea2's
        with rig.session() as s:
            assert s.ask("LIST", "Flags: BOTH").entries() == []
            r = ask_add(rig, s, 7000, f"X-Warrant-Id: {warranted[0]}")
            assert reason(r) == (432, "the warrant is not what the record tells")
            assert reason(ask_add(rig, s, 7000)) == (432, "no warrant is in force")
        told = alarms(rig, mark)
        assert len(told) == times and f"warrant {warranted[0]} " in told[-1]
        others_are_served(rig, warranted[1])
    ended = [x for x in since(rig, mark) if x["kind"] == "ended"]
    assert [(x["agency"], x["reason"]) for x in ended] == [("lea1", "its warrant is not in force")]


def test_an_approval_from_nowhere(rig, warranted):
    """An officer's approval is not a column."""
    ref = warranted[0] + "-e"
    enter(rig, ALICE, text(ref))
    mark = head(rig)
    with database(rig) as db:
        db.execute("UPDATE warrant SET approved_ms = entered_ms, approved_uid = 7 WHERE ref = ?", (ref,))
    assert states(rig)[ref] == "unproved" and any(ref in x and "can't be read" in x for x in alarms(rig, mark))
    with rig.session() as s:
        assert reason(ask_add(rig, s, 7000, f"X-Warrant-Id: {ref}")) == (432, "the warrant is not what the record tells")
    others_are_served(rig, warranted[1])
    with database(rig) as db:
        db.execute("DELETE FROM warrant WHERE ref = ?", (ref,))


def test_a_row_taken_out(rig, warranted):
    """What stood on it ends; it is missed."""
    with rig.session() as s:
        assert ask_add(rig, s, 7000, f"X-Warrant-Id: {warranted[0]}").code == 200
    mark = head(rig)
    with database(rig) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("DELETE FROM warrant WHERE ref = ?", (warranted[0],))
    with rig.session() as s:
        assert s.ask("LIST", "Flags: BOTH").entries() == []
    assert any(f"warrant {warranted[0]}, which is on record, is not" in x for x in alarms(rig, mark))
    others_are_served(rig, warranted[1])


def test_lines_taken_out(rig, warranted):
    """What the record says last about warrants is gone from it: nothing is proved by such a record."""
    mark = head(rig)
    with database(rig) as db:
        last = db.execute("SELECT max(n) FROM audit").fetchone()[0]
        lines = rows(db, "audit", "n = ?", last - 1)  # in front of the last checkpoint
        guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'").fetchall()
        for name, _ in guards:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM audit WHERE n = ?", (last - 1,))
        for _, sql in guards:
            db.execute(sql)
    assert set(states(rig).values()) == {"unproved"}
    assert any("no warrant can be proved" in x for x in alarms(rig, mark))
    with database(rig) as db:
        lines(db)
    assert states(rig)[warranted[1]] == "in force"


def test_signatures_taken_out_or_moved(rig, config, tmp_path):
    """Where signatures are required, a row without its own is not what the record tells, and another's are not its own."""
    alice, bob = Signer(tmp_path, "alice"), Signer(tmp_path, "bob")
    config(lambda t: statements(statements(t, "lea1", EVERYWHERE), "lea2", EVERYWHERE).replace(
        "flow-tap {", "flow-tap { " + stanza(alice, bob), 1))
    warranted.n = getattr(warranted, "n", 0) + 1
    refs = [f"ROW-{warranted.n}-{x}" for x in "abc"]
    for ref in refs:
        paper = printed(signed_enter(rig, text(ref), alice.sign(to_enter(rig, text(ref)))))
        signed_approve(rig, ref, paper, bob.sign(to_approve(rig, ref)))
    mark = head(rig)
    with database(rig) as db:
        put = rows(db, "warrant", "ref IN (?, ?)", *refs[:2])
        db.execute("UPDATE warrant SET signatures = NULL WHERE ref = ?", (refs[0],))
        db.execute("UPDATE warrant SET signatures = (SELECT signatures FROM warrant WHERE ref = ?) WHERE ref = ?",
                   (refs[2], refs[1]))
    assert [states(rig)[r] for r in refs] == ["unproved", "unproved", "in force"]
    assert any(refs[0] in x and "as the record tells" in x for x in alarms(rig, mark))
    assert any(refs[1] in x and "can't be read" in x for x in alarms(rig, mark))
    with rig.session() as s:
        for ref in refs[:2]:
            assert reason(ask_add(rig, s, 7000, f"X-Warrant-Id: {ref}")) == (
                432, "the warrant is not what the record tells")
        assert ask_add(rig, s, 7000, f"X-Warrant-Id: {refs[2]}").code == 200
    with database(rig) as db:
        put(db)
    assert [states(rig)[r] for r in refs] == ["in force"] * 3
    for ref in refs:
        officer(rig, BOB, "revoke", "lea1", ref)
