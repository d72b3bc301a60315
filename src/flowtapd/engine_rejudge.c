/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_rejudge */
#include "engine_rejudge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "id_text.h"
#include "judge.h"
#include "log.h"

#define PARTS_TOLD 16 /* parts of a change after each of which the parent hears that it goes on */

enum concern {
	CONCERN_NONE,
	CONCERN_JUDGE,
	CONCERN_NEW
}; /* NEW: of an agency that was not configured: what stands starts */

struct rejudge {
	struct engine *engine;
	enum rejudge_what what;
	const struct conf *by; /* NULL: nothing is under way */
	void (*done)(struct engine *e, int err);
	uint8_t *concern; /* of each agency of by: enum concern; owned */
	/* The agency whose turn it is, by its place in by, and how far it came. */
	uint32_t at;
	struct store_part part;
	uint64_t stood, fallen, unread;
	/* What falls of this part. */
	size_t n;
	uint64_t uid[ENGINE_PART_MAX];
	uint32_t id[ENGINE_PART_MAX];
	enum judge_fault fault[ENGINE_PART_MAX];
	bool due; /* the next part is to be done */
	uint64_t parts;
};

int
engine_rejudge_start(struct engine *e)
{
	struct rejudge *j = calloc(1, sizeof *j);

	if (j == NULL)
		return -ENOMEM;
	j->engine = e;
	e->rejudge = j;
	return 0;
}

void
engine_rejudge_stop(struct engine *e)
{
	struct rejudge *j = e->rejudge;

	j->by = NULL;
	free(TAKE_PTR(j->concern));
}

void
engine_rejudge_free(struct engine *e)
{
	engine_rejudge_stop(e);
	json_decref(TAKE_PTR(e->ends));
	json_decref(TAKE_PTR(e->starts));
	free(TAKE_PTR(e->rejudge));
}

/* ---- one part ---- */

static const struct conf_agency *
agency_of(const struct rejudge *j)
{
	return &j->by->agency[j->at];
}

static enum judge_fault
judge(const struct engine *e, const struct conf *conf, const struct conf_agency *a, uint64_t before,
    const struct store_row *row)
{
	enum judge_fault f = judge_row(conf, a, before, row);

	return f == JUDGE_OK && row->warrant && !engine_warrant_holds(e, conf, row->warrant) ? JUDGE_WARRANT : f;
}

static int
row_start(struct rejudge *j, const struct store_row *row)
{
	const struct agency *a = agency_named(j->engine->agency, j->engine->nagency, agency_of(j)->name);

	return engine_place_put(j->engine, a->no, row);
}

static int
row_see(void *arg, uint32_t id, const struct store_row *row)
{
	struct rejudge *j = arg;
	enum judge_fault f;

	if (row == NULL) {
		j->unread++;
		return 0;
	}
	if (engine_late_gone(j->engine, row->uid))
		return 0;
	if ((f = judge(j->engine, j->by, agency_of(j), j->stood, row)) == JUDGE_OK) {
		j->stood++;
		return j->what == REJUDGE_END && j->concern[j->at] == CONCERN_NEW ? row_start(j, row) : 0;
	}
	j->uid[j->n] = row->uid;
	j->id[j->n] = id;
	j->fault[j->n++] = f;
	return 0;
}

/* One line for all that fall for one reason. */
static int
fault_record(struct rejudge *j, enum judge_fault f, bool late)
{
	struct id_text ids = {0};
	uint64_t uid[ENGINE_PART_MAX];
	char reason[128];
	struct audit_event v = {.kind = "ended", .agency = agency_of(j)->name, .reason = reason};
	size_t n = 0;
	int r;

	for (size_t i = 0; i < j->n; i++)
		if (j->fault[i] == f) {
			id_text_add(&ids, j->id[i]);
			uid[n++] = j->uid[i];
		}
	if (n == 0)
		return 0;
	snprintf(reason, sizeof reason, "%s%s",
	    f == JUDGE_WARRANT ? "" : "the configuration no longer allows it: ", judge_reason(f));
	v.ids = id_text_end(&ids);
	r = ids.text.err;
	if (r == 0 && late)
		r = engine_late_add(
		    j->engine, &v, &(struct late_debt){.uid = uid, .nuid = n, .agency = agency_of(j)->name});
	else if (r == 0)
		r = engine_audit_add(j->engine, &v);
	buf_free(&ids.text);
	return r;
}

