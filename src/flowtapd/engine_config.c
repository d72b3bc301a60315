/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commits.  A candidate is parsed here, where there is no privilege, then handed to the
 * parent, which has everybody prepare it, the engine too.  The history and the record
 * have it before the configuration's file is replaced: what can't be kept or recorded
 * does not come into force.  Nothing in a configuration names a target.
 *
 * exports: engine_config_ */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf_change.h"
#include "conf_diff.h"
#include "conf_error.h"
#include "conf_parse.h"
#include "conf_perm.h"
#include "engine.h"
#include "engine_perm.h"
#include "log.h"
#include "replace.h"

#define ROOM (DAEMON_CHAN_MAX - 65536) /* of a message, beside the agencies' users */
#define CHANGED_MAX 2048
#define RETRY_MS 10000

static int
refuse(struct conf_error *err, int r, const char *why)
{
	*err = (struct conf_error){0};
	snprintf(err->expected, sizeof err->expected, "%s", why);
	return r;
}

static int
text_of(const struct conf *c, struct buf *out)
{
	conf_print(c, out);
	return out->err;
}

/* ---- asking ---- */

static int
base_check(const struct engine *e, const struct config_ask *ask, struct conf_error *err)
{
	const struct history_entry *now = &e->history.entry[0];
	char why[192];

	if (ask->base == 0 || e->history.n == 0 || ask->base == now->no)
		return 0;
	snprintf(why, sizeof why,
	    "the configuration has changed meanwhile: commit %llu by %s; rollback takes it into the candidate, whose "
	    "changes are to be made again",
	    (unsigned long long)now->no, now->user);
	return refuse(err, -ESTALE, why);
}

#define PLACES_TEXT_MAX 65536 /* of a longer text the places are not told: it is not read once more for them */

static void
place_note(struct config_ask *ask, const char *kind, const char *name, unsigned line)
{
	struct config_place *p = &ask->place[ask->nplace++];

	snprintf(p->what, sizeof p->what, "%s %s", kind, name);
	p->line = line;
}

static void
taps_note(struct config_ask *ask, const struct conf *c)
{
	const struct conf_node *tap = conf_tree_find(conf_tree_find(&c->effect->root, "services"), "flow-tap");
	const struct conf_node *tapped = conf_tree_find(tap, "tapped-interfaces"), *n;
	uint32_t left = c->nagency;

	for (uint32_t i = 0; tapped && i < c->ntapped; i++)
		place_note(ask, "interface", c->tapped[i], tapped->line);
	if (tap == NULL)
		return;
	TAILQ_FOREACH (n, &tap->child, entry)
		if (!n->inactive && strcmp(conf_tree_name(n), "agency") == 0 && n->nword > 0 && left-- > 0)
			place_note(ask, "agency", n->word[0].text, n->line);
}

/* In the candidate as it was written. */
static int
places_note(struct config_ask *ask, struct slice candidate)
{
	struct conf_error err;
	struct conf *c;
	int r = conf_parse_known(candidate, ~ask->perm, &c, &err);

	if (r < 0)
		return r;
	ask->place = calloc((size_t)c->nlogin + c->ntapped + c->nagency + 1, sizeof *ask->place);
	if (ask->place)
		taps_note(ask, c);
	for (uint32_t i = 0; ask->place && i < c->nlogin; i++)
		place_note(ask, "system login user", c->login[i].name, c->login[i].node->line);
	conf_free(c);
	return ask->place ? 0 : -ENOMEM;
}

static int
ask_send(struct engine *e, const struct config_ask *ask, struct slice candidate, const struct buf *text)
{
	cleanup_buf struct buf b = {0};
	struct config_ask *copy;

	ipc_ask_put(
	    &b, &(struct ipc_ask){.check = ask->check, .uid = ask->uid, .text = {(const char *)text->p, text->len}});
	if (b.err || (copy = malloc(sizeof *copy)) == NULL)
		return -ENOMEM;
	*copy = *ask;
	if (places_note(copy, candidate) < 0) {
		free(copy);
		return -ENOMEM;
	}
	e->ask = copy;
	return chan_send(e->parent, IPC_P_ASK, 0, b.p, b.len);
}

static int
unchanged(struct engine *e, const struct config_ask *ask, struct conf_error *err)
{
	if (!ask->check && e->history.deadline.no && engine_config_confirm(e, ask->uid) < 0)
		return refuse(err, -EIO, "it could not be confirmed: see the log");
	if (!ask->check && chan_send(e->parent, IPC_P_UNCHANGED, 0, NULL, 0) < 0)
		return refuse(err, -EIO, "no changes, and the file's group and mode could not be looked at");
	return refuse(err, -EALREADY, "no changes");
}

