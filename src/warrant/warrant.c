/* SPDX-License-Identifier: BSD-2-Clause */
#include "warrant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MS_PER_S 1000

/* ---- time ---- */

static bool
digits(const char *p, size_t n, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*out = *out * 10 + (p[i] - '0');
	}
	return true;
}

int
warrant_time_parse(struct slice s, int64_t *ms)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	struct tm tm = {0}, check;
	time_t t;

	if (s.len != sizeof form - 1)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++)
		if (form[i] != '0' && s.p[i] != form[i])
			return -EINVAL;
	if (!digits(s.p, 4, &tm.tm_year) || !digits(s.p + 5, 2, &tm.tm_mon) || !digits(s.p + 8, 2, &tm.tm_mday) ||
	    !digits(s.p + 11, 2, &tm.tm_hour) || !digits(s.p + 14, 2, &tm.tm_min) || !digits(s.p + 17, 2, &tm.tm_sec))
		return -EINVAL;
	if (tm.tm_year < 1970)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	check = tm;
	t = timegm(&check);
	/* What timegm had to put right, such as February 30, is no date. */
	if (check.tm_year != tm.tm_year || check.tm_mon != tm.tm_mon || check.tm_mday != tm.tm_mday ||
	    check.tm_hour != tm.tm_hour || check.tm_min != tm.tm_min || check.tm_sec != tm.tm_sec)
		return -EINVAL;
	*ms = (int64_t)t * MS_PER_S;
	return 0;
}

const char *
warrant_time_format(int64_t ms, char buf[static WARRANT_TIME_LEN])
{
	time_t t = (time_t)(ms / MS_PER_S);
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(buf, WARRANT_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(buf, WARRANT_TIME_LEN, "?");
	return buf;
}

/* ---- lines ---- */

static int
fault(struct warrant_error *err, unsigned line, const char *expected)
{
	err->line = line;
	snprintf(err->expected, sizeof err->expected, "%s", expected);
	return -EINVAL;
}

static struct slice
cut(struct slice *rest, char at)
{
	const char *p = rest->len ? memchr(rest->p, at, rest->len) : NULL;
	struct slice part = {rest->p, p ? (size_t)(p - rest->p) : rest->len};

	rest->p += part.len + (p != NULL);
	rest->len -= part.len + (p != NULL);
	return part;
}

/* Without its end, either kind, and the blanks around. */
static struct slice
next_line(struct slice *rest)
{
	struct slice line = cut(rest, '\n');

	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return slice_trim(line);
}

static size_t
items(struct slice s)
{
	size_t n = 1;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == ',';
	return n;
}

bool
warrant_word_ok(struct slice s, size_t max)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == ',')
			return false;
	return s.len > 0 && s.len <= max;
}

static int
set_ref(struct warrant *w, struct slice v)
{
	if (!warrant_word_ok(v, WARRANT_REF_MAX))
		return -EINVAL;
	memcpy(w->ref, v.p, v.len);
	return 0;
}

static int
set_agency(struct warrant *w, struct slice v)
{
	if (!warrant_word_ok(v, CONF_NAME_MAX))
		return -EINVAL;
	memcpy(w->agency, v.p, v.len);
	return 0;
}

static int
set_start(struct warrant *w, struct slice v)
{
	return warrant_time_parse(v, &w->start_ms);
}

static int
set_end(struct warrant *w, struct slice v)
{
	return warrant_time_parse(v, &w->end_ms);
}

static int
set_prefix(struct warrant *w, struct slice v)
{
	size_t n = items(v);

	if (n > WARRANT_ITEMS_MAX)
		return -EINVAL;
	if ((w->prefix = calloc(n, sizeof *w->prefix)) == NULL)
		return -ENOMEM;
	for (; w->nprefix < n; w->nprefix++) {
		struct warrant_prefix *p = &w->prefix[w->nprefix];

		if (conf_prefix_parse(slice_trim(cut(&v, ',')), &p->addr, &p->len) < 0)
			return -EINVAL;
	}
	return 0;
}

static const char *const directions[] = {[WARRANT_BOTH] = "both", [WARRANT_FROM] = "from", [WARRANT_TO] = "to"};

static int
set_direction(struct warrant *w, struct slice v)
{
	for (unsigned i = 0; i < ARRAY_LEN(directions); i++)
		if (slice_eq_nocase(v, directions[i])) {
			w->direction = i;
			return 0;
		}
	return -EINVAL;
}

static int
set_max(struct warrant *w, struct slice v)
{
	uint64_t n;

	if (slice_u64(v, UINT32_MAX, &n) < 0 || n == 0)
		return -EINVAL;
	w->max_criteria = (uint32_t)n;
	return 0;
}

static int
set_dest(struct warrant *w, struct slice v)
{
	size_t n = items(v);

	if (n > WARRANT_ITEMS_MAX)
		return -EINVAL;
	if ((w->dest = calloc(n, sizeof *w->dest)) == NULL)
		return -ENOMEM;
	for (; w->ndest < n; w->ndest++) {
		struct conf_dest *d = &w->dest[w->ndest];
		struct slice ports = slice_trim(cut(&v, ',')), prefix = cut(&ports, ' ');

		*d = (struct conf_dest){.port_lo = 1, .port_hi = UINT16_MAX};
		ports = slice_trim(ports);
		if (conf_prefix_parse(prefix, &d->addr, &d->len) < 0 ||
		    (ports.len > 0 && conf_ports_parse(ports, &d->port_lo, &d->port_hi) < 0))
			return -EINVAL;
	}
	return 0;
}

