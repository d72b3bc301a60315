/* SPDX-License-Identifier: BSD-2-Clause */
/* trouble.h - what can go wrong on the way to an answer, in words, in JSON and as the exit
 * status. */
#ifndef MEDIATION_TROUBLE_H
#define MEDIATION_TROUBLE_H

#include "client.h"

enum trouble {
	TROUBLE_NONE,
	TROUBLE_NO_HOST,
	TROUBLE_CONN_REFUSED,
	TROUBLE_UNREACHABLE,
	TROUBLE_CONN_TIMEOUT,
	TROUBLE_NOT_SSH,
	TROUBLE_NO_COMMON,
	TROUBLE_KEY_UNKNOWN,
	TROUBLE_KEY_CHANGED,
	TROUBLE_DENIED,
	TROUBLE_PASSWORD, /* denied, and a password was given */
	TROUBLE_CUT,
	TROUBLE_NOT_PERMITTED,
	TROUBLE_NO_SERVICE,
	TROUBLE_NO_SUBSYSTEM,
	TROUBLE_NO_PROGRAM,
	TROUBLE_CLOSED,
	TROUBLE_NO_LOGIN,
	TROUBLE_SILENCE,
	TROUBLE_DIGEST,
	TROUBLE_PROTOCOL,
	TROUBLE_LOCAL,
};

/* To standard error, or to standard output as the one JSON object.  err: for TROUBLE_LOCAL. */
void trouble_tell(const struct client_opts *o, enum trouble t, int err, unsigned outstanding);

/* Ends the link and tells what went wrong with it: err as from dialog_run or link_login,
 * 0 if nothing did.  Returns the exit status. */
int trouble_end(const struct client_opts *o, struct link *l, int err, unsigned outstanding);

/* A sentence for a person, wrapped, to standard error. */
void trouble_advise(const char *advice);

#endif
