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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	foreign(data, len);
	own(data, len);
	return 0;
}
