/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: base_ slice_ */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base.h"

bool
slice_eq(struct slice s, const char *word)
{
	return strlen(word) == s.len && (s.len == 0 || memcmp(s.p, word, s.len) == 0);
}

bool
slice_eq_nocase(struct slice s, const char *word)
{
	/* Mostly they differ at once: letters that are the same differ in one bit at most. */
	if (s.len > 0 && ((s.p[0] ^ word[0]) & ~0x20) != 0)
		return false;
	return strlen(word) == s.len && (s.len == 0 || strncasecmp(s.p, word, s.len) == 0);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct slice
slice_trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

int
slice_u64(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	bool over = false;

	if (s.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
		over = over || __builtin_mul_overflow(v, 10u, &v) ||
		       __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v);
	}
	if (over || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}
