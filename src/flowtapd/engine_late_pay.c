/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is owed is paid: the store and the record hear of it, part by part.
 *
 * exports: engine_late_flush engine_audit_happened */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine_late_int.h"
#include "id_text.h"
#include "log.h"

/* Of one transaction, beside ENGINE_PART_MAX rows and lines. */
#define PART_BYTES (512u << 10)
/* What of it is done in one transaction. */
struct part {
	size_t rows, bytes;         /* that there is room for, and that were written */
	size_t items, uids, shares; /* done: items, criteria of the next one, shares */
	size_t bare;                /* and criteria without a line of the next share */
	bool is_last;
};

static int
revoke_pay(struct engine *e, const struct late_debt *d, int64_t when_ms)
{
	struct store_warrant w;
	int r = store_warrant_get(e->store, d->agency, d->revoked, &w);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	w.revoked_ms = when_ms;
	w.revoked_uid = d->revoked_by;
	if ((r = store_warrant_set(e->store, &w)) == 0)
		r = engine_warrant_paid(e, &w);
	store_warrant_free(&w);
	return r;
}

/* Its line comes when all its criteria are gone. */
static int
item_pay(struct engine *e, const struct late_item *t, struct part *p)
{
	size_t n = t->paid;
	struct audit_event v;
	struct late_debt d;
	struct rd uids;
	int r = late_item_get(&t->b, &v, &d, &uids);

	(void)rd_bytes(&uids, n * sizeof(uint64_t));
	for (; r == 0 && n < d.nuid && p->rows > 0; n++, p->rows--)
		if ((r = store_delete_uid(e->store, d.agency, rd_u64(&uids))) == -ENOENT)
			r = 0;
	if (r == 0 && p->rows == 0) {
		p->uids = n;
		return 0;
	}
	if (r == 0 && d.revoked)
		r = revoke_pay(e, &d, v.happened_ms);
	if (r < 0 || (r = engine_audit_add(e, &v)) < 0)
		return r;
	p->rows--;
	p->bytes += t->b.len;
	p->items++;
	return 0;
}

static int
dropped_pay(struct engine *e, const struct late_share *s)
{
	char reason[96];

	snprintf(reason, sizeof reason, "%llu lines could not be kept", (unsigned long long)s->dropped);
	return engine_audit_add(e, &(struct audit_event){.kind = "lines-lost",
				       .agency = s->is_agency ? s->of : NULL,
				       .happened_ms = s->dropped_since,
				       .reason = reason});
}

/* One line for all of them that this part has room for. */
static int
bare_line(struct engine *e, const struct late_share *s, struct slice ids)
{
	char reason[256];

	if (s->sum.n)
		snprintf(reason, sizeof reason,
		    "while nothing could be written; without lines of their own, since the agency's share is used up: "
		    "%llu "
		    "ends in all, with %llu bytes of words, SHA-256 %s",
		    (unsigned long long)s->sum.n, (unsigned long long)s->sum.bytes, s->sum.hash);
	else
		snprintf(reason, sizeof reason, "while nothing could be written; the line was lost with the daemon");
	return engine_audit_add(
	    e, &(struct audit_event){
		   .kind = "ended", .agency = s->of, .happened_ms = s->bare_since, .ids = ids, .reason = reason});
}

static int
bare_pay(struct engine *e, const struct late_share *s, struct part *p)
{
	struct id_text ids = {0};
	char agency[DTCP_NAME_MAX + 1];
	size_t n = 0;
	uint32_t id;
	int r = 0;

	for (; r == 0 && n < s->nbare && p->rows > 1; n++) {
		if ((r = store_ids_of_uid(e->store, s->bare[n], agency, &id)) == 0) {
			id_text_add(&ids, id);
			r = store_delete_uid(e->store, s->of, s->bare[n]);
			p->rows--;
		}
		r = r == -ENOENT ? 0 : r;
	}
	p->bare = n;
	if (r == 0 && id_text_end(&ids).len) {
		r = ids.text.err ? ids.text.err : bare_line(e, s, id_text_end(&ids));
		p->rows--;
	}
	buf_free(&ids.text);
	return r;
}

static int
share_pay(struct engine *e, const struct late_share *s, struct part *p)
{
	int r = bare_pay(e, s, p);

	if (r < 0 || p->bare < s->nbare || (s->dropped && p->rows == 0))
		return r;
	if (s->dropped && (r = dropped_pay(e, s)) < 0)
		return r;
	p->rows -= s->dropped > 0;
	p->bare = 0;
	p->shares++;
	return 0;
}

static int
part_pay(struct engine *e, struct part *p)
{
	const struct late_item *t;
	const struct late_share *s;
	int r;

	STAILQ_FOREACH (t, &e->late.items, entry) {
		if (p->rows == 0 || p->bytes >= PART_BYTES)
			return 0;
		if ((r = item_pay(e, t, p)) < 0 || p->uids)
			return r;
	}
	STAILQ_FOREACH (s, &e->late.shares, entry) {
		const size_t before = p->shares;

		if ((r = share_pay(e, s, p)) < 0 || p->shares == before)
			return r;
	}
	p->is_last = true;
	return 0;
}

static void
on_soon(void *arg)
{
	struct engine *e = arg;

	e->late.soon = false;
	engine_late_flush(e);
}

/* The file is told behind the store: who is killed in between pays this part once more. */
static void
part_forget(struct engine *e, const struct part *p)
{
	struct engine_late *l = &e->late;
	cleanup_buf struct buf b = {0};
	const struct late_item *t;

	l->written += p->items;
	for (size_t i = 0; i < p->items; i++)
		engine_late_item_forget(e);
	if (p->uids)
		engine_late_item_lost(e, STAILQ_FIRST(&l->items), p->uids);
	for (size_t i = 0; i < p->shares; i++)
		engine_late_share_forget(e);
	if (p->bare)
		engine_late_bare_lost(e, STAILQ_FIRST(&l->shares), p->bare);
	if (p->is_last) {
		engine_late_file_clear(e);
		log_info("the record has %llu lines that were owed to it", (unsigned long long)l->written);
		l->written = 0;
		return;
	}
	t = STAILQ_FIRST(&l->items);
	late_item_put(&b, &(struct audit_event){.kind = KIND_PAID, .seq = l->paid, .id = t && t->filed ? t->paid : 0},
	    &(struct late_debt){0});
	if (l->seq > 0 && b.err == 0)
		(void)engine_late_file_append(e, &b);
	if (!l->soon)
		loop_defer(e->loop, on_soon, e);
	l->soon = true;
}

/* Each part is done in one transaction, or stays owed as it is. */
void
engine_late_flush(struct engine *e)
{
	struct part p = {.rows = ENGINE_PART_MAX};
	int r;

	if (engine_late_lines(e) == 0 || engine_disk_refuses(e))
		return;
	if ((r = engine_txn_begin(e)) == 0)
		r = part_pay(e, &p);
	if (r == 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	if (r < 0)
		log_warn(r, "what is owed to the record can't be written yet");
	else
		part_forget(e, &p);
}

void
engine_audit_happened(struct engine *e, const struct audit_event *event)
{
	int r = -ENOSPC;

	/* The reserve is for what ends taps. */
	if (!engine_disk_refuses(e))
		r = engine_audit_now(e, event);
	if (r < 0 && (r = engine_late_add(e, event, NULL)) < 0)
		log_warn(r, "audit: \"%s\" could not be recorded", event->kind);
}
