/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the configuration's file can be read again by the daemon, which is not root any more, and by nobody else.
 * Root may have written it with any group and mode: a commit puts both right, and what root is to do
 * otherwise is said.
 *
 * exports: parent_conf_ */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "log.h"
#include "parent_int.h"

#define REMEDY "chgrp " DAEMON_USER " %s; chmod 640 %s"

static bool
is_readable(const struct stat *st, gid_t gid)
{
	return (st->st_mode & S_IROTH) || ((st->st_mode & S_IRGRP) && st->st_gid == gid);
}

void
parent_conf_look(struct parent *p)
{
	const char *path = p->opts->conf_path;
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	p->conf_unread = !is_readable(&st, p->gid);
	if (st.st_mode & S_IROTH)
		log_warnx("%s: everybody can read it, password hashes and agencies too: chmod o= %s", path, path);
	else if (p->conf_unread)
		log_warnx("%s: can't be read again without a restart: " REMEDY, path, path, path);
}

void
parent_conf_watch(struct parent *p)
{
	struct stat st;

	if (stat(p->opts->conf_path, &st) == 0 && is_readable(&st, p->gid) == p->conf_unread)
		parent_conf_look(p);
}

/* One question at a time, so that an engine that asks all the time fills no queue. */
int
parent_conf_mend(struct parent *p, size_t len)
{
	struct stat st;

	if (len > 0)
		return -EBADMSG;
	if (p->conf_mending || stat(p->opts->conf_path, &st) < 0 ||
	    ((st.st_mode & 07777) == DAEMON_CONF_MODE && st.st_gid == p->gid))
		return 0;
	/* Without a keeper the daemon ends. */
	p->conf_mending = parent_send(p, KEEPER, IPC_P_FILE, NULL) == 0;
	return 0;
}

int
parent_conf_mended(struct parent *p, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	const int err = rd_errno(&r);

	if (rd_end(&r) < 0 || !p->conf_mending)
		return -EBADMSG;
	p->conf_mending = false;
	if (err < 0)
		log_warn(err, "%s: its group and mode can't be put right", p->opts->conf_path);
	parent_conf_look(p);
	return 0;
}

const char *
parent_conf_unread_text(const struct parent *p, int r, char *out, size_t size)
{
	const char *path = p->opts->conf_path;

	if (r == -EACCES)
		snprintf(out, size, "configuration not applied: the daemon can't read its file: " REMEDY, path, path);
	else
		snprintf(out, size, "configuration not applied: its file is wrong, see the log");
	return out;
}

void
parent_conf_check_file(const char *path)
{
	const struct group *g = getgrnam(DAEMON_USER);
	struct stat st;

	if (g && stat(path, &st) == 0 && st.st_uid == 0 && !is_readable(&st, g->gr_gid))
		log_warnx("%s: the daemon, when it runs, can't read it: " REMEDY, path, path, path);
}
