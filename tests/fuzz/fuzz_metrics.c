/* SPDX-License-Identifier: BSD-2-Clause */
/* What strangers send to the metrics' socket. */
#include <stdlib.h>
#include <string.h>

#include "metrics_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Its body is as long as it says, whatever was asked. */
static void
answer(int status, bool head)
{
	static const struct slice text = {"flowtap_up 1\n", 13};
	cleanup_buf struct buf out = {0};
	const uint8_t *body;

	metrics_http_answer(&out, status, text, head);
	buf_put(&out, "", 1);
	if (out.err || (body = memmem(out.p, out.len, "\r\n\r\n", 4)) == NULL)
		abort();
	if (head != (body + 4 == out.p + out.len - 1))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool head = false, again = false;
	int status;

	if (len > METRICS_HTTP_MAX)
		return 0;
	status = metrics_http_parse((const char *)data, len, &head);
	/* More of it changes nothing once it is whole. */
	for (size_t n = 0; n < len; n++) {
		int r = metrics_http_parse((const char *)data, n, &again);

		if (r != 0 && r != status)
			abort();
	}
	/* What else may be answered than what it was asked. */
	answer(status ? status : 503, head);
	answer(len & 1 ? 503 : 999, false);
	return 0;
}
