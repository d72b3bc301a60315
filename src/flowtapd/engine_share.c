/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_share_ */
#include "engine_share.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "log.h"

#define SHORT_WORDS 1024
#define SESSIONS_NS 1000000000ull
#define USED_UP "more requests than the agency's share of the record has room for: try again later"

static struct slice
words_of(const struct op *op)
{
	return (struct slice){(const char *)op->text.p, op->text.len};
}

void
engine_share_judge(struct op *op)
{
	const enum dtcp_method m = op->req.method;

	if (op->state != OP_QUEUED || op->refused || op->part.more ||
	    (m != DTCP_ADD && m != DTCP_REFRESH && m != DTCP_LIST) ||
	    !share_is_used_up(&op->session->agency->share, clock_mono_ns()))
		return;
	op->req.method = DTCP_NOOP;
	op->refused = DTCP_SERVER_ERROR;
	op->refused_here = true;
	snprintf(op->reason, sizeof op->reason, USED_UP);
}

static void
on_timer(void *arg)
{
	engine_batch_soon(arg);
}

bool
engine_share_waits(struct op *op)
{
	struct engine *e = op->session->engine;
	const uint64_t ns = share_wait_ns(&op->session->agency->share, clock_mono_ns(), op->refused != 0, op->text.len);
	int r;

	if (ns == 0)
		return false;
	if (e->share_timer == NULL && (r = loop_timer_new(e->loop, on_timer, e, &e->share_timer)) < 0) {
		log_warn(r, "the record's shares");
		return false;
	}
	if (!loop_timer_armed(e->share_timer))
		loop_timer_set(e->share_timer, (int64_t)(ns / 1000000) + 1);
	return true;
}

static int
count(struct share_sums *sums, struct agency *a, struct slice words)
{
	size_t i = 0;

	while (i < sums->n && sums->v[i].agency != a)
		i++;
	if (i == sums->n) {
		if (i == ARRAY_LEN(sums->v))
			return -E2BIG;
		sums->v[sums->n++].agency = a;
		sums->v[i].sum = (struct share_sum){0};
	}
	return share_sum_add(&sums->v[i].sum, words);
}

static void
charge(struct engine *e, struct agency *a, uint64_t before)
{
	if (a)
		share_charge(&a->share, clock_mono_ns(), e->audit.written - before);
}

static int
charged(struct engine *e, struct agency *a, const struct audit_event *v)
{
	const uint64_t before = e->audit.written;
	int r = engine_audit_add(e, v);

	charge(e, a, before);
	return r;
}

int
engine_share_add(struct engine *e, const char *agency, const struct audit_event *v)
{
	return charged(e, agency_named(e->agency, e->nagency, agency), v);
}

void
engine_share_happened(struct engine *e, struct agency *a, const struct audit_event *v)
{
	const uint64_t before = e->audit.written;

	engine_audit_happened(e, v);
	charge(e, a, before);
}

bool
engine_share_session(struct engine *e, struct agency *a, const struct audit_event *v, bool begins)
{
	if (share_session_take(&a->share, clock_mono_ns())) {
		engine_share_happened(e, a, v);
		return true;
	}
	++*(begins ? &a->share.opened : &a->share.closed);
	return false;
}

void
engine_share_sessions_tell(struct engine *e, bool all)
{
	const uint64_t now = clock_mono_ns();
	char reason[160];

	for (uint32_t i = 0; i < e->nagency; i++) {
		struct agency *a = e->agency[i];
		struct record_share *s = &a->share;

		if (s->opened + s->closed == 0 || (!all && s->counted_ns && now - s->counted_ns < SESSIONS_NS))
			continue;
		snprintf(reason, sizeof reason,
		    "%" PRIu64 " sessions opened and %" PRIu64
		    " closed, in one line, since the agency's share of the record is used up",
		    s->opened, s->closed);
		s->opened = s->closed = 0;
		s->counted_ns = now;
		log_info("agency %s: %s", a->name, reason);
		engine_share_happened(e, a,
		    &(struct audit_event){
			.kind = "sessions", .agency = a->name, .uid = a->uid, .have_uid = true, .reason = reason});
	}
}

/* Nearly full: long words give way, so that the rest of the disk is for all. */
static bool
is_too_long(const struct engine *e, size_t words)
{
	return e->disk.state >= DISK_LOW && words > SHORT_WORDS;
}

int
engine_share_list(struct engine *e, struct agency *a, const struct audit_event *event)
{
	const uint64_t before = e->audit.written;
	struct audit_event v = *event;
	char reason[64 + SHARE_DIGEST_TEXT];
	int r = 0;

	if (is_too_long(e, v.request.len))
		r = share_words_drop(&v, reason, sizeof reason);
	if (r == 0)
		r = engine_audit_now(e, &v);
	charge(e, a, before);
	return r;
}

int
engine_share_record(struct engine *e, struct op *op, struct audit_event *v, struct share_sums *sums)
{
	struct agency *a = op->session->agency;
	const uint64_t now = clock_mono_ns();
	enum share_form form = SHARE_FULL;
	char reason[sizeof op->reason + SHARE_DIGEST_TEXT];
	int r = 0;

	if (op->refused)
		form = share_form(&a->share, now, op->text.len, true);
	else if (share_is_used_up(&a->share, now)) {
		form = SHARE_DIGEST;
		share_end_charge(&a->share, now);
	} else if (is_too_long(e, op->text.len))
		form = SHARE_DIGEST;
	if (form == SHARE_COUNT)
		return count(sums, a, words_of(op));
	if (form == SHARE_DIGEST && v->request.len)
		r = share_words_drop(v, reason, sizeof reason);
	return r < 0 ? r : charged(e, a, v);
}

int
engine_share_settle(struct engine *e, struct share_sums *sums)
{
	char reason[256];
	int r = 0;

	for (size_t i = 0; r == 0 && i < sums->n; i++) {
		struct agency *a = sums->v[i].agency;
		const struct share_sum *s = &sums->v[i].sum;

		snprintf(reason, sizeof reason,
		    "%" PRIu64 " requests in one line, since the agency's share of the record is used up: %" PRIu64
		    " bytes, SHA-256 %s",
		    s->n, s->bytes, s->hash);
		r = charged(e, a,
		    &(struct audit_event){
			.kind = "refused", .agency = a->name, .uid = a->uid, .have_uid = true, .reason = reason});
		share_summed(&a->share, clock_mono_ns());
	}
	return r;
}
