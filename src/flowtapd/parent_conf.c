/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: parent_conf_ */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "accounts.h"
#include "as.h"
#include "backoff.h"
#include "clock.h"
#include "conf_diff.h"
#include "history.h"
#include "listen.h"
#include "log.h"
#include "parent_int.h"
#include "replace.h"

#define UNDO_WAIT_MS 5000
#define LOOK_AGAIN_MAX_MS 60000

/* The other processes are handed what is printed of it: they have to read the same in it. */
static int
printed_check(const struct conf *conf, struct conf_error *err)
{
	cleanup_buf struct buf text = {0}, again = {0};
	struct conf *c;
	int r;

	conf_print(conf, &text);
	if ((r = text.err) < 0 || (r = conf_parse((const char *)text.p, text.len, &c, err)) < 0)
		return r;
	conf_print(c, &again);
	conf_free(c);
	if (again.err)
		return again.err;
	return again.len == text.len && (text.len == 0 || memcmp(again.p, text.p, text.len) == 0) ? 0 : -EBADMSG;
}

int
parent_conf_read(const char *path, struct conf **out)
{
	cleanup_buf struct buf text = {0};
	struct conf_error err;
	struct conf *conf;
	int r = conf_load(path, &conf, &err);

	if (r < 0) {
		conf_error_format(&err, path, &text);
		log_warnx("%.*s", (int)text.len, text.p ? (char *)text.p : "");
		return r;
	}
	if ((r = printed_check(conf, &err)) < 0) {
		log_warn(r, "%s: it can be read, but not what is made of it", path);
		conf_free(conf);
		return r;
	}
	*out = conf;
	return 0;
}

/* ---- at the start ---- */

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
	if (r == 0 && history_due_ms(&h, clock_wall_ms()) == 0 && (r = history_back(&h, back)) == -ENOENT)
		r = 0;
	history_close(&h);
	return r;
}

/* As root, before there is a keeper.  The file keeps its group, by which the daemon reads it again. */
static int
file_write(const char *path, const struct buf *text)
{
	char dir[PATH_MAX], name[PATH_MAX];
	cleanup_fd int fd = -1;
	const gid_t own = getegid();
	struct stat st;
	int r;

	if (strlen(path) >= sizeof dir)
		return -ENAMETOOLONG;
	strcpy(dir, path);
	strcpy(name, path);
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || stat(path, &st) < 0 || setegid(st.st_gid) < 0)
		return -errno;
	r = replace_file(fd, basename(name), (struct slice){(char *)text->p, text->len}, st.st_mode & 0640);
	return setegid(own) < 0 ? -errno : r;
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

/* The history is the engine's: it is touched as its user. */
static int
history_look_as(const struct parent *p, struct buf *back)
{
	char path[sizeof p->conf->state_dir + 16];
	int r;

	snprintf(path, sizeof path, "%s/" HISTORY_DIR, p->conf->state_dir);
	if ((r = as_begin(p->uid, p->gid)) < 0)
		return r;
	if ((r = as_dir(path, p->uid, p->gid, 0700)) == 0)
		r = history_look(p->conf, back);
	as_end();
	return r;
}

int
parent_conf_start(struct parent *p)
{
	cleanup_buf struct buf back = {0}, none = {0};
	int r = history_look_as(p, &back);

	if (r < 0 || back.len == 0 || take_back(p, &back) == 0)
		return r;
	return history_look_as(p, &none);
}

/* ---- to the children ---- */

static int
conf_send(struct parent *p, const struct conf *conf, const struct parent_numbers *numbers)
{
	cleanup_buf struct buf text = {0}, body = {0};
	struct ipc_config m = {.nuid = numbers->n, .uid = numbers->uid};
	int r;

	conf_print(conf, &text);
	m.text = (struct slice){(const char *)text.p, text.len};
	snprintf(m.by, sizeof m.by, "%s", p->by);
	ipc_config_put(&body, &m);
	snprintf(p->why, sizeof p->why, "it could not be handed on");
	if (text.err)
		return text.err;
	if ((r = parent_users_next(p, numbers)) < 0)
		return r;
	for (enum child_id i = 0; i < CONFIGURED; i++) {
		p->child[i].answered = false;
		if ((r = parent_send(p, i, IPC_P_CONFIG, &body)) < 0)
			return r;
	}
	return 0;
}

