# SPDX-License-Identifier: BSD-2-Clause
"""Screens as wide as the terminal: nothing that is shown overflows, whatever the size and while it changes."""

import contextlib
import os
import re
import subprocess

import fakectl
import pytest
from lablib.terminal import Terminal, columns
from programs import PROGRAMS

WIDTHS = 40, 80, 132, 200
LONG_ADDRESS = "2001:db8:1111:2222:3333:4444:5555:6666"
LONG_NAME = "an-agency-with-a-name-as-long-as-may"
PROMPT, EDIT = r"^\S+@\S+> $", r"^\S+@\S+# $"
RIGHTS = {"uid": 0, "login": "root", "rights": 0xffffffff, "permissions": ["flow-tap", "all", "maintenance"]}
COMMIT = {"time": "2026-01-02T03:04:05Z", "user": "operator", "generation": 77,
          "comment": "a comment of several words, which do not all have room in one line of a narrow screen"}
FLOW_TAP = {
    "state": "running", "version": "0.1.0", "attach": "tcx", "start-time": 86400, "sessions": 3,
    "agencies": [{"agency": a, "sessions": 250, "criteria": 131072, "due": 12345678901234, "sent": 12345678901000,
                  "lost-budget": 200, "lost-otherwise": 34} for a in ("lea1", LONG_NAME)],
    "interfaces": [{"name": "enp129s0f0np0", "tapped": True},
                   {"name": "wwan0.qmimux123", "tapped": False, "why": "it is not Ethernet, and nothing else is tapped"}],
    "content-interfaces": [{"name": "enp129s0f0np0", "way": "stage device: the interface has a queueing discipline"}],
    "programs": [{"name": "tap_ingress", "id": 4294967295, "tag": "0011223344556677", "loaded-seconds": 93784}],
    "copies-per-second": 1200000, "copies-per-second-most": 4800000,
    "disk": {"state": "nearly full", "free-bytes": 12345678, "reserve-bytes": 67108864, "lines-owed": 12},
    "pending-restart": "services flow-tap maximum-criteria, services flow-tap attach, services flow-tap run-directory",
    "capacity": {"table-bytes": 104857600, **{f"{k}{x}": 131072 for k in (
        "criteria", "terms-ipv4", "terms-ipv6", "masks-ipv4", "masks-ipv6", "destinations") for x in ("", "-limit")}},
    "copies": {"matched": 12345678901234, "due": 12345678901234, "sent": 12345678901000},
    "since-cleared": {"time": "2026-01-02T03:04:05Z", "user": "an operator with a long name",
                      "copies": {"matched": 1, "due": 2, "sent": 3},
                      "losses": {"criterion-removed-early": 1234567890, "transmit": 4}, "information": {"own-copies-skipped": 1}},
}
ANSWERS = {
    "cli authorization": RIGHTS,
    "services flow-tap": FLOW_TAP,
    "services flow-tap statistics": FLOW_TAP,
    "services flow-tap sessions": {"sessions": [
        {"agency": a, "address": LONG_ADDRESS, "open-seconds": 9876543, "requests": 1234567890, "refused": 123456}
        for a in ("lea1", LONG_NAME)]},
    "services flow-tap content-destinations": {"content-destinations": [
        {"address": LONG_ADDRESS, "port": 65535, "agency": LONG_NAME, "criteria": 131072, "state": "unresolved",
         "unresolved-seconds": 7, "interface": "enp129s0f0np0", "way": "stage device", "next-hop": LONG_ADDRESS}], "more": True},
    "services flow-tap events": {"events": [
        {"time-ms": 86400999, "severity": "warning", "kind": "criterion-removed-early",
         "text": "a criterion that nobody authorised was in the kernel: it copies no more"}] * 40},
    "system alarms": {"alarms": [{"time": COMMIT["time"], "kind": "disk-nearly-full",
                                  "text": "the state directory has 12.3 MiB left, of which 64 are kept for what ends taps"}]},
    "system commit": {"commits": [COMMIT] * 3, "confirm-within-seconds": 600, "scheduled": COMMIT,
                      "pending-restart": FLOW_TAP["pending-restart"]},
    "warrant show": {"warrants": [{"reference": "a-reference-of-a-warrant/2026/00123", "agency": LONG_NAME,
                                   "state": "approved", "start": COMMIT["time"], "end": COMMIT["time"]}]},
    "request services flow-tap self-test": {"result": "broken", "broken": "copies routed", "links": [
        {"link": "copies routed", "state": "broken", "why": "0 of 3 copies were sent; loss: no-route, and some more words"}]},
    "request services flow-tap rotate-keys": {"rotation": "under way", "reseal-rows": 131072},
    "configuration rollback 0": {"text": "services {\n    flow-tap {\n        agency lea1;\n    }\n}\n", **COMMIT},
}
COMMANDS = [*("show " + k for k in ANSWERS if k.startswith(("services", "system"))), *(
    k for k in ANSWERS if k.startswith(("request", "warrant"))), "show cli authorization", "show interfaces terse",
    "show route", "show arp", "show system uptime", "show system users", "show version", "help", "help topic rollback", "help topic nonsense",
    "help apropos criteria", "help reference services flow-tap agency"]
