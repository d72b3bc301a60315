/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_time_ */
#include "engine_time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>

#include "clock.h"
#include "engine.h"
#include "engine_at.h"
#include "log.h"

#define LOOK_MS 1000
#define KEEP_NS 60000000000u /* what is known of the time is written so often */
#define TOLD_MS 1000         /* a clock that is set by less is nothing to tell of */
#define ALARM_MS 10000       /* set by so much, or behind by so much */
#define FAR_S INT64_C(4000000000000)

struct engine_time {
	struct loop_timer *timer;
	struct loop_io *io;
	int set_fd;       /* is ready when the clock was set; -1: the kernel can't tell */
	int file;         /* -1: there is none */
	uint64_t kept_ns; /* when it was written, CLOCK_MONOTONIC */
	bool keep_fails;
	/* Judging again: agency by agency, in parts */
	bool under_way, again, due, failed;
	bool begins; /* some that waited begin */
	uint32_t at; /* the agency's place */
	struct store_part part;
	unsigned unanswered;
};

/* ---- what the kernel has ---- */

static void step(void *arg);

static void
step_soon(struct engine *e)
{
	struct engine_time *t = e->time;

	if (t->due || t->unanswered)
		return;
	t->due = true;
	loop_defer(e->loop, step, e);
}

static void
on_set(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	uint32_t err = type == IPC_D_DONE ? rd_u32(&r) : EPROTO;

	(void)arg;
	if (err != 0 && err != ENOENT) /* it may have ended meanwhile */
		log_warnx("the end of a criterion can't be set anew");
	if (--e->time->unanswered == 0 && e->time->under_way)
		step_soon(e);
}

static int
row_see(void *arg, uint32_t id, const struct store_row *row)
{
	struct engine *e = arg;
	struct ipc_life_set m = {.which = IPC_LIFE_START | IPC_LIFE_END};
	cleanup_buf struct buf b = {0};
	int r;

	(void)id;
	if (row == NULL || engine_late_gone(e, row->uid) || !engine_life_is_dated(e, row))
		return 0;
	m.uid = row->uid;
	engine_life_put(e, row, &m.life);
	if (e->time->begins && m.life.idle_ns)
		m.which |= IPC_LIFE_IDLE;
	ipc_life_set_put(&b, &m);
	if ((r = engine_dp_send(e, IPC_D_LIFE, &b, on_set, NULL)) == 0)
		e->time->unanswered++;
	return r;
}

/* One part of one agency's. */
static int
part_do(struct engine *e)
{
	struct engine_time *t = e->time;
	const struct agency *a = e->agency[t->at];
	int r = 0;

	t->part.max = ENGINE_PART_MAX;
	chan_hold(e->dp, true);
	if (a->criteria > 0)
		r = store_rows(e->store, a->name, &t->part, row_see, e);
	chan_hold(e->dp, false);
	if (r == 0 && !t->part.more) {
		t->at++;
		t->part = (struct store_part){0};
	}
	return r;
}

static void
step(void *arg)
{
	struct engine *e = arg;
	struct engine_time *t = e->time;
	int r = 0;

	t->due = false;
	if (t->again) {
		t->at = 0;
		t->part = (struct store_part){0};
	}
	t->again = false;
	if (t->at < e->nagency && (r = part_do(e)) == 0) {
		step_soon(e);
		return;
	}
	t->under_way = false;
	t->failed = r < 0;
	if (r < 0)
		log_warn(r, "criteria are not judged by the clock: it is tried again");
	else
		t->begins = false;
}

void
engine_time_again(struct engine *e)
{
	if (e->time->under_way)
		e->time->again = true;
}

/* All that is judged by the wall's clock, since it was set. */
static void
judge(struct engine *e)
{
	e->time->again = e->time->under_way = true;
	step_soon(e);
	engine_config_look(e);
	engine_at_look(e);
}

/* ---- what is kept ---- */

