/* SPDX-License-Identifier: BSD-2-Clause */
/* Databases of every released schema, as those releases wrote them, become today's with nothing lost. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "box.h"
#include "clock.h"
#include "statefill.h"
#include "store_schema.h"

static int64_t
number(const char *path, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	int64_t v;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return v;
}

static int
sql_try(const char *path, const char *sql)
{
	sqlite3 *db;
	int rc;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return rc;
}

/* ---- what has to be found again ---- */

struct seen {
	unsigned a, b;
};

static int
row_check(void *arg, const char *agency, struct store_row *r)
{
	struct seen *seen = arg;
	struct store_row want;

	assert_int_equal(statefill_row(agency, r->id, &want), 0);
	assert_true(criteria_equal(&r->criteria, &want.criteria) && ip_equal(&r->csrc, &want.csrc));
	assert_int_equal(r->added_ms, want.added_ms);
	assert_int_equal(r->warrant, want.warrant);
	assert_int_equal(r->timeouts.named, want.timeouts.named);
	assert_memory_equal(r->timeouts.v, want.timeouts.v, sizeof want.timeouts.v);
	assert_memory_equal(r->boot, want.boot, sizeof want.boot);
	assert_int_equal(r->ncdest, want.ncdest);
	assert_string_equal(r->cdest[0].name, want.cdest[0].name);
	assert_int_equal(r->cdest[0].port, want.cdest[0].port);
	store_row_free(&want);
	*(strcmp(agency, STATEFILL_A) == 0 ? &seen->a : &seen->b) += 1;
	return 0;
}

static int
warrant_check(void *arg, const struct store_warrant *w)
{
	const char *text = statefill_warrant_text(w->no);

	assert_int_equal(w->no, ++*(uint64_t *)arg);
	assert_int_equal(w->text.len, strlen(text));
	assert_memory_equal(w->text.p, text, w->text.len);
	/* There are none in what earlier releases wrote. */
	if (w->signatures.len > 0) {
		assert_int_equal(w->no, 2);
		assert_int_equal(w->signatures.len, 2 * strlen(STATEFILL_SIGNED));
		assert_memory_equal(w->signatures.p, STATEFILL_SIGNED STATEFILL_SIGNED, w->signatures.len);
	}
	assert_int_equal(w->entered_uid, 1001);
	assert_int_equal(w->approved_uid, w->no > 1 ? 1002 : 0);
	assert_int_equal(w->revoked_uid, w->no > 2 ? 1003 : 0);
	return 0;
}

static void
everything_is_there(struct store *s)
{
	struct seen seen = {0};
	uint64_t warrants = 0, n;
	char want[64];

	assert_int_equal(store_each(s, row_check, &seen), 0);
	assert_int_equal(seen.a, STATEFILL_ROWS_A - 1);
	assert_int_equal(seen.b, STATEFILL_ROWS_B);
	assert_int_equal(store_warrant_each(s, NULL, warrant_check, &warrants), 0);
	assert_int_equal(warrants, STATEFILL_WARRANTS);
	for (n = 1; n <= STATEFILL_LINES; n++) {
		cleanup_buf struct buf line = {0};
		uint64_t at = n;

		snprintf(want, sizeof want, "sealed line %u, as bytes", (unsigned)n);
		assert_int_equal(store_audit_get(s, &at, &line), 0);
		assert_int_equal(line.len, strlen(want));
		assert_memory_equal(line.p, want, line.len);
	}
	n = STATEFILL_LINES + 1;
	assert_int_equal(store_audit_get(s, &n, &(struct buf){0}), -ENOENT);
}

static int
id_of_new(struct store *s, const char *agency, uint32_t like)
{
	struct store_row row;
	int r;

	assert_int_equal(statefill_row(agency, like, &row), 0);
	r = store_add(s, agency, &row);
	store_row_free(&row);
	return r < 0 ? r : (int)row.id;
}

