/* SPDX-License-Identifier: BSD-2-Clause */
#include "pager.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "key.h"
#include "layout.h"
#include "terminal.h"

#define MORE "---(more)---"

unsigned
pager_rows(struct slice line, unsigned width)
{
	const unsigned columns = layout_columns(line);

	return columns == 0 || width == 0 ? 1 : (columns + width - 1) / width;
}

/* 0: go on; -EPIPE: no more. */
static int
more(struct pager *p)
{
	int c;

	fputs(MORE, stdout);
	fflush(stdout);
	c = key_read();
	printf("\r%*s\r", (int)sizeof MORE - 1, "");
	switch (c) {
	case 'q':
	case 'Q':
	case 3: /* Control-C */
	case -1:
		return -EPIPE;
	case '\r':
	case '\n':
	case 'j':
		p->used--;
		break;
	case 'G':
		p->length = 0;
		break;
	default:
		p->used = 0;
	}
	return 0;
}

static unsigned
fold_width(const struct pager *p)
{
	return p->width < LAYOUT_LEAST ? LAYOUT_LEAST : p->width;
}

static void
size_read(struct pager *p)
{
	unsigned columns, rows;

	term_size(STDOUT_FILENO, &columns, &rows);
	if (p->resizes)
		p->width = columns;
	if (p->grows && p->length)
		p->length = rows;
}

/* Waits until there is room for so many rows. */
static int
room(struct pager *p, unsigned rows)
{
	while (p->length > 1 && p->used > 0 && p->used + rows > p->length - 1) {
		const unsigned before = p->used;

		if (more(p) < 0)
			return -EPIPE;
		size_read(p);
		if (p->used == before - 1)
			break;
	}
	return 0;
}

static int
folded(struct pager *p, struct slice line)
{
	cleanup_buf struct buf lines = {0};
	const char *at, *end, *nl;
	int r = 0;

	layout_fold(line, fold_width(p), 2, &lines);
	at = (const char *)lines.p;
	for (end = at + lines.len; r == 0 && at < end; at = nl + 1) {
		nl = memchr(at, '\n', (size_t)(end - at));
		r = pager_line(p, (struct slice){at, (size_t)(nl - at)});
	}
	return r < 0 ? r : lines.err;
}

int
pager_line(struct pager *p, struct slice line)
{
	size_read(p);
	if (room(p, p->folds ? 1 : pager_rows(line, p->width)) < 0)
		return -EPIPE;
	if (p->folds && layout_columns(line) > fold_width(p))
		return folded(p, line);
	p->used += pager_rows(line, p->width);
	fwrite(line.p, 1, line.len, stdout);
	putchar('\n');
	return ferror(stdout) ? -EPIPE : 0;
}
