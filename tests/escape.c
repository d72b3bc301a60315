/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape ROLE FOLDER UID - confines itself as that process of ours does, by the
 * same code, then tries to get out: each attempt in a child of its own.  FOLDER
 * is what the role may use, UID whom it becomes.  ROLE "none": no confinement, so
 * that every attempt has to succeed.  Prints "attempt: outcome", where the outcome
 * is "done", "killed" (by seccomp) or the name of the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "confine.h"
#include "role.h"
#include "sandbox.h"
#include "session.h"

static char outside[256], inside[256];
static pid_t victim;

/* ---- attempts: >= 0, or -1 with errno; raw calls, so that libc adds nothing ---- */

static long
bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

static long
try_read(void)
{
	return syscall(SYS_openat, AT_FDCWD, outside, O_RDONLY);
}

static long
try_write(void)
{
	return syscall(SYS_openat, AT_FDCWD, outside, O_WRONLY);
}

static long
try_create(void)
{
	char path[300];

	snprintf(path, sizeof path, "%s.new", outside);
	return syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600);
}

static long
try_passwords(void)
{
	return syscall(SYS_openat, AT_FDCWD, "/etc/shadow", O_RDONLY);
}

static long
try_unlink(void)
{
	return syscall(SYS_unlinkat, AT_FDCWD, outside, 0);
}

static long
try_internet(void)
{
	return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static long
try_packet(void)
{
	return syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0);
}

static long
try_exec(void)
{
	static const char *const argv[] = {"true", NULL}, *const envp[] = {NULL};

	return syscall(SYS_execve, "/bin/true", argv, envp);
}

static long
try_ptrace(void)
{
	return syscall(SYS_ptrace, PTRACE_SEIZE, victim, NULL, NULL);
}

static long
try_memory(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {outside, 1}; /* forked: the same address */

	return syscall(SYS_process_vm_readv, victim, &here, 1, &there, 1, 0);
}

static long
try_signal(void)
{
	return syscall(SYS_kill, victim, SIGCONT);
}

static long
try_thread_signal(void)
{
	return syscall(SYS_tgkill, victim, victim, SIGCONT);
}

static long
try_bpf_load(void)
{
	struct bpf_insn prog[] = {{.code = 0xb7}, {.code = 0x95}}; /* r0 = 0; exit */
	union bpf_attr a = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
	    .insn_cnt = 2,
	    .insns = (uintptr_t)prog,
	    .license = (uintptr_t) "GPL"};

	return bpf(BPF_PROG_LOAD, &a);
}

static long
try_bpf_map(void)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

	return bpf(BPF_MAP_CREATE, &a);
}

/* Other programs' maps are found by number. */
static long
try_bpf_number(void)
{
	union bpf_attr a = {.start_id = 0};

	return bpf(BPF_MAP_GET_NEXT_ID, &a);
}

static long
try_mount(void)
{
	return syscall(SYS_mount, "none", inside, "tmpfs", 0, NULL);
}

static long
try_root(void)
{
	return syscall(SYS_setuid, 0);
}

static long
try_namespace(void)
{
	return syscall(SYS_unshare, CLONE_NEWNET);
}

static long
try_user_namespace(void)
{
	return syscall(SYS_unshare, CLONE_NEWUSER);
}

