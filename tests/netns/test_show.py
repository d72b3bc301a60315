# SPDX-License-Identifier: BSD-2-Clause
"""What the operator is shown, by the real daemon: as JSON, as text of 80 columns, and to whom."""

import json

import pytest
from rig import lab_command, until

SCREENS = "statistics", "sessions", "content-destinations", "events"


def ask(rig, what):
    return json.loads(rig.router("flowtap", "-j", "show", "services", "flow-tap", what))


def as_user(rig, user, group, *words):
    return lab_command("exec", "--name", rig.name, "router", "setpriv", f"--reuid={user}", f"--regid={group}",
                       "--clear-groups", "flowtap", *words, check=False)


def tap(rig, session, port, to=None):
    dest = rig.destination(port)
    if to:
        dest["to"] = (to, port)
    session.add(cdest=f"cd{port}", source_address=rig.addr("subscriber"), **dest)


@pytest.mark.parametrize("what", SCREENS)
def test_for_the_entitled_only(rig, what):
    words = "show", "services", "flow-tap", what
    r = as_user(rig, "lea1", "lea1", *words)
    assert r.returncode == 3 and r.stdout == ""
    r = as_user(rig, "lea1", "_flowtap", *words)
    assert r.returncode == 0, r.stderr
    assert max(map(len, r.stdout.splitlines())) <= 80, r.stdout


def test_state(rig):
    state = rig.show()
    assert {p["name"] for p in state["programs"]} == {"tap_ingress", "tap_out"}
    capacity = state["capacity"]
    for what in "criteria", "terms-ipv4", "terms-ipv6", "masks-ipv4", "masks-ipv6", "destinations":
        assert 0 <= capacity[what] < capacity[what + "-limit"]
    text = rig.router("flowtap", "show", "services", "flow-tap")
    assert "131072" in text and max(map(len, text.splitlines())) <= 80


def test_copies_a_second(rig):
    """What is made now, and the most so far."""
    with rig.session() as s, rig.udp("subscriber") as u:
        tap(rig, s, rig.port())

        def seen():
            for _ in range(200):
                u.sendto(b"x", (rig.addr("internet"), 9))
            return rig.show()["copies-per-second"]
        until("a rate", seen)
    until("none", lambda: rig.show()["copies-per-second"] == 0)
    assert rig.show()["copies-per-second-most"] > 0


def test_a_program_taken_away_is_seen(rig):
    """The screen says what the kernel has, not what was once asked of it; an alarm is raised, and the program is back."""
    port = rig.lab["router"]["interfaces"]["internet"]

    def seen():
        return next(i for i in rig.show()["interfaces"] if i["name"] == port)

    def alarms():
        return [x for x in ask(rig, "events")["events"]
                if (x["kind"], x["severity"]) == ("interface-not-tapped", "alarm")]

    told, index = len(alarms()), seen()["ifindex"]
    if rig.show()["attach"] == "tcx":
        rig.router("bpftool", "link", "detach", "pinned", f"/run/flowtap/bpf/links/{index}")
    else:
        rig.run("router", "tc", "filter", "del", "dev", port, "ingress")
    assert seen()["taken-away"]
    until("the alarm", lambda: len(alarms()) > told)
    until("it is tapped again", lambda: seen()["tapped"])
    assert f"{port}: our program was taken away" in alarms()[-1]["text"]


def test_sessions(rig):
    until("no session", lambda: ask(rig, "sessions")["sessions"] == [])
    with rig.session() as s:
        assert s.ask("NOOP").code == 200
        one, = ask(rig, "sessions")["sessions"]
        assert (one["agency"], one["address"], one["requests"]) == ("lea1", rig.addr("mediation"), 1)
    until("the session is gone", lambda: ask(rig, "sessions")["sessions"] == [])
    # Something else may have happened meanwhile.
    kinds = [(x["kind"], x["text"]) for x in ask(rig, "events")["events"] if x["kind"].startswith("session-")]
    assert kinds[-2:] == [("session-open", "agency lea1"), ("session-close", "agency lea1")]


def test_destinations(rig):
    """Reachable, without an answer from the next hop, without a route: each is said, and whose it is."""
    silent = rig.addr("mediation").rsplit(".", 1)[0] + ".77"
    with rig.session() as a, rig.session("lea2") as b:
        tap(rig, a, 7101)
        tap(rig, a, 7102, silent)
        tap(rig, b, 7103, "10.255.255.1")
        rig.run("router", "ip", "route", "add", "unreachable", "10.255.255.1")
        try:
            with rig.udp("subscriber") as u:
                def states():
                    u.sendto(b"x", (rig.addr("internet"), 9))
                    return {(d["port"], d["agency"]): d for d in ask(rig, "content-destinations")["content-destinations"]}
                until("all is known", lambda: {k: d["state"] for k, d in states().items()} == {
                    (7101, "lea1"): "reachable", (7102, "lea1"): "unresolved", (7103, "lea2"): "no route"})
                until("how long", lambda: states()[7102, "lea1"].get("unresolved-seconds"))
                assert states()[7101, "lea1"]["interface"] == rig.lab["router"]["interfaces"]["mediation"]
                assert rig.show()["capacity"]["destinations-unresolved"] == 1
                until("the loss", lambda: ask(rig, "statistics")["losses"]["no-route"] > 0)
        finally:
            rig.run("router", "ip", "route", "del", "unreachable", "10.255.255.1")


def test_events_have_a_bound(rig):
    """The oldest of a kind go, for none of another, and the order is that of time."""
    loop = "for i in $(seq 300); do /usr/libexec/flowtap/flowtap-dtcp </dev/null >/dev/null 2>&1; done; true"
    before = ask(rig, "events")["events"]
    rig.router("setpriv", "--reuid=lea1", "--regid=lea1", "--clear-groups", "sh", "-c", loop)
    last = before[-1]["number"] if before else 0

    def events():
        return ask(rig, "events")["events"]
    seen = until("all events", lambda: (n := events())[-1]["number"] >= last + 600 and n)
    numbers = [x["number"] for x in seen]
    assert numbers == sorted(set(numbers))
    for kind in "session-open", "session-close":
        own = [x["number"] for x in seen if x["kind"] == kind]
        assert len(own) == 256 and own[0] > last
    others = {x["number"] for x in before if x["kind"] not in ("session-open", "session-close")}
    assert others <= set(numbers)
