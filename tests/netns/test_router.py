# SPDX-License-Identifier: BSD-2-Clause
"""Commands about the router itself: what a Junos operator asks first, and who may ask."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

from rig import udp_packet, until
from test_script import run  # noqa: F401


def test_interfaces_routes_and_neighbours(rig, run):  # noqa: F811
    terse = run("show", "interfaces", "terse")
    port, address = rig.lab["router"]["interfaces"]["subscriber"], rig.addr("subscriber")
    line = next(x for x in terse.splitlines() if x.startswith(port))
    assert line.split()[1:4] == ["up", "up", "inet"], terse
    assert run("show", "interfaces", port, "terse").splitlines()[1] == line
    assert "does not exist" in run("show", "interfaces", "terse", "none0", status=4)
    assert "characters that no name has" in run("show", "interfaces", "terse", "$(id)", status=2)
    routes = run("show", "route")
    assert "inet.0: " in routes and f"via {port}" in routes and "[Direct/0]" in routes, routes
    run("ping", address, "count", "1")
    # One that was STALE before is looked for only when nothing else tells of it.
    assert re.search(rf"(?m)^\S+ +{re.escape(address)} .*(REACHABLE|DELAY|PROBE)", run("show", "arp"))
    assert json.loads(run("-j", "show", "arp"))


def test_ping(rig, run):  # noqa: F811
    said = run("ping", rig.addr("subscriber"), "count", "2", "size", "100")
    assert "2 packets transmitted, 2 received" in said and "108 bytes" in said, said
    assert "Count: 2 lines" in run("ping", rig.addr("subscriber"), "count", "2", "|", "match", "time=", "|", "count")
    assert "100% packet loss" in run("ping", "192.0.2.254", "count", "1", status=1)
    for host in "-f", "a;b", "a b", "$(id)", "`id`", "--help":
        assert "neither a name nor an address" in run("-c", f"ping \"{host}\"", status=2)
    if not shutil.which("traceroute"):
        assert "error: traceroute is not installed" in run("traceroute", "192.0.2.1", status=5)


def test_system(rig, run):  # noqa: F811
    said = run("show", "system", "uptime")
    assert "Current time: 20" in said and "Protocols started: 20" in said and " by root" in said, said
    assert run("show", "system", "users").startswith("USER")
    until("no alarm lasts", lambda: run("show", "system", "alarms") == "No alarms currently active\n", 90)


def test_log(rig, run):  # noqa: F811
    log = pathlib.Path(f"/proc/{rig.info['init']}/root/var/log/mine")
    log.write_text("one\ntwo\n")
    assert run("show", "log", "mine", "|", "match", "two") == "two\n"
    assert "expected the name of a file" in run("show", "log", "../passwd", status=2)


def test_log_of_a_system_that_keeps_its_own(rig, tmp_path):
    """The permission opens no file: who may not read the journal is told what root can do."""
    folder = pathlib.Path(f"/proc/{rig.info['init']}/root/var/log/journal/{tmp_path.name}")
    folder.mkdir(parents=True)
    try:
        (folder / "system.journal").touch(0o600)
        r = subprocess.run(["nsenter", "-t", str(rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv",
                            "--reuid=65534", "--regid=_flowtap", "--clear-groups", rig.lab["bin"] + "/flowtap", "show", "log"],
                           capture_output=True, text=True, timeout=30)
        assert r.returncode == 3 and "usermod -aG systemd-journal" in r.stderr, r
    finally:
        shutil.rmtree(folder)


def test_who_may(rig, run):  # noqa: F811
    for words in (["ping", "192.0.2.1"], ["traceroute", "192.0.2.1"], ["show", "route"], ["show", "arp"],
                  ["show", "interfaces", "terse"], ["show", "system", "users"], ["show", "log"]):
        assert "unknown word" in run(*words, user=65534, status=2)
    for words in ["clear", "services", "flow-tap", "statistics"], ["show", "system", "alarms"]:
        assert "permission denied" in run(*words, user=65534, status=3)


def figures(run):  # noqa: F811
    return json.loads(run("-j", "show", "services", "flow-tap", "statistics"))


def test_clear_statistics(rig, run):  # noqa: F811
    """Figures are shown anew; the account goes on."""
    port = rig.port()
    with rig.session() as s, rig.injector("subscriber") as inject:
        s.add(source_address=rig.addr("subscriber"), **rig.destination(port))
        packet = udp_packet(rig.addr("subscriber"), rig.addr("internet"), 1, 2, b"x")
        before = figures(run)["copies"]["matched"]
        inject(packet)
        until("it is counted", lambda: figures(run)["copies"]["matched"] == before + 1)
        assert "Statistics are shown from 20" in run("clear", "services", "flow-tap", "statistics")
        inject(packet)
        inject(packet)
        until("they are counted", lambda: figures(run)["copies"]["matched"] == before + 3)
        now = figures(run)
        assert now["since-cleared"]["copies"]["matched"] == 2 and now["since-cleared"]["user"] == "root"
        shown = run("show", "services", "flow-tap", "statistics")
        assert f"cleared them; {before + 3} matched" in shown, shown
        assert shown.split("Copies\n")[1].split("\n")[0].split() == ["matched", "2"], shown
    kinds = [json.loads(x)["kind"] for x in run("audit", "export").splitlines() if x.startswith("{")]
    assert "statistics-cleared" in kinds


def test_pipes(rig, run):  # noqa: F811
    out = pathlib.Path(rig.info["dir"]) / "etc" / "out"
    assert run("-c", "show version | save /etc/flowtap/out") == "Wrote 1 line of output\n"
    assert out.read_text() == run("show", "version") and os.stat(out).st_mode & 0o777 == 0o600
    assert "No such file" in run("-c", "show version | save /nowhere/x", status=1)
    for words in ("show configuration", "show system commit", "show services flow-tap", "show arp", "show route"):
        tree = ET.fromstring(run("-c", words + " | display xml"))
        assert tree.tag == "rpc-reply" and len(tree) > 0, words
    names = [e.findtext("name") for e in ET.fromstring(run("-c", "show configuration | display xml")).iter("agency")]
    assert "lea1" in names
