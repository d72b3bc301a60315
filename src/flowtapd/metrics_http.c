/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "metrics_http.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The headers end with an empty line; what they say makes no difference to us. */
static bool
is_whole(const char *in, size_t len)
{
	for (const char *nl = in; (nl = memchr(nl, '\n', len - (size_t)(nl - in))) != NULL; nl++) {
		size_t left = len - (size_t)(nl + 1 - in);

		if ((left >= 1 && nl[1] == '\n') || (left >= 2 && nl[1] == '\r' && nl[2] == '\n'))
			return true;
	}
	return false;
}

/* The next word of a line, which blanks end. */
static struct slice
word(struct slice *line)
{
	const char *end = line->len ? memchr(line->p, ' ', line->len) : NULL;
	struct slice w = {line->p, end ? (size_t)(end - line->p) : line->len};

	line->p += w.len + (end != NULL);
	line->len -= w.len + (end != NULL);
	return w;
}

int
metrics_http_parse(const char *in, size_t len, bool *head)
{
	const char *nl = len ? memchr(in, '\n', len) : NULL, *query;
	struct slice line, method, path;

	if (nl == NULL || !is_whole(in, len))
		return len < METRICS_HTTP_MAX ? 0 : 431;
	line = (struct slice){in, (size_t)(nl - in)};
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	method = word(&line);
	path = word(&line);
	if (!slice_eq(line, "HTTP/1.1") && !slice_eq(line, "HTTP/1.0"))
		return 400;
	*head = slice_eq(method, "HEAD");
	if (!*head && !slice_eq(method, "GET"))
		return 405;
	if (path.len && (query = memchr(path.p, '?', path.len)) != NULL)
		path.len = (size_t)(query - path.p);
	return slice_eq(path, "/metrics") ? 200 : 404;
}

static const char *
status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {{200, "OK"}, {400, "Bad Request"}, {404, "Not Found"}, {405, "Method Not Allowed"},
	    {431, "Request Header Fields Too Large"}, {503, "Service Unavailable"}};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Error";
}

void
metrics_http_answer(struct buf *out, int status, struct slice body, bool head)
{
	const char *type = "text/plain; charset=utf-8";
	char text[64];

	if (status == 200) {
		type = CONTENT_TYPE;
	} else {
		strcpy(text, status_text(status));
		strcat(text, "\n");
		body = (struct slice){text, strlen(text)};
	}
	buf_printf(out, "HTTP/1.1 %d %s\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
	    status, status_text(status), status == 405 ? "Allow: GET, HEAD\r\n" : "", type, body.len);
	if (!head)
		buf_put(out, body.p, body.len);
}
