# SPDX-License-Identifier: BSD-2-Clause
"""The live screens of flowtap-collect and of flowtap's monitor, as a shell's user has them: in tmux."""

import json
import os
import re
import shlex
import signal
import subprocess

import fakectl
import pytest
from lablib.terminal import Terminal
from programs import PROGRAMS
from rig import until
from tmux import Tmux

COLLECT, FLOWTAP = shlex.quote(PROGRAMS["flowtap-collect"]), shlex.quote(PROGRAMS["flowtap"])
HEADING, ACCOUNT, MONITOR = "PKT/S", "received in", "Packets a second"
port = 17100


def collect(*options):
    global port
    port += 1
    return " ".join([COLLECT, "-n", "-a", "127.0.0.1", "-p", str(port), *options])


@pytest.fixture
def ctl(tmp_path):
    with fakectl.daemon(tmp_path) as path:
        yield path


@pytest.fixture
def monitor(ctl):
    return lambda *words: " ".join([FLOWTAP, "-s", ctl, "monitor", *words])


def pid_of(text):
    """Of the program with those words, quoted as a shell has them; waits for it."""
    words = re.escape(" ".join(shlex.split(text)))

    def find():
        r = subprocess.run(["pgrep", "-f", "--", words], capture_output=True, text=True)
        pids = [p for p in r.stdout.split() if open(f"/proc/{p}/comm").read().strip() in ("flowtap", "flowtap-collect")]
        return [int(p) for p in pids]
    return until(text, find, 20)[0]


def gone(pid):
    until(f"the end of {pid}", lambda: not os.path.exists(f"/proc/{pid}"), 20)


# ---- the foreground, and its end ----

def test_table_and_account():
    with Tmux() as t:
        t.type(collect() + "\n")
        t.sees(HEADING)
        assert t.flag("alternate_on") == "1"
        t.key("C-c")
        screen = t.sees(ACCOUNT)
        assert HEADING not in screen and " icanon" in t.is_given_back()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGABRT, signal.SIGQUIT])
def test_ended_by_a_signal(number, monitor):
    """Whatever ends it, the terminal is the shell's again; the monitor dies of what it was sent."""
    with Tmux() as t:
        before = t.is_given_back()
        for command, sees in (collect(), HEADING), (monitor(), MONITOR):
            t.type(command + "; echo status-$?\n")
            t.sees(sees)
            os.kill(pid_of(command), number)
            status = int(t.sees_line("status-"))
            wanted = 0 if sees == HEADING and number in (signal.SIGTERM, signal.SIGHUP) else 128 + number
            assert status == wanted
            assert t.is_given_back() == before
            t.run("clear")


def test_monitor_is_left(monitor):
    with Tmux() as t:
        for key in "q", "C-c":
            t.type(monitor() + "; echo status-$?\n")
            t.sees(MONITOR)
            t.key(key)
            assert t.sees_line("status-") == "0" and " icanon" in t.is_given_back()
            t.run("clear")


def test_the_terminal_goes(monitor):
    for command, sees in (collect(), HEADING), (monitor(), MONITOR):
        with Tmux() as t:
            t.type(command + "\n")
            t.sees(sees)
            pid = pid_of(command)
        gone(pid)


def test_a_message_is_not_lost(tmp_path):
    """What went wrong meanwhile is on the screen after it."""
    with Tmux() as t:
        with fakectl.daemon(tmp_path) as path:
            t.type(f"{FLOWTAP} -s {path} monitor\n")
            t.sees(MONITOR)
        os.unlink(path)
        t.sees("is flowtapd running?")
        t.is_given_back()


# ---- job control ----

def test_never_in_the_background(monitor):
    """Started there, also where a job that writes is stopped: no picture, no mode, and it goes on."""
    with Tmux() as t:
        t.run("stty tostop; clear")
        t.type(collect("-t 2") + " & wait; echo status-$?\n")
        assert t.sees_line("status-") == "0"
        assert ACCOUNT in t.raw() and HEADING not in t.raw() and t.flag("alternate_on") == "0"
        t.run("clear")
        t.type(monitor("interval 1 count 2") + " & wait; echo status-$?\n")
        assert t.sees_line("status-") == "0" and MONITOR not in t.raw()
        assert " icanon" in t.is_given_back()


def test_monitor_comes_with_the_foreground(monitor):
    with Tmux() as t:
        t.type(monitor() + " &\n")
        pid_of(monitor())
        t.type("fg\n")
        t.sees(MONITOR)
        t.key("q")
        assert " icanon" in t.is_given_back()