/* It can also be worked with: ids go on, the rotation that was under way ends, a name is found. */
static void
it_works_on(struct store *s)
{
	struct store_list *l;
	struct store_row row;
	uint64_t left = 1, count;

	assert_int_equal(id_of_new(s, STATEFILL_A, 1), STATEFILL_ROWS_A + 1);
	assert_int_equal(id_of_new(s, STATEFILL_B, 1), STATEFILL_ROWS_B + 1);
	while (left > 0)
		assert_int_equal(store_rotate_step(s, 100, &left), 0);
	assert_int_equal(store_list_open(s, STATEFILL_A, DTCP_SEL_CDEST, NULL, 0, "box-of-lea1-1", &l), 0);
	assert_int_equal(store_list_count(l, UINT32_MAX, &count), 0);
	assert_int_equal(count, 4); /* 1, 4, 7, and the new one */
	while (store_list_next(l, &row) == 1)
		store_row_free(&row);
	store_list_close(l);
}

/* ---- the ladder ---- */

static void
test_every_released_schema_opens(void **state)
{
	struct box *x = *state;
	int found = 0;

	for (int schema = STORE_SCHEMA_FIRST; schema <= store_schema(); schema++) {
		struct store_found v;

		if (!box_released(x, schema))
			continue;
		found++;
		assert_int_equal(number(x->path, "PRAGMA user_version"), schema);
		assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
		everything_is_there(x->s);
		store_close(TAKE_PTR(x->s));
		assert_int_equal(number(x->path, "PRAGMA user_version"), store_schema());
		assert_int_equal(store_look(x->path, &v), 0);
		assert_int_equal(v.schema, store_schema());
		assert_string_equal(v.software, FLOWTAP_VERSION);
		/* A second time nothing has to be done, and nothing is. */
		assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
		everything_is_there(x->s);
		it_works_on(x->s);
		store_close(TAKE_PTR(x->s));
	}
	assert_true(found > 0);
	assert_true(box_released(x, STORE_SCHEMA_FIRST));
}

/* What sqlite_schema and the columns say: of tables that are new and of those that have climbed. */
static char *
shape(const char *path)
{
	static const char sql[] =
	    "SELECT group_concat(line, char(10)) FROM (SELECT m.type || ' ' || m.name || ' ' || m.tbl_name || ' ' ||"
	    " coalesce(c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || coalesce(c.dflt_value, '') || ' ' || "
	    "c.pk,"
	    " '') AS line FROM sqlite_schema m LEFT JOIN pragma_table_xinfo(m.name) c ORDER BY 1)";
	sqlite3 *db;
	sqlite3_stmt *st;
	char *text;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	text = strdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return text;
}

static void
test_new_and_old_look_the_same(void **state)
{
	struct box *x = *state;
	cleanup_free char *fresh = NULL, *climbed = NULL;

	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	store_close(TAKE_PTR(x->s));
	fresh = shape(x->path);
	assert_true(box_released(x, STORE_SCHEMA_FIRST));
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	store_close(TAKE_PTR(x->s));
	climbed = shape(x->path);
	assert_non_null(strstr(fresh, "criterion secret"));
	assert_string_equal(fresh, climbed);
}

/* Killed at some moment of the climb: the next start finishes it. */
static void
test_killed_while_climbing(void **state)
{
	struct box *x = *state;
	uint64_t span_ns = clock_mono_ns();
	unsigned killed = 0;

	assert_true(box_released(x, STORE_SCHEMA_FIRST));
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	store_close(TAKE_PTR(x->s));
	span_ns = clock_mono_ns() - span_ns;
	for (unsigned i = 0; i < 24; i++) {
		pid_t pid;
		int status;

		assert_true(box_released(x, STORE_SCHEMA_FIRST));
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct store *s;

			_exit(store_open(x->path, statefill_key, &s) == 0 ? 0 : 1);
		}
		usleep((useconds_t)(span_ns / 1000 * i / 20)); /* the moment is what varies */
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
		everything_is_there(x->s);
		it_works_on(x->s);
		store_close(TAKE_PTR(x->s));
	}
	assert_true(killed > 0);
}

/* ---- the copy ---- */

