/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "clock.h"
#include "dialog.h"
#include "jsonout.h"
#include "trouble.h"

int
client_code_exit(unsigned code)
{
	switch (code) {
	case DTCP_OK:
		return CLIENT_OK;
	case DTCP_UNKNOWN_CDEST:
	case DTCP_UNKNOWN_CRITERIA:
		return CLIENT_NO_OBJECT;
	default:
		return CLIENT_REFUSED;
	}
}

struct request_sign
client_sign(const struct client_opts *o)
{
	return (struct request_sign){.csource = o->csource, .key = o->key, .seq = (uint64_t)clock_wall_ms()};
}

/* ---- one request ---- */

struct asking {
	const struct client_opts *o;
	struct request_sign sign;
	struct buf lines; /* the request */
	struct jsonout js;
	bool asked, listing;
	uint64_t entries, start_ns;
	int status;
};

static int
on_next(void *arg, struct buf *out, struct dialog_req *rq, int *fd)
{
	struct asking *a = arg;
	int r;

	(void)fd;
	if (a->asked)
		return 0;
	a->asked = true;
	r = request_complete(out, (struct slice){(const char *)a->lines.p, a->lines.len}, &a->sign, &rq->info);
	return r < 0 ? r : 1;
}

/* Our own look at a filter that the server refused. */
static void
filter_explain(const struct client_opts *o)
{
	cleanup_buf struct buf b = {0};
	struct criteria c = {0};
	const char *why = NULL;

	for (unsigned i = 0; i < CRIT_FIELDS; i++) {
		const char *text = o->add.filter[i];
		int r = text ? criteria_parse(&c, i, (struct slice){text, strlen(text)}, NULL) : 0;

		if (r < 0)
			buf_printf(&b, "  %s %s: %s\n", criteria_field_name(i), text,
			    r == -ERANGE            ? "a number is too large, or a range is backwards"
			    : r == -EXDEV           ? "IPv4 and IPv6 don't go together"
			    : i > CRIT_DEST_ADDRESS ? "not a list of numbers and ranges; TCP is 6, UDP 17, ICMP 1"
						    : "not a list of addresses, prefixes and ranges");
	}
	if (b.len == 0 && criteria_check(&c, &why) < 0)
		buf_printf(&b, "  %s\n", why);
	criteria_free(&c);
	fwrite(b.p, 1, b.len, stderr);
}

static void
refusal_print(const struct asking *a, const struct dtcp_reply *r)
{
	bool color = term_has_color(a->o->color, STDERR_FILENO);
	cleanup_buf struct buf b = {0};

	buf_printf(&b, "dtcp: %s: %s", a->o->link.router, color ? "\033[1;31m" : "");
	answer_put_refusal(&b, r);
	buf_printf(&b, "%s\n", color ? "\033[0m" : "");
	fwrite(b.p, 1, b.len, stderr);
	if (r->reason.len)
		return; /* it says more than the code does */
	trouble_advise(dtcp_code_advice(r->code));
	if (r->code == DTCP_BAD_FILTER && a->o->command == CLIENT_ADD)
		filter_explain(a->o);
}

static json_t *
cdest_json(const struct client_opts *o)
{
	cleanup_buf struct buf b = {0};

	request_put_cdest(&b, &o->add);
	return answer_string_json((struct slice){(const char *)b.p, b.len});
}

/* The members that all answers have, and those of this command. */
static json_t *
reply_json(const struct asking *a, const struct dtcp_reply *r)
{
	json_t *j = answer_json(r);

	if (r->code != DTCP_OK)
		return j;
	switch (a->o->command) {
	case CLIENT_ADD:
		json_object_set_new(j, "cdest-id", cdest_json(a->o));
		break;
	case CLIENT_DELETE:
		json_object_set_new(j, "criteria-count", json_integer((json_int_t)r->count));
		break;
	case CLIENT_LIST:
		json_object_set_new(j, "criteria-count", json_integer((json_int_t)a->entries));
		break;
	case CLIENT_NOOP:
		json_object_set_new(j, "milliseconds", json_real((double)(clock_mono_ns() - a->start_ns) / 1e6));
		break;
	default:
		break;
	}
	return j;
}

