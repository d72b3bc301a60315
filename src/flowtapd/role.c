/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "role.h"
#include "sandbox.h"

/* A user table that is not in files has to come through a daemon of its own (sssd, nslcd,
 * systemd-userdbd), which is asked over a local socket; its library is loaded when it is needed. */
int
role_confine_parent(const char *conf_dir)
{
	static const int calls[] = {SYS_openat, SYS_open, SYS_stat, SYS_lstat, SYS_wait4, SYS_waitid, SYS_connect,
	    SYS_fcntl, SYS_access, SYS_faccessat, SYS_readlink, SYS_getdents64, SYS_ioctl, SYS_pread64, SYS_getppid,
	    SYS_uname, SYS_prlimit64, SYS_getsockopt, SYS_setsockopt, SYS_dup, -1};
	static const struct sandbox_when when[] = {
	    {SYS_socket, 0, AF_UNIX}, {SYS_mmap, 2, PROT_READ | PROT_EXEC}, {-1}};
	const struct sandbox_path paths[] = {{conf_dir, false}, {"/etc", false}, {"/usr/lib", false}, {"/lib", false},
	    {"/run/systemd/userdb", false}, {"/proc/sys/kernel", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, when);
}

int
role_confine_engine(const char *state_dir)
{
	static const int calls[] = {SYS_accept4, SYS_getsockopt, SYS_openat, SYS_open, SYS_stat, SYS_lstat, SYS_fcntl,
	    SYS_pread64, SYS_pwrite64, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_unlink, SYS_unlinkat, SYS_access,
	    SYS_faccessat, SYS_fchmod, SYS_getcwd, SYS_readlink, SYS_mkdir, SYS_statfs, SYS_fstatfs, SYS_nanosleep,
	    SYS_clock_nanosleep, SYS_fallocate, SYS_getdents64, SYS_ioctl, SYS_rename, SYS_renameat, SYS_renameat2,
	    SYS_adjtimex, SYS_clock_adjtime, -1};
	static const struct sandbox_when when[] = {{SYS_setpriority, 0, PRIO_PROCESS}, {-1}};
	const struct sandbox_path paths[] = {{state_dir, true}, {"/etc/localtime", false}, {"/dev/urandom", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, when);
}

/* Nothing is loaded, made or looked up by number, whatever the kernel would permit. */
int
role_confine_dataplane(const char *pin_dir)
{
	static const int calls[] = {SYS_unlink, SYS_unlinkat, SYS_getsockname, SYS_bind, SYS_openat, SYS_fcntl,
	    SYS_getdents64, SYS_stat, SYS_ioctl, SYS_setsockopt, -1};
	static const struct sandbox_when when[] = {{SYS_socket, 0, AF_UNIX}, {SYS_socket, 0, AF_NETLINK},
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
	static const int calls[] = {SYS_openat, SYS_fcntl, -1};
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
	static const int calls[] = {SYS_openat, SYS_fsync, SYS_fchmod, SYS_unlinkat, SYS_renameat, SYS_renameat2, -1};
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

int
role_confine_accounts(const char *conf_dir)
{
	const struct sandbox_path paths[] = {{conf_dir, true}, {"/etc", true}, {"/usr", .exec = true},
	    {"/lib", .exec = true}, {"/lib64", .exec = true}, {"/dev/null", true}, {"/proc", false},
	    {"/run/systemd/userdb", false}};

	return sandbox_files(paths, ARRAY_LEN(paths));
}

int
role_confine_metrics(void)
{
	static const int calls[] = {SYS_accept4, SYS_fcntl, -1};
	const struct sandbox_path paths[] = {{"/etc/localtime", false}};
	int r = sandbox_files(paths, ARRAY_LEN(paths));

	return r < 0 ? r : sandbox_calls(calls, NULL);
}