static bool
copy_there(const struct box *x)
{
	char name[160];

	snprintf(name, sizeof name, "%s.before-upgrade", x->path);
	return access(name, F_OK) == 0;
}

static void
climbed(struct box *x, int schema)
{
	assert_true(box_released(x, schema));
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	assert_true(copy_there(x));
}

/* Of every released schema: it gives back what was there, to the last row, once. */
static void
test_copy_gives_back(void **state)
{
	struct box *x = *state;

	for (int schema = STORE_SCHEMA_FIRST; schema < store_schema(); schema++) {
		if (!box_released(x, schema))
			continue;
		climbed(x, schema);
		assert_true(id_of_new(x->s, STATEFILL_A, 1) > 0);
		store_close(TAKE_PTR(x->s));
		assert_true(copy_there(x));
		assert_int_equal(store_copy_put_back(x->path, (const uint8_t[STORE_KEY_LEN]){1}), -EBADMSG);
		assert_int_equal(number(x->path, "PRAGMA user_version"), store_schema());
		assert_int_equal(store_copy_put_back(x->path, statefill_key), 0);
		assert_int_equal(number(x->path, "PRAGMA user_version"), schema);
		assert_false(copy_there(x));
		assert_int_equal(store_copy_put_back(x->path, statefill_key), -ENOENT);
		assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
		everything_is_there(x->s);
		it_works_on(x->s);
		store_close(TAKE_PTR(x->s));
	}
}

enum end { DELETED, REVOKED, LIMIT_USED, KEY_ERASED, ENDS };

static void
some_end(struct store *s, enum end how)
{
	struct store_warrant w;
	uint64_t left = 1;

	switch (how) {
	case DELETED:
		assert_int_equal(store_delete_uid(s, STATEFILL_A, 1), 0);
		break;
	case REVOKED:
		assert_int_equal(store_warrant_get(s, STATEFILL_A, "W-2", &w), 0);
		w.revoked_ms = 1;
		assert_int_equal(store_warrant_set(s, &w), 0);
		store_warrant_free(&w);
		break;
	case LIMIT_USED:
		assert_int_equal(store_used_set(s, 1, &(struct store_used){.packets = 1}), 0);
		break;
	default:
		store_rollback(s);
		while (left > 0)
			assert_int_equal(store_rotate_step(s, 100, &left), 0);
		assert_int_equal(store_begin(s), 0);
	}
}

/* It is gone when the end is acknowledged, and there when it was only added to. */
static void
test_copy_goes_with_what_ends(void **state)
{
	struct box *x = *state;

	for (enum end how = 0; how < ENDS; how++) {
		climbed(x, STORE_SCHEMA_FIRST);
		assert_int_equal(store_begin(x->s), 0);
		assert_true(id_of_new(x->s, STATEFILL_A, 1) > 0);
		assert_int_equal(store_commit(x->s), 0);
		assert_true(copy_there(x));
		/* A tidied store has another connection. */
		assert_int_equal(store_tidy(x->s), 0);
		assert_int_equal(store_begin(x->s), 0);
		some_end(x->s, how);
		assert_int_equal(store_commit(x->s), 0);
		assert_false(copy_there(x));
		store_close(TAKE_PTR(x->s));
	}
}

/* Nothing of the key is left in its blocks: whoever still has the file open sees it. */
static void
test_copy_is_erased(void **state)
{
	static const uint8_t zero[4096];
	struct box *x = *state;
	uint8_t head[sizeof zero];
	char name[160];
	int fd;

	climbed(x, STORE_SCHEMA_FIRST);
	snprintf(name, sizeof name, "%s.before-upgrade", x->path);
	assert_true((fd = open(name, O_RDONLY)) >= 0);
	assert_int_equal(store_begin(x->s), 0);
	some_end(x->s, DELETED);
	assert_int_equal(store_commit(x->s), 0);
	assert_int_equal(pread(fd, head, sizeof head, 0), sizeof head);
	assert_memory_equal(head, zero, sizeof zero);
	close(fd);
}

