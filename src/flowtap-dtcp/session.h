/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.h - one DTCP session: requests from the mediation device on one side,
 * typed messages to the engine on the other, answers back in order.
 */
#ifndef FLOWTAP_DTCP_SESSION_H
#define FLOWTAP_DTCP_SESSION_H

#include "dtcp.h"

#define SESSION_PENDING_MAX 2048    /* requests read and not yet answered */
#define SESSION_OUT_MAX (1u << 20)  /* unsent bytes at which nothing more is read or asked */
#define SESSION_LIST_MAX (4u << 20) /* bytes at which a LIST reply is ended and another begun */

struct session_opts {
	int in_fd, out_fd;   /* the mediation device's; made non-blocking, stay the caller's */
	int engine_fd;       /* connected stream socket; taken over */
	struct ip_addr peer; /* where the mediation device is; family 0: unknown */
	const char *auth;    /* how it proved its login; NULL: unknown */
	bool sandbox;        /* confine the process before a byte of a request is read */
};

/*
 * Until the device has closed its side and everything is answered: 0.
 *  -EACCES  the engine knows no agency for this user
 *  -EPIPE   the engine, or the device, has gone before that
 *  -errno
 */
int session_run(const struct session_opts *o);
/* What o->sandbox asks for: no file, no further descriptor.  0 or -errno. */
int session_confine(void);

#endif
