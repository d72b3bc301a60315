# SPDX-License-Identifier: BSD-2-Clause
"""A start that fails again and again waits longer each time, and says once why."""

import os
import subprocess
import time

import pytest


@pytest.fixture
def bad(rig):
    """A configuration that no start succeeds with, written before the first of them."""
    root = f"/proc/{rig.info['init']}/root"
    path = root + "/etc/flowtap/bad.conf"
    with open(path, "w") as f:
        f.write("nonsense;\n")
    os.utime(path, (time.time() - 60, time.time() - 60))
    yield path
    os.unlink(path)
    os.unlink(root + "/run/flowtap/failed-starts")


def start(rig):
    argv = ["nsenter", "-t", str(rig.info["init"]), "--mount", "--pid", "--net", "--", rig.lab["bin"] + "/flowtapd", "-f",
            "/etc/flowtap/bad.conf"]
    began = time.monotonic()
    r = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert r.returncode == 1
    return r.stderr, time.monotonic() - began


def test_reason_is_said_once_and_waits_grow(rig, bad):
    said, took = zip(*(start(rig) for _ in range(5)))
    assert [s.count("nonsense") for s in said] == [1, 0, 0, 0, 0]
    assert [s.count("starts in a row have failed") for s in said] == [0, 1, 1, 1, 1]
    assert "5 starts in a row have failed, for the reason that was said; the next one waits 1.6 s" in said[4]
    assert took[4] >= 0.8 and took[3] >= 0.4
    os.utime(bad, (time.time() + 1, time.time() + 1))
    said, _ = start(rig)
    assert said.count("nonsense") == 1 and "in a row" not in said, "written anew: it begins anew"
