/* SPDX-License-Identifier: BSD-2-Clause */
/* show.h - the daemon's JSON as text for a person, for a screen of so many columns. */
#ifndef FLOWTAP_SHOW_H
#define FLOWTAP_SHOW_H

#include <jansson.h>

#include "buf.h"

/* Lines for a screen of width columns; those that are no table may be longer, show_put folds them. */
typedef void show_text(const json_t *answer, unsigned width, struct buf *out);
/* What text makes of the answer, no line longer than width. */
void show_put(show_text *text, const json_t *answer, unsigned width, struct buf *out);

/* "show services flow-tap": state is what the daemon answered. */
void show_flow_tap(const json_t *state, unsigned width, struct buf *out);
/* "show services flow-tap statistics": the same answer. */
void show_statistics(const json_t *state, unsigned width, struct buf *out);
/* "clear services flow-tap statistics" */
void show_cleared(const json_t *state, unsigned width, struct buf *out);
/* "show services flow-tap sessions", "content-destinations", "events" */
void show_sessions(const json_t *answer, unsigned width, struct buf *out);
void show_content_destinations(const json_t *answer, unsigned width, struct buf *out);
void show_events(const json_t *answer, unsigned width, struct buf *out);
/* "request services flow-tap self-test" */
void show_self_test(const json_t *answer, unsigned width, struct buf *out);
/* "show cli authorization" */
void show_authorization(const json_t *answer, unsigned width, struct buf *out);
/* "request services flow-tap rotate-keys" */
void show_rotation(const json_t *answer, unsigned width, struct buf *out);

#endif