static int
judge(
    const struct engine *e, const struct config_ask *ask, struct slice text, struct conf **next, struct conf_error *err)
{
	struct conf *c;
	int r;

	if ((r = base_check(e, ask, err)) < 0 || (r = conf_perm_judge(e->conf, text, ask->perm, &c, err)) < 0)
		return r;
	if ((r = conf_perm_expressions(e->conf, c, engine_perm_login(e, ask->uid), err)) < 0)
		conf_free(c);
	else
		*next = c;
	return r;
}

int
engine_config_judge(const struct engine *e, const struct config_ask *ask, struct slice text, struct conf_error *err)
{
	struct conf *next;
	int r = judge(e, ask, text, &next, err);

	if (r == 0)
		conf_free(next);
	return r;
}

int
engine_config_commit(struct engine *e, const struct config_ask *ask, struct slice text, struct conf_error *err)
{
	cleanup_buf struct buf now = {0}, then = {0};
	char pending[sizeof ask->pending];
	struct conf *next;
	bool logins;
	int r;

	if (e->ask)
		return refuse(err, -EBUSY, "another commit is under way");
	if ((r = judge(e, ask, text, &next, err)) < 0)
		return r;
	logins = next->nlogin > 0;
	(void)conf_diff_restart(e->conf, next, pending, sizeof pending);
	r = text_of(next, &then);
	conf_free(next);
	if (r < 0 || (r = text_of(e->conf, &now)) < 0)
		return refuse(err, r, "not enough memory");
	if (then.len > ROOM)
		return refuse(err, -EFBIG, "too long for a configuration");
	if (now.len == then.len && (now.len == 0 || memcmp(now.p, then.p, now.len) == 0))
		return unchanged(e, ask, err);
	r = ask_send(e, ask, logins || text.len <= PLACES_TEXT_MAX ? text : (struct slice){"", 0}, &then);
	if (r == 0)
		memcpy(e->ask->pending, pending, sizeof pending);
	return r < 0 ? refuse(err, r, "it could not be handed on") : 0;
}

/* ---- confirming ---- */

static void
confirm_arm(struct engine *e)
{
	const int64_t left = history_due_ms(&e->history, wallclock_ms(&e->clock));

	loop_timer_set(e->confirm, left);
}

int
engine_config_known(int r, const char *what)
{
	if (r == REPLACE_UNKNOWN)
		fatal(r, "whether %s shows at the next start", what);
	return r;
}

int
engine_config_confirm(struct engine *e, uint32_t uid)
{
	char reason[64];
	int r;

	if (e->history.deadline.no == 0)
		return -ENOENT;
	snprintf(reason, sizeof reason, "commit %llu", (unsigned long long)e->history.deadline.no);
	if ((r = engine_audit_now(
		 e, &(struct audit_event){.kind = "confirm", .uid = uid, .have_uid = true, .reason = reason})) < 0 ||
	    (r = history_confirm(&e->history)) < 0)
		log_warn(r, "commit not confirmed");
	r = engine_config_known(r, "the commit is confirmed");
	confirm_arm(e);
	return r;
}

static void
back_done(void *arg, int err, unsigned line, const char *why)
{
	struct engine *e = arg;

	(void)line;
	if (err == 0)
		return;
	log_warnx("the commit that was not confirmed could not be taken back: %s", why);
	loop_timer_set(e->confirm, RETRY_MS);
}

/* A timer may come too early: the boot clock decides. */
static void
on_confirm(void *arg)
{
	struct engine *e = arg;
	struct config_ask ask = {.perm = CONF_PERM_ALL, .done = back_done, .arg = e};
	cleanup_buf struct buf text = {0};
	struct conf_error err = {0};
	int r;

	if (history_due_ms(&e->history, wallclock_ms(&e->clock)) != 0) {
		confirm_arm(e);
		return;
	}
	snprintf(ask.comment, sizeof ask.comment, "commit %llu was not confirmed",
	    (unsigned long long)e->history.deadline.no);
	if ((r = history_back(&e->history, &text)) == 0)
		r = engine_config_commit(e, &ask, (struct slice){(char *)text.p, text.len}, &err);
	if (r < 0 && r != -EALREADY)
		back_done(e, r, 0, *err.expected ? err.expected : strerror(-r));
}

void
engine_config_look(struct engine *e)
{
	confirm_arm(e);
}

int
engine_config_start(struct engine *e)
{
	int r = loop_timer_new(e->loop, on_confirm, e, &e->confirm);

	if (r == 0)
		confirm_arm(e);
	return r;
}

