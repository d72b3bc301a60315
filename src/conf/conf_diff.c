/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf_diff.h"
#include "conf_schema.h"

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
names_new(size_t room, struct conf_names *out)
{
	out->name = calloc(room + 1, sizeof *out->name);
	out->n = 0;
	return out->name ? 0 : -ENOMEM;
}

/* What b has and a has not; both sorted. */
static int
names_minus(const struct conf_names *b, const struct conf_names *a, struct conf_names *out)
{
	int r = names_new(b->n, out);

	for (uint32_t i = 0, k = 0; r == 0 && i < b->n; i++) {
		while (k < a->n && strcmp(a->name[k], b->name[i]) < 0)
			k++;
		if (k == a->n || strcmp(a->name[k], b->name[i]) != 0)
			out->name[out->n++] = b->name[i];
	}
	return r;
}

static int
agency_names(const struct conf *c, struct conf_names *out)
{
	int r = names_new(c->nagency, out);

	for (uint32_t i = 0; r == 0 && i < c->nagency; i++)
		out->name[out->n++] = c->agency[i].name;
	return r;
}

static int
tap_names(const struct conf *c, struct conf_names *out)
{
	int r = names_new(c->ntapped + c->ninstance + 1, out);

	if (r < 0 || !c->flow_tap)
		return r;
	if (c->tap_all)
		out->name[out->n++] = "all";
	for (uint32_t i = 0; i < c->ntapped; i++)
		out->name[out->n++] = c->tapped[i];
	for (uint32_t i = 0; i < c->ninstance; i++)
		out->name[out->n++] = c->instance[i];
	qsort(out->name, out->n, sizeof *out->name, by_name);
	return 0;
}

static int
compare(const struct conf *old, const struct conf *next, int (*names)(const struct conf *, struct conf_names *),
    struct conf_names out[static 2])
{
	struct conf_names a = {0}, b = {0};
	int r;

	if ((r = names(old, &a)) == 0 && (r = names(next, &b)) == 0 && (r = names_minus(&b, &a, &out[0])) == 0)
		r = names_minus(&a, &b, &out[1]);
	free(a.name);
	free(b.name);
	return r;
}

static bool
same_agency(const struct conf_agency *a, const struct conf_agency *b)
{
	if (strcmp(a->user, b->user) != 0 || a->standing != b->standing || a->max_criteria != b->max_criteria ||
	    a->max_sessions != b->max_sessions || a->packets_per_s != b->packets_per_s ||
	    a->bytes_per_s != b->bytes_per_s || a->burst_ms != b->burst_ms || a->ndest != b->ndest)
		return false;
	for (uint32_t i = 0; i < a->ndest; i++) {
		const struct conf_dest *x = &a->dest[i], *y = &b->dest[i];

		if (!ip_equal(&x->addr, &y->addr) || x->len != y->len || x->port_lo != y->port_lo ||
		    x->port_hi != y->port_hi)
			return false;
	}
	return true;
}

static int
agency_changes(const struct conf *old, const struct conf *next, struct conf_names *out)
{
	int r = names_new(next->nagency, out);

	for (uint32_t i = 0; r == 0 && i < next->nagency; i++) {
		const struct conf_agency *a = conf_agency_find(old, next->agency[i].name);

		if (a && !same_agency(a, &next->agency[i]))
			out->name[out->n++] = next->agency[i].name;
	}
	return r;
}

static bool
same_sources(const struct conf *a, const struct conf *b)
{
	if (a->nsource != b->nsource)
		return false;
	for (uint32_t i = 0; i < a->nsource; i++)
		if (!ip_equal(&a->source[i], &b->source[i]))
			return false;
	return true;
}

static bool
same_signers(const struct conf *a, const struct conf *b)
{
	if (a->signatures_required != b->signatures_required || a->nsigner != b->nsigner)
		return false;
	for (uint32_t i = 0; i < a->nsigner; i++)
		if (strcmp(a->signer[i].officer, b->signer[i].officer) != 0 ||
		    strcmp(a->signer[i].key, b->signer[i].key) != 0)
			return false;
	return true;
}

