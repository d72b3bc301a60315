/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Warrants: entered by one officer, approved by another, gone by ever after.  Which
 * one an ADD stands on, and what becomes of criteria whose warrant is revoked.
 *
 * exports: engine_warrant_ */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "engine_time.h"
#include "hashmap.h"
#include "judge.h"
#include "log.h"

static void
authority_free(struct authority *a)
{
	if (a)
		warrant_free(&a->warrant);
	free(a);
}

/* What can't be read has a name only: no state, and no authority. */
static int
text_take(const struct engine *e, struct authority *a, const struct store_warrant *s)
{
	struct warrant_error err;
	int r;

	if (s->damaged)
		return 0;
	if ((r = warrant_parse((struct slice){(const char *)s->text.p, s->text.len}, &a->warrant, &err)) == 0)
		r = engine_proof_state(e, s, &a->state);
	return r == -EINVAL ? 0 : r;
}

/* *out: owned by the caller, until it is in the list. */
static int
authority_new(const struct engine *e, const struct store_warrant *s, struct authority **out)
{
	struct authority *a = calloc(1, sizeof *a);
	int r = a ? text_take(e, a, s) : -ENOMEM;

	if (r < 0) {
		authority_free(a);
		return r;
	}
	/* Of one that was changed they are anybody's bytes. */
	if (warrant_word_ok((struct slice){s->agency, strlen(s->agency)}, CONF_NAME_MAX))
		memcpy(a->warrant.agency, s->agency, strlen(s->agency) + 1);
	if (warrant_word_ok((struct slice){s->ref, strlen(s->ref)}, WARRANT_REF_MAX))
		memcpy(a->warrant.ref, s->ref, strlen(s->ref) + 1);
	a->no = s->no;
	a->approved = s->approved_ms != 0;
	a->revoked = s->revoked_ms != 0;
	*out = a;
	return 0;
}

static int
load_one(void *arg, const struct store_warrant *s)
{
	struct engine *e = arg;
	struct authority *a;
	int r = authority_new(e, s, &a);

	if (r < 0)
		return r;
	a->revoked = a->revoked || engine_late_revoked(e, s->agency, s->ref);
	LIST_INSERT_HEAD(&e->authorities, a, entry);
	return 0;
}

enum holds { HOLDS_NOT, HOLDS_UNSIGNED, HOLDS_SIGNED };

/* Whether criteria may stand on it, at any time. */
static int
holding_note(struct engine *e, const struct authority *a)
{
	if (a->approved && !a->revoked && !a->unproved)
		return hashmap_put(e->holding, a->no,
		    engine_sign_suffices(&(const struct conf){.signatures_required = true}, &a->state)
			? HOLDS_SIGNED
			: HOLDS_UNSIGNED);
	(void)hashmap_remove(e->holding, a->no);
	return 0;
}

bool
engine_warrant_holds(const struct engine *e, const struct conf *conf, uint64_t no)
{
	return hashmap_get(e->holding, no) >= (conf->signatures_required ? HOLDS_SIGNED : HOLDS_UNSIGNED);
}

int
engine_warrant_start(struct engine *e)
{
	struct authority *a;
	int r = hashmap_new(&e->holding);

	LIST_INIT(&e->authorities);
	if (r == 0 && (r = store_warrant_each(e->store, NULL, load_one, e)) == 0)
		r = engine_proof_start(e);
	LIST_FOREACH (a, &e->authorities, entry)
		if (r == 0)
			r = holding_note(e, a);
	return r;
}

/* ---- an ADD's ---- */

struct authority *
engine_warrant_by_ref(struct engine *e, const char *agency, const char *ref)
{
	struct authority *a;

	LIST_FOREACH (a, &e->authorities, entry)
		if (strcmp(a->warrant.ref, ref) == 0 && strcmp(a->warrant.agency, agency) == 0)
			return a;
	return NULL;
}

static const char unknown_time[] = "the router does not know what time it is";

static const char *
not_in_force(const struct engine *e, const struct authority *a)
{
	if (a->unproved)
		return "the warrant is not what the record tells";
	if (!a->approved)
		return "the warrant is not approved";
	if (a->revoked)
		return "the warrant was revoked";
	if (!engine_sign_suffices(e->conf, &a->state))
		return "the warrant is not signed as the configuration requires";
	if (engine_time_is_past(e, a->warrant.end_ms))
		return "the warrant has ended";
	return e->clock.waits ? unknown_time : NULL;
}

