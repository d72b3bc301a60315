/* SPDX-License-Identifier: BSD-2-Clause */
/* collect.h - flowtap-collect: receives content, writes capture files, shows what comes. */
#ifndef MEDIATION_COLLECT_H
#define MEDIATION_COLLECT_H

#include "ip.h"
#include "ports.h"
#include "terminal.h"

#define COLLECT_ADDRS_MAX 16
#define COLLECT_LINKS_MAX 8

struct collect_opts {
	struct ip_addr addr[COLLECT_ADDRS_MAX];
	unsigned naddr;
	struct ports ports; /* owned */
	const char *dir;    /* NULL: write no files */
	const char *user;
	const char *link[COLLECT_LINKS_MAX]; /* interfaces to take content from early */
	unsigned nlink;
	uint64_t rotate_bytes, rotate_s, rcvbuf, count, seconds, interval_s; /* 0: not given */
	bool no_files, json, quiet, jmirror;
	enum term_color color;
};

enum collect_exit { COLLECT_OK, COLLECT_FAILED, COLLECT_USAGE, COLLECT_DENIED, COLLECT_PARTIAL = 6 };

/* Collects until a signal, the count or the time ends it.  Returns the exit status. */
int collect_run(const struct collect_opts *o);

#endif
