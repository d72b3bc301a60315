# SPDX-License-Identifier: BSD-2-Clause
"""What the configuration no longer allows does not go on in the kernel: a commit judges all that is there by its rules."""

import contextlib
import json
import os
import re
import sqlite3
import time

import pytest
from rig import dtcp, lab_command, udp_packet, until
from test_audit import since, head
from test_commit import Conf, conf  # noqa: F401
from test_full_disk import disk_rig, fill, raised, record, state  # noqa: F401
from test_scale import ask_all, crowd, MANY  # noqa: F401
from test_typed import damaged
from test_warrant import BOB, officer, order


def statements(text, agency, *words):
    """The agency with these statements instead of its own, without any: without it; its own are on one line, or as they
    are printed."""
    own = r"(?m)^( *)agency %s \{(.*\}|(.|\n)*?^\1\})\n" % agency
    assert re.search(own, text), text
    return re.sub(own, f"agency {agency} {{ {' '.join(words)} }}\n" if words else "", text)


EVERYWHERE = "content-destination 0.0.0.0/0; content-destination ::/0;"
# What is taken away, how many of the three criteria below fall (the first two are IPv4, the third IPv6), and why.
WITHDRAWN = {
    "authority": (lambda rig, t: statements(t, "lea1", EVERYWHERE), [1, 2, 3],
                  "no warrant, and the agency has no standing authority"),
    "destination": (lambda rig, t: statements(t, "lea1", "authority standing;",
                                              f"content-destination {rig.addr('mediation')}/32 {{ port 1-6999; }}"),
                    [1, 2, 3], "a content destination that is not the agency's"),
    "family": (lambda rig, t: t.replace("flow-tap {", "flow-tap { family inet6;", 1), [1, 2], "an address family that is not tapped"),
    "maximum": (lambda rig, t: statements(t, "lea1", "authority standing;", "maximum-criteria 1;", EVERYWHERE), [2, 3],
                "as many criteria as it may have"),
    "source": (lambda rig, t: t.replace("flow-tap {", "flow-tap { source-address 192.0.2.250;", 1), [1, 2, 3],
               "a source address that is not the router's"),
}


def targets(rig):
    return rig.addr("subscriber"), "198.51.100.222", rig.addr("subscriber", 6)


class Taps:
    """Three of lea1's, and one of lea2's of the same target as the first, with another port."""

    def __init__(self, rig, s, other):
        self.rig, self.s, self.other, self.port, self.port2 = rig, s, other, rig.port(), rig.port()
        self.ids = [s.add(source_address=t, **rig.destination(self.port)) for t in targets(rig)]
        other.add(source_address="198.51.100.222", **rig.destination(self.port2))
        self.others = self.other_list()

    def packet(self, i):
        target = targets(self.rig)[i]
        return udp_packet(target, self.rig.addr("internet", 6 if ":" in target else 4), 1, 9, b"%d" % time.monotonic_ns())

    def other_list(self):
        return self.other.ask("LIST", "Flags: BOTH").entries()

    def listed(self):
        return [int(x["CRITERIA-ID"]) for x in self.s.ask("LIST", "Flags: BOTH").entries()]


@pytest.fixture
def taps(rig):
    with rig.session() as s, rig.session("lea2") as other:
        yield Taps(rig, s, other)


@pytest.fixture
def back(rig, conf):  # noqa: F811
    """A commit that puts the configuration back."""
    before = conf.active()["text"]
    yield before
    conf.commit(before)


@pytest.mark.parametrize("what", WITHDRAWN)
def test_commit_ends_what_it_withdraws(rig, conf, back, taps, what):  # noqa: F811
    """In the kernel, in the store and on record before it is answered; a check says how many; others notice nothing."""
    change, fallen, reason = WITHDRAWN[what]
    if what in ("family", "source"):  # these are everybody's
        taps.other.ask("DELETE", "Criteria-ID: 1-4294967295", "Flags: STATIC")
        taps.others = taps.other_list()
    there = rig.show()["capacity"]["criteria"]
    gone, kept = [taps.ids[i - 1] for i in fallen], [x for i, x in enumerate(taps.ids) if i + 1 not in fallen]
    told = [{"agency": "lea1", "criteria": len(gone), "kept": False}]
    mark = head(rig)
    r = conf.commit(change(rig, back), "--check")
    assert f"agency lea1: {len(gone)} criteria would end" in r.stderr
    r = lab_command("exec", "--name", rig.name, "router", "flowtap", "-j", "commit", "--check", "/etc/flowtap/candidate")
    assert json.loads(r.stdout)["would-end"] == told
    assert taps.listed() == taps.ids and not [x for x in since(rig, mark) if x["kind"] == "ended"]
    r = lab_command("exec", "--name", rig.name, "router", "flowtap", "-j", "commit", "/etc/flowtap/candidate")
    assert json.loads(r.stdout)["ended"] == told
    assert rig.show()["capacity"]["criteria"] == there - len(gone)
    assert taps.listed() == kept
    ended = [x for x in since(rig, mark) if x["kind"] == "ended"]
    spelled = f"{gone[0]}-{gone[-1]}"
    assert [(x["agency"], x["ids"], x["reason"]) for x in ended] == [
        ("lea1", spelled, f"the configuration no longer allows it: {reason}")]
    assert taps.other_list() == taps.others
    with rig.receiver("mediation", taps.port) as content, rig.receiver("mediation", taps.port2) as second, \
            rig.injector("subscriber") as inject:
        mine = [taps.packet(i) for i in range(3)]
        for p in mine:
            inject(p)
        stays = [p for i, p in enumerate(mine) if i + 1 not in fallen]
        second.wait(len(taps.others))
        content.wait(len(stays))
        rig.account_closed()
        assert content.got == stays
    # Another ADD is judged by the same rules.
    again = taps.s.ask("ADD", *dtcp.add_lines(source_address=targets(rig)[0], **rig.destination(taps.port)))
    assert again.code != 200, again


