/* SPDX-License-Identifier: BSD-2-Clause */
#include <endian.h>
#include <string.h>

#include "pcapng.h"

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_STATISTICS = 5, BLOCK_PACKET = 6 };
enum { OPT_END = 0, OPT_COMMENT = 1, OPT_USERAPPL = 4 };                                /* section, any */
enum { OPT_IF_NAME = 2, OPT_IF_DESCRIPTION = 3, OPT_IF_TSRESOL = 9 };                   /* interface */
enum { OPT_ISB_START = 2, OPT_ISB_END = 3, OPT_ISB_RECEIVED = 4, OPT_ISB_DROPPED = 5 }; /* statistics */

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define TSRESOL_NS 9 /* 10^-9 */

static void
put16(struct buf *b, uint16_t v)
{
	v = htole16(v);
	buf_put(b, &v, sizeof v);
}

static void
put32(struct buf *b, uint32_t v)
{
	v = htole32(v);
	buf_put(b, &v, sizeof v);
}

/* Zero bytes up to a multiple of four. */
static size_t
pad_len(size_t len)
{
	return -len & 3;
}

static void
put_option(struct buf *b, uint16_t code, const void *p, uint16_t len)
{
	put16(b, code);
	put16(b, len);
	buf_put(b, p, len);
	buf_put(b, "\0\0\0", pad_len(len));
}

static void
put_option_str(struct buf *b, uint16_t code, const char *s)
{
	size_t len = strlen(s);

	put_option(b, code, s, (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX));
}

static void
put_option_u64(struct buf *b, uint16_t code, uint64_t v)
{
	v = htole64(v);
	put_option(b, code, &v, sizeof v);
}

/* Two 32-bit words, the upper one first: that is how stamps are stored. */
static void
put_stamp(struct buf *b, uint64_t ns)
{
	put32(b, (uint32_t)(ns >> 32));
	put32(b, (uint32_t)ns);
}

static void
put_option_stamp(struct buf *b, uint16_t code, uint64_t ns)
{
	put16(b, code);
	put16(b, 8);
	put_stamp(b, ns);
}

static size_t
block_begin(struct buf *b, uint32_t type)
{
	put32(b, type);
	put32(b, 0); /* the length, set by block_end */
	return b->len - 8;
}

static void
block_end(struct buf *b, size_t start)
{
	uint32_t len = htole32((uint32_t)(b->len - start + 4));

	buf_put(b, &len, sizeof len);
	if (b->err == 0)
		memcpy(b->p + start + 4, &len, sizeof len);
}

void
pcapng_begin(struct buf *out, const char *program, const char *if_name, const char *if_description)
{
	static const uint8_t resolution = TSRESOL_NS;
	size_t start = block_begin(out, BLOCK_SECTION);

	put32(out, BYTE_ORDER_MAGIC);
	put16(out, 1); /* version 1.0 */
	put16(out, 0);
	put32(out, UINT32_MAX); /* length of the section: unknown, it is being written */
	put32(out, UINT32_MAX);
	put_option_str(out, OPT_USERAPPL, program);
	put_option(out, OPT_END, "", 0);
	block_end(out, start);

	start = block_begin(out, BLOCK_INTERFACE);
	put16(out, PCAPNG_LINKTYPE_RAW);
	put16(out, 0);
	put32(out, 0); /* packets are never cut */
	put_option_str(out, OPT_IF_NAME, if_name);
	put_option_str(out, OPT_IF_DESCRIPTION, if_description);
	put_option(out, OPT_IF_TSRESOL, &resolution, 1);
	put_option(out, OPT_END, "", 0);
	block_end(out, start);
}

static uint8_t *
store16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof v);
	return p + sizeof v;
}

static uint8_t *
store32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof v);
	return p + sizeof v;
}

static uint8_t *
store_bytes(uint8_t *p, const void *from, size_t len)
{
	memcpy(p, from, len);
	memset(p + len, 0, pad_len(len));
	return p + len + pad_len(len);
}

static uint8_t *
store_comment(uint8_t *p, const char *comment)
{
	size_t len = strnlen(comment, PCAPNG_COMMENT_MAX);

	p = store16(p, OPT_COMMENT);
	p = store16(p, (uint16_t)len);
	p = store_bytes(p, comment, len);
	return store32(p, OPT_END); /* code and length, both 0 */
}

size_t
pcapng_frame(uint8_t *out, const void *p, uint32_t len, uint64_t stamp_ns, const char *comment)
{
	uint8_t *end = store_bytes(out + PCAPNG_HEAD, p, len);
	uint32_t total;

	if (comment)
		end = store_comment(end, comment);
	total = (uint32_t)(end - out) + 4;
	store32(end, total);

	out = store32(out, BLOCK_PACKET);
	out = store32(out, total);
	out = store32(out, 0); /* interface */
	out = store32(out, (uint32_t)(stamp_ns >> 32));
	out = store32(out, (uint32_t)stamp_ns);
	out = store32(out, len);
	store32(out, len);
	return total;
}

size_t
pcapng_block_len(const uint8_t *p)
{
	uint32_t len;

	memcpy(&len, p + 4, sizeof len);
	return le32toh(len);
}

void
pcapng_end(struct buf *out, const struct pcapng_stats *s)
{
	size_t start = block_begin(out, BLOCK_STATISTICS);

	put32(out, 0); /* interface */
	put_stamp(out, s->end_ns);
	put_option_stamp(out, OPT_ISB_START, s->start_ns);
	put_option_stamp(out, OPT_ISB_END, s->end_ns);
	put_option_u64(out, OPT_ISB_RECEIVED, s->received);
	put_option_u64(out, OPT_ISB_DROPPED, s->dropped);
	put_option(out, OPT_END, "", 0);
	block_end(out, start);
}
