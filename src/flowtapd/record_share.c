/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: share_ */
#include "record_share.h"

#include <stdio.h>
#include <string.h>

#define NS 1000000000ull

static void
bucket_look(struct share_bucket *b, uint64_t now_ns, uint64_t rate)
{
	const uint64_t ns = now_ns > b->at_ns ? now_ns - b->at_ns : 0;
	const uint64_t back = ns / NS * rate + ns % NS * rate / NS;

	if (back >= b->used) {
		b->used = 0;
		b->at_ns = now_ns;
		return;
	}
	/* The time that is not yet a unit is kept. */
	b->used -= back;
	b->at_ns += back / rate * NS + back % rate * NS / rate;
}

bool
share_is_used_up(struct record_share *s, uint64_t now_ns)
{
	bucket_look(&s->record, now_ns, SHARE_RECORD_RATE);
	return s->record.used >= SHARE_RECORD_BYTES + s->extra;
}

void
share_charge(struct record_share *s, uint64_t now_ns, uint64_t bytes)
{
	bucket_look(&s->record, now_ns, SHARE_RECORD_RATE);
	s->record.used += bytes;
}

enum share_form
share_form(struct record_share *s, uint64_t now_ns, size_t words, bool take)
{
	enum share_form form = SHARE_COUNT;

	bucket_look(&s->words, now_ns, SHARE_WORDS_RATE);
	bucket_look(&s->lines, now_ns, SHARE_LINES_RATE);
	if (s->lines.used < SHARE_LINES && !share_is_used_up(s, now_ns))
		form = s->words.used + words <= SHARE_WORDS_BYTES ? SHARE_FULL : SHARE_DIGEST;
	if (take && form == SHARE_FULL)
		s->words.used += words;
	if (take && form != SHARE_COUNT)
		s->lines.used++;
	return form;
}

uint64_t
share_wait_ns(struct record_share *s, uint64_t now_ns, bool refused, size_t words)
{
	if (refused) {
		if (share_form(s, now_ns, words, false) != SHARE_COUNT || s->sum_ns == 0 ||
		    now_ns - s->sum_ns >= SHARE_SUM_NS)
			return 0;
		return s->sum_ns + SHARE_SUM_NS - now_ns;
	}
	bucket_look(&s->ends, now_ns, SHARE_ENDS_RATE);
	return share_is_used_up(s, now_ns) && s->ends.used >= SHARE_ENDS ? NS / SHARE_ENDS_RATE + 1 : 0;
}

void
share_end_charge(struct record_share *s, uint64_t now_ns)
{
	bucket_look(&s->ends, now_ns, SHARE_ENDS_RATE);
	s->ends.used++;
}

bool
share_session_take(struct record_share *s, uint64_t now_ns)
{
	bucket_look(&s->sessions, now_ns, SHARE_SESSIONS_RATE);
	if (s->sessions.used >= SHARE_SESSIONS || share_is_used_up(s, now_ns))
		return false;
	s->sessions.used++;
	return true;
}

void
share_summed(struct record_share *s, uint64_t now_ns)
{
	s->sum_ns = now_ns;
}

int
share_sum_add(struct share_sum *sum, struct slice words)
{
	char both[2 * AUDIT_HASH_HEX + 1];
	size_t len = 0;
	int r;

	if (sum->n) {
		memcpy(both, sum->hash, AUDIT_HASH_HEX);
		len = AUDIT_HASH_HEX;
	}
	if ((r = audit_digest(words.p, words.len, both + len)) < 0 ||
	    (r = audit_digest(both, len + AUDIT_HASH_HEX, sum->hash)) < 0)
		return r;
	sum->n++;
	sum->bytes += words.len;
	return 0;
}

int
share_words_drop(struct audit_event *v, char *reason, size_t size)
{
	char hash[AUDIT_HASH_HEX + 1];
	int r = audit_digest(v->request.p, v->request.len, hash);

	snprintf(reason, size, "%s%s%zu bytes, SHA-256 %s", v->reason ? v->reason : "", v->reason ? "; " : "",
	    v->request.len, hash);
	v->reason = reason;
	v->request = v->parsed = (struct slice){NULL, 0};
	return r;
}
