/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parent_names.h - the numbers of the users and groups that a configuration speaks of: the question that the
 * parent asks of the names (names.c), and what the answer means.  Pure: no process, no file.
 */
#ifndef FLOWTAPD_PARENT_NAMES_H
#define FLOWTAPD_PARENT_NAMES_H

#include "daemon.h"
#include "ipc_names.h"

/* What a child is given with a configuration. */
struct parent_numbers {
	uint32_t n, *uid; /* owned: conf's agencies and logins in its order, then enum daemon_number */
	/* Agencies without a user of their own, whose number is 0, which no session has; and logins and groups of which
	 * nobody knows whether there are such: a later look-up may find either. */
	uint32_t lacking;
	uint32_t shared;      /* of these, agencies whose user has the number of another one's */
	char why_shared[224]; /* of the first two; "": there are none */
	bool failed;          /* some look-up failed, which is not the same as that there is no such user or group */
	char taken[112];      /* why a login can't be made: somebody else's account has its name; "": none has */
	char why[192];        /* of the first that lacks any, agencies before logins before groups; "": none does */
};

/* Appends the question; asker: the user number of whoever commits.  0 or -ENOMEM. */
int parent_names_question(const struct conf *conf, uint32_t asker, struct buf *out);
/* The name of the asker, or the number where there is none. */
void parent_names_asker(const struct ipc_named *a, uint32_t asker, char *out, size_t size);
/* A login that has no number, or that we did not make, is 0, in a mere check one that nobody has; with an
 * answer that has an error everybody is, and all lack.  -EPROTO: that is no answer to conf's question; -ENOMEM. */
int parent_names_resolve(const struct conf *conf, const struct ipc_named *a, bool check, struct parent_numbers *out);

#endif