int
parent_conf_start_children(struct parent *p)
{
	p->change = CHANGE_STARTING;
	return parent_logins_ask(p, p->conf, ACCOUNTS_APPLY);
}

/* ---- numbers of users ---- */

static int
names_ask(struct parent *p, const struct conf *conf, uint32_t asker)
{
	cleanup_buf struct buf b = {0};
	int r = parent_names_question(conf, asker, &b);

	if (r == 0 && p->child[NAMES].chan == NULL)
		r = -EPIPE;
	p->users_asked = p->users_asked || p->users_stale;
	p->users_stale = false;
	return r < 0 ? r : chan_send(p->child[NAMES].chan, IPC_P_NAMES, ++p->question, b.p, b.len);
}

/* An agency whose user is not there yet has no sessions; its taps, and all else, are as ever.  The user table may
 * have a service of its own, which starts later than we. */
static int
numbers_started(struct parent *p, const struct parent_numbers *numbers)
{
	const uint32_t absent = numbers->lacking - numbers->shared;

	if (numbers->shared > 2)
		log_warnx(
		    "%s; and %u more agencies likewise: nobody is let in as one of them before each has their own",
		    numbers->why_shared, numbers->shared - 2);
	else if (numbers->shared)
		log_warnx("%s: nobody is let in as one of them before each has their own", numbers->why_shared);
	if (numbers->failed)
		log_warnx("%s: it is tried again, and until it works nobody whom it concerns is let in", numbers->why);
	else if (absent > 1)
		log_warnx("%s; and %u more agencies: nobody is let in as one of them before there is that user",
		    numbers->why, absent - 1);
	else if (absent)
		log_warnx("%s: nobody is let in as this agency before there is that user", numbers->why);
	p->next_lacking = numbers->lacking;
	p->change = CHANGE_PREPARING;
	return conf_send(p, p->conf, numbers);
}

/* A login that can't be had is no reason not to tap. */
static void
logins_started(struct parent *p)
{
	int r;

	if (p->child[ACCOUNTS].err)
		log_warnx("logins: %s", p->child[ACCOUNTS].why);
	p->change = CHANGE_NAMING;
	if ((r = names_ask(p, p->conf, 0)) == 0)
		return;
	if (r != -EPIPE) /* else it was said */
		log_warn(r, "users can't be looked up");
	loop_stop(p->loop, 1);
}

static void
children_tell(struct parent *p, uint16_t type)
{
	for (enum child_id i = 0; i < CONFIGURED; i++)
		(void)parent_send(p, i, type, NULL);
}

/* ---- a change ---- */

/* To whom it may concern: the engine if it asked, else the log. */
static void
change_over(struct parent *p, int err, const char *why)
{
	cleanup_buf struct buf b = {0};

	p->change = CHANGE_NONE;
	p->logins = false;
	loop_timer_set(p->timer, -1);
	p->users_stale = p->users_stale || p->users_asked; /* it was not put in force */
	p->users_asked = false;
	p->again_ms = PARENT_LOOK_AGAIN_MS;
	loop_timer_set(p->again, p->lacking || p->users_stale ? p->again_ms : -1);
	if (err < 0 && !p->check)
		log_warnx("configuration not applied: %s", why);
	conf_free(TAKE_PTR(p->next));
	if (!p->asked) {
		parent_reload_over(p, err, why);
		if (p->started)
			parent_ready(p);
		return;
	}
	p->asked = p->check = false;
	buf_put_u32(&b, (uint32_t)-err);
	buf_put_str(&b, why);
	(void)parent_send(p, ENGINE, IPC_P_DONE, &b);
}

/* Another change, which goes on. */
static void
change_busy(struct parent *p)
{
	cleanup_buf struct buf b = {0};

	buf_put_u32(&b, EBUSY);
	buf_put_str(&b, "a change is under way");
	(void)parent_send(p, ENGINE, IPC_P_DONE, &b);
}

