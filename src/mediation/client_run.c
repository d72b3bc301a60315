/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: client_run */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "clock.h"
#include "dialog.h"
#include "jsonout.h"
#include "progress.h"
#include "reqfile.h"
#include "trouble.h"

#define CODES_MAX 16        /* kinds of refusal explained at the end */
#define REST_MAX (1u << 20) /* requests of a pipe that are counted though they are not sent */

struct running {
	const struct client_opts *o;
	struct request_sign sign;
	struct reqfile file;
	struct jsonout js;
	struct progress progress;
	struct buf text;
	bool tty;     /* standard output is one */
	bool stopped; /* by a refusal, as asked */
	bool unread;  /* the input goes on behind what was counted */
	uint64_t accepted, refused, unanswered, unsent, start_ns;
	uint64_t rest;                   /* requests behind the last that was sent, if the file was not gone through */
	unsigned code[CODES_MAX], ncode; /* refusals seen */
	unsigned last_code;              /* of the last refusal */
};

/* ---- asking ---- */

static void
text_print(struct running *r)
{
	if (r->tty)
		progress_clear(&r->progress);
	fwrite(r->text.p, 1, r->text.len, stdout);
	buf_reset(&r->text);
}

/* A request that can't be sent; the file goes on behind it. */
static void
unsent_tell(struct running *r, uint64_t line)
{
	r->unsent++;
	r->stopped = r->o->stop;
	if (r->o->json) {
		jsonout_object(&r->js, json_pack("{s:s, s:I, s:s, s:s}", "command", "run", "line", (json_int_t)line,
					   "error", "too-long", "text", "longer than DTCP allows: not sent"));
		return;
	}
	progress_clear(&r->progress);
	fprintf(
	    stderr, "dtcp: %s: line %" PRIu64 ": the request is longer than DTCP allows: not sent\n", r->o->file, line);
}

static int
on_next(void *arg, struct buf *out, struct dialog_req *rq, int *fd)
{
	struct running *r = arg;
	struct slice raw;
	int n;

	while (!r->stopped) {
		n = reqfile_next(&r->file, &raw, &rq->line);
		if (n == 1)
			n = request_complete(out, raw, &r->sign, &rq->info) ?: 1;
		if (n == -EMSGSIZE) {
			unsent_tell(r, rq->line);
			continue;
		}
		if (n == -EAGAIN)
			*fd = r->file.fd;
		return n;
	}
	return 0;
}

/* ---- hearing ---- */

static void
code_note(struct running *r, unsigned code)
{
	r->last_code = code;
	for (unsigned i = 0; i < r->ncode; i++)
		if (r->code[i] == code)
			return;
	if (r->ncode < CODES_MAX)
		r->code[r->ncode++] = code;
}

static json_t *
request_json(const struct dialog_req *rq)
{
	json_t *j = json_pack("{s:I, s:I, s:s}", "request", (json_int_t)rq->number, "line", (json_int_t)rq->line,
	    "method", rq->info.method);

	if (rq->info.have_seq && rq->info.seq <= INT64_MAX)
		json_object_set_new(j, "seq", json_integer((json_int_t)rq->info.seq));
	return j;
}

static void
reply_json(const struct running *r, const struct dialog_req *rq, const struct dtcp_reply *reply, bool last)
{
	json_t *j = request_json(rq), *entries;

	json_object_update_missing_new(j, answer_json(reply));
	if (reply->code == DTCP_OK && strcasecmp(rq->info.method, "DELETE") == 0)
		json_object_set_new(j, "criteria-count", json_integer((json_int_t)reply->count));
	if (reply->code == DTCP_OK && strcasecmp(rq->info.method, "LIST") == 0) {
		entries = json_array();
		for (uint32_t i = 0; i < reply->nentries; i++)
			json_array_append_new(entries, answer_entry_json(&reply->entry[i]));
		json_object_set_new(j, "entries", entries);
		json_object_set_new(j, "more", json_boolean(!last));
	}
	jsonout_object(&r->js, j);
}

/* "     12  ADD      criterion 7 added" */
static void
line_put(struct running *r, const struct dialog_req *rq)
{
	buf_printf(&r->text, "%7" PRIu64 "  %-8s ", rq->line, rq->info.method);
}

static void
reply_text(struct running *r, const struct dialog_req *rq, const struct dtcp_reply *reply)
{
	bool refused = reply->code != DTCP_OK, color = refused && term_has_color(r->o->color, STDOUT_FILENO);

	if (reply->nentries) {
		answer_put_list_head(&r->text, term_width(STDOUT_FILENO));
		for (uint32_t i = 0; i < reply->nentries; i++)
			answer_put_list_entry(&r->text, &reply->entry[i], rq->info.figures, term_width(STDOUT_FILENO));
		return;
	}
	if (r->o->quiet && !refused)
		return;
	line_put(r, rq);
	if (refused) {
		buf_printf(&r->text, "%s", color ? "\033[1;31m" : "");
		answer_put_refusal(&r->text, reply);
		buf_printf(&r->text, "%s", color ? "\033[0m" : "");
	} else {
		answer_put_done(&r->text, rq->info.method, reply);
	}
	buf_printf(&r->text, "\n");
}

static uint64_t
answered(const struct running *r)
{
	return r->accepted + r->refused + r->unanswered;
}

