#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A Debian as its installer leaves it (standard priority), with what our packages depend on and without them.

pristine() makes it by debootstrap, once, in build/system, and returns its folder.  Nobody writes to that: a test
that needs a machine lays an overlay over it, or copies it.  As a program: prints the folder.

It is Debian of the release that this machine has, as packages built here are for that one.  FLOWTAP_ROOTS names
another folder to keep roots in, which several trees may share.
"""

import contextlib
import fcntl
import glob
import hashlib
import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEEP = os.environ.get("FLOWTAP_ROOTS", TREE + "/build/system")
DEFAULT_MIRROR = "http://deb.debian.org/debian"
# Depended on by our packages, so that apt needs no network in a test; what `ldd` of a machine's own tools needs is there.
DEPENDED = ("openssh-server libbpf1 libcap-ng0 libedit2 libelf1 libjansson4 libmnl0 libncursesw6 libseccomp2 "
            "libsqlite3-0 libssl3 zlib1g").split()
# What most machines have besides, and what the guide's router uses.
BESIDE = "unattended-upgrades logrotate curl".split()
# In apt's cache only: a test installs it.
CACHED = ["needrestart"]


class CannotMake(Exception):
    """No root can be had here; the text says why."""


def release():
    """The code name of this machine's Debian."""
    with open("/etc/os-release") as f:
        words = dict(re.findall(r'(?m)^(\w+)="?([^"\n]*)', f.read()))
    if words.get("ID") != "debian" or "VERSION_CODENAME" not in words:
        raise CannotMake("this machine is no Debian")
    return words["VERSION_CODENAME"]


def sources(suite):
    """[(URI, suite)] of Debian's own archives, as apt of this machine has them, the main one first."""
    found = []
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*"))]:
        if not os.path.exists(path):
            continue
        with open(path) as f:
            text = f.read()
        for uri, name in re.findall(r"(?m)^deb +(?:\[[^]]*\] +)?(\S+) +(\S+) ", text):
            found.append((uri, name))
        for stanza in re.split(r"\n\s*\n", text):
            words = dict(re.findall(r"(?m)^(URIs|Suites): *(.*)", stanza))
            found += [(uri, name) for uri in words.get("URIs", "").split() for name in words.get("Suites", "").split()]
    ours = {(uri.rstrip("/"), name) for uri, name in found if name == suite or name.startswith(suite + "-")}
    ours = {(uri, name) for uri, name in ours if re.search(r"/debian(-security)?$", uri)}
    main = next((s for s in sorted(ours) if s[1] == suite), (DEFAULT_MIRROR, suite))
    return [main, *sorted(ours - {main})]


def run(*argv, **more):
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", timeout=1500, **more)
    if r.returncode:
        last = r.stdout.strip().splitlines()[-5:]
        raise CannotMake(f"{argv[0]}: " + (" | ".join(last) or f"exit {r.returncode}"))
    return r.stdout


def inside(root, *argv):
    """A command in the root, with the file systems that it expects, none of which stays."""
    mounts = ('mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t sysfs -o ro sysfs "$0/sys" && '
              'mount -t tmpfs tmpfs "$0/run" && exec chroot "$0" "$@"')
    return run("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", mounts,
               root, *argv, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})


@contextlib.contextmanager
def never_synced(folder):
    """Where to write what is to be in folder: through a file system that ignores fsync(2), which dpkg calls for each file,
    and at a place without blanks, which debootstrap can't take."""
    place = "/run/flowtap-root-" + hashlib.sha256(folder.encode()).hexdigest()[:12]
    if os.path.ismount(place):  # somebody was killed
        run("umount", "--lazy", place)
    os.makedirs(place, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="flowtap-root-") as empty:
        work = folder + ".work"
        os.makedirs(work, exist_ok=True)
        if subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                           f"volatile,lowerdir={empty},upperdir={folder},workdir={work}", place],
                          capture_output=True).returncode:
            run("mount", "--bind", folder, place)
        try:
            yield place
        finally:
            run("umount", "--lazy", place)  # at once, also when something in it was interrupted
            os.rmdir(place)
            shutil.rmtree(work, ignore_errors=True)


def write(path, text, mode=0o644):
    with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode), "w") as f:
        f.write(text)


def apt_settings():
    """How this machine's apt gets at the archives: proxies and the like."""
    lines = run("apt-config", "dump", "Acquire").splitlines()
    return "".join(line + "\n" for line in lines if not re.match(r"Acquire::(IndexTargets|Languages|GzipIndexes)\b", line))


def make(root, suite):
    archives = sources(suite)
    run("debootstrap", suite, root, archives[0][0])
    write(root + "/etc/apt/sources.list", "".join(f"deb {uri} {name} main\n" for uri, name in archives))
    write(root + "/etc/apt/apt.conf.d/00making", apt_settings())
    write(root + "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    shutil.copy("/etc/resolv.conf", root + "/etc/resolv.conf")
    inside(root, "apt-get", "-qq", "update")
    standard = inside(root, "tasksel", "--task-packages", "standard").split()
    inside(root, "apt-get", "-qy", "install", *standard, *DEPENDED, *BESIDE)
    inside(root, "apt-get", "-qy", "upgrade")
    inside(root, "apt-get", "clean")
    inside(root, "apt-get", "-qy", "--download-only", "install", *CACHED)
    for path in "/usr/sbin/policy-rc.d", "/etc/apt/apt.conf.d/00making", "/etc/resolv.conf":
        os.unlink(root + path)
    # Each machine gets its own when it boots.
    write(root + "/etc/machine-id", "")
    write(root + "/etc/hostname", "router\n")


def pristine():
    """The folder of the root; CannotMake if there is none and none can be made."""
    if os.geteuid() != 0:
        raise CannotMake("root is needed")
    suite = release()
    recipe = repr((inspect.getsource(make), DEPENDED, BESIDE, CACHED))
    root = f"{KEEP}/{suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    os.makedirs(KEEP, exist_ok=True)
    with open(KEEP + "/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(root):
            return root
        if not shutil.which("debootstrap"):
            raise CannotMake("no debootstrap: tools/setup installs it")
        shutil.rmtree(root + ".new", ignore_errors=True)
        os.mkdir(root + ".new")
        os.chmod(root + ".new", 0o755)
        with never_synced(root + ".new") as place:
            make(place, suite)
        os.rename(root + ".new", root)
    return root


def ended(number, _frame):
    signal.signal(number, signal.SIG_IGN)
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, ended)
    try:
        print(pristine())
    except (CannotMake, subprocess.TimeoutExpired) as e:
        sys.exit(f"tests/lib/debianroot.py: {e}")
