/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "clock.h"
#include "conf_diff.h"
#include "connection.h"
#include "engine_at.h"
#include "engine.h"
#include "engine_ctl_limit.h"
#include "engine_numbers.h"
#include "engine_perm.h"
#include "engine_rejudge.h"
#include "engine_reload.h"
#include "ipc_parts.h"
#include "engine_share.h"
#include "engine_time.h"
#include "log.h"
#include "machine_key.h"
#include "role.h"
#include "state_file.h"

#define ACCEPT_MAX 16          /* in one round: who connects without end does not keep us from the others */
#define TIDY_MS 1000           /* after a change */
#define DP_QUEUE (16u << 20)   /* bytes that the data plane has not read, beyond which it is not heard */
#define UNTIDY_NS 10000000000u /* in which what is deleted is not erased: it is told */

/* Somebody reads the database: a LIST of many criteria, an undone copy, another program. */
static void
untidy_note(struct engine *e, bool busy)
{
	static const char begun[] =
	    "what was deleted can't be erased yet: another program, or a LIST, has the database",
			  over[] = "what was deleted is erased";
	const bool told = e->untidy_told;

	if (!busy)
		e->untidy_ns = 0;
	else if (e->untidy_ns == 0)
		e->untidy_ns = clock_mono_ns();
	e->untidy_told = busy && (told || clock_mono_ns() - e->untidy_ns >= UNTIDY_NS);
	if (e->untidy_told != told &&
	    !engine_event(e, busy ? ENGINE_WARNING : ENGINE_NOTICE, EVENT_DELETED, "%s", busy ? begun : over))
		log_warnx("%s", busy ? begun : over);
}

/* What was deleted is to be nowhere in the state's files, its log included. */
static void
tidy_cb(void *arg)
{
	struct engine *e = arg;
	int r;

	engine_fds_lend(e);
	r = store_tidy(e->store);
	(void)engine_fds_back(e);
	untidy_note(e, r == -EBUSY);
	if (r < 0 && r != -EBUSY && engine_disk_refuses(e) == NULL)
		log_warn(r, "state database: deleted criteria may still be in its log");
	if (r < 0)
		loop_timer_set(e->tidy, TIDY_MS);
}

static void
batch_cb(void *arg)
{
	struct engine *e = arg;

	e->batch_due = false;
	engine_batch(e);
	engine_aside_tell(e);
	if (!loop_timer_armed(e->tidy))
		loop_timer_set(e->tidy, TIDY_MS);
}

void
engine_batch_soon(struct engine *e)
{
	if (e->batch_due)
		return;
	e->batch_due = true;
	loop_defer(e->loop, batch_cb, e);
}

int
engine_dp_send(struct engine *e, uint16_t type, const struct buf *body,
    void (*done)(struct engine *, void *, uint16_t, const uint8_t *, size_t), void *arg)
{
	struct dp_wait *w;
	int r;

	if (body->err)
		return body->err;
	if ((w = calloc(1, sizeof *w)) == NULL)
		return -ENOMEM;
	w->id = ++e->dp_no;
	if ((r = chan_send(e->dp, type, w->id, body->p, body->len)) < 0) {
		free(w);
		return r;
	}
	chan_pause(e->dp, chan_is_full(e->dp));
	w->done = done;
	w->arg = arg;
	STAILQ_INSERT_TAIL(&e->waits, w, entry);
	e->dp_waiting++;
	return 0;
}

/* What the data plane tells unasked; 1: it is an answer. */
static int
dp_told(struct engine *e, uint16_t type, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);

	switch (type) {
	case IPC_D_ENDED:
		return engine_life_ended(e, &r);
	case IPC_D_USED:
		return engine_grant_uses(e, &r);
	case IPC_D_ALARM:
		return engine_alarm_found(e, &r);
	default:
		return 1;
	}
}

static int
dp_said(struct engine *e, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct dp_wait *w = STAILQ_FIRST(&e->waits);
	cleanup_buf struct buf kept = {0};
	struct slice whole;
	int r = dp_told(e, type, body, len);

	if (r != 1) {
		engine_aside_tell(e);
		return r;
	}
	/* Answers come in order: another number is nobody's answer, and takes the place of none. */
	if (w == NULL || w->id != id || type < IPC_D_DONE || type > IPC_D_PART)
		return -EPROTO;
	if (type == IPC_D_PART)
		return ipc_parts_keep(&e->dp_kept, body, len);
	if ((r = ipc_parts_end(&e->dp_kept, body, len, &whole)) < 0)
		return r;
	kept = e->dp_kept;
	e->dp_kept = (struct buf){0};
	STAILQ_REMOVE_HEAD(&e->waits, entry);
	e->dp_waiting--;
	w->done(e, w->arg, type, (const uint8_t *)whole.p, whole.len);
	free(w);
	return 0;
}