static void
list_begin(struct asking *a)
{
	cleanup_buf struct buf b = {0};

	if (a->listing)
		return;
	a->listing = true;
	if (a->o->json) {
		jsonout_list_begin(&a->js, a->o->command_name, "entries");
		return;
	}
	answer_put_list_head(&b, term_width(STDOUT_FILENO));
	fwrite(b.p, 1, b.len, stdout);
}

/* The criteria's elements were not asked for. */
static bool
is_figures(const struct client_opts *o)
{
	return o->flags && strcasecmp(o->flags, "stats") == 0;
}

/* Entries are printed as they come, however many there are. */
static void
list_part(struct asking *a, const struct dtcp_reply *r)
{
	cleanup_buf struct buf b = {0};

	list_begin(a);
	for (uint32_t i = 0; i < r->nentries; i++) {
		if (a->o->json) {
			jsonout_list_item(&a->js, answer_entry_json(&r->entry[i]));
			continue;
		}
		buf_reset(&b);
		answer_put_list_entry(&b, &r->entry[i], is_figures(a->o), term_width(STDOUT_FILENO));
		fwrite(b.p, 1, b.len, stdout);
	}
	a->entries += r->nentries;
}

static void
list_end(struct asking *a, const struct dtcp_reply *r)
{
	cleanup_buf struct buf b = {0};

	list_begin(a);
	if (a->o->json) {
		jsonout_list_end(&a->js, reply_json(a, r));
		return;
	}
	answer_put_list_foot(&b, a->entries);
	fwrite(b.p, 1, b.len, stdout);
}

static void
done_print(const struct asking *a, const struct dtcp_reply *r)
{
	cleanup_buf struct buf b = {0};

	answer_put_done(&b, a->o->command_name, r);
	if (a->o->command == CLIENT_ADD) {
		buf_printf(&b, ", copies go to ");
		request_put_cdest(&b, &a->o->add);
	}
	printf("%.*s\n", (int)b.len, (const char *)b.p);
}

static int
on_reply(void *arg, const struct dialog_req *rq, const struct dtcp_reply *r, bool last)
{
	struct asking *a = arg;

	(void)rq;
	a->status = client_code_exit(r->code);
	if (a->o->command == CLIENT_LIST && r->code == DTCP_OK) {
		list_part(a, r);
		if (last)
			list_end(a, r);
	} else if (a->o->json) {
		json_t *j = reply_json(a, r);

		json_object_set_new(j, "command", json_string(a->o->command_name));
		jsonout_object(&a->js, j);
	} else if (r->code != DTCP_OK) {
		refusal_print(a, r);
	} else {
		done_print(a, r);
	}
	return 0;
}

/* A notification is not ours to act on; an answer nobody waits for neither. */
static void
on_stray(void *arg, const struct dtcp_reply *r)
{
	cleanup_buf struct buf b = {0};

	(void)arg;
	answer_put_refusal(&b, r);
	fprintf(stderr, "dtcp: the server also says: %.*s\n", (int)b.len, (const char *)b.p);
}

static int
on_silent(void *arg, const struct dialog_req *rq)
{
	(void)arg;
	(void)rq;
	return -ETIMEDOUT;
}

static void
on_idle(void *arg)
{
	(void)arg;
}

static const struct dialog_ops ops = {on_next, on_reply, on_stray, on_silent, on_idle};

/* An IPv6 target needs the version that has a word for it. */
static bool
is_ipv6(const struct request_add *a)
{
	struct criteria c = {0};
	bool is_six;

	for (unsigned i = CRIT_SOURCE_ADDRESS; i <= CRIT_DEST_ADDRESS; i++)
		if (a->filter[i])
			(void)criteria_parse(&c, i, (struct slice){a->filter[i], strlen(a->filter[i])}, NULL);
	is_six = c.family == 6;
	criteria_free(&c);
	return is_six;
}