static int
on_reply(void *arg, const struct dialog_req *rq, const struct dtcp_reply *reply, bool last)
{
	struct running *r = arg;

	if (last && reply->code == DTCP_OK) {
		r->accepted++;
	} else if (reply->code != DTCP_OK) {
		r->refused++;
		r->stopped = r->o->stop;
		code_note(r, reply->code);
	}
	if (r->o->json)
		reply_json(r, rq, reply, last);
	else
		reply_text(r, rq, reply);
	if (r->text.len)
		text_print(r);
	progress_show(&r->progress, answered(r), r->file.consumed, r->file.size);
	return 0;
}

static void
on_stray(void *arg, const struct dtcp_reply *reply)
{
	struct running *r = arg;
	cleanup_buf struct buf b = {0};

	answer_put_refusal(&b, reply);
	progress_clear(&r->progress);
	fprintf(stderr, "dtcp: the server also says: %.*s\n", (int)b.len, (const char *)b.p);
}

static int
on_silent(void *arg, const struct dialog_req *rq)
{
	struct running *r = arg;

	r->unanswered++;
	r->stopped = r->o->stop;
	if (r->o->json) {
		json_t *j = request_json(rq);

		json_object_set_new(j, "error", json_string("silence"));
		jsonout_object(&r->js, j);
	} else {
		line_put(r, rq);
		buf_printf(&r->text, "no answer\n");
		text_print(r);
	}
	return 0;
}

static void
on_idle(void *arg)
{
	struct running *r = arg;

	fflush(stdout);
	progress_show(&r->progress, answered(r), r->file.consumed, r->file.size);
}

static const struct dialog_ops ops = {on_next, on_reply, on_stray, on_silent, on_idle};

/* ---- the account ---- */

static void
account_text(const struct running *r, uint64_t lost, double seconds)
{
	printf("%" PRIu64 " accepted, %" PRIu64 " refused, %" PRIu64 " unanswered, %" PRIu64
	       " not sent in %.3f s%s%s\n",
	    r->accepted, r->refused, r->unanswered + lost, r->unsent + r->rest, seconds,
	    r->stopped ? "; stopped at the first that failed" : "",
	    r->unread ? "; the rest of the input was not read" : "");
	fflush(stdout);
	for (unsigned i = 0; i < r->ncode; i++) {
		fprintf(stderr, "dtcp: %u %s\n", r->code[i], dtcp_code_text(r->code[i]));
		trouble_advise(dtcp_code_advice(r->code[i]));
	}
	if (r->unanswered)
		trouble_advise("No answer: a server passes over a request in silence if its digest is wrong, if its "
			       "Csource-ID is not the login user, or if its Seq was used before.");
}

static void
account(struct running *r, uint64_t lost)
{
	double seconds = (double)(clock_mono_ns() - r->start_ns) / 1e9;

	progress_clear(&r->progress);
	if (!r->o->json) {
		account_text(r, lost, seconds);
		return;
	}
	jsonout_object(&r->js,
	    json_pack("{s:s, s:I, s:I, s:I, s:I, s:b, s:b, s:f}", "command", "run", "accepted", (json_int_t)r->accepted,
		"refused", (json_int_t)r->refused, "unanswered", (json_int_t)(r->unanswered + lost), "not-sent",
		(json_int_t)(r->unsent + r->rest), "stopped", r->stopped, "unread", r->unread, "seconds", seconds));
}

static int
exit_status(const struct running *r)
{
	uint64_t failed = r->refused + r->unanswered + r->unsent;

	if (failed == 0)
		return CLIENT_OK;
	if (r->accepted)
		return CLIENT_PARTIAL;
	return failed == 1 && r->refused ? client_code_exit(r->last_code) : CLIENT_REFUSED;
}

/* What is left behind the last request that was sent; of a pipe, what is there now, since some never end. */
static void
rest_count(struct running *r)
{
	struct slice raw;
	uint64_t line;
	int n;

	while ((n = reqfile_next(&r->file, &raw, &line)) == 1 || n == -EMSGSIZE)
		if (++r->rest == REST_MAX && r->file.waits)
			break;
	r->unread = n != 0;
}

static int
run(struct running *r, struct link *l, unsigned *outstanding)
{
	const struct dialog_opts dopts = {
	    .key = r->o->key,
	    .window = (unsigned)r->o->window,
	    .timeout_ms = (int)r->o->timeout_s * 1000,
	    .login_ms = CLIENT_LOGIN_MS,
	};
	struct dialog *d;
	int err = dialog_new(l, &dopts, &ops, r, &d);

	if (err < 0)
		return err;
	err = dialog_run(d);
	*outstanding = dialog_outstanding(d);
	dialog_free(d);
	return err;
}

int
client_run(const struct client_opts *o)
{
	struct running r = {.o = o, .sign = client_sign(o), .js = {.pretty = o->pretty}, .tty = isatty(STDOUT_FILENO)};
	unsigned outstanding = 0;
	struct link *l;
	int err, status;

	if ((err = reqfile_open(o->file, &r.file)) < 0)
		return client_usage(o->file, NULL, strerror(-err), o->json);
	if ((err = link_open(&o->link, &l)) < 0) {
		trouble_tell(o, TROUBLE_LOCAL, err, 0);
		reqfile_close(&r.file);
		return CLIENT_TRANSPORT;
	}
	r.start_ns = clock_mono_ns();
	progress_init(&r.progress, !o->json || !r.tty);
	err = run(&r, l, &outstanding);
	rest_count(&r);
	account(&r, outstanding);
	status = trouble_end(o, l, err, outstanding);
	reqfile_close(&r.file);
	buf_free(&r.text);
	return status == CLIENT_OK ? exit_status(&r) : status;
}
