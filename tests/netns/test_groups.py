# SPDX-License-Identifier: BSD-2-Clause
"""Groups: what comes of them takes effect with a commit in the daemon that runs, goes with them, survives a restart, and
gives nobody what they could not have without."""

import json
import os
import re
import signal
import subprocess

import pytest
from lablib.box import hash_password
from rig import dtcp, until
from test_lifecycle import engines, restarted
from test_logins import Logins

SECRET = hash_password("x")
GROUPS = f"""groups taps {{
  system {{ login {{ class tappers {{ permissions flow-tap-operation; }}
    user tap9 {{ class tappers; authentication {{ encrypted-password "{SECRET}"; }} }} }} }}
  services {{ flow-tap {{ agency tap9; agency <tap[0-9]*> {{ authority standing; }} }} }} }}
groups ops {{ system {{ login {{ class <op*> {{ permissions [ flow-tap flow-tap-control ]; }} }} }} }}
"""


class Groups(Logins):
    def put(self, more, check=True):
        return self.conf.commit(self.before + more, check=check)

    def recorded(self):
        lines = (json.loads(x) for x in self.conf.flowtap("audit", "export").stdout.splitlines())
        return [x["reason"] for x in lines if x["kind"] == "commit"][-1]

    def op(self, *words, text=None):
        return subprocess.run(["nsenter", "-t", str(self.rig.info["init"]), "--mount", "--pid", "--net", "--", "setpriv",
                               "--reuid=2009", "--regid=65534", "--clear-groups", self.rig.lab["bin"] + "/flowtap", *words],
                              capture_output=True, text=True, input=text, timeout=60)


@pytest.fixture(scope="module")
def groups(the_rig, rewritten):
    one = Groups(the_rig, None)
    yield one
    one.conf.commit(one.before)
    until("nobody is left", lambda: one.names() == set(), 20)


def test_an_agency_and_its_login(groups):
    groups.put(GROUPS)
    assert groups.recorded() == "changed: groups ops, groups taps; in effect: nothing"
    assert groups.names() == set() and not groups.lets_in("tap9", "x"), "applied nowhere"
    groups.put(GROUPS + "apply-groups taps;")
    assert groups.names() == {"tap9"} and groups.shadow("tap9") == SECRET
    assert groups.recorded() == "changed: apply-groups; in effect: system login, services flow-tap agency tap9"
    assert groups.lets_in("tap9", "x")
    shown = groups.conf.flowtap("show", "configuration", "services", "|", "display", "inheritance").stdout
    assert "    ##\n    ## 'tap9' was inherited from group 'taps'\n    ##\n    agency tap9 {\n" in shown
    assert "groups {\n    taps {\n" in groups.conf.flowtap("show", "configuration").stdout


def test_after_a_restart(groups):
    old = engines(groups.rig)
    pid, = groups.rig.processes()["parent"]
    os.kill(pid, signal.SIGKILL)
    restarted(groups.rig, old)
    assert groups.lets_in("tap9", "x")


def test_gone_with_its_group(groups):
    """The open session, too; and back with a rollback."""
    groups.rig.passwords["tap9"] = "x"
    try:
        with groups.rig.session("tap9") as s:
            assert s.ask("NOOP").code == 200
            groups.put(GROUPS + "system { apply-groups taps; }")
            with pytest.raises(dtcp.Silence):
                s.ask("NOOP")
    finally:
        groups.rig.passwords.pop("tap9")
    assert groups.names() == {"tap9"}, "only the agency is not inherited at that level"
    groups.conf.flowtap("rollback", "1")
    assert groups.lets_in("tap9", "x")
    groups.put(GROUPS + "inactive: apply-groups taps;")
    assert groups.recorded() == "changed: apply-groups; in effect: system login, services flow-tap agency tap9"
    until("nobody is left", lambda: groups.names() == set(), 20)


def test_what_is_refused(groups):
    before = groups.conf.ask("show", "system", "commit")
    for more, why in (("apply-groups [ taps none ];", "none: group none is not defined"),
                      ("groups g { services { flow-tap { agency <*> { user one; } } } } apply-groups g;", "already the user of"),
                      ("groups g { services { flow-tap { agency <*> { maximum-sessions x; } } } }", "from 1 to 250")):
        r = groups.put(GROUPS + more, check=False)
        assert r.returncode == 1 and why in r.stderr, r
    assert groups.conf.ask("show", "system", "commit") == before


def test_a_class_of_a_group(groups):
    """It gives what it says; what its users change by groups is what they may change without."""
    groups.put(GROUPS + "apply-groups ops; system { login { user op9 { uid 2009; class op; } class op; } }")
    text = groups.op("show", "configuration").stdout
    assert "groups {\n    taps {\n        services {" in text and "login" not in text and "ops" not in text
    tap = "groups mine { services { flow-tap { agency <*> { maximum-sessions 9; } } } }"
    assert groups.op("commit", "--check", "-", text=text + tap + "apply-groups mine;").returncode == 0
    for more in "groups mine { system { login { user eve { class super-user; } } } }", "apply-groups taps;":
        r = groups.op("commit", "--check", "-", text=text + more)
        assert r.returncode == 3 and "no permission" in r.stderr, r
    r = groups.op("commit", "--check", "-", text=text + "apply-groups ops;")
    assert r.returncode == 1 and "group ops is not defined" in r.stderr, r
    groups.put(GROUPS + "system { login { user op9 { uid 2009; class op; } class op; } }")
    assert groups.op("show", "configuration").returncode == 3


def test_in_the_shell(groups):
    """As it is typed: brackets, forms of show, and what a group's name is completed to."""
    groups.put("")
    run = groups.conf.flowtap
    script = ("configure; set groups g services flow-tap agency <lea[1-3]*> maximum-sessions 9; set apply-groups [ g ];"
              "show groups; show services flow-tap | display inheritance | match ##;"
              "show services flow-tap | display inheritance no-comments | match maximum-sessions;"
              "show | display inheritance | display set | match maximum-sessions; show | compare | match apply;"
              "deactivate apply-groups; show | display inheritance | match maximum-sessions; commit check; rollback 0")
    shown = run("-c", script).stdout
    assert "agency <lea[1-3]*> {" in shown and shown.count("## '9' was inherited from group 'g'") == 2
    assert shown.count("    maximum-sessions 9;") == 3, "in the group, and without comments"
    assert shown.count("set services flow-tap agency lea1 maximum-sessions 9") == 1
    assert "+   apply-groups g;" in shown and "configuration check succeeds" in shown
    r = run("-c", "configure; set apply-groups none; show | display inheritance", check=False)
    assert r.returncode != 0 and "group none is not defined" in r.stderr
    r = run("-c", "configure; set groups g; set groups g apply-groups-except g", check=False)
    assert r.returncode != 0 and re.search(r"unknown word", r.stderr)
