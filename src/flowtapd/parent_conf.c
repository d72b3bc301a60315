/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: parent_conf_ */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "conf_diff.h"
#include "history.h"
#include "listen.h"
#include "log.h"
#include "parent_int.h"
#include "replace.h"

#define UNDO_WAIT_MS 5000
#define WALK_USERS 64 /* from here on all users are read at once */

int
parent_conf_read(const char *path, struct conf **out)
{
	cleanup_buf struct buf text = {0};
	struct conf_error err;
	int r = conf_load(path, out, &err);

	if (r < 0) {
		conf_error_format(&err, path, &text);
		log_warnx("%.*s", (int)text.len, text.p ? (char *)text.p : "");
	}
	return r;
}

/* ---- at the start ---- */

/* The history is the engine's: it is touched as its user. */
static int
history_begin_as(const struct parent *p)
{
	return setegid(p->gid) < 0 || seteuid(p->uid) < 0 ? -errno : 0;
}

static int
history_end_as(void)
{
	return seteuid(0) < 0 || setegid(0) < 0 ? -errno : 0;
}

/* What is in force becomes part of the history.  *back: what is to be in force instead, if it is not empty. */
static int
history_look(const struct conf *conf, struct buf *back)
{
	cleanup_buf struct buf text = {0};
	struct history h;
	int r = history_open(conf->state_dir, &h);

	if (r < 0)
		return r;
	conf_print(conf, &text);
	r = text.err ? text.err : history_settle(&h, (struct slice){(char *)text.p, text.len});
	if (r == 0 && history_due_ms(&h) == 0 && (r = history_back(&h, back)) == -ENOENT)
		r = 0;
	history_close(&h);
	return r;
}

/* As root, before there is a keeper. */
static int
file_write(const char *path, const struct buf *text)
{
	char dir[PATH_MAX], name[PATH_MAX];
	cleanup_fd int fd = -1;
	struct stat st;

	if (strlen(path) >= sizeof dir)
		return -ENAMETOOLONG;
	strcpy(dir, path);
	strcpy(name, path);
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || stat(path, &st) < 0)
		return -errno;
	return replace_file(fd, basename(name), (struct slice){(char *)text->p, text->len}, st.st_mode & 0666);
}

static int
take_back(struct parent *p, const struct buf *back)
{
	struct conf_error err;
	struct conf *conf;
	int r = conf_parse((const char *)back->p, back->len, &conf, &err);

	if (r == 0 && (r = file_write(p->opts->conf_path, back)) < 0)
		conf_free(conf);
	if (r < 0) {
		log_warn(r, "the configuration was not confirmed, but the one before can't be had");
		return 0;
	}
	log_warnx("the configuration was not confirmed in time: the one before is in force again");
	conf_free(p->conf);
	p->conf = conf;
	return 1;
}

int
parent_conf_start(struct parent *p)
{
	cleanup_buf struct buf back = {0}, none = {0};
	char path[sizeof p->conf->state_dir + 16];
	int r, end;

	snprintf(path, sizeof path, "%s/" HISTORY_DIR, p->conf->state_dir);
	if ((r = listen_dir(path, p->uid, p->gid, 0700)) == 0 && (r = history_begin_as(p)) == 0)
		r = history_look(p->conf, &back);
	if ((end = history_end_as()) < 0)
		return end;
	if (r < 0 || back.len == 0 || take_back(p, &back) == 0)
		return r;
	if ((r = history_begin_as(p)) == 0)
		r = history_look(p->conf, &none);
	return (end = history_end_as()) < 0 ? end : r;
}

/* ---- to the children ---- */

struct user {
	const char *name;
	uint32_t i; /* which of conf's users it is */
};

/* The agencies' users, then those of system login. */
static const char *
user_name(const struct conf *conf, uint32_t i)
{
	return i < conf->nagency ? conf->agency[i].user : conf->login[i - conf->nagency].name;
}

static int
by_user(const void *a, const void *b)
{
	return strcmp(((const struct user *)a)->name, ((const struct user *)b)->name);
}

/* Looking up a user reads the file up to his line, so that for many it is read once.  A table that can't be
 * walked through leaves zeros; of a name that is there twice the first counts, as for getpwnam. */
static int
users_walk(const struct conf *conf, uint32_t n, uint32_t *uid)
{
	cleanup_free struct user *v = calloc(n, sizeof *v);
	const struct passwd *pw;

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct user){user_name(conf, i), i};
	qsort(v, n, sizeof *v, by_user);
	setpwent();
	while ((pw = getpwent()) != NULL) {
		const struct user *hit = bsearch(&(struct user){pw->pw_name, 0}, v, n, sizeof *v, by_user);

		while (hit && hit > v && strcmp(hit[-1].name, pw->pw_name) == 0)
			hit--;
		for (; hit && hit < v + n && strcmp(hit->name, pw->pw_name) == 0; hit++)
			if (uid[hit->i] == 0)
				uid[hit->i] = pw->pw_uid;
	}
	endpwent();
	return 0;
}

