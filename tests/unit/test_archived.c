/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines that have left the record: these are deleted, some at a time, and no others can be. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "box.h"
#include "statefill.h"
#include "store_int.h"

#define LINES 10

static void
filled(struct box *x)
{
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	assert_int_equal(store_begin(x->s), 0);
	for (uint64_t n = 1; n <= LINES; n++)
		assert_int_equal(store_audit_add(x->s, n, (struct slice){"line", 4}), 0);
	assert_int_equal(store_commit(x->s), 0);
}

static int
dropped(struct box *x, uint32_t most)
{
	int n;

	assert_int_equal(store_begin(x->s), 0);
	n = store_archived_drop(x->s, most);
	assert_int_equal(store_commit(x->s), 0);
	return n;
}

static void
archive(struct box *x, uint64_t upto)
{
	assert_int_equal(store_begin(x->s), 0);
	assert_int_equal(store_archive(x->s, upto), 0);
	assert_int_equal(store_commit(x->s), 0);
}

static bool
is_there(struct box *x, uint64_t n)
{
	cleanup_buf struct buf line = {0};
	const int r = store_audit_get(x->s, &n, &line);

	assert_true(r == 0 || r == -ENOENT);
	return r == 0;
}

static void
test_what_has_left_is_deleted(void **state)
{
	struct box *x = *state;
	uint64_t upto = 1;

	filled(x);
	assert_int_equal(store_archived(x->s, &upto), 0);
	assert_int_equal(upto, 0);
	assert_int_equal(dropped(x, 100), 0);
	archive(x, 5);
	assert_int_equal(dropped(x, 3), 3);
	assert_false(is_there(x, 3));
	assert_true(is_there(x, 4));
	assert_int_equal(dropped(x, 3), 2);
	assert_int_equal(dropped(x, 3), 0);
	assert_true(is_there(x, 6));
	archive(x, 7);
	assert_int_equal(store_archived(x->s, &upto), 0);
	assert_int_equal(upto, 7);
	assert_int_equal(dropped(x, 100), 2);
}

/* By whoever has the database open, with its guards. */
static void
test_nothing_else_can_be(void **state)
{
	static const char *const refused[] = {"DELETE FROM audit WHERE n = 6", "DELETE FROM audit",
	    "UPDATE audit SET line = 'x' WHERE n = 2", "UPDATE archived SET upto = 9", "DELETE FROM archived"};
	struct box *x = *state;
	sqlite3 *db;

	filled(x);
	archive(x, 5);
	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (sqlite3_exec(db, refused[i], NULL, NULL, NULL) != SQLITE_CONSTRAINT)
			fail_msg("not refused: %s", refused[i]);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM audit WHERE n = 5", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_what_has_left_is_deleted, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_else_can_be, box_setup, box_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
