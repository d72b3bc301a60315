/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of users and groups are given to others without our being told: whoever has one of an agency, a login or a
 * group of ours would be taken for it.  So the tables of this machine are looked at once a second, and after a change
 * the names are looked up again (parent_conf.c).
 *
 * exports: parent_users_ */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ipc_names.h"
#include "log.h"
#include "parent_int.h"

#define LOOK_MS 1000

static const char *const tables[PARENT_TABLES] = {"/etc/passwd", "/etc/group"};

/* What changes when a file is written or replaced. */
static struct parent_table
look(const char *path)
{
	struct parent_table t = {0};
	struct stat st;

	if (stat(path, &st) == 0)
		t = (struct parent_table){st.st_ino, (uint64_t)st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		    st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
	return t;
}

static bool
have_changed(struct parent *p)
{
	bool changed = false;

	for (size_t i = 0; i < PARENT_TABLES; i++) {
		const struct parent_table now = look(tables[i]);

		changed = changed || memcmp(&now, &p->table[i], sizeof now) != 0;
		p->table[i] = now;
	}
	return changed;
}

static void
on_timer(void *arg)
{
	struct parent *p = arg;

	if (have_changed(p))
		parent_conf_users_changed(p);
	parent_conf_watch(p);
	loop_timer_set(p->users, LOOK_MS);
}

int
parent_users_start(struct parent *p)
{
	int r = loop_timer_new(p->loop, on_timer, p, &p->users);

	if (r < 0)
		return r;
	(void)have_changed(p);
	loop_timer_set(p->users, LOOK_MS);
	return 0;
}

int
parent_users_next(struct parent *p, const struct parent_numbers *numbers)
{
	uint32_t *uid = calloc(numbers->n, sizeof *uid);

	if (uid == NULL)
		return -ENOMEM;
	memcpy(uid, numbers->uid, numbers->n * sizeof *uid);
	free(p->uid_next);
	p->uid_next = uid;
	p->nuid_next = numbers->n;
	return 0;
}

void
parent_users_in_force(struct parent *p)
{
	free(p->uid_now);
	p->uid_now = TAKE_PTR(p->uid_next);
	p->nuid_now = p->nuid_next;
	p->users_asked = false;
}

bool
parent_users_are_in_force(const struct parent *p, const struct parent_numbers *numbers)
{
	return p->uid_now && p->nuid_now == numbers->n &&
	       memcmp(p->uid_now, numbers->uid, numbers->n * sizeof *numbers->uid) == 0;
}

/* It has them in the order in which it hears of commits, so that no answer is waited for. */
void
parent_users_changed(struct parent *p, const struct parent_numbers *numbers)
{
	cleanup_buf struct buf b = {0};
	int r;

	ipc_numbers_put(&b, &(struct ipc_numbers){numbers->n, numbers->uid});
	if ((r = parent_users_next(p, numbers)) < 0 || (r = parent_send(p, ENGINE, IPC_P_NUMBERS, &b)) < 0) {
		log_warn(r, "the numbers of users that have changed could not be handed on");
		loop_stop(p->loop, 1);
		return;
	}
	if (numbers->lacking > p->lacking)
		log_warnx("%s: nobody is let in as one whose user is not there",
		    *numbers->why ? numbers->why : numbers->why_shared);
	parent_users_in_force(p);
	p->lacking = numbers->lacking;
	p->again_ms = PARENT_LOOK_AGAIN_MS;
	loop_timer_set(p->again, p->lacking || p->users_stale ? p->again_ms : -1);
}