static void
test_copy_does_not_last(void **state)
{
	const struct timespec old[2] = {{time(NULL) - 8 * 86400, 0}, {time(NULL) - 8 * 86400, 0}};
	struct box *x = *state;
	char name[160];

	climbed(x, STORE_SCHEMA_FIRST);
	store_close(TAKE_PTR(x->s));
	snprintf(name, sizeof name, "%s.before-upgrade", x->path);
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	assert_true(copy_there(x));
	store_close(TAKE_PTR(x->s));
	assert_int_equal(utimensat(AT_FDCWD, name, old, 0), 0);
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	assert_false(copy_there(x));
}

/* No room for it: nothing is changed, and nothing is left of the attempt. */
static void
test_no_copy_no_climb(void **state)
{
	struct box *x = *state;
	struct rlimit was, few;
	char name[160];
	int r;

	assert_true(box_released(x, STORE_SCHEMA_FIRST));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	few = (struct rlimit){40000, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
	r = store_open(x->path, statefill_key, &x->s);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(r, STORE_NO_COPY);
	assert_int_equal(number(x->path, "PRAGMA user_version"), STORE_SCHEMA_FIRST);
	snprintf(name, sizeof name, "%s.before-upgrade.new", x->path);
	assert_int_equal(access(name, F_OK), -1);
	assert_false(copy_there(x));
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	everything_is_there(x->s);
}

/* ---- refusals ---- */

static void
test_newer(void **state)
{
	struct box *x = *state;
	struct store_found v;
	char sql[128];

	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	store_close(TAKE_PTR(x->s));
	snprintf(
	    sql, sizeof sql, "PRAGMA user_version = %d; UPDATE machine SET software = 'x 9.9\n'", store_schema() + 1);
	assert_int_equal(sql_try(x->path, sql), SQLITE_OK);
	assert_int_equal(store_open(x->path, statefill_key, &x->s), STORE_NEWER);
	assert_null(x->s);
	assert_int_equal(store_look(x->path, &v), 0);
	assert_int_equal(v.schema, store_schema() + 1);
	assert_string_equal(v.software, "x?9.9?");
	assert_int_equal(number(x->path, "PRAGMA user_version"), store_schema() + 1);
}

static void
test_old_with_another_key(void **state)
{
	struct box *x = *state;
	uint8_t key[STORE_KEY_LEN] = {1};

	assert_true(box_released(x, STORE_SCHEMA_FIRST));
	assert_int_equal(store_open(x->path, key, &x->s), STORE_OTHER_KEY);
	assert_int_equal(number(x->path, "PRAGMA user_version"), STORE_SCHEMA_FIRST);
}

static void
test_head(void **state)
{
	uint8_t head[STORE_HEAD_LEN] = "SQLite format 3";

	(void)state;
	memcpy(head + 68, "Fltp", 4);
	head[63] = STORE_SCHEMA_FIRST;
	assert_int_equal(store_head(head, sizeof head), 0);
	for (size_t n = 1; n < sizeof head; n++)
		assert_int_equal(store_head(head, n), STORE_NOT_OURS);
	assert_int_equal(store_head(head, 0), 0); /* an empty file is a new one */
	head[63] = STORE_SCHEMA_FIRST - 1;
	assert_int_equal(store_head(head, sizeof head), STORE_TOO_OLD);
	head[63] = (uint8_t)(store_schema() + 1);
	assert_int_equal(store_head(head, sizeof head), STORE_NEWER);
	head[60] = 0xff; /* SQLite's number has a sign */
	assert_int_equal(store_head(head, sizeof head), STORE_TOO_OLD);
	head[68] ^= 1;
	assert_int_equal(store_head(head, sizeof head), STORE_NOT_OURS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_every_released_schema_opens, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_new_and_old_look_the_same, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_killed_while_climbing, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_copy_gives_back, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_copy_goes_with_what_ends, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_copy_is_erased, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_copy_does_not_last, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_no_copy_no_climb, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_newer, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_old_with_another_key, box_setup, box_teardown),
	    cmocka_unit_test(test_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
