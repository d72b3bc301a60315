/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dialog.h - requests out, replies in, as many under way as the window allows.
 *
 * Invariants:
 *  1. A reply is given to the caller only after its digest was found right.
 *  2. Every request asked ends in exactly one of: a last reply, silence, or still
 *     outstanding when dialog_run fails (dialog_outstanding says how many).
 *  3. Memory does not grow with the number of requests.
 */
#ifndef MEDIATION_DIALOG_H
#define MEDIATION_DIALOG_H

#include <sys/queue.h>

#include "dtcp.h"
#include "link.h"
#include "request.h"

#define DIALOG_WINDOW_MAX 4096
#define DIALOG_WINDOW_USUAL 2048 /* enough that client, session, engine and data plane all have work */

struct dialog_req {
	TAILQ_ENTRY(dialog_req) entry;
	struct request_info info;
	uint64_t number; /* of the request, from 1 */
	uint64_t line;   /* of the file, 0 if none */
	/* a LIST reply may come in parts */
	uint8_t *seen; /* bit n: entry n + 1 of them came; owned */
	size_t seen_bytes;
	uint64_t got, total;
};

struct dialog_ops {
	/* Appends the next whole message.  1; 0: no more; -EAGAIN: none now, wait for *fd;
	 * else -errno: dialog_run fails with it. */
	int (*next)(void *arg, struct buf *out, struct dialog_req *rq, int *fd);
	/* last: no further part follows.  Nonzero: dialog_run returns it. */
	int (*reply)(void *arg, const struct dialog_req *rq, const struct dtcp_reply *r, bool last);
	/* A reply that belongs to no request: a notification, or a late one. */
	void (*stray)(void *arg, const struct dtcp_reply *r);
	/* No answer came, but others did.  Nonzero: dialog_run returns it. */
	int (*silent)(void *arg, const struct dialog_req *rq);
	/* Before waiting: show what there is to show. */
	void (*idle)(void *arg);
};

struct dialog_opts {
	const char *key;
	unsigned window; /* 1..DIALOG_WINDOW_MAX */
	int timeout_ms;  /* of silence after the last sign of life */
	int login_ms;    /* as long as we do not know to be logged in */
};

struct dialog;

int dialog_new(struct link *l, const struct dialog_opts *o, const struct dialog_ops *ops, void *arg,
    struct dialog **out);           /* link, opts and ops are borrowed */
void dialog_free(struct dialog *d); /* NULL is legal */

/*
 * Asks everything next gives and waits for the answers.
 *   0          done
 *  -ETIMEDOUT  a whole window unanswered: the server says nothing at all
 *  -EPIPE      the other side has closed
 *  -EACCES     a reply whose digest is wrong
 *  -EBADMSG    a reply that is none
 *  other       as a callback returned
 */
int dialog_run(struct dialog *d);
unsigned dialog_outstanding(const struct dialog *d);

#endif
