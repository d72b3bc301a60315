/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_late_ engine_audit_happened */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "daemon.h"
#include "engine.h"
#include "hashmap.h"
#include "log.h"

/* Of one share: the largest request fits several times. */
#define LINES_MAX 1024
#define BYTES_MAX (256u << 10)
/* Of one transaction, beside ENGINE_PART_MAX rows and lines. */
#define PART_BYTES (512u << 10)
/* So that an entry of the file can't pass for a line of the record, which are sealed with the same key. */
#define ENTRY (1ull << 63)
/* An entry that is no item: seq of the file's items are paid, and of the next one id criteria. */
#define KIND_PAID "paid"

/* Whose a line or debt is.  What one of them owes takes nothing of the others. */
struct late_share {
	STAILQ_ENTRY(late_share) entry;
	bool is_agency;
	char of[CONF_NAME_MAX + 1]; /* the agency's name, or the kind of line */
	size_t n, bytes;            /* of lines without a debt */
	uint64_t gone;              /* criteria of debts */
	uint64_t dropped;
	int64_t dropped_since; /* Unix time in ms */
};

/* One line that is owed, and what else: as bytes, as in the file. */
struct late_item {
	STAILQ_ENTRY(late_item) entry;
	struct buf b;
	struct late_share *share;
	bool is_debt, filed; /* filed: the file has it */
	size_t nuid, paid;   /* criteria, and those that the store has lost, from the first on */
};

/* ---- shares ---- */

static struct late_share *
share_find(const struct engine *e, const char *of, bool is_agency)
{
	struct late_share *s;

	STAILQ_FOREACH (s, &e->late.shares, entry)
		if (s->is_agency == is_agency && strcmp(s->of, of) == 0)
			return s;
	return NULL;
}

/* It stays until nothing is owed.  0 or -ENOMEM. */
static int
share_obtain(struct engine *e, const struct audit_event *v, const struct late_debt *d, struct late_share **out)
{
	const char *agency = d->agency ? d->agency : v->agency, *of = agency ? agency : v->kind;
	struct late_share *s = share_find(e, of, agency != NULL);

	if (s == NULL) {
		if ((s = calloc(1, sizeof *s)) == NULL)
			return -ENOMEM;
		s->is_agency = agency != NULL;
		snprintf(s->of, sizeof s->of, "%s", of);
		STAILQ_INSERT_TAIL(&e->late.shares, s, entry);
	}
	*out = s;
	return 0;
}

/* ---- the file: u32 length, sealed bytes ---- */

/* Entries are numbered, so that none can be taken out of their middle: what was not written has no number. */
static bool
file_append(struct engine *e, const struct buf *b)
{
	cleanup_buf struct buf sealed = {0}, out = {0};
	int r = audit_seal(
	    e->audit.seal, ENTRY | (e->late.seq + 1), (struct slice){(const char *)b->p, b->len}, &sealed);

	buf_put_u32(&out, (uint32_t)sealed.len);
	buf_put(&out, sealed.p, sealed.len);
	if (r == 0 && (r = out.err) == 0 && (r = append_put(&e->late.file, out.p, out.len)) == 0)
		e->late.seq++;
	if (r < 0)
		log_warn(r, "what can't be recorded at once would not survive the daemon's end");
	return r == 0;
}

static void
file_clear(struct engine *e)
{
	e->late.seq = e->late.paid = 0;
	e->late.file.size = 0;
	if (ftruncate(DAEMON_FD_OWED, 0) < 0)
		log_warn(-errno, "what was recorded late may be recorded again");
}

/* ---- taking ---- */

/* Counts as deleted what counted so before, and nothing else, if there is no memory. */
static int
gone_add(struct engine *e, size_t n, struct rd uids)
{
	struct rd undo = uids;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if ((r = hashmap_put(e->late.gone, rd_u64(&uids), 1)) < 0) {
			while (i-- > 0)
				(void)hashmap_remove(e->late.gone, rd_u64(&undo));
			break;
		}
	return r;
}