static const char *
out_of_scope(struct engine *e, const struct authority *a, const struct dtcp_req *q, const struct tap_filter *f)
{
	uint64_t count = 0;

	if (!warrant_covers(&a->warrant, f))
		return "the filter is not within the warrant";
	for (unsigned i = 0; i < q->ncdest; i++)
		if (!warrant_allows_dest(&a->warrant, &q->cdest[i].addr, q->cdest[i].port))
			return "the content destination is not within the warrant";
	if (a->warrant.max_criteria == 0)
		return NULL;
	if (store_warrant_criteria(e->store, a->no, &count) < 0 || count >= a->warrant.max_criteria)
		return "the warrant allows no more criteria";
	return NULL;
}

static bool
is_current(const struct engine *e, const struct authority *a, const char *agency, int64_t now_ms)
{
	return strcmp(a->warrant.agency, agency) == 0 && a->warrant.start_ms <= now_ms && not_in_force(e, a) == NULL;
}

/* Whether a is to be taken rather than best; of two that rank the same, the one that was entered first. */
static bool
is_before(const struct authority *a, const struct authority *best, const struct tap_filter *f)
{
	int r = best ? warrant_rank(&a->warrant, &best->warrant, f) : -1;

	return r < 0 || (r == 0 && a->no < best->no);
}

/* The agency named none: of those in force the one that covers it.  *why: the choice that was made, or why there is
 * none. */
static const struct authority *
choose(struct engine *e, const char *agency, const struct dtcp_req *q, const struct tap_filter *f, const char **why)
{
	const struct authority *a, *best = NULL;
	unsigned current = 0, covering = 0;
	int64_t now = clock_wall_ms();

	*why = e->clock.waits ? unknown_time : "no warrant is in force";
	LIST_FOREACH (a, &e->authorities, entry) {
		const char * not ;

		if (!is_current(e, a, agency, now))
			continue;
		if ((not = out_of_scope(e, a, q, f)) == NULL) {
			covering++;
			best = is_before(a, best, f) ? a : best;
		}
		*why = current++ > 0 ? "no warrant in force covers it" : not ;
	}
	if (best && current > 1)
		*why = covering > 1 ? "no warrant named: of those that cover it the narrowest, then the last to end"
				    : "no warrant named: the only one that covers it";
	else if (best)
		*why = NULL;
	return best;
}

static const struct authority *
named(struct engine *e, const char *agency, const struct dtcp_req *q, const struct tap_filter *f, const char **why)
{
	const struct authority *a = engine_warrant_by_ref(e, agency, q->warrant);

	*why = a ? not_in_force(e, a) : "no such warrant";
	if (*why == NULL)
		*why = out_of_scope(e, a, q, f);
	return *why ? NULL : a;
}

int
engine_warrant_find(struct engine *e, const struct agency *a, const struct dtcp_req *q, const struct tap_filter *f,
    const struct authority **out, const char **why)
{
	const struct authority *found;

	*out = NULL;
	*why = NULL;
	if (q->warrant[0] == '\0' && judge_standing(a->conf))
		return 0;
	found = q->warrant[0] ? named(e, a->name, q, f, why) : choose(e, a->name, q, f, why);
	if (found == NULL)
		return -EPERM;
	*out = found;
	return 0;
}

/* ---- officers ---- */

static int
say(char *why, size_t size, int err, const char *text)
{
	snprintf(why, size, "%s", text);
	return err;
}

/* A refused attempt is on record too; its text is the officer's. */
static int
refuse(struct engine *e, uint32_t uid, const char *agency, const char *ref, const char *why, int err)
{
	engine_audit_happened(e, &(struct audit_event){.kind = "warrant-refused",
				     .agency = agency,
				     .uid = uid,
				     .have_uid = true,
				     .warrant = ref,
				     .reason = why});
	return err;
}

static int
enter_record(struct engine *e, struct store_warrant *s, struct authority *a, const struct sign_by *by)
{
	const struct proof_state state = a->state;
	struct audit_event v = {.kind = "warrant-entered",
	    .agency = s->agency,
	    .uid = s->entered_uid,
	    .have_uid = true,
	    .warrant = s->ref,
	    .signer = *by->text ? by->text : NULL,
	    .request = {(const char *)s->text.p, s->text.len}};
	int r = engine_txn_begin(e);

	if (r == 0)
		r = store_warrant_enter(e->store, s);
	if (r == 0 && (r = engine_audit_add(e, &v)) == 0) {
		a->state = (struct proof_state){0};
		r = engine_proof_set(e, a, &state);
	}
	if (r == 0)
		return engine_txn_commit(e);
	engine_txn_rollback(e);
	return r;
}

