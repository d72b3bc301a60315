# SPDX-License-Identifier: BSD-2-Clause
"""The numbers of users and groups are given to others while the daemon runs: who is let in goes by the names as they are
now, without a reload."""

import os
import pathlib
import re

import pytest
from rig import lab_command, udp_packet, until

AUDITORS = "flowtap-audit"


@pytest.fixture
def table(rig):
    """Edits a table of the router's: a function name of the file, pattern, replacement; the files are back afterwards."""
    etc = pathlib.Path(f"/proc/{rig.info['init']}/root/etc")
    old = {name: (etc / name).read_text() for name in ("passwd", "group")}

    def edit(name, pattern, text):
        changed, n = re.subn(pattern, text, old[name], flags=re.M)
        assert n == 1, f"{pattern} in {name}: {n} times"
        (etc / name).write_text(changed)
    yield edit
    for name, text in old.items():
        (etc / name).write_text(text)
    for agency in "lea1", "lea2":
        until(f"{agency} is let in", lambda agency=agency: rig.answered(agency), 30)


def knocks(rig, who, says):
    """Whether the log says so once somebody with that number has asked for a session of DTCP."""
    log = rig.info["logs"] + "/flowtapd.log"
    at = os.path.getsize(log)
    lab_command("exec", "--name", rig.name, "router", "setpriv", f"--reuid={who}", "--regid=65534", "--clear-groups",
                "sh", "-c", "/usr/libexec/flowtap/flowtap-dtcp < /dev/null", check=False)
    with open(log) as f:
        f.seek(at)
        return says in f.read()


def let_in(rig, who):
    until("let in", lambda: knocks(rig, who, "agency lea2: session opened"), 20)


def refused(rig, who):
    until("refused", lambda: knocks(rig, who, "session refused: the user is no agency"), 20)


def test_an_agencys_number_is_given_to_somebody_else(rig, table):
    """They are not the agency, whose sessions end and whose taps go on; others' sessions stay."""
    port = rig.port()
    packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"x")
    number = next(x.split(":")[2] for x in rig.router("cat", "/etc/passwd").splitlines() if x.startswith("lea2:"))
    with rig.session() as other, rig.session("lea2") as s, rig.receiver("mediation", port) as content, \
            rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        let_in(rig, number)
        table("passwd", "^lea2:", "nagios:")
        refused(rig, number)
        inject(packet)
        assert content.wait(1) == [packet]
        assert other.ask("NOOP").code == 200


def test_an_agency_gets_another_number(rig, table):
    """As by usermod -u: the new one is the agency's, the former one nobody's."""
    number = next(x.split(":")[2] for x in rig.router("cat", "/etc/passwd").splitlines() if x.startswith("lea2:"))
    table("passwd", "^lea2:([^:]*):[0-9]*:", r"lea2:\g<1>:1900300007:")
    let_in(rig, "1900300007")
    refused(rig, number)


def test_a_groups_number_is_given_to_another(rig, table):
    """Who has the auditors' former number reads no record."""
    number = next(x.split(":")[2] for x in rig.router("cat", "/etc/group").splitlines() if x.startswith(AUDITORS + ":"))

    def reads():
        return lab_command("exec", "--name", rig.name, "router", "setpriv", "--reuid=65534", f"--regid={number}",
                           "--clear-groups", "flowtap", "audit", "export", check=False).returncode == 0
    assert reads()
    table("group", f"^{AUDITORS}:", "webteam:")
    until("not any more", lambda: not reads(), 20)
