/* SPDX-License-Identifier: BSD-2-Clause */
/* What is owed to the record and the store: none takes another's room, it is paid in parts, and a daemon that is killed
 * in between forgets no end and tells of none twice.  The store, the record and the loop are counters here. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"

#define UIDS 3000
#define LINES 1024 /* that are kept of one agency */

static struct {
	struct engine e;
	void (*soon)(void *arg);
	bool full;
	int commit; /* what a commit says */
	unsigned deleted[UIDS + 1];
	unsigned lines, lea1, lea2, other, lost, revoked;
	char lost_of[8], lost_why[64];
	uint64_t txn_uid[ENGINE_PART_MAX + 1];
	struct audit_event txn_line[ENGINE_PART_MAX + 1];
	unsigned nuid, nline, recounts, alarms;
	struct conf conf;
	char ended_why[256], ended_ids[256];
} t;

/* ---- what engine_late.c calls ---- */

const char *
engine_disk_refuses(struct engine *e)
{
	(void)e;
	return t.full ? "full" : NULL;
}

int
engine_txn_begin(struct engine *e)
{
	(void)e;
	t.nuid = t.nline = 0;
	return 0;
}

void
engine_txn_rollback(struct engine *e)
{
	(void)e;
	t.nuid = t.nline = 0;
}

int
engine_txn_commit(struct engine *e)
{
	(void)e;
	if (t.commit < 0)
		return t.commit;
	for (unsigned i = 0; i < t.nuid; i++)
		t.deleted[t.txn_uid[i]]++;
	t.lines += t.nline;
	for (unsigned i = 0; i < t.nline; i++) {
		const char *of = t.txn_line[i].agency;

		if (strcmp(t.txn_line[i].kind, "lines-lost") == 0)
			t.lost++;
		else if (of == NULL)
			t.other++;
		else
			(*(strcmp(of, "lea1") == 0 ? &t.lea1 : &t.lea2))++;
	}
	return 0;
}

static void
row_of_part(void)
{
	assert_in_range(t.nuid + t.nline, 0, ENGINE_PART_MAX - 1);
}

int
engine_audit_add(struct engine *e, const struct audit_event *event)
{
	(void)e;
	row_of_part();
	if (strcmp(event->kind, "lines-lost") == 0) {
		snprintf(t.lost_of, sizeof t.lost_of, "%s", event->agency ? event->agency : "");
		snprintf(t.lost_why, sizeof t.lost_why, "%s", event->reason);
	}
	if (strcmp(event->kind, "ended") == 0) {
		snprintf(t.ended_why, sizeof t.ended_why, "%s", event->reason);
		snprintf(t.ended_ids, sizeof t.ended_ids, "%.*s", (int)event->ids.len, event->ids.p);
	}
	t.txn_line[t.nline++] = (struct audit_event){
	    .kind = strcmp(event->kind, "lines-lost") == 0 ? "lines-lost" : "line",
	    .agency = event->agency == NULL                ? NULL
		      : strcmp(event->agency, "lea1") == 0 ? "lea1"
							   : "lea2"};
	return 0;
}

int
engine_audit_now(struct engine *e, const struct audit_event *event)
{
	(void)e;
	(void)event;
	return 0;
}

int
store_delete_uid(struct store *s, const char *agency, uint64_t uid)
{
	(void)s;
	assert_string_equal(agency, "lea1");
	row_of_part();
	t.txn_uid[t.nuid++] = uid;
	return t.deleted[uid] ? -ENOENT : 0;
}

/* Criteria 1 to UIDS are lea1's, and stored until they are deleted. */
int
store_ids_of_uid(struct store *s, uint64_t uid, char agency[static DTCP_NAME_MAX + 1], uint32_t *id)
{
	(void)s;
	if (uid == 0 || uid > UIDS || t.deleted[uid])
		return -ENOENT;
	snprintf(agency, DTCP_NAME_MAX + 1, "lea1");
	*id = (uint32_t)uid;
	return 0;
}

