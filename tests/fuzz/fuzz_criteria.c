/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First byte 'B': the rest is an encoded criterion.  Anything else: lines of
 * text, each a digit (enum criteria_field) and the value of that element.
 */
#include <errno.h>
#include <string.h>

#include "criteria.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint32_t
list_len(const struct criteria *c, enum criteria_field f)
{
	return f < CRIT_PROTOCOL ? c->addr[f].n : c->num[f - CRIT_PROTOCOL].n;
}

static void
encode_again(const struct criteria *c)
{
	cleanup_buf struct buf once = {0};
	struct criteria d;
	struct rd r;

	criteria_encode(c, &once);
	r = rd_init(once.p, once.len);
	if (once.err || criteria_decode(&d, &r) < 0 || rd_end(&r) < 0 || !criteria_equal(c, &d))
		abort();
	criteria_free(&d);
}

static void
format_again(const struct criteria *c)
{
	struct criteria d = {.family = c->family};

	for (enum criteria_field f = 0; f < CRIT_FIELDS; f++) {
		cleanup_buf struct buf text = {0};

		criteria_format(c, f, &text);
		if (text.err)
			abort();
		if (list_len(c, f) > 0 && criteria_parse(&d, f, (struct slice){(char *)text.p, text.len}, NULL) < 0)
			abort();
	}
	if (c->paired && !criteria_pair(&d))
		abort();
	if (!criteria_equal(c, &d))
		abort();
	criteria_free(&d);
}

/* One element; refused, it names a part of the text and leaves *c alone. */
static void
element(struct criteria *c, enum criteria_field f, struct slice text)
{
	struct slice bad = {0};
	uint8_t family = c->family;
	int r = criteria_parse(c, f, text, &bad);

	if (r == 0) {
		if (list_len(c, f) == 0 || (family != 0 && c->family != family))
			abort();
		return;
	}
	if (r != -EINVAL && r != -ERANGE && r != -EXDEV && r != -E2BIG)
		abort();
	if (c->family != family || list_len(c, f) != 0)
		abort();
	if (bad.p < text.p || bad.p + bad.len > text.p + text.len)
		abort();
}

static void
from_text(const uint8_t *data, size_t len, struct criteria *c)
{
	const char *p = (const char *)data, *end = p + len, *nl;

	for (; p < end; p = nl + 1) {
		enum criteria_field f = (unsigned char)(*p - '0') % CRIT_FIELDS;

		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		if (nl > p && list_len(c, f) == 0)
			element(c, f, (struct slice){p + 1, (size_t)(nl - p - 1)});
	}
}

/* What is accepted is what would have been written. */
static int
from_bytes(const uint8_t *data, size_t len, struct criteria *c)
{
	cleanup_buf struct buf again = {0};
	struct rd r = rd_init(data, len);
	int rc = criteria_decode(c, &r);

	if (rc < 0) {
		if (rc != -EBADMSG || c->family != 0)
			abort();
		return rc;
	}
	criteria_encode(c, &again);
	if (again.err || again.len != (size_t)(r.p - data) || memcmp(again.p, data, again.len) != 0)
		abort();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct criteria c = {0};
	const char *why;

	if (len > 0 && data[0] == 'B') {
		if (from_bytes(data + 1, len - 1, &c) < 0)
			return 0;
	} else
		from_text(data, len, &c);
	if (len % 2 == 0)
		(void)criteria_pair(&c);
	format_again(&c);
	encode_again(&c);
	why = NULL;
	if (criteria_check(&c, &why) < 0 && why == NULL)
		abort();
	criteria_free(&c);
	return 0;
}
