/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_archive */
#include "engine_archive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "engine_time.h"
#include "log.h"

#define STEP 256 /* lines that are deleted in one transaction */
#define DAY_MS 86400000ll

int
engine_archive_start(struct engine *e)
{
	return store_archived(e->store, &e->audit.archived);
}

/* Of what is deleted nothing is told: the line that told of it is there. */
void
engine_archive_step(void *engine)
{
	struct engine *e = engine;
	int r, n;

	if (e->audit.archived == e->audit.dropped || engine_disk_refuses(e))
		return;
	if ((r = n = engine_txn_begin(e)) == 0)
		r = n = store_archived_drop(e->store, STEP);
	if (r >= 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	if (r < 0)
		log_warn(
		    r, "audit: lines that were archived are not deleted yet"); /* the next checkpoint tries again */
	else if (n == STEP)
		loop_defer(e->loop, engine_archive_step, e);
	else
		e->audit.dropped = e->audit.archived;
}

/* ---- what is asked for ---- */

/* text, and a number behind it. */
static int
refuse(char *why, size_t size, const char *text, uint64_t n)
{
	snprintf(why, size, "%s %" PRIu64, text, n);
	return -EPERM;
}

/* The last line that is old enough; the clock may have been set in between, so that is where it is by their order. */
static uint64_t
old_last(struct engine *e, int64_t before_ms)
{
	uint64_t first = e->audit.archived, last = e->audit.signed_n;

	while (last - first > 1) {
		const uint64_t n = first + (last - first) / 2;
		int64_t ms;

		if (engine_audit_line_ms(e, n, &ms) == 0 && ms < before_ms)
			first = n;
		else
			last = n;
	}
	return first;
}

static int
stays(struct engine *e, int64_t before_ms, char *why, size_t size)
{
	const uint64_t last = old_last(e, before_ms);
	char text[96];

	if (last == e->audit.archived) {
		snprintf(why, size, "no line is older than \"audit retention\", %u days", e->conf->retention_days);
		return -EPERM;
	}
	snprintf(
	    text, sizeof text, "\"audit retention\" is %u days: the last that may go is line", e->conf->retention_days);
	return refuse(why, size, text, last);
}

static int
judge(struct engine *e, const struct audit_chain *known, char *why, size_t size)
{
	const int64_t days = e->conf->retention_days, before = clock_wall_ms() - days * DAY_MS;
	const char *full = engine_refuses(e); /* what there is then is for ends */
	struct audit_chain have;
	int64_t ms;
	int r;

	if (full) {
		snprintf(why, size, "%s", full);
		return -EPERM;
	}
	if (days == 0) {
		snprintf(why, size, "nothing leaves the record: no \"audit retention\" is configured");
		return -EPERM;
	}
	if (engine_time_alarm(e, why, size))
		return -EPERM;
	if (known->n <= e->audit.archived)
		return refuse(why, size, "what has left the record already ends with line", e->audit.archived);
	if (known->n > e->audit.chain.n)
		return refuse(why, size, "the record ends with line", e->audit.chain.n);
	if ((r = engine_audit_line_chain(e, known->n, &have)) < 0 || (r = engine_audit_line_ms(e, known->n, &ms)) < 0) {
		(void)refuse(why, size, "can't be read: line", known->n);
		return r;
	}
	if (strcmp(have.hash, known->hash) != 0)
		return refuse(why, size, "what you have is not this record: another hash has its line", known->n);
	return ms < before && known->n < e->audit.signed_n ? 0 : stays(e, before, why, size);
}

/* ---- what stays of it ---- */

static int
warrant_keep(struct engine *e, const struct authority *a)
{
	char state[PROOF_STATE_TEXT], signers[PROOF_SIGNERS_TEXT];
	struct store_warrant w;
	int r = store_warrant_get(e->store, a->warrant.agency, a->warrant.ref, &w);

	if (r < 0)
		return r;
	engine_proof_spell(&a->state, state);
	engine_proof_signers(&a->state, signers);
	r = engine_audit_add(e, &(struct audit_event){.kind = "warrant-kept",
				    .agency = a->warrant.agency,
				    .warrant = a->warrant.ref,
				    .uid = a->state.entered_uid,
				    .have_uid = true,
				    .signer = *signers ? signers : NULL,
				    .reason = state,
				    .request = {(const char *)w.text.p, w.text.len}});
	store_warrant_free(&w);
	return r;
}

/* One that is unproved stays so: nobody's word makes it another. */
static int
lines_add(struct engine *e, uint32_t uid, const struct audit_chain *known)
{
	char reason[AUDIT_HASH_HEX + 96];
	const struct authority *a;
	int r = 0;

	LIST_FOREACH (a, &e->authorities, entry)
		if (!a->unproved && r == 0)
			r = warrant_keep(e, a);
	snprintf(reason, sizeof reason,
	    "lines %" PRIu64 " to %" PRIu64 ", the last with the hash %s, have left the record", e->audit.archived + 1,
	    known->n, known->hash);
	if (r == 0)
		r = engine_audit_add(
		    e, &(struct audit_event){.kind = "archived", .uid = uid, .have_uid = true, .reason = reason});
	return r < 0 ? r : engine_proof_line(e);
}

int
engine_archive(struct engine *e, uint32_t uid, const char *text, char *why, size_t size)
{
	struct audit_chain known;
	int r;

	if ((r = audit_chain_parse(text, &known)) < 0) {
		snprintf(why, size, "audit archive: expected the number of a line, a colon and its hash");
		return r;
	}
	if ((r = judge(e, &known, why, size)) < 0)
		return r;
	snprintf(why, size, "the record can't be written");
	if ((r = engine_txn_begin(e)) == 0 && (r = lines_add(e, uid, &known)) == 0)
		r = store_archive(e->store, known.n);
	if (r < 0) {
		engine_txn_rollback(e);
		return r;
	}
	if ((r = engine_txn_commit(e)) < 0)
		return r;
	e->audit.archived = known.n;
	loop_defer(e->loop, engine_archive_step, e);
	return 0;
}
