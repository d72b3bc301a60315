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

#define LINES_MAX 4096
#define BYTES_MAX (4u << 20)
/* So that an entry of the file can't pass for a line of the record, which are sealed with the same key. */
#define ENTRY (1ull << 63)

/* One line that is owed, and what else: as bytes, as in the file. */
struct late_item {
	STAILQ_ENTRY(late_item) entry;
	struct buf b;
};

/* ---- the file: u32 length, sealed bytes ---- */

/* All of it, or the file is as it was. */
static int
file_write(const struct buf *out)
{
	struct stat st;
	ssize_t n = -1;
	int r;

	if (fstat(DAEMON_FD_OWED, &st) == 0)
		n = write(DAEMON_FD_OWED, out->p, out->len);
	if (n == (ssize_t)out->len)
		return 0;
	r = n < 0 ? -errno : -ENOSPC;
	if (n > 0 && ftruncate(DAEMON_FD_OWED, st.st_size) < 0)
		log_warn(-errno, "half a line is owed");
	return r;
}

/* Entries are numbered, so that none can be taken out of their middle: what was not written has no number. */
static void
file_append(struct engine *e, const struct buf *b)
{
	cleanup_buf struct buf sealed = {0}, out = {0};
	int r = audit_seal(
	    e->audit.seal, ENTRY | (e->late.seq + 1), (struct slice){(const char *)b->p, b->len}, &sealed);

	buf_put_u32(&out, (uint32_t)sealed.len);
	buf_put(&out, sealed.p, sealed.len);
	if (r == 0 && (r = out.err) == 0 && (r = file_write(&out)) == 0)
		e->late.seq++;
	if (r < 0)
		log_warn(r, "what can't be recorded at once would not survive the daemon's end");
}

static void
file_clear(struct engine *e)
{
	e->late.seq = 0;
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
item_keep(struct engine *e, struct buf *b, const struct late_item **out)
{
	struct audit_event v;
	struct late_debt d;
	struct rd uids;
	struct late_item *t = calloc(1, sizeof *t);
	int r = t ? late_item_get(b, &v, &d, &uids) : -ENOMEM;

	if (r < 0 || (r = gone_add(e, d.nuid, uids)) < 0) {
		free(t);
		return r;
	}
	t->b = *b;
	*b = (struct buf){0};
	STAILQ_INSERT_TAIL(&e->late.items, t, entry);
	e->late.n++;
	e->late.bytes += t->b.len;
	*out = t;
	return 0;
}

/* One entry of the file: 1; 0: the end, or what a daemon that was killed in mid-write left. */
static int
file_entry(struct engine *e, struct rd *r)
{
	cleanup_buf struct buf plain = {0};
	const struct late_item *t;
	uint32_t len = rd_u32(r);
	const uint8_t *p = rd_bytes(r, len);
	int rc;

	if (p == NULL)
		return 0;
	if ((rc = audit_open(e->audit.seal, ENTRY | (e->late.seq + 1), p, len, &plain)) < 0 ||
	    (rc = item_keep(e, &plain, &t)) < 0) {
		buf_free(&plain);
		return rc;
	}
	e->late.seq++;
	return 1;
}

int
engine_late_start(struct engine *e)
{
	cleanup_buf struct buf all = {0};
	struct stat st;
	struct rd r;
	size_t good = 0;
	int rc = hashmap_new(&e->late.gone);

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
	log_warnx("%zu lines of the record are owed since the disk could not be written", e->late.n);
	return 0;
}

int
engine_late_add(struct engine *e, const struct audit_event *event, const struct late_debt *debt)
{
	struct engine_late *l = &e->late;
	struct audit_event v = *event;
	cleanup_buf struct buf b = {0};
	const struct late_item *t;
	int r;

	v.time_ms = clock_wall_ms();
	v.uncertainty_us = e->audit.uncertainty_us;
	if (debt == NULL && (l->n >= LINES_MAX || l->bytes >= BYTES_MAX)) {
		if (l->dropped++ == 0)
			l->dropped_since = v.time_ms;
		return 0;
	}
	late_item_put(&b, &v, debt ? debt : &(struct late_debt){0});
	if ((r = b.err) < 0 || (r = item_keep(e, &b, &t)) < 0)
		return r;
	file_append(e, &t->b);
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

/* ---- paying ---- */

static int
revoke_pay(struct engine *e, const struct late_debt *d, int64_t when_ms)
{
	struct store_warrant w;
	int r = store_warrant_get(e->store, d->agency, d->revoked, &w);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	w.revoked_ms = when_ms;
	w.revoked_uid = d->revoked_by;
	r = store_warrant_set(e->store, &w);
	store_warrant_free(&w);
	return r;
}

static int
item_pay(struct engine *e, const struct late_item *t)
{
	struct audit_event v;
	struct late_debt d;
	struct rd uids;
	int r = late_item_get(&t->b, &v, &d, &uids);

	for (size_t i = 0; r == 0 && i < d.nuid; i++)
		if ((r = store_delete_uid(e->store, d.agency, rd_u64(&uids))) == -ENOENT)
			r = 0;
	if (r == 0 && d.revoked)
		r = revoke_pay(e, &d, v.happened_ms);
	return r < 0 ? r : engine_audit_add(e, &v);
}

static int
dropped_pay(struct engine *e)
{
	char reason[96];

	if (e->late.dropped == 0)
		return 0;
	snprintf(reason, sizeof reason, "%llu lines of refused requests and of sessions could not be kept",
	    (unsigned long long)e->late.dropped);
	return engine_audit_add(
	    e, &(struct audit_event){.kind = "lines-lost", .happened_ms = e->late.dropped_since, .reason = reason});
}

static void
items_free(struct engine *e)
{
	struct late_item *t;

	while ((t = STAILQ_FIRST(&e->late.items)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->late.items, entry);
		buf_free(&t->b);
		free(t);
	}
	hashmap_free(e->late.gone);
	e->late.gone = NULL;
	e->late.n = e->late.bytes = 0;
	e->late.dropped = 0;
}

/* In one transaction: all of it, or what is owed stays as it is. */
void
engine_late_flush(struct engine *e)
{
	struct late_item *t;
	struct hashmap *none;
	int r;

	if ((e->late.n == 0 && e->late.dropped == 0) || engine_disk_refuses(e) || hashmap_new(&none) < 0)
		return;
	r = engine_txn_begin(e);
	STAILQ_FOREACH (t, &e->late.items, entry)
		if (r < 0 || (r = item_pay(e, t)) < 0)
			break;
	if (r == 0)
		r = dropped_pay(e);
	if (r == 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	if (r < 0) {
		hashmap_free(none);
		log_warn(r, "what is owed to the record can't be written yet");
		return;
	}
	file_clear(e);
	log_info("the record has %zu lines that were owed to it", e->late.n);
	items_free(e);
	e->late.gone = none;
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
