/* SPDX-License-Identifier: BSD-2-Clause */
#include "as.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "base.h"

/* setfsuid() and setfsgid() tell only what was before. */
static int
is_now(uid_t uid, gid_t gid)
{
	return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid;
}

int
as_begin(uid_t uid, gid_t gid)
{
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	if (is_now(uid, gid))
		return 0;
	as_end();
	return -EPERM;
}

void
as_end(void)
{
	(void)setfsuid(0);
	(void)setfsgid(0);
}

int
as_dir(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	cleanup_fd int fd = -1;
	struct stat st;
	char self[32];

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != uid || st.st_gid != gid) && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return -errno;
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return (st.st_mode & 07777) != mode && chmod(self, mode) < 0 ? -errno : 0;
}
