/* SPDX-License-Identifier: BSD-2-Clause */
/* layout.h - text for people in as many columns as they have.  Pure.  UTF-8 characters take one column, escape
 * sequences none. */
#ifndef TERM_LAYOUT_H
#define TERM_LAYOUT_H

#include "buf.h"

/* What is laid out is so for a screen between these. */
#define LAYOUT_LEAST 40
#define LAYOUT_MOST 200
#define LAYOUT_USUAL 80 /* of what goes to no terminal */

unsigned layout_columns(struct slice line);

/* Lines that are longer than width columns go on below, parted at a blank, or within a word that is longer than a
 * line, best behind a sign: from there on by hang columns further in than the line itself. */
void layout_fold(struct slice text, unsigned width, unsigned hang, struct buf *out);

#define LAYOUT_COLUMNS_MAX 8
#define LAYOUT_WRAP_LEAST 16 /* columns of a text, before another column is left out for it */

struct layout_column {
	const char *title; /* NULL, of all: no line of titles */
	unsigned usual;    /* columns that it takes where there is room; more if it has more to say */
	unsigned gap;      /* beside the one blank between columns */
	unsigned rank;     /* where there is no room the highest is left out first, 0 never */
	bool right;        /* numbers */
	bool wraps;        /* a text of several words, that may go on below */
};

/* Start with column, n and indent set, all else zero. */
struct layout_table {
	const struct layout_column *column;
	size_t n;        /* of columns */
	unsigned indent; /* of rows below the titles; part of the first column */
	struct buf cell; /* rows in turn, each cell ended by a NUL */
	size_t ncell;
};

/* The next cell of the present row, or the first of the next one, as foreign.h shows it. */
void layout_cell(struct layout_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints it, and below it the names of columns for which there was no room; frees it. */
void layout_table_end(struct layout_table *t, unsigned width, struct buf *out);

#endif
