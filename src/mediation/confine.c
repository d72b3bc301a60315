/* SPDX-License-Identifier: BSD-2-Clause */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/ioctl.h>

#include "confine.h"
#include "sandbox.h"

static const int calls[] = {
    SCMP_SYS(recvmmsg),
    SCMP_SYS(getsockopt),
    SCMP_SYS(openat),
    SCMP_SYS(unlinkat),
    SCMP_SYS(ftruncate),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep), /* some terminals want a delay */
    -1,
};

/* The terminal's size, mode and foreground, as ncurses and the C library ask for them. */
static const struct sandbox_when when[] = {
    {SCMP_SYS(ioctl), 1, TIOCGWINSZ},
    {SCMP_SYS(ioctl), 1, TIOCGPGRP},
    {SCMP_SYS(ioctl), 1, TCGETS},
    {SCMP_SYS(ioctl), 1, TCSETS},
    {SCMP_SYS(ioctl), 1, TCSETSW},
    {SCMP_SYS(ioctl), 1, TCSETSF},
    {SCMP_SYS(ioctl), 1, TCFLSH},
    {-1},
};

static int
user_become(const char *name)
{
	const struct passwd *pw;

	if (name == NULL) {
		capng_clear(CAPNG_SELECT_ALL);
		return capng_apply(getuid() == 0 ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
	}
	errno = 0;
	if ((pw = getpwnam(name)) == NULL)
		return errno ? -errno : -ENOENT;
	return sandbox_become(pw->pw_uid, pw->pw_gid, 0, NULL);
}

static int
files_confine(const struct confine_opts *o, const char **lacking)
{
	const struct sandbox_path path = {o->dir, true};
	int r;

	if (o->dir && faccessat(o->dir_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return -errno;
	r = sandbox_files(&path, o->dir ? 1 : 0);
	if (r == -EOPNOTSUPP) {
		*lacking = "landlock";
		return 0;
	}
	return r;
}

int
confine_self(const struct confine_opts *o, const char **step)
{
	const char *lacking = NULL;
	int r;

	*step = "give privileges up";
	if ((r = sandbox_basics()) < 0)
		return r;
	*step = o->user ? "become the user" : "give capabilities up";
	if ((r = user_become(o->user)) < 0)
		return r;
	*step = "write into the folder";
	if ((r = files_confine(o, &lacking)) < 0)
		return r;
	*step = "confine system calls";
	if ((r = sandbox_calls(calls, when)) < 0)
		return r;
	*step = lacking;
	return 0;
}
