/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parent_int.h - the parent's own types: parent.c has its processes, parent_conf.c its configuration.
 *
 * A configuration comes from its file (SIGHUP) or from somebody who commits, by the engine.  Both
 * children prepare it; if one refuses, nothing has changed.  Then the keeper writes the file, if it
 * came from somebody; then both use it.
 */
#ifndef FLOWTAPD_PARENT_INT_H
#define FLOWTAPD_PARENT_INT_H

#include "conf.h"
#include "daemon.h"

#define RELOAD_WAIT_MS 60000

/* The first two have a configuration; without the last ones, or once these have died, all else goes on. */
enum child_id {
	ENGINE,
	DATAPLANE,
	CONFIGURED,
	INVENTORY = CONFIGURED,
	KEEPER,
	OPTIONAL,
	METRICS = OPTIONAL,
	CANARY,
	HOOK,
	CHILDREN
};

struct child {
	struct parent *parent;
	const char *role;
	pid_t pid; /* 0: ended */
	struct chan *chan;
	bool answered;
	int err; /* of its last IPC_P_READY */
	char why[128];
};

enum change_state { CHANGE_NONE, CHANGE_PREPARING, CHANGE_WRITING, CHANGE_COMMITTING, CHANGE_UNDOING };

struct parent {
	const struct daemon_opts *opts;
	struct conf *conf, *next; /* next: with the children, not yet in force */
	enum change_state change;
	bool asked, check; /* it came from the engine; it is only asked whether it could be */
	int undo_answers;  /* of the keeper, still to come */
	char why[128];     /* parent_conf_send failed */
	struct loop *loop;
	struct loop_timer *timer; /* a change or a stop that takes too long */
	int sigfd, lock_fd;
	int key_fd; /* the machine key on its way to the engine */
	struct child child[CHILDREN];
	bool started, stopping;
	uid_t uid, dp_uid;
	gid_t gid, dp_gid;
};

/* From its file; what is wrong with it is logged. */
int parent_conf_read(const char *path, struct conf **out);
/* Before privileges are dropped: a commit that a former daemon left is finished, or taken back
 * because nobody confirmed it in time. */
int parent_conf_start(struct parent *p);
int parent_conf_start_children(struct parent *p);                       /* hands them the first one */
void parent_conf_reload(struct parent *p);                              /* SIGHUP */
int parent_conf_ask(struct parent *p, const uint8_t *body, size_t len); /* IPC_P_ASK */
void parent_conf_answered(struct parent *p);                            /* a child has answered */
void parent_conf_late(struct parent *p);                                /* a child has not */
/* All ends: whether the file has to be put back first; then that is under way, and ends the loop. */
bool parent_conf_undo(struct parent *p);

#endif
