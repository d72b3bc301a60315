# SPDX-License-Identifier: BSD-2-Clause
"""The router's private view of the machine: its own users, passwords, /etc/flowtap,
/run and state, in a mount namespace of its own.  The host's files are not touched,
and all of it is gone when the namespace is."""

import ctypes
import os
import re
import shutil
import stat
import struct

from .net import libc, run

MS_REC, MS_BIND, MS_PRIVATE, MS_NOSUID = 16384, 4096, 1 << 18, 2
MNT_DETACH = 2
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1

LAB_DIR = "/run/ftlab"
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

AGENCY_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
AGENCY_GROUP = "flowtap-agency"
AUDITOR_GROUP = "flowtap-audit"
OFFICER_GROUP = "flowtap-warrant"
METRICS_GROUP = "flowtap-metrics"
LOGIN_GROUP = "flowtap-login"
FIRST_UID = 1900000000  # far from every range that distributions hand out
DAEMON_USERS = ("_flowtap", "_flowtap-dp", "_flowtap-aux", "_flowtap-hook", "_flowtap-collect", "sshd")

# program: where it is in a build folder
PROGRAMS = {
    "flowtapd": "src/flowtapd",
    "flowtap-dtcp": "src/flowtap-dtcp",
    "flowtap": "src/flowtap",
    "pam_flowtap.so": "src/pam",
    "dtcp": "src/mediation",
    "flowtap-collect": "src/mediation",
}


def lab_dir(name):
    return f"{LAB_DIR}/{name}"


def find_programs(folder):
    """{program: path} in a build folder or in a folder that holds them all."""
    found = {}
    for name, sub in PROGRAMS.items():
        for path in f"{folder}/{name}", f"{folder}/{sub}/{name}":
            if os.path.isfile(path) and os.access(path, os.X_OK):
                found[name] = os.path.abspath(path)
                break
        else:
            raise RuntimeError(f"no program {name} in {folder}; build first (make build), or name a folder by --bin")
    return found


def copy_programs(found, bin_dir):
    """A lab goes on running what it was started with while the tree is built anew."""
    os.makedirs(bin_dir, exist_ok=True)
    for name, path in found.items():
        shutil.copy2(path, f"{bin_dir}/{name}.new")
        os.rename(f"{bin_dir}/{name}.new", f"{bin_dir}/{name}")


# ---- files made before the namespace exists ----

def hash_password(password):
    return run("openssl", "passwd", "-6", "-stdin", text=password + "\n").strip()


def write_config(lab, path):
    """flowtap.conf: every agency, all interfaces."""
    words = ["tapped-interfaces all;"]
    if lab["attach"] != "auto":
        words.append(f"attach {lab['attach']};")
    words += [f"agency {name} {{ authority standing; content-destination 0.0.0.0/0; content-destination ::/0; }}"
              for name in lab["agencies"]]
    words += lab["conf_extra"].splitlines()
    body = "\n".join("        " + w for w in words)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(f"services {{\n    flow-tap {{\n{body}\n    }}\n}}\n"
                f"system {{\n    services {{\n        flow-tap-dtcp {{\n            ssh {{\n"
                f"                port {lab['ssh_port']};\n            }}\n        }}\n    }}\n}}\n")


def write_keys(lab, agency, keys):
    with open(f"{lab['dir']}/etc/authorized_keys/{agency}", "w") as f:
        f.writelines(k.strip() + "\n" for k in keys)