/* All that may fail comes before the commit: what is recorded as entered is in force. */
static int
enter(struct engine *e, struct store_warrant *s, const struct sign_by *by)
{
	struct authority *a;
	int r = authority_new(e, s, &a);

	if (r < 0)
		return r;
	LIST_INSERT_HEAD(&e->authorities, a, entry);
	if ((r = enter_record(e, s, a, by)) < 0) {
		LIST_REMOVE(a, entry);
		authority_free(a);
		return r;
	}
	a->no = s->no;
	return 0;
}

static void
print_say(struct engine *e, const struct store_warrant *s, char *why, size_t size)
{
	const struct authority *a = engine_warrant_by_ref(e, s->agency, s->ref);
	char print[WARRANT_PRINT_LEN] = "";

	if (a)
		warrant_fingerprint(a->state.text, print);
	snprintf(why, size, "%s", print);
}

/* The order, and the signature behind it, if there is one; armour->len 0: none.  -EINVAL: something follows. */
static int
body_split(struct slice body, struct slice *text, struct slice *armour)
{
	struct slice rest = body;

	*text = body;
	*armour = sshsig_cut(&rest);
	if (armour->len == 0)
		return 0;
	text->len = (size_t)(armour->p - body.p);
	for (size_t i = 0; i < rest.len; i++)
		if (strchr(" \t\r\n", rest.p[i]) == NULL || rest.p[i] == '\0')
			return -EINVAL;
	return 0;
}

/* What is to be entered: *s is the caller's to free, whatever the result. */
static int
order_take(struct slice text, struct store_warrant *s, char *why, size_t size)
{
	struct warrant_error err;
	struct warrant w;
	int r = warrant_parse(text, &w, &err);

	if (r == -EINVAL) {
		snprintf(
		    why, size, "%s%.0u%s%s", err.line ? "line " : "", err.line, err.line ? ": " : "", err.expected);
		return r;
	}
	if (r == 0) {
		snprintf(s->agency, sizeof s->agency, "%s", w.agency);
		snprintf(s->ref, sizeof s->ref, "%s", w.ref);
		warrant_format(&w, &s->text);
		warrant_free(&w);
		r = s->text.err;
	}
	return r < 0 ? say(why, size, r, "out of memory") : 0;
}

/* What is refused is on record, and said. */
static int
may_enter(struct engine *e, struct store_warrant *s, struct slice armour, struct sign_by *by, char *why, size_t size)
{
	char sha256[AUDIT_HASH_HEX + 1];
	const char *text = engine_refuses(e);
	int r;

	if (text)
		return refuse(e, s->entered_uid, s->agency, s->ref, text, say(why, size, -ENOSPC, text));
	if (!agency_configured(e->conf, s->agency))
		return refuse(e, s->entered_uid, s->agency, s->ref, "no such agency",
		    say(why, size, -ENOENT, "Agency: no such agency"));
	if ((r = audit_digest(s->text.p, s->text.len, sha256)) < 0)
		return say(why, size, r, "out of memory");
	r = engine_sign_judge(e, &(struct sign_about){SIGN_ENTER, s->agency, s->ref, sha256}, armour, by, &text);
	if (r == -EPERM)
		return refuse(e, s->entered_uid, s->agency, s->ref, text, say(why, size, r, text));
	if (r == 0 && armour.len > 0) {
		buf_put(&s->signatures, armour.p, armour.len);
		buf_put_u8(&s->signatures, '\n');
		r = s->signatures.err;
	}
	return r < 0 ? say(why, size, r, "out of memory") : 0;
}

int
engine_warrant_enter(struct engine *e, uint32_t uid, struct slice body, char *why, size_t size)
{
	struct store_warrant s = {.entered_ms = clock_wall_ms(), .entered_uid = uid};
	struct slice text, armour;
	struct sign_by by;
	int r = body_split(body, &text, &armour);

	r = r < 0 ? say(why, size, r, "expected nothing behind the signature") : order_take(text, &s, why, size);
	if (r == -EINVAL)
		(void)refuse(e, uid, NULL, NULL, why, r);
	else if (r == 0 && (r = may_enter(e, &s, armour, &by, why, size)) == 0) {
		r = enter(e, &s, &by);
		if (r == -EEXIST)
			(void)refuse(e, uid, s.agency, s.ref, "the reference is taken",
			    say(why, size, r, "Reference: the agency has a warrant of that name"));
		else if (r == 0)
			print_say(e, &s, why, size);
		else
			say(why, size, r, "it could not be recorded");
	}
	store_warrant_free(&s);
	return r;
}

