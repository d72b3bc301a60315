/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies taken apart, leniently: from Junos, from us, from others.
 *
 * exports: dtcp_parse_reply dtcp_reply_free */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "dtcp_choices.h"
#include "dtcp_line.h"

static struct slice
word(struct slice *rest)
{
	struct slice w = {rest->p, 0};

	while (w.len < rest->len && rest->p[w.len] != ' ' && rest->p[w.len] != '\t')
		w.len++;
	rest->p += w.len;
	rest->len -= w.len;
	*rest = slice_trim(*rest);
	return w;
}

static int
status_line(struct slice line, struct dtcp_reply *out)
{
	struct slice rest = slice_trim(line), version = word(&rest), code = word(&rest);
	uint64_t n;

	if (version.len != 8 || !slice_eq_nocase((struct slice){version.p, 5}, "DTCP/") || version.p[6] != '.' ||
	    !isdigit((unsigned char)version.p[5]) || !isdigit((unsigned char)version.p[7]))
		return -EBADMSG;
	if (code.len != 3 || slice_u64(code, 999, &n) < 0)
		return -EBADMSG;
	out->version = (uint8_t)((version.p[5] - '0') * 10 + (version.p[7] - '0'));
	out->code = (unsigned)n;
	out->text = rest;
	return 0;
}

static uint64_t
value_u64(struct slice v)
{
	uint64_t n = 0;

	(void)slice_u64(v, UINT64_MAX, &n);
	return n;
}

static bool
entry_has(const struct dtcp_reply_entry *e, struct slice name)
{
	for (unsigned i = 0; i < e->n; i++)
		if (e->name[i].len == name.len && strncasecmp(e->name[i].p, name.p, name.len) == 0)
			return true;
	return false;
}

static int
entry_new(struct dtcp_reply *r, size_t *cap)
{
	if (r->nentries == *cap) {
		size_t want = *cap ? *cap * 2 : 8;
		struct dtcp_reply_entry *p = reallocarray(r->entry, want, sizeof *p);

		if (p == NULL)
			return -ENOMEM;
		r->entry = p;
		*cap = want;
	}
	memset(&r->entry[r->nentries++], 0, sizeof *r->entry);
	return 0;
}

/* Names that tell of the reply; in an entry only once the entry has other lines. */
static bool
reply_param(struct dtcp_reply *r, struct slice name, struct slice value)
{
	if (slice_eq_nocase(name, "Seq")) {
		r->have_seq = slice_u64(value, UINT64_MAX, &r->seq) == 0;
		return true;
	}
	if (slice_eq_nocase(name, CHOICE_REASON_LINE)) {
		r->reason = value;
		return true;
	}
	if (slice_eq_nocase(name, "Timestamp") && r->nentries == 0) {
		r->timestamp = value;
		return true;
	}
	return false;
}

static int
entry_param(struct dtcp_reply *r, size_t *cap, struct slice name, struct slice value)
{
	struct dtcp_reply_entry *e = r->nentries ? &r->entry[r->nentries - 1] : NULL;
	int err;

	/* No mark divides entries: a name that comes again begins the next. */
	if (e == NULL || entry_has(e, name)) {
		/* Of the lines behind the last entry only the time is named like one of its own. */
		if (e != NULL && slice_eq_nocase(name, "Timestamp")) {
			r->timestamp = value;
			return 0;
		}
		if ((err = entry_new(r, cap)) < 0)
			return err;
		e = &r->entry[r->nentries - 1];
	}
	if (e->n == ARRAY_LEN(e->name))
		return 0;
	e->name[e->n] = name;
	e->value[e->n++] = value;
	if (slice_eq_nocase(name, "Criteria-ID"))
		e->id = value_u64(value);
	else if (slice_eq_nocase(name, "Criteria-Num"))
		e->num = value_u64(value);
	return 0;
}

/* The answer to an ADD, DELETE or NOOP has the form of one entry without a number: it is none. */
static void
settle(struct dtcp_reply *r)
{
	struct dtcp_reply_entry *e = r->entry;

	if (r->nentries == 0)
		return;
	for (unsigned i = 0; i < e->n; i++) {
		if (slice_eq_nocase(e->name[i], "Criteria-ID"))
			r->id = value_u64(e->value[i]);
		else if (slice_eq_nocase(e->name[i], "Criteria-Count"))
			r->count = value_u64(e->value[i]);
		else if (slice_eq_nocase(e->name[i], "Timestamp") && r->timestamp.p == NULL)
			r->timestamp = e->value[i];
	}
	if (r->nentries == 1 && e->num == 0)
		r->nentries = 0;
}

int
dtcp_parse_reply(const uint8_t *p, size_t len, struct dtcp_reply *out)
{
	struct slice rest = {(const char *)p, len}, line, name, value;
	struct dtcp_reply r = {0};
	size_t cap = 0;
	int err = -EBADMSG;

	if (line_next(&rest, &line))
		err = status_line(line, &r);
	while (err == 0 && line_next(&rest, &line)) {
		if (line_is_auth(line))
			break;
		if (line_param(line, &name, &value) < 0 || reply_param(&r, name, value))
			continue;
		err = entry_param(&r, &cap, name, value);
	}
	if (err < 0) {
		dtcp_reply_free(&r);
		return err;
	}
	settle(&r);
	*out = r;
	return 0;
}

void
dtcp_reply_free(struct dtcp_reply *r)
{
	free(TAKE_PTR(r->entry));
	r->nentries = 0;
}