/* ---- what becomes of it ---- */

/* Who, why, and which statements. */
static int
commit_record(struct engine *e, const struct config_ask *ask)
{
	struct audit_event v = {.kind = "commit"};
	cleanup_buf struct buf paths = {0}, effect = {0}, changed = {0};
	int r;

	if ((r = conf_change_paths(e->conf->tree, e->next->tree, CHANGED_MAX, &paths)) < 0 ||
	    (r = conf_change_paths(e->conf->effect, e->next->effect, CHANGED_MAX, &effect)) < 0)
		return r;
	buf_printf(&changed, "changed: %.*s", (int)paths.len, paths.p ? (const char *)paths.p : "");
	if (paths.len == 0)
		buf_printf(&changed, "comments");
	if (e->conf->effect != e->conf->tree || e->next->effect != e->next->tree)
		buf_printf(&changed, "; in effect: %.*s", effect.len ? (int)effect.len : 7,
		    effect.len ? (const char *)effect.p : "nothing");
	buf_put(&changed, "", 1);
	v.reason = (const char *)changed.p;
	if (ask) {
		v.uid = ask->uid;
		v.have_uid = true;
		v.request = (struct slice){ask->comment, strlen(ask->comment)};
	}
	return changed.err ? changed.err : engine_audit_now(e, &v);
}

int
engine_config_record(struct engine *e, const struct conf *conf)
{
	cleanup_buf struct buf text = {0};
	char hash[AUDIT_HASH_HEX + 1], reason[AUDIT_HASH_HEX + 32];

	conf_print(conf, &text);
	if (text.err || audit_digest(text.p, text.len, hash) < 0)
		return -ENOMEM;
	snprintf(reason, sizeof reason, "SHA-256 %s", hash);
	engine_audit_happened(e, &(struct audit_event){.kind = "config", .reason = reason});
	return 0;
}

int
engine_config_prepare(struct engine *e, const char *by, const char **why)
{
	struct config_ask *ask = *by ? e->ask : NULL;
	cleanup_buf struct buf text = {0};
	int r;

	if (*by && (ask == NULL || ask->check))
		return ask ? 0 : -EPROTO;
	*why = "its author is not the same user any more";
	if (ask && *ask->author && strcmp(by, ask->author) != 0)
		return -EPERM;
	if ((r = text_of(e->next, &text)) < 0)
		return r;
	*why = "the history of the configuration can't be written";
	r = history_begin(&e->history, ask ? by : "root", ask ? ask->comment : "read from its file",
	    ask ? ask->minutes : 0, (struct slice){(char *)text.p, text.len});
	if (r < 0)
		return r;
	*why = "it could not be recorded";
	if ((r = commit_record(e, ask)) < 0)
		history_drop(&e->history);
	return r;
}

void
engine_config_committed(struct engine *e)
{
	int r;

	if (e->history.next.no == 0)
		return;
	if ((r = history_keep(&e->history)) < 0)
		log_warn(r, "the history of the configuration is not complete until the next start");
	confirm_arm(e);
}

void
engine_config_abort(struct engine *e)
{
	history_drop(&e->history);
}

void
engine_config_refused(struct engine *e, uint32_t uid, const char *comment, const char *why)
{
	engine_audit_happened(e, &(struct audit_event){.kind = "commit-refused",
				     .uid = uid,
				     .have_uid = true,
				     .request = {comment, strlen(comment)},
				     .reason = why});
}

/* "system login user NAME: ...", "agency NAME: ...", "interface NAME: ...".  An interface's name may have a colon. */
static unsigned
place_line(const struct config_ask *ask, const char *why)
{
	for (uint32_t i = 0; i < ask->nplace; i++) {
		const size_t len = strlen(ask->place[i].what);

		if (strncmp(why, ask->place[i].what, len) == 0 && strncmp(why + len, ": ", 2) == 0)
			return ask->place[i].line;
	}
	return 0;
}

int
engine_config_done(struct engine *e, const uint8_t *body, size_t len)
{
	cleanup_free struct config_ask *ask = TAKE_PTR(e->ask);
	struct rd r = rd_init(body, len);
	const int err = rd_errno(&r);
	char why[400];

	rd_cstr(&r, why, sizeof why);
	if (rd_end(&r) < 0 || ask == NULL)
		return -EBADMSG;
	if (err < 0 && !ask->check)
		engine_config_refused(e, ask->uid, ask->comment, why);
	ask->done(ask->arg, err, place_line(ask, why), why);
	free(ask->place);
	return 0;
}
