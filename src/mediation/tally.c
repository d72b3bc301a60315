/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tally.h"
#include "screen.h"

void
tally_add(struct tally *sum, const struct tally *t)
{
	sum->packets += t->packets;
	sum->bytes += t->bytes;
	sum->lost += t->lost;
	sum->malformed += t->malformed;
	sum->unwritten += t->unwritten;
}

/* "20240301T093000Z-0001": what the name says beyond the port. */
static struct slice
file_short(const struct tally_row *r)
{
	const char *start = strchr(r->file, '-'), *end = strrchr(r->file, '.');

	if (start == NULL || end == NULL || end < start)
		return (struct slice){r->file, strlen(r->file)};
	return (struct slice){start + 1, (size_t)(end - start - 1)};
}

/* ---- the live table ---- */

static const char *
port_text(const struct tally_row *r, char text[static TERM_HUMAN_LEN])
{
	snprintf(text, TERM_HUMAN_LEN, "%u", r->port);
	return text;
}

static const char *
packets_text(const struct tally_row *r, char text[static TERM_HUMAN_LEN])
{
	return term_human(r->sum.packets, text);
}

static const char *
bytes_text(const struct tally_row *r, char text[static TERM_HUMAN_LEN])
{
	return term_human(r->sum.bytes, text);
}

static const char *
packet_rate_text(const struct tally_row *r, char text[static TERM_HUMAN_LEN])
{
	return term_human(r->packets_per_s, text);
}

static const char *
bit_rate_text(const struct tally_row *r, char text[static TERM_HUMAN_LEN])
{
	return term_human(r->bits_per_s, text);
}

static const char *
lost_text(const struct tally_row *r, char text[static TERM_HUMAN_LEN])
{
	return term_human(r->sum.lost, text);
}

static const char *
bad_text(const struct tally_row *r, char text[static TERM_HUMAN_LEN])
{
	return term_human(r->sum.malformed, text);
}

#define TABLE_WIDTH 57 /* of all columns; behind them is the file */

static const struct {
	const char *name;
	unsigned width, from; /* shown from so many columns of the screen on */
	const char *(*text)(const struct tally_row *r, char text[static TERM_HUMAN_LEN]);
} columns[] = {
    {"PORT", 5, 0, port_text},
    {"PACKETS", 9, 14, packets_text},
    {"BYTES", 9, 49, bytes_text},
    {"PKT/S", 9, 40, packet_rate_text},
    {"BIT/S", 9, 31, bit_rate_text},
    {"LOST", 8, 22, lost_text},
    {"BAD", 8, TABLE_WIDTH, bad_text},
};

/* How many columns are left for the file's name. */
static int
file_room(const struct tally_view *v)
{
	return v->columns > TABLE_WIDTH + 2 ? (int)v->columns - TABLE_WIDTH - 2 : 0;
}

static void
head_put(struct buf *out, const struct tally_view *v)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (v->columns >= columns[i].from)
			buf_printf(out, "%*s", (int)columns[i].width, columns[i].name);
	buf_printf(out, "%s\n", file_room(v) >= 4 ? "  FILE" : "");
}

static void
row_put(struct buf *out, const struct tally_row *r, const struct tally_view *v)
{
	const bool alarm = r->sum.lost || r->sum.malformed || r->sum.unwritten;
	const struct slice file = r->sum.unwritten ? (struct slice){"CANNOT WRITE", 12} : file_short(r);
	const int room = file_room(v);
	char text[TERM_HUMAN_LEN];

	buf_printf(out, "%s", alarm ? SCREEN_ALARM : "");
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (v->columns >= columns[i].from)
			buf_printf(out, "%*s", (int)columns[i].width, columns[i].text(r, text));
	buf_printf(out, "%s", alarm ? SCREEN_PLAIN : "");
	if (room)
		buf_printf(out, "  %.*s", (int)file.len < room ? (int)file.len : room, file.p);
	buf_printf(out, "\n");
}

/* Busiest first. */
static int
row_cmp(const void *pa, const void *pb)
{
	const struct tally_row *a = pa, *b = pb;

	if (a->bits_per_s != b->bits_per_s)
		return a->bits_per_s > b->bits_per_s ? -1 : 1;
	if (a->sum.packets != b->sum.packets)
		return a->sum.packets > b->sum.packets ? -1 : 1;
	return a->port - b->port;
}

unsigned
tally_table(struct buf *out, struct tally_row *row, unsigned n, const struct tally_view *view)
{
	unsigned room = view->rows > 4 ? view->rows - 3 : 1; /* without heading, "more" and the cursor's line */
	unsigned shown = n < room ? n : room;

	head_put(out, view);
	if (shown < n)
		qsort(row, n, sizeof *row, row_cmp);
	for (unsigned i = 0; i < shown; i++)
		row_put(out, &row[i], view);
	if (shown == n)
		return shown + 1;
	buf_printf(out, "and %u less busy port%s\n", n - shown, n - shown == 1 ? "" : "s");
	return shown + 2;
}

static void
account_line(struct buf *out, const char *name, const struct tally *t, unsigned files)
{
	buf_printf(out, "%-5s %13" PRIu64 " %17" PRIu64 " %10" PRIu64 " %9" PRIu64 " %9" PRIu64 " %6u\n", name,
	    t->packets, t->bytes, t->lost, t->malformed, t->unwritten, files);
}

void
tally_account(struct buf *out, const struct tally_row *row, unsigned n, uint64_t duration_ms)
{
	struct tally sum = {0};
	unsigned files = 0;
	char name[8];

	buf_printf(out, "received in %" PRIu64 ".%03u s\n", duration_ms / 1000, (unsigned)(duration_ms % 1000));
	buf_printf(out, "%-5s %13s %17s %10s %9s %9s %6s\n", "PORT", "PACKETS", "BYTES", "LOST", "MALFORMED",
	    "UNWRITTEN", "FILES");
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%u", row[i].port);
		account_line(out, name, &row[i].sum, row[i].files);
		tally_add(&sum, &row[i].sum);
		files += row[i].files;
	}
	if (n > 1)
		account_line(out, "total", &sum, files);
}

static json_t *
sum_json(const struct tally *t)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "packets", (json_int_t)t->packets, "bytes", (json_int_t)t->bytes,
	    "lost", (json_int_t)t->lost, "malformed", (json_int_t)t->malformed, "unwritten", (json_int_t)t->unwritten);
}

static json_t *
row_json(const struct tally_row *r)
{
	json_t *o = json_pack("{s:i, s:I, s:I, s:i, s:s?}", "port", r->port, "packets-per-second",
	    (json_int_t)r->packets_per_s, "bits-per-second", (json_int_t)r->bits_per_s, "files", (int)r->files, "file",
	    *r->file ? r->file : NULL);

	if (o)
		json_object_update_new(o, sum_json(&r->sum));
	return o;
}

json_t *
tally_json(const char *event, const struct tally_row *row, unsigned n, uint64_t duration_ms)
{
	json_t *ports = json_array();
	struct tally sum = {0};

	for (unsigned i = 0; i < n; i++) {
		json_array_append_new(ports, row_json(&row[i]));
		tally_add(&sum, &row[i].sum);
	}
	return json_pack("{s:s, s:f, s:o, s:o}", "event", event, "seconds", (double)duration_ms / 1000, "ports", ports,
	    "total", sum_json(&sum));
}