/* Takes *b over on success.  *out: borrowed. */
static int
item_keep(struct engine *e, struct buf *b, struct late_item **out)
{
	struct audit_event v;
	struct late_debt d;
	struct rd uids;
	struct late_item *t = calloc(1, sizeof *t);
	int r = t ? late_item_get(b, &v, &d, &uids) : -ENOMEM;

	if (r < 0 || (r = share_obtain(e, &v, &d, &t->share)) < 0 || (r = gone_add(e, d.nuid, uids)) < 0) {
		free(t);
		return r;
	}
	t->b = *b;
	*b = (struct buf){0};
	t->nuid = d.nuid;
	t->is_debt = d.nuid || d.revoked;
	t->share->gone += d.nuid;
	if (!t->is_debt) {
		t->share->n++;
		t->share->bytes += t->b.len;
	}
	STAILQ_INSERT_TAIL(&e->late.items, t, entry);
	e->late.n++;
	*out = t;
	return 0;
}

/* ---- forgetting what the store and the record have ---- */

/* The store has lost the first `to` criteria of it. */
static void
item_lost(struct engine *e, struct late_item *t, size_t to)
{
	struct audit_event v;
	struct late_debt d;
	struct rd uids;

	if (to <= t->paid || to > t->nuid || late_item_get(&t->b, &v, &d, &uids) < 0)
		return;
	(void)rd_bytes(&uids, t->paid * sizeof(uint64_t));
	t->share->gone -= to - t->paid;
	for (; t->paid < to; t->paid++)
		(void)hashmap_remove(e->late.gone, rd_u64(&uids));
	if (t->share->gone == 0)
		engine_agency_recount(e, t->share->of);
}

/* The first one. */
static void
item_forget(struct engine *e)
{
	struct late_item *t = STAILQ_FIRST(&e->late.items);

	item_lost(e, t, t->nuid);
	if (!t->is_debt) {
		t->share->n--;
		t->share->bytes -= t->b.len;
	}
	e->late.n--;
	e->late.paid += t->filed;
	STAILQ_REMOVE_HEAD(&e->late.items, entry);
	buf_free(&t->b);
	free(t);
}

/* The first one; nothing is owed of it. */
static void
share_forget(struct engine *e)
{
	struct late_share *s = STAILQ_FIRST(&e->late.shares);

	e->late.dropped -= s->dropped;
	STAILQ_REMOVE_HEAD(&e->late.shares, entry);
	free(s);
}

/* ---- start ---- */

/* What an entry of the file says is paid. */
static void
paid_take(struct engine *e, uint64_t items, uint64_t uids)
{
	struct late_item *t;

	while (e->late.paid < items && !STAILQ_EMPTY(&e->late.items))
		item_forget(e);
	if ((t = STAILQ_FIRST(&e->late.items)) != NULL)
		item_lost(e, t, uids);
}

static int
entry_take(struct engine *e, struct buf *plain)
{
	struct audit_event v;
	struct late_debt d;
	struct rd uids;
	struct late_item *t;
	int r;

	if ((r = late_item_get(plain, &v, &d, &uids)) < 0)
		return r;
	if (strcmp(v.kind, KIND_PAID) == 0)
		paid_take(e, v.seq, v.id);
	else if ((r = item_keep(e, plain, &t)) == 0)
		t->filed = true;
	return r;
}

/* One entry of the file: 1; 0: the end, or what a daemon that was killed in mid-write left. */
static int
file_entry(struct engine *e, struct rd *r)
{
	cleanup_buf struct buf plain = {0};
	uint32_t len = rd_u32(r);
	const uint8_t *p = rd_bytes(r, len);
	int rc;

	if (p == NULL)
		return 0;
	if ((rc = audit_open(e->audit.seal, ENTRY | (e->late.seq + 1), p, len, &plain)) < 0 ||
	    (rc = entry_take(e, &plain)) < 0)
		return rc;
	e->late.seq++;
	return 1;
}

void
engine_late_init(struct engine_late *l)
{
	STAILQ_INIT(&l->items);
	STAILQ_INIT(&l->shares);
}

void
engine_late_fini(struct engine_late *l)
{
	struct late_item *t;
	struct late_share *s;

	while ((t = STAILQ_FIRST(&l->items)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->items, entry);
		buf_free(&t->b);
		free(t);
	}
	while ((s = STAILQ_FIRST(&l->shares)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->shares, entry);
		free(s);
	}
	hashmap_free(TAKE_PTR(l->gone));
}

