# SPDX-License-Identifier: BSD-2-Clause
"""No copy without authority: warrants of two officers, their scope, and their end, which the kernel keeps by itself."""

import json
import re
import time

import pytest
from rig import dtcp, lab_ask, lab_command, udp_packet, until
from test_audit import flowtap, head, since

ALICE, BOB = 60001, 60002


def stamp(seconds):
    """A moment, by Unix time or so far from now, whole seconds, as a warrant spells it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds if seconds > 1e9 else time.time() + seconds))


def officer(rig, uid, *argv, check=True):
    gid = rig.router("getent", "group", "flowtap-warrant").split(":")[2]
    return flowtap(rig, "warrant", *argv, user=("--reuid", str(uid), "--regid", gid), check=check)


def text(reference, start=-3600, end=3600, agency="lea1", **more):
    lines = [f"Reference: {reference}", f"Agency: {agency}", f"Start: {stamp(start)}", f"End: {stamp(end)}"]
    return "\n".join(lines + [f"{k.replace('_', '-')}: {v}" for k, v in more.items()]) + "\n"


def approve(rig, uid, agency, reference, printed, check=True):
    return officer(rig, uid, "approve", agency, reference, printed, check=check)


def printed(r):
    """The fingerprint that warrant enter tells."""
    return r.stdout.split(": ")[1].strip()


def enter(rig, uid, what, check=True):
    path = rig.info["dir"] + "/etc/warrant"  # the router sees it in /etc/flowtap
    with open(path, "w") as f:
        f.write(what)
    return officer(rig, uid, "enter", "/etc/flowtap/warrant", check=check)


def order(rig, reference, **more):
    """A warrant that is entered and approved."""
    paper = printed(enter(rig, ALICE, text(reference, **more)))
    approve(rig, BOB, more.get("agency", "lea1"), reference, paper)


@pytest.fixture
def strict(rig, config):
    """lea1 needs a warrant, and may send to mediation's ports 7000 to 7999 only; references are the test's own."""
    was = r"agency lea1 \{\s*authority standing;\s*content-destination 0\.0\.0\.0/0;\s*content-destination ::/0;\s*\}"
    config(lambda old: re.sub(
        was, f"agency lea1 {{ content-destination {rig.addr('mediation')}/32 {{ port 7000-7999; }} }}", old))
    strict.count = getattr(strict, "count", 0) + 1
    return f"W-{strict.count}"


def ask_add(rig, session, port, *lines, target=None):
    return session.ask("ADD", *dtcp.add_lines(source_address=target or rig.addr("subscriber"), **rig.destination(port)),
                       *lines)


def reason(reply):
    return reply.code, reply.get("X-REASON")


def test_two_officers(rig, strict):
    """One enters, another approves; everybody else is refused, and all of it is on record."""
    ref, mark, port = strict, head(rig), rig.port()
    with rig.session() as s:
        assert reason(ask_add(rig, s, port)) == (432, "no warrant is in force")
        assert reason(ask_add(rig, s, port, f"X-Warrant-Id: {ref}")) == (432, "no such warrant")
        paper = printed(enter(rig, ALICE, text(ref)))
        assert reason(ask_add(rig, s, port, f"X-Warrant-Id: {ref}")) == (432, "the warrant is not approved")
        r = approve(rig, ALICE, "lea1", ref, paper, check=False)
        assert r.returncode == 1 and "somebody else" in r.stderr
        r = enter(rig, ALICE, text(ref), check=False)
        assert r.returncode == 1 and "Reference" in r.stderr
        r = flowtap(rig, "warrant", "approve", "lea1", ref, paper, user=("--reuid", str(BOB), "--regid", str(BOB)), check=False)
        assert r.returncode == 3 and "officers" in r.stderr
        assert ask_add(rig, s, port).code == 432
        approve(rig, BOB, "lea1", ref, paper)
        assert ask_add(rig, s, port).code == 200
        assert approve(rig, BOB, "lea1", ref, paper, check=False).returncode == 1
    shown = {w["reference"]: w for w in json.loads(flowtap(rig, "-j", "warrant", "show").stdout)["warrants"]}
    assert (shown[ref]["state"], shown[ref]["entered-by"], shown[ref]["approved-by"]) == ("in force", ALICE, BOB)
    lines = [(x["kind"], x.get("uid"), x.get("warrant")) for x in since(rig, mark) if "warrant" in x["kind"]]
    assert lines == [("warrant-entered", ALICE, ref), ("warrant-refused", ALICE, ref), ("warrant-refused", ALICE, ref),
                     ("warrant-approved", BOB, ref), ("warrant-refused", BOB, ref)]
    adds = [(x["code"], x.get("warrant")) for x in since(rig, mark) if x["kind"] == "add"]
    assert adds == [(432, None), (432, ref), (432, ref), (432, None), (200, ref)]
    officer(rig, BOB, "revoke", "lea1", ref)


def test_revoked_at_once(rig, strict):
    ref, port = strict, rig.port()
    order(rig, ref)
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, b"target")
        assert ask_add(rig, s, port).code == 200
        inject(packet)
        content.wait(1)
        mark = head(rig)
        officer(rig, ALICE, "revoke", "lea1", ref)
        assert s.ask("LIST").entries() == []
        inject(packet)
        until("no criterion in the kernel", lambda: rig.show()["capacity"]["criteria"] == 0)
        assert reason(ask_add(rig, s, port, f"X-Warrant-Id: {ref}")) == (432, "the warrant was revoked")
        assert since(rig, mark)[0]["reason"] == "1 criterion ends"
    rig.account_closed()
    assert len(content.got) == 1


def test_scope(rig, strict):
    """Whom the criteria may name, how many they are, and where copies may go."""
    ref, port = strict, rig.port()
    order(rig, ref, Prefix=f"{rig.addr('subscriber')}/32", Maximum_Criteria=2,
          Content_Destination=f"{rig.addr('mediation')}/32 7000-7500")
    with rig.session() as s:
        assert reason(ask_add(rig, s, port, target="198.51.100.200")) == (432, "the filter is not within the warrant")
        r = s.ask("ADD", *dtcp.add_lines(**rig.destination(port)))
        assert reason(r) == (432, "the filter is not within the warrant")
        assert reason(ask_add(rig, s, 7501)) == (432, "the content destination is not within the warrant")
        assert ask_add(rig, s, port).code == 200
        assert s.ask("ADD", *dtcp.add_lines(dest_address=rig.addr("subscriber"), **rig.destination(port))).code == 200
        assert reason(ask_add(rig, s, port)) == (432, "the warrant allows no more criteria")
    officer(rig, BOB, "revoke", "lea1", ref)


def test_several_in_force(rig, strict):
    """Nobody names one: the one that covers it is taken, the narrower one first, then the one that ends later; the
    record says that it was chosen.  One that is full or does not cover it is none."""
    port, subscriber, mark = rig.port(), rig.addr("subscriber"), head(rig)
    wide, narrow, late, other = (f"{strict}-{x}" for x in ("wide", "narrow", "late", "other"))
    order(rig, wide, Prefix="198.51.100.0/24")
    order(rig, other, Prefix="203.0.113.0/24")
    with rig.session() as s:
        assert ask_add(rig, s, port).code == 200
        assert reason(ask_add(rig, s, port, target="192.0.2.77")) == (432, "no warrant in force covers it")
        order(rig, narrow, Prefix=f"{subscriber}/32", Maximum_Criteria=1)
        order(rig, late, Prefix="198.51.100.0/24", end=7200)
        assert [ask_add(rig, s, port).code for _ in range(2)] == [200, 200]  # the narrow one is full then
        assert ask_add(rig, s, port, f"X-Warrant-Id: {wide}").code == 200
        officer(rig, BOB, "revoke", "lea1", other)
        assert ask_add(rig, s, port, target="203.0.113.10").code == 432
    only, best = "no warrant named: the only one that covers it", \
        "no warrant named: of those that cover it the narrowest, then the last to end"
    adds = [(x["code"], x.get("warrant"), x.get("reason")) for x in since(rig, mark) if x["kind"] == "add"]
    assert adds == [(200, wide, only), (432, None, "no warrant in force covers it"), (200, narrow, best), (200, late, best),
                    (200, wide, None), (432, None, "no warrant in force covers it")]
    for ref in wide, narrow, late:
        officer(rig, BOB, "revoke", "lea1", ref)


def test_destinations_of_an_agency(rig, strict):
    """A forbidden destination is answered like one that does not exist, and both agencies keep to their own."""
    order(rig, strict)
    with rig.session() as s, rig.session("lea2") as other:
        forbidden = ask_add(rig, s, 8000)
        unknown = s.ask("DELETE", "Cdest-ID: never-used", "Flags: STATIC")
        assert (forbidden.code, [k for k, _ in forbidden.fields]) == (430, [k for k, _ in unknown.fields])
        assert forbidden.text == unknown.text
        elsewhere = dtcp.add_lines(source_address="1.2.3.4", to=(rig.addr("internet"), 7000),
                                   src=(rig.addr("router"), 49153))
        assert s.ask("ADD", *elsewhere).code == 430
        assert other.ask("ADD", *elsewhere).code == 200
    officer(rig, BOB, "revoke", "lea1", strict)


def test_ends_with_every_process_dead(rig, strict):
    """The end comes in mid-traffic, and nothing of ours is alive to bring it."""
    ref, port = strict, rig.port()
    deadline = int(time.time()) + 4
    order(rig, ref, end=deadline)
    with rig.session() as s:
        assert ask_add(rig, s, port).code == 200
    _, before, lost = rig.account_closed()
    with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        lab_ask(rig, "stop")
        until("every process's end", lambda: not any(rig.processes()[r] for r in ("parent", "engine", "dataplane")))
        sent = 0
        while time.time() < deadline + 1.5:
            inject(udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, f"{time.time():.6f}".encode()))
            sent += 1
            time.sleep(0.002)
        lab_command("start", "--name", rig.name)
        due, copies, losses = rig.account_closed()
        content.wait(copies - before)
    stamps = [float(p[28:]) for p in content.got]
    assert len(stamps) == copies - before and 0 < len(stamps) < sent and losses == lost
    assert deadline - 0.2 < max(stamps) < deadline + 0.05, max(stamps) - deadline
    with rig.session() as s:
        until("its end in the store", lambda: s.ask("LIST").entries() == [])
        assert reason(ask_add(rig, s, port, f"X-Warrant-Id: {ref}")) == (432, "the warrant has ended")


def test_begins_when_it_says(rig, strict):
    ref, port = strict, rig.port()
    begin = int(time.time()) + 4
    order(rig, ref, start=begin)
    with rig.session() as s:
        assert reason(ask_add(rig, s, port)) == (432, "no warrant is in force")
        assert ask_add(rig, s, port, f"X-Warrant-Id: {ref}").code == 200
        with rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
            while time.time() < begin + 0.5:
                inject(udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 9, f"{time.time():.6f}".encode()))
                time.sleep(0.002)
            content.wait(1)
            assert begin - 0.05 < float(content.got[0][28:]) < begin + 0.2
    officer(rig, BOB, "revoke", "lea1", ref)


def test_bad_warrants(rig):
    for what, says in ((text("W 9"), "line 1: Reference"), (text("W-9", start=5, end=5), "End:"),
                       (text("W-9", Prefix="198.51.100.7"), "line 5: Prefix"), ("", "Reference is missing"),
                       ("x" * 70000, "too long")):
        r = enter(rig, ALICE, what, check=False)
        assert r.returncode == 2 and says in r.stderr, r.stderr
    assert enter(rig, ALICE, text("W-9", agency="nobody"), check=False).returncode == 4


def test_quota_is_the_agencys_own(rig, config):
    config(lambda old: old.replace("agency lea1 {", "agency lea1 { maximum-criteria 2; maximum-sessions 2;"))
    port = rig.port()
    with rig.session() as s, rig.session() as t, rig.session("lea2") as other:
        first = s.add(source_address="198.51.100.1", **rig.destination(port))
        t.add(source_address="198.51.100.2", **rig.destination(port))
        assert ask_add(rig, s, port).code == 550
        with pytest.raises(dtcp.Silence), rig.session() as u:
            u.ask("NOOP")
        assert other.ask("ADD", *dtcp.add_lines(source_address="1.2.3.4", **rig.destination(port))).code == 200
        s.ask("DELETE", f"Criteria-ID: {first}", "Flags: STATIC")
        assert ask_add(rig, s, port).code == 200
        assert ask_add(rig, s, port).code == 550
