/* SPDX-License-Identifier: BSD-2-Clause */
/* The table itself, walks over it, and what it offers a command line. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf_value.h"

static struct slice
slice(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void
test_table(void **state)
{
	const struct conf_schema *row = NULL, *before = NULL;

	(void)state;
	for (; (row = conf_schema_walk(row)) != NULL; before = row) {
		const bool below = conf_schema_first(row) != NULL;

		print_message("# %s\n", row->name);
		assert_true(row->depth <= (before ? before->depth + 1 : 0));
		assert_non_null(row->help);
		assert_true(row->help[0] >= 'A' && row->help[0] <= 'Z');
		assert_true(row->help[strlen(row->help) - 1] != '.');
		assert_int_equal(row->type == CONF_NONE, row->kind == CONF_CONTAINER || row->kind == CONF_OPAQUE);
		assert_int_equal(row->type == CONF_CHOICE && row->choice == NULL, 0);
		/* of a container with nothing in it, that it is there says something */
		assert_true(below == (row->kind == CONF_CONTAINER) || row->kind == CONF_LIST || row->size > 0);
		if (row->type == CONF_NUMBER)
			assert_true(row->min <= row->max && (row->max <= UINT32_MAX || row->size == 0));
		if (row->type == CONF_PATH)
			assert_true(row->max < row->size);
		if (row->restart)
			assert_true(row->size > 0);
		if (row->size && row->dflt)
			assert_true(conf_value_ok(row, slice(row->dflt)));
		/* one word means one thing at one place, and the row is found by it */
		assert_ptr_equal(conf_schema_find(conf_schema_parent(row), slice(row->name)), row);
	}
}

static void
test_walks(void **state)
{
	const struct conf_schema *row = NULL, *child;
	size_t all = 0, below = 0, top = 0;

	(void)state;
	for (row = conf_schema_first(NULL); row; row = conf_schema_next(row))
		top++;
	row = NULL;
	while ((row = conf_schema_walk(row)) != NULL) {
		all++;
		if (row->inherit == CONF_INHERIT_GROUP)
			continue; /* what stands in a group is not walked through */
		for (child = conf_schema_first(row); child; child = conf_schema_next(child)) {
			assert_ptr_equal(conf_schema_parent(child), row);
			below++;
		}
	}
	assert_true(top > 0);
	assert_int_equal(all, top + below);
}

static void
test_path(void **state)
{
	const struct conf_schema *row = conf_schema_find(NULL, slice("services"));
	cleanup_buf struct buf path = {0};

	(void)state;
	row = conf_schema_find(conf_schema_find(row, slice("flow-tap")), slice("maximum-criteria"));
	conf_schema_path(row, &path);
	buf_put_u8(&path, 0);
	assert_string_equal((char *)path.p, "services flow-tap maximum-criteria");
}

/* A row of what stands in a group has its twin at the top, but for names with wildcards. */
static void
test_grouped(void **state)
{
	const struct conf_schema *groups = conf_schema_find(NULL, slice("groups")), *row, *twin;
	struct conf_schema const *stack[8] = {NULL};
	size_t n = 0;

	(void)state;
	assert_false(conf_schema_is_grouped(groups));
	for (row = groups + 1; row->depth > 0; row++, n++) {
		assert_true(conf_schema_is_grouped(row));
		assert_int_not_equal(row->inherit, CONF_INHERIT_EXCEPT);
		assert_int_equal(row->size, 0);
		twin = conf_schema_find(row->depth > 1 ? stack[row->depth - 1] : NULL, slice(row->name));
		assert_non_null(twin);
		stack[row->depth] = twin;
		assert_int_equal(row->kind, twin->kind);
		assert_int_equal(row->type, twin->type);
		assert_int_equal(row->secret, twin->secret);
		assert_int_equal(row->see, twin->see);
		assert_int_equal(row->change, twin->change);
		assert_int_equal(row->discreet, twin->discreet);
		assert_int_equal(
		    conf_value_ok(row, slice("<*>")), row->kind == CONF_LIST || conf_value_ok(twin, slice("<*>")));
	}
	assert_true(n > 100);
	assert_false(conf_schema_is_grouped(row));
	for (row = NULL; (row = conf_schema_walk(row)) != NULL;)
		assert_false(conf_schema_is_grouped(row));
}

/* Steps along the words of a path: the result of the last. */
static int
walk(struct conf_place *place, const char *path)
{
	char copy[256], *save, *word;
	int r = 0;

	*place = (struct conf_place){0};
	snprintf(copy, sizeof copy, "%s", path);
	for (word = strtok_r(copy, " ", &save); word && r == 0; word = strtok_r(NULL, " ", &save))
		r = conf_schema_step(place, slice(word));
	return word ? -EBADMSG : r;
}

