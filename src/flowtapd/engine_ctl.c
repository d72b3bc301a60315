/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator's side: one command at a time, JSON back.  Who may see
 * numbers is decided here, from the kernel's word on the peer: root and the
 * members of the daemon's own group.  Nothing here knows a target.
 *
 * exports: ctl_ */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "engine_archive.h"
#include "engine_at.h"
#include "engine_ctl.h"
#include "engine_ctl_limit.h"
#include "engine_lock.h"
#include "engine_perm.h"
#include "engine_reload.h"
#include "engine_time.h"
#include "log.h"

#define CTL_BODY_MAX 131072  /* a warrant, or a piece of a longer text */
#define CTL_LINES 65536      /* bytes of audit lines in one message, about */
#define LINES_NS 1000000000u /* for which one snapshot serves an export */
#define CTL_QUEUE 262144     /* unsent bytes above which an export, or the next command, waits */

void
ctl_close(struct ctl *c)
{
	if (c->chan) {
		ctl_limit_leave(c);
		engine_lock_drop(c);
	}
	chan_free(TAKE_PTR(c->chan));
	store_lines_close(TAKE_PTR(c->lines));
	buf_free(&c->text);
	buf_free(&c->warnings);
	if (c->waits == 0)
		loop_defer(c->engine->loop, free, c);
}

uint32_t
ctl_perm(const struct ctl *c)
{
	const uint32_t of_groups = c->chan ? engine_perm_of_groups(c->engine, chan_fd(c->chan)) : 0;

	return engine_perm_of(c->engine, c->uid, of_groups);
}

/* One command at a time: the next one is read when this one was answered, and most of the answer was taken.  Between
 * any two the others have their turn. */
static void
turn_over(void *arg)
{
	struct ctl *c = arg;

	if (c->chan == NULL || c->waits || c->exporting || chan_is_full(c->chan))
		return;
	if (c->answered)
		ctl_limit_command(c);
	c->answered = false;
	chan_pause(c->chan, false);
}

int
ctl_send(struct ctl *c, uint16_t type, const void *body, size_t len)
{
	int r = chan_send(c->chan, type, 0, body, len);

	if (r == -EMSGSIZE && type != IPC_C_ERROR) {
		ctl_error(c, EXIT_REFUSED, "the answer is longer than a message may be");
		return 0;
	}
	c->answered = true;
	loop_defer(c->engine->loop, turn_over, c);
	return r;
}

void
ctl_error(struct ctl *c, uint8_t code, const char *text)
{
	cleanup_buf struct buf b = {0};

	buf_put_u8(&b, code);
	buf_put_str(&b, text);
	if (b.err == 0)
		(void)ctl_send(c, IPC_C_ERROR, b.p, b.len);
}

bool
ctl_resume(struct ctl *c)
{
	c->waits--;
	if (c->chan)
		return true;
	ctl_close(c);
	return false;
}

/* ---- audit ---- */

static int
audit_end(struct ctl *c)
{
	const struct engine_audit *a = &c->engine->audit;
	char text[512];

	store_lines_close(TAKE_PTR(c->lines));
	c->exporting = false;
	snprintf(text, sizeof text, "{\"key\":\"%s\",\"n\":%llu,\"hash\":\"%s\",\"archived\":%llu}", a->key,
	    (unsigned long long)a->chain.n, a->chain.hash, (unsigned long long)a->archived);
	return ctl_send(c, IPC_C_JSON, text, strlen(text));
}

static void audit_step(void *arg);

static void
on_drain(void *arg)
{
	struct ctl *c = arg;

	if (c->exporting)
		audit_step(c);
	else
		turn_over(c);
}

static int
audit_lines_open(struct ctl *c)
{
	if (c->lines)
		return 0;
	c->lines_ns = clock_mono_ns();
	return store_lines_open(c->engine->store, c->line, &c->lines);
}

/* Up to the line that tells of the export. */
static int
audit_from(struct ctl *c, uint64_t line)
{
	c->line = line > c->engine->audit.archived ? line : c->engine->audit.archived + 1;
	c->line_last = c->engine->audit.chain.n;
	return audit_lines_open(c);
}

/* 1 and the next line, 0 the end. */
static int
audit_line(struct ctl *c, struct buf *out)
{
	cleanup_buf struct buf sealed = {0};
	uint64_t n;
	int r;

	if (c->line > c->line_last)
		return 0;
	if ((r = store_lines_next(c->lines, &n, &sealed)) <= 0)
		return r;
	c->line = n + 1;
	r = audit_open(c->engine->audit.seal, n, sealed.p, sealed.len, out);
	buf_put(out, "\n", 1);
	return r < 0 ? r : out->err ? out->err : 1;
}

