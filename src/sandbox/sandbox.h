/* SPDX-License-Identifier: BSD-2-Clause */
/* sandbox.h - giving power up, in the order in which it has to go: user, capabilities,
 * new privileges, files, system calls.  Every step that fails is an error: a program
 * that can't be confined does not run. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <sys/types.h>

#include "base.h"

/* No core, not dumpable, no new privileges. */
int sandbox_basics(void);

/* Keeps all memory, that to come too, out of the swap; pages take room only once they
 * are used.  Only where memory may be locked without limit (systemd: LimitMEMLOCK), so that
 * no allocation can fail because of it; else -EPERM, and nothing has changed. */
int sandbox_lock(void);
/* As root: lifts the limit for this process and for its children. */
int sandbox_lock_permit(void);

/* Becomes uid:gid with no further group but this one (0: none), then loses every capability, the bounding
 * set too, except those in keep (CAP_* numbers, ended by -1; NULL: none). */
int sandbox_become(uid_t uid, gid_t gid, gid_t group, const int *keep);

struct sandbox_path {
	const char *path;
	bool write; /* else read and list only */
	bool exec;  /* beside that, programs may be run */
};

/* Landlock: nothing of the file system but these trees.  A path that does not exist is
 * left out.  -EOPNOTSUPP: the kernel has no landlock (5.13). */
int sandbox_files(const struct sandbox_path *paths, size_t n);

/* Landlock: no signal to a process that this one has not started from now on.  -EOPNOTSUPP, and nothing has changed:
 * the kernel can't (before 6.12). */
int sandbox_signals(void);

/* A system call that is permitted with this argument only. */
struct sandbox_when {
	int call;     /* -1 ends a list */
	unsigned arg; /* counted from 0 */
	unsigned value;
};

/* seccomp: only these system calls (numbers, ended by -1), those of when (NULL: none), and
 * those that every program needs (memory that is not executable, time, its own exit, ...);
 * anything else kills the process, after a line on descriptor 2 that tells the call's number.  For code of ours
 * only: what may load other people's modules gets sandbox_calls_foreign. */
int sandbox_calls(const int *calls, const struct sandbox_when *when);

/* For a process that runs foreign code (name services, the system's tools): these system calls, those of when (NULL:
 * none) and those that every program needs, executable memory and processes without new namespaces too; anything else
 * fails with ENOSYS, as in a kernel that does not have it.  Programs that it executes have the same list. */
int sandbox_calls_foreign(const int *calls, const struct sandbox_when *when);

/* These system calls (numbers, ended by -1), and signals to threads of others, fail with EPERM from now on, beside
 * what is refused already. */
int sandbox_calls_take(const int *calls);

#endif
