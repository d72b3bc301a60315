# SPDX-License-Identifier: BSD-2-Clause
"""checkpoints.jsonl as a full disk, a kill or somebody else leaves it."""

import contextlib
import json
import os

import pytest
from rig import lab_ask, lab_command, until


@contextlib.contextmanager
def stopped(rig):
    lab_command("stop", "--name", rig.name)
    try:
        yield f"{rig.info['dir']}/state/checkpoints.jsonl"
    finally:
        lab_command("start", "--name", rig.name)


def log_from(rig, begin):
    with open(f"{rig.info['logs']}/flowtapd.log") as f:
        f.seek(begin)
        return f.read()


def refused(rig, text):
    """The daemon does not start, and that is why."""
    begin = os.path.getsize(f"{rig.info['logs']}/flowtapd.log")
    lab_ask(rig, "start")
    until("a refusal", lambda: text in log_from(rig, begin))
    said = log_from(rig, begin)
    assert "flowtapd: serving" not in said
    lab_command("stop", "--name", rig.name)
    return said


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, text):
    with open(path, "r+b") as f:
        f.write(text)
        f.truncate()


def alarms(rig):
    events = json.loads(rig.router("flowtap", "-j", "show", "services", "flow-tap", "events"))["events"]
    return [x["text"] for x in events if x["severity"] == "alarm"]


def test_cut_short(rig):
    """By a kill in the midst of a write, and, by former versions, a full disk with the next one behind it."""
    with stopped(rig) as path:
        whole = read(path)
        last = whole.splitlines(keepends=True)[-1]
        write(path, whole + last[:70])
    assert rig.answered() and b"\n" + last[:70] + b"{" not in read(path)
    assert all(json.loads(x)["kind"] == "checkpoint" for x in read(path).splitlines())
    with stopped(rig) as path:
        whole = read(path)
        last = whole.splitlines(keepends=True)[-1]
        write(path, whole[:-len(last)] + last[:70] + last)
    assert rig.answered() and "checkpoints" not in str(alarms(rig))
    with stopped(rig) as path:
        write(path, whole)


@pytest.mark.parametrize("bad", [b"{}\n", b'{"n":0,"time":', b"\0" * 400 + b"\n", b'{"n":99999999999999999999999}\n'],
                         ids=["object", "zero", "zeros", "number"])
def test_damaged_is_not_put_back(rig, bad):
    """It is said to be damaged: nobody is accused of what was not done."""
    with stopped(rig) as path:
        whole = read(path)
        try:
            write(path, whole + bad.ljust(200) + (b"" if bad.endswith(b"\n") else b"\n"))
            said = refused(rig, "the file is damaged")
            assert "put back" not in said and "No space" not in said
        finally:
            write(path, whole)
    assert rig.answered()


def test_another_records_is_put_back(rig):
    with stopped(rig) as path:
        whole = read(path)
        last = json.loads(whole.splitlines()[-1])
        try:
            later = json.dumps({**last, "n": last["n"] + 1000}, separators=(",", ":")).encode()
            write(path, whole + later + b"\n")
            refused(rig, "the state was put back, or changed")
        finally:
            write(path, whole)
    assert rig.answered()


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_missing_is_said(rig, how):
    """Not refused: who has a copy elsewhere can compare; but an alarm, on record."""
    with stopped(rig) as path:
        whole = read(path)
        if how == "missing":
            os.unlink(path)
        else:
            write(path, b"")
    assert rig.answered()
    assert any("checkpoints.jsonl is missing or empty" in x for x in alarms(rig))
    record = [json.loads(x) for x in rig.router("flowtap", "audit", "export").splitlines()]
    assert any(x["kind"] == "alarm" and "checkpoints.jsonl" in x["reason"] for x in record[-10:])
    with stopped(rig) as path:
        again = read(path)
        assert again and again != whole, "the next one begins the file anew"
        write(path, whole + again)
    assert rig.answered()