int
store_warrant_each(struct store *s, const char *agency, int (*cb)(void *arg, const struct store_warrant *w), void *arg)
{
	const struct store_warrant w = {.no = 9, .agency = "lea1", .ref = "W1", .revoked_ms = t.revoked};

	(void)s;
	assert_null(agency);
	return cb(arg, &w);
}

void
engine_alarm(struct engine *e, const char *text)
{
	(void)e;
	(void)text;
	t.alarms++;
}

int
store_warrant_get(struct store *s, const char *agency, const char *ref, struct store_warrant *out)
{
	(void)s;
	(void)agency;
	assert_string_equal(ref, "W1");
	*out = (struct store_warrant){0};
	return 0;
}

int
store_warrant_set(struct store *s, const struct store_warrant *w)
{
	(void)s;
	assert_int_equal(w->revoked_uid, 7);
	assert_true(w->revoked_ms > 0);
	t.revoked++;
	return 0;
}

void
store_warrant_free(struct store_warrant *w)
{
	(void)w;
}

/* The record tells of the state that the row has. */
int
engine_warrant_paid(struct engine *e, const struct store_warrant *w)
{
	(void)e;
	assert_int_equal(w->revoked_uid, 7);
	return 0;
}

void
engine_agency_recount(struct engine *e, const char *name)
{
	assert_string_equal(name, "lea1");
	assert_int_equal(engine_late_count(e, name), 0);
	t.recounts++;
}

void
loop_defer(struct loop *l, void (*cb)(void *arg), void *arg)
{
	(void)l;
	assert_null(t.soon);
	assert_ptr_equal(arg, &t.e);
	t.soon = cb;
}

/* ---- */

static int
daemon_ends(void **state)
{
	(void)state;
	engine_late_fini(&t.e.late);
	return 0;
}

static void
daemon_begins(void)
{
	memset(&t.e, 0, sizeof t.e);
	t.e.conf = &t.conf;
	t.conf.max_criteria = UIDS;
	t.soon = NULL;
	engine_late_init(&t.e.late);
	assert_int_equal(engine_late_start(&t.e), 0);
}

static int
begin(void **state)
{
	int fd = memfd_create("owed", 0);

	(void)state;
	memset(&t, 0, sizeof t);
	if (fd < 0 || dup2(fd, DAEMON_FD_OWED) < 0 || fcntl(DAEMON_FD_OWED, F_SETFL, O_APPEND) < 0)
		return -1;
	close(fd);
	if ((fd = memfd_create("ended", 0)) < 0 || dup2(fd, DAEMON_FD_ENDED) < 0)
		return -1;
	close(fd);
	daemon_begins();
	return 0;
}

static off_t
file_size(void)
{
	return lseek(DAEMON_FD_OWED, 0, SEEK_END);
}

static void
line(const char *agency)
{
	assert_int_equal(engine_late_add(&t.e, &(struct audit_event){.kind = "add", .agency = agency}, NULL), 0);
}

/* Criteria 1 to UIDS, and a warrant's end. */
static void
debt(void)
{
	static uint64_t uid[UIDS];

	for (unsigned i = 0; i < UIDS; i++)
		uid[i] = i + 1;
	assert_int_equal(
	    engine_late_add(&t.e, &(struct audit_event){.kind = "warrant-revoked", .agency = "lea1"},
		&(struct late_debt){.uid = uid, .nuid = UIDS, .agency = "lea1", .revoked = "W1", .revoked_by = 7}),
	    0);
}

/* DELETE of one criterion, in so many bytes. */
static void
end(uint64_t uid, size_t bytes)
{
	static char words[65536];

	assert_int_equal(
	    engine_late_add(&t.e,
		&(struct audit_event){
		    .kind = "delete", .agency = "lea1", .request = {words, bytes}, .parsed = {words, bytes}},
		&(struct late_debt){.uid = &uid, .nuid = 1, .agency = "lea1"}),
	    0);
}

static bool
part(void)
{
	void (*cb)(void *arg) = t.soon;

	t.soon = NULL;
	if (cb)
		cb(&t.e);
	return cb != NULL;
}

