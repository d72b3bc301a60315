# SPDX-License-Identifier: BSD-2-Clause
"""A shell with job control on a terminal emulator's screen: what a person has before them."""

import os
import shlex
import subprocess
import tempfile

from rig import until


class Tmux:
    """bash in a tmux of its own; .raw() is every byte that was written to its terminal."""

    PROMPT = "ready$ "

    def __init__(self, columns=80, rows=24, **env):
        self.dir = tempfile.TemporaryDirectory()
        self.socket, self.record = self.dir.name + "/tmux", self.dir.name + "/raw"
        env = {k: v for k, v in {**os.environ, "PS1": self.PROMPT, "LC_ALL": "C.UTF-8", "NO_COLOR": None,
                                 **env}.items() if v is not None}
        term = env.pop("TERM_INSIDE", None)
        env.pop("TMUX", None)
        with open(self.dir.name + "/conf", "w") as f:
            f.write("set -g default-terminal screen-256color\n")
        self.tmux("-f", self.dir.name + "/conf", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  "exec bash --norc --noprofile -i", env=env)
        self.tmux("pipe-pane", "cat >> " + shlex.quote(self.record))
        self.run("true")
        if term is not None:
            self.run(f"export TERM={term}" if term else "unset TERM")

    def tmux(self, *args, env=None):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *args], env=env, capture_output=True, text=True, timeout=20,
                              check=True).stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def key(self, name):
        self.tmux("send-keys", name)

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def raw(self):
        try:
            with open(self.record, "rb") as f:
                return f.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def sees(self, text, timeout=20.0):
        """Waits for the text on the screen; the screen."""
        try:
            until(text, lambda: text in self.screen(), timeout)
        except AssertionError as e:
            raise AssertionError(f"{e}; the screen is:\n{self.screen()}") from None
        return self.screen()

    def run(self, command):
        """A command that ends by itself: waits for that."""
        self.count = getattr(self, "count", 0) + 1
        mark = f"end-{self.count}-"
        self.type(f"{command}; echo {mark[:-1]}'-'$?\n")
        return self.sees_line(mark)

    def sees_line(self, mark):
        """The rest of the first line that begins with the mark."""
        def find():
            # a long command may be parted before its "echo mark-$?", which is not what it prints
            return [x[len(mark):].strip() for x in self.screen().splitlines() if x.startswith(mark) and "$?" not in x]
        try:
            return until(mark, find, 20)[0]
        except AssertionError as e:
            raise AssertionError(f"{e}; the screen is:\n{self.screen()}") from None

    def flag(self, name):
        return self.tmux("display-message", "-p", "#{" + name + "}").strip()

    def is_given_back(self):
        """The shell's screen and a cursor; the terminal's mode, as a command of the shell finds it."""
        until("the shell's screen", lambda: self.flag("alternate_on") == "0", 20)
        until("a cursor", lambda: self.flag("cursor_flag") == "1", 20)
        self.run(f"stty -a >{self.dir.name}/stty")
        with open(self.dir.name + "/stty") as f:
            return f.read()

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)
        self.dir.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