/* The system users of the agencies and of system login, in conf's order. */
static int
users_resolve(const struct conf *conf, uint32_t **out, char *why, size_t size)
{
	const uint32_t n = conf->nagency + conf->nlogin;
	cleanup_free uint32_t *uid = calloc((size_t)n + 1, sizeof *uid);
	int r;

	snprintf(why, size, "the user table can't be read");
	if (uid == NULL)
		return -ENOMEM;
	if (n > WALK_USERS && (r = users_walk(conf, n, uid)) < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		const struct passwd *pw = uid[i] ? NULL : getpwnam(user_name(conf, i));

		if (pw)
			uid[i] = pw->pw_uid;
		if (uid[i] == 0 && i < conf->nagency) {
			snprintf(why, size, "agency %s: %s", conf->agency[i].name,
			    pw ? "root can't be an agency's user" : "no such system user");
			return -ENOENT;
		}
	}
	*out = TAKE_PTR(uid);
	return 0;
}

static int
conf_send(struct parent *p, const struct conf *conf, const char *by)
{
	cleanup_buf struct buf text = {0}, body = {0};
	cleanup_free uint32_t *uid = NULL;
	struct ipc_config m = {.nuid = conf->nagency + conf->nlogin};
	int r = users_resolve(conf, &uid, p->why, sizeof p->why);

	if (r < 0)
		return r;
	conf_print(conf, &text);
	m.text = (struct slice){(const char *)text.p, text.len};
	m.uid = uid;
	snprintf(m.by, sizeof m.by, "%s", by);
	ipc_config_put(&body, &m);
	snprintf(p->why, sizeof p->why, "it could not be handed on");
	if (text.err || body.err)
		return -ENOMEM;
	for (int i = 0; i < CONFIGURED; i++) {
		p->child[i].answered = false;
		if ((r = chan_send(p->child[i].chan, IPC_P_CONFIG, 0, body.p, body.len)) < 0)
			return r;
	}
	return 0;
}

int
parent_conf_start_children(struct parent *p)
{
	int r = conf_send(p, p->conf, "");

	if (r < 0)
		log_warnx("%s", p->why);
	else
		p->change = CHANGE_PREPARING;
	return r;
}

static void
children_tell(struct parent *p, uint16_t type)
{
	for (int i = 0; i < CONFIGURED; i++)
		if (p->child[i].chan)
			(void)chan_send(p->child[i].chan, type, 0, NULL, 0);
}

/* ---- a change ---- */

/* To whom it may concern: the engine if it asked, else the log. */
static void
change_over(struct parent *p, int err, const char *why)
{
	cleanup_buf struct buf b = {0};

	p->change = CHANGE_NONE;
	loop_timer_set(p->timer, -1);
	if (err < 0 && !p->check)
		log_warnx("configuration not applied: %s", why);
	conf_free(TAKE_PTR(p->next));
	if (!p->asked)
		return;
	p->asked = p->check = false;
	buf_put_u32(&b, (uint32_t)-err);
	buf_put_str(&b, why);
	if (b.err == 0 && p->child[ENGINE].chan)
		(void)chan_send(p->child[ENGINE].chan, IPC_P_DONE, 0, b.p, b.len);
}

/* Another change, which goes on. */
static void
change_busy(struct parent *p)
{
	cleanup_buf struct buf b = {0};

	buf_put_u32(&b, EBUSY);
	buf_put_str(&b, "a change is under way");
	if (b.err == 0)
		(void)chan_send(p->child[ENGINE].chan, IPC_P_DONE, 0, b.p, b.len);
}

static void
change_refuse(struct parent *p, int err, const char *why)
{
	children_tell(p, IPC_P_ABORT);
	change_over(p, err, why);
}

/* p->next is there. */
static void
change_begin(struct parent *p, const char *by)
{
	char what[256], why[320];
	int r;

	if (conf_diff_restart(p->conf, p->next, what, sizeof what)) {
		snprintf(why, sizeof why, "needs a restart: %s", what);
		change_over(p, -EBUSY, why);
		return;
	}
	p->change = CHANGE_PREPARING;
	if ((r = conf_send(p, p->next, by)) < 0)
		change_refuse(p, r, p->why);
	else
		loop_timer_set(p->timer, RELOAD_WAIT_MS);
}

void
parent_conf_reload(struct parent *p)
{
	if (p->change != CHANGE_NONE || !p->started)
		log_warnx("configuration not applied: a change is under way");
	else if (parent_conf_read(p->opts->conf_path, &p->next) == 0)
		change_begin(p, "");
}

