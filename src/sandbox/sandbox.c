/* SPDX-License-Identifier: BSD-2-Clause */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sandbox.h"

int
sandbox_basics(void)
{
	const struct rlimit none = {0, 0};

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int
sandbox_lock_permit(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	return setrlimit(RLIMIT_MEMLOCK, &all) < 0 ? -errno : 0;
}

int
sandbox_lock(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_MEMLOCK, &l) < 0)
		return -errno;
	if (l.rlim_cur != RLIM_INFINITY)
		return -EPERM;
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}

/* Kept capabilities are made ambient, so that they outlive an exec. */
static int
caps_choose(const int *keep)
{
	const unsigned sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_AMBIENT;

	capng_clear(CAPNG_SELECT_ALL);
	for (; keep && *keep >= 0; keep++)
		if (capng_update(CAPNG_ADD, sets, (unsigned)*keep) < 0)
			return -EINVAL;
	return 0;
}

int
sandbox_become(uid_t uid, gid_t gid, gid_t group, const int *keep)
{
	int r = caps_choose(keep);

	if (r < 0)
		return r;
	if (setgroups(group != 0, &group) < 0 ||
	    capng_change_id((int)uid, (int)gid, CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT) < 0)
		return -EPERM;
	if (keep && (r = caps_choose(keep)) < 0)
		return r;
	if (keep && capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) < 0)
		return -EPERM;
	if (getuid() != uid || geteuid() != uid || (uid != 0 && setuid(0) == 0))
		return -EPERM;
	return 0;
}

#define FILES_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FILES_WRITE                                                                                                    \
	(FILES_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)
#define FILES_DIR_ONLY (LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)
/* Everything landlock's first version knows: bits 0 (execute) to 12 (make_sym). */
#define FILES_ALL ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int
files_allow(int ruleset, const struct sandbox_path *p)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = p->write ? FILES_WRITE : FILES_READ};
	struct stat st;
	cleanup_fd int fd = open(p->path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (p->exec)
		rule.allowed_access |= LANDLOCK_ACCESS_FS_EXECUTE;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= ~(__u64)FILES_DIR_ONLY;
	rule.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

int
sandbox_files(const struct sandbox_path *paths, size_t n)
{
	const struct landlock_ruleset_attr attr = {.handled_access_fs = FILES_ALL};
	cleanup_fd int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);

	if (ruleset < 0)
		return errno == ENOSYS ? -EOPNOTSUPP : -errno;
	for (size_t i = 0; i < n; i++) {
		int r = files_allow(ruleset, &paths[i]);
		if (r < 0)
			return r;
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	return 0;
}

/* The third version of the struct, and a bit of it, which headers older than the kernel do not have. */
struct ruleset_scoped {
	__u64 files, net, scoped;
};
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

int
sandbox_signals(void)
{
	const struct ruleset_scoped attr = {.scoped = SCOPE_SIGNAL};
	const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	cleanup_fd int ruleset = -1;

	if (version < 6)
		return -EOPNOTSUPP;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (ruleset < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	return 0;
}

/* What libc and the event loop need in every program. */
static const int common_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(rseq),
    SCMP_SYS(sysinfo), /* qsort() of more than a kilobyte asks how much memory there is */
    SCMP_SYS(membarrier),
};

/* ---- what a process that tries more says before it dies ---- */

/* Digits only: what is called from a signal handler may not allocate, lock or format. */
static size_t
number_put(char *to, unsigned n)
{
	char digits[12];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	for (size_t i = 0; i < len; i++)
		to[i] = digits[len - 1 - i];
	return len;
}

/* The kernel has not carried the call out.  SIGSYS is blocked in here, so that a second forbidden call, one that is
 * in nobody's list, is the end that the parent sees: killed by SIGSYS. */
static void
on_forbidden(int sig, siginfo_t *si, void *context)
{
	static const char before[] = "flowtap: a process of it tried system call ",
			  after[] = ", which it may not use, and ends\n";
	char line[sizeof before + 12 + sizeof after];
	size_t n = sizeof before - 1;

	(void)sig;
	(void)context;
	memcpy(line, before, n);
	n += number_put(line + n, (unsigned)si->si_syscall);
	memcpy(line + n, after, sizeof after - 1);
	if (write(2, line, n + sizeof after - 1) < 0)
		n = 0; /* nobody is to hear it */
	for (;;)
		syscall(SYS_kexec_load, 0, 0, 0, 0);
}

/* Before the filter, which keeps it where it is. */
static int
forbidden_announce(void)
{
	struct sigaction sa = {.sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO};

	sigfillset(&sa.sa_mask);
	return sigaction(SIGSYS, &sa, NULL) < 0 ? -errno : 0;
}

#define NOT_EXEC SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)

/* Memory is never made executable, and no signal goes to others: tgkill is abort()'s. */
static int
common_add(scmp_filter_ctx ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(common_calls); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, common_calls[i], 0);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, NOT_EXEC);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, NOT_EXEC);
	if (r == 0)
		r = seccomp_rule_add(
		    ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1, SCMP_A0(SCMP_CMP_NE, SIGSYS));
	return r;
}

int
sandbox_calls(const int *calls, const struct sandbox_when *when)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int r = ctx ? forbidden_announce() : -ENOMEM;

	if (r == 0)
		r = common_add(ctx);

	for (; r == 0 && when && when->call >= 0; when++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, when->call, 1, SCMP_CMP(when->arg, SCMP_CMP_EQ, when->value));
	for (; r == 0 && *calls >= 0; calls++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, *calls, 0);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

#define NAMESPACES                                                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* clone3 has its flags in memory, where no filter sees them: libc uses clone where the kernel does not have it. */
int
sandbox_calls_foreign(const int *calls, const struct sandbox_when *when)
{
	static const int code[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(rt_sigaction), -1};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int r = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(common_calls); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, common_calls[i], 0);
	for (size_t i = 0; r == 0 && code[i] >= 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, code[i], 0);
	if (r == 0)
		r = seccomp_rule_add(
		    ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES, 0));
	for (; r == 0 && when && when->call >= 0; when++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, when->call, 1, SCMP_CMP(when->arg, SCMP_CMP_EQ, when->value));
	for (; r == 0 && *calls >= 0; calls++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, *calls, 0);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int
sandbox_calls_take(const int *calls)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r = ctx ? 0 : -ENOMEM;

	if (r == 0)
		r = seccomp_rule_add(
		    ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid()));
	for (; r == 0 && *calls >= 0; calls++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), *calls, 0);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
