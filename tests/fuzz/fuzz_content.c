/* SPDX-License-Identifier: BSD-2-Clause */
/* Content stripping and the framing of what came out, as the collector does them: the first
 * byte chooses the format. */
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "pcapng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
require(int ok)
{
	if (!ok)
		abort();
}

/* The result lies within the payload and says what it is. */
static void
check(const struct content *c, int r, const uint8_t *p, size_t len)
{
	require((r == 0) == (c->fault == NULL));
	require(c->p >= p && c->len <= len && c->p + c->len == p + len);
	if (r == 0)
		require(c->len >= 20 && c->p[0] >> 4 == c->family && (c->family == 4 || c->family == 6));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *mem;
	uint32_t caplen;
	struct content c, again;
	size_t total;
	int r;

	if (len == 0 || len > 65536)
		return 0;
	r = data[0] & 1 ? content_strip_jmirror(data + 1, len - 1, &c) : content_strip(data + 1, len - 1, &c);
	check(&c, r, data + 1, len - 1);
	/* A packet once stripped is whole by itself. */
	require(r < 0 || (content_strip(c.p, c.len, &again) == 0 && again.len == c.len));

	if ((mem = malloc(PCAPNG_ROOM(c.len))) == NULL)
		return 0;
	total = pcapng_frame(mem, c.p, (uint32_t)c.len, 1, c.fault);
	require(total % 4 == 0 && total >= PCAPNG_HEAD + c.len + 4 && total <= PCAPNG_ROOM(c.len));
	require(total == pcapng_block_len(mem));
	memcpy(&caplen, mem + 20, sizeof caplen);
	require(caplen == c.len && memcmp(mem + PCAPNG_HEAD, c.p, c.len) == 0);
	free(mem);
	return 0;
}
