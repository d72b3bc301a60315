# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures: one lab for all tests, swept clean after each; its logs in every failing report."""

import contextlib
import os

import pytest
import rig as rigs

LOGS = "init", "flowtapd", "sshd"


def log_sizes(rig):
    return {n: os.path.getsize(f"{rig.info['logs']}/{n}.log") for n in LOGS}


@pytest.fixture(scope="session")
def the_rig():
    if os.geteuid() != 0:
        pytest.exit("root is needed to make network namespaces and to load BPF programs", 1)
    rig = rigs.Rig(rigs.lab_name("pytest"))
    if os.environ.get("FLOWTAP_DIRECT"):  # the content link is one that copies may take directly
        port = rig.lab["router"]["interfaces"]["mediation"]
        rigs.net.offloads(rig.ns("router"), port, "tx", "off", "tso", "off")
        rig.run("router", "tc", "qdisc", "replace", "dev", port, "root", "pfifo", "limit", "4000")
    yield rig
    rig.down()


@pytest.fixture
def rig(the_rig, request):
    """The lab, without criteria before and after the test."""
    request.node.rig = the_rig
    request.node.log_sizes = log_sizes(the_rig)
    yield the_rig
    the_rig.forget_all()


@pytest.fixture
def begun_anew(rig):
    """The daemon has just started: of alarms that come once a minute none has been."""
    rigs.lab_command("restart", "--name", rig.name)


APPLIED = "configuration applied", "configuration unchanged"


def write_config(rig, text, expect=APPLIED):
    """expect: what the log says then, one of several"""
    expect = (expect,) if isinstance(expect, str) else expect
    log = rig.info["logs"] + "/flowtapd.log"
    at = os.path.getsize(log)
    with open(rig.info["conf"], "w") as f:
        f.write(text)
    rigs.lab_command("reload", "--name", rig.name)

    def said():
        with open(log) as f:
            f.seek(at)
            new = f.read()
        return any(x in new for x in expect)
    rigs.until(f"\"{expect[0]}\" in the log", said)


@pytest.fixture
def config(rig):
    """Edits flowtap.conf: a function old text -> new text; the old file is back afterwards."""
    with open(rig.info["conf"]) as f:
        old = f.read()

    def edit(change, **more):
        write_config(rig, change(old), **more)

    yield edit
    edit(lambda text: text)


@pytest.fixture(scope="module")
def rewritten(the_rig):
    """For tests that commit, which puts the file into canonical form: afterwards it is as others expect it."""
    with open(the_rig.info["conf"]) as f:
        old = f.read()
    yield
    write_config(the_rig, old)


@pytest.fixture
def wire_sized(rig):
    """No segmentation, merging or checksum offload: what a host's interface sends is what the router receives."""
    rig.offloads(False)
    yield
    rig.offloads(True)


def doing(rig):
    """What each process of the daemon waits for: one that hangs is seen in a failure's report."""
    for role, pids in rig.processes().items():
        for pid in pids:
            said = [role, str(pid)]
            for name in "wchan", "syscall", "stack":
                with contextlib.suppress(OSError), open(f"/proc/{pid}/{name}") as f:
                    said.append(f.read().strip().replace("\n", " "))
            yield " ".join(said)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed or not hasattr(item, "rig"):
        return
    for name in LOGS:
        try:
            with open(f"{item.rig.info['logs']}/{name}.log", "rb") as f:
                f.seek(item.log_sizes[name])
                text = f.read().decode(errors="replace")
        except OSError as e:
            text = str(e)
        if text:
            report.sections.append((f"{name}.log", text))
    report.sections.append(("processes", "\n".join(doing(item.rig))))
