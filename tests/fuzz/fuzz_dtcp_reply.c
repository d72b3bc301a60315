/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client reads: frames of a server, taken apart. */
#include "dtcp.h"

/* A borrowed slice lies within the message. */
static void
inside(struct slice s, const uint8_t *p, size_t len)
{
	if (s.len > 0 && ((const uint8_t *)s.p < p || (const uint8_t *)s.p + s.len > p + len))
		abort();
}

static void
reply(const uint8_t *p, size_t len)
{
	struct dtcp_reply r;

	(void)dtcp_verify(p, len, "k");
	if (dtcp_parse_reply(p, len, &r) < 0)
		return;
	inside(r.text, p, len);
	inside(r.timestamp, p, len);
	for (uint32_t i = 0; i < r.nentries; i++)
		for (unsigned j = 0; j < r.entry[i].n; j++) {
			inside(r.entry[i].name[j], p, len);
			inside(r.entry[i].value[j], p, len);
		}
	dtcp_reply_free(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dtcp_framer f;
	size_t skip, n;
	int r;

	reply(data, len);
	dtcp_framer_init(&f, 4096, false);
	while (len > 0 && (r = dtcp_frame(&f, data, len, &skip, &n)) != 0) {
		if (skip + n == 0 || skip + n > len)
			abort();
		if (r == 1)
			reply(data + skip, n);
		data += skip + n;
		len -= skip + n;
	}
	return 0;
}
