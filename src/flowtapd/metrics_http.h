/* SPDX-License-Identifier: BSD-2-Clause */
/* metrics_http.h - as much of HTTP as a scrape needs: one request, one answer, and the connection ends. */
#ifndef FLOWTAPD_METRICS_HTTP_H
#define FLOWTAPD_METRICS_HTTP_H

#include "buf.h"

#define METRICS_HTTP_MAX 4096 /* bytes of a request, its headers included */

/* What to answer to what has come so far: 0, it is not whole yet; 200; 400, 404, 405 or 431.
 * *head: the answer is to have no body.  Pure. */
int metrics_http_parse(const char *in, size_t len, bool *head);
/* The answer; body only with 200. */
void metrics_http_answer(struct buf *out, int status, struct slice body, bool head);

#endif