static unsigned
deleted(unsigned least, unsigned most)
{
	unsigned n = 0;

	for (unsigned i = 1; i <= UIDS; i++) {
		assert_in_range(t.deleted[i], least, most);
		n += t.deleted[i];
	}
	return n;
}

static void
shares(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LINES + 5; i++)
		line("lea1");
	for (unsigned i = 0; i < 3; i++)
		line("lea2");
	line(NULL);
	debt();
	for (unsigned i = 0; i < 3; i++)
		line("lea2");
	assert_int_equal(t.e.late.dropped, 5);
	engine_late_flush(&t.e);
	while (part())
		;
	assert_int_equal(t.lea1, LINES + 1);
	assert_int_equal(t.lea2, 6);
	assert_int_equal(t.other, 1);
	assert_int_equal(t.lost, 1);
	assert_string_equal(t.lost_of, "lea1");
	assert_string_equal(t.lost_why, "5 lines could not be kept");
	assert_int_equal(t.e.late.n + t.e.late.dropped, 0);
	line("lea1");
	assert_int_equal(t.e.late.n, 1); /* it has room again */
}

static void
parts(void **state)
{
	(void)state;
	line("lea2");
	debt();
	t.full = true;
	engine_late_flush(&t.e);
	assert_false(part());
	t.full = false;
	t.commit = -EIO;
	engine_late_flush(&t.e);
	assert_false(part()); /* the watch asks again */
	assert_int_equal(engine_late_count(&t.e, "lea1"), UIDS);
	t.commit = 0;
	engine_late_flush(&t.e);
	assert_int_equal(deleted(0, 1), ENGINE_PART_MAX - 1);
	assert_int_equal(engine_late_count(&t.e, "lea1"), UIDS - ENGINE_PART_MAX + 1);
	assert_int_equal(engine_late_count(&t.e, "lea2"), 0);
	assert_false(engine_late_gone(&t.e, ENGINE_PART_MAX - 1));
	assert_true(engine_late_gone(&t.e, ENGINE_PART_MAX));
	assert_true(engine_late_revoked(&t.e, "lea1", "W1"));
	assert_true(file_size() > 0);
	engine_late_flush(&t.e); /* the watch's, in between: one part more */
	assert_int_equal(t.lines, 1);
	line("lea2");
	while (part())
		;
	assert_int_equal(deleted(1, 1), UIDS);
	assert_int_equal(t.lines, 3);
	assert_int_equal(t.revoked, 1);
	assert_int_equal(t.recounts, 1);
	assert_false(engine_late_revoked(&t.e, "lea1", "W1"));
	assert_int_equal(file_size(), 0);
}

/* Behind each part; and behind the store and before the file, then that part is paid twice, no more. */
static void
killed(void **state)
{
	for (unsigned after = 0; after <= 6; after++)
		for (unsigned before_file = 0; before_file <= 1; before_file++) {
			off_t size = 0;

			(void)daemon_ends(state);
			assert_int_equal(begin(state), 0);
			for (unsigned i = 0; i < 3; i++)
				line("lea2");
			debt();
			for (unsigned i = 0; i < ENGINE_PART_MAX; i++)
				line("lea1");
			for (unsigned i = 0; i < after; i++) {
				size = file_size();
				if (i == 0)
					engine_late_flush(&t.e);
				else
					(void)part();
			}
			if (before_file && file_size() > size && after)
				assert_int_equal(ftruncate(DAEMON_FD_OWED, size), 0);
			else
				size = 0;
			(void)daemon_ends(state);
			daemon_begins();
			for (uint64_t i = 1; i <= UIDS; i++)
				assert_true(engine_late_gone(&t.e, i) || t.deleted[i]);
			line("lea2");
			engine_late_flush(&t.e);
			while (part())
				;
			assert_in_range(deleted(1, size ? 2 : 1), UIDS, UIDS + ENGINE_PART_MAX);
			assert_in_range(
			    t.lines, 5 + ENGINE_PART_MAX, 5 + ENGINE_PART_MAX + (size ? ENGINE_PART_MAX : 0));
			assert_int_equal(file_size(), 0);
		}
}

