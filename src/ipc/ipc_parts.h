/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_parts.h - a text whose length depends on what a router has (interfaces, agencies), in messages that do not:
 * parts, and behind them the message itself with the end of the text.  They are sent together, so that nothing
 * comes in between.
 */
#ifndef IPC_IPC_PARTS_H
#define IPC_IPC_PARTS_H

#include "chan.h"

#define IPC_PART_MAX (256u << 10) /* bytes of a part, and of the end */

/* part: the type of all messages but the last.  As chan_send; after a failure the peer may have parts without an end,
 * so that the channel has to be given up. */
int ipc_parts_send(struct chan *c, uint16_t part, uint16_t type, uint32_t id, struct slice text);

/* Keeps a part, in *kept, which starts empty.  -EMSGSIZE: more than IPC_ANSWER_MAX in all; -ENOMEM. */
int ipc_parts_keep(struct buf *kept, const uint8_t *body, size_t len);

/* The message at the end has come.  *text: all of it, borrowed from body or from *kept, which is to be freed when the
 * text is not needed any more.  0 or as ipc_parts_keep. */
int ipc_parts_end(struct buf *kept, const uint8_t *body, size_t len, struct slice *text);

#endif
