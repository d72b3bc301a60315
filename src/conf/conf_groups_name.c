/* SPDX-License-Identifier: BSD-2-Clause */
/* Names with wildcards.
 *
 * exports: conf_groups_ groups_ */
#include <string.h>

#include "conf_groups.h"
#include "conf_groups_int.h"

#define PATTERN_MAX (CONF_NAME_MAX + 2)

/* The part of a pattern that stands for one character: its length; 0: none begins here. */
static size_t
part_len(const char *p, const char *end)
{
	const char *s = p;

	if (*p != '[')
		return 1;
	s += 1 + (p + 1 < end && (p[1] == '!' || p[1] == '^'));
	for (s++; s < end; s++)
		if (*s == ']')
			return (size_t)(s + 1 - p);
	return 0;
}

bool
conf_groups_is_pattern(struct slice s)
{
	static const char others[] = "-_.:/*?[]!^";
	const char *end, *p;
	size_t n;

	if (s.len < 3 || s.len > PATTERN_MAX || s.p[0] != '<' || s.p[s.len - 1] != '>')
		return false;
	end = s.p + s.len - 1;
	for (p = s.p + 1; p < end; p++)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9') &&
		    (*p == '\0' || strchr(others, *p) == NULL))
			return false;
	for (p = s.p + 1; p < end; p += n)
		if ((n = part_len(p, end)) == 0)
			return false;
	return true;
}

static bool
part_matches(const char *p, size_t len, char c)
{
	const char *end = p + len - 1;
	bool not, hit = false;

	if (*p != '[')
		return *p == '?' || *p == c;
	p++;
	not = *p == '!' || *p == '^';
	for (p += not ; p < end; p++)
		if (p + 2 < end && p[1] == '-') {
			hit |= c >= p[0] && c <= p[2];
			p += 2;
		} else
			hit |= *p == c;
	return hit != not ;
}

bool
groups_match(const char *pattern, const char *name, size_t *steps)
{
	const char *p = pattern + 1, *end = pattern + strlen(pattern) - 1, *star = NULL, *from = NULL;
	size_t len;

	for (*steps = 1; *name; ++*steps)
		if (p < end && *p == '*') {
			star = ++p;
			from = name;
		} else if (p < end && (len = part_len(p, end), part_matches(p, len, *name))) {
			p += len;
			*steps += len;
			name++;
		} else if (star) {
			p = star;
			name = ++from;
		} else
			return false;
	while (p < end && *p == '*')
		p++;
	return p == end;
}

bool
conf_groups_matches(const char *pattern, const char *name)
{
	size_t steps;

	return groups_match(pattern, name, &steps);
}

bool
groups_is_pattern(const char *s)
{
	return *s == '<' && conf_groups_is_pattern((struct slice){s, strlen(s)});
}
