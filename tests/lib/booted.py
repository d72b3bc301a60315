# SPDX-License-Identifier: BSD-2-Clause
"""A machine with our units, run by a real systemd: a container over this machine's own root, in memory.

What is written in it goes with it.  It has a network of its own, and the powers over it that a machine has.
tests/system/machine.py makes the same of a Debian as it comes.
"""

import os
import re
import shutil
import subprocess

from rig import BIN, until

# What a machine's own service manager may do, and nspawn by itself would not let it.
CALLS = ("bpf perf_event_open @keyring landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp @pkey "
         "@memlock")


class CannotBoot(Exception):
    pass


def run(*argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, **more)


def must(*argv):
    r = run(*argv)
    if r.returncode:
        raise CannotBoot(f"{argv[0]}: {(r.stderr or r.stdout).strip()}")


class Booted:
    LOWER, TARGET, NETWORK = "/", "basic.target", ("--private-network",)

    def __init__(self, folder):
        self.dir, self.root, self.up, self.proc = str(folder), f"{folder}/root", f"{folder}/up", None
        if not shutil.which("systemd-nspawn"):
            raise CannotBoot("no systemd-nspawn (package systemd-container)")
        try:
            self.make_root()
        except CannotBoot:
            self.close()
            raise

    def make_root(self):
        os.mkdir(self.root)
        os.mkdir(self.up)
        must("mount", "-t", "tmpfs", "tmpfs", self.up)
        os.mkdir(self.up + "/u")
        os.mkdir(self.up + "/w")
        must("mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={self.LOWER},upperdir={self.up}/u,workdir={self.up}/w", self.root)
        self.furnish()

    def furnish(self):
        for path in "/etc/flowtap", "/var/lib/flowtap", "/etc/systemd/system/multi-user.target.wants":
            shutil.rmtree(self.root + path, ignore_errors=True)
        must("env", f"DESTDIR={self.root}", "meson", "install", "-C", BIN, "--no-rebuild")

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(os.open(self.root + path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode), "w") as f:
            f.write(text)

    def boot(self):
        self.log = open(self.dir + "/console", "w+")
        self.init = None
        self.proc = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--directory=" + self.root, "--register=no", "--keep-unit", *self.NETWORK,
             "--capability=all", "--system-call-filter=" + CALLS, "--rlimit=RLIMIT_MEMLOCK=infinity", "--console=pipe",
             "--boot", "systemd.unit=" + self.TARGET],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env={**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1"})

        def answers():
            if self.proc.poll() is not None:
                self.log.seek(0)
                raise CannotBoot(f"systemd-nspawn ended: {self.log.read()[-400:]}")
            self.init = next(iter(self.children(self.proc.pid)), None)
            return self.init and run(*self.argv("systemctl", "is-active", self.TARGET)).stdout == "active\n"
        try:
            until("systemd", answers, 60)
        except AssertionError:
            raise CannotBoot("no answer from systemd in a minute") from None

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return f.read().split()

    def argv(self, *argv):
        return ["nsenter", "-t", self.init, "--all", "-r", "-w", "--", *argv]

    def run(self, *argv, check=True, text=None):
        r = run(*self.argv(*argv), input=text)
        assert not check or r.returncode == 0, f"{argv}: {r.returncode}\n{r.stdout}\n{r.stderr}\n{self.journal()}"
        return r.stdout if check else r

    def show(self, unit, key):
        return self.run("systemctl", "show", "-P", key, unit).strip()

    def journal(self, *argv):
        r = run(*self.argv("journalctl", "--no-pager", "-q", "-o", "cat", *argv))
        return r.stdout

    def processes(self):
        """{role: pid} of flowtapd, as this machine numbers them."""
        found = {}
        parent = self.ours(self.show("flowtapd.service", "MainPID"))
        for pid in [parent, *self.children(parent)]:
            with open(f"/proc/{pid}/cmdline") as c:
                role = re.search(r"--role\0([a-z]+)", c.read())
            found[role[1] if role else "parent"] = int(pid)
        return found

    def ours(self, pid):
        """The number that a process of the container has here."""
        todo = [self.init]
        while todo:
            at = todo.pop()
            with open(f"/proc/{at}/status") as f:
                if re.search(r"(?m)^NSpid:\s.*?(\d+)$", f.read())[1] == pid:
                    return at
            todo += self.children(at)
        raise LookupError(pid)

    def close(self):
        if self.proc:
            self.proc.terminate()
            try:
                self.proc.wait(30)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        for path in self.root, self.up:
            if os.path.ismount(path):
                run("umount", "-l", path)
