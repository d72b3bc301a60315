/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history.h - the configurations that were in force, in <state-directory>/rollback.
 *
 * One file each, named by its number, which counts commits: a comment with time, login and what
 * the login said, then the canonical text.  N.new is a commit under way; it becomes N once
 * everybody works with it.  N.confirm says until when commit N has to be confirmed.
 */
#ifndef FLOWTAPD_HISTORY_H
#define FLOWTAPD_HISTORY_H

#include "buf.h"

#define HISTORY_MAX 50 /* rollback 0 to 49 */
#define HISTORY_COMMENT_MAX 255
#define HISTORY_USER_MAX 32
#define HISTORY_DIR "rollback"

struct history_entry {
	uint64_t no;
	int64_t time_ms;
	char user[HISTORY_USER_MAX + 1];
	char comment[HISTORY_COMMENT_MAX + 1]; /* printable */
};

/* Commit no is taken back to commit back, unless it is confirmed before.  In the boot in which it was
 * made the boot clock counts, which nobody sets; after that the wall's. */
struct history_deadline {
	uint64_t no, back; /* no 0: none */
	char boot[64];
	uint64_t boot_ms;
	int64_t wall_ms, set_ms;
};

struct history {
	int dir;
	char boot[64]; /* this boot's */
	unsigned n;
	struct history_entry entry[HISTORY_MAX]; /* the newest first */
	struct history_entry next;               /* no 0: no commit is under way */
	struct history_deadline deadline;
};

/* Reads what is there.  -errno. */
int history_open(const char *state_dir, struct history *h);
void history_close(struct history *h);
bool history_comment_ok(struct slice s); /* fits, and is printable */
/* The text of entry i, 0 the newest. */
int history_text(const struct history *h, unsigned i, struct buf *out);
/* At a start: a commit whose text is the one in force has succeeded, any other failed.  If the newest
 * entry is still not what is in force, somebody changed the file: that gets an entry of its own. */
int history_settle(struct history *h, struct slice active);
/* A commit begins: durable, but not yet part of the history.  minutes: to be confirmed within; 0: no. */
int history_begin(struct history *h, const char *user, const char *comment, unsigned minutes, struct slice text);
/* It succeeded, and thereby confirms the one before; or it did not. */
int history_keep(struct history *h);
void history_drop(struct history *h);
int history_confirm(struct history *h);
/* Milliseconds until the newest commit is to be taken back, 0: now; -1: it is not. */
int64_t history_due_ms(const struct history *h, int64_t wall_ms);
/* The text to go back to.  -ENOENT: it is no longer there. */
int history_back(const struct history *h, struct buf *out);

#endif