static int
dp_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct engine *e = arg;
	const int r = dp_said(e, type, id, body, len);

	if (r != -EPROTO && r != -EBADMSG && r != -EMSGSIZE)
		return r;
	engine_lie(e, LIAR_DATAPLANE);
	return 0;
}

/* Who does not read what they are told is not listened to: what they say makes more of it. */
static void
dp_on_drain(void *arg)
{
	struct engine *e = arg;

	chan_pause(e->dp, false);
}

/* Without the data plane or the parent there is nothing left to do: the service
 * manager starts all of us again. */
static void
dp_on_end(void *arg, int err)
{
	struct engine *e = arg;

	log_warn(err, "the data plane has gone");
	loop_stop(e->loop, 1);
}

static void
parent_on_end(void *arg, int err)
{
	struct engine *e = arg;

	daemon_chan_end(err);
	loop_stop(e->loop, 1);
}

static void
listen_cb(void *arg, uint32_t events)
{
	struct engine *e = arg;
	int fd;

	(void)events;
	for (int i = 0; i < ACCEPT_MAX && (fd = engine_fds_accept(e, e->dtcp_fd, false)) >= 0; i++)
		session_accept(e, fd);
}

static void
ctl_listen_cb(void *arg, uint32_t events)
{
	struct engine *e = arg;
	int fd;

	(void)events;
	for (int i = 0; i < ACCEPT_MAX && (fd = engine_fds_accept(e, e->ctl_fd, true)) >= 0; i++)
		ctl_accept(e, fd);
}

static int
serve(struct engine *e)
{
	struct loop_io *io;
	int r;

	if (e->serving)
		return 0;
	if ((r = loop_add(e->loop, e->dtcp_fd, EPOLLIN, listen_cb, e, &io)) < 0 ||
	    (r = loop_add(e->loop, e->ctl_fd, EPOLLIN, ctl_listen_cb, e, &io)) < 0)
		return r;
	e->serving = true;
	return 0;
}

static void
on_counted(struct engine *e, int err)
{
	daemon_ready(e->parent, err, err < 0 ? "criteria can't be judged by it" : "");
}

int
engine_prepare(struct engine *e, const uint8_t *body, size_t len, const char **why)
{
	char by[HISTORY_USER_MAX + 1];
	struct agency **v;
	uint32_t n;
	int r;

	engine_rejudge_stop(e);
	conf_free(TAKE_PTR(e->next));
	free(TAKE_PTR(e->next_uid));
	*why = "configuration not understood";
	if ((r = daemon_config_get(body, len, &e->next, &e->next_uid, by)) < 0)
		return r;
	if (e->serving)
		conf_diff_hold(e->conf, e->next);
	*why = "two agencies have one system user";
	if ((r = agency_build(e->next, e->next_uid, &v, &n)) < 0)
		return r;
	agency_free(v, n);
	if ((r = engine_config_prepare(e, by, why)) < 0)
		return r;
	*why = "";
	if (*by == '\0' || !e->ask->check)
		return 0;
	engine_rejudge(e, REJUDGE_COUNT, e->conf, e->next, on_counted);
	return 1;
}

/* What is gone, and stored until what is owed to the store is paid, does not count. */
static int
agency_count(const struct engine *e, struct agency *a)
{
	const uint64_t gone = engine_late_count(e, a->name);
	uint64_t stored;
	int r = store_count(e->store, a->name, &stored);

	if (r == 0)
		a->criteria = stored > gone ? stored - gone : 0;
	return r;
}

/* Without writing: who has no number yet has nothing, and gets nothing while nothing can be written. */
static int
agencies_known(struct engine *e, struct agency **v, uint32_t n)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++)
		if ((r = store_agency_known(e->store, v[i]->name, &v[i]->no)) == 0)
			r = agency_count(e, v[i]);
		else if (r == -ENOENT)
			r = 0;
	return r;
}

