#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Kernels of Debian's releases, from its archive: fetched once into build/system, never installed here.

fetch(release, package) returns a Kernel: its image and the folder of its modules.  The package lists of other
releases go into a state of their own; apt of this machine does not hear of them.  As a program: fetches all of KERNELS.
"""

import fcntl
import glob
import os
import re
import shutil
import subprocess
import sys

from debianroot import DEFAULT_MIRROR, KEEP, CannotMake, apt_settings, run, sources, write

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What README names besides the kernel that the tests run on: {name: (release, package)}.  The first is made for virtual
# machines and starts without an initial file system; the second one has the drivers of real network cards.
KERNELS = {
    "6.1": ("bookworm", "linux-image-cloud-amd64"),
    "6.12": ("trixie", "linux-image-amd64"),
}
# In an initial file system, where the kernel has them as modules: the disk and what is on it.
DISK = "nvme", "ext4", "crc32c_generic", "crc32c_intel"


class Kernel:
    def __init__(self, folder):
        self.folder = folder
        self.modules = next(iter(glob.glob(folder + "/root/lib/modules/*")))
        self.release = os.path.basename(self.modules)
        self.image = f"{folder}/root/boot/vmlinuz-{self.release}"
        initrd = folder + "/initrd"
        self.initrd = initrd if os.path.getsize(initrd) else None

    def install(self, root):
        """The modules into a machine's root."""
        to = f"{root}/lib/modules/{self.release}"
        os.makedirs(os.path.dirname(to), exist_ok=True)
        subprocess.run(["cp", "-a", self.modules, to], check=True)


def apt_options(state, release):
    """Options of a state of its own, in which only that release is known."""
    for path in "lists/partial", "cache/archives/partial":
        os.makedirs(f"{state}/{path}", exist_ok=True)
    try:
        mirror = sources(release)[0][0]
    except CannotMake:
        mirror = DEFAULT_MIRROR
    write(state + "/sources.list", f"deb [signed-by={KEYRING}] {mirror} {release} main\n")
    write(state + "/apt.conf", apt_settings())
    write(state + "/status", "")
    settings = {"Dir::Etc::sourcelist": state + "/sources.list", "Dir::Etc::sourceparts": "/dev/null",
                "Dir::State::Lists": state + "/lists", "Dir::Cache": state + "/cache",
                "Dir::State::status": state + "/status", "Acquire::Languages": "none", "APT::Sandbox::User": "root"}
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def download(folder, release, package):
    """The package that `package` stands for today, unpacked in folder/root."""
    opts = apt_options(folder + "/apt", release)
    run("apt-get", *opts, "-q", "update")
    depends = run("apt-cache", *opts, "depends", "--important", package)
    image = re.search(r"Depends: (linux-image-\d\S*)", depends)
    if not image:
        raise CannotMake(f"{release}: no kernel behind {package}")
    run("apt-get", *opts, "-q", "download", image[1], cwd=folder)
    deb = glob.glob(folder + "/linux-image-*.deb")[0]
    run("dpkg-deb", "-x", deb, folder + "/root")
    os.unlink(deb)
    shutil.rmtree(folder + "/apt")
    if not os.path.isdir(folder + "/root/lib"):  # unpacked over a merged /usr
        os.symlink("usr/lib", folder + "/root/lib")


def needed(modules, names):
    """Paths of these modules and of what they need, in the order in which they are to be loaded."""
    with open(modules + "/modules.dep") as f:
        depends = {p: d.split() for p, d in (line.rstrip("\n").split(":", 1) for line in f)}
    found = []
    for name in names:
        path = next((p for p in depends if os.path.basename(p).split(".ko")[0] == name.replace("_", "-")
                     or os.path.basename(p).split(".ko")[0] == name), None)
        if path:  # else it is in the kernel itself
            found += [p for p in (*reversed(depends[path]), path) if p not in found]
    return found


INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for m in {modules}; do /bin/busybox insmod /$m; done
tries=0
until [ -e /dev/nvme0n1 ] || [ $tries = 600 ]; do /bin/busybox sleep 0.1; tries=$((tries + 1)); done
/bin/busybox mount -o noatime /dev/nvme0n1 /root
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /sbin/init
"""


def initrd_make(folder, modules):
    """The modules of the disk and a shell that loads them; an empty file if the kernel needs none of them."""
    paths = needed(modules, DISK)
    if not any("nvme" in p for p in paths):
        write(folder + "/initrd", "")
        return
    top = folder + "/initrd.d"
    for name in "bin", "proc", "dev", "root":
        os.makedirs(f"{top}/{name}")
    shutil.copy("/bin/busybox", top + "/bin/busybox")
    names = []
    for path in paths:
        name = os.path.basename(path).split(".ko")[0] + ".ko"
        shutil.copy(f"{modules}/{path}", f"{top}/{os.path.basename(path)}")
        if path.endswith(".xz"):
            run("xz", "-d", f"{top}/{os.path.basename(path)}")
        names.append(name)
    write(top + "/init", INIT.format(modules=" ".join(names)), 0o755)
    run("sh", "-c", f"cd '{top}' && find . | cpio -o -H newc --quiet >'{folder}/initrd'")
    shutil.rmtree(top)


def make(folder, release, package):
    for program in "depmod", "cpio", "busybox", "qemu-system-x86_64", "mke2fs":
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            raise CannotMake(f"no {program}: tools/setup installs it")
    download(folder, release, package)
    modules = next(iter(glob.glob(folder + "/root/lib/modules/*")))
    run("depmod", "-b", folder + "/root", os.path.basename(modules))
    initrd_make(folder, modules)


def fetch(name):
    """The kernel of KERNELS; CannotMake if it is not here and cannot be had."""
    release, package = KERNELS[name]
    folder = f"{KEEP}/kernel-{release}-{package}"
    os.makedirs(KEEP, exist_ok=True)
    with open(KEEP + "/kernel.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            shutil.rmtree(folder + ".new", ignore_errors=True)
            os.mkdir(folder + ".new")
            make(folder + ".new", release, package)
            os.rename(folder + ".new", folder)
    return Kernel(folder)


if __name__ == "__main__":
    try:
        for one in KERNELS:
            k = fetch(one)
            print(one, k.release, k.image, k.modules, k.initrd or "")
    except (CannotMake, subprocess.TimeoutExpired) as e:
        sys.exit(f"tests/lib/kernels.py: {e}")