/* As much as goes into one message; then the next, unless too much is not yet written.  While a snapshot is held what
 * was deleted stays in the database's log: none is while the reader is waited for, nor one for long. */
static void
audit_step(void *arg)
{
	struct ctl *c = arg;
	cleanup_buf struct buf b = {0};
	int r;

	if (c->chan == NULL || !c->exporting)
		return;
	r = audit_lines_open(c) < 0 ? -EIO : 1;
	while (r >= 0 && b.len < CTL_LINES && (r = audit_line(c, &b)) == 1)
		;
	if (r >= 0 && b.len > 0)
		r = ctl_send(c, IPC_C_LINES, b.p, b.len);
	if (r >= 0 && b.len == 0)
		r = audit_end(c);
	if (r < 0) {
		store_lines_close(TAKE_PTR(c->lines));
		c->exporting = false;
		ctl_error(c, EXIT_TRANSPORT, "the audit record can't be read");
		return;
	}
	if (chan_is_full(c->chan) || clock_mono_ns() - c->lines_ns > LINES_NS)
		store_lines_close(TAKE_PTR(c->lines));
	if (c->exporting && !chan_is_full(c->chan))
		loop_defer(c->engine->loop, audit_step, c); /* else on_drain goes on */
}

static int
audit_export(struct ctl *c, const char *args, struct slice text)
{
	uint64_t from = 1;
	int r;

	(void)text;
	if (*args && slice_u64((struct slice){args, strlen(args)}, INT64_MAX, &from) < 0) {
		ctl_error(c, EXIT_USAGE, "audit export: expected the number of a line");
		return 0;
	}
	if ((r = engine_audit_now(
		 c->engine, &(struct audit_event){.kind = "export", .uid = c->uid, .have_uid = true})) < 0 ||
	    (r = audit_from(c, from)) < 0) {
		ctl_error(c, EXIT_TRANSPORT, "the audit record can't be read");
		return 0;
	}
	c->exporting = true;
	audit_step(c);
	return 0;
}

static int
audit_head(struct ctl *c, const char *args, struct slice text)
{
	(void)args;
	(void)text;
	return audit_end(c);
}

static int
audit_archive(struct ctl *c, const char *args, struct slice text)
{
	char why[192];
	int r = engine_archive(c->engine, c->uid, args, why, sizeof why);

	(void)text;
	if (r == 0)
		return audit_end(c);
	ctl_error(c, r == -EINVAL ? EXIT_USAGE : r == -EPERM ? EXIT_REFUSED : EXIT_TRANSPORT, why);
	return 0;
}

/* ---- warrants ---- */

static int
warrant_done(struct ctl *c, int err, const char *why)
{
	if (err == 0)
		return ctl_send(c, IPC_C_JSON, "{}", 2);
	ctl_error(c, err == -ENOENT ? EXIT_NO_OBJECT : err == -EINVAL ? EXIT_USAGE : EXIT_REFUSED, why);
	return 0;
}

/* The fingerprint of what was entered is for the paper. */
static int
warrant_enter(struct ctl *c, const char *args, struct slice text)
{
	char why[128];
	cleanup_buf struct buf b = {0};
	int r = engine_warrant_enter(c->engine, c->uid, text, why, sizeof why);

	(void)args;
	if (r < 0)
		return warrant_done(c, r, why);
	buf_printf(&b, "{\"fingerprint\":\"%s\"}", why);
	return b.err ? b.err : ctl_send(c, IPC_C_JSON, b.p, b.len);
}

/* args: "enter" with the order's text, or "approve", the agency and the reference. */
static int
warrant_statement(struct ctl *c, const char *args, struct slice text)
{
	char agency[CONF_NAME_MAX + 1], ref[WARRANT_REF_MAX + 1], why[128] = "no such warrant";
	cleanup_buf struct buf b = {0};
	int n = 0, r;

	if (strcmp(args, "enter") == 0)
		r = engine_warrant_to_enter(c->engine, text, &b, why, sizeof why);
	else if (sscanf(args, "approve %63s %63s%n", agency, ref, &n) == 2 && args[n] == '\0' && text.len == 0)
		r = engine_warrant_to_approve(c->engine, agency, ref, &b);
	else
		return warrant_done(c, -EINVAL, "expected enter, or approve, an agency and a reference");
	if (r < 0)
		return warrant_done(c, r, why);
	return ctl_answer(c, json_pack("{s:s%}", "statement", (const char *)b.p, b.len));
}