/* Their numbers and how much they have, from the store. */
static int
agencies_ready(struct engine *e, struct agency **v, uint32_t n)
{
	int r;

	if (!engine_disk_ready(e))
		return agencies_known(e, v, n);
	r = engine_txn_begin(e);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		if ((r = store_agency(e->store, v[i]->name, &v[i]->no)) == 0)
			r = agency_count(e, v[i]);
	if (r == 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	engine_disk_failed(e, r);
	return r < 0 && !engine_disk_ready(e) ? agencies_known(e, v, n) : r;
}

void
engine_agency_recount(struct engine *e, const char *name)
{
	struct agency *a = agency_named(e->agency, e->nagency, name);

	if (a)
		(void)agency_count(e, a);
}

void
engine_agency_lost(struct engine *e, const char *name, size_t n)
{
	struct agency *a = agency_named(e->agency, e->nagency, name);

	if (a)
		a->criteria -= n;
}

void
engine_budget_put(const struct agency *a, struct buf *b)
{
	ipc_budget_set_put(b, &(struct ipc_budget_set){.agency = a->no,
				  .budget = {.packets_per_s = a->conf->packets_per_s,
				      .bytes_per_s = a->conf->bytes_per_s,
				      .burst_ms = a->conf->burst_ms}});
}

void
engine_agencies_again(struct engine *e)
{
	bool missing = false;
	int r;

	for (uint32_t i = 0; i < e->nagency; i++)
		missing |= e->agency[i]->no == 0;
	if (!missing || engine_disk_refuses(e))
		return;
	r = agencies_ready(e, e->agency, e->nagency);
	for (uint32_t i = 0; r == 0 && i < e->nagency; i++)
		r = engine_place_budget(e, e->agency[i]);
	if (r < 0)
		log_warn(r, "agencies that are new since the disk could not be written can't add yet");
}

/* ---- commits ---- */

static void
on_committed(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	(void)arg;
	(void)type;
	(void)body;
	(void)len;
	engine_fds_lend(e); /* its history is files */
	engine_config_committed(e);
	(void)engine_fds_back(e);
	daemon_ready(e->parent, 0, "");
}

/* The data plane answers in order: when it answers nothing, it has done all the rest. */
static int
commit_barrier(struct engine *e)
{
	cleanup_buf struct buf b = {0};

	buf_put_u32(&b, 0);
	return engine_dp_send(e, IPC_D_DELETE, &b, on_committed, NULL);
}

/* What no longer stands has ended in the store; behind the barrier in the kernel, too. */
static void
on_judged(struct engine *e, int err)
{
	if (err < 0 || (err = commit_barrier(e)) < 0)
		fatal(err, "criteria can't be judged by the new configuration");
}

static int
engine_commit(struct engine *e)
{
	struct conf *was = e->conf;
	struct agency **v;
	uint32_t n;
	int r;

	if (e->next == NULL) {
		engine_event(e, ENGINE_NOTICE, EVENT_START, "flowtapd " FLOWTAP_VERSION " started");
		return (r = engine_config_record(e, e->conf)) < 0 ? r : commit_barrier(e);
	}
	if ((r = agency_build(e->next, e->next_uid, &v, &n)) < 0 || (r = engine_config_record(e, e->next)) < 0 ||
	    (r = agencies_ready(e, v, n)) < 0)
		return r;
	engine_numbers_rebind(e, v, n);
	r = engine_place_gone(e, e->conf, e->next);
	chan_hold(e->dp, true);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = engine_place_budget(e, v[i]);
	chan_hold(e->dp, false);
	for (uint32_t i = 0; i < e->conf->nagency; i++)
		if (!agency_configured(e->next, e->conf->agency[i].name))
			store_keys_forget(e->store, e->conf->agency[i].name);
	agency_free(e->agency, e->nagency);
	free(e->uid);
	e->agency = v;
	e->nagency = n;
	e->conf = TAKE_PTR(e->next);
	e->uid = TAKE_PTR(e->next_uid);
	engine_time_again(e);
	if (r == 0 && (r = engine_perm_update(e)) == 0)
		engine_numbers_forbid(e);
	engine_event(e, ENGINE_NOTICE, EVENT_CONFIGURATION, "a new configuration is in force");
	if (r == 0)
		engine_rejudge(e, REJUDGE_END, was, e->conf, on_judged);
	conf_free(was);
	return r;
}

static int
parent_said(struct engine *e, uint16_t type, const uint8_t *body, size_t len)
{
	const char *why;
	int r;

	switch (type) {
	case IPC_P_CONFIG:
		if ((r = engine_prepare(e, body, len, &why)) <= 0)
			daemon_ready(e->parent, r, why);
		return 0;
	case IPC_P_COMMIT:
		r = engine_commit(e);
		return r < 0 ? r : serve(e);
	case IPC_P_ABORT:
		engine_rejudge_stop(e);
		conf_free(TAKE_PTR(e->next));
		free(TAKE_PTR(e->next_uid));
		engine_config_abort(e);
		return 0;
	case IPC_P_NUMBERS:
		return engine_numbers(e, body, len);
	case IPC_P_DONE:
		return engine_config_done(e, body, len);
	case IPC_P_RELOADED:
		return engine_reload_done(e, body, len);
	case IPC_P_ALIVE:
		return chan_send(e->parent, IPC_P_ALIVE, 0, NULL, 0);
	case IPC_P_STOP:
		loop_stop(e->loop, 0);
		return 0;
	default:
		return -EPROTO;
	}
}

/* A commit writes files. */
static int
parent_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct engine *e = arg;
	int r;

	(void)id;
	engine_fds_lend(e);
	r = parent_said(e, type, body, len);
	(void)engine_fds_back(e);
	return r;
}