static void
keep(struct engine *e)
{
	struct engine_time *t = e->time;
	const struct wallclock_kept k = wallclock_keep(&e->clock);
	cleanup_buf struct buf b = {0};
	int r;

	t->kept_ns = clock_mono_ns();
	if (t->file < 0)
		return;
	wallclock_put(&b, &k);
	r = b.err ? b.err : pwrite(t->file, b.p, b.len, 0) < 0 ? -errno : fdatasync(t->file) < 0 ? -errno : 0;
	if (r < 0 && !t->keep_fails)
		log_warn(r, "what time it is can't be kept in " ENGINE_TIME_FILE);
	t->keep_fails = r < 0;
}

/* 0; -ENOENT: there is nothing; -EBADMSG */
static int
kept_read(const struct engine_time *t, struct wallclock_kept *k)
{
	char text[WALLCLOCK_TEXT];
	ssize_t n = t->file < 0 ? 0 : pread(t->file, text, sizeof text, 0);

	if (n <= 0)
		return n < 0 ? -EBADMSG : -ENOENT;
	return wallclock_parse((struct slice){text, (size_t)n}, k);
}

static void
file_open(struct engine *e)
{
	char path[sizeof e->conf->state_dir + sizeof ENGINE_TIME_FILE + 1];
	struct engine_time *t = e->time;

	snprintf(path, sizeof path, "%s/" ENGINE_TIME_FILE, e->conf->state_dir);
	t->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t->file < 0) /* of a file system that is read-only */
		t->file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* ---- looking ---- */

static void
tell(struct engine *e, int64_t by_ms)
{
	const int64_t size = by_ms < 0 ? -by_ms : by_ms;
	char text[160], now[WARRANT_TIME_LEN];

	if (size < TOLD_MS)
		return;
	snprintf(text, sizeof text, "the wall's clock was set %s by %lld.%03lld s, to %s",
	    by_ms < 0 ? "back" : "forward", (long long)(size / 1000), (long long)(size % 1000),
	    warrant_time_format(clock_wall_ms(), now));
	if (!engine_event(e, size < ALARM_MS ? ENGINE_WARNING : ENGINE_ALARM, EVENT_CLOCK_SET, "%s", text))
		log_warnx("%s%s", size < ALARM_MS ? "" : "ALARM: ", text);
	engine_audit_happened(e, &(struct audit_event){.kind = "clock-set", .reason = text});
}

static void
look(struct engine *e)
{
	const struct wallclock_step s = wallclock_look(&e->clock);

	e->time->begins |= s.begins;
	if (s.by_ms || s.begins || e->time->failed)
		judge(e);
	if (s.by_ms || clock_mono_ns() - e->time->kept_ns >= KEEP_NS)
		keep(e);
	if (s.by_ms)
		tell(e, s.by_ms);
}

static void
on_timer(void *arg)
{
	struct engine *e = arg;

	look(e);
	loop_timer_set(e->time->timer, LOOK_MS);
}

static void
on_clock_set(void *arg, uint32_t events)
{
	struct engine *e = arg;
	uint64_t n;

	(void)events;
	(void)!read(e->time->set_fd, &n, sizeof n); /* ECANCELED: that is what it tells */
	look(e);
}

bool
engine_time_is_past(const struct engine *e, int64_t end_ms)
{
	return wallclock_ms(&e->clock) >= end_ms;
}

bool
engine_time_alarm(const struct engine *e, char *text, size_t size)
{
	const int64_t behind_ms = wallclock_behind_ms(&e->clock);
	char is[WARRANT_TIME_LEN], was[WARRANT_TIME_LEN];

	if (behind_ms < ALARM_MS && !e->clock.waits)
		return false;
	snprintf(text, size, "the wall's clock shows %s, and has come to %s before: %s",
	    warrant_time_format(clock_wall_ms(), is), warrant_time_format(wallclock_ms(&e->clock), was),
	    e->clock.waits ? "what has an end waits until it is set" : "warrants end by the later one");
	return true;
}

/* ---- start and end ---- */