static void
test_step(void **state)
{
	static const struct {
		const char *path;
		int result;
		bool value, complete, closed;
	} row[] = {
	    {"", 0, false, false, false},
	    {"services", 0, false, true, false},
	    {"service", -ENOENT, false, false, false},
	    {"services flow-tap", 0, false, true, false},
	    {"services flow-tap attach", 0, true, false, false},
	    {"services flow-tap attach tcx", 0, false, true, true},
	    {"services flow-tap attach xdp", -EINVAL, true, false, false},
	    {"services flow-tap attach tcx tcx", -ENOENT, false, true, true},
	    {"services flow-tap agency", 0, true, false, false},
	    {"services flow-tap agency lea1", 0, false, true, false},
	    {"services flow-tap agency lea1 user u", 0, false, true, true},
	    {"services flow-tap agency lea1 target", -ENOENT, false, true, false},
	    {"services flow-tap maximum-criteria 1", -EINVAL, true, false, false},
	    {"services flow-tap tapped-interfaces all", 0, false, true, true},
	    {"interfaces lo0 unit 0", 0, false, true, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct conf_place place;

		print_message("# %s\n", row[i].path);
		assert_int_equal(walk(&place, row[i].path), row[i].result);
		assert_int_equal(place.value, row[i].value);
		assert_int_equal(place.complete, row[i].complete);
		assert_int_equal(place.closed, row[i].closed);
	}
}

static void
test_hint(void **state)
{
	static const struct {
		const char *path, *prefix, *words;
	} row[] = {
	    {"", "", "version system chassis class-of-service services interfaces groups apply-groups "},
	    {"", "s", "system services "},
	    {"services", "", "dynamic-flow-capture radius-flow-tap flow-tap apply-groups apply-groups-except "},
	    {"services flow-tap", "a", "audit agency attach alarm-hook apply-groups apply-groups-except "},
	    {"services flow-tap", "x", ""},
	    {"services flow-tap attach", "", "auto tcx clsact "},
	    {"services flow-tap attach", "t", "tcx "},
	    {"services flow-tap attach tcx", "", ""},
	    {"services flow-tap tapped-interfaces", "", "all <interface> "},
	    {"services flow-tap tapped-interfaces", "e", "<interface> "},
	    {"services flow-tap agency", "", "<name> "},
	    {"services flow-tap agency lea1", "",
		"description user authority content-destination maximum-criteria maximum-sessions copy-limit "
		"apply-groups apply-groups-except "},
	    {"system services flow-tap-dtcp ssh", "",
		"port legacy-algorithms connection-limit rate-limit apply-groups apply-groups-except "},
	    {"system services flow-tap-dtcp ssh port", "3", "<number> "},
	    {"chassis", "", ""},
	    {"groups", "", "<name> "},
	    {"groups g", "", "system chassis class-of-service services interfaces apply-groups "},
	    {"groups g services flow-tap agency <lea*>", "u", "user "},
	    {"apply-groups", "", "<name> "},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_buf struct buf got = {0};
		struct conf_place place;
		struct conf_hint h;
		size_t it = 0;

		assert_int_equal(walk(&place, row[i].path), 0);
		while (conf_schema_hint(&place, slice(row[i].prefix), &it, &h)) {
			assert_non_null(h.help);
			buf_printf(&got, h.value ? "<%s> " : "%s ", h.word);
		}
		buf_put_u8(&got, 0);
		assert_string_equal((char *)got.p, row[i].words);
	}
}

static void
test_describe(void **state)
{
	static const struct {
		const char *path, *text;
	} row[] = {
	    {"system services flow-tap-dtcp ssh port", "a number from 1 to 65535"},
	    {"services flow-tap attach", "auto, tcx or clsact"},
	    {"services flow-tap tapped-interfaces", "all or the name of a Linux interface"},
	    {"services flow-tap source-address", "a unicast IPv4 or IPv6 address"},
	    {"services flow-tap agency", "a name of at most 31 letters, digits, - _ . @ +"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_buf struct buf got = {0};
		struct conf_place place;

		assert_int_equal(walk(&place, row[i].path), 0);
		conf_value_describe(place.row, &got);
		buf_put_u8(&got, 0);
		assert_string_equal((char *)got.p, row[i].text);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_walks),
	    cmocka_unit_test(test_path),
	    cmocka_unit_test(test_grouped),
	    cmocka_unit_test(test_step),
	    cmocka_unit_test(test_hint),
	    cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