def key_damaged(rig, user):
    """Another byte in the agency's keys; what they were."""
    with contextlib.closing(sqlite3.connect(f"{rig.info['dir']}/state/state.db")) as db, db:
        names = [x[1] for x in db.execute("PRAGMA table_info(agency)")]
        was = dict(zip(names, db.execute("SELECT * FROM agency WHERE name = ?", (user,)).fetchone()))
        was = {k: v for k, v in was.items() if isinstance(v, bytes)}
        key_set(db, user, {k: v[:-1] + bytes([v[-1] ^ 1]) for k, v in was.items()})
    assert was
    return was


def key_set(db, user, values):
    for name, v in values.items():
        db.execute(f"UPDATE agency SET {name} = ? WHERE name = ?", (v, user))


@pytest.mark.parametrize("how", ["authority", "agency"])
@pytest.mark.parametrize("damage", ["row", "key"])
def test_what_cannot_be_read_ends_too(rig, conf, back, how, damage):  # noqa: F811
    """A criterion whose row, or whose agency's key, is damaged copies nothing more once the configuration no longer
    allows it; nobody else notices, and what the record says is so."""
    port, port2 = rig.port(), rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, b"after the commit")
    with rig.session() as s, rig.session("lea2") as other:
        bad = s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        other.add(source_address=rig.addr("subscriber"), **rig.destination(port2))
        before, starts = other.ask("LIST", "Flags: CRITERIA").entries(), rig.services()["flowtapd"]["starts"]
        if damage == "row":
            damaged(rig, "lea1", bad)
        else:
            was = key_damaged(rig, "lea1")
        try:
            mark = head(rig)
            conf.commit(statements(back, "lea1", *([EVERYWHERE] if how == "authority" else [])))
            with rig.receiver("mediation", port) as content, rig.receiver("mediation", port2) as others, \
                    rig.injector("subscriber") as inject:
                inject(packet)
                others.wait(1)
                rig.account_closed()
                assert content.got == []
            assert rig.show()["capacity"]["criteria"] == 1
            said = [(x["kind"], x.get("ids"), x.get("reason")) for x in since(rig, mark) if x.get("agency") == "lea1"]
            if how == "agency":
                assert ("stopped", None, "it is no longer configured: 1 criterion stops") in said
            else:
                assert ("set-aside", str(bad), "can't be used as they are stored: not active until added anew") in said
            assert other.ask("LIST", "Flags: CRITERIA").entries() == before
            assert rig.services()["flowtapd"]["starts"] == starts
        finally:
            if damage == "key":
                with contextlib.closing(sqlite3.connect(f"{rig.info['dir']}/state/state.db")) as db, db:
                    key_set(db, "lea1", was)


def test_who_does_not_see_agencies_learns_nothing(rig, conf, back, taps):  # noqa: F811
    """A commit by somebody else, after one that ended criteria, tells nothing of it."""
    login = ("system { login { class c { permissions [ configure admin-control interface-control ]; } "
             "user u-ports { class c; } } }")
    conf.commit(statements(back, "lea1", EVERYWHERE) + login)
    uid = rig.router("id", "-u", "u-ports").strip()
    setpriv = ("setpriv", f"--reuid={uid}", "--regid=65534", "--clear-groups")
    run = lambda *argv: lab_command("exec", "--name", rig.name, "router", *setpriv, *argv, check=False)  # noqa: E731
    seen = run("flowtap", "show", "configuration").stdout
    assert "agency" not in seen
    path = rig.info["dir"] + "/etc/ports"
    for words in ("--check",), ():
        with open(path, "w") as f:
            f.write(seen + "chassis { fpc 0; }\n")
        os.chmod(path, 0o644)
        r = run("flowtap", "-j", "commit", *words, "/etc/flowtap/ports")
        assert r.returncode == 0, r.stderr
        assert not {"ended", "would-end"} & set(json.loads(r.stdout)) and "lea" not in r.stdout + r.stderr


def test_reload_ends_too(rig, config, taps):
    """The file, changed by hand."""
    mark = head(rig)
    config(lambda text: statements(text, "lea1", EVERYWHERE))
    assert taps.listed() == [] and rig.show()["capacity"]["criteria"] == 1
    assert [x["ids"] for x in since(rig, mark) if x["kind"] == "ended"] == [f"{taps.ids[0]}-{taps.ids[2]}"]