static long
try_clone(void)
{
	long pid = syscall(SYS_clone, SIGCHLD | CLONE_NEWNET, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long
try_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long
try_io_uring(void)
{
	struct io_uring_params p = {0};

	return syscall(SYS_io_uring_setup, 1, &p);
}

static long
try_code(void)
{
	return (long)syscall(
		   SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -1
		   ? -1
		   : 0;
}

static long
try_code_later(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return syscall(SYS_mprotect, p, 4096, PROT_READ | PROT_EXEC);
}

static long
try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* A request that none of ours makes. */
static long
try_ioctl(void)
{
	int n;

	return syscall(SYS_ioctl, 2, FIONREAD, &n);
}

static const struct {
	const char *name;
	long (*call)(void);
} attempts[] = {{"read a file outside", try_read}, {"write a file outside", try_write},
    {"make a file outside", try_create}, {"read the passwords", try_passwords}, {"remove a file outside", try_unlink},
    {"internet socket", try_internet}, {"packet socket", try_packet}, {"exec", try_exec}, {"ptrace", try_ptrace},
    {"read another's memory", try_memory}, {"signal another", try_signal},
    {"signal another's thread", try_thread_signal}, {"load BPF", try_bpf_load}, {"make a BPF map", try_bpf_map},
    {"BPF maps by number", try_bpf_number}, {"mount", try_mount}, {"become root", try_root},
    {"network namespace", try_namespace}, {"user namespace", try_user_namespace}, {"clone with namespace", try_clone},
    {"fork", try_fork}, {"io_uring", try_io_uring}, {"executable memory", try_code},
    {"memory made executable", try_code_later}, {"be dumpable again", try_dumpable},
    {"ioctl of another kind", try_ioctl}};

/* ---- roles ---- */

static int
become(uid_t uid)
{
	int r = sandbox_become(uid, (gid_t)uid, 0, NULL);

	return r < 0 ? r : sandbox_basics();
}

static int
confine(const char *role, uid_t uid)
{
	const char *step;
	int r;

	if (strcmp(role, "none") == 0)
		return 0;
	if (strcmp(role, "collector") == 0)
		return confine_self(&(struct confine_opts){.dir = inside, .dir_fd = open(inside, O_RDONLY)}, &step);
	if ((r = become(uid)) < 0)
		return r;
	if (strcmp(role, "parent") == 0)
		return role_confine_parent(inside);
	if (strcmp(role, "engine") == 0)
		return role_confine_engine(inside, inside);
	if (strcmp(role, "keeper") == 0)
		return role_confine_keeper(inside);
	if (strcmp(role, "accounts") == 0)
		return role_confine_accounts(inside);
	if (strcmp(role, "dataplane") == 0)
		return role_confine_dataplane(inside);
	if (strcmp(role, "canary") == 0)
		return role_confine_canary();
	if (strcmp(role, "reader") == 0)
		return (r = role_confine_reader()) < 0 ? r : role_confine_reader_worker();
	if (strcmp(role, "metrics") == 0)
		return role_confine_metrics();
	return strcmp(role, "session") == 0 ? session_confine() : -EINVAL;
}

#define CONFINED 'c'

/* In the child: what was reached is written to the pipe, byte by byte. */
static void
child(const char *role, uid_t uid, size_t i, int out)
{
	int r = confine(role, uid);

	if (r < 0)
		dprintf(out, "not confined: %s\n", strerror(-r));
	if (r < 0 || write(out, &(char){CONFINED}, 1) != 1)
		_exit(2);
	r = attempts[i].call() < 0 ? errno : 0;
	if (write(out, &r, sizeof r) != sizeof r)
		_exit(2);
	_exit(0);
}

static int
attempt(const char *role, uid_t uid, size_t i)
{
	struct {
		char confined;
		char err[sizeof(int)];
	} got;
	int fds[2], status, err;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0)
		child(role, uid, i, fds[1]);
	close(fds[1]);
	waitpid(pid, &status, 0);
	n = read(fds[0], &got, sizeof got);
	close(fds[0]);
	if (n < 1 || got.confined != CONFINED) {
		fprintf(stderr, "%s could not be confined\n", role);
		return -1;
	}
	memcpy(&err, got.err, sizeof err);
	/* A program that exec replaced says nothing more and ends well. */
	if (n == 1 && WIFSIGNALED(status))
		printf(
		    "%s: %s\n", attempts[i].name, WTERMSIG(status) == SIGSYS ? "killed" : strsignal(WTERMSIG(status)));
	else if (n == 1)
		printf("%s: %s\n", attempts[i].name, WEXITSTATUS(status) == 0 ? "done" : "ended");
	else
		printf("%s: %s\n", attempts[i].name, err ? strerrorname_np(err) : "done");
	return 0;
}

/* The file outside and the victim are there for every attempt anew. */
static int
prepare(uid_t uid)
{
	int fd = open(outside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0 || fchmod(fd, 0666) < 0 || fchown(fd, uid, (gid_t)uid) < 0)
		return -errno;
	close(fd);
	if ((victim = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return victim < 0 ? -errno : 0;
}

int
main(int argc, char **argv)
{
	uid_t uid = argc == 4 ? (uid_t)atoi(argv[3]) : 0;
	int bad = 0;

	if (argc != 4 || (uid == 0 && strcmp(argv[1], "accounts") != 0) || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 2;
	snprintf(inside, sizeof inside, "%s", argv[2]);
	snprintf(outside, sizeof outside, "%s.outside", argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		bad |= prepare(uid) < 0 || attempt(argv[1], uid, i) < 0;
		kill(victim, SIGKILL);
		waitpid(victim, NULL, 0);
	}
	return bad;
}
