# SPDX-License-Identifier: BSD-2-Clause
"""Who could see a target?  Addresses that occur nowhere else, and a search for them in everything that
tools, files, kernel tables and memory show.

    marks = [Marker(4), Marker(6)]          then ADD str(mark)
    places(seen_with_tools(pid), marks)     -> ["ps auxwwe: 183.201.147.229 as text", ...]

len() of what places() returns is the number of places where a target was found."""

import ctypes
import ipaddress
import mmap
import os
import platform
import random
import struct
import subprocess

CHUNK = 16 << 20


class Marker:
    """A random address and every spelling of it that a tool could print or memory could hold."""

    def __init__(self, version, addr=None):
        if addr is None:
            # No byte looks like text, a small number or another: nothing else has such four or sixteen.
            octets = random.sample(range(0x81, 0xFE), 4 if version == 4 else 14)
            octets[0] = random.randrange(0xB0, 0xDF)
            raw = bytes(octets) if version == 4 else b"\x20\x01" + bytes(octets)
            addr = ipaddress.ip_address(raw)
        self.addr = ipaddress.ip_address(addr)

    def __str__(self):
        return str(self.addr)

    def packed(self):
        """{name: bytes} as programs keep it."""
        p = self.addr.packed
        if self.addr.version == 4:
            return {"network order": p, "host order": p[::-1]}
        return {"network order": p, "host order": p[::-1], "upper half in host order": p[7::-1],
                "lower half in host order": p[:7:-1], "lower half": p[8:]}

    def texts(self):
        a, p = self.addr, self.addr.packed
        found = {"text": str(a), "number": str(int(a))}
        if a.version == 6:
            found["expanded text"] = a.exploded
            found["last groups"] = a.exploded[-19:]
        else:
            found["number in the other order"] = str(int.from_bytes(p, "little"))
            found["reversed text"] = ".".join(str(x) for x in reversed(p))
        for order, b in ("", p), (" reversed", p[::-1]):
            found["hex" + order] = b.hex()
            found["hex with blanks" + order] = b.hex(" ")
            found["hex with colons" + order] = b.hex(":")
            found["hex array" + order] = '","'.join(f"0x{x:02x}" for x in b)
            found["C array" + order] = ",".join(f"0x{x:02x}" for x in b)
            found["decimal array" + order] = ",".join(str(x) for x in b)
            found["escapes" + order] = "".join(f"\\x{x:02x}" for x in b)
        return found

    def forms(self, tight=False):
        """{name: bytes}; tight: only what a process would hold, for memory."""
        every = self.texts()
        if tight:
            every = {k: v for k, v in every.items() if "text" in k or k == "hex"}
        return {**{k: v.encode() for k, v in every.items()}, **self.packed()}


def places(sources, marks, tight=False):
    """Where a marker is: sources yields (name, bytes)."""
    wanted = [(f"{m} as {name}", form) for m in marks for name, form in m.forms(tight).items()]
    found = {}
    for name, data in sources:
        low = data if tight else data.lower()
        for what, form in wanted:
            at = data.find(form) if form in data else low.find(form)
            if at >= 0:
                around = data[max(0, at - 32):at + 48].hex()
                found[f"{name}: {what} at {at} of {len(data)} in {around}"] = True
    return list(found)


# ---- what tools show ----

TOOLS = [
    "ps auxwwe", "ps -eLo pid,user,comm,args,wchan",
    "ip -d -s addr", "ip -d -s link", "ip -d route show table all", "ip -6 -d route show table all", "ip rule",
    "ip -6 rule", "ip -s neigh", "ip -s -6 neigh", "ip maddr", "ip -s ntable", "ip xfrm policy", "ip netconf",
    "tc -s -d qdisc", "ss -anpeimH", "ss -anpe", "ss -xanp", "nft -a list ruleset", "bpftool -d prog", "bpftool map", "bpftool link",
    "bpftool net", "flowtap show services flow-tap", "flowtap -j show services flow-tap", "flowtapd -n -v",
    *(f"flowtap -j show services flow-tap {x}" for x in ("statistics", "sessions", "content-destinations", "events")),
    "journalctl -n 2000 --no-pager", "dmesg", "mount", "cat /proc/net/dev /proc/net/route /proc/net/udp /proc/net/tcp",
    "sysctl -a --pattern net", "env",
]
# Everything about one process that can be read without stopping it or touching its memory.
PROC = ["cmdline", "comm", "environ", "status", "stat", "statm", "maps", "smaps", "limits", "io", "wchan", "stack",
        "syscall", "sched", "mountinfo", "cgroup", "auxv", "oom_score", "fdinfo", "fd"]
