/* SPDX-License-Identifier: BSD-2-Clause */
#include "foreign.h"

#include <stdio.h>
#include <string.h>

#define INVALID UINT32_MAX
#define ESCAPE_MAX 16 /* bytes: four of "\xf3", or two of "\udb40" */

static const char cut[] = "...";

/* The character at the beginning, and of how many bytes it is; INVALID, of one byte. */
static uint32_t
character(const uint8_t *p, size_t len, size_t *n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const size_t want = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
	uint32_t c = want < 2 ? p[0] : p[0] & (0x7fu >> want);

	*n = 1;
	if (want == 0 || want > len)
		return INVALID;
	for (size_t i = 1; i < want; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return INVALID;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[want] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return INVALID;
	*n = want;
	return c;
}

/* What is not shown as it is, from first to last; in this order: what Unicode calls white space, but for the blank, and
 * what it says may be ignored, are among them, since of two texts that differ by such a one nobody sees that they do.
 */
static const struct {
	uint32_t first, last;
} hidden[] = {
    {0x00, 0x1f},       /* C0 */
    {0x7f, 0x9f},       /* DEL, C1 */
    {0xa0, 0xa0},       /* a blank */
    {0xad, 0xad},       /* soft hyphen */
    {0x34f, 0x34f},     /* nothing is seen of it */
    {0x61c, 0x61c},     /* a mark of direction */
    {0x115f, 0x1160},   /* Hangul fillers */
    {0x1680, 0x1680},   /* a blank */
    {0x17b4, 0x17b5},   /* nothing is seen of them */
    {0x180b, 0x180f},   /* what chooses a variant, no width */
    {0x2000, 0x200f},   /* blanks, no width, marks of direction */
    {0x2028, 0x202f},   /* separators of lines and paragraphs, directions, a blank */
    {0x205f, 0x206f},   /* a blank, no width, directions */
    {0x2800, 0x2800},   /* a blank */
    {0x3000, 0x3000},   /* a blank */
    {0x3164, 0x3164},   /* a Hangul filler */
    {0xfdd0, 0xfdef},   /* no characters */
    {0xfe00, 0xfe0f},   /* what chooses a variant */
    {0xfeff, 0xfeff},   /* no width */
    {0xffa0, 0xffa0},   /* a Hangul filler */
    {0xfff0, 0xfffb},   /* annotations */
    {0xfffe, 0xffff},   /* no characters */
    {0x1bca0, 0x1bca3}, /* of shorthand: nothing is seen of them */
    {0x1d173, 0x1d17a}, /* of music: the same */
    {0xe0000, 0xe0fff}, /* tags, and what chooses a variant */
};

static bool
is_shown(uint32_t c)
{
	if (c == INVALID)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(hidden) && hidden[i].first <= c; i++)
		if (c <= hidden[i].last)
			return false;
	return true;
}

static size_t
escape_bytes(const uint8_t *p, size_t n, char out[static ESCAPE_MAX + 1])
{
	static const char named[] = "\nn\rr\tt";
	const char *name = n == 1 && *p ? strchr(named, *p) : NULL;
	size_t len = 0;

	if (name && *p < ' ')
		return (size_t)snprintf(out, ESCAPE_MAX + 1, "\\%c", name[1]);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, ESCAPE_MAX + 1 - len, "\\x%02x", p[i]);
	return len;
}

static size_t
escape_json(uint32_t c, char out[static ESCAPE_MAX + 1])
{
	if (c == INVALID)
		c = 0xfffd;
	if (c < 0x10000)
		return (size_t)snprintf(out, ESCAPE_MAX + 1, "\\u%04x", c);
	c -= 0x10000;
	return (size_t)snprintf(out, ESCAPE_MAX + 1, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

/* Takes the first character off *s.  Bytes to show, borrowed from it or from room. */
static struct slice
next(struct slice *s, enum foreign_kind kind, char room[static ESCAPE_MAX + 1])
{
	const uint8_t *p = (const uint8_t *)s->p;
	struct slice shown = {s->p, 0};
	const uint32_t c = character(p, s->len, &shown.len);
	const size_t n = shown.len;

	if (!is_shown(c) && (kind == FOREIGN_LINE || (c != '\n' && c != '\t')))
		shown = (struct slice){room, kind == FOREIGN_JSON ? escape_json(c, room) : escape_bytes(p, n, room)};
	s->p += n;
	s->len -= n;
	return shown;
}

void
foreign_put(struct buf *out, struct slice s, enum foreign_kind kind)
{
	char room[ESCAPE_MAX + 1];
	struct slice plain = {s.p, 0}; /* what stays as it is goes together */

	while (s.len > 0) {
		const struct slice shown = next(&s, kind, room);

		if (shown.p != room) {
			plain.len += shown.len;
			continue;
		}
		buf_put(out, plain.p, plain.len);
		buf_put(out, shown.p, shown.len);
		plain = (struct slice){s.p, 0};
	}
	buf_put(out, plain.p, plain.len);
}

char *
foreign_text(struct slice s, char *out, size_t size)
{
	char room[ESCAPE_MAX + 1];
	size_t len = 0, whole = 0; /* whole: up to where the mark of a cut has room behind */

	while (s.len > 0) {
		const struct slice shown = next(&s, FOREIGN_LINE, room);

		if (len + shown.len >= size) {
			memcpy(out + whole, cut, sizeof cut);
			return out;
		}
		memcpy(out + len, shown.p, shown.len);
		len += shown.len;
		if (len + sizeof cut <= size)
			whole = len;
	}
	out[len] = '\0';
	return out;
}