@pytest.mark.parametrize("how", ["key", "signal"])
def test_stop_and_go_on(how, monitor):
    with Tmux() as t:
        for command, sees in (collect(), HEADING), (monitor(), MONITOR):
            t.type(command + "\n")
            t.sees(sees)
            if how == "key":
                t.key("C-z")
            else:
                os.kill(pid_of(command), signal.SIGTSTP)
            t.sees("Stopped")
            assert " icanon" in t.is_given_back()
            t.type("fg\n")
            t.sees(sees)
            assert t.flag("alternate_on") == "1"
            t.key("C-c")
            assert " icanon" in t.is_given_back()
            t.run("clear")


def test_stopped_hard_and_taken_up():
    """SIGSTOP gives no time to give anything back; what comes later does."""
    with Tmux() as t:
        command = collect()
        t.type(command + "\n")
        t.sees(HEADING)
        os.kill(pid_of(command), signal.SIGSTOP)
        t.sees("Stopped")
        t.run("clear")
        t.type("fg\n")
        t.sees(HEADING)
        t.key("C-c")
        t.sees(ACCOUNT)
        assert " icanon" in t.is_given_back()


def test_sent_to_the_background():
    with Tmux() as t:
        t.type(collect("-t 4") + "\n")
        t.sees(HEADING)
        t.key("C-z")
        t.sees("Stopped")
        t.run("clear")
        at = len(t.raw())
        t.type("bg; wait; echo done-$?\n")
        assert t.sees_line("done-") == "0"
        assert ACCOUNT in t.raw()[at:] and HEADING not in t.raw()[at:]


# ---- terminals ----

@pytest.mark.parametrize("term", ["dumb", "nosuchterminal", ""])
def test_no_screen_to_draw_on(term, monitor):
    """Lines instead of a picture, and not one escape sequence."""
    with Tmux(TERM_INSIDE=term) as t:
        t.run("clear 2>/dev/null; true")
        at = len(t.raw())
        t.type(collect("-t 2") + "; echo status-$?\n")
        assert t.sees_line("status-") == "0"
        t.type(monitor("count 2") + "; echo lines-$?\n")
        assert t.sees_line("lines-") == "0"
        said = t.raw()[at:].replace("\x1b[?2004h", "").replace("\x1b[?2004l", "")  # the shell's own
        assert "matched/s" in said and ACCOUNT in said and HEADING not in said and "\x1b" not in said


COLOURED = re.compile(r"\x1b\[[0-9;]*3[0-9]")


@pytest.mark.parametrize("env,options,colours", [({}, "", True), ({"NO_COLOR": "1"}, "", False), ({"NO_COLOR": ""}, "", True),
                                                 ({}, "--color=never", False), ({"NO_COLOR": "1"}, "--color=always", True)])
def test_colours(env, options, colours, ctl):
    with Tmux(**env) as t:
        t.type(f"{FLOWTAP} -s {ctl} {options} monitor\n")
        t.sees("matched")
        until("a chart", lambda: "lea1" in t.screen() and "800" in t.screen(), 20)
        until("its record", lambda: "lea1" in t.raw(), 20)
        assert bool(COLOURED.search(t.raw())) == colours


@pytest.mark.parametrize("locale,block", [("C.UTF-8", "█"), ("C", "@")])
def test_locale(locale, block, monitor):
    with Tmux(LC_ALL=locale) as t:
        t.type(monitor() + "\n")
        t.sees(block)


def test_resized(monitor):
    """From 40 to 200 columns, while it runs: nothing is cut off or wrapped, and width is used."""
    with Tmux(columns=80) as t:
        t.type(monitor("interval 1") + "\n")
        t.sees("last 40 looks")
        for width, sees in (40, "in all"), (200, "last 160 looks"), (60, "last 20 looks"), (120, "last 80 looks"):
            t.resize(width, 24)
            until(f"{width} columns", lambda: sees in t.screen() and ("looks" in sees or "looks" not in t.screen()), 20)
            lines = t.screen().splitlines()
            assert any(line.startswith("  lea1") and len(line) <= width for line in lines), lines
            assert sum("matched" in line for line in lines) == 1
    with Tmux(columns=40, rows=8) as t:
        t.type(collect() + "\n")
        screen = t.sees(HEADING)
        assert "BYTES" not in screen and "LOST" in screen
        t.resize(100, 30)
        assert "FILE" in t.sees("BYTES")