static const struct {
	const char *name, *expected;
	int (*set)(struct warrant *w, struct slice v);
	bool needed;
} fields[] = {
    {"Reference", "Reference: expected up to 63 printable characters without blanks", set_ref, true},
    {"Agency", "Agency: expected the name of an agency", set_agency, true},
    {"Start", "Start: expected a time in UTC, as 2026-11-23T10:00:00Z", set_start, true},
    {"End", "End: expected a time in UTC, as 2026-12-23T10:00:00Z", set_end, true},
    {"Prefix", "Prefix: expected prefixes, as 198.51.100.7/32, divided by commas", set_prefix, false},
    {"Direction", "Direction: expected both, from or to", set_direction, false},
    {"Maximum-Criteria", "Maximum-Criteria: expected a number above zero", set_max, false},
    {"Content-Destination", "Content-Destination: expected prefixes, each with ports or not, as 192.0.2.0/24 7000-7999",
	set_dest, false},
};

/* One line into *w.  *seen: bits of the fields that were there. */
static int
line_take(struct warrant *w, struct slice line, unsigned no, unsigned *seen, struct warrant_error *err)
{
	struct slice value = line, name;
	int r;

	if (line.len == 0 || line.p[0] == '#')
		return 0;
	name = slice_trim(cut(&value, ':'));
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!slice_eq_nocase(name, fields[i].name))
			continue;
		if (*seen >> i & 1)
			return fault(err, no, "given twice");
		*seen |= 1u << i;
		r = fields[i].set(w, slice_trim(value));
		return r == -EINVAL ? fault(err, no, fields[i].expected) : r;
	}
	return fault(err, no, "expected Reference, Agency, Start, End, Prefix, Direction, Maximum-Criteria, ...");
}

static int
whole_check(const struct warrant *w, unsigned seen, struct warrant_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].needed && !(seen >> i & 1)) {
			err->line = 0;
			snprintf(err->expected, sizeof err->expected, "%s is missing", fields[i].name);
			return -EINVAL;
		}
	return w->start_ms < w->end_ms ? 0 : fault(err, 0, "End: expected a time after Start");
}

int
warrant_parse(struct slice text, struct warrant *out, struct warrant_error *err)
{
	struct warrant w = {0};
	unsigned no = 0, seen = 0;
	int r = 0;

	*err = (struct warrant_error){0};
	if (text.len > WARRANT_TEXT_MAX)
		return fault(err, 0, "expected at most 65535 bytes");
	while (r == 0 && text.len > 0)
		r = line_take(&w, next_line(&text), ++no, &seen, err);
	if (r == 0)
		r = whole_check(&w, seen, err);
	if (r < 0)
		warrant_free(&w);
	else {
		warrant_measure(&w);
		*out = w;
	}
	return r;
}

void
warrant_free(struct warrant *w)
{
	if (w->prefix)
		explicit_bzero(w->prefix, w->nprefix * sizeof *w->prefix);
	free(TAKE_PTR(w->prefix));
	free(TAKE_PTR(w->dest));
	w->nprefix = w->ndest = 0;
}

/* ---- text ---- */

static void
put_dests(const struct warrant *w, struct buf *out)
{
	char a[IP_STRLEN];

	for (uint32_t i = 0; i < w->ndest; i++) {
		const struct conf_dest *d = &w->dest[i];

		buf_printf(out, "%s%s/%u", i ? ", " : "Content-Destination: ", ip_format(&d->addr, a), d->len);
		if (d->port_lo != 1 || d->port_hi != UINT16_MAX)
			buf_printf(out, " %u-%u", d->port_lo, d->port_hi);
	}
	if (w->ndest)
		buf_printf(out, "\n");
}

void
warrant_format(const struct warrant *w, struct buf *out)
{
	char a[IP_STRLEN], start[WARRANT_TIME_LEN], end[WARRANT_TIME_LEN];

	buf_printf(out, "Reference: %s\nAgency: %s\nStart: %s\nEnd: %s\n", w->ref, w->agency,
	    warrant_time_format(w->start_ms, start), warrant_time_format(w->end_ms, end));
	for (uint32_t i = 0; i < w->nprefix; i++)
		buf_printf(out, "%s%s/%u", i ? ", " : "Prefix: ", ip_format(&w->prefix[i].addr, a), w->prefix[i].len);
	if (w->nprefix)
		buf_printf(out, "\n");
	if (w->direction != WARRANT_BOTH)
		buf_printf(out, "Direction: %s\n", directions[w->direction]);
	if (w->max_criteria)
		buf_printf(out, "Maximum-Criteria: %u\n", w->max_criteria);
	put_dests(w, out);
}

/* ---- fingerprints ---- */

void
warrant_fingerprint(const char *sha256, char out[static WARRANT_PRINT_LEN])
{
	snprintf(out, WARRANT_PRINT_LEN, "%.4s-%.4s-%.4s-%.4s", sha256, sha256 + 4, sha256 + 8, sha256 + 12);
}

bool
warrant_fingerprint_is(struct slice typed, const char *sha256)
{
	const size_t all = strlen(sha256);
	size_t n = 0;

	for (size_t i = 0; i < typed.len; i++) {
		const char c = typed.p[i];

		if (c == '-' || c == ':' || c == ' ')
			continue;
		if (n == all || (c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) != sha256[n])
			return false;
		n++;
	}
	return n > 0 && (n == all || n == WARRANT_PRINT_DIGITS);
}
