/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as they are shown: nothing that a terminal obeys, nothing twice, nothing that is too long for its room. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "foreign.h"

static void
clean_or_abort(const uint8_t *p, size_t len, enum foreign_kind kind)
{
	cleanup_buf struct buf again = {0};

	for (size_t i = 0; i < len; i++)
		if ((p[i] < ' ' && (kind == FOREIGN_LINE || (p[i] != '\n' && p[i] != '\t'))) || p[i] == 0x7f ||
		    (p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0))
			abort();
	/* All of it is valid UTF-8 and shown: the second time changes nothing. */
	foreign_put(&again, (struct slice){(const char *)p, len}, kind);
	if (again.err || again.len != len || (len && memcmp(again.p, p, len) != 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const enum foreign_kind kinds[] = {FOREIGN_LINE, FOREIGN_TEXT, FOREIGN_JSON};
	const struct slice s = {(const char *)data, len};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		cleanup_buf struct buf out = {0};

		foreign_put(&out, s, kinds[i]);
		if (out.err == 0)
			clean_or_abort(out.p, out.len, kinds[i]);
	}
	for (size_t size = 4; size < 40; size++) {
		char out[40];

		foreign_text(s, out, size);
		if (strlen(out) >= size)
			abort();
		clean_or_abort((const uint8_t *)out, strlen(out), FOREIGN_LINE);
	}
	return 0;
}
