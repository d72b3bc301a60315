/* SPDX-License-Identifier: BSD-2-Clause */
/* box.h - a folder of a test's own, for the tests of the store. */
#ifndef TESTS_UNIT_BOX_H
#define TESTS_UNIT_BOX_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store.h"
#include "unit.h"

struct box {
	char dir[64], path[96]; /* path: of the database in it */
	struct store *s;        /* NULL: not opened */
};

static inline struct box *
box_new(void)
{
	struct box *x = calloc(1, sizeof *x);

	assert_non_null(x);
	snprintf(x->dir, sizeof x->dir, "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	snprintf(x->path, sizeof x->path, "%s/state.db", x->dir);
	return x;
}

/* All that a store makes. */
static inline void
box_empty(const struct box *x)
{
	static const char *const suffix[] = {"", "-wal", "-shm", ".copy", ".before-upgrade", ".before-upgrade.new"};

	for (size_t i = 0; i < ARRAY_LEN(suffix); i++) {
		char file[128];

		snprintf(file, sizeof file, "%s%s", x->path, suffix[i]);
		unlink(file);
	}
}

/* The file of that schema, as its release wrote it, instead of what is there; false: there is none. */
static inline bool
box_released(const struct box *x, int schema)
{
	const char *dir = getenv("FLOWTAP_SCHEMAS");
	char from[4096], buf[65536];
	FILE *in, *out;
	size_t n;

	assert_non_null(dir);
	snprintf(from, sizeof from, "%s/%d.db", dir, schema);
	if ((in = fopen(from, "rb")) == NULL)
		return false;
	box_empty(x);
	assert_non_null(out = fopen(x->path, "wb"));
	while ((n = fread(buf, 1, sizeof buf, in)) > 0)
		assert_int_equal(fwrite(buf, 1, n, out), n);
	fclose(in);
	assert_int_equal(fclose(out), 0);
	return true;
}

/* As cmocka's setup, with no store yet, and teardown. */
static inline int
box_setup(void **state)
{
	*state = box_new();
	return 0;
}

static inline int
box_teardown(void **state)
{
	struct box *x = *state;

	store_close(x->s);
	box_empty(x);
	assert_int_equal(rmdir(x->dir), 0); /* nothing else was made */
	free(x);
	return 0;
}

#endif