int
parent_conf_ask(struct parent *p, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	const struct passwd *pw;
	struct conf_error err;
	char number[24];
	struct ipc_ask m;

	if (ipc_ask_get(&m, &r) < 0 || rd_end(&r) < 0)
		return -EBADMSG;
	if (p->change != CHANGE_NONE || !p->started) {
		change_busy(p);
		return 0;
	}
	p->asked = true;
	p->check = m.check;
	if (conf_parse(m.text.p, m.text.len, &p->next, &err) < 0) {
		change_over(p, -EINVAL, err.expected);
		return 0;
	}
	snprintf(number, sizeof number, "%u", m.uid);
	pw = getpwuid(m.uid);
	change_begin(p, pw ? pw->pw_name : number);
	return 0;
}

static void
change_commit(struct parent *p)
{
	p->change = CHANGE_COMMITTING;
	for (int i = 0; i < CONFIGURED; i++)
		p->child[i].answered = false;
	loop_timer_set(p->timer, RELOAD_WAIT_MS);
	children_tell(p, IPC_P_COMMIT);
}

static void
change_write(struct parent *p)
{
	cleanup_buf struct buf text = {0};
	int r;

	conf_print(p->next, &text);
	p->child[KEEPER].answered = false;
	r = text.err ? text.err : chan_send(p->child[KEEPER].chan, IPC_P_WRITE, 0, text.p, text.len);
	if (r < 0) {
		change_refuse(p, r, "its file could not be written");
		return;
	}
	p->change = CHANGE_WRITING;
}

/* Both have answered: all or nothing. */
static void
both_prepared(struct parent *p)
{
	char why[256];

	for (int i = 0; i < CONFIGURED; i++)
		if (p->child[i].err) {
			log_warn(p->child[i].err, "%s: %s", p->child[i].role, p->child[i].why);
			snprintf(why, sizeof why, "%s: %s", p->child[i].role, p->child[i].why);
			change_refuse(p, p->child[i].err, why);
			return;
		}
	if (p->check)
		change_refuse(p, 0, "");
	else if (p->asked)
		change_write(p);
	else
		change_commit(p);
}

static void
written(struct parent *p)
{
	char why[256];

	if (p->child[KEEPER].err == 0) {
		change_commit(p);
		return;
	}
	snprintf(why, sizeof why, "%s: %s", p->opts->conf_path, p->child[KEEPER].why);
	change_refuse(p, p->child[KEEPER].err, why);
}

/* Both work with it: what is logged now is true. */
static void
both_committed(struct parent *p)
{
	if (p->next) {
		conf_free(p->conf);
		p->conf = TAKE_PTR(p->next);
	}
	log_info(p->started ? "configuration applied" : "ready");
	p->started = true;
	change_over(p, 0, "");
}

static void
undone(struct parent *p)
{
	if (!p->child[KEEPER].answered)
		return;
	p->child[KEEPER].answered = false;
	if (--p->undo_answers > 0)
		return;
	log_warnx("configuration not applied: its file is as before");
	loop_stop(p->loop, 1);
}

void
parent_conf_answered(struct parent *p)
{
	if (p->change == CHANGE_WRITING && p->child[KEEPER].answered)
		written(p);
	else if (p->change == CHANGE_UNDOING)
		undone(p);
	else if (!p->child[ENGINE].answered || !p->child[DATAPLANE].answered)
		return;
	else if (p->change == CHANGE_COMMITTING)
		both_committed(p);
	else if (p->change == CHANGE_PREPARING)
		both_prepared(p);
}

/* In mid-change somebody ended: the file is to be as it was.  The keeper answers in order. */
bool
parent_conf_undo(struct parent *p)
{
	cleanup_buf struct buf text = {0};
	struct chan *keeper = p->child[KEEPER].chan;

	if (p->change == CHANGE_UNDOING)
		return true;
	if (!p->asked || keeper == NULL || (p->change != CHANGE_COMMITTING && p->change != CHANGE_WRITING))
		return false;
	p->undo_answers = p->change == CHANGE_WRITING ? 2 : 1;
	p->change = CHANGE_UNDOING;
	conf_print(p->conf, &text);
	if (text.err || chan_send(keeper, IPC_P_WRITE, 0, text.p, text.len) < 0)
		return false;
	loop_timer_set(p->timer, UNDO_WAIT_MS);
	return true;
}

void
parent_conf_late(struct parent *p)
{
	/* One of them may work with it: only a new start makes them agree. */
	if (p->change == CHANGE_UNDOING || p->change == CHANGE_COMMITTING || p->change == CHANGE_WRITING) {
		if (p->change == CHANGE_UNDOING || !parent_conf_undo(p))
			loop_stop(p->loop, 1);
	} else if (p->change == CHANGE_PREPARING)
		change_refuse(p, -ETIMEDOUT, "no answer in time");
}