/* The armour of a signature and blanks around it, or nothing.  -EINVAL */
static int
signature_take(struct slice text, struct slice *out)
{
	struct slice rest = text;

	*out = sshsig_cut(&rest);
	for (size_t i = 0; i < text.len; i++)
		if ((out->len == 0 || text.p + i < out->p || text.p + i >= out->p + out->len) && text.p[i] != '\n' &&
		    text.p[i] != '\r')
			return -EINVAL;
	return 0;
}

/* args: the agency and the reference; to approve, the fingerprint.  text: the signature, if there is one. */
static int
warrant_decide(struct ctl *c, const char *args, bool approve, struct slice text)
{
	struct warrant_decision d = {.uid = c->uid, .approve = approve};
	int n = 0, words = sscanf(args, "%63s %63s %n", d.agency, d.ref, &n);
	char why[128];

	if (words != 2)
		return warrant_done(c, -EINVAL, "expected an agency and a reference");
	if (approve && args[n] == '\0')
		return warrant_done(c, -EINVAL, "expected the fingerprint of the order's text, as it is on the paper");
	if (!approve && args[n] != '\0')
		return warrant_done(c, -EINVAL, "expected nothing behind the reference");
	if (signature_take(text, &d.signature) < 0 || (!approve && text.len > 0))
		return warrant_done(c, -EINVAL,
		    approve ? "expected a signature as ssh-keygen -Y sign makes it" : "a revocation is not signed");
	snprintf(d.print, sizeof d.print, "%s", args + n);
	return warrant_done(c, engine_warrant_decide(c->engine, &d, why, sizeof why), why);
}

static int
warrant_approve(struct ctl *c, const char *args, struct slice text)
{
	return warrant_decide(c, args, true, text);
}

static int
warrant_revoke(struct ctl *c, const char *args, struct slice text)
{
	return warrant_decide(c, args, false, text);
}

static int
warrant_accept_clock(struct ctl *c, const char *args, struct slice text)
{
	char why[128] = "expected nothing more";
	int r;

	(void)text;
	r = *args ? -EINVAL : engine_time_accept(c->engine, c->uid, why, sizeof why);
	return warrant_done(c, r, why);
}

static int
warrant_show(struct ctl *c, const char *args, struct slice text)
{
	char agency[CONF_NAME_MAX + 1], ref[WARRANT_REF_MAX + 1];
	cleanup_buf struct buf b = {0};
	int r;

	(void)text;
	if (*args == '\0')
		r = engine_warrant_show(c->engine, &b);
	else if (sscanf(args, "%63s %63s", agency, ref) != 2)
		return warrant_done(c, -EINVAL, "expected nothing, or an agency and a reference");
	else
		r = engine_warrant_text(c->engine, c->uid, agency, ref, &b);
	if (r == -ENOENT)
		return warrant_done(c, r, "no such warrant");
	if (r < 0)
		return warrant_done(
		    c, -EIO, r == -ENOSPC ? "it can't be recorded that it is shown" : "it can't be read");
	r = ctl_send(c, IPC_C_JSON, b.p, b.len);
	explicit_bzero(b.p, b.len);
	return r;
}

/* ---- logins ---- */

static int
login_failed(struct ctl *c, const char *args, struct slice text)
{
	(void)args;
	return warrant_done(c, engine_login_failed(c->engine, text), "it could not be recorded");
}

/* ---- keys ---- */

static int
rotate_keys(struct ctl *c, const char *args, struct slice text)
{
	cleanup_buf struct buf b = {0};
	int r = keys_rotate(c->engine);

	(void)args;
	(void)text;
	if (r < 0) {
		ctl_error(
		    c, EXIT_REFUSED, r == -EALREADY ? "a rotation is under way" : "the store refused it: see the log");
		if (r != -EALREADY)
			log_warn(r, "rotation of keys");
		return 0;
	}
	buf_printf(&b, "{\"rotation\":\"started\",\"reseal-rows\":%llu}", (unsigned long long)c->engine->reseal_left);
	return b.err ? b.err : ctl_send(c, IPC_C_JSON, b.p, b.len);
}

/* ---- commands ---- */