int
engine_time_open(struct engine *e)
{
	const struct itimerspec far = {.it_value.tv_sec = FAR_S};
	struct engine_time *t = e->time = calloc(1, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	t->file = -1;
	t->set_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->set_fd >= 0 && timerfd_settime(t->set_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL) < 0)
		close(TAKE_FD(t->set_fd));
	return 0;
}

int
engine_time_start(struct engine *e)
{
	struct engine_time *t = e->time;
	struct wallclock_kept k;
	struct wallclock_step s;
	int r;

	file_open(e);
	if ((r = kept_read(t, &k)) == -EBADMSG)
		engine_alarm(e,
		    "the file " ENGINE_TIME_FILE " in the state directory is damaged: what time it has been "
		    "is taken from the record");
	wallclock_start(&e->clock, e->boot, r == 0 ? &k : NULL, e->audit.last_ms);
	/* All that is stored is yet to be judged. */
	if ((s = wallclock_look(&e->clock)).by_ms)
		tell(e, s.by_ms);
	keep(e);
	if ((r = loop_timer_new(e->loop, on_timer, e, &t->timer)) < 0 ||
	    (t->set_fd >= 0 && (r = loop_add(e->loop, t->set_fd, EPOLLIN, on_clock_set, e, &t->io)) < 0))
		return r;
	loop_timer_set(t->timer, LOOK_MS);
	return 0;
}

void
engine_time_stop(struct engine *e)
{
	keep(e);
}

void
engine_time_free(struct engine *e)
{
	struct engine_time *t = TAKE_PTR(e->time);

	if (t && t->set_fd >= 0)
		close(t->set_fd);
	if (t && t->file >= 0)
		close(t->file);
	free(t);
}

/* ---- a clock that somebody answers for ---- */

/* Those that have ended by the judged time and not by the wall's: for good, as if an officer had revoked them. */
static int
ended_revoke(struct engine *e, uint32_t uid, unsigned *n, char *why, size_t size)
{
	const int64_t wall = clock_wall_ms();
	const struct authority *a;
	int r = 0;

	*n = 0;
	LIST_FOREACH (a, &e->authorities, entry) {
		struct warrant_decision d = {.uid = uid};

		if (a->revoked || !engine_time_is_past(e, a->warrant.end_ms) || a->warrant.end_ms <= wall)
			continue;
		snprintf(d.agency, sizeof d.agency, "%s", a->warrant.agency);
		snprintf(d.ref, sizeof d.ref, "%s", a->warrant.ref);
		if ((r = engine_warrant_decide(e, &d, why, size)) < 0)
			break;
		++*n;
	}
	return r;
}

int
engine_time_accept(struct engine *e, uint32_t uid, char *why, size_t size)
{
	const int64_t behind_ms = wallclock_behind_ms(&e->clock);
	char reason[160];
	unsigned n;
	int r;

	snprintf(why, size, "the clock is not behind what it has shown");
	if (behind_ms < WALLCLOCK_SET_MS && !e->clock.waits)
		return -EALREADY;
	snprintf(why, size, "%s", engine_refuses(e) ? engine_refuses(e) : "it could not be recorded");
	if (engine_refuses(e))
		return -ENOSPC;
	if ((r = ended_revoke(e, uid, &n, why, size)) < 0)
		return r;
	snprintf(reason, sizeof reason,
	    "the wall's clock counts, which is %lld.%03lld s behind what it has shown; warrants revoked that had "
	    "ended: %u",
	    (long long)(behind_ms / 1000), (long long)(behind_ms % 1000), n);
	snprintf(why, size, "it could not be recorded");
	if ((r = engine_audit_now(e,
		 &(struct audit_event){.kind = "clock-accepted", .uid = uid, .have_uid = true, .reason = reason})) < 0)
		return r;
	if (!engine_event(e, ENGINE_WARNING, EVENT_CLOCK_SET, "a warrant officer has accepted the clock: %s", reason))
		log_warnx("a warrant officer has accepted the clock: %s", reason);
	e->time->begins |= e->clock.waits;
	wallclock_accept(&e->clock);
	keep(e);
	judge(e);
	return 0;
}
