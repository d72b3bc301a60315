# SPDX-License-Identifier: BSD-2-Clause
"""What clients made for Junos routers send: each of their forms gets the answer that it gets there, or a refusal that
says why.  Nothing that says whom a criterion concerns is dropped."""

import pytest
from rig import dtcp, udp_packet, until


def add(rig, port, *more, **elements):
    """The lines of an ADD to a content port of the mediation device."""
    return [*dtcp.add_lines(**rig.destination(port), **elements), *more]


NEVER = {  # the line: and the criterion would be another without it
    "X-MD-Intercept-Id: 0000030000000090", "X-MD-Intercept-Id: zz", "X-Act-Sess-Id: 77", "X-Acct-Session-Id: 77",
    "X-Interface-Id: demux0.1", "X-UserName: alice@example.net", "X-User-Name: alice@example.net",
    "X-IP-Addr: 198.51.100.7", "X-NAS-Port-Id: ge-1/0/0:100", "X-Call-Sta-Id: 1", "X-RM-Circuit-Id: c",
    "X-RM-Remote-Id: r", "X-Router-Instance: ri", "X-Logical-System: ls", "X-Drop-Policy: p",
    "X-JTap-Input-Interfaces: sub0", "X-JTap-Input-Interface: sub0", "X-JTap-Output-Interface: ge-0/0/0.7",
    "X-JTap-VRF-Name: red",
}


def test_what_is_not_built_is_refused(rig):
    """With a filter and without: whoever it names is not replaced by everybody."""
    with rig.session() as s:
        for line in sorted(NEVER):
            for elements in {}, {"source_address": rig.addr("subscriber")}:
                reply = s.ask("ADD", *add(rig, 7300, line, **elements))
                name = line.split(":")[0]
                assert (reply.code, reply.get("X-REASON")) == (501, f"{name}: not supported"), (line, reply)
        assert s.ask("LIST").entries() == []


def test_an_unknown_line_does_not_widen(rig):
    """An X- line that nobody knows is dropped where the filter names somebody, and refused where it does not."""
    with rig.session() as s:
        for elements in {}, {"source_address": "*", "dest_address": "*", "protocol": "*"}, {"source_address": "0.0.0.0/0"}:
            reply = s.ask("ADD", *add(rig, 7300, "X-Subscriber: alice", **elements))
            assert reply.code == 501 and reply.get("X-REASON").startswith("X-Subscriber: "), reply
        assert s.ask("LIST").entries() == []
        assert s.ask("ADD", *add(rig, 7300, "X-Subscriber: alice", source_address="198.51.100.77")).code == 200
        assert s.ask("ADD", *add(rig, 7300)).code == 200, "everybody, in so many words"


def test_a_foreign_source_address_is_told_with_its_cure(rig):
    with rig.session() as s:
        lines = dtcp.add_lines(to=(rig.addr("mediation"), 7300), src=(rig.addr("mediation"), 49153),
                               source_address="198.51.100.77")
        reply = s.ask("ADD", *lines)
        assert reply.code == 901 and "source-address" in reply.get("X-REASON"), reply
        assert s.ask("LIST").entries() == []


@pytest.mark.parametrize("line,code,reason", [
    ("Dest-Port: 70000", 432, "Dest-Port: "), ("Action: Block", 501, "Action: "), ("Unheard-Of: 1", 501, "Unheard-Of: "),
    ("Timeout-Idle: 5", 200, None)])
def test_refusals_say_what_is_wrong(rig, line, code, reason):
    with rig.session() as s:
        reply = s.ask("ADD", *add(rig, 7300, line, source_address="198.51.100.77"))
        assert reply.code == code, reply
        assert reply.get("X-REASON") == reason or reply.get("X-REASON").startswith(reason), reply


def copied(rig, ports, **elements):
    """Which of the pairs of ports are copied under such a filter; None if it was refused."""
    port = rig.port()
    src, dst = rig.addr("subscriber"), rig.addr("internet")
    with rig.session() as s, rig.receiver("mediation", port) as content, rig.injector("subscriber") as inject:
        assert s.ask("ADD", *add(rig, port, source_address=src, protocol="17", **elements)).code == 200
        packets = {udp_packet(src, dst, sport, dport, b"%d-%d" % (sport, dport)): (sport, dport) for sport, dport in ports}
        for packet in packets:
            inject(packet)
        matched = "MATCHING-PACKETS"
        last = udp_packet(src, dst, *elements_last(elements), b"last")
        inject(last)
        until("the last copy", lambda: last in content.got)
        entry, = s.ask("LIST", "Flags: BOTH").entries()
        assert int(entry[matched]) == len(content.got)
        for name, value in elements.items():
            assert entry[name.replace("_", "-").upper()] == value, "as it was given"
        return sorted(packets[p] for p in content.got if p != last)