/* What each of them takes: command_perm.c. */
static const struct {
	const char *words;
	int (*run)(struct ctl *c, const char *args, struct slice text);
} commands[] = {
    {"configuration", ctl_show_configuration},
    {"system commit", ctl_show_commits},
    {"system alarms", ctl_show_alarms},
    {"clear services flow-tap statistics", ctl_clear_statistics},
    {"commit", ctl_commit},
    {"clear system commit", ctl_clear_commit},
    {"configure exclusive", ctl_lock},
    {"configure", ctl_show_lock},
    {"request system configuration rescue save", ctl_rescue_save},
    {"request system configuration rescue delete", ctl_rescue_delete},
    {"request system configuration reload", ctl_reload},
    {"cli authorization", ctl_show_authorization},
    {"services flow-tap statistics", ctl_show_flow_tap},
    {"services flow-tap sessions", ctl_show_sessions},
    {"services flow-tap content-destinations", ctl_show_dests},
    {"services flow-tap events", ctl_show_events},
    {"services flow-tap", ctl_show_flow_tap},
    {"audit export", audit_export},
    {"audit head", audit_head},
    {"audit archive", audit_archive},
    {"warrant enter", warrant_enter},
    {"warrant approve", warrant_approve},
    {"warrant revoke", warrant_revoke},
    {"warrant statement", warrant_statement},
    {"warrant show", warrant_show},
    {"warrant accept-clock", warrant_accept_clock},
    {"request services flow-tap self-test", ctl_selftest},
    {"request services flow-tap rotate-keys", rotate_keys},
    {"login-failed", login_failed},
};

/* The first command that the words begin with; *args: the rest. */
static int
command_find(const char *words, const char **args)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		size_t n = strlen(commands[i].words);

		if (strncmp(words, commands[i].words, n) != 0 || (words[n] != '\0' && words[n] != ' '))
			continue;
		*args = words[n] ? words + n + 1 : words + n;
		return (int)i;
	}
	return -1;
}

/* Of those who may commit: nobody else's bytes are kept.  No command is to follow on a part of its text. */
static int
text_take(struct ctl *c, const uint8_t *body, size_t len)
{
	const char *missing = engine_perm_missing(c->engine, c->uid, "commit", ctl_perm(c));

	if (missing) {
		ctl_error(c, EXIT_NOT_AUTHORISED, missing);
		return -EPERM;
	}
	if ((missing = ctl_limit_text(c, len)) != NULL) {
		ctl_error(c, EXIT_REFUSED, missing);
		return -EDQUOT;
	}
	buf_put(&c->text, body, len);
	return c->text.err;
}

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct ctl *c = arg;
	struct rd r = rd_init(body, len);
	const char *args, *missing;
	struct slice text;
	char words[512];
	int i, code = 0;

	(void)id;
	chan_pause(c->chan, true);
	loop_defer(c->engine->loop, turn_over, c);
	if (type == IPC_C_TEXT)
		return text_take(c, body, len);
	rd_cstr(&r, words, sizeof words);
	text = rd_slice(&r);
	if (c->text.len)
		text = (struct slice){(const char *)c->text.p, c->text.len};
	if (type != IPC_C_SHOW || rd_end(&r) < 0)
		return -EPROTO;
	ctl_limit_command(c);
	if ((i = command_find(words, &args)) < 0)
		ctl_error(c, EXIT_USAGE, "unknown command");
	else if ((missing = engine_perm_missing(c->engine, c->uid, commands[i].words, ctl_perm(c))) != NULL)
		ctl_error(c, EXIT_NOT_AUTHORISED, missing);
	else
		code = commands[i].run(c, args, text);
	buf_free(&c->text); /* it went with this command; another one may follow */
	return code;
}

/* Anybody on this machine may send what is no message; an operator who went in the midst of an answer is no fault. */
static void
on_end(void *arg, int err)
{
	struct ctl *c = arg;

	if (err < 0 && err != -EPIPE && err != -ECONNRESET && err != -EPERM && err != -EDQUOT)
		ctl_limit_told(c->engine, c->uid, "sent what is not understood, or there was no memory for it");
	ctl_close(c);
}

static const struct chan_ops ctl_ops = {
    .on_msg = on_msg, .on_end = on_end, .on_drain = on_drain, .mark = CTL_QUEUE, .body_max = IPC_ANSWER_MAX};

static void
peer_read(int fd, uint32_t *uid, pid_t *pid)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		cred = (struct ucred){.uid = UINT32_MAX};
	*uid = cred.uid;
	*pid = cred.pid;
}

void
ctl_accept(struct engine *e, int fd)
{
	struct ctl *c = calloc(1, sizeof *c);
	const char *why;

	if (c == NULL) {
		close(fd);
		return;
	}
	c->engine = e;
	peer_read(fd, &c->uid, &c->pid);
	if (chan_new(e->loop, fd, CTL_BODY_MAX, &ctl_ops, c, &c->chan) < 0) {
		free(c);
		return;
	}
	if ((why = ctl_limit_enter(c)) == NULL)
		return;
	ctl_limit_told(e, c->uid, why);
	ctl_error(c, EXIT_REFUSED, why);
	chan_free(TAKE_PTR(c->chan));
	loop_defer(e->loop, free, c); /* behind what ctl_error left */
}
