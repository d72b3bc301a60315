/* SPDX-License-Identifier: BSD-2-Clause */
/* commit_look.h - what the operator's own process can see of a candidate before the daemon is asked. */
#ifndef FLOWTAP_COMMIT_LOOK_H
#define FLOWTAP_COMMIT_LOOK_H

#include <jansson.h>
#include <stdbool.h>

#include "buf.h"

/* Whether the text can be read, and has nothing but comments. */
bool commit_look_is_empty(struct slice text);
/* Adds to the answer's "warnings": that the program of alarm-hook is not there, or none that can be run. */
void commit_look_warn(struct slice text, json_t *answer);

#endif
