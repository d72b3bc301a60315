# SPDX-License-Identifier: BSD-2-Clause
"""-j of every command, when it is carried out."""

import os
import subprocess

import pytest
from jsonstyle import commands, values
from rig import BIN, TREE, net
from test_warrant import ALICE, enter
from test_warrant import text as warrant

FLOWTAP = BIN + "/src/flowtap/flowtap"


def test_every_command(rig, rewritten):
    """Whether it succeeds or not, what it prints is JSON; and most of them succeed."""
    failed = []
    enter(rig, ALICE, warrant("W-JSON"))
    with open(rig.info["conf"]) as f:
        text = f.read()
    for words in commands(FLOWTAP):
        r = subprocess.run([TREE + "/tools/lab", "exec", "--name", rig.name, "router", "flowtap", "-j", *words],
                           capture_output=True, text=True, timeout=60, input=text)
        found = values(r.stdout)
        assert found, (words, r)
        assert r.returncode == 0 or "error" in found[-1] or "proved" in found[-1] or words[0] == "ping", (words, r)
        failed += [" ".join(words)] if r.returncode else []
    works = "show services", "show version", "show cli", "monitor", "request", "audit head", "audit export", "warrant show"
    assert not [x for x in failed if x.startswith(works)], failed


@pytest.mark.parametrize("args", [("add", "--protocol", "17", "--to", "192.0.2.10:7"), ("list",), ("noop",),
                                  ("delete", "1-4000000"), ("delete", "4000000"), ("run", "-")])
def test_dtcp(rig, args):
    env = dict(os.environ, DTCP_PASSWORD=rig.passwords["lea1"])
    r = subprocess.run(net.argv_inside(rig.ns("mediation"), [
        rig.lab["bin"] + "/dtcp", "-j", "-l", "lea1", "-o", f"UserKnownHostsFile={rig.info['known_hosts']}",
        rig.addr("router"), *args]), capture_output=True, text=True, env=env, input="NOOP DTCP/0.7\n", timeout=60)
    found = values(r.stdout)
    assert found and ("error" in found[-1]) == (r.returncode != 0), r
