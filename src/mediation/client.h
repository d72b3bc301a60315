/* SPDX-License-Identifier: BSD-2-Clause */
/* client.h - the dtcp program: what was asked for on the command line, and doing it. */
#ifndef MEDIATION_CLIENT_H
#define MEDIATION_CLIENT_H

#include "link.h"
#include "request.h"
#include "terminal.h"

enum client_exit {
	CLIENT_OK,
	CLIENT_REFUSED,
	CLIENT_USAGE,
	CLIENT_DENIED,
	CLIENT_NO_OBJECT,
	CLIENT_TRANSPORT,
	CLIENT_PARTIAL,
	CLIENT_HOST_KEY,
	CLIENT_CONN_REFUSED,
	CLIENT_NO_HOST,
	CLIENT_UNREACHABLE,
	CLIENT_NOT_PERMITTED,
	CLIENT_NO_DTCP,
	CLIENT_NOT_SSH,
	CLIENT_NO_PROGRAM,
	CLIENT_NOT_WRITTEN,
};

/* Each is a bit, so that the option table can say where an option belongs. */
enum client_command {
	CLIENT_ADD = 1,
	CLIENT_DELETE = 2,
	CLIENT_LIST = 4,
	CLIENT_NOOP = 8,
	CLIENT_RUN = 16,
	CLIENT_ANY = 31
};

struct client_opts { /* strings are borrowed from argv and the environment unless said */
	struct link_opts link;
	const char *csource, *key;
	const char *password_file;
	char *password; /* owned: the first line of that file */
	uint64_t timeout_s, window;
	unsigned version; /* of DTCP; 0: by the request */
	bool json, pretty, quiet, stop, everything;
	enum term_color color;
	enum client_command command;
	const char *command_name;
	struct request_add add;
	struct buf protocol; /* owned: what add.filter has of it, numbers for names */
	struct buf ids;      /* owned: a C string, "" if none were given */
	const char *cdest, *flags, *file;
};

/* Fills *o from the command line.  -1: go on; else the exit status (help, usage). */
int client_opts_parse(struct client_opts *o, int argc, char **argv);
void client_opts_free(struct client_opts *o);
/* "dtcp: WHAT VALUE: WHY", or as JSON.  value may be NULL, why "".  Returns CLIENT_USAGE. */
int client_usage(const char *what, const char *value, const char *why, bool json);

/* ADD, DELETE, LIST, NOOP: one request.  Returns the exit status. */
int client_ask(const struct client_opts *o);
/* A file of requests. */
int client_run(const struct client_opts *o);

/* What both need: */

#define CLIENT_LOGIN_MS 120000 /* sshd gives as long; people type passwords in it */

/* Sets the counter to the wall clock in milliseconds, so that it grows from run to run. */
struct request_sign client_sign(const struct client_opts *o);

/* Exit status for a reply's code. */
int client_code_exit(unsigned code);

#endif
