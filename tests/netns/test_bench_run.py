# SPDX-License-Identifier: BSD-2-Clause
"""bench/run.py in its smallest form."""

import json
import os
import subprocess

import pytest
from rig import BIN, TREE

FIELDS = {"name", "value", "unit", "goal", "reached", "spread", "control"}


@pytest.mark.skipif(os.geteuid() != 0, reason="root is needed to make network namespaces")
def test_smallest_form(tmp_path):
    argv = [TREE + "/bench/run.py", "miss", "gro", "--only", "1k", "--rounds", "1", "--quick", "--bin", BIN,
            "--out", str(tmp_path)]
    r = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert r.returncode == 0, r.stderr
    entries = json.loads((tmp_path / "results.json").read_text())
    assert entries and all(set(e) == FIELDS for e in entries)
    names = [e["name"] for e in entries]
    assert len(names) == len(set(names))
    assert "miss, 1k hosts, over a no-op hook" in names and any(n.startswith("copies = matches") for n in names)
    for e in entries:
        assert (e["goal"] is None) == (e["reached"] is None)
        assert e["spread"] is None or e["spread"][0] <= e["value"] <= e["spread"][1]
    assert (tmp_path / "RESULTS.md").exists() and (tmp_path / "goals.svg").exists()
