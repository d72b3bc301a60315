# SPDX-License-Identifier: BSD-2-Clause
"""What docs/guide.md tells people to type works, and prints what it says."""

import os
import subprocess

import pytest
import rig as rigs


def play(*argv):
    bin_dir = os.environ.get("FLOWTAP_BIN", rigs.TREE + "/build")
    return subprocess.run([rigs.TREE + "/tools/guide", "--name", rigs.lab_name("pytest-guide"), "--bin", bin_dir, *argv],
                          capture_output=True, text=True, timeout=300)


def test_the_guide():
    r = play()
    assert r.returncode == 0 and ", 0 with another output" in r.stdout, r.stdout + r.stderr


@pytest.mark.parametrize("output", ["two", ""])
def test_another_output_is_found(tmp_path, output):
    guide = tmp_path / "guide.md"
    guide.write_text(f"text\n\n```console router\n# echo one\none\n# echo three\n{output}\n```\n\nmore\n")
    r = play("--guide", str(guide))
    assert r.returncode == 1 and "2 commands, 1 with another output" in r.stdout, r.stdout + r.stderr
    assert play("-u", "--guide", str(guide)).returncode == 0
    assert guide.read_text() == "text\n\n```console router\n# echo one\none\n# echo three\nthree\n```\n\nmore\n"
