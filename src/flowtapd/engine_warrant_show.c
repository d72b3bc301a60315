/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Warrants as officers see them: who decided what, which names no target; and one order's whole text, which does, so
 * that its showing is on record.
 *
 * exports: engine_warrant_show engine_warrant_text */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "engine_time.h"

static const char *
state_name(const struct engine *e, const struct authority *a)
{
	if (a->unproved)
		return "unproved";
	if (a->revoked)
		return "revoked";
	if (engine_time_is_past(e, a->warrant.end_ms))
		return "ended";
	if (!a->approved)
		return "entered";
	if (!engine_sign_suffices(e->conf, &a->state))
		return "unsigned";
	return clock_wall_ms() < a->warrant.start_ms ? "approved" : "in force";
}

/* Of one that can't be read all that is known is its name. */
static json_t *
show_one(const struct engine *e, const struct authority *a)
{
	const struct warrant *w = &a->warrant;
	const char *entered = a->state.signer[SIGN_ENTER], *approved = a->state.signer[SIGN_APPROVE];
	char start[WARRANT_TIME_LEN], end[WARRANT_TIME_LEN];

	if (*a->state.text == '\0')
		return json_pack("{s:s,s:s,s:s}", "reference", w->ref, "agency", w->agency, "state", "unproved");
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:I,s:I,s:s*,s:s*}", "reference", w->ref, "agency", w->agency,
	    "state", state_name(e, a), "start", warrant_time_format(w->start_ms, start), "end",
	    warrant_time_format(w->end_ms, end), "prefixes", (int)w->nprefix, "entered-by",
	    (json_int_t)a->state.entered_uid, "approved-by",
	    a->approved ? (json_int_t)a->state.approved_uid : (json_int_t)-1, "entry-key", *entered ? entered : NULL,
	    "approval-key", *approved ? approved : NULL);
}

/* In the order of entry: the list begins with the last one. */
static json_t *
show_all(const struct engine *e)
{
	const struct authority *a;
	json_t *list = json_array(), *in_order = json_array();
	int r = list && in_order ? 0 : -ENOMEM;

	LIST_FOREACH (a, &e->authorities, entry)
		if (r == 0)
			r = json_array_append_new(list, show_one(e, a));
	for (size_t i = json_array_size(list); r == 0 && i-- > 0;)
		r = json_array_append(in_order, json_array_get(list, i));
	json_decref(list);
	if (r == 0)
		return in_order;
	json_decref(in_order);
	return NULL;
}

static int
list_put(json_t *list, struct buf *out)
{
	json_t *o = list ? json_pack("{s:o}", "warrants", list) : NULL;
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	if (text == NULL)
		return -ENOMEM;
	buf_put(out, text, strlen(text));
	explicit_bzero(text, strlen(text));
	free(text);
	return out->err;
}

int
engine_warrant_show(struct engine *e, struct buf *out)
{
	return list_put(show_all(e), out);
}

int
engine_warrant_text(struct engine *e, uint32_t uid, const char *agency, const char *ref, struct buf *out)
{
	const struct authority *a = engine_warrant_by_ref(e, agency, ref);
	struct audit_event v = {
	    .kind = "warrant-shown", .agency = agency, .uid = uid, .have_uid = true, .warrant = ref};
	struct store_warrant s;
	json_t *o;
	int r = a ? store_warrant_get(e->store, agency, ref, &s) : -ENOENT;

	if (r < 0)
		return r;
	if ((r = engine_audit_now(e, &v)) == 0) {
		if ((o = show_one(e, a)) != NULL)
			json_object_set_new(o, "text", json_stringn((const char *)s.text.p, s.text.len));
		if (o && s.signatures.len > 0) /* for who proves them with ssh-keygen */
			json_object_set_new(
			    o, "signatures", json_stringn((const char *)s.signatures.p, s.signatures.len));
		r = list_put(o ? json_pack("[o]", o) : NULL, out);
	}
	store_warrant_free(&s);
	return r;
}
