/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon.h - the processes of flowtapd and what they share at start.
 *
 * The parent makes the descriptors, starts each child by fork and exec of its
 * own program with a role, and the child finds its descriptors at these
 * numbers.  A child drops its powers first and reads afterwards.
 */
#ifndef FLOWTAPD_DAEMON_H
#define FLOWTAPD_DAEMON_H

#include "chan.h"
#include "conf.h"
#include "ipc.h"

#define DAEMON_CONF_MODE 0640        /* of the configuration's file, whose group is the daemon's */
#define DAEMON_USER "_flowtap"       /* parent and engine */
#define DAEMON_USER_DP "_flowtap-dp" /* dataplane */
/* Without these users there are no metrics, self-test or alarm hook, but all else. */
#define DAEMON_USER_AUX "_flowtap-aux"         /* metrics, canary, names, reader */
#define DAEMON_USER_HOOK "_flowtap-hook"       /* the operator's alarm hook */
#define DAEMON_GROUP_METRICS "flowtap-metrics" /* who may read metrics.sock, besides root */
#define DAEMON_GROUP_AUDITORS "flowtap-audit"
#define DAEMON_GROUP_OFFICERS "flowtap-warrant"

/* Behind the numbers of a configuration's users; UINT32_MAX: there is no such group. */
enum daemon_number { DAEMON_NUMBER_AUDITORS, DAEMON_NUMBER_OFFICERS, DAEMON_NUMBER_LOGINS, DAEMON_NUMBERS };

#define DAEMON_CHAN_MAX (16u << 20) /* a configuration with 10,000 agencies fits */
#define DAEMON_CHAN_SHORT 4096      /* of those who are told little, and say little */
#define DAEMON_LOCK_WAIT_MS 5000

#define DAEMON_WHY 200 /* room for what a child says of its IPC_P_READY */

/* In the run directory: engine_late.h, late_ends.h. */
#define DAEMON_FILE_OWED "owed"
#define DAEMON_FILE_ENDED "ended"

enum daemon_fd {
	DAEMON_FD_PARENT = 3, /* channel to the parent */
	DAEMON_FD_PEER,       /* channel between engine and dataplane */
	DAEMON_FD_FIRST,      /* what else the role needs: */
	/* engine */
	DAEMON_FD_DTCP = DAEMON_FD_FIRST, /* listening: sessions */
	DAEMON_FD_CTL,                    /* listening: operator */
	DAEMON_FD_INVENTORY,              /* channel to the inventory */
	DAEMON_FD_METRICS,                /* and to others, which may not be there: closed at the other end then */
	DAEMON_FD_CANARY,
	DAEMON_FD_HOOK,
	DAEMON_FD_READER, /* channel to the reader */
	DAEMON_FD_KEY,    /* a pipe with the machine key in it */
	DAEMON_FD_OWED,   /* DAEMON_FILE_OWED, which root has opened */
	DAEMON_FD_ENDED,  /* and DAEMON_FILE_ENDED */
	DAEMON_FD_ENGINE_END,
	/* canary */
	DAEMON_FD_CANARY_SOCKET = DAEMON_FD_FIRST, /* packets at the test device's end */
	/* metrics */
	DAEMON_FD_LOOK = DAEMON_FD_FIRST, /* the inventory's: LOOK_N iterators */

	DAEMON_FD_METRICS_UNIX = DAEMON_FD_FIRST, /* listening */
	DAEMON_FD_METRICS_TCP,                    /* listening, if it is configured */
	/* dataplane: descriptors of kern.h in the order of struct kern_fds */
	DAEMON_FD_KERN = DAEMON_FD_FIRST,
};

struct daemon_opts {
	const char *conf_path;
	int verbose;
	bool check, print, remove, undo;
	const char *rewrap; /* the file with another machine key */
};

int parent_run(const struct daemon_opts *o);
int engine_run(int verbose);
int dataplane_run(int verbose);
int inventory_run(int verbose);
int keeper_run(int verbose);
int accounts_run(int verbose);
int names_run(int verbose);
int metrics_run(int verbose);
int canary_run(int verbose);
int hook_run(int verbose);
int reader_run(int verbose);

/* Answers the parent on a channel that has no loop yet: IPC_P_READY with 0 or -errno. */
int daemon_ready_sync(int fd, int err, const char *why);
/* The same on a loop's channel. */
void daemon_ready(struct chan *c, int err, const char *why);
/* For on_end: a line if a channel to another process of ours ends by a fault.  That it was closed is told by who
 * sees that process end. */
void daemon_chan_end(int err);
/* Decodes IPC_P_CONFIG: the parsed configuration, and the numbers of its users and of our groups (owned by the
 * caller); by: who asked for it, "" if it comes from its file. */
int daemon_config_get(const uint8_t *body, size_t len, struct conf **conf, uint32_t **uid, char by[static 33]);
/* Waits for the first IPC_P_CONFIG on a blocking channel. */
int daemon_config_wait(int fd, struct conf **conf, uint32_t **uid);

#endif