int
engine_warrant_to_enter(struct engine *e, struct slice text, struct buf *out, char *why, size_t size)
{
	struct store_warrant s = {0};
	char sha256[AUDIT_HASH_HEX + 1];
	int r = order_take(text, &s, why, size);

	if (r == 0 &&
	    ((r = audit_digest(s.text.p, s.text.len, sha256)) < 0 ||
		(r = engine_sign_statement(e, &(struct sign_about){SIGN_ENTER, s.agency, s.ref, sha256}, out)) < 0))
		say(why, size, r, "out of memory");
	store_warrant_free(&s);
	return r;
}

int
engine_warrant_to_approve(struct engine *e, const char *agency, const char *ref, struct buf *out)
{
	const struct authority *a = engine_warrant_by_ref(e, agency, ref);

	if (a == NULL || *a->state.text == '\0')
		return -ENOENT;
	return engine_sign_statement(
	    e, &(struct sign_about){SIGN_APPROVE, a->warrant.agency, a->warrant.ref, a->state.text}, out);
}

struct revoked {
	const struct engine *engine;
	uint64_t *uid; /* owned */
	size_t n, cap;
	bool failed;
};

static void
note_uid(void *arg, uint64_t uid, uint32_t id)
{
	struct revoked *v = arg;

	(void)id;
	if (engine_late_gone(v->engine, uid))
		return; /* it was deleted, and is stored still */
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 64;
		uint64_t *p = reallocarray(v->uid, cap, sizeof *p);

		if (p == NULL) {
			v->failed = true;
			return;
		}
		v->uid = p;
		v->cap = cap;
	}
	v->uid[v->n++] = uid;
}

/* Its line is in the open transaction. */
static int
state_write(struct engine *e, const struct store_warrant *s, struct authority *a)
{
	struct proof_state state;
	int r = engine_proof_state(e, s, &state);

	return r < 0 ? r : engine_proof_set(e, a, &state);
}

int
engine_warrant_paid(struct engine *e, const struct store_warrant *w)
{
	struct authority *a = engine_warrant_by_ref(e, w->agency, w->ref);

	return a ? state_write(e, w, a) : 0;
}

/* Nothing can be written: the kernel stops, and the store hears of it later. */
static int
revoke_late(struct engine *e, const struct store_warrant *s, struct audit_event *v, struct revoked *gone)
{
	char reason[64];
	uint64_t count = 0;
	size_t at = 0;
	int r;

	gone->n = 0;
	gone->failed = false;
	r = store_select_warrant(e->store, s->no, note_uid, gone, &count);

	if (r < 0 || gone->failed)
		return r < 0 ? r : -ENOMEM;
	snprintf(reason, sizeof reason, gone->n == 1 ? "%zu criterion ends" : "%zu criteria end", gone->n);
	v->reason = reason;
	do {
		size_t n = gone->n - at < LATE_UIDS_MAX ? gone->n - at : LATE_UIDS_MAX;

		r = engine_late_add(e, v,
		    &(struct late_debt){.uid = gone->uid + at,
			.nuid = n,
			.agency = s->agency,
			.revoked = s->ref,
			.revoked_by = s->revoked_uid,
			.revoked_no = s->no});
		if (r < 0 && at > 0) /* half of it is owed: the next daemon goes by what is */
			fatal(r, "agency %s: a warrant that ends can't be kept", s->agency);
		at += n;
	} while (r == 0 && at < gone->n);
	return r;
}

/* The decision, its line, and the end of what stood on it, in one transaction.  by: who signed the approval; NULL: it
 * is a revocation. */
static int
decide_record(struct engine *e, const struct store_warrant *s, struct authority *a, const struct sign_by *by,
    struct revoked *gone)
{
	const bool approve = by != NULL;
	const uint32_t uid = approve ? s->approved_uid : s->revoked_uid;
	char reason[AUDIT_HASH_HEX + 16];
	struct audit_event v = {.kind = approve ? "warrant-approved" : "warrant-revoked",
	    .agency = s->agency,
	    .uid = uid,
	    .have_uid = true,
	    .warrant = s->ref,
	    .signer = approve && *by->text ? by->text : NULL};
	uint64_t count = 0;
	int r;

