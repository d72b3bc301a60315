/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h - the way to a DTCP server: the OpenSSH client, or any other program, as a child
 * whose standard input and output carry the protocol.
 *
 * What the child says on standard error is passed on and read along: that is how we
 * learn that the login succeeded, which address was reached, and why a login failed.
 */
#ifndef MEDIATION_LINK_H
#define MEDIATION_LINK_H

#include "buf.h"
#include "ip.h"

#define LINK_SSH_OPTS_MAX 64

struct link_opts {                                   /* all borrowed until link_open returns */
	const char *router, *user, *port, *identity; /* identity NULL: ssh's own choice */
	const char *ssh_opt[LINK_SSH_OPTS_MAX];      /* values of -o */
	unsigned nssh_opt;
	const char *ssh;      /* NULL or a command line instead of "ssh" */
	const char *exec;     /* NULL or a command line instead of all of it */
	const char *password; /* NULL: ssh asks for it */
};

enum link_failure {
	LINK_FINE,
	/* of one address: */
	LINK_NO_HOST,      /* no such name */
	LINK_CONN_REFUSED, /* nothing listens at the port */
	LINK_UNREACHABLE,  /* no way there */
	LINK_CONN_TIMEOUT, /* no answer from there, or not all of a login's beginning */
	/* of the connection: */
	LINK_ENDED,         /* the other side closed */
	LINK_NOT_SSH,       /* something else than SSH answers */
	LINK_NO_COMMON,     /* SSH, but no algorithm that both sides have */
	LINK_KEY_UNKNOWN,   /* the router's host key is not known here */
	LINK_KEY_CHANGED,   /* ... and another one was */
	LINK_DENIED,        /* the login was refused */
	LINK_CUT,           /* closed before the login was done */
	LINK_NOT_PERMITTED, /* logged in, but this user may not task */
	LINK_NO_SERVICE,    /* logged in, but nothing is there to be tasked */
	LINK_NO_SUBSYSTEM,  /* logged in, but there is no DTCP */
	LINK_NO_PROGRAM,    /* the child could not be started */
};

/* What a line of ssh, or of the program behind it, says went wrong; up: after the login.  LINK_FINE: nothing known.
 * Pure. */
enum link_failure link_line_failure(const char *line, bool up);

struct link;

int link_open(const struct link_opts *o, struct link **out);

/* To be sent, and what was received.  The caller adds to the one and takes from the other. */
struct buf *link_out(struct link *l);
struct buf *link_in(struct link *l);

/*
 * Moves bytes both ways as soon as some can be moved, or until timeout_ms (-1: for ever)
 * is over, or until extra_fd (-1: none) can be read.  1: something happened, 0: time-out,
 * -EPIPE: the other side has closed and everything received is in link_in.
 */
int link_wait(struct link *l, int timeout_ms, int extra_fd);

bool link_is_up(const struct link *l);                    /* logged in, as far as we know */
const struct ip_addr *link_reached(const struct link *l); /* the server's address; NULL: unknown */
/* Waits until link_is_up.  0, -ETIMEDOUT, -EPIPE. */
int link_login(struct link *l, int timeout_ms);

/* Ends the child, politely for a moment and then not, and frees the link.  Why it ended
 * before; LINK_FINE if it was us who ended it.  NULL is legal. */
enum link_failure link_close(struct link *l);

/* When we are what ssh calls for the password (SSH_ASKPASS): answers and returns true,
 * *status is the exit status then. */
bool link_askpass(int argc, char **argv, int *status);

#endif
