# SPDX-License-Identifier: BSD-2-Clause
"""Every program of ours is built as a distribution builds what faces the network, whoever builds it."""

import os
import platform
import re
import subprocess

import pytest
from rig import BIN

PROGRAMS = ["flowtapd/flowtapd", "flowtap-dtcp/flowtap-dtcp", "flowtap/flowtap", "mediation/dtcp", "mediation/flowtap-collect"]


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_hardened(program):
    path = f"{BIN}/src/{program}"
    headers, dynamic = run("readelf", "-lhW", path), run("readelf", "-dW", path)
    assert "DYN (Position-Independent Executable file)" in headers
    assert "GNU_RELRO" in headers and "NOW" in dynamic.split("(FLAGS_1)")[1].splitlines()[0], dynamic
    stack = next(x for x in headers.splitlines() if "GNU_STACK" in x)
    assert "RWE" not in stack
    symbols = run("readelf", "-sW", path)
    assert "__stack_chk_fail" in symbols
    assert "__snprintf_chk" in symbols or "__vsnprintf_chk" in symbols, "no FORTIFY"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="it looks otherwise elsewhere")
def test_code():
    """A frame of more than a page touches each of its pages, and functions begin where a jump may go.  (Whether the whole
    process is held to that is said by the C library's own objects, too, which Debian's do not.)"""
    code = run("objdump", "-d", "--no-show-raw-insn", f"{BIN}/src/flowtapd/flowtapd")
    assert "orq    $0x0,(%rsp)" in code
    assert re.search(r"<engine_batch>:\n +[0-9a-f]+:\tendbr64", code)
