/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream of requests as a session reads it.  Each message that is framed is
 * signed anew, so that the parser behind the digest is reached, and what it
 * accepts has to survive the way to the engine unchanged.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "dtcp.h"

#define MAX 4096 /* a small limit, so that it is passed */

/* What is printed of it says the same. */
static void
reprint(const struct dtcp_req *req, const struct buf *encoded)
{
	cleanup_buf struct buf text = {0}, again = {0};
	struct dtcp_req back;

	if (req->nids > DTCP_SELECTOR_MAX)
		return; /* more pieces than a text may name */
	dtcp_req_print(req, &text);
	buf_printf(&text, "Csource-ID: a\nSeq: %llu\n", (unsigned long long)req->seq);
	dtcp_sign(&text, 0, "k");
	if (text.err || dtcp_parse_request(text.p, text.len, "k", "a", &back).code != 0)
		abort();
	dtcp_req_encode(&back, &again);
	if (again.len != encoded->len || memcmp(again.p, encoded->p, again.len) != 0)
		abort();
	dtcp_req_free(&back);
}

static void
request(const uint8_t *p, size_t len)
{
	cleanup_buf struct buf b = {0}, once = {0}, twice = {0};
	struct dtcp_req req, back;
	struct dtcp_result res;
	struct rd r;

	buf_put(&b, p, len);
	dtcp_sign(&b, 0, "k");
	res = dtcp_parse_request(b.p, b.len, "k", "a", &req);
	if (res.code != 0) {
		if (memchr(res.field, '\0', sizeof res.field) == NULL)
			abort();
		/* What the parser accepts, the judge of its result accepts. */
		if (res.code == DTCP_SERVER_ERROR && strcmp(res.reason, "out of memory") != 0)
			abort();
		return;
	}
	dtcp_req_encode(&req, &once);
	r = rd_init(once.p, once.len);
	if (once.err || dtcp_req_decode(&back, &r) < 0 || rd_end(&r) < 0)
		abort();
	dtcp_req_encode(&back, &twice);
	if (once.len != twice.len || memcmp(once.p, twice.p, once.len) != 0)
		abort();
	reprint(&req, &once);
	dtcp_req_free(&req);
	dtcp_req_free(&back);
}

/* The text before the digest's line. */
static size_t
unsigned_length(const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		const uint8_t *nl = memchr(p + at, '\n', len - at);

		if (len - at > 19 && strncasecmp((const char *)p + at, "Authentication-Info", 19) == 0)
			return at;
		if (nl == NULL)
			break;
		at = (size_t)(nl - p) + 1;
	}
	return len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dtcp_framer f;
	size_t skip, n;
	int r;

	dtcp_framer_init(&f, MAX, true);
	while (len > 0 && (r = dtcp_frame(&f, data, len, &skip, &n)) != 0) {
		if (skip + n == 0 || skip + n > len)
			abort();
		if (r == 1) {
			struct dtcp_req req;

			if (dtcp_parse_request(data + skip, n, "k", "a", &req).code == 0)
				dtcp_req_free(&req);
			request(data + skip, unsigned_length(data + skip, n));
		}
		data += skip + n;
		len -= skip + n;
	}
	return 0;
}