def make_files(lab):
    """Everything under the lab's folder; the password hashes are kept in lab["users"]."""
    d = lab["dir"]
    for sub, mode in ("log", 0o700), ("etc", 0o755), ("etc/authorized_keys", 0o755), ("state", 0o700), ("keep", 0o700):
        os.mkdir(f"{d}/{sub}", mode)
    copy_programs(lab["programs"], f"{d}/bin")
    write_config(lab, f"{d}/etc/flowtap.conf")
    shutil.copy(f"{TREE}/packaging/sshd/flowtap-sshd_config", f"{d}/etc/sshd_config")
    shutil.copy(f"{TREE}/packaging/pam/flowtap-sshd", f"{d}/keep/pam-flowtap-sshd")
    for kind in "ed25519", "ecdsa", "rsa":
        run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "flowtap", "-f", f"{d}/etc/ssh_host_{kind}_key")
    with open(f"{d}/known_hosts", "w") as f:
        for kind in "ed25519", "ecdsa", "rsa":
            with open(f"{d}/etc/ssh_host_{kind}_key.pub") as key:
                for addr in lab["plan"]["router"]["v4"], lab["plan"]["router"]["v6"]:
                    f.write(f"[{addr}]:{lab['ssh_port']} {' '.join(key.read().split()[:2])}\n")
                    key.seek(0)
    os.mkdir(f"{d}/ssh_config.d")
    with open(f"{d}/ssh_config.d/lab.conf", "w") as f:
        f.write(f"Host {lab['plan']['router']['v4']} {lab['plan']['router']['v6']}\n"
                f"    UserKnownHostsFile {d}/known_hosts\n    StrictHostKeyChecking yes\n")
    with open(f"{d}/askpass", "w") as f:
        f.write('#!/bin/sh\nprintf "%s\\n" "$FTLAB_PASSWORD"\n')
    os.chmod(f"{d}/askpass", 0o755)
    for name, keys in lab["keys"].items():
        write_keys(lab, name, keys)
    lab["users"] = {name: hash_password(pw) if pw else "*" for name, pw in lab["agencies"].items()}


# ---- inside the namespace ----

def mount(source, target, kind=None, flags=0, data=None):
    enc = [x.encode() if x is not None else None for x in (source, target, kind)]
    if libc.mount(*enc, ctypes.c_ulong(flags), data.encode() if data else None):
        raise OSError(ctypes.get_errno(), f"mount {target}: {os.strerror(ctypes.get_errno())}")


def bind(source, target):
    mount(source, target, flags=MS_BIND | MS_REC)


def read_only(path):
    """All that is mounted there or below, and what is bound from it later."""
    attr = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    if libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(), AT_RECURSIVE, attr, ctypes.c_size_t(len(attr))):
        raise OSError(ctypes.get_errno(), f"mount_setattr {path}: {os.strerror(ctypes.get_errno())}")


def own_folder(path, keep, without=()):
    """A folder of our own in place of path, with what was there bound back in, so that
    names can be added to it; but nothing of the machine's own can be changed in it, not even by
    root.  keep: an empty folder, to hold the old one meanwhile."""
    bind(path, keep)
    read_only(keep)
    mount("tmpfs", path, "tmpfs", MS_NOSUID, "mode=755")
    for name in os.listdir(keep):
        old, new = f"{keep}/{name}", f"{path}/{name}"
        mode = os.lstat(old).st_mode
        if name in without:
            continue
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(old), new)
        elif stat.S_ISDIR(mode):
            os.mkdir(new)
            bind(old, new)
        elif stat.S_ISREG(mode):
            os.close(os.open(new, os.O_CREAT | os.O_WRONLY))
            bind(old, new)
    libc.umount2(keep.encode(), MNT_DETACH)


def enter_host_view(d):
    """For a command on one of the hosts: its interfaces in /sys, and an ssh that knows the router's key."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    mount("sysfs", "/sys", "sysfs")
    if os.path.isdir("/etc/ssh/ssh_config.d"):
        bind(f"{d}/ssh_config.d", "/etc/ssh/ssh_config.d")


def own_run(d):
    """An empty /run, in which only the lab's folder is as before."""
    fd = os.open(d, os.O_PATH | os.O_CLOEXEC)
    mount("tmpfs", "/run", "tmpfs", MS_NOSUID, "mode=755")
    os.makedirs(d)
    bind(f"/proc/self/fd/{fd}", d)
    os.close(fd)
    os.mkdir("/run/sshd", 0o755)
    os.mkdir("/run/flowtap", 0o755)


