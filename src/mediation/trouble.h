/* SPDX-License-Identifier: BSD-2-Clause */
/* trouble.h - what can go wrong on the way to an answer, in words, in JSON and as the exit
 * status. */
#ifndef MEDIATION_TROUBLE_H
#define MEDIATION_TROUBLE_H

#include "client.h"

enum trouble {
	TROUBLE_NONE,
	TROUBLE_DENIED,
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
