/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_late_ */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "daemon.h"
#include "engine.h"
#include "engine_late_int.h"
#include "hashmap.h"
#include "log.h"

/* Of one share, for lines with a debt and for those without one: the largest request fits several times. */
#define LINES_MAX 1024
#define BYTES_MAX (256u << 10)
#define WARRANTS_SPARE 1024 /* that may be entered after the start */
/* So that an entry of the file can't pass for a line of the record, which are sealed with the same key. */
#define ENTRY (1ull << 63)

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
share_get(struct engine *e, const char *of, bool is_agency, struct late_share **out)
{
	struct late_share *s = share_find(e, of, is_agency);

	if (s == NULL) {
		if ((s = calloc(1, sizeof *s)) == NULL)
			return -ENOMEM;
		s->is_agency = is_agency;
		snprintf(s->of, sizeof s->of, "%s", of);
		STAILQ_INSERT_TAIL(&e->late.shares, s, entry);
	}
	*out = s;
	return 0;
}

static int
share_obtain(struct engine *e, const struct audit_event *v, const struct late_debt *d, struct late_share **out)
{
	const char *agency = d->agency ? d->agency : v->agency;

	return share_get(e, agency ? agency : v->kind, agency != NULL, out);
}

static bool
is_debt(const struct late_debt *d)
{
	return d->nuid || d->revoked;
}

static size_t
bytes_of(const struct buf *b, size_t nuid)
{
	return b->len - nuid * sizeof(uint64_t);
}

static bool
has_room(const struct late_count *c, size_t bytes)
{
	return c->n < LINES_MAX && c->bytes + bytes <= BYTES_MAX;
}

/* ---- the file: u32 length, sealed bytes ---- */

/* Entries are numbered, so that none can be taken out of their middle: what was not written has no number. */
bool
engine_late_file_append(struct engine *e, const struct buf *b)
{
	cleanup_buf struct buf sealed = {0}, out = {0};
	int r = e->late.file.fd < 0 ? -EBADF
				    : audit_seal(e->audit.seal, ENTRY | (e->late.seq + 1),
					  (struct slice){(const char *)b->p, b->len}, &sealed);

	buf_put_u32(&out, (uint32_t)sealed.len);
	buf_put(&out, sealed.p, sealed.len);
	if (r == 0 && (r = out.err) == 0 && (r = append_put(&e->late.file, out.p, out.len)) == 0)
		e->late.seq++;
	if (r < 0 && !e->late.told)
		log_warn(r, "lines of the record that can't be written at once would not survive the daemon's end");
	e->late.told |= r < 0;
	return r == 0;
}

void
engine_late_file_clear(struct engine *e)
{
	late_ends_clear(&e->late.ends);
	e->late.seq = e->late.paid = 0;
	e->late.file.size = 0;
	e->late.told = e->late.alarmed = false;
	if (e->late.file.fd >= 0 && ftruncate(DAEMON_FD_OWED, 0) < 0)
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
	t->share->gone += d.nuid;
	t->count = is_debt(&d) ? &t->share->ends : &t->share->other;
	t->count->n++;
	t->count->bytes += bytes_of(&t->b, t->nuid);
	STAILQ_INSERT_TAIL(&e->late.items, t, entry);
	e->late.n++;
	*out = t;
	return 0;
}

static int
bare_room(struct late_share *s, size_t n)
{
	const size_t cap = s->nbare + n > 2 * s->cap ? s->nbare + n : 2 * s->cap;
	uint64_t *v;

	if (s->nbare + n <= s->cap)
		return 0;
	if ((v = reallocarray(s->bare, cap, sizeof *v)) == NULL)
		return -ENOMEM;
	s->bare = v;
	s->cap = cap;
	return 0;
}

/* Without a line of their own.  v: what ended them; NULL: that is lost. */
static int
bare_keep(struct engine *e, struct late_share *s, const struct audit_event *v, const uint64_t *uid, size_t n)
{
	struct share_sum sum = s->sum;
	cleanup_buf struct buf b = {0};
	int r = bare_room(s, n);

	for (size_t i = 0; i < n; i++)
		buf_put_u64(&b, uid[i]);
	if (r < 0 || (r = b.err) < 0 || (v && (r = share_sum_add(&sum, v->request)) < 0) ||
	    (r = gone_add(e, n, rd_init(b.p, b.len))) < 0)
		return r;
	memcpy(s->bare + s->nbare, uid, n * sizeof *uid);
	s->nbare += n;
	s->gone += n;
	s->sum = sum;
	if (v && s->bare_since == 0)
		s->bare_since = v->time_ms;
	e->late.bare += n;
	return 0;
}

/* ---- forgetting what the store and the record have ---- */

