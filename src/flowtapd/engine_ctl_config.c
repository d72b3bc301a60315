/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator's commands about the configuration.
 *
 * exports: ctl_ */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "conf_parse.h"
#include "conf_perm.h"
#include "conf_tree.h"
#include "conf_warn.h"
#include "engine_at.h"
#include "engine_ctl.h"
#include "engine_lock.h"
#include "engine_perm.h"
#include "history_extra.h"

#define CONFIRM_MAX 65535 /* minutes */
#define CONFIRM_USUAL 10  /* as in Junos */
#define RESCUE UINT64_MAX /* instead of a number in the history */

static int
answer(struct ctl *c, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int r = 0;

	json_decref(o);
	if (text == NULL)
		ctl_error(c, EXIT_TRANSPORT, "not enough memory, or a text that is not UTF-8");
	else
		r = ctl_send(c, IPC_C_JSON, text, strlen(text));
	free(text);
	return r;
}

static bool
sees_all(const struct ctl *c)
{
	return (ctl_perm(c) & CONF_PERM_ALL_OF_IT) == CONF_PERM_ALL_OF_IT;
}

const char *
ctl_time_format(int64_t ms, char out[static 32])
{
	const time_t s = ms / 1000;
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

/* A comment may tell of anything: who does not see all is told his own only. */
static json_t *
entry_json(const struct ctl *c, const struct history_entry *e)
{
	const char *me = engine_perm_login(c->engine, c->uid);
	const bool told = sees_all(c) || (me && strcmp(me, e->user) == 0);
	char when[32];

	return json_pack("{s:I,s:s,s:s,s:s}", "generation", (json_int_t)e->no, "time",
	    ctl_time_format(e->time_ms, when), "user", e->user, "comment", told ? e->comment : "");
}

/* The word is taken off, and the blanks behind it. */
static bool
word_take(const char **args, const char *word)
{
	const size_t n = strlen(word);

	if (strncmp(*args, word, n) != 0 || ((*args)[n] != ' ' && (*args)[n] != '\0'))
		return false;
	*args += n;
	*args += strspn(*args, " ");
	return true;
}

static bool
number_take(const char **args, uint64_t max, uint64_t *out)
{
	const size_t n = strcspn(*args, " ");

	if (slice_u64((struct slice){*args, n}, max, out) < 0)
		return false;
	*args += n;
	*args += strspn(*args, " ");
	return true;
}

/* ---- show ---- */

static int
text_get(const struct ctl *c, uint64_t back, struct buf *out)
{
	return back == RESCUE ? history_rescue_text(&c->engine->history, out)
			      : history_text(&c->engine->history, (unsigned)back, out);
}

/* What the operator may see of it.  An earlier one that this version no longer understands nobody sees in part. */
static int
text_seen(const struct ctl *c, uint64_t back, struct buf *out)
{
	cleanup_buf struct buf text = {0};
	struct conf_error err;
	struct conf *conf;
	int r;

	if (back == 0)
		return conf_perm_view(c->engine->conf, ctl_perm(c), out);
	if (sees_all(c))
		return text_get(c, back, out);
	if ((r = text_get(c, back, &text)) < 0 || (r = conf_parse((const char *)text.p, text.len, &conf, &err)) < 0)
		return r;
	r = conf_perm_view(conf, ctl_perm(c), out);
	conf_free(conf);
	return r;
}

_Static_assert(IPC_ANSWER_MAX > 2 * (uint64_t)DAEMON_CHAN_MAX && IPC_ANSWER_MAX > 2 * (uint64_t)CONF_TEXT_MAX,
    "what can be committed can be shown");

/* All such statements are flow-tap's. */
static void
pending_add(const struct ctl *c, json_t *o, const char *pending)
{
	if (*pending && (ctl_perm(c) & CONF_PERM_FLOW_TAP))
		json_object_set_new(o, "pending-restart", json_string(pending));
}

static void
at_add(const struct ctl *c, json_t *o)
{
	json_t *at = ctl_at_json(c);

	if (at)
		json_object_set_new(o, "scheduled", at);
}

int
ctl_show_configuration(struct ctl *c, const char *args, struct slice text)
{
	cleanup_buf struct buf b = {0};
	uint64_t back = 0;
	json_t *o;
	int r;

	(void)text;
	if (word_take(&args, "rescue"))
		back = RESCUE;
	if ((word_take(&args, "rollback") && !number_take(&args, HISTORY_MAX - 1, &back)) || *args) {
		ctl_error(c, EXIT_USAGE, "configuration: expected nothing, or rollback and a number from 0 to 49");
		return 0;
	}
	if (back != RESCUE && back >= c->engine->history.n) {
		ctl_error(c, EXIT_NO_OBJECT, "there are not so many earlier configurations");
		return 0;
	}
	if ((r = text_seen(c, back, &b)) < 0) {
		if (back == RESCUE && r == -ENOENT)
			ctl_error(c, EXIT_NO_OBJECT, "there is no rescue configuration");
		else
			ctl_error(c, EXIT_TRANSPORT, strerror(-r));
		return 0;
	}
	o = back == RESCUE ? json_pack("{s:b}", "rescue", 1) : entry_json(c, &c->engine->history.entry[back]);
	if (back == 0)
		pending_add(c, o, c->engine->conf->pending);
	json_object_set_new(o, "text", json_stringn((const char *)b.p, b.len));
	return answer(c, o);
}

static const struct conf_node *
login_message(const struct conf *conf)
{
	return conf_tree_find(conf_tree_find(conf_tree_find(&conf->effect->root, "system"), "login"), "message");
}

/* For a shell: what it need not offer, and how it begins and ends. */
/* The words of the class statement permissions whose rights are all among these: what one would set to have them. */
static json_t *
permissions_json(uint32_t perm)
{
	const struct conf_schema *row = NULL;
	json_t *list = json_array();

	for (const char *const *w = (const char *const[]){"system", "login", "class", "permissions", NULL}; *w; w++)
		row = conf_schema_find(row, slice_of(*w));
	for (const struct conf_choice *c = row->choice; c->word; c++)
		if (c->gives && (perm & c->gives) == c->gives)
			json_array_append_new(list, json_string(c->word));
	return list;
}

int
ctl_show_authorization(struct ctl *c, const char *args, struct slice text)
{
	const struct conf_login *l = engine_perm_conf(c->engine, c->uid);
	const struct conf_node *idle = l ? conf_tree_find(l->class, "idle-timeout") : NULL;
	const struct conf_node *message = login_message(c->engine->conf);
	const uint32_t perm = ctl_perm(c);
	json_t *o;

	(void)args;
	(void)text;
	o = json_pack("{s:I,s:s?,s:o,s:I,s:b}", "uid", (json_int_t)c->uid, "login", l ? l->name : NULL, "permissions",
	    permissions_json(perm), "rights", (json_int_t)perm, "warrant-officer", (perm & CONF_PERM_OFFICER) != 0);
	if (o && idle)
		json_object_set_new(o, "idle-timeout", json_integer(strtol(idle->word[0].text, NULL, 10)));
	if (o && message)
		json_object_set_new(o, "message", json_string(message->word[0].text));
	return answer(c, o);
}

int
ctl_show_commits(struct ctl *c, const char *args, struct slice text)
{
	const struct history *h = &c->engine->history;
	json_t *o = json_object(), *list = json_array();

	(void)args;
	(void)text;
	for (unsigned i = 0; i < h->n; i++) {
		json_t *e = entry_json(c, &h->entry[i]);

		json_object_set_new(e, "rollback", json_integer(i));
		json_array_append_new(list, e);
	}
	json_object_set_new(o, "commits", list);
	at_add(c, o);
	pending_add(c, o, c->engine->conf->pending);
	if (h->deadline.no)
		json_object_set_new(o, "confirm-within-seconds",
		    json_integer(history_due_ms(h, wallclock_ms(&c->engine->clock)) / 1000));
	return answer(c, o);
}

/* ---- commit ---- */

static void
wrong(struct ctl *c, const struct conf_error *err)
{
	cleanup_buf struct buf b = {0};
	struct ipc_wrong m = {.line = err->line, .column = err->column};

	memcpy(m.word, err->word, sizeof m.word);
	memcpy(m.expected, err->expected, sizeof m.expected);
	ipc_wrong_put(&b, &m);
	if (b.err == 0)
		(void)ctl_send(c, IPC_C_WRONG, b.p, b.len);
}

static void
refuse(struct ctl *c, const struct conf_error *err)
{
	char text[sizeof err->expected + 32];

	if (err->line)
		snprintf(text, sizeof text, "line %u: %s", err->line, err->expected);
	else
		snprintf(text, sizeof text, "%s", err->expected);
	ctl_error(c, EXIT_NOT_AUTHORISED, text);
}

/* What does nothing in the candidate as its author sees it. */
static void
warnings_take(struct ctl *c, struct slice text)
{
	struct conf_error err;
	struct conf *conf;

	buf_reset(&c->warnings);
	if (conf_parse_known(text, ~ctl_perm(c), &conf, &err) < 0)
		return;
	if (conf_warn(conf, &c->warnings) < 0)
		buf_reset(&c->warnings);
	conf_free(conf);
}

static json_t *
warnings_json(const struct ctl *c)
{
	json_t *list = json_array();
	struct slice rest = {(const char *)c->warnings.p, c->warnings.len};

	while (rest.len) {
		const char *end = memchr(rest.p, '\n', rest.len);
		const size_t n = end ? (size_t)(end - rest.p) : rest.len;

		json_array_append_new(list, json_stringn(rest.p, n));
		rest = (struct slice){rest.p + n + (end != NULL), rest.len - n - (end != NULL)};
	}
	return list;
}

/* What a commit ends and starts, or would: for who sees the agencies. */
static void
ends_add(const struct ctl *c, json_t *o, bool check)
{
	if ((ctl_perm(c) & CONF_PERM_FLOW_TAP) == 0)
		return;
	if (json_array_size(c->engine->ends) > 0)
		json_object_set(o, check ? "would-end" : "ended", c->engine->ends);
	if (json_array_size(c->engine->starts) > 0)
		json_object_set(o, check ? "would-start" : "started", c->engine->starts);
}

/* What is in force now. */
static int
answer_commit(struct ctl *c, const char *what, bool changed)
{
	json_t *o = entry_json(c, &c->engine->history.entry[0]);

	json_object_set_new(o, "result", json_string(what));
	json_object_set_new(o, "changed", json_boolean(changed));
	if (changed && c->warnings.len)
		json_object_set_new(o, "warnings", warnings_json(c));
	if (changed)
		ends_add(c, o, strcmp(what, "check") == 0);
	pending_add(c, o, strcmp(what, "check") == 0 ? c->pending : c->engine->conf->pending);
	if (strcmp(what, "commit") == 0)
		at_add(c, o);
	if (c->engine->history.deadline.no)
		json_object_set_new(o, "confirm-within-seconds",
		    json_integer(history_due_ms(&c->engine->history, wallclock_ms(&c->engine->clock)) / 1000));
	return answer(c, o);
}

static bool
is_login(const char *why)
{
	return strncmp(why, "system login user ", strlen("system login user ")) == 0;
}

/* The candidate's own line. */
static void
wrong_place(struct ctl *c, unsigned line, const char *why)
{
	struct conf_error err = {.line = line, .column = 1, .word = "user"};
	const char *colon = is_login(why) ? NULL : strstr(why, ": ");

	if (colon)
		snprintf(err.word, sizeof err.word, "%.*s", (int)(colon - why), why);
	snprintf(err.expected, sizeof err.expected, "%s", colon ? colon + 2 : why);
	wrong(c, &err);
}

static void
commit_done(void *arg, int err, unsigned line, const char *why)
{
	struct ctl *c = arg;
	const bool check = c->checking;

	if (!ctl_resume(c))
		return;
	if (err == 0 && *why && (ctl_perm(c) & CONF_PERM_FLOW_TAP))
		buf_printf(&c->warnings, "not tapped until it is there: %s\n", why);
	/* Which process can't do what with what is for those who see all of it; the log has it too. */
	if (err < 0 && line && (is_login(why) || sees_all(c)))
		wrong_place(c, line, why);
	else if (err < 0)
		ctl_error(c, EXIT_REFUSED, sees_all(c) ? why : "the configuration was refused");
	else if (answer_commit(c, check ? "check" : "commit", true) < 0)
		ctl_error(c, EXIT_TRANSPORT, "not enough memory");
}

/* NULL, or what was expected. */
static const char *
commit_parse(const char *args, struct config_ask *ask, uint64_t *at_s)
{
	uint64_t minutes;

	for (;;)
		if (word_take(&args, "check"))
			ask->check = true;
		else if (word_take(&args, "confirmed")) {
			if (*args < '0' || *args > '9')
				minutes = CONFIRM_USUAL;
			else if (!number_take(&args, CONFIRM_MAX, &minutes) || minutes == 0)
				return "commit confirmed: expected a number of minutes from 1 to 65535";
			ask->minutes = (unsigned)minutes;
		} else if (word_take(&args, "base")) {
			if (!number_take(&args, INT64_MAX, &ask->base))
				return "commit base: expected the number of a commit";
		} else if (word_take(&args, "at")) {
			if (!number_take(&args, INT64_MAX / 1000, at_s))
				return "commit at: expected seconds since 1970";
		} else
			break;
	if (word_take(&args, "comment")) {
		if (!history_comment_ok((struct slice){args, strlen(args)}))
			return "commit comment: expected one line of at most 255 bytes";
		strcpy(ask->comment, args);
	} else if (*args)
		return "commit: expected at, check, confirmed, base or comment";
	return !!ask->check + !!ask->minutes + !!*at_s > 1 ? "commit: one of at, check and confirmed" : NULL;
}

static int
confirm(struct ctl *c)
{
	int r = engine_config_confirm(c->engine, c->uid);

	if (r == 0)
		return answer_commit(c, "confirmed", false);
	ctl_error(c, EXIT_REFUSED, r == -ENOENT ? "no commit waits to be confirmed" : "it could not be confirmed");
	return 0;
}

static int
commit_answer(struct ctl *c, const struct config_ask *ask, int r, const struct conf_error *err)
{
	switch (r) {
	case 0:
		c->waits++;
		c->checking = ask->check;
		memcpy(c->pending, c->engine->ask->pending, sizeof c->pending);
		return 0;
	case -EALREADY:
		return answer_commit(c, ask->check ? "check" : "commit", false);
	case -EINVAL:
		wrong(c, err);
		return 0;
	case -EPERM:
		refuse(c, err);
		return 0;
	default:
		ctl_error(c, EXIT_REFUSED, err->expected);
		return 0;
	}
}

int
ctl_commit(struct ctl *c, const char *args, struct slice text)
{
	struct config_ask ask = {.uid = c->uid, .perm = ctl_perm(c), .done = commit_done, .arg = c};
	uint64_t at_s = 0;
	const char *expected = commit_parse(args, &ask, &at_s);
	struct conf_error err;
	char why[128];
	int r;

	if (expected) {
		ctl_error(c, EXIT_USAGE, expected);
		return 0;
	}
	if (!ask.check && engine_lock_is_others(c->engine, c, why)) {
		ctl_error(c, EXIT_REFUSED, why);
		return 0;
	}
	/* It is judged again when it is due. */
	if (at_s)
		ask.perm = engine_at_perm(c->engine, c->uid);
	if (at_s && engine_perm_missing(c->engine, c->uid, "commit", ask.perm)) {
		ctl_error(c, EXIT_NOT_AUTHORISED,
		    "commit at: permission denied: it counts what system login permits, not the groups of the system");
		return 0;
	}
	if (at_s && (r = engine_config_judge(c->engine, &ask, text, &err)) < 0)
		return commit_answer(c, &ask, r, &err);
	if (at_s)
		return ctl_commit_at(c, &ask, at_s, text);
	if (text.len == 0)
		return confirm(c);
	warnings_take(c, text);
	return commit_answer(c, &ask, engine_config_commit(c->engine, &ask, text, &err), &err);
}