static int
part_record(struct rejudge *j, bool late)
{
	int r = 0;

	for (enum judge_fault f = JUDGE_OK + 1; r == 0 && f < JUDGE_FAULTS; f++)
		r = fault_record(j, f, late);
	return r;
}

static int
part_write(struct rejudge *j)
{
	struct engine *e = j->engine;
	int r;

	if (!engine_disk_ready(e))
		return -ENOSPC;
	r = engine_txn_begin(e);
	for (size_t i = 0; r == 0 && i < j->n; i++)
		r = store_delete_uid(e->store, agency_of(j)->name, j->uid[i]);
	if (r == 0)
		r = part_record(j, false);
	if (r == 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	engine_disk_failed(e, r);
	return r;
}

/* The store hears of it now or later; half of a part that can't even be owed is what the next daemon does again. */
static void
part_end(struct rejudge *j)
{
	const char *name = agency_of(j)->name;
	int r = part_write(j);

	if (r < 0)
		r = part_record(j, true);
	if (r < 0)
		fatal(r, "agency %s: criteria that the configuration no longer allows can't be ended", name);
	engine_agency_lost(j->engine, name, j->n);
	if (j->what == REJUDGE_END)
		engine_delete_uids(j->engine, j->uid, j->n);
}

/* 1: there are more. */
static int
part_do(struct rejudge *j)
{
	int r;

	j->n = 0;
	j->part.max = ENGINE_PART_MAX;
	if ((r = store_rows(j->engine->store, agency_of(j)->name, &j->part, row_see, j)) < 0)
		return r;
	engine_aside_tell(j->engine);
	j->fallen += j->n;
	if (j->n > 0 && j->what != REJUDGE_COUNT)
		part_end(j);
	return j->part.more;
}

/* ---- agency by agency ---- */

static void
ends_add(struct engine *e, const char *agency, uint64_t n, bool kept)
{
	if (e->ends)
		json_array_append_new(
		    e->ends, json_pack("{s:s,s:I,s:b}", "agency", agency, "criteria", (json_int_t)n, "kept", kept));
}

/* "1 criterion stops", "2 criteria stop" */
static const char *
number_say(char room[static 64], uint64_t n, const char *verb)
{
	snprintf(room, 64, n == 1 ? "%llu criterion %ss" : "%llu criteria %s", (unsigned long long)n, verb);
	return room;
}

static void
agency_back(struct rejudge *j)
{
	struct engine *e = j->engine;
	const char *name = agency_of(j)->name;
	char reason[128], number[64];

	if (e->starts)
		json_array_append_new(
		    e->starts, json_pack("{s:s,s:I}", "agency", name, "criteria", (json_int_t)j->stood));
	if (j->what == REJUDGE_COUNT)
		return;
	snprintf(reason, sizeof reason, "it is configured again: %s", number_say(number, j->stood, "start"));
	engine_audit_happened(e, &(struct audit_event){.kind = "started", .agency = name, .reason = reason});
}

static void
agency_end(struct rejudge *j)
{
	struct engine *e = j->engine;
	const char *name = agency_of(j)->name;

	if (j->unread)
		log_warnx("agency %s: %llu stored criteria can't be read: they are set aside, and not active", name,
		    (unsigned long long)j->unread);
	if (j->concern[j->at] == CONCERN_NEW && j->stood > 0)
		agency_back(j);
	if (j->fallen == 0)
		return;
	ends_add(e, name, j->fallen, false);
	if (j->what == REJUDGE_COUNT)
		return;
	if (!engine_event(e, ENGINE_WARNING, EVENT_CONFIGURATION,
		"agency %s: criteria that are not allowed any more have ended: %llu; the record tells why", name,
		(unsigned long long)j->fallen))
		log_warnx("agency %s: criteria that are not allowed any more have ended: %llu; the record tells why",
		    name, (unsigned long long)j->fallen);
}

/* To the next agency that is concerned; false: that was the last one. */
static bool
agency_next(struct rejudge *j, uint32_t at)
{
	while (at < j->by->nagency && j->concern[at] == CONCERN_NONE)
		at++;
	j->at = at;
	j->part = (struct store_part){0};
	j->stood = j->fallen = j->unread = 0;
	return at < j->by->nagency;
}

/* 1: go on. */
static int
step(struct rejudge *j)
{
	int r;

	if (j->at >= j->by->nagency)
		return 0;
	if ((r = part_do(j)) != 0)
		return r;
	agency_end(j);
	return agency_next(j, j->at + 1);
}

static void
on_step(void *arg)
{
	struct rejudge *j = arg;
	struct engine *e = j->engine;
	int r;

	j->due = false;
	if (j->by == NULL)
		return;
	if ((r = step(j)) == 1 && ++j->parts % PARTS_TOLD == 0)
		r = chan_send(e->parent, IPC_P_WORKING, 0, NULL, 0) < 0 ? -EPIPE : 1;
	if (r == 1) {
		loop_defer(e->loop, on_step, j);
		j->due = true;
		return;
	}
	engine_rejudge_stop(e);
	j->done(e, r);
}

/* ---- what is concerned ---- */

static int
begin(struct engine *e, enum rejudge_what what, const struct conf *by)
{
	struct rejudge *j = e->rejudge;

	engine_rejudge_stop(e);
	json_decref(e->ends);
	json_decref(e->starts);
	e->ends = json_array();
	e->starts = json_array();
	if (e->ends == NULL || e->starts == NULL || (j->concern = calloc((size_t)by->nagency + 1, 1)) == NULL)
		return -ENOMEM;
	j->what = what;
	j->by = by;
	return 0;
}

/* Its criteria stay stored. */
static void
agency_gone(struct engine *e, enum rejudge_what what, const char *name)
{
	const uint64_t late = engine_late_count(e, name);
	uint64_t n = 0;
	char reason[128], number[64];

	if (store_count(e->store, name, &n) < 0 || n <= late)
		return;
	ends_add(e, name, n - late, true);
	if (what == REJUDGE_COUNT)
		return;
	snprintf(reason, sizeof reason, "it is no longer configured: %s", number_say(number, n - late, "stop"));
	engine_audit_happened(e, &(struct audit_event){.kind = "stopped", .agency = name, .reason = reason});
}

/* By what is in force: one that is not has none that are counted. */
static bool
has_criteria(const struct engine *e, const char *name)
{
	const struct agency *a = agency_named(e->agency, e->nagency, name);
	uint64_t n = 1; /* where it can't be known it is looked at */

	if (a)
		return a->criteria > 0;
	return store_count(e->store, name, &n) < 0 || n > 0;
}

/* What the change means for an agency that is configured from now on. */
static enum concern
concern_of(const struct engine *e, const struct conf *was, const struct conf *by, const struct conf_agency *a)
{
	const struct conf_agency *before = conf_agency_find(was, a->name);

	if ((before && !judge_narrows(was, before, by, a)) || !has_criteria(e, a->name))
		return CONCERN_NONE;
	return before ? CONCERN_JUDGE : CONCERN_NEW;
}

void
engine_rejudge(struct engine *e, enum rejudge_what what, const struct conf *was, const struct conf *by,
    void (*done)(struct engine *e, int err))
{
	struct rejudge *j = e->rejudge;
	int r = begin(e, what, by);

	if (r < 0) {
		done(e, r);
		return;
	}
	j->done = done;
	for (uint32_t i = 0; i < by->nagency; i++)
		j->concern[i] = (uint8_t)concern_of(e, was, by, &by->agency[i]);
	for (uint32_t i = 0; i < was->nagency; i++)
		if (conf_agency_find(by, was->agency[i].name) == NULL)
			agency_gone(e, what, was->agency[i].name);
	if (agency_next(j, 0)) {
		if (!j->due)
			loop_defer(e->loop, on_step, j);
		j->due = true;
		return;
	}
	engine_rejudge_stop(e);
	done(e, 0);
}

/* ---- at a start ---- */

bool
engine_rejudge_stands(struct engine *e, struct agency *a, const struct store_row *row)
{
	if (judge(e, e->conf, a->conf, a->stood, row) != JUDGE_OK) {
		a->fell = e->fell = true;
		return false;
	}
	a->stood++;
	return true;
}

int
engine_rejudge_fallen(struct engine *e)
{
	struct rejudge *j = e->rejudge;
	int r;

	if (!e->fell)
		return 0;
	e->fell = false;
	if ((r = begin(e, REJUDGE_START, e->conf)) < 0)
		return r;
	for (uint32_t i = 0; i < j->by->nagency; i++)
		if (agency_named(e->agency, e->nagency, j->by->agency[i].name)->fell)
			j->concern[i] = CONCERN_JUDGE;
	(void)agency_next(j, 0);
	while ((r = step(j)) == 1)
		;
	engine_rejudge_stop(e);
	return r;
}
