# SPDX-License-Identifier: BSD-2-Clause
"""The kernels that README names, besides the one that all other tests run on: each boots a Debian with our packages, taps
in the way that it has, keeps the taps over a restart of the daemon, and passes the self-test.

Linux 6.12 does so with emulated network cards on all three sides, which cut and merge TCP and leave checksums to the
card, as real ones do.
"""

import json
import os

import pytest

import debianroot
from machine import CannotBoot, cannot
from rig import dtcp, net, until
from vm import Vm, disk_make, fetch

BYTES = 8 << 20
SUBSCRIBER, MEDIATION = (net.LINKS[role][1] + net.HOST for role in ("subscriber", "mediation"))
INTERNET = net.LINKS["internet"][1] + net.HOST
# name: (how it taps, emulated cards)
KERNELS = {"6.1": ("clsact", False), "6.12": ("tcx", True)}


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    try:
        kernels = {name: fetch(name) for name in KERNELS}
        path = str(tmp_path_factory.mktemp("disk") / "disk")
        disk_make(path, kernels.values())
    except (debianroot.CannotMake, CannotBoot) as e:
        cannot(str(e))
    yield kernels, path
    os.unlink(path)


@pytest.fixture(scope="module")
def machines(disk, tmp_path_factory):
    """All at once: each has a processor to itself where there is one."""
    kernels, path = disk
    running = {}
    try:
        for name, (_, cards) in KERNELS.items():
            running[name] = Vm(kernels[name], path, tmp_path_factory.mktemp("vm" + name), cards)
        yield running
    finally:
        for vm in running.values():
            vm.close()


@pytest.fixture(scope="module", params=list(KERNELS))
def vm(request, machines):
    m = machines[request.param]
    m.ready()
    m.name = request.param
    m.network()
    # Its start is under way; this waits for the end.  (Who asks again and again keeps a daemon that starts at a low
    # priority from doing so.)
    m.run("systemctl", "start", "flowtapd", timeout=300)
    m.sh("systemd-run -q --unit=collect ip netns exec mediation flowtap-collect -p 7890 -p 7891 -w /tmp/copies")
    return m


def ask(vm, method, *lines):
    """One request of lea1, as sshd would start the session; the reply."""
    request = dtcp.request(method, "lea1", 1, *lines).decode()
    said = vm.run("setpriv", "--reuid=lea1", "--regid=lea1", "--init-groups", "/usr/libexec/flowtap/flowtap-dtcp",
                  text=request)
    reply = dtcp.Reply(said.encode())
    assert reply.code == 200, said
    return reply


def shown(vm):
    return json.loads(vm.run("flowtap", "-j", "show", "services", "flow-tap"))


def counted(vm, matched):
    """The account, when that many have matched; nothing is lost and all are sent."""
    state = until(f"{matched} matches", lambda: (s := shown(vm))["copies"]["matched"] >= matched and s, 60)
    copies = state["copies"]
    assert copies["matched"] == copies["due"] == matched, state
    until("all sent", lambda: shown(vm)["copies"]["sent"] == matched or None, 30)
    assert not any(shown(vm)["losses"].values())


def ping(vm, n):
    vm.host("subscriber", "ping", "-q", "-c", str(n), "-i", "0.05", INTERNET)


def warnings(vm):
    """What the journal has of ours since the start, notices aside."""
    return vm.run("journalctl", "-b", "-q", "--no-pager", "-o", "cat", "-p", "warning", "-t", "flowtapd", "-t", "flowtap-dtcp")


def test_taps(vm):
    """Ten packets each way, in the way that this kernel has; and ten more while and after the daemon restarts."""
    way = KERNELS[vm.name][0]
    assert vm.run("uname", "-r").startswith(vm.name + ".")
    assert f'"{way}"' in json.dumps(shown(vm)), shown(vm)
    for i, element in enumerate(("source_address", "dest_address")):
        ask(vm, "ADD", *dtcp.add_lines(to=(MEDIATION, 7890), cdest=f"way{i}", **{element: SUBSCRIBER}))
    ping(vm, 10)
    counted(vm, 20)
    vm.run("systemctl", "stop", "flowtapd")
    ping(vm, 10)
    vm.run("systemctl", "start", "flowtapd")
    ping(vm, 10)
    counted(vm, 60)
    assert len(ask(vm, "LIST", "Flags: BOTH").entries()) == 2


def test_self_test(vm):
    assert "Self-test: works" in vm.run("flowtap", "request", "services", "flow-tap", "self-test")


def test_quiet(vm):
    """No process of ours ends, and none has anything to warn of."""
    said = [x for x in warnings(vm).splitlines() if "a session that did not come by flowtap-sshd" not in x]  # here none does
    assert said == []
    assert vm.run("journalctl", "-k", "-b", "-q", "--no-pager", "-o", "cat", "--grep", "type=1326|segfault", check=False)["out"] == ""
    assert vm.run("systemctl", "--failed", "--no-legend", "--plain") == ""


def test_stream_over_cards(vm):
    """Eight megabytes of TCP both ways over emulated cards, at content MTU 1500: byte for byte, checksums right."""
    if not vm.cards:
        pytest.skip("without emulated cards")
    before = shown(vm)["copies"]["matched"]
    vm.sh(f"systemd-run -q --unit=server --collect ip netns exec internet python3 /opt/guest.py internet {BYTES}")
    until("the server", lambda: vm.host("internet", "ss", "-Hltn", "sport = 4000").strip(), 30)
    vm.host("subscriber", "python3", "/opt/guest.py", "subscriber", str(BYTES), timeout=240)
    copies = until("all sent", lambda: (c := shown(vm)["copies"])["sent"] == c["due"] and c, 30)
    assert copies["due"] == copies["matched"] and not any(shown(vm)["losses"].values())
    vm.run("systemctl", "stop", "collect")
    seen = json.loads(vm.sh(f"python3 /opt/guest.py check {BYTES} /tmp/copies/*.pcapng", timeout=240))
    print(vm.name, seen)
    assert seen["packets"] == copies["matched"] - before, (seen, copies)
    assert seen["bad"] == seen["in pieces"] == 0, seen
    assert seen["up"] == seen["down"] == {"missing": 0, "wrong": 0, "more": 0}, seen
    assert seen["largest"] == 1500  # what was on the wire, not what the cards made of it
