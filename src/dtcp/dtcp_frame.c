/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a message ends on a byte stream, for which the draft has no rule.
 *
 * exports: dtcp_frame */
#include <errno.h>
#include <string.h>

#include "dtcp_line.h"

void
dtcp_framer_init(struct dtcp_framer *f, size_t max, bool server)
{
	*f = (struct dtcp_framer){.max = max, .server = server};
}

static size_t
leading_empty_lines(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == '\n' || (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n')))
		i += p[i] == '\n' ? 1 : 2;
	return i;
}

/* Reads on line by line: true at the empty line that ends the message. */
static bool
scan(struct dtcp_framer *f, const uint8_t *p, size_t n)
{
	struct slice rest = {(const char *)p + f->scanned, n - f->scanned}, line;

	while (line_next(&rest, &line)) {
		bool empty = line.len == 0 && !f->midline;

		f->scanned = n - rest.len;
		f->midline = false;
		if (empty && (f->auth_seen || f->server))
			return true;
		if (!empty && line_is_auth(line))
			f->auth_seen = true;
	}
	return false;
}

/* All of it goes, but a last CR: with the next byte it may be an empty line. */
static size_t
drop_all(struct dtcp_framer *f, const uint8_t *p, size_t n)
{
	size_t drop = n > 0 && p[n - 1] == '\r' ? n - 1 : n;

	if (drop > 0)
		f->midline = p[drop - 1] != '\n';
	f->scanned = 0;
	return drop;
}

int
dtcp_frame(struct dtcp_framer *f, const uint8_t *p, size_t n, size_t *skip, size_t *len)
{
	bool resync = f->resync, auth, end;

	*skip = resync ? 0 : leading_empty_lines(p, n);
	p += *skip;
	n -= *skip;
	end = scan(f, p, n);
	if (!end && !resync && n <= f->max)
		return 0;
	if (!end) {
		f->resync = true;
		*len = drop_all(f, p, n);
		return !resync ? -EMSGSIZE : *len > 0 ? -EBADMSG : 0;
	}
	*len = f->scanned;
	auth = f->auth_seen;
	dtcp_framer_init(f, f->max, f->server);
	if (resync)
		return -EBADMSG;
	return *len > f->max ? -EMSGSIZE : auth ? 1 : -EBADMSG;
}

bool
dtcp_frame_ends_in_digest(const uint8_t *p, size_t n)
{
	size_t at;

	while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	for (at = n; at > 0 && p[at - 1] != '\n';)
		at--;
	return line_is_auth((struct slice){(const char *)p + at, n - at});
}
