/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Criteria that are set aside (store.h): one that can't be used costs its agency that one, and nobody else anything.
 * They are not in the kernel; operators and the record are told of them by number, and their agency when it asks.
 *
 * exports: engine_aside_ */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "log.h"

#define IDS_MAX 65536

struct asides {
	struct store_aside *v; /* owned */
	size_t n, cap;
};

/* Appends "1-3,7": rows in the order of their ids, until there are max bytes of it. */
static void
ids_put(struct buf *b, const struct store_aside *v, size_t n, size_t max)
{
	for (size_t i = 0, j; i < n; i = j) {
		const char *comma = b->len ? "," : "";

		for (j = i + 1; j < n && v[j].id == v[j - 1].id + 1;)
			j++;
		if (b->len + 24 > max) {
			buf_printf(b, ",...");
			return;
		}
		if (j - i == 1)
			buf_printf(b, "%s%u", comma, v[i].id);
		else
			buf_printf(b, "%s%u-%u", comma, v[i].id, v[j - 1].id);
	}
}

static int
by_agency(const void *a, const void *b)
{
	const struct store_aside *x = a, *y = b;

	if (x->agency != y->agency)
		return (x->agency > y->agency) - (x->agency < y->agency);
	return (x->id > y->id) - (x->id < y->id);
}

static struct asides
take_new(struct engine *e)
{
	struct asides a = {0};
	struct store_aside one;

	while (store_aside_next(e->store, &one)) {
		if (a.n == a.cap) {
			const size_t cap = a.cap ? a.cap * 2 : 16;
			struct store_aside *v = reallocarray(a.v, cap, sizeof *v);

			if (v == NULL)
				break;
			a.v = v;
			a.cap = cap;
		}
		a.v[a.n++] = one;
	}
	if (a.n > 0)
		qsort(a.v, a.n, sizeof *a.v, by_agency);
	return a;
}

static const char *
name_of(const struct engine *e, uint32_t agency)
{
	for (uint32_t i = 0; i < e->nagency; i++)
		if (e->agency[i]->no == agency)
			return e->agency[i]->name;
	return NULL;
}

/* All of one agency's. */
static void
tell(struct engine *e, const struct store_aside *v, size_t n)
{
	const char *name = name_of(e, v->agency);
	cleanup_buf struct buf few = {0}, all = {0};
	char text[184];

	ids_put(&few, v, n, 48);
	ids_put(&all, v, n, IDS_MAX);
	snprintf(text, sizeof text, "agency %s: criteria %.*s can't be used as they are stored, and are set aside",
	    name ? name : "(not configured)", (int)few.len, few.len ? (const char *)few.p : "");
	if (!engine_event(e, ENGINE_ALARM, EVENT_ALARM, "%s", text))
		log_warnx("ALARM: %s", text);
	engine_audit_happened(e, &(struct audit_event){.kind = "set-aside",
				     .agency = name,
				     .ids = {(const char *)all.p, all.len},
				     .reason = "can't be used as they are stored: not active until added anew"});
}

void
engine_aside_tell(struct engine *e)
{
	struct asides a = take_new(e);

	for (size_t i = 0, j; i < a.n; i = j) {
		for (j = i + 1; j < a.n && a.v[j].agency == a.v[i].agency;)
			j++;
		tell(e, a.v + i, j - i);
	}
	/* What nobody can read nobody answers for. */
	for (size_t i = 0; e->dp && i < a.n; i++)
		engine_delete_uids(e, &a.v[i].uid, 1);
	free(a.v);
}

void
engine_aside_reason(const struct engine *e, const struct agency *a, char *out, size_t size)
{
	static const char what[] = "set aside and not active, DELETE and ADD anew: ";
	cleanup_free struct store_aside *v = NULL;
	cleanup_buf struct buf ids = {0};
	size_t n = 0;

	if (store_aside_list(e->store, a->no, &v, &n) < 0 || n == 0)
		return;
	ids_put(&ids, v, n, size - sizeof what - 4);
	snprintf(out, size, "%s%.*s", what, (int)ids.len, ids.len ? (const char *)ids.p : "");
}

bool
engine_aside_named(const struct engine *e, const struct agency *a, const struct dtcp_req *q)
{
	cleanup_free struct store_aside *v = NULL;
	size_t n = 0;

	if (store_aside_list(e->store, a->no, &v, &n) < 0)
		return false;
	for (size_t k = 0; k < n; k++)
		for (uint32_t i = 0; i < q->nids; i++)
			if (q->ids[i].single && q->ids[i].lo == v[k].id)
				return true;
	return false;
}
