# SPDX-License-Identifier: BSD-2-Clause
"""Warrants that officers sign with ssh-keygen, each on a machine of their own: what is taken, what is refused, and what
stands on them."""

import json
import os
import re
import subprocess

import pytest
from rig import lab_command
from test_audit import flowtap, head, since
from test_warrant import ALICE, BOB, ask_add, officer, printed, reason, text

NAMESPACE = "flowtap-warrant"


class Signer:
    """An officer's own machine: a key, and ssh-keygen.  Nothing of ours is there."""

    def __init__(self, folder, name, kind="ed25519"):
        self.name, self.kind, self.folder = name, kind, folder
        self.key = folder / f"{name}-{kind}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", self.key], check=True)

    def line(self):
        return f'ssh-{self.kind} "{self.key.with_suffix(".pub").read_text().strip()}";'

    def print(self):
        return subprocess.run(["ssh-keygen", "-lf", self.key], check=True, capture_output=True, text=True).stdout.split()[1]

    def sign(self, statement, namespace=NAMESPACE, options=()):
        return subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, *options, "-f", self.key],
                              input=statement, check=True, capture_output=True, text=True).stdout


    def prove(self, statement, signatures, first):
        """With stock ssh-keygen, as somebody would who believes no program of ours."""
        allowed, mine = self.folder / "allowed", self.folder / "signature"
        allowed.write_text(f"{self.name} {self.key.with_suffix('.pub').read_text()}")
        parts = re.findall(r"-----BEGIN SSH SIGNATURE-----\n.*?-----END SSH SIGNATURE-----\n", signatures, re.S)
        mine.write_text(parts[0 if first else 1])
        subprocess.run(["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", self.name, "-n", NAMESPACE, "-s", mine],
                       input=statement, check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("officers")
    return {"alice": Signer(folder, "alice"), "bob": Signer(folder, "bob", "rsa"), "eve": Signer(folder, "eve")}


def stanza(*signers, required=True):
    officers = "".join(f"officer {s.name} {{ {s.line()} }} " for s in signers)
    return f"warrants {{ {'signatures-required; ' if required else ''}{officers}}}"


def configured(old, *signers, required=True):
    """lea1 has no standing authority; these are the officers."""
    assert "authority standing" in old
    return old.replace("authority standing;", "", 1).replace("flow-tap {", "flow-tap { " + stanza(*signers, required=required), 1)


@pytest.fixture
def signed(rig, config, people):
    """alice and bob sign; a reference of the test's own."""
    config(lambda old: configured(old, people["alice"], people["bob"]))
    signed.n = getattr(signed, "n", 0) + 1
    ref = f"SIGNED-{signed.n}"
    yield ref
    officer(rig, BOB, "revoke", "lea1", ref, check=False)


def put(rig, name, what):
    path = rig.info["dir"] + "/etc/" + name  # the router sees it in /etc/flowtap
    with open(path, "w", encoding="ascii") as f:
        f.write(what)
    os.chmod(path, 0o644)
    return "/etc/flowtap/" + name


def to_enter(rig, order):
    return officer(rig, ALICE, "statement", "enter", put(rig, "order", order)).stdout


def to_approve(rig, ref, agency="lea1"):
    return officer(rig, BOB, "statement", "approve", agency, ref).stdout


def enter(rig, order, signature, check=True):
    argv = ["enter", put(rig, "order", order)]
    return officer(rig, ALICE, *argv, *([put(rig, "order.sig", signature)] if signature else []), check=check)


def approve(rig, ref, paper, signature, check=True):
    argv = ["approve", "lea1", ref, paper]
    return officer(rig, BOB, *argv, *([put(rig, "approval.sig", signature)] if signature else []), check=check)


def state(rig, ref):
    shown = json.loads(flowtap(rig, "-j", "warrant", "show").stdout)["warrants"]
    return {w["reference"]: w for w in shown}[ref]


def refusals(rig, mark):
    return [x["reason"] for x in since(rig, mark) if x["kind"] == "warrant-refused"]


def test_two_signatures(rig, signed, people):
    """Both officers sign; their keys are on record; an ADD stands on it, also after a restart of the daemon."""
    ref, order, mark, port = signed, text(signed), head(rig), rig.port()
    statement = to_enter(rig, order)
    assert statement.startswith("flowtap warrant statement 1\nRouter: ") and f"Reference: {ref}\n" in statement
    paper = printed(enter(rig, order, people["alice"].sign(statement)))
    shown = officer(rig, BOB, "show", "lea1", ref).stdout
    sha256 = subprocess.run(["sha256sum"], input=shown, check=True, capture_output=True, text=True).stdout.split()[0]
    assert f"Text: SHA-256 {sha256}\n" in to_approve(rig, ref), "the officer can compute it from what is shown"
    approve(rig, ref, paper, people["bob"].sign(to_approve(rig, ref)))
    now = state(rig, ref)
    assert (now["state"], now["entry-key"], now["approval-key"]) == ("in force", people["alice"].print(), people["bob"].print())
    shown = json.loads(flowtap(rig, "-j", "warrant", "show", "lea1", ref).stdout)["warrants"][0]["signatures"]
    for who, verb in (people["alice"], "enter"), (people["bob"], "approve"):
        who.prove(to_approve(rig, ref).replace("Verb: approve", f"Verb: {verb}"), shown, verb == "enter")
    told = [(x["kind"], x["signer"]) for x in since(rig, mark) if x["kind"] in ("warrant-entered", "warrant-approved")]
    assert told == [("warrant-entered", "alice " + people["alice"].print()), ("warrant-approved", "bob " + people["bob"].print())]
    with rig.session() as s:
        assert ask_add(rig, s, port).code == 200
    mark = head(rig)
    lab_command("stop", "--name", rig.name)
    lab_command("start", "--name", rig.name)
    assert state(rig, ref) == now and [x for x in since(rig, mark) if x["kind"] == "alarm"] == []
    with rig.session() as s:
        assert len(s.ask("LIST", "Flags: BOTH").entries()) == 1


def test_rsa_of_both_digests(rig, signed, people):
    order = text(signed)
    signature = people["bob"].sign(to_enter(rig, order), options=("-O", "hashalg=sha256"))
    paper = printed(enter(rig, order, signature))
    approve(rig, signed, paper, people["alice"].sign(to_approve(rig, signed)))
    assert state(rig, signed)["state"] == "in force"


def changed(signature):
    """One of its characters is another."""
    lines = signature.splitlines()
    lines[-2] = ("B" if lines[-2][0] == "A" else "A") + lines[-2][1:]
    return "\n".join(lines) + "\n"


NOT = "the signature is not one under this statement"
NOBODY = "the signature is by a key that the configuration gives no officer"


def test_entry_refused(rig, signed, people):
    """None, another key, name space, text, name, verb or router: each is on record, and nothing is entered."""
    alice, order, mark = people["alice"], text(signed), head(rig)
    right = to_enter(rig, order)
    router = next(x for x in right.splitlines() if x.startswith("Router: "))
    wrong = [
        (None, "the configuration requires an officer's signature"),
        (people["eve"].sign(right), NOBODY),
        (alice.sign(right, namespace="file"), NOT),
        (alice.sign(right, namespace="flowtap-revoke"), NOT),
        (alice.sign(order), NOT),
        (alice.sign(to_enter(rig, text(signed, Prefix="198.51.100.7/32"))), NOT),
        (alice.sign(to_enter(rig, text(signed + "x"))), NOT),
        (alice.sign(right.replace("Verb: enter", "Verb: approve")), NOT),
        (alice.sign(right.replace(router, "Router: " + "0" * 64)), NOT),
        (alice.sign(right + "\n"), NOT),
        (changed(alice.sign(right)), NOT),
    ]
    for signature, why in wrong:
        r = enter(rig, order, signature, check=False)
        assert r.returncode == 1 and why in r.stderr, (why, r.stderr)
    assert refusals(rig, mark) == [why for _, why in wrong]
    for junk in "junk\n", alice.sign(right) + "more\n":
        assert enter(rig, order, junk, check=False).returncode == 2
    assert signed not in flowtap(rig, "warrant", "show").stdout
    enter(rig, order, alice.sign(right))
    r = enter(rig, order, alice.sign(right), check=False)  # once more, the same
    assert r.returncode == 1 and "Reference" in r.stderr


def test_approval_refused(rig, signed, people):
    alice, bob, order = people["alice"], people["bob"], text(signed)
    entry = alice.sign(to_enter(rig, order))
    paper = printed(enter(rig, order, entry))
    right, mark = to_approve(rig, signed), head(rig)
    wrong = [
        (None, "the configuration requires an officer's signature"),
        (entry, NOT),
        (bob.sign(to_enter(rig, order)), NOT),
        (people["eve"].sign(right), NOBODY),
        (bob.sign(right, namespace="git"), NOT),
        (bob.sign(right.replace(signed, signed + "x")), NOT),
        (bob.sign(right.replace("Agency: lea1", "Agency: lea2")), NOT),
        (alice.sign(right), "who signed its entry can't sign its approval: that takes somebody else"),
    ]
    for signature, why in wrong:
        r = approve(rig, signed, paper, signature, check=False)
        assert r.returncode == 1 and why in r.stderr, (why, r.stderr)
    assert refusals(rig, mark) == [why for _, why in wrong] and state(rig, signed)["state"] == "entered"
    assert approve(rig, signed, paper, "junk\n", check=False).returncode == 2
    approve(rig, signed, paper, bob.sign(right))
    officer(rig, ALICE, "revoke", "lea1", signed)
    r = approve(rig, signed, paper, bob.sign(right), check=False)
    assert r.returncode == 1 and "revoked" in r.stderr, "a revoked one is not approved again by the same signature"
    r = enter(rig, order, entry, check=False)
    assert r.returncode == 1 and "Reference" in r.stderr, "nor entered again"


def test_an_officer_is_removed(rig, signed, people, config):
    """Who is no officer any more signs nothing, and an entry of theirs is not approved; what is in force stays."""
    alice, bob, eve, order = people["alice"], people["bob"], people["eve"], text(signed)
    paper = printed(enter(rig, order, alice.sign(to_enter(rig, order))))
    config(lambda old: configured(old, bob, eve))
    r = approve(rig, signed, paper, bob.sign(to_approve(rig, signed)), check=False)
    assert r.returncode == 1 and "no officer any more" in r.stderr
    r = enter(rig, text(signed + "-2"), alice.sign(to_enter(rig, text(signed + "-2"))), check=False)
    assert r.returncode == 1 and NOBODY in r.stderr
    config(lambda old: configured(old, alice, bob))
    approve(rig, signed, paper, bob.sign(to_approve(rig, signed)))
    config(lambda old: configured(old, eve))
    assert state(rig, signed)["state"] == "in force"
    with rig.session() as s:
        assert ask_add(rig, s, rig.port()).code == 200


def test_required_later(rig, signed, people, config):
    """A commit that requires signatures ends what stands on warrants without them, and says so before."""
    alice, bob, order = people["alice"], people["bob"], text(signed)
    config(lambda old: configured(old, alice, bob, required=False))
    paper = printed(enter(rig, order, None))
    r = approve(rig, signed, paper, bob.sign(to_enter(rig, order)), check=False)
    assert r.returncode == 1 and NOT in r.stderr, "one that is not needed is judged all the same"
    approve(rig, signed, paper, None)
    with rig.session() as s:
        assert ask_add(rig, s, rig.port()).code == 200
        mark = head(rig)
        config(lambda old: configured(old, alice, bob))
        assert s.ask("LIST", "Flags: BOTH").entries() == []
        assert reason(ask_add(rig, s, rig.port(), f"X-Warrant-Id: {signed}")) == (
            432, "the warrant is not signed as the configuration requires")
    assert state(rig, signed)["state"] == "unsigned"
    assert [(x["agency"], x["reason"]) for x in since(rig, mark) if x["kind"] == "ended"] == [
        ("lea1", "its warrant is not in force")]
