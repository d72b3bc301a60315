/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "ports.h"

void
ports_free(struct ports *p)
{
	free(p->v);
	*p = (struct ports){0};
}

static int
port_parse(struct slice s, uint32_t *port)
{
	uint64_t v;
	int r = slice_u64(s, UINT16_MAX, &v);

	if (r < 0)
		return r;
	if (v == 0)
		return -ERANGE;
	*port = (uint32_t)v;
	return 0;
}

/* "7890" or "8000-8003" */
static int
range_parse(struct slice s, uint32_t *lo, uint32_t *hi)
{
	const char *dash = memchr(s.p, '-', s.len);
	struct slice first = s;
	int r;

	if (dash == NULL) {
		if ((r = port_parse(s, lo)) == 0)
			*hi = *lo;
		return r;
	}
	first.len = (size_t)(dash - s.p);
	if ((r = port_parse(first, lo)) < 0 ||
	    (r = port_parse((struct slice){dash + 1, s.len - first.len - 1}, hi)) < 0)
		return r;
	return *lo <= *hi ? 0 : -ERANGE;
}

struct portmap {
	uint8_t bit[65536 / 8];
};

static int
map_parse(struct portmap *m, const char *text)
{
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ",");
		uint32_t lo, hi;
		int r = range_parse((struct slice){p, len}, &lo, &hi);

		if (r < 0)
			return r;
		for (; lo <= hi; lo++)
			m->bit[lo / 8] |= (uint8_t)(1u << lo % 8);
		if (p[len] == '\0')
			return 0;
		p += len;
	}
}

/* The set of the map as an array. */
static int
map_list(const struct portmap *m, struct ports *out)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof m->bit; i++)
		n += (unsigned)__builtin_popcount(m->bit[i]);
	if (n > PORTS_MAX)
		return -E2BIG;
	if ((out->v = calloc(n, sizeof *out->v)) == NULL)
		return -ENOMEM;
	for (uint32_t port = 1; port < 65536; port++)
		if (m->bit[port / 8] & 1u << port % 8)
			out->v[out->n++] = (uint16_t)port;
	return 0;
}

int
ports_parse(struct ports *p, const char *text)
{
	struct portmap m = {0};
	struct ports all = {0};
	int r;

	for (unsigned i = 0; i < p->n; i++)
		m.bit[p->v[i] / 8] |= (uint8_t)(1u << p->v[i] % 8);
	if ((r = map_parse(&m, text)) < 0 || (r = map_list(&m, &all)) < 0)
		return r;
	ports_free(p);
	*p = all;
	return 0;
}
