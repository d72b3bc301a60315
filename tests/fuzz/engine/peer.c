/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "world.h"

bool
peer_read(struct peer *p)
{
	bool any = false;

	while (p->fd >= 0) {
		uint8_t *room = buf_room(&p->in, 65536);
		ssize_t n = room ? syscall(SYS_recvfrom, p->fd, room, 65536, MSG_DONTWAIT, NULL, NULL) : -1;

		if (n > 0) {
			p->in.len += (size_t)n;
			any = true;
			continue;
		}
		if (n < 0 && errno == EAGAIN)
			break;
		close(TAKE_FD(p->fd));
		any = true;
	}
	return any;
}

bool
peer_frame(struct peer *p, struct frame *f)
{
	struct rd r = rd_init(p->in.len ? p->in.p : (const uint8_t *)"", p->in.len);
	uint32_t len = rd_u32(&r);

	f->type = rd_u16(&r);
	if (rd_u16(&r) != 0)
		wrong("a frame that is none", f->type, len);
	f->id = rd_u32(&r);
	if (r.err || (size_t)(r.end - r.p) < len)
		return false;
	f->len = CHAN_HEADER + len;
	f->body = rd_init(rd_bytes(&r, len), len);
	return true;
}

void
peer_flush(struct peer *p)
{
	while (p->fd >= 0 && p->out.len) {
		ssize_t n = send(p->fd, p->out.p, p->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n <= 0)
			return;
		buf_drop(&p->out, (size_t)n);
	}
}

void
peer_put(struct peer *p, const void *bytes, size_t len)
{
	buf_put(&p->out, bytes, len);
	peer_flush(p);
}

void
peer_send(struct peer *p, uint16_t type, uint32_t id, const struct buf *body)
{
	chan_frame_put(&p->out, type, id, body && body->len ? body->p : (const uint8_t *)"", body ? body->len : 0);
	peer_flush(p);
}

void
peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(TAKE_FD(p->fd));
	buf_free(&p->in);
	buf_free(&p->out);
}
