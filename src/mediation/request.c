/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "filter.h"
#include "request.h"

/* ---- building ---- */

static void
start_line(struct buf *out, const char *method, unsigned version)
{
	buf_printf(out, "%s DTCP/%u.%u\r\n", method, version / 10, version % 10);
}

static void
line(struct buf *out, const char *name, const char *value)
{
	if (value)
		buf_printf(out, "%s: %s\r\n", name, value);
}

const char *
request_cdest_name(const struct ip_addr *addr, uint16_t port, char buf[static REQUEST_CDEST_LEN])
{
	char text[IP_STRLEN];

	ip_format(addr, text);
	for (char *p = text; *p; p++)
		if (*p == ':')
			*p = '-'; /* a name of letters, digits, dots and dashes suits every server */
	snprintf(buf, REQUEST_CDEST_LEN, "cd-%s-%u", text, port);
	return buf;
}

bool
request_is_everything(const struct request_add *a)
{
	struct criteria c = {0};
	bool all = true;

	for (unsigned i = 0; i < CRIT_FIELDS && all; i++)
		if (a->filter[i])
			all = criteria_parse(&c, i, (struct slice){a->filter[i], strlen(a->filter[i])}, NULL) == 0;
	all = all && filter_narrows(&c) == 0;
	criteria_free(&c);
	return all;
}

void
request_put_cdest(struct buf *out, const struct request_add *a)
{
	char name[REQUEST_CDEST_LEN];

	if (a->cdest)
		buf_put(out, a->cdest, strlen(a->cdest));
	for (unsigned i = 0; a->cdest == NULL && i < a->nto; i++)
		buf_printf(out, "%s%s", i ? "," : "", request_cdest_name(&a->to[i].addr, a->to[i].port, name));
}

static void
jtap_lines(struct buf *out, const struct request_add *a)
{
	char text[IP_STRLEN];

	buf_printf(out, "X-JTap-Cdest-Dest-Address: ");
	for (unsigned i = 0; i < a->nto; i++)
		buf_printf(out, "%s%s", i ? "," : "", ip_format(&a->to[i].addr, text));
	buf_printf(out, "\r\nX-JTap-Cdest-Dest-Port: ");
	for (unsigned i = 0; i < a->nto; i++)
		buf_printf(out, "%s%u", i ? "," : "", a->to[i].port);
	buf_printf(out, "\r\n");
	line(out, "X-JTap-Cdest-Source-Address", ip_format(&a->from.addr, text));
	buf_printf(out, "X-JTap-Cdest-Source-Port: %u\r\n", a->from.port);
	line(out, "X-JTap-Cdest-TTL", a->ttl);
	line(out, "X-JTap-IP-Version", a->ipv6 ? "ipv6" : NULL);
}

void
request_put_add(struct buf *out, const struct request_add *a, unsigned version)
{
	static const char *const timeouts[DTCP_TIMEOUTS] = {
	    "Timeout-Idle", "Timeout-Total", "Timeout-Packets", "Timeout-Bytes"};
	bool is_static = true;

	start_line(out, dtcp_method_name(DTCP_ADD), version);
	buf_printf(out, "Cdest-ID: ");
	request_put_cdest(out, a);
	buf_printf(out, "\r\n");
	for (unsigned i = 0; i < CRIT_FIELDS; i++)
		line(out, criteria_field_name(i), a->filter[i]);
	line(out, "Priority", a->priority);
	jtap_lines(out, a);
	line(out, "X-Warrant-Id", a->warrant);
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++) {
		line(out, timeouts[i], a->timeout[i]);
		is_static = is_static && a->timeout[i] == NULL;
	}
	line(out, "Flags", is_static ? "STATIC" : NULL);
}

void
request_put_select(
    struct buf *out, const char *method, unsigned version, const char *selector, const char *value, const char *flags)
{
	start_line(out, method, version);
	if (selector)
		line(out, selector, value);
	line(out, "Flags", flags);
}

