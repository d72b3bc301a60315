# SPDX-License-Identifier: BSD-2-Clause
"""What the shell asks before it does something, and what an answer that is no word means."""

import fakectl
import pytest
from lablib.terminal import Terminal
from programs import PROGRAMS
from test_width import ANSWERS, EDIT, PROMPT

DISCARD = r"Discard uncommitted changes\? \[yes,no\] \(yes\) $"


@pytest.fixture
def shell(tmp_path):
    """In configuration mode, with an agency that is not committed."""
    with fakectl.daemon(tmp_path, ANSWERS) as ctl, \
            Terminal([PROGRAMS["flowtap"], "-s", ctl], 24, 80, {"LANG": "C.UTF-8", "NO_COLOR": "1"}) as t:
        t.expect(PROMPT)
        t.ask("configure", EDIT)
        t.ask("set services flow-tap agency lea2", EDIT)
        yield t


def test_control_c_is_no(shell):
    """It neither ends the shell nor does what was asked about."""
    for _ in range(2):
        shell.type("exit\n")
        shell.expect(DISCARD)
        shell.type("\x03")
        shell.expect(EDIT)
    shell.type("wildcard delete services flow-tap agency l*\n")
    shell.expect(r"Delete 2 objects\? \[yes,no\] \(no\) $")
    shell.type("half an answer\x03")
    shell.expect(EDIT)
    shell.type("delete\n")
    shell.expect(r"Delete everything under this level\? \[yes,no\] \(no\) $")
    shell.type("\x03")
    shell.expect(EDIT)
    said = shell.ask("show", EDIT)
    assert "agency lea1" in said and "agency lea2" in said
    shell.type("exit\n")
    shell.expect(DISCARD)
    shell.type("yes\n")
    shell.expect(PROMPT)


def test_enter_deletes_nothing(shell):
    shell.type("delete\n")
    shell.expect(r"Delete everything under this level\? \[yes,no\] \(no\) $")
    shell.type("\n")
    shell.expect(EDIT)
    assert "agency lea2" in shell.ask("show", EDIT)
    shell.type("delete\n")
    shell.expect(r"\(no\) $")
    shell.type("yes\n")
    shell.expect(EDIT)
    assert "agency" not in shell.answer("show", EDIT)
