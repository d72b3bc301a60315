# SPDX-License-Identifier: BSD-2-Clause
"""The second officer approves a text, not a name: what is on the paper is what they approve."""

import json
import os

import pytest
from test_audit import flowtap, head, since
from test_warrant import ALICE, BOB, approve, enter, officer, printed, text

PREFIX = "198.51.100.7/32"


@pytest.fixture
def entered(rig):
    """A warrant that is entered; the reference and the fingerprint that was printed."""
    entered.n = getattr(entered, "n", 0) + 1
    ref = f"PAPER-{entered.n}"
    yield ref, printed(enter(rig, ALICE, text(ref, start=-3600, end=7200, Prefix=PREFIX)))
    officer(rig, BOB, "revoke", "lea1", ref, check=False)


def state(rig, ref):
    shown = json.loads(flowtap(rig, "-j", "warrant", "show").stdout)
    return {w["reference"]: w for w in shown["warrants"]}[ref]["state"]


def offline(rig, what):
    with open(rig.info["dir"] + "/etc/order", "w") as f:
        f.write(what)
    os.chmod(rig.info["dir"] + "/etc/order", 0o600)
    return flowtap(rig, "warrant", "fingerprint", "/etc/flowtap/order").stdout.strip()


def test_approval_is_of_a_text(rig, entered):
    """Somebody entered another target under the right name: the paper's fingerprint does not approve it."""
    ref, right = entered
    paper = officer(rig, BOB, "show", "lea1", ref).stdout
    assert offline(rig, paper) == right, "who writes the order prints the same"
    other = offline(rig, paper.replace("198.51.100.7/32", "198.51.100.8/32"))
    shuffled = "# the same\n" + "\n\n".join(reversed(paper.splitlines())) + "\n"
    assert other != right and offline(rig, shuffled) == right
    mark = head(rig)
    for wrong in other, right[:-1], right[:-1] + ("0" if right[-1] != "0" else "1"), "0", "-", right + "0":
        r = approve(rig, BOB, "lea1", ref, wrong, check=False)
        assert r.returncode == 1 and "the fingerprint is not that of its text" in r.stderr, (wrong, r.stderr)
    r = officer(rig, BOB, "approve", "lea1", ref, check=False)  # without one, and nobody to ask
    assert r.returncode == 2 and "fingerprint" in r.stderr
    assert state(rig, ref) == "entered"
    refused = [x for x in since(rig, mark) if x["kind"] == "warrant-refused"]
    assert len(refused) == 6 and {x["reason"] for x in refused} == {"the fingerprint is not that of its text"}
    approve(rig, BOB, "lea1", ref, right.upper().replace("-", ""))
    assert state(rig, ref) == "in force"
    line = [x for x in since(rig, mark) if x["kind"] == "warrant-approved"]
    assert [x["reason"].startswith("text SHA-256 " + right.replace("-", "")) for x in line] == [True]


def test_the_text_is_shown_to_officers(rig, entered):
    """All of it, and that it was shown is on record; nobody else sees it."""
    ref, _ = entered
    mark = head(rig)
    shown = officer(rig, BOB, "show", "lea1", ref).stdout
    assert "Prefix: " + PREFIX in shown and shown.startswith("Reference: " + ref + "\n")
    assert PREFIX not in officer(rig, BOB, "show").stdout
    for who in (60009, 60009), (60009, "_flowtap"), (60009, "flowtap-audit"):
        r = flowtap(rig, "warrant", "show", "lea1", ref, user=("--reuid", str(who[0]), "--regid", str(who[1])), check=False)
        assert r.returncode == 3 and PREFIX not in r.stdout + r.stderr
    assert officer(rig, BOB, "show", "lea1", "no-such", check=False).returncode == 4
    told = [(x["kind"], x["uid"], x["agency"], x["warrant"]) for x in since(rig, mark) if x["kind"].startswith("warrant-")]
    assert told == [("warrant-shown", BOB, "lea1", ref)]