static void
add_build(struct asking *a, struct request_add *add)
{
	unsigned version = a->o->version;

	if (is_ipv6(add) && (version == 0 || version == 8))
		add->ipv6 = true;
	if (version == 0)
		version = add->ipv6 ? 8 : 7;
	request_put_add(&a->lines, add, version);
}

static void
select_build(struct asking *a)
{
	const struct client_opts *o = a->o;
	const char *ids = o->ids.len ? (const char *)o->ids.p : NULL, *flags = NULL;
	enum dtcp_method m = o->command == CLIENT_DELETE ? DTCP_DELETE
			     : o->command == CLIENT_LIST ? DTCP_LIST
							 : DTCP_NOOP;

	if (m == DTCP_DELETE)
		flags = "STATIC";
	if (m == DTCP_LIST)
		flags = o->flags ? o->flags : "BOTH";
	request_put_select(&a->lines, dtcp_method_name(m), o->version ? o->version : 7,
	    ids        ? "Criteria-ID"
	    : o->cdest ? "Cdest-ID"
		       : NULL,
	    ids ? ids : o->cdest, flags);
}

/* The copies' source, unless it was given: the router's address as ssh reached it. */
static int
from_find(struct link *l, struct request_add *add)
{
	const struct ip_addr *reached;
	int r;

	if (add->from.addr.family)
		return 0;
	if ((r = link_login(l, CLIENT_LOGIN_MS)) < 0)
		return r;
	reached = link_reached(l);
	if (reached == NULL || reached->family != add->to[0].addr.family)
		return -EADDRNOTAVAIL;
	add->from.addr = *reached;
	return 0;
}

static int
ask(struct asking *a, struct link *l, unsigned *outstanding)
{
	const struct dialog_opts dopts = {
	    .key = a->o->key,
	    .window = 1,
	    .timeout_ms = (int)a->o->timeout_s * 1000,
	    .login_ms = CLIENT_LOGIN_MS,
	};
	struct request_add add = a->o->add;
	struct dialog *d = NULL;
	int r;

	if (a->o->command != CLIENT_ADD)
		select_build(a);
	else if ((r = from_find(l, &add)) < 0)
		return r;
	else
		add_build(a, &add);
	if ((r = a->lines.err) < 0 || (r = dialog_new(l, &dopts, &ops, a, &d)) < 0)
		return r;
	r = dialog_run(d);
	*outstanding = dialog_outstanding(d);
	dialog_free(d);
	return r;
}

int
client_ask(const struct client_opts *o)
{
	struct asking a = {.o = o, .sign = client_sign(o), .js = {.pretty = o->pretty}, .start_ns = clock_mono_ns()};
	unsigned outstanding = 0;
	struct link *l;
	int r, status;

	if ((r = link_open(&o->link, &l)) < 0) {
		trouble_tell(o, TROUBLE_LOCAL, r, 0);
		return CLIENT_TRANSPORT;
	}
	r = ask(&a, l, &outstanding);
	if (r == -EADDRNOTAVAIL) {
		link_close(l);
		status = client_usage("--from", NULL,
		    "is needed here: the router was not reached over an address of the family of --to", o->json);
	} else if (a.listing && r < 0 && o->json) {
		/* The object is begun: it ends with what went wrong. */
		jsonout_list_end(&a.js, json_pack("{s:s, s:s, s:I}", "error", "closed", "text", strerror(-r),
					    "criteria-count", (json_int_t)a.entries));
		link_close(l);
		status = CLIENT_TRANSPORT;
	} else {
		status = trouble_end(o, l, r, outstanding);
	}
	buf_free(&a.lines);
	return status == CLIENT_OK ? a.status : status;
}
