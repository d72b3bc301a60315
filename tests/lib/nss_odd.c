/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module of the name services that does what modules of others do: it asks the kernel for what we never would,
 * hangs, crashes, closes what is open, or has its users later than we start.  Which one is in the name that is looked
 * up.  Its functions are called as those of libnss_compat, in whose place tests/netns/test_names.py mounts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LATE_FILE "/etc/odd-late" /* the user odd-late is there once this is */
#define LATE_UID 1900200000

enum nss_status _nss_compat_getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size, int *err);

/* What libnss-systemd, and others, have been seen to do, and what an intruder would. */
static void
ask_for_much(void)
{
	(void)prctl(PR_GET_NAME, (char[16]){0}, 0, 0, 0);
	(void)syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0);
	(void)syscall(SYS_keyctl, 0, 0, 0, 0, 0);
	(void)socket(AF_INET, SOCK_STREAM, 0);
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	(void)kill(getppid(), SIGKILL);
	(void)fork();
	(void)syscall(SYS_bpf, 0, NULL, 0);
}

enum nss_status
_nss_compat_getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size, int *err)
{
	struct stat st;

	*err = ENOENT;
	if (strcmp(name, "odd-calls") == 0)
		ask_for_much();
	if (strcmp(name, "odd-crash") == 0)
		abort();
	for (int fd = 0; strcmp(name, "odd-closes") == 0 && fd < 64; fd++)
		(void)close(fd);
	while (strcmp(name, "odd-hang") == 0 || strcmp(name, "odd-closes") == 0)
		sleep(60); /* pause() is refused, and would be tried until the limit of CPU time */
	if (strcmp(name, "odd-late") != 0 || stat(LATE_FILE, &st) < 0)
		return NSS_STATUS_NOTFOUND;
	if (size < strlen(name) + 3) {
		*err = ERANGE;
		return NSS_STATUS_TRYAGAIN;
	}
	strcpy(buf, name);
	strcpy(buf + strlen(name) + 1, "/");
	*pw = (struct passwd){.pw_name = buf,
	    .pw_passwd = buf + strlen(name),
	    .pw_gecos = buf + strlen(name),
	    .pw_uid = LATE_UID,
	    .pw_gid = LATE_UID,
	    .pw_dir = buf + strlen(name) + 1,
	    .pw_shell = buf + strlen(name) + 1};
	return NSS_STATUS_SUCCESS;
}
