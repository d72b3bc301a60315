/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "jsonout.h"
#include "trouble.h"

static const struct {
	const char *word, *text, *advice;
	int status;
} troubles[] = {
    [TROUBLE_DENIED] = {"denied", "the login was refused",
	"Check user and password or key, and that this user may task the router over DTCP.", CLIENT_DENIED},
    [TROUBLE_NO_SUBSYSTEM] = {"no-dtcp", "logged in, but this server offers no flow-tap-dtcp",
	"Is it the right port? DTCP has an sshd of its own, mostly on 32001.", CLIENT_TRANSPORT},
    [TROUBLE_NO_PROGRAM] = {"no-program", "the program that makes the connection could not be started", NULL,
	CLIENT_TRANSPORT},
    [TROUBLE_CLOSED] = {"closed", "the connection ended before every answer had come",
	"Requests without an answer may have been carried out or not: list what is there.", CLIENT_TRANSPORT},
    [TROUBLE_NO_LOGIN] = {"no-login", "no login within the time sshd allows", NULL, CLIENT_TRANSPORT},
    [TROUBLE_SILENCE] = {"silence", "the router is connected but gives no answer",
	"A DTCP server says nothing when the digest is wrong (another --key?), when the Csource-ID is not "
	"the login user (--csource), or when the sequence number was used before. It may also be busy: "
	"--timeout waits longer.",
	CLIENT_TRANSPORT},
    [TROUBLE_DIGEST] = {"digest", "an answer's digest is wrong, so it can't be trusted",
	"Either the server uses another key (--key) or something changed the answer on its way.", CLIENT_TRANSPORT},
    [TROUBLE_PROTOCOL] = {"protocol", "what came back is not DTCP", NULL, CLIENT_TRANSPORT},
    [TROUBLE_LOCAL] = {"local", "this machine could not go on", NULL, CLIENT_TRANSPORT},
};

static enum trouble
trouble_of(int err, enum link_failure why, bool was_up)
{
	switch (why) {
	case LINK_DENIED:
		return TROUBLE_DENIED;
	case LINK_NO_SUBSYSTEM:
		return TROUBLE_NO_SUBSYSTEM;
	case LINK_NO_PROGRAM:
		return TROUBLE_NO_PROGRAM;
	default:
		break;
	}
	switch (err) {
	case -EPIPE:
		return TROUBLE_CLOSED;
	case -ETIMEDOUT:
		return was_up ? TROUBLE_SILENCE : TROUBLE_NO_LOGIN;
	case -EACCES:
		return TROUBLE_DIGEST;
	case -EBADMSG:
		return TROUBLE_PROTOCOL;
	default:
		return TROUBLE_LOCAL;
	}
}

void
trouble_advise(const char *advice)
{
	cleanup_buf struct buf b = {0};

	answer_put_wrapped(&b, advice, 2);
	fwrite(b.p, 1, b.len, stderr);
}

void
trouble_tell(const struct client_opts *o, enum trouble t, int err, unsigned outstanding)
{
	const struct jsonout js = {.pretty = o->pretty};
	const char *text = troubles[t].text, *detail = t == TROUBLE_LOCAL ? strerror(-err) : NULL;

	if (o->json) {
		json_t *j = json_pack("{s:s, s:s, s:s, s:s*, s:I}", "command", o->command_name, "error",
		    troubles[t].word, "text", detail ? detail : text, "advice", troubles[t].advice, "unanswered",
		    (json_int_t)outstanding);
		jsonout_object(&js, j);
		return;
	}
	fflush(stdout);
	fprintf(stderr, "dtcp: %s: %s%s%s\n", o->link.router, text, detail ? ": " : "", detail ? detail : "");
	if (troubles[t].advice)
		trouble_advise(troubles[t].advice);
}

int
trouble_end(const struct client_opts *o, struct link *l, int err, unsigned outstanding)
{
	bool was_up = link_is_up(l);
	enum link_failure why = link_close(l);
	enum trouble t;

	if (err == 0)
		return CLIENT_OK;
	t = trouble_of(err, why, was_up);
	trouble_tell(o, t, err, outstanding);
	return troubles[t].status;
}