/* ---- start-up ---- */

static int
store_start(struct engine *e, const char **why)
{
	char path[sizeof e->conf->state_dir + 16];
	uint8_t key[MACHINE_KEY_LEN];
	int r = machine_key_take(DAEMON_FD_KEY, key);

	*why = "no machine key";
	if (r == 0) {
		engine_disk_start(e);
		*why = "state database";
		snprintf(path, sizeof path, "%s/" MACHINE_KEY_STORE, e->conf->state_dir);
		r = store_open(path, key, &e->store);
	}
	explicit_bzero(key, sizeof key);
	if (r > 0) {
		char text[640];

		state_file_explain(path, r, text, sizeof text);
		log_warnx("%s", text);
		*why = "state database: it was refused";
		r = r == STORE_OTHER_KEY ? -EKEYREJECTED : -EBADMSG;
	}
	return r;
}

static const struct chan_ops parent_ops = {
    .on_msg = parent_on_msg, .on_end = parent_on_end, .body_max = DAEMON_CHAN_MAX};
static const struct chan_ops dp_ops = {
    .on_msg = dp_on_msg, .on_end = dp_on_end, .on_drain = dp_on_drain, .mark = DP_QUEUE, .body_max = IPC_BODY_MAX};

void
engine_init(struct engine *e)
{
	e->dtcp_fd = DAEMON_FD_DTCP;
	e->ctl_fd = DAEMON_FD_CTL;
	e->started_ms = clock_wall_ms();
	TAILQ_INIT(&e->sessions);
	STAILQ_INIT(&e->waits);
	STAILQ_INIT(&e->refused);
	engine_late_init(&e->late);
}

int
engine_start(struct engine *e, const char **why)
{
	char connections[sizeof e->conf->run_dir + sizeof CONNECTION_DIR];
	uint8_t key[AUDIT_KEY_LEN];
	int r;

	*why = "boot id";
	if ((r = engine_life_start(e)) < 0)
		return r;
	*why = "the history of the configuration";
	if ((r = history_open(e->conf->state_dir, &e->history)) < 0)
		return r;
	*why = "sandbox";
	umask(077);
	/* What libraries read from files, they read now. */
	if ((r = audit_key_public((const uint8_t[AUDIT_KEY_LEN]){0}, key)) < 0)
		return r;
	snprintf(connections, sizeof connections, "%s/" CONNECTION_DIR, e->conf->run_dir);
	if ((r = loop_new(&e->loop)) < 0 || (r = engine_time_open(e)) < 0 ||
	    (r = role_confine_engine(e->conf->state_dir, connections)) < 0)
		return r;
	if ((r = store_start(e, why)) < 0)
		return r;
	if ((r = engine_audit_start(e, why)) < 0)
		return r;
	*why = "the clock";
	if ((r = engine_time_start(e)) < 0)
		return r;
	*why = "agencies";
	if ((r = agency_build(e->conf, e->uid, &e->agency, &e->nagency)) < 0 ||
	    (r = agencies_ready(e, e->agency, e->nagency)) < 0 || (r = engine_perm_update(e)) < 0)
		return r;
	*why = "warrants";
	if ((r = engine_warrant_start(e)) < 0)
		return r;
	engine_late_flush(e);
	*why = "data plane";
	if ((r = engine_rejudge_start(e)) < 0 || (r = engine_sync(e)) < 0 || (r = engine_rejudge_fallen(e)) < 0)
		return r;
	*why = "keys";
	if ((r = keys_start(e)) < 0)
		return r;
	*why = "event loop";
	if ((r = loop_timer_new(e->loop, tidy_cb, e, &e->tidy)) < 0)
		return r;
	loop_timer_set(e->tidy, TIDY_MS); /* a predecessor may not have come to it */
	if ((r = chan_new(e->loop, DAEMON_FD_PARENT, DAEMON_CHAN_MAX, &parent_ops, e, &e->parent)) < 0)
		return r;
	if ((r = chan_new(e->loop, DAEMON_FD_PEER, IPC_BODY_MAX, &dp_ops, e, &e->dp)) < 0)
		return r;
	if ((r = ctl_limit_start(e)) < 0 || (r = engine_list_start(e)) < 0 || (r = engine_config_start(e)) < 0 ||
	    (r = engine_at_start(e)) < 0)
		return r;
	*why = "other processes";
	if ((r = engine_reader_start(e)) < 0 || (r = engine_alarm_start(e)) < 0 || (r = engine_metrics_start(e)) < 0 ||
	    (r = engine_hook_start(e)) < 0 || (r = engine_selftest_start(e)) < 0)
		return r;
	engine_aside_tell(e);
	return engine_watch_start(e);
}
