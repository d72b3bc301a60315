/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper writes the configuration's file, puts its group and mode right, and does nothing else.  It has root's
 * user number, because the file and its folder are root's, but no capability; it
 * sees that folder only, and takes texts from the parent only, which has parsed them;
 * but the parent is not believed: what is no configuration is not written.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_error.h"
#include "daemon.h"
#include "log.h"
#include "replace.h"
#include "role.h"
#include "sandbox.h"

/* The folder and the name in it. */
static int
keeper_begin(int *dir, char name[static NAME_MAX + 1])
{
	cleanup_buf struct buf body = {0};
	char path[PATH_MAX], copy[PATH_MAX];
	uint16_t type;
	uint32_t id;
	struct rd r;
	int rc = chan_read_sync(DAEMON_FD_PARENT, 2 * PATH_MAX, &type, &id, &body);

	if (rc < 0)
		return rc;
	r = rd_init(body.p, body.len);
	rd_cstr(&r, path, sizeof path);
	if (type != IPC_P_KEEPER || rd_end(&r) < 0)
		return -EBADMSG;
	strcpy(copy, path);
	if (strlen(basename(copy)) > NAME_MAX)
		return -ENAMETOOLONG;
	strcpy(name, basename(copy));
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/'))
		return -EISDIR;
	strcpy(copy, path);
	*dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return -errno;
	strcpy(copy, path);
	return role_confine_keeper(dirname(copy));
}

#define LINKED "it is a link, which a commit would cut; put the file itself in its place"

/* Others never read it: there are password hashes and agencies in it.  The daemon has to, whose group is ours. */
static int
keeper_write(int dir, const char *name, struct slice text)
{
	struct stat st;
	struct conf_error err;
	struct conf *conf;
	int r = conf_parse(text.p, text.len, &conf, &err);

	if (r < 0)
		return r;
	conf_free(conf);
	/* A link would be cut, and what is behind it would be an old configuration. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return -ELOOP;
	return replace_file(dir, name, text, DAEMON_CONF_MODE);
}

/* Without its text: who has written it meanwhile has not lost that. */
static int
keeper_mend(int dir, const char *name)
{
	cleanup_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_gid != getgid() && fchown(fd, (uid_t)-1, getgid()) < 0)
		return -errno;
	return (st.st_mode & 07777) != DAEMON_CONF_MODE && fchmod(fd, DAEMON_CONF_MODE) < 0 ? -errno : 0;
}

static int
keeper_serve(int dir, const char *name, uint16_t type, const struct buf *body)
{
	cleanup_buf struct buf answer = {0};
	int r;

	if (type == IPC_P_WRITE) {
		r = keeper_write(dir, name, (struct slice){(const char *)body->p, body->len});
		return daemon_ready_sync(DAEMON_FD_PARENT, r, r == -ELOOP ? LINKED : r < 0 ? strerror(-r) : "");
	}
	if (body->len > 0)
		return -EBADMSG;
	buf_put_u32(&answer, (uint32_t)-keeper_mend(dir, name));
	return answer.err ? answer.err : chan_write_sync(DAEMON_FD_PARENT, IPC_P_FILE, 0, answer.p, answer.len);
}

int
keeper_run(int verbose)
{
	cleanup_buf struct buf body = {0};
	char name[NAME_MAX + 1];
	uint16_t type;
	uint32_t id;
	int dir, r;

	log_init("flowtapd: keeper", verbose);
	if ((r = sandbox_basics()) < 0 || (r = keeper_begin(&dir, name)) < 0)
		fatal(r, "cannot begin");
	while ((r = chan_read_sync(DAEMON_FD_PARENT, DAEMON_CHAN_MAX, &type, &id, &body)) == 0 &&
	       (type == IPC_P_WRITE || type == IPC_P_FILE)) {
		if ((r = keeper_serve(dir, name, type, &body)) < 0)
			break;
		buf_reset(&body);
	}
	return r == 0 && type == IPC_P_STOP ? 0 : 1;
}