	if (!approve && !engine_disk_ready(e))
		return revoke_late(e, s, &v, gone);
	if ((r = engine_txn_begin(e)) == 0)
		r = store_warrant_set(e->store, s);
	if (r == 0 && !approve) {
		r = store_delete_warrant(e->store, s->no, note_uid, gone, &count);
		snprintf(reason, sizeof reason, gone->n == 1 ? "%zu criterion ends" : "%zu criteria end", gone->n);
		v.reason = reason;
		if (gone->failed)
			r = -ENOMEM;
	}
	if (approve) {
		snprintf(reason, sizeof reason, "text SHA-256 %s", a->state.text);
		v.reason = reason;
	}
	if (r == 0 && (r = engine_audit_add(e, &v)) == 0)
		r = state_write(e, s, a);
	if (r == 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	engine_disk_failed(e, r);
	return r < 0 && !approve ? revoke_late(e, s, &v, gone) : r;
}

static const char *
undecidable(
    const struct engine *e, const struct store_warrant *s, const struct authority *a, const struct warrant_decision *d)
{
	const bool approve = d->approve;

	if (s->revoked_ms || a->revoked)
		return "it was revoked";
	if (approve && a->unproved)
		return "it is not what the record tells";
	if (approve && s->approved_ms)
		return "it is approved already";
	if (approve && s->entered_uid == d->uid)
		return "who entered it can't approve it: that takes somebody else";
	if (approve && !warrant_fingerprint_is((struct slice){d->print, strlen(d->print)}, a->state.text))
		return "the fingerprint is not that of its text";
	return approve && engine_time_is_past(e, a->warrant.end_ms) ? "it has ended" : NULL;
}

/* Who signs the approval is another than who signed the entry, and both are officers still. */
static const char *
signers_wrong(const struct engine *e, const struct authority *a, const struct sign_by *by)
{
	const char *entered = *a->state.signer[SIGN_ENTER] ? engine_sign_officer(e, a->state.signer[SIGN_ENTER]) : NULL;

	if (e->conf->signatures_required && *a->state.signer[SIGN_ENTER] == '\0')
		return "its entry is not signed, which the configuration requires";
	if (*a->state.signer[SIGN_ENTER] && entered == NULL)
		return "its entry is signed by a key that the configuration gives no officer any more";
	return entered && by->officer && strcmp(entered, by->officer) == 0
		   ? "who signed its entry can't sign its approval: that takes somebody else"
		   : NULL;
}

/* 0; -EPERM and *why; -ENOMEM.  The signature is in s from here on. */
static int
approval_sign(const struct engine *e, const struct authority *a, struct slice armour, struct store_warrant *s,
    struct sign_by *by, const char **why)
{
	const struct sign_about about = {SIGN_APPROVE, s->agency, s->ref, a->state.text};
	int r = engine_sign_judge(e, &about, armour, by, why);

	if (r < 0)
		return r;
	if ((*why = signers_wrong(e, a, by)) != NULL)
		return -EPERM;
	if (armour.len > 0) {
		buf_put(&s->signatures, armour.p, armour.len);
		buf_put_u8(&s->signatures, '\n');
	}
	return s->signatures.err;
}

int
engine_warrant_decide(struct engine *e, const struct warrant_decision *d, char *why, size_t size)
{
	const char *agency = d->agency, *ref = d->ref;
	const uint32_t uid = d->uid;
	const bool approve = d->approve;
	struct authority *a = engine_warrant_by_ref(e, agency, ref);
	struct revoked gone = {.engine = e};
	struct sign_by by = {0};
	struct store_warrant s;
	const char *text;
	int r = a ? store_warrant_get(e->store, agency, ref, &s) : -ENOENT;

	if (r == -ENOENT)
		return refuse(e, uid, agency, ref, "no such warrant", say(why, size, r, "no such warrant"));
	if (r < 0)
		return say(why, size, r, "the store can't be read");
	if ((text = undecidable(e, &s, a, d)) == NULL && approve && (text = engine_refuses(e)) == NULL)
		r = approval_sign(e, a, d->signature, &s, &by, &text);
	if (text != NULL || r < 0) {
		store_warrant_free(&s);
		return text ? refuse(e, uid, agency, ref, text, say(why, size, -EPERM, text))
			    : say(why, size, r, "out of memory");
	}
	*(approve ? &s.approved_ms : &s.revoked_ms) = clock_wall_ms();
	*(approve ? &s.approved_uid : &s.revoked_uid) = uid;
	r = decide_record(e, &s, a, approve ? &by : NULL, &gone);
	if (r < 0)
		say(why, size, r, "it could not be recorded");
	else if (approve) {
		a->approved = true;
		if ((r = holding_note(e, a)) < 0)
			fatal(r, "a warrant that was approved can't be kept");
	} else {
		a->revoked = true;
		(void)holding_note(e, a);
		engine_agency_lost(e, agency, gone.n);
		engine_delete_uids(e, gone.uid, gone.n);
	}
	free(gone.uid);
	store_warrant_free(&s);
	return r;
}
