/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_proof_ */
#include "engine_proof.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "log.h"

#define KIND "authorities"
#define FAR 512 /* lines from the record's end, after which a new line is written at a start */

/* ---- states and their digest ---- */

int
engine_proof_state(const struct engine *e, const struct store_warrant *w, struct proof_state *out)
{
	int r;

	*out = (struct proof_state){.approved = w->approved_ms != 0,
	    .revoked = w->revoked_ms != 0,
	    .entered_uid = w->entered_uid,
	    .approved_uid = w->approved_uid,
	    .revoked_uid = w->revoked_uid};
	r = audit_digest(w->text.p, w->text.len, out->text);
	return r < 0 ? r : engine_sign_load(e, w, out);
}

static bool
signers_equal(const struct proof_state *a, const struct proof_state *b)
{
	for (enum sign_verb v = 0; v < SIGN_VERBS; v++)
		if (strcmp(a->signer[v], b->signer[v]) != 0)
			return false;
	return true;
}

static bool
state_equal(const struct proof_state *a, const struct proof_state *b)
{
	return strcmp(a->text, b->text) == 0 && a->entered_uid == b->entered_uid && a->approved == b->approved &&
	       a->revoked == b->revoked && a->approved_uid == b->approved_uid && a->revoked_uid == b->revoked_uid &&
	       signers_equal(a, b);
}

static void
state_put(struct buf *b, const struct authority *a, const struct proof_state *s)
{
	buf_printf(b, "%s %s %s %u %d %u %d %u", a->warrant.agency, a->warrant.ref, s->text, s->entered_uid,
	    s->approved, s->approved_uid, s->revoked, s->revoked_uid);
	/* Of one that nobody signed the line is as former releases wrote it. */
	for (enum sign_verb v = 0; v < SIGN_VERBS; v++)
		if (*s->signer[v])
			buf_printf(b, " %d %s", (int)v, s->signer[v]);
	buf_put_u8(b, '\n');
}

/* Of those that are stored and readable, in the order of the list, which is that of their entry; of changed as it
 * will be; without those that differ from the record, so that they are found again. */
static int
text_make(const struct engine *e, const struct authority *changed, const struct proof_state *state, bool all,
    char out[static PROOF_TEXT])
{
	cleanup_buf struct buf b = {0};
	char hash[AUDIT_HASH_HEX + 1];
	const struct authority *a;
	unsigned n = 0;

	LIST_FOREACH (a, &e->authorities, entry) {
		const struct proof_state *s = a == changed ? state : &a->state;

		if (*s->text == '\0' || (a->unproved && !all))
			continue;
		state_put(&b, a, s);
		n++;
	}
	if (b.err || audit_digest(b.p, b.len, hash) < 0)
		return -ENOMEM;
	snprintf(out, PROOF_TEXT, "%u warrants, state %s", n, hash);
	return 0;
}

int
engine_proof_line(struct engine *e)
{
	if (!e->proof.ready)
		return 0;
	return engine_audit_add(e, &(struct audit_event){.kind = KIND, .reason = e->proof.text});
}

int
engine_proof_set(struct engine *e, struct authority *a, const struct proof_state *state)
{
	int r = text_make(e, a, state, false, e->proof.text);

	if (r < 0)
		return r;
	if (!a->changed)
		a->before = a->state;
	a->state = *state;
	a->changed = e->proof.touched = true;
	return engine_proof_line(e);
}

void
engine_proof_begun(struct engine *e)
{
	struct authority *a;

	if (!e->proof.touched)
		return;
	memcpy(e->proof.saved, e->proof.text, sizeof e->proof.saved);
	LIST_FOREACH (a, &e->authorities, entry)
		a->changed = false;
	e->proof.touched = false;
}

void
engine_proof_undone(struct engine *e)
{
	struct authority *a;

	if (!e->proof.touched)
		return;
	memcpy(e->proof.text, e->proof.saved, sizeof e->proof.text);
	LIST_FOREACH (a, &e->authorities, entry)
		if (a->changed) {
			a->state = a->before;
			a->changed = false;
		}
	e->proof.touched = false;
}

/* ---- what the record tells ---- */

/* What stands behind "mark" in a line, up to a quotation mark; the line's own words have none that is not escaped. */
static bool
has_reason(const struct buf *line, const char *text)
{
	char want[PROOF_TEXT + 32];
	const int n = snprintf(want, sizeof want, "\"reason\":\"%s\"", text);

	return memmem(line->p, line->len, want, (size_t)n) != NULL;
}