def test_start_with_a_changed_file(rig, config, taps):
    """What was withdrawn while no daemon was there does not start again."""
    mark, path = head(rig), rig.info["conf"]
    with open(path) as f:
        text = f.read()
    lab_command("stop", "--name", rig.name)
    with open(path, "w") as f:
        f.write(statements(text, "lea1", EVERYWHERE))
    lab_command("start", "--name", rig.name)
    assert rig.show()["capacity"]["criteria"] == 1
    with rig.session() as s:
        assert s.ask("LIST", "Flags: BOTH").entries() == []
    assert [x["ids"] for x in since(rig, mark) if x["kind"] == "ended"] == [f"{taps.ids[0]}-{taps.ids[2]}"]
    config(lambda text: text)
    assert rig.show()["capacity"]["criteria"] == 1, "what has ended stays so"


def test_an_agency_comes_back_by_the_new_rules(rig, config, taps):
    """Its criteria are kept while it is not configured, and judged before the kernel has them again."""
    mark = head(rig)
    config(lambda text: statements(text, "lea1"))
    assert rig.show()["capacity"]["criteria"] == 1
    config(lambda text: statements(text, "lea1", "authority standing;", "maximum-criteria 2;", EVERYWHERE))
    assert rig.show()["capacity"]["criteria"] == 3
    lines = [(x["kind"], x.get("ids"), x["reason"].split(":")[0]) for x in since(rig, mark)
             if x["kind"] in ("ended", "stopped", "started")]
    assert lines == [("stopped", None, "it is no longer configured"),
                     ("ended", str(taps.ids[2]), "the configuration no longer allows it"),
                     ("started", None, "it is configured again")]


def test_coming_back_is_told(rig, conf, back, taps):  # noqa: F811
    """What is in the store of an agency that is configured again is active again: its committer is told how much."""
    conf.commit(statements(back, "lea1"))
    with open(conf.candidate, "w") as f:
        f.write(back)
    told = [{"agency": "lea1", "criteria": len(taps.ids)}]
    for words, name in (["--check"], "would-start"), ([], "started"):
        r = lab_command("exec", "--name", rig.name, "router", "flowtap", "-j", "commit", *words, "/etc/flowtap/candidate")
        assert json.loads(r.stdout)[name] == told, r
    conf.commit(statements(back, "lea1"))
    r = conf.commit(back)
    assert f"agency lea1: {len(taps.ids)} criteria kept from before became active again" in r.stdout + r.stderr, r


def test_under_a_warrant_it_goes_on(rig, config, taps):
    """Standing authority is withdrawn; a warrant's criteria have theirs."""
    order(rig, "W-stays")
    number = taps.s.ask("ADD", *dtcp.add_lines(source_address=targets(rig)[0], **rig.destination(taps.port)),
                        "X-Warrant-Id: W-stays").get("CRITERIA-ID")
    config(lambda text: statements(text, "lea1", EVERYWHERE))
    assert taps.listed() == [int(number)]
    officer(rig, BOB, "revoke", "lea1", "W-stays")


def test_withdrawn_on_a_full_disk(disk_rig):  # noqa: F811
    """What ends taps needs no room: the store and the record hear of it later."""
    rig, disk = disk_rig
    with rig.session() as s, rig.session("lea2") as other:
        taps = Taps(rig, s, other)
        fill(disk)
        until("the alarm", lambda: raised(rig, "disk-full"), 10)
        lab_command("stop", "--name", rig.name)
        with open(rig.info["conf"]) as f:
            text = f.read()
        with open(rig.info["conf"], "w") as f:
            f.write(statements(text, "lea1", EVERYWHERE))
        lab_command("start", "--name", rig.name)
        assert rig.show()["capacity"]["criteria"] == 1
        os.unlink(disk / "ballast")
        until("what is owed", lambda: state(rig)["disk"]["lines-owed"] == 0, 15)
    with rig.session() as s:
        assert s.ask("LIST", "Flags: BOTH").entries() == []
    assert [x["ids"] for x in record(rig) if x["kind"] == "ended"] == [f"{taps.ids[0]}-{taps.ids[2]}"]


def test_many_end_and_nobody_waits(rig, conf, crowd, back):  # noqa: F811
    """Twenty thousand of one agency, in parts: the other one is answered meanwhile."""
    with rig.session("lea2") as other:
        other.add(source_address="198.51.100.7", **rig.destination(7000))
        with open(conf.candidate, "w") as f:
            f.write(statements(back, "lea1", EVERYWHERE))
        before, mark = time.monotonic(), head(rig)
        r = lab_command("exec", "--name", rig.name, "router", "flowtap", "-j", "commit", "/etc/flowtap/candidate")
        took = time.monotonic() - before
        assert json.loads(r.stdout)["ended"] == [{"agency": "lea1", "criteria": MANY, "kept": False}]
        assert took < 20, took
        assert rig.show()["capacity"]["criteria"] == 1 and other.ask("NOOP").code == 200
    ended = [x["ids"] for x in since(rig, mark) if x["kind"] == "ended"]
    assert len(ended) == -(-MANY // 1024)