/* The first ones. */
void
engine_late_bare_lost(struct engine *e, struct late_share *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)hashmap_remove(e->late.gone, s->bare[i]);
	if (n > 0)
		memmove(s->bare, s->bare + n, (s->nbare - n) * sizeof *s->bare);
	s->nbare -= n;
	s->gone -= n;
	e->late.bare -= n;
	if (n > 0 && s->gone == 0)
		engine_agency_recount(e, s->of);
}

/* The store has lost the first `to` criteria of it. */
void
engine_late_item_lost(struct engine *e, struct late_item *t, size_t to)
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
void
engine_late_item_forget(struct engine *e)
{
	struct late_item *t = STAILQ_FIRST(&e->late.items);

	engine_late_item_lost(e, t, t->nuid);
	t->count->n--;
	t->count->bytes -= bytes_of(&t->b, t->nuid);
	e->late.n--;
	e->late.paid += t->filed;
	STAILQ_REMOVE_HEAD(&e->late.items, entry);
	buf_free(&t->b);
	free(t);
}

/* The first one; nothing is owed of it. */
void
engine_late_share_forget(struct engine *e)
{
	struct late_share *s = STAILQ_FIRST(&e->late.shares);

	engine_late_bare_lost(e, s, s->nbare);
	e->late.dropped -= s->dropped;
	STAILQ_REMOVE_HEAD(&e->late.shares, entry);
	free(s->bare);
	free(s);
}

/* ---- start ---- */

/* What an entry of the file says is paid. */
static void
paid_take(struct engine *e, uint64_t items, uint64_t uids)
{
	struct late_item *t;

	while (e->late.paid < items && !STAILQ_EMPTY(&e->late.items))
		engine_late_item_forget(e);
	if ((t = STAILQ_FIRST(&e->late.items)) != NULL)
		engine_late_item_lost(e, t, uids);
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
		free(s->bare);
		free(s);
	}
	hashmap_free(TAKE_PTR(l->gone));
}

