/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pam_flowtap.so - what of Flowtap runs in its own sshd (packaging/pam/flowtap-sshd): tells the daemon who logged in,
 * from where and how, in a way that the agency's user can't write (connection.h).
 *
 * The session is opened in sshd's monitor, which is root and lives as long as the connection: there the number is drawn
 * and its file made.  Credentials are set once more in the process that becomes the user: there it gets the number as a
 * group.  No login fails for what fails here: its sessions are on record as unproven.
 *
 * Nothing else of ours is linked in: it is sshd's process.
 *
 * exports: pam_sm_ */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "connection.h"

#define DATA "flowtap-connection"
#define RUN_DIR "/run/flowtap"
#define TRIES 8 /* a number that somebody has is drawn again */

struct connection {
	pid_t pid; /* who made it */
	uint32_t number;
	int dir, file; /* the folder, and the file with our lock on it */
};

static void
connection_free(struct connection *c)
{
	if (c->file >= 0)
		close(c->file);
	if (c->dir >= 0)
		close(c->dir);
	free(c);
}

static void
on_data_end(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	connection_free(data);
}

static struct connection *
connection_get(pam_handle_t *pamh)
{
	const void *data;

	return pam_get_data(pamh, DATA, &data) == PAM_SUCCESS ? (struct connection *)(uintptr_t)data : NULL;
}

/* ---- the file ---- */

static int
whole_write(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* The address alone is looked at, and what follows it never matters. */
static int
content_write(pam_handle_t *pamh, int fd)
{
	const char *user = NULL, *from = pam_getenv(pamh, "SSH_CONNECTION"),
		   *auth = pam_getenv(pamh, "SSH_AUTH_INFO_0");
	const void *host = NULL;
	char head[CONNECTION_HEAD_MAX];
	const struct passwd *pw;
	int n, r;

	if (pam_get_user(pamh, &user, NULL) != PAM_SUCCESS || (pw = pam_modutil_getpwnam(pamh, user)) == NULL)
		return -ENOENT;
	if (from == NULL && pam_get_item(pamh, PAM_RHOST, &host) == PAM_SUCCESS)
		from = host;
	n = snprintf(
	    head, sizeof head, "%u %.*s\n", pw->pw_uid, from ? (int)strcspn(from, "\n") : 1, from ? from : "-");
	if (n < 0 || (size_t)n >= sizeof head)
		return -EMSGSIZE;
	if ((r = whole_write(fd, head, (size_t)n)) < 0 || auth == NULL)
		return r;
	return whole_write(fd, auth, strnlen(auth, CONNECTION_AUTH_MAX));
}

static int
number_draw(uint32_t *number)
{
	const uint32_t count = CONNECTION_NUMBER_MAX - CONNECTION_NUMBER_MIN + 1u;
	uint32_t n;

	if (getrandom(&n, sizeof n, 0) != sizeof n)
		return -EIO;
	*number = CONNECTION_NUMBER_MIN + n % count;
	return 0;
}

static int
name_give(struct connection *c)
{
	char self[32], name[16];
	int r = -EEXIST;

	snprintf(self, sizeof self, "/proc/self/fd/%d", c->file);
	for (int i = 0; i < TRIES && r == -EEXIST; i++) {
		if ((r = number_draw(&c->number)) < 0)
			return r;
		snprintf(name, sizeof name, CONNECTION_NAME, c->number);
		r = linkat(AT_FDCWD, self, c->dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
	}
	return r;
}

/* It gets its name when it is complete and locked: the daemon sees no other. */
static int
file_make(pam_handle_t *pamh, struct connection *c)
{
	const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int r;

	c->file = openat(c->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	/* Readable for all, in a folder that is not: to give it to the daemon's group takes a privilege. */
	if (c->file < 0 || fcntl(c->file, F_OFD_SETLK, &lock) < 0 || fchmod(c->file, 0644) < 0)
		return -errno;
	if ((r = content_write(pamh, c->file)) < 0)
		return r;
	return name_give(c);
}

/* What sshds that were killed have left: nobody holds a lock on it. */
static void
left_remove(int dir)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	if (d == NULL) {
		if (again >= 0)
			close(again);
		return;
	}
	while ((entry = readdir(d)) != NULL) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = entry->d_name[0] == '.' ? -1 : openat(dir, entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK)
			(void)unlinkat(dir, entry->d_name, 0);
		close(fd);
	}
	closedir(d);
}

/* ---- what PAM calls ---- */

static const char *
run_dir(int argc, const char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "dir=", 4) == 0)
			return argv[i] + 4;
	return RUN_DIR;
}

static int
connection_make(pam_handle_t *pamh, const char *dir, struct connection *c)
{
	char path[256];
	int n = snprintf(path, sizeof path, "%s/" CONNECTION_DIR, dir);
	struct stat st;

	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	if ((c->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0 || fstat(c->dir, &st) < 0)
		return -errno;
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return -EPERM; /* others could write there */
	left_remove(c->dir);
	return file_make(pamh, c);
}

__attribute__((visibility("default"))) int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct connection *c = malloc(sizeof *c);
	int r;

	(void)flags;
	if (c == NULL)
		return PAM_IGNORE;
	*c = (struct connection){.pid = getpid(), .dir = -1, .file = -1};
	if ((r = connection_make(pamh, run_dir(argc, argv), c)) < 0 ||
	    pam_set_data(pamh, DATA, c, on_data_end) != PAM_SUCCESS) {
		pam_syslog(
		    pamh, LOG_ERR, "the daemon is not told of this connection: %s", strerror(r < 0 ? -r : ENOMEM));
		connection_free(c);
	}
	return PAM_IGNORE;
}

__attribute__((visibility("default"))) int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	const struct connection *c = connection_get(pamh);
	char name[16];

	(void)flags;
	(void)argc;
	(void)argv;
	if (c && c->pid == getpid()) {
		snprintf(name, sizeof name, CONNECTION_NAME, c->number);
		(void)unlinkat(c->dir, name, 0);
	}
	return PAM_IGNORE;
}

/* Our own groups and one more. */
static int
group_add(gid_t gid)
{
	int n = getgroups(0, NULL), r;
	gid_t *all = n < 0 ? NULL : malloc(((size_t)n + 1) * sizeof *all);

	if (all == NULL)
		return -ENOMEM;
	if ((n = getgroups(n, all)) >= 0)
		all[n] = gid;
	r = n < 0 || setgroups((size_t)n + 1, all) < 0 ? -errno : 0;
	free(all);
	return r;
}

__attribute__((visibility("default"))) int
pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct connection *c = connection_get(pamh);
	int r;

	(void)argc;
	(void)argv;
	if (c == NULL || c->pid == getpid() || (flags & PAM_DELETE_CRED))
		return PAM_IGNORE;
	/* Who is about to become the user keeps neither the file nor its lock. */
	if (c->file >= 0)
		close(c->file);
	if (c->dir >= 0)
		close(c->dir);
	c->file = c->dir = -1;
	if ((r = group_add(c->number)) < 0)
		pam_syslog(pamh, LOG_ERR, "the daemon will not know this connection's sessions: %s", strerror(-r));
	return PAM_IGNORE;
}

/* It proves nobody, and refuses nobody. */
__attribute__((visibility("default"))) int
pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_IGNORE;
}
