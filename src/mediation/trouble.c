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
    [TROUBLE_NO_HOST] = {"no-host", "no such host", "Is the name spelled right, and does this machine reach its DNS?",
	CLIENT_NO_HOST},
    [TROUBLE_CONN_REFUSED] = {"connection-refused", "connection refused: nothing listens at that port",
	"DTCP has an sshd of its own, mostly on port 32001 (--port): is it running on the router?",
	CLIENT_CONN_REFUSED},
    [TROUBLE_UNREACHABLE] = {"unreachable", "there is no way to that address",
	"Is the network up, and does a firewall forbid it?", CLIENT_UNREACHABLE},
    [TROUBLE_CONN_TIMEOUT] = {"connection-timeout", "the connection was not made in time: nothing answers there",
	"Is the address right, and does a firewall drop the packets?", CLIENT_UNREACHABLE},
    [TROUBLE_NOT_SSH] = {"not-ssh", "what answers at that port is not SSH",
	"DTCP has an sshd of its own, mostly on port 32001 (--port).", CLIENT_NOT_SSH},
    [TROUBLE_NO_COMMON] = {"no-algorithm", "this ssh and the router's have no algorithm in common",
	"The line above says of which kind. Older Junos needs, for example, -o HostKeyAlgorithms=+ssh-rsa "
	"-o KexAlgorithms=+diffie-hellman-group14-sha1.",
	CLIENT_NOT_SSH},
    [TROUBLE_KEY_UNKNOWN] = {"host-key-unknown", "the router's host key is not known here, so nothing was sent",
	"Log in once with ssh(1) to the same port and compare the fingerprint with the router's, or put its key into "
	"known_hosts.",
	CLIENT_HOST_KEY},
    [TROUBLE_KEY_CHANGED] = {"host-key-changed", "the router's host key is not the one known here, so nothing was sent",
	"Either the router has a new key or something else answers in its place: find out which. ssh-keygen -R "
	"removes the old key.",
	CLIENT_HOST_KEY},
    [TROUBLE_DENIED] = {"denied", "the login was refused",
	"Check the user and their key (--login, --identity), and that they may task this router over DTCP.",
	CLIENT_DENIED},
    [TROUBLE_PASSWORD] = {"denied", "the login was refused: wrong password, or no such user for DTCP",
	"Check the user (--login) and the password, and that they may task this router over DTCP.", CLIENT_DENIED},
    [TROUBLE_CUT] = {"cut", "the router closed the connection before the login",
	"It may have too many logins under way, or it does not want this address.", CLIENT_NOT_SSH},
    [TROUBLE_NOT_PERMITTED] = {"not-permitted", "logged in, but this user may not task the router",
	"On the router: is the user an agency in its configuration, and is it not at one of its limits?",
	CLIENT_NOT_PERMITTED},
    [TROUBLE_NO_SERVICE] = {"no-service", "logged in, but the router's flow-tap service is not running", NULL,
	CLIENT_NO_DTCP},
    [TROUBLE_NO_SUBSYSTEM] = {"no-dtcp", "logged in, but this server offers no flow-tap-dtcp",
	"Is it the right port? DTCP has an sshd of its own, mostly on 32001.", CLIENT_NO_DTCP},
    [TROUBLE_NO_PROGRAM] = {"no-program", "the program that makes the connection could not be started",
	"dtcp needs ssh(1), or what --ssh or --exec names.", CLIENT_NO_PROGRAM},
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
    [TROUBLE_PROTOCOL] = {"protocol", "what came back is not DTCP",
	"Is it the right port, and does the router's login print anything of its own?", CLIENT_TRANSPORT},
    [TROUBLE_LOCAL] = {"local", "this machine could not go on", NULL, CLIENT_TRANSPORT},
};

/* TROUBLE_NONE: the reason is in what happened to us, not in what the link says. */
static const enum trouble by_link[] = {
    [LINK_FINE] = TROUBLE_NONE,
    [LINK_ENDED] = TROUBLE_NONE,
    [LINK_NO_HOST] = TROUBLE_NO_HOST,
    [LINK_CONN_REFUSED] = TROUBLE_CONN_REFUSED,
    [LINK_UNREACHABLE] = TROUBLE_UNREACHABLE,
    [LINK_CONN_TIMEOUT] = TROUBLE_CONN_TIMEOUT,
    [LINK_NOT_SSH] = TROUBLE_NOT_SSH,
    [LINK_NO_COMMON] = TROUBLE_NO_COMMON,
    [LINK_KEY_UNKNOWN] = TROUBLE_KEY_UNKNOWN,
    [LINK_KEY_CHANGED] = TROUBLE_KEY_CHANGED,
    [LINK_DENIED] = TROUBLE_DENIED,
    [LINK_CUT] = TROUBLE_CUT,
    [LINK_NOT_PERMITTED] = TROUBLE_NOT_PERMITTED,
    [LINK_NO_SERVICE] = TROUBLE_NO_SERVICE,
    [LINK_NO_SUBSYSTEM] = TROUBLE_NO_SUBSYSTEM,
    [LINK_NO_PROGRAM] = TROUBLE_NO_PROGRAM,
};

static enum trouble
trouble_of(int err, enum link_failure why, bool was_up, bool password)
{
	if (why == LINK_DENIED && password)
		return TROUBLE_PASSWORD;
	if (by_link[why] != TROUBLE_NONE)
		return by_link[why];
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

	answer_put_wrapped(&b, advice, 2, term_width(STDERR_FILENO));
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
	t = trouble_of(err, why, was_up, o->link.password != NULL);
	trouble_tell(o, t, err, outstanding);
	return troubles[t].status;
}
