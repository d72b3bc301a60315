/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chan.h - framed messages over a stream socket, for a loop.
 *
 * Frame: u32 length of the body, u16 type, u16 zero, u32 id, body; big endian.
 * The id is the sender's, for pairing an answer with its request.  Whatever
 * is wrong with a frame ends the channel: on_end is called once with -errno
 * (0: the peer closed), after which only chan_free is allowed.
 */
#ifndef BASE_CHAN_H
#define BASE_CHAN_H

#include "buf.h"
#include "loop.h"

#define CHAN_HEADER 12

struct chan;

struct chan_ops {
	/* body is borrowed during the call.  Nonzero (-errno) ends the channel. */
	int (*on_msg)(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len);
	void (*on_end)(void *arg, int err);
	/* NULL or: chan_is_full was true, and is not any more.  Called once for each time that it was, however the
	 * bytes left; so who waits while it is true waits for this. */
	void (*on_drain)(void *arg);
	size_t mark;     /* unsent bytes above which the channel is full */
	size_t body_max; /* longest body that the peer accepts; 0: any */
};

/* Takes fd over (also on failure).  max: longest body accepted. */
int chan_new(struct loop *l, int fd, size_t max, const struct chan_ops *ops, void *arg, struct chan **out);
void chan_free(struct chan *c); /* NULL is legal; from within its callbacks too */
/* Queues and writes as much as goes at once; within the channel's own callbacks when they are over, since
 * many small messages are dear.  -ENOMEM, -EPIPE after the end, -EMSGSIZE: the peer would not accept it; nothing of
 * it is queued. */
int chan_send(struct chan *c, uint16_t type, uint32_t id, const void *body, size_t len);
/* The same for the caller's own many messages: while held nothing is written.  Every hold is to be let go. */
void chan_hold(struct chan *c, bool hold);
size_t chan_queued(const struct chan *c);    /* bytes not yet written */
uint64_t chan_written(const struct chan *c); /* bytes, of all that was ever queued */
bool chan_is_full(const struct chan *c);     /* more of them than the mark: send later, on_drain tells when */
void chan_pause(struct chan *c, bool pause); /* stop reading: back-pressure on the peer */
int chan_fd(const struct chan *c);           /* borrowed */

/* One frame, appended. */
void chan_frame_put(struct buf *out, uint16_t type, uint32_t id, const void *body, size_t len);

/* The same frames on a blocking socket, for programs without a loop. */
int chan_write_sync(int fd, uint16_t type, uint32_t id, const void *body, size_t len);
int chan_frames_write(int fd, const struct buf *frames);
/* One descriptor over a blocking Unix socket, with a byte of its own; *got is close-on-exec.  -EBADMSG: something
 * else came. */
int chan_fd_send(int sock, int fd);
int chan_fd_recv(int sock, int *got);
int chan_read_sync(int fd, size_t max, uint16_t *type, uint32_t *id, struct buf *body);

#endif
