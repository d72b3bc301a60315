/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of what is stored. */
#include <stdio.h>

#include "engine_late.h"
#include "hashmap.h"
#include "world.h"

void
check_record(struct engine *e)
{
	struct audit_verifier v;
	struct store_lines *l;
	const char *why = "";
	uint64_t n, want = 0;
	uint8_t key[AUDIT_KEY_LEN];
	int r;

	if (audit_unhex(slice_of(e->audit.key), key, sizeof key) < 0 || store_lines_open(e->store, 1, &l) < 0)
		wrong("the record can't be opened", 0, 0);
	audit_verify_init(&v, key);
	for (;;) {
		cleanup_buf struct buf sealed = {0}, line = {0};

		if ((r = store_lines_next(l, &n, &sealed)) <= 0)
			break;
		if (n != ++want || audit_open(e->audit.seal, n, sealed.p, sealed.len, &line) < 0)
			wrong("a line of the record can't be opened", n, want);
		if (audit_verify_line(&v, (struct slice){(const char *)line.p, line.len}, &why) < 0) {
			fprintf(stderr, "%s: %.*s\n", why, (int)line.len, line.p);
			wrong("the record is not whole", n, 0);
		}
	}
	store_lines_close(l);
	if (r < 0 || v.chain.n != e->audit.chain.n || strcmp(v.chain.hash, e->audit.chain.hash) != 0)
		wrong("the record has another end", v.chain.n, e->audit.chain.n);
}

struct rows {
	struct engine *engine;
	uint64_t n;
	bool stored[ENTRIES]; /* what is in the kernel */
};

static const struct entry *
live(uint64_t uid)
{
	for (int i = 0; i < world.nentry; i++)
		if (world.entry[i].uid == uid)
			return &world.entry[i];
	return NULL;
}

/* However the clock was set, its end in the kernel is not later than the warrant's, by all that the clock has shown. */
static void
end_check(const struct engine *e, const struct entry *k, int64_t until_ms)
{
	const uint64_t slack_ns = WALLCLOCK_SET_MS * UINT64_C(1000000);

	if (k->end_ns == 0 || k->end_ns > wallclock_end_ns(&e->clock, until_ms) + slack_ns)
		wrong("its warrant ends before it does in the kernel", k->uid, k->end_ns);
}

/* Each criterion of an agency that is configured is in the kernel, and is that agency's there. */
static int
row_check(void *arg, const char *agency, struct store_row *row)
{
	struct rows *v = arg;
	const struct agency *a = agency_named(v->engine->agency, v->engine->nagency, agency);
	const struct entry *k = live(row->uid);

	v->n++;
	if (k)
		v->stored[k - world.entry] = true;
	if (store_is_aside(v->engine->store, row->uid))
		return 0;
	if (a == NULL && k)
		wrong("in the kernel, and its agency is not configured", row->uid, row->id);
	if (a == NULL || engine_late_gone(v->engine, row->uid))
		return 0;
	if (k == NULL)
		wrong("stored, and not in the kernel", row->uid, row->id);
	if (k->agency != a->no)
		wrong("another agency's in the kernel", row->uid, k->agency);
	if (row->until.wall_ms && !k->ended)
		end_check(v->engine, k, row->until.wall_ms);
	return 0;
}

void
check_rows(struct engine *e)
{
	struct rows v = {.engine = e};

	if (store_each(e->store, row_check, &v) < 0)
		wrong("what is stored can't be read", v.n, 0);
	for (int i = 0; i < world.nentry; i++)
		if (!world.entry[i].ended && !v.stored[i])
			wrong("in the kernel, and not stored", world.entry[i].uid, world.entry[i].agency);
}

void
check_deleted(struct engine *e)
{
	uint64_t n;

	if (client_deleted != e->nagency)
		wrong("an agency can't end what it has", client_deleted, e->nagency);
	for (uint32_t i = 0; i < e->nagency; i++)
		if (store_count(e->store, e->agency[i]->name, &n) < 0 || n != 0)
			wrong("deleted, and stored", i, n);
	for (int i = 0; i < world.nentry; i++)
		wrong("deleted, and in the kernel", world.entry[i].uid, world.entry[i].agency);
}