int
engine_late_start(struct engine *e)
{
	cleanup_buf struct buf all = {0};
	struct stat st;
	struct rd r;
	size_t good = 0;
	int rc = hashmap_new(&e->late.gone);

	e->late.file = (struct append){.fd = DAEMON_FD_OWED};
	if (rc < 0 || fstat(DAEMON_FD_OWED, &st) < 0 || st.st_size == 0)
		return rc;
	if (buf_room(&all, (size_t)st.st_size) == NULL)
		return -ENOMEM;
	if (pread(DAEMON_FD_OWED, all.p, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	r = rd_init(all.p, (size_t)st.st_size);
	while ((rc = file_entry(e, &r)) == 1)
		good = (size_t)(r.p - all.p);
	if (rc == -EBADMSG)
		log_warnx(
		    "what is owed to the record is damaged behind line %zu: what was ended after it may be active "
		    "again",
		    e->late.n);
	else if (rc < 0)
		return rc;
	/* Later ones are appended, and have to be found. */
	if (good < (size_t)st.st_size && ftruncate(DAEMON_FD_OWED, (off_t)good) < 0)
		return -errno;
	e->late.file.size = (off_t)good;
	log_warnx("%zu lines of the record are owed since the disk could not be written", e->late.n);
	return 0;
}

int
engine_late_add(struct engine *e, const struct audit_event *event, const struct late_debt *debt)
{
	const struct late_debt none = {0};
	struct audit_event v = *event;
	cleanup_buf struct buf b = {0};
	struct late_share *share;
	struct late_item *t;
	int r;

	v.time_ms = clock_wall_ms();
	v.uncertainty_us = e->audit.uncertainty_us;
	if ((r = share_obtain(e, &v, debt ? debt : &none, &share)) < 0)
		return r;
	if (debt == NULL && (share->n >= LINES_MAX || share->bytes >= BYTES_MAX)) {
		if (share->dropped++ == 0)
			share->dropped_since = v.time_ms;
		e->late.dropped++;
		return 0;
	}
	late_item_put(&b, &v, debt ? debt : &none);
	if ((r = b.err) < 0 || (r = item_keep(e, &b, &t)) < 0)
		return r;
	t->filed = file_append(e, &t->b);
	return 0;
}

bool
engine_late_gone(const struct engine *e, uint64_t uid)
{
	return e->late.gone && hashmap_get(e->late.gone, uid) != 0;
}

bool
engine_late_revoked(const struct engine *e, const char *agency, const char *ref)
{
	const struct late_item *t;
	struct audit_event v;
	struct late_debt d;
	struct rd uids;

	STAILQ_FOREACH (t, &e->late.items, entry)
		if (late_item_get(&t->b, &v, &d, &uids) == 0 && d.revoked && d.agency &&
		    strcmp(d.agency, agency) == 0 && strcmp(d.revoked, ref) == 0)
			return true;
	return false;
}

uint64_t
engine_late_count(const struct engine *e, const char *agency)
{
	const struct late_share *s = share_find(e, agency, true);

	return s ? s->gone : 0;
}

/* ---- paying ---- */

/* What of it is done in one transaction. */
struct part {
	size_t rows, bytes;         /* that there is room for, and that were written */
	size_t items, uids, shares; /* done: items, criteria of the next one, shares */
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
		if (p->rows == 0)
			return 0;
		if (s->dropped && (r = dropped_pay(e, s)) < 0)
			return r;
		p->rows -= s->dropped > 0;
		p->shares++;
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
		item_forget(e);
	if (p->uids)
		item_lost(e, STAILQ_FIRST(&l->items), p->uids);
	for (size_t i = 0; i < p->shares; i++)
		share_forget(e);
	if (p->is_last) {
		file_clear(e);
		log_info("the record has %llu lines that were owed to it", (unsigned long long)l->written);
		l->written = 0;
		return;
	}
	t = STAILQ_FIRST(&l->items);
	late_item_put(&b, &(struct audit_event){.kind = KIND_PAID, .seq = l->paid, .id = t && t->filed ? t->paid : 0},
	    &(struct late_debt){0});
	if (l->seq > 0 && b.err == 0)
		(void)file_append(e, &b);
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

	if ((e->late.n == 0 && e->late.dropped == 0) || engine_disk_refuses(e))
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
