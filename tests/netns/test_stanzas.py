# SPDX-License-Identifier: BSD-2-Clause
"""Stanzas of a Junos configuration as they stand: what has a meaning here takes effect, what has none is warned about."""

import re
import subprocess
import time

import pytest
from lablib.terminal import Terminal
from rig import until
from test_commit import Conf
from test_logins import Logins

IDLE_S = 60
SYSTEM = """version 21.4R3-S4.9;
chassis { fpc 0; } services { radius-flow-tap { forwarding-class best-effort; } }
system { services { ssh { root-login deny; } } login {
  message "Authorised users only.\\nAll use is on record.";
  class ops { idle-timeout 1; permissions [ view flow-tap flow-tap-control ];
    allow-commands "(show services flow-tap)|(request services flow-tap rotate-keys)|(^clear services)";
    deny-commands "show services flow-tap sessions"; deny-configuration "services flow-tap agency .*";
    allow-configuration "services flow-tap agency lea1 maximum-sessions .*"; }
  user op1 { uid 2001; full-name "Operator One"; class ops; } } }
"""
WARNINGS = """warning: version: kept, without effect
warning: system services ssh: kept, without effect; the machine's own sshd has its own configuration
warning: chassis: kept, without effect
warning: services radius-flow-tap: kept, without effect
warning: services flow-tap family ccc: layer 2 circuits are not tapped
"""


class Stanzas:
    def __init__(self, rig, conf):
        self.rig, self.conf, self.before = rig, conf, conf.active()["text"]
        self.done = conf.commit(self.before.replace("flow-tap {", "flow-tap { family inet; family inet6; family ccc;", 1)
                                + SYSTEM)

    def run(self, *words, text=None):
        return subprocess.run(self.argv(*words), capture_output=True, text=True, input=text, timeout=60)

    def argv(self, *words):
        return ["nsenter", "-t", str(self.rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv",
                "--reuid=2001", "--regid=65534", "--clear-groups", self.rig.lab["bin"] + "/flowtap", *words]


@pytest.fixture(scope="module")
def stanzas(the_rig, rewritten):
    logins = Logins(the_rig, None)
    s = Stanzas(the_rig, Conf(the_rig))
    s.began = time.monotonic()
    s.shell = Terminal(s.argv(), env={"LANG": "C.UTF-8"})
    s.shell.__enter__()
    yield s
    s.shell.__exit__(None, None, None)
    s.conf.commit(s.before)
    until("nobody is left", lambda: logins.names() == set(), 20)


def test_what_does_nothing_is_said_once(stanzas):
    assert stanzas.done.stdout.endswith(" complete\n") and stanzas.done.stderr == WARNINGS
    assert stanzas.conf.commit(stanzas.conf.active()["text"]).stderr == "", "nothing has changed"


def test_full_name_and_number(stanzas):
    line = stanzas.rig.router("getent", "passwd", "op1").split(":")
    assert (line[2], line[4]) == ("2001", "Operator One")
    text = stanzas.conf.active()["text"]
    r = stanzas.conf.commit(text.replace("uid 2001", "uid 2002"), check=False)
    assert r.returncode == 1 and "op1: has number 2001, which stays until the user is removed" in r.stderr
    stanzas.conf.commit(text.replace("Operator One", "Operator 1"))
    assert stanzas.rig.router("getent", "passwd", "op1").split(":")[4] == "Operator 1"
    stanzas.conf.commit(text)


@pytest.mark.parametrize("words, may", [
    (["show", "services", "flow-tap", "statistics"], True), (["show", "services", "flow-tap", "sessions"], False),
    (["request", "services", "flow-tap", "rotate-keys"], True), (["show", "system", "commit"], True),
    (["clear", "services", "flow-tap", "statistics"], True), (["warrant", "show"], False)])
def test_commands(stanzas, words, may):
    r = stanzas.run(*words)
    assert (r.returncode == 0) == may, r
    assert may or r.returncode == 3, r


def test_configuration(stanzas):
    """The daemon refuses, whatever the shell offers."""
    text = stanzas.run("show", "configuration").stdout
    new = re.sub(r"agency lea1 \{", "agency lea1 { maximum-sessions 9;", text, count=1)
    r = stanzas.run("commit", "--check", "-", text=new)
    assert r.returncode == 0, r
    new = re.sub(r"agency lea1 \{", "agency lea9 { user op1; }\nagency lea1 {", text, count=1)
    r = stanzas.run("commit", "--check", "-", text=new)
    assert r.returncode == 3 and "your class does not let you change services flow-tap agency lea9" in r.stderr, r


def test_message_and_idle_shell(stanzas):
    """It has been left alone since the first of these tests began."""
    shown = stanzas.shell.expect(r"Authorised users only\.\nAll use is on record\.")
    assert shown is not None
    stanzas.shell.expect(r"idle for 1 minute: the session ends", timeout=IDLE_S + 15)
    assert time.monotonic() - stanzas.began > IDLE_S - 5
