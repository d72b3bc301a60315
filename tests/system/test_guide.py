# SPDX-License-Identifier: BSD-2-Clause
"""What docs/guide.md tells people to type works on an installed router, and prints what it says."""

import importlib.machinery
import importlib.util
import subprocess

import rig as rigs
from machine import cannot

CANNOT = 77


def play(*argv):
    r = subprocess.run([rigs.TREE + "/tools/guide", "--name", rigs.lab_name("guide"), *argv], capture_output=True, text=True,
                       timeout=400)
    if r.returncode == CANNOT:
        cannot(r.stderr.strip())
    return r


def test_the_guide():
    r = play()
    assert r.returncode == 0 and ", 0 with another output" in r.stdout, r.stdout + r.stderr


class Echoes:
    """In place of a machine: commands are echo(1)'s, as it would be."""

    def step(self, block, i):
        return block.steps[i][1][0].removeprefix("echo ").split()


def test_another_output_is_found():
    loader = importlib.machinery.SourceFileLoader("guide", rigs.TREE + "/tools/guide")
    guide = importlib.util.module_from_spec(importlib.util.spec_from_loader("guide", loader))
    loader.exec_module(guide)
    text = "text\n\n```console router\n# echo one\none\n# echo three\ntwo\n# echo four\n```\n\nmore\n"
    now, wrong = guide.play(Echoes(), text)
    assert len(wrong) == 2
    assert now == text.replace("two\n", "three\n").replace("echo four\n", "echo four\nfour\n")
    assert guide.play(Echoes(), now) == (now, [])