@pytest.mark.parametrize("rows,columns", [(0, 0), (1, 1), (2, 500)])
def test_odd_sizes(rows, columns):
    with Terminal(shlex.split(collect("-t 1")), rows=rows, cols=columns, env={"TERM": "xterm"}) as t:
        t.expect(ACCOUNT)
        assert t.ended() == 0
        assert (HEADING in t.seen) == (columns != 1)


def test_not_a_terminal(monitor):
    for command in collect("-t 1"), monitor("count 1"):
        out = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30,
                             env={**os.environ, "TERM": "xterm"})
        assert out.returncode == 0 and "\x1b" not in out.stdout + out.stderr and out.stdout


# ---- readers that leave ----

@pytest.mark.parametrize("trap", ["", "trap '' PIPE; "])
def test_monitor_into_head(trap, monitor):
    r = subprocess.run(["bash", "-c", f"{trap}{monitor()} | head -3"], capture_output=True, text=True, timeout=30)
    assert r.stdout.count("\n") == 3
    # also between two looks
    r = subprocess.run(["bash", "-c", f"{trap}{monitor('interval 3600')} | head -1"], capture_output=True, text=True,
                       timeout=30)
    assert r.stdout.count("\n") == 1


def test_account_into_nothing():
    for to in "/dev/full", "&-":
        r = subprocess.run(["sh", "-c", f"{collect('-t 1')} >{to}"], stderr=subprocess.PIPE, text=True, timeout=30)
        assert r.returncode == 1 and r.stderr.startswith("flowtap-collect: standard output: "), r


# ---- the pager ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGTSTP])
def test_signal_at_the_pager(number, tmp_path):
    """It waits for a key in a mode of its own, and gives the terminal back before it ends or stops."""
    record = tmp_path / "record"
    record.write_text('{"n":1,"time":"2026-01-01T00:00:00Z","kind":"start"}\n' * 100)
    with Tmux() as t:
        before = t.is_given_back()
        t.type(f"{FLOWTAP} -s /nonexistent audit report {record}\n")
        t.sees("(more)")
        os.kill(pid_of(f"audit report {record}"), number)
        t.sees("Stopped" if number == signal.SIGTSTP else "Terminated")
        assert t.is_given_back() == before
        if number == signal.SIGTSTP:
            t.type("fg\n")
            t.type(" ")
            t.sees("(more)")
            t.type("q")
            assert t.is_given_back() == before


# ---- the shell's prompts ----

def test_monitor_in_a_shell(ctl):
    """A screen in both modes; with pipes, lines that go through them as they come.  Control-C ends the command only."""
    with Terminal([PROGRAMS["flowtap"], "-s", ctl], env={"TERM": "xterm", "LANG": "C.UTF-8"}) as t:
        for prompt, word in (r"^\S+@\S+> $", ""), (r"^\S+@\S+# $", "run "):
            if word:
                t.type("configure\n")
            t.expect(prompt)
            t.type(word + "monitor\n")
            t.expect(MONITOR)
            t.type("q")  # and no Enter
            t.expect(r"\S+@\S+[>#] $")
            for pipe in "no-more", "match T":
                said = t.ask(f"{word}monitor count 2 | {pipe}", prompt)
                assert len(re.findall(r"^20\S+Z +\d", said, re.M)) == 2, said
            t.type(word + "monitor | no-more\n")
            t.expect(r"20\d\d-\S+Z +\d")
            t.type("\x03")
            t.expect(prompt)


def test_monitor_of_so_many_looks(ctl):
    """One object for each, none of which lacks its rates; words in any order."""
    def run(*words):
        return subprocess.run([PROGRAMS["flowtap"], "-s", ctl, *words], capture_output=True, text=True, timeout=30)
    for words in ("interval", "1", "count", "2"), ("count", "2", "interval", "1"), ("count", "2"):
        looks = [json.loads(x) for x in run("-j", "monitor", *words).stdout.splitlines()]
        assert len(looks) == 2 and None not in {v for x in looks for v in x.values()}, looks
    r = run("monitor", "count", "0")
    assert r.returncode == 2 and "COUNT (How many, from 1 on)" in r.stderr
    r = run("show", "configuration", "rollback", "88")
    assert r.returncode == 2 and "expected: N (Number, 0 to 49; 0 is the active configuration)" in r.stderr
