/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "role.h"
#include "sandbox.h"

int
role_confine_parent(const char *conf_dir)
{
	static const int calls[] = {SYS_openat, SYS_open, SYS_stat, SYS_lstat, SYS_wait4, SYS_waitid, SYS_fcntl,
	    SYS_access, SYS_faccessat, SYS_readlink, SYS_pread64, SYS_getsockopt, SYS_setsockopt, -1};
	static const struct sandbox_when when[] = {{SYS_ioctl, 1, TCGETS}, {-1}}; /* isatty(3) */
	const struct sandbox_path paths[] = {{conf_dir, false}, {"/etc/localtime", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, when);
}

/* A user table that is not in files has to come through a daemon of its own (sssd, nslcd, winbind,
 * systemd-userdbd), which a module asks over a local socket, or from where that daemon leaves it. */
int
role_confine_names(void)
{
	static const int calls[] = {SYS_openat, SYS_open, SYS_openat2, SYS_stat, SYS_lstat, SYS_statx, SYS_access,
	    SYS_faccessat, SYS_faccessat2, SYS_readlink, SYS_readlinkat, SYS_getdents64, SYS_pread64, SYS_statfs,
	    SYS_fstatfs, SYS_getcwd, SYS_fcntl, SYS_flock, SYS_ioctl, SYS_dup, SYS_dup2, SYS_dup3, SYS_pipe, SYS_pipe2,
	    SYS_close_range, SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_getsockname, SYS_getpeername,
	    SYS_getsockopt, SYS_setsockopt, SYS_sendmmsg, SYS_recvmmsg, SYS_select, SYS_pselect6, SYS_epoll_create1,
	    SYS_epoll_pwait2, SYS_eventfd2, SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
	    SYS_inotify_init1, SYS_inotify_add_watch, SYS_memfd_create, SYS_nanosleep, SYS_clock_nanosleep,
	    SYS_clock_getres, SYS_alarm, SYS_setitimer, SYS_times, SYS_getrusage, SYS_uname, SYS_getppid, SYS_getegid,
	    SYS_getgroups, SYS_getresuid, SYS_getresgid, SYS_getpgrp, SYS_getpgid, SYS_getsid, SYS_capget, SYS_umask,
	    SYS_prlimit64, SYS_getrlimit, SYS_setrlimit, SYS_sched_getaffinity, SYS_getcpu, SYS_set_robust_list,
	    SYS_set_tid_address, SYS_sigaltstack, SYS_arch_prctl, SYS_fork, SYS_vfork, SYS_wait4, SYS_waitid, SYS_kill,
	    SYS_tgkill, SYS_seccomp, SYS_prctl, -1};
	const struct sandbox_path paths[] = {{"/etc", false}, {"/usr", false}, {"/lib", false}, {"/lib64", false},
	    {"/proc", false}, {"/run/systemd", false}, {"/run/nscd", false}, {"/run/nslcd", false},
	    {"/var/lib/sss", false}, {"/var/lib/extrausers", false}, {"/var/cache/nscd", false}, {"/dev/null", true},
	    {"/dev/urandom", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls_foreign(calls, NULL);
}

int
role_confine_names_worker(void)
{
	static const int calls[] = {
	    SYS_clone, SYS_clone3, SYS_fork, SYS_vfork, SYS_kill, SYS_tkill, SYS_setsid, SYS_setpgid, -1};

	return sandbox_calls_take(calls);
}

int
role_confine_engine(const char *state_dir, const char *connections)
{
	static const int calls[] = {SYS_accept4, SYS_getsockopt, SYS_openat, SYS_open, SYS_stat, SYS_lstat, SYS_fcntl,
	    SYS_pread64, SYS_pwrite64, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_unlink, SYS_unlinkat, SYS_access,
	    SYS_faccessat, SYS_fchmod, SYS_getcwd, SYS_readlink, SYS_mkdir, SYS_statfs, SYS_fstatfs, SYS_nanosleep,
	    SYS_clock_nanosleep, SYS_fallocate, SYS_getdents64, SYS_rename, SYS_renameat, SYS_renameat2, SYS_adjtimex,
	    SYS_clock_adjtime, -1};
	static const struct sandbox_when when[] = {{SYS_setpriority, 0, PRIO_PROCESS}, {SYS_ioctl, 1, TCGETS}, {-1}};
	const struct sandbox_path paths[] = {
	    {state_dir, true}, {connections, false}, {"/etc/localtime", false}, {"/dev/urandom", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, when);
}

/* Nothing is loaded, made or looked up by number, whatever the kernel would permit. */
int
role_confine_dataplane(const char *pin_dir)
{
	static const int calls[] = {SYS_unlink, SYS_unlinkat, SYS_getsockname, SYS_bind, SYS_openat, SYS_fcntl,
	    SYS_getdents64, SYS_stat, SYS_setsockopt, -1};
	static const struct sandbox_when when[] = {{SYS_socket, 0, AF_UNIX}, {SYS_socket, 0, AF_NETLINK},
	    {SYS_ioctl, 1, SIOCGIFFLAGS}, {SYS_ioctl, 1, SIOCGIFINDEX}, {SYS_ioctl, 1, SIOCGIFNAME},
	    {SYS_ioctl, 1, SIOCGIFHWADDR}, {SYS_ioctl, 1, SIOCETHTOOL}, {SYS_ioctl, 1, TCGETS},
	    {SYS_bpf, 0, BPF_MAP_LOOKUP_ELEM}, {SYS_bpf, 0, BPF_MAP_UPDATE_ELEM}, {SYS_bpf, 0, BPF_MAP_DELETE_ELEM},
	    {SYS_bpf, 0, BPF_MAP_GET_NEXT_KEY}, {SYS_bpf, 0, BPF_OBJ_PIN}, {SYS_bpf, 0, BPF_OBJ_GET},
	    {SYS_bpf, 0, BPF_OBJ_GET_INFO_BY_FD}, {SYS_bpf, 0, BPF_LINK_CREATE}, {SYS_bpf, 0, BPF_LINK_UPDATE},
	    {SYS_bpf, 0, BPF_LINK_DETACH}, {SYS_setpriority, 0, PRIO_PROCESS}, {-1}};
	const struct sandbox_path paths[] = {{pin_dir, true}, {"/etc/localtime", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, when);
}

/* It reads about everything in the kernel, by the iterators it was given, and can do nothing about it. */
int
role_confine_inventory(const char *pin_dir)
{
	static const int calls[] = {SYS_openat, SYS_getdents64, SYS_fcntl, -1};
	static const struct sandbox_when when[] = {
	    {SYS_bpf, 0, BPF_OBJ_GET}, {SYS_bpf, 0, BPF_ITER_CREATE}, {SYS_bpf, 0, BPF_OBJ_GET_INFO_BY_FD}, {-1}};
	const struct sandbox_path paths[] = {{pin_dir, false}, {"/etc/localtime", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, when);
}

/* Files in one folder: made, written, replaced. */
int
role_confine_keeper(const char *conf_dir)
{
	static const int calls[] = {
	    SYS_openat, SYS_fsync, SYS_fchmod, SYS_fchown, SYS_unlinkat, SYS_renameat, SYS_renameat2, -1};
	const struct sandbox_path paths[] = {{conf_dir, true}, {"/etc/localtime", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, NULL);
}

int
role_confine_canary(void)
{
	static const int calls[] = {SYS_fcntl, -1};
	const struct sandbox_path paths[] = {{"/etc/localtime", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, NULL);
}

/* No file; it starts and ends processes, which confine themselves further. */
int
role_confine_reader(void)
{
	static const int calls[] = {SYS_fcntl, SYS_socketpair, SYS_clone, SYS_clone3, SYS_set_robust_list, SYS_wait4,
	    SYS_kill, SYS_dup2, SYS_close_range, SYS_mlockall, SYS_prlimit64, SYS_getrlimit, SYS_seccomp, -1};
	static const struct sandbox_when when[] = {
	    {SYS_prctl, 0, PR_SET_NO_NEW_PRIVS}, {SYS_rt_sigaction, 0, SIGSYS}, {-1}};
	int r = sandbox_files(NULL, 0);

	return r < 0 ? r : sandbox_calls(calls, when);
}

/* Nothing but its channel. */
int
role_confine_reader_worker(void)
{
	static const int calls[] = {-1};

	return sandbox_calls(calls, NULL);
}

/* The system's tools are under the same list: what they read, lock and replace in /etc, and how they ask for names. */
int
role_confine_accounts(const char *conf_dir)
{
	static const int calls[] = {SYS_openat, SYS_open, SYS_stat, SYS_lstat, SYS_statx, SYS_access, SYS_faccessat,
	    SYS_faccessat2, SYS_readlink, SYS_readlinkat, SYS_getdents64, SYS_pread64, SYS_pwrite64, SYS_statfs,
	    SYS_fstatfs, SYS_getcwd, SYS_chdir, SYS_fcntl, SYS_flock, SYS_link, SYS_linkat, SYS_unlink, SYS_unlinkat,
	    SYS_rename, SYS_renameat, SYS_renameat2, SYS_chmod, SYS_fchmod, SYS_fchmodat, SYS_chown, SYS_fchown,
	    SYS_fchownat, SYS_lchown, SYS_utime, SYS_utimes, SYS_utimensat, SYS_fsync, SYS_fdatasync, SYS_ftruncate,
	    SYS_umask, SYS_dup, SYS_dup2, SYS_dup3, SYS_pipe, SYS_pipe2, SYS_close_range, SYS_connect, SYS_bind,
	    SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt, SYS_select, SYS_pselect6, SYS_nanosleep,
	    SYS_clock_nanosleep, SYS_clock_getres, SYS_alarm, SYS_setitimer, SYS_uname, SYS_getppid, SYS_getegid,
	    SYS_getgroups, SYS_getresuid, SYS_getresgid, SYS_getpgrp, SYS_getpgid, SYS_setpgid, SYS_getsid,
	    SYS_getpriority, SYS_capget, SYS_prlimit64, SYS_getrlimit, SYS_setrlimit, SYS_sched_getaffinity, SYS_getcpu,
	    SYS_set_robust_list, SYS_set_tid_address, SYS_sigaltstack, SYS_arch_prctl, SYS_fork, SYS_vfork, SYS_execve,
	    SYS_wait4, SYS_waitid, SYS_kill, SYS_tgkill, SYS_prctl, -1};
	static const struct sandbox_when when[] = {
	    {SYS_socket, 0, AF_UNIX}, {SYS_socket, 0, AF_NETLINK}, {SYS_ioctl, 1, TCGETS}, {-1}};
	const struct sandbox_path paths[] = {{conf_dir, true}, {"/etc", true}, {"/usr", .exec = true},
	    {"/lib", .exec = true}, {"/lib64", .exec = true}, {"/dev/null", true}, {"/proc", false},
	    {"/run/systemd/userdb", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	if (r < 0 || ((r = sandbox_signals()) < 0 && r != -EOPNOTSUPP))
		return r;
	return sandbox_calls_foreign(calls, when);
}

int
role_confine_metrics(void)
{
	static const int calls[] = {SYS_accept4, SYS_fcntl, -1};
	const struct sandbox_path paths[] = {{"/etc/localtime", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, NULL);
}
