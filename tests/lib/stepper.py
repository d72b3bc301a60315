# SPDX-License-Identifier: BSD-2-Clause
"""Kills a running process as it is about to make its n-th system call from now on."""

import ctypes
import errno
import os
import signal
import time

PTRACE_CONT, PTRACE_DETACH, PTRACE_SYSCALL = 7, 17, 24
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_O_TRACESYSGOOD = 0x4206, 0x4207, 1
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid, data=0):
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace: {os.strerror(ctypes.get_errno())}")


class Stepper:
    """All of it from one thread, which is the tracer."""

    def __init__(self, pid):
        self.pid, self.calls, self.inside = pid, 0, True  # it waits within a call
        ptrace(PTRACE_SEIZE, pid, PTRACE_O_TRACESYSGOOD)
        ptrace(PTRACE_INTERRUPT, pid)
        os.waitpid(pid, WALL)
        ptrace(PTRACE_SYSCALL, pid)

    def _stopped(self, status, limit):
        """True: it has been killed."""
        sig = os.WSTOPSIG(status)
        if sig == signal.SIGTRAP | 0x80:
            self.inside = not self.inside
            self.calls += self.inside
            if self.calls == limit:
                os.kill(self.pid, signal.SIGKILL)
                return True
        ptrace(PTRACE_SYSCALL, self.pid, 0 if sig & ~0x80 == signal.SIGTRAP else sig)
        return False

    def run(self, limit, over):
        """Until the call of that number, then it is killed: True.  False: over() was true before."""
        while True:
            try:
                pid, status = os.waitpid(self.pid, WALL | os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                if over():
                    self._detach()
                    return False
                time.sleep(0.0002)  # neither wait can be waited for together with the other
            elif not os.WIFSTOPPED(status):
                return False
            elif self._stopped(status, limit):
                os.waitpid(self.pid, WALL)
                return True

    def _detach(self):
        try:
            ptrace(PTRACE_INTERRUPT, self.pid)
            os.waitpid(self.pid, WALL)
            ptrace(PTRACE_DETACH, self.pid)
        except OSError as e:
            if e.errno not in (errno.ESRCH, errno.ECHILD):
                raise
