/* SPDX-License-Identifier: BSD-2-Clause */
#include "layout.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "foreign.h"

/* ---- lines ---- */

/* Bytes of the escape sequence there; 0: none. */
static size_t
escape_len(struct slice s)
{
	size_t i = 2;

	if (s.len < 2 || s.p[0] != '\033' || s.p[1] != '[')
		return 0;
	while (i < s.len && (s.p[i] < '@' || s.p[i] > '~'))
		i++;
	return i < s.len ? i + 1 : i;
}

/* Columns of the byte at i, when so many are before it. */
static unsigned
byte_columns(struct slice line, size_t i, unsigned before)
{
	return line.p[i] == '\t' ? 8 - before % 8 : ((uint8_t)line.p[i] & 0xc0) != 0x80;
}

unsigned
layout_columns(struct slice line)
{
	unsigned columns = 0;

	for (size_t i = 0, n; i < line.len; i += n ? n : 1) {
		n = escape_len((struct slice){line.p + i, line.len - i});
		columns += n ? 0 : byte_columns(line, i, columns);
	}
	return columns;
}

/* Bytes of a first piece of at most width columns, at least one character: up to a blank that is not among the first
 * lead bytes, or behind a sign within an address or a name, if there is one. */
static size_t
piece_len(struct slice s, unsigned width, size_t lead)
{
	unsigned columns = 0;
	size_t blank = 0, sign = 0, i = 0, n;

	for (; i < s.len; i += n ? n : 1) {
		unsigned more;

		n = escape_len((struct slice){s.p + i, s.len - i});
		more = n ? 0 : byte_columns(s, i, columns);
		if (i > lead && s.p[i] == ' ')
			blank = i;
		if (columns + more > width && columns > 0)
			return blank ? blank : sign ? sign : i;
		if (i > lead && strchr("-:", s.p[i]) && s.p[i])
			sign = i + 1;
		columns += more;
	}
	return s.len;
}

static struct slice
rest_of(struct slice s, size_t n)
{
	while (n > 0 && n < s.len && s.p[n] == ' ')
		n++;
	return (struct slice){s.p + n, s.len - n};
}

static void
line_fold(struct slice line, unsigned width, unsigned hang, struct buf *out)
{
	size_t lead = 0, n;
	unsigned indent;

	while (lead < line.len && line.p[lead] == ' ')
		lead++;
	indent = (unsigned)lead + hang;
	indent = indent > width / 2 ? width / 2 : indent;
	n = piece_len(line, width, lead);
	buf_printf(out, "%.*s\n", (int)n, line.p);
	for (line = rest_of(line, n); line.len > 0; line = rest_of(line, n)) {
		n = piece_len(line, width - indent, 0);
		buf_printf(out, "%*s%.*s\n", (int)indent, "", (int)n, line.p);
	}
}

void
layout_fold(struct slice text, unsigned width, unsigned hang, struct buf *out)
{
	const char *p = text.p, *end, *nl;

	if (text.len == 0)
		return;
	for (end = p + text.len; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		line_fold((struct slice){p, (size_t)(nl - p)}, width, hang, out);
	}
}

/* ---- tables ---- */

void
layout_cell(struct layout_table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		foreign_put(&t->cell, (struct slice){text, (size_t)n}, FOREIGN_LINE);
		free(text);
	}
	buf_put_u8(&t->cell, '\0');
	t->ncell++;
}

static const char *
title_of(const struct layout_table *t, size_t i)
{
	return t->column[i].title ? t->column[i].title : "";
}

/* What a table is printed with. */
struct fit {
	const struct layout_table *t;
	unsigned natural[LAYOUT_COLUMNS_MAX]; /* what its longest cell takes */
	unsigned width[LAYOUT_COLUMNS_MAX];
	bool gone[LAYOUT_COLUMNS_MAX];
};

static void
natural_get(struct fit *f)
{
	const struct layout_table *t = f->t;
	const char *p = (const char *)t->cell.p;

	for (size_t i = 0; i < t->n; i++)
		f->natural[i] = layout_columns((struct slice){title_of(t, i), strlen(title_of(t, i))});
	for (size_t k = 0; k < t->ncell; k++) {
		const size_t i = k % t->n, len = strlen(p);
		const unsigned w = layout_columns((struct slice){p, len}) + (i == 0 ? t->indent : 0);

		f->natural[i] = w > f->natural[i] ? w : f->natural[i];
		p += len + 1;
	}
}

/* How many columns it is too wide. */
static unsigned
lack_of(const struct fit *f, unsigned width)
{
	unsigned sum = 0;

	for (size_t i = 0; i < f->t->n; i++)
		if (!f->gone[i])
			sum += f->width[i] + (sum ? 1 + f->t->column[i].gap : 0);
	return sum > width ? sum - width : 0;
}

