/* SPDX-License-Identifier: BSD-2-Clause */
/* buf.h - a growing byte buffer and a reading cursor, both with a sticky error:
 * write or read many fields, test once at the end.  Integers are big endian.
 * Bytes that are dropped are overwritten: they may have named a target. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base.h"

struct buf {
	uint8_t *p;
	size_t len, cap;
	int err; /* 0 or the first -errno; once set, nothing more is added */
};

void buf_free(struct buf *b);  /* frees and empties; an empty buf is legal */
void buf_reset(struct buf *b); /* keeps the memory, clears it, length and error */
void buf_put(struct buf *b, const void *p, size_t len);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_slice(struct buf *b, struct slice s); /* u16 length, bytes; -EMSGSIZE over 65,535 */
void buf_put_str(struct buf *b, const char *s);    /* the same for a C string */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_drop(struct buf *b, size_t n);     /* forget the first n bytes */
uint8_t *buf_room(struct buf *b, size_t n); /* at least n writable bytes after len, or NULL */

/* Reads from borrowed memory.  After an error every read returns 0 or an empty slice. */
struct rd {
	const uint8_t *p, *end;
	int err; /* 0 or -EBADMSG */
};

struct rd rd_init(const void *p, size_t len);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
const uint8_t *rd_bytes(struct rd *r, size_t n); /* borrowed; NULL on error */
/* A u32 that is 0 or an errno: 0 or -errno; another number is an error. */
int rd_errno(struct rd *r);
struct slice rd_slice(struct rd *r);
/* Copies a slice into a C string of size bytes; longer, or with a NUL inside: sticky error. */
void rd_cstr(struct rd *r, char *out, size_t size);
int rd_end(const struct rd *r); /* 0 if all was read without error, else -EBADMSG */

#endif