/* The logins are as before, or it can't be helped. */
static void
logins_restored(struct parent *p)
{
	if (p->child[ACCOUNTS].err)
		log_warnx("logins: %s", p->child[ACCOUNTS].why);
	change_over(p, p->refused, p->why);
}

static void
change_refuse(struct parent *p, int err, const char *why)
{
	children_tell(p, IPC_P_ABORT);
	if (!p->logins) {
		change_over(p, err, why);
		return;
	}
	p->refused = err;
	if (why != p->why)
		snprintf(p->why, sizeof p->why, "%s", why);
	p->change = CHANGE_RESTORING;
	loop_timer_set(p->timer, RELOAD_WAIT_MS);
	if (parent_logins_ask(p, p->conf, ACCOUNTS_APPLY) < 0)
		loop_stop(p->loop, 1); /* the next start makes them what they should be */
}

static void
change_name(struct parent *p)
{
	int r = names_ask(p, p->next, p->asker);

	p->change = CHANGE_NAMING;
	if (r < 0)
		change_refuse(p, r, "users can't be looked up");
	else
		loop_timer_set(p->timer, RELOAD_WAIT_MS);
}

static void
change_prepare(struct parent *p, const struct parent_numbers *numbers)
{
	int r;

	p->next_lacking = numbers->lacking;
	p->change = CHANGE_PREPARING;
	p->working = 0;
	if ((r = conf_send(p, p->next, numbers)) < 0)
		change_refuse(p, r, p->why);
	else
		loop_timer_set(p->timer, RELOAD_WAIT_MS);
}

/* Before anything else, for an agency may be one of them. */
static void
change_logins(struct parent *p)
{
	int r = parent_logins_ask(p, p->next, p->check ? ACCOUNTS_CHECK : ACCOUNTS_PREPARE);

	p->change = CHANGE_LOGINS;
	p->logins = !p->check;
	if (r < 0)
		change_refuse(p, r, "it could not be handed on");
	else
		loop_timer_set(p->timer, RELOAD_WAIT_MS);
}

static void
logins_made(struct parent *p)
{
	if (p->child[ACCOUNTS].err)
		change_refuse(p, p->child[ACCOUNTS].err, p->child[ACCOUNTS].why);
	else
		change_name(p);
}

static void
look_later(struct parent *p)
{
	p->again_ms = 2 * p->again_ms < LOOK_AGAIN_MAX_MS ? 2 * p->again_ms : LOOK_AGAIN_MAX_MS;
	loop_timer_set(p->again, p->again_ms);
}

/* An answer that some of it could not be had takes nobody's number away. */
static void
numbers_looked(struct parent *p, const struct parent_numbers *numbers)
{
	const bool failed = numbers->failed && numbers->lacking >= p->lacking;

	p->change = CHANGE_NONE;
	if (!failed && !parent_users_are_in_force(p, numbers)) {
		parent_users_changed(p, numbers);
		return;
	}
	p->users_stale = p->users_stale || (failed && p->users_asked);
	p->users_asked = false;
	look_later(p);
}

/* What the answer means for what is under way. */
static void
numbers_take(struct parent *p, const struct ipc_named *a, const struct parent_numbers *numbers)
{
	if (p->change == CHANGE_LOOKING)
		numbers_looked(p, numbers);
	else if (!p->started) {
		if (numbers_started(p, numbers) < 0)
			loop_stop(p->loop, 1);
	} else if (numbers->lacking) {
		snprintf(p->why, sizeof p->why, "%s%s", *numbers->why ? numbers->why : numbers->why_shared,
		    *numbers->why && !numbers->failed ? "; system login user, or useradd(8), makes one" : "");
		change_refuse(p, *numbers->why ? -ENOENT : -EEXIST, p->why);
	} else if (*numbers->taken) {
		snprintf(p->why, sizeof p->why, "%s", numbers->taken);
		change_refuse(p, -EEXIST, p->why);
	} else {
		if (p->asked)
			parent_names_asker(a, p->asker, p->by, sizeof p->by);
		change_prepare(p, numbers);
	}
}