static bool
is_kind(const struct buf *line, const char *begin)
{
	char want[64];
	const int n = snprintf(want, sizeof want, ",\"kind\":\"%s", begin);

	return memmem(line->p, line->len, want, (size_t)n) != NULL;
}

enum proof { PROOF_SAME, PROOF_NONE, PROOF_DIFFERS };

/* From the last line back to the last one that tells.  *far: how many lines that were. */
static int
last_compare(struct engine *e, const char *text, enum proof *out, uint64_t *far)
{
	uint64_t n;

	for (n = e->audit.chain.n; n > 0; n--) {
		cleanup_buf struct buf line = {0};
		int r = engine_audit_line(e, n, &line);

		*far = e->audit.chain.n - n;
		if (r == -ENOENT || r == -EBADMSG) {
			*out = PROOF_DIFFERS;
			return 0;
		}
		if (r < 0)
			return r;
		if (is_kind(&line, KIND "\"")) {
			*out = has_reason(&line, text) ? PROOF_SAME : PROOF_DIFFERS;
			return 0;
		}
	}
	*far = e->audit.chain.n;
	*out = PROOF_NONE;
	return 0;
}

static struct authority *
told_of(struct engine *e, const json_t *o)
{
	const char *agency = json_string_value(json_object_get(o, "agency")),
		   *ref = json_string_value(json_object_get(o, "warrant"));

	return agency && ref ? engine_warrant_by_ref(e, agency, ref) : NULL;
}

static void
missing_alarm(struct engine *e, const json_t *o)
{
	char text[256];

	snprintf(text, sizeof text, "agency %s: warrant %s, which is on record, is not in the database",
	    json_string_value(json_object_get(o, "agency")), json_string_value(json_object_get(o, "warrant")));
	engine_alarm(e, text);
}

void
engine_proof_spell(const struct proof_state *s, char out[static PROOF_STATE_TEXT])
{
	char by[2][24];

	snprintf(by[0], sizeof by[0], "approved by %u", s->approved_uid);
	snprintf(by[1], sizeof by[1], "revoked by %u", s->revoked_uid);
	snprintf(
	    out, PROOF_STATE_TEXT, "%s, %s", s->approved ? by[0] : "not approved", s->revoked ? by[1] : "not revoked");
}

void
engine_proof_signers(const struct proof_state *s, char out[static PROOF_SIGNERS_TEXT])
{
	const char *entered = s->signer[SIGN_ENTER], *approved = s->signer[SIGN_APPROVE];

	*out = '\0';
	if (*entered || *approved)
		snprintf(out, PROOF_SIGNERS_TEXT, "%s %s", *entered ? entered : "-", *approved ? approved : "-");
}

/* What engine_proof_signers wrote. */
static void
signers_take(const json_t *o, struct proof_state *out)
{
	const char *by = json_string_value(json_object_get(o, "signer"));

	if (by == NULL || sscanf(by, "%50s %50s", out->signer[SIGN_ENTER], out->signer[SIGN_APPROVE]) != 2)
		return;
	for (enum sign_verb v = 0; v < SIGN_VERBS; v++)
		if (strcmp(out->signer[v], "-") == 0)
			*out->signer[v] = '\0';
}

/* All that former lines told of it, which have left the record. */
static int
kept_take(struct authority *a, const json_t *o, uint32_t uid)
{
	const char *request = json_string_value(json_object_get(o, "request"));
	const char *reason = json_string_value(json_object_get(o, "reason")), *second;

	if (request == NULL || reason == NULL || (second = strstr(reason, ", ")) == NULL)
		return -EBADMSG;
	a->told = (struct proof_state){.entered_uid = uid};
	a->told.approved = sscanf(reason, "approved by %u", &a->told.approved_uid) == 1;
	a->told.revoked = sscanf(second, ", revoked by %u", &a->told.revoked_uid) == 1;
	signers_take(o, &a->told);
	return audit_digest(request, strlen(request), a->told.text);
}

/* "alice SHA256:..." */
static void
signer_take(const json_t *o, char out[static SSHSIG_PRINT_LEN])
{
	const char *by = json_string_value(json_object_get(o, "signer")), *print = by ? strrchr(by, ' ') : NULL;

	snprintf(out, SSHSIG_PRINT_LEN, "%s", print ? print + 1 : "");
}