int
conf_diff_make(const struct conf *old, const struct conf *next, struct conf_diff *out)
{
	struct conf_names agency[2] = {0}, tap[2] = {0}, changed = {0};
	struct conf_diff d;
	int r;

	if ((r = compare(old, next, agency_names, agency)) == 0 && (r = compare(old, next, tap_names, tap)) == 0)
		r = agency_changes(old, next, &changed);
	d = (struct conf_diff){
	    .agency_added = agency[0],
	    .agency_removed = agency[1],
	    .agency_changed = changed,
	    .tap_added = tap[0],
	    .tap_removed = tap[1],
	    .source = !same_sources(old, next),
	    .family = old->family_inet != next->family_inet || old->family_inet6 != next->family_inet6,
	    .copies = old->copy_dscp != next->copy_dscp || old->copy_priority != next->copy_priority,
	    .audit = old->checkpoint_s != next->checkpoint_s,
	    .limits = old->connection_limit != next->connection_limit || old->rate_limit != next->rate_limit,
	    .warrants = !same_signers(old, next),
	};
	if (r < 0)
		conf_diff_fini(&d);
	else
		*out = d;
	return r;
}

void
conf_diff_fini(struct conf_diff *d)
{
	free(d->agency_added.name);
	free(d->agency_removed.name);
	free(d->agency_changed.name);
	free(d->tap_added.name);
	free(d->tap_removed.name);
}

bool
conf_diff_is_empty(const struct conf_diff *d)
{
	return !d->agency_added.n && !d->agency_removed.n && !d->agency_changed.n && !d->tap_added.n &&
	       !d->tap_removed.n && !d->source && !d->family && !d->copies && !d->audit && !d->limits && !d->warrants;
}

bool
conf_diff_restart(const struct conf *old, const struct conf *next, char *why, size_t size)
{
	const struct conf_schema *row = NULL;
	cleanup_buf struct buf text = {0};
	bool changed = false;

	while ((row = conf_schema_walk(row)) != NULL) {
		if (!row->restart ||
		    memcmp((const char *)old + row->offset, (const char *)next + row->offset, row->size) == 0)
			continue;
		if (changed)
			buf_put(&text, ", ", 2);
		conf_schema_path(row, &text);
		changed = true;
	}
	snprintf(why, size, "%.*s", (int)text.len, text.p ? (char *)text.p : "");
	return changed;
}

void
conf_diff_hold(const struct conf *running, struct conf *next)
{
	const struct conf_schema *row = NULL;

	(void)conf_diff_restart(running, next, next->pending, sizeof next->pending);
	while ((row = conf_schema_walk(row)) != NULL)
		if (row->restart)
			memcpy((char *)next + row->offset, (const char *)running + row->offset, row->size);
}

void
conf_diff_format(const struct conf_diff *d, struct buf *out)
{
	const struct {
		const char *text; /* with a colon and the number, or "changed" */
		unsigned n;
		bool counted;
	} part[] = {
	    {"agencies added", d->agency_added.n, true},
	    {"agencies removed", d->agency_removed.n, true},
	    {"agencies changed", d->agency_changed.n, true},
	    {"tapped interfaces added", d->tap_added.n, true},
	    {"tapped interfaces removed", d->tap_removed.n, true},
	    {"source addresses", d->source, false},
	    {"families", d->family, false},
	    {"class of copies", d->copies, false},
	    {"audit", d->audit, false},
	    {"limits of sessions", d->limits, false},
	    {"signatures under warrants", d->warrants, false},
	};
	const char *sep = "";

	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		if (part[i].n == 0)
			continue;
		if (part[i].counted)
			buf_printf(out, "%s%s: %u", sep, part[i].text, part[i].n);
		else
			buf_printf(out, "%s%s changed", sep, part[i].text);
		sep = ", ";
	}
	if (*sep == '\0')
		buf_printf(out, "nothing");
}
