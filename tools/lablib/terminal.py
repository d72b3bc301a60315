# SPDX-License-Identifier: BSD-2-Clause
"""A program on a terminal of its own, and what a person would see there: for the demo, the guide and tests."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x07")


def columns(line):
    return len(ESCAPE.sub("", line))


class Terminal:
    def __init__(self, argv, rows=24, cols=80, env=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.seen, self.at = "", 0
        self.child = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                      preexec_fn=self.own,
                                      env={**os.environ, "TERM": "vt100", **(env or {})})
        os.close(slave)

    @staticmethod
    def own():
        """In the child: the terminal is its, and a hang-up ends it, whoever ignores that above us."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def resize(self, rows, cols):
        """The foreground process is told."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, timeout):
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other end is closed
            data = b""
        self.seen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    def expect(self, pattern, timeout=10):
        """Waits for the pattern in what has come since the last match; what was there up to its end, without escapes."""
        deadline = time.monotonic() + timeout
        while not (m := re.compile(pattern, re.M).search(self.seen, self.at)):
            left = deadline - time.monotonic()
            assert left > 0 and self.read(left), f"no {pattern!r} within {timeout} s in:\n{self.seen[self.at:]!r}"
        text = self.seen[self.at:m.end()]
        self.at = m.end()
        return ESCAPE.sub("", text)

    def editor(self):
        """Waits for a line editor, if there is one: what is typed before it listens is echoed twice."""
        deadline = time.monotonic() + 1
        while termios.tcgetattr(self.master)[3] & termios.ICANON and time.monotonic() < deadline:
            self.read(0.01)

    def ask(self, line, prompt, timeout=10):
        """Types a line; what is shown until the next prompt."""
        self.editor()
        self.type(line + "\n")
        return self.expect(prompt, timeout)

    def answer(self, line, prompt, timeout=10):
        """The same without the line itself and the prompt: the lines that a command printed."""
        return self.ask(line, prompt, timeout).split("\n")[1:-1]

    def ended(self, timeout=10):
        """The exit code."""
        deadline = time.monotonic() + timeout
        while self.child.poll() is None and time.monotonic() < deadline:
            self.read(0.05)
        return self.child.poll()

    def close(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGHUP)
            self.child.wait(10)
        os.close(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