def account_files(users):
    """passwd, group and shadow: the host's accounts without their passwords, and ours."""
    ours = {name: FIRST_UID + i for i, name in enumerate((*DAEMON_USERS, *users))}

    def host(path):
        with open(path) as f:
            return [line for line in f if line.split(":")[0] not in (*ours, AGENCY_GROUP, AUDITOR_GROUP, OFFICER_GROUP,
                                                                  METRICS_GROUP, LOGIN_GROUP)]

    passwd, group = host("/etc/passwd"), host("/etc/group")
    shadow = [line.split(":")[0] + ":*:19000:0:99999:7:::\n" for line in passwd]
    for name, uid in ours.items():
        shell, home = ("/bin/sh", "/") if name in users else ("/usr/sbin/nologin", "/run/sshd")
        passwd.append(f"{name}:x:{uid}:{uid}::{home}:{shell}\n")
        group.append(f"{name}:x:{uid}:\n")
        shadow.append(f"{name}:{users.get(name, '*')}:19000:0:99999:7:::\n")
    group.append(f"{AUDITOR_GROUP}:x:{FIRST_UID - 2}:\n")
    group.append(f"{OFFICER_GROUP}:x:{FIRST_UID - 3}:\n")
    group.append(f"{METRICS_GROUP}:x:{FIRST_UID - 4}:\n")
    group.append(f"{LOGIN_GROUP}:x:{FIRST_UID - 5}:\n")
    group.append(f"{AGENCY_GROUP}:x:{FIRST_UID - 1}:{','.join(users)}\n")
    return {"passwd": (passwd, 0o644), "group": (group, 0o644), "shadow": (shadow, 0o640)}


def own_etc(d, users):
    accounts = account_files(users)
    written = [*accounts, "gshadow", "subuid", "subgid"]  # by useradd(8), which goes without the others if they are not there
    own_folder("/etc", f"{d}/keep", without=(*written, *(name + "-" for name in written), ".pwd.lock", "nsswitch.conf",
                                             "flowtap", "pam.d"))
    for name, (lines, mode) in accounts.items():
        with open(os.open(f"/etc/{name}", os.O_CREAT | os.O_WRONLY, mode), "w") as f:
            f.writelines(lines)
    if any(line.startswith("shadow:") for line in accounts["group"][0]):
        shutil.chown("/etc/shadow", group="shadow")
    with open("/etc/nsswitch.conf", "w") as f:
        f.write("passwd: files systemd\ngroup: files systemd\nshadow: files systemd\nhosts: files dns\n")
    os.mkdir("/etc/pam.d")
    shutil.copy(f"{d}/keep/pam-flowtap-sshd", "/etc/pam.d/flowtap-sshd")
    os.mkdir("/etc/flowtap")
    bind(f"{d}/etc", "/etc/flowtap")


def dirs_wanted():
    with open(f"{TREE}/packaging/systemd/flowtap.tmpfiles.conf") as f:
        return [line.split() for line in f if line.startswith(("d ", "z "))]


def make_dirs(entries):
    """As systemd-tmpfiles(8) does at boot."""
    for what, path, mode, user, group, *_ in entries:
        if what == "d":
            os.makedirs(path, exist_ok=True)
        shutil.chown(path, user, group)
        os.chmod(path, int(mode, 8))


def enter_box(lab):
    """Builds the private view, which may hide this tree.  The caller is alone in new mount and pid namespaces."""
    d, dirs = lab["dir"], dirs_wanted()
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc")
    mount("sysfs", "/sys", "sysfs")  # shows the router's interfaces
    own_etc(d, lab["users"])
    own_folder("/usr/libexec", f"{d}/keep", without=("flowtap",))
    os.mkdir("/usr/libexec/flowtap")
    os.symlink(f"{d}/bin/flowtap-dtcp", "/usr/libexec/flowtap/flowtap-dtcp")
    os.symlink(f"{d}/bin/flowtap", "/usr/libexec/flowtap/flowtap-login-failed")
    os.symlink(f"{d}/bin/pam_flowtap.so", "/usr/libexec/flowtap/pam_flowtap.so")
    os.symlink("/usr/sbin/sshd", "/usr/libexec/flowtap/flowtap-sshd")
    own_folder("/var/lib", f"{d}/keep", without=("flowtap",))
    os.mkdir("/var/lib/flowtap")
    bind(lab["state"], "/var/lib/flowtap")
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID, "mode=1777")  # sshd's, when killed, leaves files there
    mount("tmpfs", "/var/log", "tmpfs", MS_NOSUID, "mode=755")  # sshd notes failed logins in btmp
    own_run(d)
    make_dirs(dirs)
