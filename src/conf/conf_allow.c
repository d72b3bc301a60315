/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_allow.h"

#include <regex.h>
#include <string.h>

#include "conf_tree.h"

#define INTERVAL_MAX 64 /* a{64} is 64 times a for the compiler, nested ones are products */
#define INTERVALS 2

/* A + behind a group or another repetition: the compiler doubles all that it repeats. */
static bool
is_doubling(struct slice s, size_t i)
{
	return s.p[i] == '+' && i > 0 && strchr(")+*?}", s.p[i - 1]) != NULL;
}

/* What costs the compiler or the matcher more than a line is worth. */
static bool
is_modest(struct slice s)
{
	unsigned intervals = 0;

	for (size_t i = 0; i < s.len; i++) {
		uint64_t n = 0;

		if (s.p[i] == '\0' || (s.p[i] == '\\' && i + 1 < s.len && s.p[i + 1] >= '0' && s.p[i + 1] <= '9'))
			return false;
		if (s.p[i] != '{' && !is_doubling(s, i))
			continue;
		if (++intervals > INTERVALS)
			return false;
		if (s.p[i] == '+')
			continue;
		for (size_t k = i + 1; k < s.len && s.p[k] != '}'; k++) {
			n = s.p[k] >= '0' && s.p[k] <= '9' ? n * 10 + (uint64_t)(s.p[k] - '0') : 0;
			if (n > INTERVAL_MAX)
				return false;
		}
	}
	return true;
}

bool
conf_allow_regex_ok(struct slice s)
{
	char text[CONF_REGEX_MAX + 1];
	regex_t re;

	if (s.len == 0 || s.len > CONF_REGEX_MAX || !is_modest(s))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (regcomp(&re, text, REG_EXTENDED | REG_ICASE) != 0)
		return false;
	regfree(&re);
	return true;
}

/* Octets of the longest leftmost match of the class's expression; -1: there is none, -2: nobody knows. */
static long
match(const struct conf_node *class, const char *statement, const char *text)
{
	const struct conf_node *n = conf_tree_find(class, statement);
	regmatch_t m;
	regex_t re;
	int r;

	if (n == NULL)
		return -1;
	if (regcomp(&re, n->word[0].text, REG_EXTENDED | REG_ICASE) != 0)
		return -2;
	r = regexec(&re, text, 1, &m, 0);
	regfree(&re);
	return r == 0 ? (long)(m.rm_eo - m.rm_so) : r == REG_NOMATCH ? -1 : -2;
}

static enum conf_allow
decide(long allow, long deny)
{
	if (deny == -2 || allow == -2)
		return CONF_ALLOW_NO;
	if (allow < 0 && deny < 0)
		return CONF_ALLOW_UNSAID;
	return allow >= deny ? CONF_ALLOW_YES : CONF_ALLOW_NO;
}

enum conf_allow
conf_allow_command(const struct conf_node *class, const char *command)
{
	return decide(match(class, "allow-commands", command), match(class, "deny-commands", command));
}

enum conf_allow
conf_allow_configuration(const struct conf_node *class, const char *path)
{
	return decide(match(class, "allow-configuration", path), match(class, "deny-configuration", path));
}

bool
conf_allow_gives(const struct conf_node *class)
{
	return conf_tree_find(class, "allow-commands") != NULL;
}
