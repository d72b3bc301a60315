/* SPDX-License-Identifier: BSD-2-Clause */
/* What strangers send to the metrics' socket. */
#include <stdlib.h>

#include "metrics_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

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
	return 0;
}
