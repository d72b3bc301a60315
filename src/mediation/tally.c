/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tally.h"
#include "term.h"

#define FILE_COLUMN 58 /* the file's name begins here */

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

static void
row_put(struct buf *out, const struct tally_row *r, const struct tally_view *v)
{
	char packets[TERM_HUMAN_LEN], bytes[TERM_HUMAN_LEN], pps[TERM_HUMAN_LEN], bps[TERM_HUMAN_LEN];
	char lost[TERM_HUMAN_LEN], bad[TERM_HUMAN_LEN];
	bool alarm = v->color && (r->sum.lost || r->sum.malformed || r->sum.unwritten);
	int room = v->columns > FILE_COLUMN ? (int)(v->columns - FILE_COLUMN) : 0, len;
	struct slice file = r->sum.unwritten ? (struct slice){"CANNOT WRITE", 12} : file_short(r);

	len = (int)file.len < room ? (int)file.len : room;
	buf_printf(out, "%s%5u %8s %8s %8s %8s %7s %7s%s  %.*s\n", alarm ? "\033[1;31m" : "", r->port,
	    term_human(r->sum.packets, packets), term_human(r->sum.bytes, bytes), term_human(r->packets_per_s, pps),
	    term_human(r->bits_per_s, bps), term_human(r->sum.lost, lost), term_human(r->sum.malformed, bad),
	    alarm ? "\033[0m" : "", len, file.p);
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

	buf_printf(out, "%5s %8s %8s %8s %8s %7s %7s  %s\n", "PORT", "PACKETS", "BYTES", "PKT/S", "BIT/S", "LOST",
	    "BAD", "FILE");
	if (shown < n)
		qsort(row, n, sizeof *row, row_cmp);
	for (unsigned i = 0; i < shown; i++)
		row_put(out, &row[i], view);
	if (shown == n)
		return shown + 1;
	buf_printf(out, "and %u less busy ports\n", n - shown);
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
	json_t *o = json_pack("{s:i, s:I, s:I, s:i, s:s?}", "port", r->port, "packets_per_second",
	    (json_int_t)r->packets_per_s, "bits_per_second", (json_int_t)r->bits_per_s, "files", (int)r->files, "file",
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
