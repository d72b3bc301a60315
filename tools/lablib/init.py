# SPDX-License-Identifier: BSD-2-Clause
"""Process 1 of the router: keeps flowtapd and sshd running, as a service manager would.

flowtapd has the capabilities of its unit and no others, and finds the unit's mount.

It listens on <lab>/ctl, one JSON object a line each way:
    {"do": "status"}             -> {"flowtapd": {"pid", "starts", "ended", "faults"}, "sshd": ...}
    {"do": "restart"|"reload"|"stop"|"start", "service": S}
    {"do": "quit"}
Killing it ends everything in the router, because it is process 1.
"""

import json
import os
import resource
import select
import signal
import socket
import subprocess
import time

from . import box

SERVICES = {
    "flowtapd": ["/usr/bin/setpriv", "--bounding-set={caps}", "--no-new-privs", "--",
                 "{bin}/flowtapd", "-f", "/etc/flowtap/flowtap.conf"],
    "sshd": ["/usr/libexec/flowtap/flowtap-sshd", "-D", "-e", "-f", "/etc/flowtap/sshd_config"],
}
BACKOFF = (0.0, 0.1, 0.5, 2.0)  # seconds before the first, second ... restart of one that dies young
YOUNG = 1.0                     # seconds
FAULTS = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS}
STOP_WAIT = 5.0                 # seconds between SIGTERM and SIGKILL
UNITS = os.path.join(os.path.dirname(__file__), "../../packaging/systemd")


def setting(unit, key):
    """What a unit's file says of key."""
    with open(os.path.join(UNITS, unit)) as f:
        return next(line.partition("=")[2].strip() for line in f if line.startswith(key + "="))


def bounding_set():
    """The unit's, as setpriv(1) is told."""
    caps = setting("flowtapd.service", "CapabilityBoundingSet").split()
    return ",".join(["-all", *("+" + c.removeprefix("CAP_").lower() for c in caps)])


# Read now: this tree is out of sight later, if it is in a folder that the router has of its own.
BPF_WHERE, BPF_OPTIONS = (setting("run-flowtap-bpf.mount", key) for key in ("Where", "Options"))


def mount_bpf():
    """As the unit run-flowtap-bpf.mount, which flowtapd.service requires."""
    if not os.path.ismount(BPF_WHERE):
        os.makedirs(BPF_WHERE, mode=0o755, exist_ok=True)
        subprocess.run(["mount", "-t", "bpf", "-o", BPF_OPTIONS, "bpf", BPF_WHERE], check=True)


def unlimited_lock():
    """As the units do; a root without CAP_SYS_RESOURCE cannot."""
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        pass


class Service:
    def __init__(self, name, argv, log):
        self.name, self.argv, self.log = name, argv, log
        self.pid, self.starts, self.ended, self.faults = 0, 0, None, 0
        self.wanted, self.fails, self.due, self.kill_at = True, 0, 0.0, None

    def start(self, now):
        if self.name == "flowtapd":
            mount_bpf()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                out = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                os.dup2(out, 1)
                os.dup2(out, 2)
                for s in signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE:
                    signal.signal(s, signal.SIG_DFL)
                os.setsid()
                unlimited_lock()
                path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                os.execve(self.argv[0], self.argv, {"PATH": path})
            finally:
                os._exit(127)
        self.starts += 1
        self.began, self.kill_at = now, None

    def died(self, status, now):
        code = os.waitstatus_to_exitcode(status)
        self.ended = f"signal {-code}" if code < 0 else f"exit {code}"
        self.faults += -code in FAULTS
        self.fails = self.fails + 1 if now - self.began < YOUNG else 0
        self.due = now + BACKOFF[min(self.fails, len(BACKOFF) - 1)]
        self.pid, self.kill_at = 0, None

    def signal(self, number):
        if self.pid:
            os.kill(self.pid, number)

    def stop(self, now):
        self.signal(signal.SIGTERM)
        self.kill_at = now + STOP_WAIT

    def state(self):
        return {"pid": self.pid, "starts": self.starts, "ended": self.ended, "faults": self.faults}


class Init:
    def __init__(self, lab):
        fill = {"bin": lab["dir"] + "/bin", "caps": bounding_set()}
        self.services = {
            name: Service(name, [w.format(**fill) for w in argv], f"{lab['dir']}/log/{name}.log")
            for name, argv in SERVICES.items()
        }
        self.quitting = False
        self.listener = socket.socket(socket.AF_UNIX)
        # Whoever sees it can connect.
        self.listener.bind(lab["dir"] + "/ctl.new")
        self.listener.listen()
        os.rename(lab["dir"] + "/ctl.new", lab["dir"] + "/ctl")
        self.wake_r, wake_w = os.pipe()
        os.set_blocking(self.wake_r, False)
        os.set_blocking(wake_w, False)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.quit())

    def quit(self):
        self.quitting = True
        for s in self.services.values():
            s.wanted = False
            s.stop(time.monotonic())

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for s in self.services.values():
                if s.pid == pid:
                    s.died(status, time.monotonic())

    def tick(self):
        """Does what is due; returns the seconds until something else will be."""
        now, next_due = time.monotonic(), None
        for s in self.services.values():
            if s.pid and s.kill_at is not None:
                at, act = s.kill_at, lambda s=s: (s.signal(signal.SIGKILL), setattr(s, "kill_at", None))
            elif not s.pid and s.wanted:
                at, act = s.due, lambda s=s: s.start(now)
            else:
                continue
            if at <= now:
                act()
            else:
                next_due = at if next_due is None else min(at, next_due)
        return None if next_due is None else next_due - now

    def command(self, request):
        do, now = request["do"], time.monotonic()
        if do == "quit":
            self.quit()
        elif do != "status":
            s = self.services[request["service"]]
            if do in ("start", "restart"):
                s.wanted, s.fails, s.due = True, 0, 0.0
            if do == "stop":
                s.wanted = False
            if do in ("stop", "restart"):
                s.stop(now)
            if do == "reload":
                s.signal(signal.SIGHUP)
        return {name: s.state() for name, s in self.services.items()}

    def answer(self):
        """One request of one connection; only root can reach the socket."""
        conn, _ = self.listener.accept()
        with conn:
            conn.settimeout(5)
            try:
                reply = self.command(json.loads(conn.makefile().readline()))
            except (OSError, ValueError, KeyError) as e:
                reply = {"error": repr(e)}
            try:
                conn.sendall(json.dumps(reply).encode() + b"\n")
            except OSError:
                pass

    def run(self):
        while not (self.quitting and not any(s.pid for s in self.services.values())):
            ready, _, _ = select.select([self.listener, self.wake_r], [], [], self.tick())
            if self.wake_r in ready:
                os.read(self.wake_r, 4096)
            self.reap()
            if self.listener in ready:
                self.answer()


def main(lab):
    os.umask(0o022)
    os.chdir("/")
    init = Init(lab)
    box.enter_box(lab)
    init.run()