def elements_last(elements):
    """A pair of ports that the filter certainly takes: the first of each list."""
    return [int(elements[k].split(",")[0].split("-")[0]) for k in ("source_port", "dest_port")]


SQUARE = [(s, d) for s in (1000, 1001, 1002) for d in (2000, 2001, 2002)]


@pytest.mark.parametrize("sports,dports,want", [
    ("1000,1001", "2000,2001", [(1000, 2000), (1001, 2001)]),
    ("1000,1001,1002", "2000,2001,2002", [(1000, 2000), (1001, 2001), (1002, 2002)]),
    ("1000-1001,1001-1002", "2000,2001", [(1000, 2000), (1001, 2000), (1001, 2001), (1002, 2001)]),
    ("1000,1002", "2000", [(1000, 2000), (1002, 2000)]),
    ("1000,1002", "2000,2001,2002", [(s, d) for s, d in SQUARE if s != 1001]),
])
def test_port_pairs(rig, sports, dports, want):
    """Lists of the same length are pairs, as Junos's manuals have them; others are a product."""
    assert copied(rig, SQUARE, source_port=sports, dest_port=dports) == sorted(want)


def test_one_name_many_ports(rig):
    """Each criterion of a name has a port of its own; LIST and DELETE by name take all, and another agency's same name
    is not meant."""
    ports = [rig.port() for _ in range(3)]
    src, dst = rig.addr("subscriber"), rig.addr("internet")
    with rig.session() as s, rig.session("lea2") as other, rig.injector("subscriber") as inject, \
            rig.receiver("mediation", ports[0]) as a, rig.receiver("mediation", ports[1]) as b:
        for port in ports[:2]:
            assert s.ask("ADD", *add(rig, port, source_address=src)).code == 200, "the same Cdest-ID"
        assert other.ask("ADD", *add(rig, ports[2], source_address="198.51.100.77")).code == 200
        packet = udp_packet(src, dst, 1, 9, b"x")
        inject(packet)
        until("a copy to each", lambda: a.got == b.got == [packet])
        listed = s.ask("LIST", "Cdest-ID: cd1", "Flags: BOTH").entries()
        assert [e["X-JTAP-CDEST-DEST-PORT"] for e in listed] == [str(p) for p in ports[:2]]
        reply = s.ask("DELETE", "Cdest-ID: cd1", "Flags: STATIC")
        assert (reply.code, reply.get("CRITERIA-COUNT")) == (200, "2")
        assert s.ask("LIST").entries() == [] and len(other.ask("LIST", "Cdest-ID: cd1").entries()) == 1


def test_ids_of_every_form(rig):
    """Wildcards, open ranges and exclusions, in LIST and DELETE."""
    with rig.session() as s:
        ids = [int(s.ask("ADD", *add(rig, 7300, f"Priority: {n}", source_address=f"198.51.100.{n % 200}"))
                   .get("CRITERIA-ID")) for n in (0, 1, 255, 256, 100000)]

        def listed(what):
            return [int(e["CRITERIA-ID"]) - ids[0] for e in s.ask("LIST", f"Criteria-ID: {what}").entries()]
        assert listed("*") == [0, 1, 2, 3, 4]
        assert listed(f"{ids[1]}-*,!{ids[3]}") == [1, 2, 4]
        assert listed(f"*-{ids[1]}") == [0, 1]
        assert listed(f"!{ids[0]}") == [1, 2, 3, 4]
        for what, count in (f"*,!{ids[2]}-*", 2), ("!*", 0), ("*", 3), ("*", 0):
            reply = s.ask("DELETE", f"Criteria-ID: {what}", "Flags: STATIC")
            assert (reply.code, reply.get("CRITERIA-COUNT")) == (200, str(count)), what


@pytest.mark.parametrize("left_out", [2, 4], ids=["the empty line", "the digest's end, too"])
def test_the_last_empty_line_may_be_missing(rig, left_out):
    """A client that closes its side when it has said everything is answered."""
    with rig.session() as s:
        s.send((dtcp.request("NOOP", s.user, 7) + dtcp.request("NOOP", s.user, 8))[:-left_out])
        s.ssh.stdin.close()
        assert [s.receive().get("SEQ") for _ in range(2)] == ["7", "8"]


@pytest.mark.parametrize("name", ["a@b.example", "md+1", "a+b@c-d_e.f/g#1", "caf\u00e9"])
def test_names(rig, name):
    with rig.session() as s:
        assert s.ask("ADD", *dtcp.add_lines(cdest=name, source_address="198.51.100.77", **rig.destination(7300))).code == 200
        entry, = s.ask("LIST", f"Cdest-ID: {name}").entries()
        assert entry["CDEST-ID"] == name
        assert s.ask("DELETE", f"Cdest-ID: {name}", "Flags: STATIC").get("CRITERIA-COUNT") == "1"