/* One line about a warrant. */
static int
line_take(struct engine *e, const json_t *o)
{
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const uint32_t uid = (uint32_t)json_integer_value(json_object_get(o, "uid"));
	const char *request = json_string_value(json_object_get(o, "request"));
	struct authority *a = told_of(e, o);

	if (kind == NULL || strcmp(kind, "warrant-refused") == 0)
		return 0;
	if (a == NULL) {
		if (strcmp(kind, "warrant-entered") == 0 || strcmp(kind, "warrant-kept") == 0)
			missing_alarm(e, o);
		return 0;
	}
	if (strcmp(kind, "warrant-kept") == 0)
		return kept_take(a, o, uid);
	if (strcmp(kind, "warrant-approved") == 0) {
		a->told.approved = true;
		a->told.approved_uid = uid;
		signer_take(o, a->told.signer[SIGN_APPROVE]);
	} else if (strcmp(kind, "warrant-revoked") == 0) {
		a->told.revoked = true;
		a->told.revoked_uid = uid;
	} else if (strcmp(kind, "warrant-entered") == 0) {
		a->told = (struct proof_state){.entered_uid = uid};
		signer_take(o, a->told.signer[SIGN_ENTER]);
		return request ? audit_digest(request, strlen(request), a->told.text) : -EBADMSG;
	}
	return 0;
}

/* All lines, in their order, without one missing. */
static int
record_read(struct engine *e)
{
	const uint64_t last = e->audit.chain.n; /* alarms are lines, too */
	struct store_lines *lines = NULL;
	uint64_t n, before = e->audit.archived;
	int r = store_lines_open(e->store, before + 1, &lines);

	while (r >= 0) {
		cleanup_buf struct buf sealed = {0}, line = {0};
		json_t *o = NULL;

		if ((r = store_lines_next(lines, &n, &sealed)) <= 0)
			break;
		if (n != before + 1)
			r = -EBADMSG;
		before = n;
		if (r > 0)
			r = audit_open(e->audit.seal, n, sealed.p, sealed.len, &line);
		if (r == 0 && is_kind(&line, "warrant-")) {
			o = json_loadb((const char *)line.p, line.len, 0, NULL);
			r = o ? line_take(e, o) : -EBADMSG;
			json_decref(o);
		}
	}
	if (r == 0 && before != last)
		r = -EBADMSG;
	store_lines_close(lines);
	return r;
}

static void
differs(struct engine *e, struct authority *a, const char *how)
{
	char text[256];

	a->unproved = true;
	snprintf(text, sizeof text, "agency %s: warrant %s (number %llu in the database) %s: nothing stands on it",
	    a->warrant.agency, a->warrant.ref, (unsigned long long)a->no, how);
	engine_alarm(e, text);
}

/* A record with a gap proves none. */
static int
compare_all(struct engine *e)
{
	struct authority *a;
	const int r = record_read(e);

	if (r < 0 && r != -EBADMSG)
		return r;
	if (r < 0)
		engine_alarm(e, "lines of the record are missing or damaged: no warrant can be proved by it");
	LIST_FOREACH (a, &e->authorities, entry)
		if (*a->state.text && (r < 0 || !state_equal(&a->state, &a->told)))
			differs(e, a, "is not in the database as the record tells");
	return 0;
}

int
engine_proof_start(struct engine *e)
{
	char text[PROOF_TEXT];
	struct authority *a;
	enum proof proof;
	uint64_t far;
	int r;

	LIST_FOREACH (a, &e->authorities, entry)
		if (*a->state.text == '\0')
			differs(e, a, "can't be read in the database: it was changed or damaged");
	if ((r = text_make(e, NULL, NULL, true, text)) < 0 || (r = last_compare(e, text, &proof, &far)) < 0)
		return r;
	if (proof == PROOF_DIFFERS && (r = compare_all(e)) < 0)
		return r;
	if ((r = text_make(e, NULL, NULL, false, e->proof.text)) < 0)
		return r;
	memcpy(e->proof.saved, e->proof.text, sizeof e->proof.saved);
	e->proof.ready = true;
	if (proof == PROOF_SAME && far < FAR)
		return 0;
	/* What can't be written now is written with the next change or checkpoint. */
	if (engine_disk_refuses(e) == NULL)
		(void)engine_audit_now(e, &(struct audit_event){.kind = KIND, .reason = e->proof.text});
	return 0;
}
