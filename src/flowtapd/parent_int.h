/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parent_int.h - the parent's own types: parent_start.c starts its processes, parent.c minds them, and
 * parent_conf.c has its configuration.
 *
 * A configuration comes from its file (SIGHUP) or from somebody who commits, by the engine.  Both
 * children prepare it; if one refuses, nothing has changed.  Then the keeper writes the file, if it
 * came from somebody; then both use it.
 */
#ifndef FLOWTAPD_PARENT_INT_H
#define FLOWTAPD_PARENT_INT_H

#include "conf.h"
#include "daemon.h"
#include "notify.h"
#include "parent_names.h"

#define RELOAD_WAIT_MS 60000
#define WORKING_MAX 300 /* times in one change that a child may say it is at work: each begins that time anew */
#define PARENT_LOOK_AGAIN_MS 2000 /* at first, then ever more seldom */
#define PARENT_AUX "aux"          /* the role of the service beside us, which is no child */

/* The first two have a configuration; without the last ones, or once these have died, all else goes on. */
enum child_id {
	ENGINE,
	DATAPLANE,
	CONFIGURED,
	INVENTORY = CONFIGURED,
	KEEPER,
	ACCOUNTS,
	NAMES,
	READER,
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
	bool owes;     /* a sign of life */
	uint64_t lies; /* since they were told of, and when that was */
	uint64_t lies_told_ns;
	int err;              /* of its last IPC_P_READY */
	char why[DAEMON_WHY]; /* or, of the dataplane without an error, a warning */
};

enum change_state {
	CHANGE_NONE,
	CHANGE_STARTING,  /* the first one: logins are made to be what it says */
	CHANGE_LOGINS,    /* those that are missing are made */
	CHANGE_NAMING,    /* the numbers of its users are looked up */
	CHANGE_LOOKING,   /* no change: the numbers of the users of the one in force, again */
	CHANGE_PREPARING, /* by both children */
	CHANGE_APPLYING,  /* to the logins */
	CHANGE_WRITING,
	CHANGE_COMMITTING,
	CHANGE_RESTORING, /* the logins, before it is refused */
	CHANGE_UNDOING,
};

#define PARENT_TABLES 2

/* A table of users or groups, as stat(2) tells it from another. */
struct parent_table {
	uint64_t inode, size;
	int64_t written_s, written_ns, changed_s, changed_ns;
};

struct parent {
	const struct daemon_opts *opts;
	bool conf_mending;        /* the keeper is asked to put its group and mode right */
	bool conf_unread;         /* its file was not ours to read when we looked last */
	struct conf *conf, *next; /* next: with the children, not yet in force */
	enum change_state change;
	bool asked, check; /* it came from the engine; it is only asked whether it could be */
	bool logins;       /* it may have changed some */
	bool reload_asked; /* the engine waits for what becomes of the file that is read again */
	uint32_t asker;    /* who asked, and the name of it */
	char by[33];
	int refused;       /* -errno, while logins are restored; why: below */
	unsigned working;  /* how often the engine has said so in this step */
	int undo_answers;  /* of the keeper, still to come */
	uint32_t question; /* the last one to the names; an answer to an older one is late */
	/* Agencies that have no user, as when the user table's service came later than we; with the change. */
	uint32_t lacking, next_lacking;
	/* The numbers in force, and with the change; owned. */
	uint32_t *uid_now, *uid_next, nuid_now, nuid_next;
	struct loop_timer *users; /* parent_users.c */
	struct parent_table table[PARENT_TABLES];
	bool users_stale;         /* they have changed since the names were asked for */
	bool users_asked;         /* they had, and the answer is not in force yet */
	struct loop_timer *again; /* when they are looked for the next time, and after how long */
	int64_t again_ms;
	char why[320];
	struct loop *loop;
	struct loop_timer *timer; /* a change or a stop that takes too long */
	struct notify notify;     /* the service manager */
	struct loop_timer *watchdog;
	int sigfd, lock_fd;
	int key_fd; /* the machine key on its way to the engine */
	struct child child[CHILDREN];
	bool started, stopping;
	uid_t uid, dp_uid;
	gid_t gid, dp_gid;
};

/* parent_start.c: loads the kernel programs, and starts all children. */
int parent_start_children(struct parent *p);
extern const struct chan_ops parent_child_ops;

/* -EPIPE: that child is gone, and with it everything in a moment.  b: NULL for nothing. */
int parent_send(struct parent *p, enum child_id id, uint16_t type, const struct buf *b);

/* The service manager is told that the configuration is in force, or the former one still is. */
void parent_ready(struct parent *p);
/* From its file; what is wrong with it is logged. */
int parent_conf_read(const char *path, struct conf **out);
/* parent_conf_file.c: in the log, if others can read the file, or we could not again; and the latter when it has
 * changed. */
void parent_conf_look(struct parent *p);
/* Its group and mode become those that a commit gives it; nothing is asked where they are. */
int parent_conf_mend(struct parent *p, size_t len);                        /* IPC_P_UNCHANGED */
int parent_conf_mended(struct parent *p, const uint8_t *body, size_t len); /* IPC_P_FILE */
void parent_conf_watch(struct parent *p);
/* Why a reload that failed with r was not one. */
const char *parent_conf_unread_text(const struct parent *p, int r, char *out, size_t size);
/* For who checks a file of root's: whether the daemon could read it. */
void parent_conf_check_file(const char *path);
/* Before privileges are dropped: a commit that a former daemon left is finished, or taken back
 * because nobody confirmed it in time. */
int parent_conf_start(struct parent *p);
int parent_conf_start_children(struct parent *p);                       /* hands them the first one */
void parent_conf_reload(struct parent *p);                              /* SIGHUP */
int parent_conf_ask(struct parent *p, const uint8_t *body, size_t len); /* IPC_P_ASK */
void parent_conf_answered(struct parent *p);                            /* a child has answered */
void parent_conf_late(struct parent *p);                                /* a child has not */
void parent_conf_working(struct parent *p);                             /* it will */
/* All ends: whether the file has to be put back first; then that is under way, and ends the loop. */
bool parent_conf_undo(struct parent *p);

void parent_conf_begin(struct parent *p); /* p->next is what is to be in force */

/* parent_reload.c: the file is read again, p->next; if it is what is in force nothing is done with it. */
void parent_reload_begin(struct parent *p);
/* IPC_P_RELOAD, whose body is len bytes; and what became of the file, if the engine waits for it. */
int parent_reload_ask(struct parent *p, size_t len);
void parent_reload_over(struct parent *p, int err, const char *why);

/* parent_logins.c */
bool parent_logins_matter(const struct parent *p); /* to the change */
/* Asks the accounts to do this with conf's logins; their READY answers. */
int parent_logins_ask(struct parent *p, const struct conf *conf, int phase);

/* parent_conf.c: IPC_P_NAMED. */
int parent_conf_named(struct parent *p, uint32_t id, const uint8_t *body, size_t len);
void parent_conf_look_again(struct parent *p); /* for the users of agencies who were missing */
void parent_conf_users_changed(struct parent *p);

/* parent_users.c: looks at the tables from now on.  0 or -errno. */
int parent_users_start(struct parent *p);
/* These go to the children; they are in force; whether they were already.  -ENOMEM. */
int parent_users_next(struct parent *p, const struct parent_numbers *numbers);
void parent_users_in_force(struct parent *p);
/* Others than these are: the engine has them from now on, without a change of the configuration. */
void parent_users_changed(struct parent *p, const struct parent_numbers *numbers);
bool parent_users_are_in_force(const struct parent *p, const struct parent_numbers *numbers);

#endif
