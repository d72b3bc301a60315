# SPDX-License-Identifier: BSD-2-Clause
"""DTCP over SSH from the outside: just enough of a client to ask and to check the answer.
Deliberately independent of the project's own client and parser."""

import hashlib
import hmac
import os
import re
import select
import subprocess
import time

from . import net

KEY = b"Juniper"
# Seconds until what does not come is given up.  No claim of how fast it comes: on a machine whose disk others fill, a
# commit of a database has taken more than ten.
DEADLINE = 30.0
END = re.compile(rb"(?im)^authentication-info[ \t]*:[^\n]*\n\r?\n")


def digest(body):
    return hmac.new(KEY, body, hashlib.sha1).hexdigest()


def request(method, csource, seq, *lines, version="0.7"):
    """One signed request; lines are "Name: value"."""
    body = "".join(x + "\r\n" for x in (
        f"{method} DTCP/{version}", f"Csource-ID: {csource}", *lines, f"Seq: {seq}")).encode()
    return body + f"Authentication-Info: {digest(body)}\r\n\r\n".encode()


def add_lines(cdest="cd1", to=("192.0.2.10", 7890), src=("192.0.2.1", 49153), ttl=64, **elements):
    """The lines of an ADD.  to: (address, port), or a list of them with cdest a list of names.
    elements: source_address="...", dest_port="..." and so on."""
    names, dests = (cdest, to) if isinstance(cdest, list) else ([cdest], [to])
    lines = ["Cdest-ID: " + ",".join(names)]
    spelled = {"icmp_type": "ICMP-Type", "icmp_code": "ICMP-Code"}
    for name, value in elements.items():
        lines.append(f"{spelled.get(name, name.replace('_', '-').title())}: {value}")
    lines += [
        "X-JTap-Cdest-Dest-Address: " + ",".join(a for a, _ in dests),
        "X-JTap-Cdest-Dest-Port: " + ",".join(str(p) for _, p in dests),
        f"X-JTap-Cdest-Source-Address: {src[0]}",
        f"X-JTap-Cdest-Source-Port: {src[1]}",
        f"X-JTap-Cdest-TTL: {ttl}",
        "Flags: STATIC",
    ]
    return lines


class Reply:
    """A whole reply: .code, .version, .fields as [(NAME, value)], .raw."""

    def __init__(self, raw):
        self.raw = raw
        cut = re.search(rb"(?im)^authentication-info[ \t]*:[ \t]*([0-9a-f]{40})", raw)
        self.authentic = hmac.compare_digest(digest(raw[:cut.start()]), cut[1].decode())
        status, *rest = raw[:cut.start()].decode().splitlines()
        word = re.fullmatch(r"DTCP/(\d\.\d) (\d{3}) ?(.*)", status)
        self.version, self.code, self.text = word[1], int(word[2]), word[3]
        self.fields = [tuple(re.split(r"\s*:\s*", x, maxsplit=1)) for x in rest if x]

    def get(self, name):
        return next((v for k, v in self.fields if k.upper() == name.upper()), None)

    def entries(self):
        """A LIST reply's entries, each a dict with upper-case names."""
        out = []
        for name, value in self.fields:
            if name.upper() == "CRITERIA-ID":
                out.append({})
            if out:
                out[-1][name.upper()] = value
        return out

    def __repr__(self):
        return f"<DTCP {self.code} {self.text} {self.fields[:6]}>"


def wait_for(timeout, **files):
    """Which of read=, write= can go on; waits at most timeout seconds (None: for ever)."""
    poll = select.poll()
    for what, mask in ("read", select.POLLIN), ("write", select.POLLOUT):
        if what in files:
            poll.register(files[what], mask)
    ready = {fd for fd, _ in poll.poll(None if timeout is None else max(0, timeout) * 1000)}
    return {what for what, f in files.items() if f.fileno() in ready}


class Silence(Exception):
    """No whole reply within the time."""


class Session:
    """An SSH session on the DTCP subsystem, by the stock OpenSSH client."""

    def __init__(self, ns, addr, port, user, password, known_hosts, askpass, extra=()):
        env = {"PATH": os.environ["PATH"], "SSH_ASKPASS": askpass, "SSH_ASKPASS_REQUIRE": "force",
               "FTLAB_PASSWORD": password or "", "HOME": "/nonexistent"}
        argv = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={known_hosts}", "-o", "StrictHostKeyChecking=yes",
                "-o", "NumberOfPasswordPrompts=1", "-o", "LogLevel=ERROR", *extra,
                "-p", str(port), "-l", user, "-s", addr, "flow-tap-dtcp"]
        self.user, self.seq, self.buf = user, 0, b""
        self.ssh = subprocess.Popen(net.argv_inside(ns, argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, env=env, bufsize=0, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for f in self.ssh.stdin, self.ssh.stdout:
            f.close()
        try:
            self.ssh.wait(5)
        except subprocess.TimeoutExpired:
            self.ssh.kill()
            self.ssh.wait()
        self.ssh.stderr.close()

    def send(self, raw):
        """Writes all of it, reading meanwhile so that neither side waits for the other."""
        view = memoryview(raw)
        os.set_blocking(self.ssh.stdin.fileno(), False)
        while view:
            ready = wait_for(None, read=self.ssh.stdout, write=self.ssh.stdin)
            if "read" in ready:
                self.read_some()
            if "write" in ready:
                view = view[os.write(self.ssh.stdin.fileno(), view[:65536]):]

    def read_some(self):
        data = os.read(self.ssh.stdout.fileno(), 1 << 20)
        if not data:
            raise Silence(f"session ended: {self.ssh.stderr.read().decode(errors='replace').strip()}")
        self.buf += data

    def receive(self, timeout=DEADLINE):
        deadline = time.monotonic() + timeout
        scanned = 0
        while not (end := END.search(self.buf, max(0, scanned - 200))):
            scanned = len(self.buf)
            left = deadline - time.monotonic()
            if left <= 0 or not wait_for(left, read=self.ssh.stdout):
                raise Silence(f"no answer within {timeout} s")
            self.read_some()
        raw, self.buf = self.buf[:end.end()], self.buf[end.end():]
        return Reply(raw)

    def ask(self, method, *lines, version="0.7", timeout=DEADLINE):
        self.seq += 1
        self.send(request(method, self.user, self.seq, *lines, version=version))
        return self.receive(timeout)

    def add(self, timeout=DEADLINE, **what):
        """ADD; the new Criteria-ID, as a number."""
        reply = self.ask("ADD", *add_lines(**what), timeout=timeout)
        if reply.code != 200:
            raise AssertionError(f"ADD refused: {reply}")
        return int(reply.get("CRITERIA-ID"))
