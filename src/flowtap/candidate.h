/* SPDX-License-Identifier: BSD-2-Clause */
/* candidate.h - a configuration that is being edited, and what it was made from. */
#ifndef FLOWTAP_CANDIDATE_H
#define FLOWTAP_CANDIDATE_H

#include <stdio.h>

#include "conf_edit.h"

#define CANDIDATE_WORDS 64

struct candidate {
	struct conf_tree *tree, *active; /* active: as it was when the candidate was made from it */
	uint64_t base;                   /* its commit */
	int lock;                        /* of `configure exclusive'; -1: none */
	char time[32], user[64];         /* of that */
	char *word[CANDIDATE_WORDS];     /* owned; the level */
	size_t n;
	size_t before[CANDIDATE_WORDS]; /* n at each `edit', to go back to */
	size_t edits;
};

/* The exit code, after a message to the user. */
int candidate_new(const char *socket, struct candidate **out);
void candidate_free(struct candidate *c);
int candidate_rollback(struct candidate *c, const char *socket, unsigned n);
int candidate_committed(struct candidate *c, const char *socket); /* what is in force is what it is made from */
/* An earlier configuration, 0: the active one. */
int candidate_fetch(const char *socket, unsigned n, struct conf_tree **out, struct candidate *info);

bool candidate_changed(const struct candidate *c);
void candidate_replace(struct candidate *c, struct conf_tree *tree); /* takes it */

struct conf_path candidate_level(const struct candidate *c);
int candidate_edit(struct candidate *c, struct conf_path below); /* -ENOMEM; -E2BIG */
void candidate_up(struct candidate *c, size_t levels);
void candidate_back(struct candidate *c); /* to where the last edit came from */

/* A level to come back to. */
struct candidate_level {
	char *word[CANDIDATE_WORDS]; /* owned */
	size_t n, before[CANDIDATE_WORDS], edits;
};

int candidate_level_save(const struct candidate *c, struct candidate_level *out); /* 0, -ENOMEM */
void candidate_level_restore(struct candidate *c, struct candidate_level *was);   /* takes it */
void candidate_level_free(struct candidate_level *was);

int candidate_read(FILE *f, struct buf *out); /* the exit code */
/* Of a line of printed text: " services flow-tap agency lea1", and the line itself without blanks around. */
void candidate_place(struct slice text, unsigned line, struct buf *where, struct buf *self);

#endif
