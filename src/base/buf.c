/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: buf_ rd_ */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"

#define FIRST_CAP 256
#define ERRNO_MAX 4095u /* the kernel's */

void
buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}

void
buf_reset(struct buf *b)
{
	if (b->len)
		explicit_bzero(b->p, b->len);
	b->len = 0;
	b->err = 0;
}

uint8_t *
buf_room(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP, need;
	uint8_t *p;

	if (b->err)
		return NULL;
	if (__builtin_add_overflow(b->len, n, &need) || need > SIZE_MAX / 2) {
		b->err = -ENOMEM;
		return NULL;
	}
	while (cap < need)
		cap *= 2;
	if (cap != b->cap) {
		if ((p = realloc(b->p, cap)) == NULL) {
			b->err = -ENOMEM;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->len;
}

void
buf_put(struct buf *b, const void *p, size_t len)
{
	uint8_t *room = len ? buf_room(b, len) : NULL;

	if (room == NULL)
		return;
	memcpy(room, p, len);
	b->len += len;
}

static void
put_be(struct buf *b, uint64_t v, unsigned bytes)
{
	uint8_t be[8];

	for (unsigned i = 0; i < bytes; i++)
		be[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	buf_put(b, be, bytes);
}

void
buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void
buf_put_u16(struct buf *b, uint16_t v)
{
	put_be(b, v, 2);
}

void
buf_put_u32(struct buf *b, uint32_t v)
{
	put_be(b, v, 4);
}

void
buf_put_u64(struct buf *b, uint64_t v)
{
	put_be(b, v, 8);
}

void
buf_put_slice(struct buf *b, struct slice s)
{
	if (s.len > UINT16_MAX) {
		if (b->err == 0)
			b->err = -EMSGSIZE;
		return;
	}
	buf_put_u16(b, (uint16_t)s.len);
	buf_put(b, s.p, s.len);
}

void
buf_put_str(struct buf *b, const char *s)
{
	buf_put_slice(b, (struct slice){s, strlen(s)});
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	size_t room = b->err ? 0 : b->cap - b->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? (char *)b->p + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= room) {
		if (buf_room(b, (size_t)n + 1) == NULL)
			return;
		va_start(ap, fmt);
		n = vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	if (n > 0)
		b->len += (size_t)n;
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
	explicit_bzero(b->p + b->len, n);
}

struct rd
rd_init(const void *p, size_t len)
{
	static const uint8_t empty;
	const uint8_t *start = p && len ? p : &empty;

	return (struct rd){.p = start, .end = start + (p ? len : 0)};
}

const uint8_t *
rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->err == 0 && (size_t)(r->end - r->p) < n)
		r->err = -EBADMSG;
	if (r->err)
		return NULL;
	r->p += n;
	return p;
}

static uint64_t
get_be(struct rd *r, unsigned bytes)
{
	const uint8_t *p = rd_bytes(r, bytes);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
rd_u8(struct rd *r)
{
	return (uint8_t)get_be(r, 1);
}

uint16_t
rd_u16(struct rd *r)
{
	return (uint16_t)get_be(r, 2);
}

uint32_t
rd_u32(struct rd *r)
{
	return (uint32_t)get_be(r, 4);
}

uint64_t
rd_u64(struct rd *r)
{
	return get_be(r, 8);
}

int
rd_errno(struct rd *r)
{
	const uint32_t v = rd_u32(r);

	if (v > ERRNO_MAX)
		r->err = -EBADMSG;
	return r->err ? 0 : -(int)v;
}

struct slice
rd_slice(struct rd *r)
{
	uint16_t len = rd_u16(r);
	const uint8_t *p = rd_bytes(r, len);

	return p ? (struct slice){(const char *)p, len} : (struct slice){"", 0};
}

void
rd_cstr(struct rd *r, char *out, size_t size)
{
	struct slice s = rd_slice(r);

	if (s.len >= size || memchr(s.p, 0, s.len) != NULL)
		r->err = -EBADMSG;
	if (r->err) {
		out[0] = '\0';
		return;
	}
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
}

int
rd_end(const struct rd *r)
{
	return r->err ? r->err : r->p == r->end ? 0 : -EBADMSG;
}