static void
put_in_place(const char *path, int at)
{
	const int fd = open(path, O_RDWR);

	assert_true(fd >= 0 && dup2(fd, at) == at);
	close(fd);
}

/* One agency's words fill neither memory nor the run directory: without words, then without lines. */
static void
floods(void **state)
{
	size_t most = 2 * (256u << 10) + (64u << 10);

	(void)state;
	for (unsigned i = 1; i <= UIDS; i++)
		end(i, 65000);
	assert_true(t.e.late.n <= LINES);
	assert_int_equal(t.e.late.n + t.e.late.bare, UIDS);
	assert_true((size_t)file_size() < most);
	line("lea2");
	assert_int_equal(t.e.late.dropped, 0);
	for (unsigned i = 1; i <= UIDS; i++)
		assert_true(engine_late_gone(&t.e, i));
	assert_int_equal(engine_late_count(&t.e, "lea1"), UIDS);
	engine_late_flush(&t.e);
	while (part())
		;
	assert_int_equal(deleted(1, 1), UIDS);
	assert_non_null(strstr(t.ended_why, "ends in all"));
	assert_int_equal(t.recounts, 1);
	assert_int_equal(t.e.late.n + t.e.late.bare + file_size() + t.alarms, 0);
	assert_false(engine_late_gone(&t.e, UIDS));
}

/* No room for a line, there is for the end: and the next daemon knows of it. */
static void
no_room_for_lines(void **state)
{
	put_in_place("/dev/full", DAEMON_FD_OWED);
	t.e.late.file.fd = DAEMON_FD_OWED;
	end(5, 100);
	end(6, 100);
	assert_int_equal(engine_late_add(&t.e, &(struct audit_event){.kind = "warrant-revoked", .agency = "lea1"},
			     &(struct late_debt){.agency = "lea1", .revoked = "W1", .revoked_by = 7, .revoked_no = 9}),
	    0);
	assert_int_equal(t.alarms, 0);
	(void)daemon_ends(state);
	daemon_begins();
	assert_true(engine_late_gone(&t.e, 5) && engine_late_gone(&t.e, 6) && !engine_late_gone(&t.e, 7));
	assert_true(engine_late_revoked(&t.e, "lea1", "W1"));
	engine_late_flush(&t.e);
	while (part())
		;
	assert_int_equal(deleted(0, 1), 2);
	assert_string_equal(t.ended_ids, "5-6");
	assert_int_equal(t.revoked, 1);
	(void)daemon_ends(state);
	daemon_begins();
	assert_int_equal(engine_late_lines(&t.e), 0);
}

static bool
is_none(void *arg, uint64_t slot)
{
	(void)arg;
	(void)slot;
	return false;
}

/* Numbers that are paid make room for others; and without a file it is said. */
static void
numbers(void **state)
{
	uint64_t uid = 1;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (uint64_t i = 1; i <= UIDS; i++)
			assert_int_equal(late_ends_put(&t.e.late.ends, &i, 1), 0);
		late_ends_compact(&t.e.late.ends, is_none, NULL);
		assert_int_equal(t.e.late.ends.n, 0);
	}
	assert_true(t.e.late.ends.max < 2 * UIDS);
	late_ends_clear(&t.e.late.ends);
	put_in_place("/dev/null", DAEMON_FD_OWED);
	put_in_place("/dev/null", DAEMON_FD_ENDED);
	(void)daemon_ends(state);
	daemon_begins();
	assert_non_null(engine_late_unready(&t.e));
	end(uid, 10);
	assert_true(engine_late_gone(&t.e, uid));
	assert_int_equal(t.alarms, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(shares, begin, daemon_ends),
	    cmocka_unit_test_setup_teardown(parts, begin, daemon_ends),
	    cmocka_unit_test_setup_teardown(killed, begin, daemon_ends),
	    cmocka_unit_test_setup_teardown(floods, begin, daemon_ends),
	    cmocka_unit_test_setup_teardown(no_room_for_lines, begin, daemon_ends),
	    cmocka_unit_test_setup_teardown(numbers, begin, daemon_ends)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