WRONG = ["show nonsense", "show services flow-tap statistics of a certain agency", "ping"]


@pytest.fixture
def ctl(tmp_path):
    with fakectl.daemon(tmp_path, ANSWERS) as path:
        yield path


def fit(text, width):
    for line in text.split("\n"):
        assert columns(line.rstrip("\r")) <= width, line


@contextlib.contextmanager
def shell(ctl, width, rows=24, *options):
    with Terminal([PROGRAMS["flowtap"], "-s", ctl, *options], rows, width, {"LANG": "C.UTF-8", "NO_COLOR": "1"}) as t:
        t.expect(PROMPT)
        yield t


@pytest.mark.parametrize("width", WIDTHS)
def test_commands_by_themselves(ctl, width):
    """One command each, as a shell of the system runs it; also what goes wrong."""
    for command in [c for c in COMMANDS if not c.startswith("help")] + WRONG:
        with Terminal([PROGRAMS["flowtap"], "-s", ctl, *command.split(), "|", "no-more"], 24, width) as t:
            t.ended()
            while t.read(0.2):
                pass
            assert t.seen.strip(), command
            fit(t.seen, width)


def test_in_a_shell_that_is_resized(ctl):
    """At the prompt: the next command is laid out for the size that the terminal then has."""
    with shell(ctl, 80) as t:
        t.ask("set cli screen-length 0", PROMPT)
        for width in *WIDTHS, 40, 61:
            t.resize(24, width)
            widest = 0
            for command in COMMANDS + WRONG:
                for line in t.answer(command, PROMPT):
                    assert columns(line) <= width, line
                    widest = max(widest, columns(line))
            assert widest > width * 0.6


def test_a_line_being_typed(ctl):
    """It is still there, on the new screen, and goes on."""
    with shell(ctl, 80) as t:
        t.editor()
        t.type("show ver")
        t.expect(r"show.*ver")
        t.resize(24, 40)
        t.expect(r"\r\S+> show ver")
        t.type("sion\n")
        assert "flowtap 0" in t.expect(PROMPT)


@pytest.mark.parametrize("width", WIDTHS)
def test_help_lists(ctl, width):
    with shell(ctl, width, 500) as t:
        t.editor()
        for line, last in ("", "Leave"), ("show ", "warrant"), ("show services flow-tap ", "Pipe through"):
            t.type(line + "?")
            t.expect("Possible completions:\n")
            fit(t.expect(r"\S+> " + line + "$").rsplit("\n", 1)[0], width)
            t.type("\x03")
            t.expect(PROMPT)
        t.ask("configure", EDIT)
        t.ask("edit system login class x", EDIT)
        for line in "set ", "set permissions ":
            t.type(line + "?")
            t.expect("Possible completions:\n")
            fit(t.expect(r"\S+# " + line + "$").rsplit("\n", 1)[0], width)
            t.type("\x03")
            t.expect(EDIT)


