/* SPDX-License-Identifier: BSD-2-Clause */
/* An audit record from anywhere: read line by line; and any text as an event, which then has to verify. */
#include <string.h>

#include "audit.h"

static void
foreign(const uint8_t *data, size_t len)
{
	static const uint8_t key[AUDIT_KEY_LEN] = {0x03, 0xa1, 0x07, 0xbf, 0xf3, 0xce, 0x10, 0xbe};
	struct audit_verifier v;
	const char *why = NULL, *at = (const char *)data, *end = at + len;

	audit_verify_init(&v, key);
	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		struct slice line = {at, nl ? (size_t)(nl - at) : (size_t)(end - at)};

		if (audit_verify_line(&v, line, &why) < 0 && why == NULL)
			abort();
		at += line.len + 1;
	}
}

static void
own(const uint8_t *data, size_t len)
{
	cleanup_free char *text = malloc(len + 1);
	cleanup_buf struct buf b = {0};
	struct audit_verifier v;
	struct audit_chain c;
	const char *why;

	if (text == NULL)
		return;
	memcpy(text, data, len);
	text[len] = '\0';
	audit_chain_init(&c);
	if (audit_append(
		&c, &(struct audit_event){.kind = "x", .reason = text, .agency = text, .request = {text, len}}, &b) < 0)
		return;
	audit_verify_init(&v, (const uint8_t[AUDIT_KEY_LEN]){0});
	if (memchr(b.p, '\n', b.len) != b.p + b.len - 1)
		abort();
	if (audit_verify_line(&v, (struct slice){(const char *)b.p, b.len - 1}, &why) < 0)
		abort();
}

/* A record with all fields and a checkpoint, then one byte of it is another: it is seen. */
static void
changed(const uint8_t *data, size_t len)
{
	static const uint8_t seed[AUDIT_KEY_LEN] = {7};
	struct audit_chain c;
	cleanup_buf struct buf b = {0};
	struct audit_verifier v;
	const char *why = NULL;
	uint8_t key[AUDIT_KEY_LEN];
	struct rd r = rd_init(data, len);
	const uint16_t at = rd_u16(&r);
	const uint8_t other = rd_u8(&r);
	bool good = true, was;

	struct audit_event e = {.kind = "add", .agency = "a", .uid = rd_u32(&r), .have_uid = true, .seq = rd_u64(&r)};

	e.have_seq = true;
	e.peer = (struct ip_addr){4, {rd_u8(&r), 2, 3, 4}};
	audit_chain_init(&c);
	if (r.err || audit_key_public(seed, key) < 0 || audit_append(&c, &e, &b) < 0 ||
	    audit_checkpoint(&c, 1700000000000, seed, &b) < 0 || audit_append(&c, &e, &b) < 0)
		return;
	was = b.p[at % b.len] == other;
	b.p[at % b.len] = other;
	audit_verify_init(&v, key);
	v.known = c;
	for (size_t from = 0; good && from < b.len;) {
		const char *p = (const char *)b.p + from, *nl = memchr(p, '\n', b.len - from);
		const size_t n = nl ? (size_t)(nl - p) : b.len - from;

		good = audit_verify_line(&v, (struct slice){p, n}, &why) == 0;
		from += n + 1;
	}
	if ((good && audit_verify_end(&v, &why) == 0) != was)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	foreign(data, len);
	own(data, len);
	changed(data, len);
	return 0;
}
