/* SPDX-License-Identifier: BSD-2-Clause */
/* engine_ctl.h - what the files of the operator's side share: a connection to the control socket. */
#ifndef FLOWTAPD_ENGINE_CTL_H
#define FLOWTAPD_ENGINE_CTL_H

#include <jansson.h>

#include "engine.h"

#define EXIT_REFUSED 1
#define EXIT_USAGE 2
#define EXIT_NOT_AUTHORISED 3
#define EXIT_NO_OBJECT 4
#define EXIT_TRANSPORT 5

struct ctl {
	TAILQ_ENTRY(ctl) entry;
	struct engine *engine;
	uint64_t due_ms;           /* CLOCK_MONOTONIC: its next command has to come; 0: it may take its time */
	struct chan *chan;         /* NULL: closed */
	bool answered;             /* since its last turn */
	unsigned waits;            /* answers that others owe it: it is freed behind the last one */
	uint32_t uid;              /* the peer's */
	pid_t pid;                 /* the same */
	int64_t locked_ms;         /* since when it has the lock, if it has */
	bool exporting;            /* the record, which its reader takes piece by piece */
	struct store_lines *lines; /* of it; NULL while the reader is waited for: it holds a snapshot */
	uint64_t lines_ns;         /* since when, CLOCK_MONOTONIC */
	uint64_t line, line_last;  /* the next one, and the one it ends with */
	json_t *state;             /* what the data plane said so far */
	bool marking;              /* the state under way becomes the mark */
	bool checking;             /* the commit under way is a check */
	struct buf text;           /* what goes with the command to come */
	struct buf warnings;       /* of the commit under way: lines */
	char pending[sizeof((struct conf *)0)->pending]; /* of it: what holds from the next start */
};

/* An answer, or a part of one.  When nothing more is owed for it the next command is read. */
int ctl_send(struct ctl *c, uint16_t type, const void *body, size_t len);
/* Sends the answer and takes it over. */
int ctl_answer(struct ctl *c, json_t *o);
void ctl_close(struct ctl *c);
uint32_t ctl_perm(const struct ctl *c); /* what the peer may do now: CONF_PERM_..., ENGINE_PERM_... */
void ctl_error(struct ctl *c, uint8_t code, const char *text);
/* What a question to others began: its answer was taken, or nobody is there any more to hear it (false). */
bool ctl_resume(struct ctl *c);

/* engine_ctl_config.c */
const char *ctl_time_format(int64_t ms, char out[static 32]); /* "2026-11-30T12:00:00Z" */
int ctl_show_configuration(struct ctl *c, const char *args, struct slice text);
int ctl_show_commits(struct ctl *c, const char *args, struct slice text);
int ctl_show_authorization(struct ctl *c, const char *args, struct slice text);
int ctl_commit(struct ctl *c, const char *args, struct slice text);

/* engine_show.c.  Commands: nonzero ends the connection. */
int ctl_show_flow_tap(struct ctl *c, const char *args, struct slice text);
int ctl_show_sessions(struct ctl *c, const char *args, struct slice text);
int ctl_show_dests(struct ctl *c, const char *args, struct slice text);
int ctl_show_events(struct ctl *c, const char *args, struct slice text);

/* engine_watch.c */
int ctl_show_alarms(struct ctl *c, const char *args, struct slice text);

/* engine_mark.c */
int ctl_clear_statistics(struct ctl *c, const char *args, struct slice text);
/* What was counted since the mark, if there is one; a state that is to become the mark does. */
void ctl_mark_apply(struct ctl *c, json_t *state);

/* engine_rescue.c */
int ctl_rescue_save(struct ctl *c, const char *args, struct slice text);
int ctl_rescue_delete(struct ctl *c, const char *args, struct slice text);

/* engine_selftest.c */
int ctl_selftest(struct ctl *c, const char *args, struct slice text);

#endif
