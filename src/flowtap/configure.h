/* SPDX-License-Identifier: BSD-2-Clause */
/* configure.h - configuration mode.  Those with a call are a row's run. */
#ifndef FLOWTAP_CONFIGURE_H
#define FLOWTAP_CONFIGURE_H

#include "candidate.h"
#include "shell.h"

/* configure.c */
int configure_enter(struct shell *sh, const struct cmd_call *call);
int configure_set(struct shell *sh, const struct cmd_call *call);
int configure_delete(struct shell *sh, const struct cmd_call *call);
int configure_activate(struct shell *sh, const struct cmd_call *call);
int configure_deactivate(struct shell *sh, const struct cmd_call *call);
int configure_edit(struct shell *sh, const struct cmd_call *call);
int configure_exit(struct shell *sh, const struct cmd_call *call);
int configure_status(struct shell *sh, const struct cmd_call *call);
int configure_commit(struct shell *sh, const struct cmd_call *call);
int configure_rollback(struct shell *sh, const struct cmd_call *call);
/* The level and what was typed, in full; word: room for both, 2 * WORDS_MAX. */
struct conf_path configure_path(const struct shell *sh, const struct cmd_call *call, const char **word);
/* After a change: 0 or -errno of it.  The exit code. */
int configure_settled(struct shell *sh, int r);
/* They say so.  The exit code. */
int configure_no_memory(int r);
int configure_not_there(void);

/* configure_move.c */
int configure_annotate(struct shell *sh, const struct cmd_call *call);
int configure_copy(struct shell *sh, const struct cmd_call *call);
int configure_rename(struct shell *sh, const struct cmd_call *call);
int configure_insert(struct shell *sh, const struct cmd_call *call);
int configure_replace(struct shell *sh, const struct cmd_call *call);
int configure_wildcard_delete(struct shell *sh, const struct cmd_call *call);

/* configure_load.c */
int configure_load(struct shell *sh, const struct cmd_call *call);
int configure_save(struct shell *sh, const struct cmd_call *call);

/* configure_within.c: a command within another: of operational mode, or at a higher level. */
int configure_run(struct shell *sh, const struct cmd_call *call);
int configure_up(struct shell *sh, const struct cmd_call *call);
int configure_top(struct shell *sh, const struct cmd_call *call);

/* configure_show.c; the last three are of operational mode. */
int configure_show(struct shell *sh, const struct cmd_call *call);
int configure_show_active(struct shell *sh, const struct cmd_call *call);
int configure_show_rollback(struct shell *sh, const struct cmd_call *call);
int configure_show_rescue(struct shell *sh, const struct cmd_call *call);

#endif