int
parent_conf_named(struct parent *p, uint32_t id, const uint8_t *body, size_t len)
{
	const struct conf *conf = p->started && p->change == CHANGE_NAMING ? p->next : p->conf;
	struct rd r = rd_init(body, len);
	struct parent_numbers numbers;
	struct ipc_named a;
	int rc = ipc_named_get(&a, &r);

	if (rc < 0)
		return rc;
	p->child[NAMES].answered = true;
	if ((rc = rd_end(&r)) == 0 && id == p->question &&
	    (p->change == CHANGE_NAMING || p->change == CHANGE_LOOKING) &&
	    (rc = parent_names_resolve(conf, &a, p->check, &numbers)) == 0) {
		numbers_take(p, &a, &numbers);
		free(numbers.uid);
	}
	free(a.v);
	return rc;
}

void
parent_conf_look_again(struct parent *p)
{
	if (p->lacking == 0 && !p->users_stale)
		return;
	if (p->change == CHANGE_NONE && names_ask(p, p->conf, 0) == 0)
		p->change = CHANGE_LOOKING;
	else
		look_later(p);
}

/* Whom they have let in is judged anew by what comes of it. */
void
parent_conf_users_changed(struct parent *p)
{
	p->users_stale = true;
	p->again_ms = PARENT_LOOK_AGAIN_MS;
	if (p->started)
		loop_timer_set(p->again, 1);
}

static bool
is_busy(const struct parent *p)
{
	return !p->started || (p->change != CHANGE_NONE && p->change != CHANGE_LOOKING);
}

/* p->next is there. */
void
parent_conf_begin(struct parent *p)
{
	conf_diff_hold(p->conf, p->next);
	p->by[0] = '\0';
	if (parent_logins_matter(p))
		change_logins(p);
	else
		change_name(p);
}

void
parent_conf_reload(struct parent *p)
{
	char why[DAEMON_WHY];
	int r;

	if (is_busy(p)) {
		log_warnx("configuration not applied: a change is under way");
		parent_reload_over(p, -EBUSY, "configuration not applied: a change is under way");
	} else {
		notify_reloading(&p->notify);
		if ((r = parent_conf_read(p->opts->conf_path, &p->next)) == 0)
			parent_reload_begin(p);
		else {
			parent_conf_unread_text(p, r, why, sizeof why);
			parent_reload_over(p, -EINVAL, why);
			parent_ready(p);
		}
	}
}

int
parent_conf_ask(struct parent *p, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	struct conf_error err;
	struct ipc_ask m;

	if (ipc_ask_get(&m, &r) < 0 || rd_end(&r) < 0)
		return -EBADMSG;
	if (is_busy(p)) {
		change_busy(p);
		return 0;
	}
	p->asked = true;
	p->check = m.check;
	if (conf_parse(m.text.p, m.text.len, &p->next, &err) < 0) {
		change_over(p, -EINVAL, err.expected);
		return 0;
	}
	p->asker = m.uid;
	parent_conf_begin(p);
	return 0;
}

static void
change_commit(struct parent *p)
{
	p->change = CHANGE_COMMITTING;
	p->working = 0;
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
	r = parent_send(p, KEEPER, IPC_P_WRITE, &text);
	if (r < 0) {
		change_refuse(p, r, "its file could not be written");
		return;
	}
	p->change = CHANGE_WRITING;
}

static void
change_finish(struct parent *p)
{
	if (p->asked)
		change_write(p);
	else
		change_commit(p);
}

static void
change_apply(struct parent *p)
{
	int r = parent_logins_ask(p, p->next, ACCOUNTS_APPLY);

	p->change = CHANGE_APPLYING;
	if (r < 0)
		change_refuse(p, r, "it could not be handed on");
}

/* What is wrong with a statement is said of the statement, not of the process that found it. */
static bool
is_of_statement(const char *why)
{
	return strncmp(why, "interface ", strlen("interface ")) == 0;
}

