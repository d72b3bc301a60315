/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gen-conf-man [-u] PAGE - the list of statements in flowtap.conf(5) comes from the
 * schema.  Without -u: is it what the schema says?  With -u it is written anew,
 * between the page's two marker lines.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf_value.h"

#define WIDTH 78
#define ALIKE_MAX 3 /* more words with the same help than this are listed without it */

static const char begin[] = ".\\\" BEGIN statements, written by gen-conf-man -u\n";
static const char end[] = ".\\\" END statements\n";

/* A text as lines of at most WIDTH bytes. */
static void
text_put(struct buf *out, const char *s)
{
	size_t column = 0;

	while (*s) {
		size_t n = strcspn(s, " ");

		if (column) {
			buf_put(out, column + 1 + n > WIDTH ? "\n" : " ", 1);
			column = column + 1 + n > WIDTH ? 0 : column + 1;
		}
		for (size_t i = 0; i < n; i++)
			buf_put(out, s[i] == '\\' ? "\\e" : s + i, s[i] == '\\' ? 2 : 1);
		column += n;
		s += n + strspn(s + n, " ");
	}
	buf_put(out, "\n", 1);
}

static size_t
choices_count(const struct conf_schema *row)
{
	size_t n = 0;

	while (row->choice && row->choice[n].word)
		n++;
	return n;
}

/* "auto | tcx | clsact" */
static void
value_put(struct buf *out, const struct conf_schema *row)
{
	const char *label = conf_value_label(row->type);
	const size_t n = choices_count(row);

	for (size_t i = 0; n <= 12 && i < n; i++)
		buf_printf(out, " %s%s", i ? "| " : "Cm ", row->choice[i].word);
	if (label == NULL && n > 12)
		label = "word";
	if (label)
		buf_printf(out, " %sAr %s", n && n <= 12 ? "| " : "", label);
}

static void
head_put(struct buf *out, const struct conf_schema *row)
{
	buf_printf(out, ".It Ic %s", row->name);
	if (row->type != CONF_NONE)
		value_put(out, row);
	if (row->kind == CONF_LEAF_LIST)
		buf_printf(out, " | Bq Ar ...");
	buf_printf(out, row->kind == CONF_OPAQUE || conf_schema_first(row) ? " Brq ...\n" : " ;\n");
}

/* How many choices from c on have c's help. */
static size_t
alike(const struct conf_choice *c)
{
	size_t n = 1;

	while (c[n].word && strcmp(c[n].help, c->help) == 0)
		n++;
	return n;
}

static void
choices_put(struct buf *out, const struct conf_schema *row)
{
	const struct conf_choice *c = row->choice;
	size_t n;

	buf_printf(out, ".Bl -tag -width Ds -compact\n");
	for (; c->word && alike(c) <= ALIKE_MAX; c++) {
		buf_printf(out, ".It Cm %s\n", c->word);
		text_put(out, c->help);
	}
	buf_printf(out, ".El\n");
	for (; c->word; c += n) {
		n = alike(c);
		buf_printf(out, "%s:\n", c->help);
		for (size_t i = 0; i < n; i++)
			buf_printf(out, ".Cm %s%s\n", c[i].word, i + 1 < n ? " ," : " .");
	}
}

static void
help_put(struct buf *out, const struct conf_schema *row)
{
	cleanup_buf struct buf s = {0};

	buf_printf(&s, "%s.", row->help);
	buf_put_u8(&s, 0);
	text_put(out, (char *)s.p);
}

static void
item_put(struct buf *out, const struct conf_schema *row)
{
	head_put(out, row);
	help_put(out, row);
	if (row->type == CONF_NUMBER)
		buf_printf(out, "From %" PRIu64 " to %" PRIu64 ".\n", row->min, row->max);
	if (row->dflt && row->kind != CONF_LIST && conf_value_ok(row, (struct slice){row->dflt, strlen(row->dflt)}))
		buf_printf(out, "Default:\n.Ql %s .\n", row->dflt);
	else if (row->dflt)
		buf_printf(out, "Default: %s.\n", row->dflt);
	if (row->restart)
		buf_printf(out, "A change holds from the next start of the daemon.\n");
	if (row->choice)
		choices_put(out, row);
}

/* "services flow-tap agency name", with the keys of lists. */
static void
title_put(struct buf *out, const struct conf_schema *row)
{
	const struct conf_schema *parent = conf_schema_parent(row);

	if (parent) {
		title_put(out, parent);
		buf_printf(out, parent->type == CONF_NONE ? " " : " Sy ");
	}
	buf_printf(out, "%s", row->name);
	if (row->type != CONF_NONE)
		buf_printf(out, " Ar %s", conf_value_label(row->type));
}

/* The statements directly below row that are more than a way further down. */
static void
items_put(struct buf *out, const struct conf_schema *row)
{
	const struct conf_schema *child;
	bool any = false;

	for (child = conf_schema_first(row); child; child = conf_schema_next(child)) {
		if ((child->kind == CONF_CONTAINER && conf_schema_first(child)) ||
		    child->inherit) /* GROUPS tells of those */
			continue;
		if (!any && row) {
			buf_printf(out, ".Ss ");
			title_put(out, row);
			buf_put(out, "\n", 1);
			help_put(out, row);
		}
		if (!any)
			buf_printf(out, ".Bl -tag -width Ds\n");
		any = true;
		item_put(out, child);
	}
	if (any)
		buf_printf(out, ".El\n");
}

static void
statements_put(struct buf *out)
{
	const struct conf_schema *row = NULL;

	while ((row = conf_schema_walk(row)) != NULL)
		if (conf_schema_first(row) && !row->inherit)
			items_put(out, row);
	buf_printf(out, ".Ss Kept for Junos\n");
	items_put(out, NULL);
}

static int
page_read(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	uint8_t *room;
	size_t n = 0;

	if (f == NULL)
		return -1;
	do {
		room = buf_room(out, 65536);
		n = room ? fread(room, 1, 65535, f) : 0;
		out->len += n;
	} while (n > 0);
	buf_put_u8(out, 0);
	fclose(f);
	return out->err;
}

static int
page_write(const char *path, const struct buf *page)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || page->err)
		return -1;
	fwrite(page->p, 1, page->len, f);
	return fclose(f);
}

int
main(int argc, char **argv)
{
	const bool update = argc == 3 && strcmp(argv[1], "-u") == 0;
	const char *path = argv[argc - 1];
	cleanup_buf struct buf page = {0}, want = {0};
	char *from, *to;

	if (argc != 2 + update || page_read(path, &page) != 0) {
		fprintf(stderr, "usage: gen-conf-man [-u] flowtap.conf.5\n");
		return 2;
	}
	from = strstr((char *)page.p, begin);
	to = from ? strstr(from, end) : NULL;
	if (to == NULL) {
		fprintf(stderr, "%s: no marker lines\n", path);
		return 1;
	}
	from += strlen(begin);
	buf_put(&want, page.p, (size_t)(from - (char *)page.p));
	statements_put(&want);
	buf_put(&want, to, strlen(to));
	if (update)
		return page_write(path, &want) != 0;
	if (want.len == page.len - 1 && memcmp(want.p, page.p, want.len) == 0)
		return 0;
	fprintf(stderr, "%s differs from the schema: run gen-conf-man -u on it\n", path);
	return 1;
}