/* Makes column i narrower, but not than least; what is lacking then. */
static unsigned
narrow(struct fit *f, size_t i, unsigned least, unsigned lack)
{
	const unsigned spare = f->gone[i] || f->width[i] <= least ? 0 : f->width[i] - least;
	const unsigned less = spare < lack ? spare : lack;

	f->width[i] -= less;
	return lack - less;
}

static unsigned
wrap_least(const struct fit *f, size_t i)
{
	return f->t->column[i].wraps && f->natural[i] > LAYOUT_WRAP_LEAST ? LAYOUT_WRAP_LEAST : f->natural[i];
}

/* The one that is needed least; false: all that are left are needed. */
static bool
leave_out(struct fit *f)
{
	const struct layout_column *c = f->t->column;
	size_t worst = 0;
	bool found = false;

	for (size_t i = 0; i < f->t->n; i++)
		if (!f->gone[i] && c[i].rank > 0 && (!found || c[i].rank > c[worst].rank)) {
			worst = i;
			found = true;
		}
	if (found)
		f->gone[worst] = true;
	return found;
}

/* The widest go on below, whatever they are. */
static void
squeeze(struct fit *f, unsigned lack)
{
	while (lack-- > 0) {
		size_t widest = 0;

		for (size_t i = 1; i < f->t->n; i++)
			if (!f->gone[i] && f->width[i] > f->width[widest])
				widest = i;
		if (f->width[widest] <= f->t->indent + 1)
			return;
		f->width[widest]--;
	}
}

static void
widths_fit(struct fit *f, unsigned width)
{
	const struct layout_table *t = f->t;
	unsigned lack;

	do {
		for (size_t i = 0; i < t->n; i++)
			f->width[i] = f->natural[i] > t->column[i].usual ? f->natural[i] : t->column[i].usual;
		lack = lack_of(f, width);
		for (size_t i = 0; i < t->n; i++)
			lack = narrow(f, i, f->natural[i], lack);
		for (size_t i = 0; i < t->n; i++)
			lack = narrow(f, i, wrap_least(f, i), lack);
	} while (lack > 0 && leave_out(f));
	squeeze(f, lack);
}

static void
blanks_cut(struct buf *out)
{
	while (out->len > 0 && out->p[out->len - 1] == ' ')
		out->len--;
}

static void
cell_put(const struct fit *f, size_t i, unsigned indent, struct slice *rest, struct buf *out)
{
	const unsigned width = f->width[i] - indent;
	const size_t n = piece_len(*rest, width, 0);
	const struct slice s = {rest->p, n};
	const unsigned used = layout_columns(s), pad = used < width ? width - used : 0;

	if (f->t->column[i].right)
		buf_printf(out, "%*s%.*s", (int)(indent + pad), "", (int)n, s.p);
	else
		buf_printf(out, "%*s%.*s%*s", (int)indent, "", (int)n, s.p, (int)pad, "");
	*rest = rest_of(*rest, n);
}

/* A row in as many lines as its longest cell needs. */
static void
row_put(const struct fit *f, struct slice *rest, unsigned indent, struct buf *out)
{
	bool more = true;

	while (more) {
		bool first = true;

		more = false;
		for (size_t i = 0; i < f->t->n; i++) {
			if (f->gone[i])
				continue;
			if (!first)
				buf_printf(out, "%*s", (int)(1 + f->t->column[i].gap), "");
			cell_put(f, i, i == 0 ? indent : 0, &rest[i], out);
			more |= rest[i].len > 0;
			first = false;
		}
		blanks_cut(out);
		buf_printf(out, "\n");
	}
}

static void
titles_put(const struct fit *f, struct buf *out)
{
	struct slice rest[LAYOUT_COLUMNS_MAX];

	for (size_t i = 0; i < f->t->n; i++)
		rest[i] = (struct slice){title_of(f->t, i), strlen(title_of(f->t, i))};
	if (f->t->column[0].title)
		row_put(f, rest, 0, out);
}

static void
gone_put(const struct fit *f, unsigned width, struct buf *out)
{
	cleanup_buf struct buf text = {0};

	for (size_t i = 0; i < f->t->n; i++)
		if (f->gone[i])
			buf_printf(&text, "%s%s", text.len ? ", " : "No room for: ", title_of(f->t, i));
	layout_fold((struct slice){(char *)text.p, text.len}, width, 2, out);
}

void
layout_table_end(struct layout_table *t, unsigned width, struct buf *out)
{
	struct fit f = {.t = t};
	struct slice rest[LAYOUT_COLUMNS_MAX];
	const char *p = (const char *)t->cell.p;

	if (t->cell.err)
		out->err = t->cell.err;
	else {
		natural_get(&f);
		widths_fit(&f, width);
		titles_put(&f, out);
		for (size_t k = 0; k < t->ncell; k++) {
			rest[k % t->n] = (struct slice){p, strlen(p)};
			p += strlen(p) + 1;
			if (k % t->n == t->n - 1)
				row_put(&f, rest, t->indent, out);
		}
		gone_put(&f, width, out);
	}
	buf_free(&t->cell);
	t->ncell = 0;
}