def test_resized_while_paging(ctl):
    """What is left of the output is told in lines that fit, and as many as the screen then has."""
    with shell(ctl, 132, 10) as t:
        t.editor()
        t.type("show services flow-tap events\n")
        fit(t.expect(r"---\(more\)---"), 132)
        t.resize(14, 50)
        t.type(" ")
        t.expect(r"\r +\r")
        page = t.expect(r"---\(more\)---")
        fit(page.rsplit("\n", 1)[0], 50)
        assert page.count("\n") == 13
        t.type("q")
        t.expect(r"\S+> $")
        lines = [x for x in page.split("\n") if "Z" in x]
        assert lines, page


def test_not_a_terminal(ctl):
    """80 columns, whatever the terminal of the one who asks."""
    r = subprocess.run([PROGRAMS["flowtap"], "-s", ctl, "show", "services", "flow-tap", "sessions"], capture_output=True,
                       text=True, timeout=20, check=True)
    fit(r.stdout, 80)
    assert "No room for" in r.stdout


# ---- lists behind ? ----

def names():
    return sorted(os.listdir("/sys/class/net"))


def test_lists_are_paged(ctl):
    with shell(ctl, 80, 8) as t:
        t.editor()
        t.type("show ?")
        t.expect("Possible completions:\n")
        assert t.expect(r"---\(more\)---").count("\n") == 6
        t.type(" ")
        t.expect(r"\S+> show $")
        t.type("version\n")
        assert "flowtap 0" in t.expect(r"\S+> $")
        t.ask("set cli screen-length 0", PROMPT)
        t.type("show ?")
        assert "more" not in t.expect(r"\S+> show $")


def test_seen_enough_of_a_list(ctl):
    """The line is still there."""
    with shell(ctl, 80, 8) as t:
        t.editor()
        t.type("show ?")
        t.expect(r"---\(more\)---")
        t.type("q")
        t.expect(r"\S+> show $")
        t.type("version\n")
        assert "flowtap 0" in t.expect(PROMPT)


@pytest.mark.parametrize("line", ["show interfaces ", "show interfaces terse ", "ping localhost source ",
                                  "set services flow-tap tapped-interfaces ",
                                  "set services flow-tap tapped-interfaces [ all "])
def test_interfaces_are_offered(ctl, line):
    with shell(ctl, 80, 500) as t:
        t.editor()
        prompt = PROMPT
        if line.startswith("set"):
            t.ask("configure", EDIT)
            prompt = EDIT
        t.type(line + "?")
        t.expect("Possible completions:\n")
        said = t.expect(r"\S+[>#] " + re.escape(line) + "$")
        assert [x for x in names() if re.search(rf"^  {re.escape(x)} +An interface", said, re.M)] == names(), said
        t.type("l\t")
        if [x for x in names() if x.startswith("l")] == ["lo"]:
            t.expect("o ")
        t.type("\x03")
        t.expect(prompt)


def test_interfaces_complete_by_themselves(ctl):
    """For the shells of the system."""
    r = subprocess.run([PROGRAMS["flowtap"], "-s", ctl, "--complete", "show interfaces terse "], capture_output=True,
                       text=True, timeout=20, check=True)
    assert sorted(x.split("\t")[0] for x in r.stdout.splitlines() if not x.startswith("<")) == names()


# ---- help ----

def test_help_on_words(ctl):
    with shell(ctl, 80) as t:
        t.ask("set cli screen-length 0", PROMPT)
        said = t.ask("help topic maximum-sessions", PROMPT)
        assert "services flow-tap agency <name> maximum-sessions <number>" in said and "From 1 to 250." in said
        said = t.ask("help topic nonsense", PROMPT)
        assert "error: there is no help on nonsense" in said and "maximum-sessions" in said
        assert "clsact" in t.ask("help reference services flow-tap attach", PROMPT)
        assert "unknown word" in t.ask("help reference services nonsense", PROMPT)
        assert "idle-timeout <number>" in t.ask('help apropos "without a KEY"', PROMPT)
        t.ask("configure", EDIT)
        t.ask("edit services flow-tap", EDIT)
        assert "How programs are attached" in t.ask("help reference attach", EDIT)
