/* SPDX-License-Identifier: BSD-2-Clause */
/* idle.h - the wait for keys at the prompt: the screen's size that changes meanwhile, and how a session begins and ends
 * by what the configuration says of logins: message and idle-timeout. */
#ifndef FLOWTAP_IDLE_H
#define FLOWTAP_IDLE_H

#include <histedit.h>

#include "shell.h"

/* From now on the editor's input ends when the shell's idle_minutes pass at the prompt without a key; 0: never.
 * A line that is being typed is shown anew when the screen changes its size. */
void idle_watch(EditLine *el, const struct shell *sh);
/* Before a line: the editor knows the screen's present size.  Whether it has changed. */
bool idle_size(EditLine *el);
/* Whether the time is over, which is said. */
bool idle_is_over(const struct shell *sh);
/* Prints the message, if there is one. */
void idle_message(const struct shell *sh);

#endif