/* Both have answered: all or nothing. */
static void
both_prepared(struct parent *p)
{
	char why[256];

	for (int i = 0; i < CONFIGURED; i++)
		if (p->child[i].err) {
			log_warn(p->child[i].err, "%s: %s", p->child[i].role, p->child[i].why);
			if (is_of_statement(p->child[i].why))
				snprintf(why, sizeof why, "%s", p->child[i].why);
			else
				snprintf(why, sizeof why, "%s: %s", p->child[i].role, p->child[i].why);
			change_refuse(p, p->child[i].err, why);
			return;
		}
	if (p->check)
		change_refuse(p, 0, p->child[DATAPLANE].why);
	else if (p->logins)
		change_apply(p);
	else
		change_finish(p);
}

static void
logins_applied(struct parent *p)
{
	if (p->child[ACCOUNTS].err)
		change_refuse(p, p->child[ACCOUNTS].err, p->child[ACCOUNTS].why);
	else
		change_finish(p);
}

static void
written(struct parent *p)
{
	char why[256];

	if (p->child[KEEPER].err == 0) {
		change_commit(p);
		return;
	}
	if (p->child[KEEPER].err == REPLACE_UNKNOWN) {
		log_warnx("%s: whether the change is on the disk shows at the next start", p->opts->conf_path);
		loop_stop(p->loop, 1);
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
	p->lacking = p->next_lacking;
	parent_users_in_force(p);
	log_info(p->started ? "configuration applied" : "ready");
	if (*p->conf->pending)
		log_warnx("from the next start: %s", p->conf->pending);
	/* At a start of the machine it may well come yet. */
	if (*p->child[DATAPLANE].why && p->started)
		log_warnx("not tapped until it is there: %s", p->child[DATAPLANE].why);
	else if (*p->child[DATAPLANE].why)
		log_info("not tapped until it is there: %s", p->child[DATAPLANE].why);
	if (!p->started)
		backoff_ready();
	p->started = true;
	change_over(p, 0, p->child[DATAPLANE].why);
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

static void
logins_answered(struct parent *p)
{
	p->child[ACCOUNTS].answered = false;
	if (p->change == CHANGE_STARTING)
		logins_started(p);
	else if (p->change == CHANGE_LOGINS)
		logins_made(p);
	else if (p->change == CHANGE_APPLYING)
		logins_applied(p);
	else if (p->change == CHANGE_RESTORING)
		logins_restored(p);
}

void
parent_conf_answered(struct parent *p)
{
	if (p->child[ACCOUNTS].answered)
		logins_answered(p);
	else if (p->change == CHANGE_WRITING && p->child[KEEPER].answered)
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

	if (p->change == CHANGE_UNDOING)
		return true;
	if (!p->asked || p->child[KEEPER].chan == NULL ||
	    (p->change != CHANGE_COMMITTING && p->change != CHANGE_WRITING))
		return false;
	p->undo_answers = p->change == CHANGE_WRITING ? 2 : 1;
	p->change = CHANGE_UNDOING;
	conf_print(p->conf, &text);
	if (parent_send(p, KEEPER, IPC_P_WRITE, &text) < 0)
		return false;
	loop_timer_set(p->timer, UNDO_WAIT_MS);
	return true;
}

void
parent_conf_working(struct parent *p)
{
	if ((p->change == CHANGE_PREPARING || p->change == CHANGE_COMMITTING) && p->working++ < WORKING_MAX)
		loop_timer_set(p->timer, RELOAD_WAIT_MS);
}

void
parent_conf_late(struct parent *p)
{
	/* One of them may work with it: only a new start makes them agree. */
	if (p->change == CHANGE_UNDOING || p->change == CHANGE_COMMITTING || p->change == CHANGE_WRITING) {
		if (p->change == CHANGE_UNDOING || !parent_conf_undo(p))
			loop_stop(p->loop, 1);
	} else if (p->change == CHANGE_RESTORING)
		loop_stop(p->loop, 1);
	else if (p->change != CHANGE_NONE && p->change != CHANGE_LOOKING)
		change_refuse(p, -ETIMEDOUT, "no answer in time");
}