/* Entries of the file; none where there is no file. */
static int
file_take(struct engine *e)
{
	cleanup_buf struct buf all = {0};
	struct stat st;
	struct rd r;
	size_t good = 0;
	int rc;

	e->late.file = (struct append){.fd = -1};
	if (fstat(DAEMON_FD_OWED, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	e->late.file.fd = DAEMON_FD_OWED;
	if (st.st_size == 0)
		return 0;
	if (buf_room(&all, (size_t)st.st_size) == NULL)
		return -ENOMEM;
	if (pread(DAEMON_FD_OWED, all.p, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	r = rd_init(all.p, (size_t)st.st_size);
	while ((rc = file_entry(e, &r)) == 1)
		good = (size_t)(r.p - all.p);
	if (rc == -EBADMSG)
		log_warnx("what is owed to the record is damaged behind line %zu: later lines are lost", e->late.n);
	else if (rc < 0)
		return rc;
	/* Later ones are appended, and have to be found. */
	if (good < (size_t)st.st_size && ftruncate(DAEMON_FD_OWED, (off_t)good) < 0)
		return -errno;
	e->late.file.size = (off_t)good;
	return 0;
}

struct warrant_look {
	struct engine *e;
	uint64_t no;
	uint32_t by;
};

/* A revocation whose line the file of lines does not have. */
static int
revoked_take(void *arg, const struct store_warrant *w)
{
	const struct warrant_look *l = arg;
	const struct audit_event v = {.kind = "warrant-revoked",
	    .time_ms = clock_wall_ms(), /* at the latest */
	    .agency = w->agency,
	    .uid = l->by,
	    .have_uid = true,
	    .warrant = w->ref,
	    .reason = "while nothing could be written; its own line was lost with the daemon"};
	cleanup_buf struct buf b = {0};
	struct late_item *t;
	int r;

	if (w->no != l->no || w->revoked_ms != 0 || engine_late_revoked(l->e, w->agency, w->ref))
		return 0;
	late_item_put(&b, &v, &(struct late_debt){.agency = w->agency, .revoked = w->ref, .revoked_by = l->by});
	if ((r = b.err) < 0 || (r = item_keep(l->e, &b, &t)) < 0)
		return r;
	t->filed = engine_late_file_append(l->e, &t->b);
	return 0;
}

/* What the file of numbers has: ended, whether its line is there or not. */
static int
slot_take(void *arg, uint64_t slot)
{
	struct engine *e = arg;
	struct warrant_look look = {.e = e};
	char agency[DTCP_NAME_MAX + 1];
	struct late_share *s;
	uint32_t id;
	int r;

	if (late_ends_is_warrant(slot, &look.no, &look.by))
		return store_warrant_each(e->store, NULL, revoked_take, &look);
	if (engine_late_gone(e, slot))
		return 0;
	r = store_ids_of_uid(e->store, slot, agency, &id);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return (r = share_get(e, agency, true, &s)) < 0 ? r : bare_keep(e, s, NULL, &slot, 1);
}

static int
warrant_count(void *arg, const struct store_warrant *w)
{
	(void)w;
	++*(size_t *)arg;
	return 0;
}

int
engine_late_start(struct engine *e)
{
	size_t slots = e->conf->max_criteria + WARRANTS_SPARE;
	int r = hashmap_new(&e->late.gone);

	if (r < 0 || (r = file_take(e)) < 0 || (r = store_warrant_each(e->store, NULL, warrant_count, &slots)) < 0)
		return r;
	r = late_ends_open(&e->late.ends, DAEMON_FD_ENDED, e->audit.seal, slots, slot_take, e);
	if (r < 0)
		log_warn(r, "room for what ends while nothing can be written");
	if (engine_late_lines(e) == 0)
		engine_late_file_clear(e);
	else
		log_warnx("%llu lines of the record are owed since the disk could not be written",
		    (unsigned long long)engine_late_lines(e));
	return 0;
}

const char *
engine_late_unready(const struct engine *e)
{
	return e->late.ends.fd < 0
		   ? "the run directory has no room for what ends while the disk can't be written: such taps "
		     "would be active again after a restart of the daemon"
		   : NULL;
}

uint64_t
engine_late_lines(const struct engine *e)
{
	return e->late.n + e->late.dropped + e->late.bare;
}

/* ---- taking, and filing ---- */

static bool
is_owed(void *arg, uint64_t slot)
{
	struct engine *e = arg;
	uint64_t no;
	uint32_t by;

	return late_ends_is_warrant(slot, &no, &by) || engine_late_gone(e, slot);
}

/* The numbers alone, for which there is room. */
static int
ends_file(struct engine *e, const struct late_debt *d)
{
	const uint64_t warrant = d->revoked ? late_ends_warrant(d->revoked_no, d->revoked_by) : 0;
	struct late_ends *l = &e->late.ends;
	int r;

	if (d->nuid > l->max - l->n)
		late_ends_compact(l, is_owed, e);
	if ((r = late_ends_put(l, d->uid, d->nuid)) == 0 && d->revoked)
		r = warrant ? late_ends_put(l, &warrant, 1) : -ERANGE;
	return r;
}

/* Neither file has it. */
static void
unfiled_tell(struct engine *e, int err)
{
	log_warn(err, "what has ended is in no file");
	if (e->late.alarmed)
		return;
	e->late.alarmed = true;
	engine_alarm(e,
	    "what has ended while the disk can't be written could be filed nowhere: it would be active again "
	    "after a restart of the daemon");
}

/* In full, or without its words, as far as the share goes.  1: not even that. */
static int
debt_keep(
    struct engine *e, struct late_share *s, struct audit_event *v, const struct late_debt *d, struct late_item **out)
{
	cleanup_free char *reason = NULL;
	cleanup_buf struct buf b = {0};
	const size_t size = (v->reason ? strlen(v->reason) : 0) + SHARE_DIGEST_TEXT;
	int r = 0;

	late_item_put(&b, v, d);
	if (b.err == 0 && v->request.len && !has_room(&s->ends, bytes_of(&b, d->nuid))) {
		if ((reason = malloc(size)) == NULL)
			return -ENOMEM;
		r = share_words_drop(v, reason, size);
		buf_reset(&b);
		late_item_put(&b, v, d);
		v->reason = NULL;
	}
	if (r < 0 || (r = b.err) < 0)
		return r;
	/* Officers' lines are few: each warrant has one. */
	return d->revoked || has_room(&s->ends, bytes_of(&b, d->nuid)) ? item_keep(e, &b, out) : 1;
}

static int
debt_add(struct engine *e, struct late_share *s, struct audit_event *v, const struct late_debt *d)
{
	struct audit_event spare = *v;
	struct late_item *t = NULL;
	int r = debt_keep(e, s, &spare, d, &t), err;

	if (r == 1)
		r = bare_keep(e, s, v, d->uid, d->nuid);
	if (r < 0)
		return r;
	err = ends_file(e, d);
	if (t)
		t->filed = engine_late_file_append(e, &t->b);
	if (err < 0 && !(t && t->filed))
		unfiled_tell(e, err);
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
	if (debt && is_debt(debt))
		return debt_add(e, share, &v, debt);
	late_item_put(&b, &v, &none);
	if (b.err)
		return b.err;
	if (!has_room(&share->other, b.len)) {
		if (share->dropped++ == 0)
			share->dropped_since = v.time_ms;
		e->late.dropped++;
		return 0;
	}
	if ((r = item_keep(e, &b, &t)) < 0)
		return r;
	t->filed = engine_late_file_append(e, &t->b);
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