FOLDERS = ["/run", "/var/lib/flowtap", "/etc/flowtap", "/var/log", "/dev/shm"]
SECRET = ["/run/flowtap/bpf", "/var/lib/flowtap"]  # root can read targets there, see docs/threat-model.md
# One program collects it all with the powers of the one who asks; what he may not read is not in the output.
COLLECT = r"""
import os, subprocess, sys
sys.stdout = os.fdopen(1, "wb", 0)
def put(name, data):
    sys.stdout.write(b"%d %d\n" % (len(name.encode()), len(data)) + name.encode() + data)
def read(path, limit=64 << 20):
    try:
        with open(path, "rb") as f:
            return f.read(limit)
    except OSError:
        return None
tools, proc, folders, without = eval(sys.argv[1])
for line in tools:
    try:
        r = subprocess.run(line.split(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=20)
        put(line, r.stdout)
    except (OSError, subprocess.TimeoutExpired):
        pass
for dev in os.listdir("/sys/class/net"):
    for line in ("tc -s -d filter show dev %s ingress", "tc -s -d filter show dev %s egress", "ethtool -S %s"):
        try:
            put(line % dev, subprocess.run((line % dev).split(), stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT).stdout)
        except OSError:
            pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    if int(pid) == os.getpid():
        continue
    for name in proc:
        path = "/proc/%s/%s" % (pid, name)
        if os.path.isdir(path):
            try:
                for x in os.listdir(path):
                    put(path + "/" + x, read(path + "/" + x) or b"" if name != "fd" else
                        os.readlink(path + "/" + x).encode())
            except OSError:
                pass
        else:
            data = read(path)
            if data:
                put(path, data)
for top in set(folders) - set(without):
    for where, dirs, files in os.walk(top):
        dirs[:] = [x for x in dirs if where + "/" + x not in without and x != "bin"]
        put(where, "\n".join(dirs + files).encode())
        for x in files:
            path = where + "/" + x
            if os.path.isfile(path) and not os.path.islink(path):
                data = read(path)
                if data:
                    put(path, data)
"""


def seen_with_tools(init, uid=None, path="", without=()):
    """(tool or file, output) of everything above, run inside the router whose process 1 is init (host pid): by root,
    or by an ordinary user who belongs to nothing.  without: folders to leave out."""
    who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=-all"] if uid else []
    argv = ["nsenter", "-t", str(init), "--mount", "--pid", "--net", "--", *who, "/usr/bin/python3", "-c", COLLECT,
            repr((TOOLS, PROC, FOLDERS, list(without)))]
    env = {"PATH": path + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    out = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, env=env, timeout=120).stdout
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        name, data = (int(x) for x in out[at:end].split())
        at = end + 1 + name + data
        yield out[end + 1:at - data].decode(errors="replace"), out[at - data:at]


# ---- what only root's special powers show ----

def memory(pid):
    """(region, bytes) of a process; pieces overlap by more than a marker's length."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights, *_, = line.split()
            name = line[73:].strip() or "anonymous"
            if "r" not in rights or name in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            at, end = (int(x, 16) for x in span.split("-"))
            while at < end:
                try:
                    mem.seek(at)
                    data = mem.read(min(CHUNK, end - at))
                except OSError:
                    break
                if not data:
                    break
                yield f"memory of {pid}, {name}", data
                at += len(data) if at + len(data) >= end else max(1, len(data) - 256)


SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine(), 321)
GET, NEXT_KEY, OBJ_GET, INFO = 1, 4, 7, 15
PERCPU = {5, 6, 10}
BPF_F_MMAPABLE = 1024
libc = ctypes.CDLL(None, use_errno=True)


def bpf(cmd, attr):
    buf = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    return libc.syscall(SYS_BPF, cmd, buf, 128)


def map_contents(fd):
    """All that a map holds, keys and values, as bytes."""
    info = ctypes.create_string_buffer(128)
    assert bpf(INFO, struct.pack("=IIQ", fd, 128, ctypes.addressof(info))) == 0, os.strerror(ctypes.get_errno())
    kind, _, key_size, value_size, entries, flags = struct.unpack_from("=6I", info.raw)
    stride = (value_size + 7) // 8 * 8
    if kind == 2 and flags & BPF_F_MMAPABLE:
        page = mmap.PAGESIZE
        with mmap.mmap(fd, (stride * entries + page - 1) // page * page, mmap.MAP_SHARED, mmap.PROT_READ) as m:
            for at in range(0, len(m), CHUNK):
                yield m[at:at + CHUNK + 256]
        return
    cpus = os.sysconf("SC_NPROCESSORS_CONF") if kind in PERCPU else 1
    value = ctypes.create_string_buffer(stride * max(cpus, 64 if kind in PERCPU else 1))
    key, following, out = None, ctypes.create_string_buffer(key_size), bytearray()
    while bpf(NEXT_KEY, struct.pack("=IIQQ", fd, 0, ctypes.addressof(key) if key else 0,
                                    ctypes.addressof(following))) == 0:
        out += following.raw
        if bpf(GET, struct.pack("=IIQQ", fd, 0, ctypes.addressof(following), ctypes.addressof(value))) == 0:
            out += value.raw[:stride * cpus]
        key, following = following, key or ctypes.create_string_buffer(key_size)
    yield bytes(out)


def kernel_maps(init, run_dir="/run/flowtap"):
    """(map, bytes) of every map that the router's daemon has pinned."""
    folder = f"/proc/{init}/root{run_dir}/bpf/maps"
    for name in sorted(os.listdir(folder)):
        path = ctypes.create_string_buffer(f"{folder}/{name}".encode())
        fd = bpf(OBJ_GET, struct.pack("=QI", ctypes.addressof(path), 0))
        assert fd >= 0, f"{name}: {os.strerror(ctypes.get_errno())}"
        try:
            for data in map_contents(fd):
                yield f"map {name}", data
        finally:
            os.close(fd)


def state_files(init, folder="/var/lib/flowtap"):
    top = f"/proc/{init}/root{folder}"
    for name in sorted(os.listdir(top)):
        if name.startswith("state.db"):
            with open(f"{top}/{name}", "rb") as f:
                yield f"{folder}/{name}", f.read()