int
request_parse_dest(const char *text, struct ip_addr *addr, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	struct slice host = {text, colon ? (size_t)(colon - text) : 0};
	bool bracket = host.len >= 2 && host.p[0] == '[' && host.p[host.len - 1] == ']';
	struct ip_addr a;
	uint64_t v;

	if (bracket)
		host = (struct slice){host.p + 1, host.len - 2};
	if (colon == NULL || ip_parse(host, &a) < 0 || bracket != (a.family == 6) ||
	    slice_u64((struct slice){colon + 1, strlen(colon + 1)}, UINT16_MAX, &v) < 0 || v == 0)
		return -EINVAL;
	*addr = a;
	*port = (uint16_t)v;
	return 0;
}

/* ---- completing ---- */

/* Takes the next line, without its end, off the front of *rest. */
static bool
line_take(struct slice *rest, struct slice *out)
{
	const char *nl = rest->len ? memchr(rest->p, '\n', rest->len) : NULL;
	size_t len = nl ? (size_t)(nl - rest->p) : rest->len;

	if (rest->len == 0)
		return false;
	*out = (struct slice){rest->p, len};
	rest->p += nl ? len + 1 : len;
	rest->len -= nl ? len + 1 : len;
	if (out->len > 0 && out->p[out->len - 1] == '\r')
		out->len--;
	return true;
}

/* The value of a "Name: value" line with that name. */
static bool
line_is(struct slice s, const char *name, struct slice *value)
{
	const char *colon = s.len ? memchr(s.p, ':', s.len) : NULL;

	if (colon == NULL || !slice_eq_nocase(slice_trim((struct slice){s.p, (size_t)(colon - s.p)}), name))
		return false;
	*value = slice_trim((struct slice){colon + 1, s.len - (size_t)(colon + 1 - s.p)});
	return true;
}

struct present {
	bool csource, seq, digest;
};

static struct present
lines_scan(struct slice rest, struct request_info *info)
{
	struct present p = {0};
	struct slice s, value;

	while (!p.digest && line_take(&rest, &s)) {
		if (line_is(s, "Csource-ID", &value))
			p.csource = true;
		if (line_is(s, "Authentication-Info", &value))
			p.digest = true;
		if (line_is(s, "Flags", &value))
			info->figures = slice_eq_nocase(value, "Stats");
		if (!p.seq && line_is(s, "Seq", &value)) {
			p.seq = true;
			info->have_seq = slice_u64(value, UINT64_MAX, &info->seq) == 0;
		}
	}
	return p;
}

static void
method_read(struct slice start, struct request_info *info)
{
	size_t n = 0;

	start = slice_trim(start);
	while (n < start.len && n < sizeof info->method - 1 && start.p[n] > ' ' && start.p[n] < 127) {
		info->method[n] = start.p[n];
		n++;
	}
	info->method[n] = '\0';
}

static void
put_line(struct buf *out, struct slice s)
{
	buf_put(out, s.p, s.len);
	buf_put(out, "\r\n", 2);
}

/* All lines, with what has to be added to them, up to the digest if it is there. */
static void
put_lines(
    struct buf *out, struct slice raw, const struct present *has, struct request_sign *sign, struct request_info *info)
{
	struct slice s, value;

	for (bool first = true; line_take(&raw, &s); first = false) {
		put_line(out, s);
		if (first) {
			method_read(s, info);
			line(out, "Csource-ID", has->csource || has->digest ? NULL : sign->csource);
		}
		if (line_is(s, "Authentication-Info", &value)) {
			buf_put(out, "\r\n", 2);
			return;
		}
	}
	if (!has->seq) {
		info->have_seq = true;
		info->seq = sign->seq++;
		buf_printf(out, "Seq: %" PRIu64 "\r\n", info->seq);
	}
}

int
request_complete(struct buf *out, struct slice raw, struct request_sign *sign, struct request_info *info)
{
	size_t start = out->len;
	uint64_t seq = sign->seq;
	struct present has;
	int r;

	if (raw.len == 0)
		return -EINVAL;
	*info = (struct request_info){0};
	has = lines_scan(raw, info);
	put_lines(out, raw, &has, sign, info);
	if (!has.digest)
		dtcp_sign(out, start, sign->key);
	r = out->err ? out->err : out->len - start > DTCP_REQUEST_MAX ? -EMSGSIZE : 0;
	if (r < 0) {
		out->len = start;
		sign->seq = seq;
	}
	return r;
}
