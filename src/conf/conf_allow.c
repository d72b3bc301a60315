/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_allow.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
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

enum state { NONE, COMPILED, UNKNOWN };

struct expression {
	enum state state;
	regex_t re;
};

static void
compile(struct expression *x, const struct conf_node *class, const char *statement)
{
	const struct conf_node *n = conf_tree_find(class, statement);

	if (n == NULL)
		x->state = NONE;
	else
		x->state = regcomp(&x->re, n->word[0].text, REG_EXTENDED | REG_ICASE) == 0 ? COMPILED : UNKNOWN;
}

static void
release(struct expression *x)
{
	if (x->state == COMPILED)
		regfree(&x->re);
}

/* Octets of the longest leftmost match; -1: there is none, -2: nobody knows. */
static long
match(const struct expression *x, const char *text)
{
	regmatch_t m;
	int r;

	if (x->state != COMPILED)
		return x->state == NONE ? -1 : -2;
	r = regexec(&x->re, text, 1, &m, 0);
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
	struct expression allow, deny;
	enum conf_allow r;

	compile(&allow, class, "allow-commands");
	compile(&deny, class, "deny-commands");
	r = decide(match(&allow, command), match(&deny, command));
	release(&allow);
	release(&deny);
	return r;
}

/* Squares of octets, which is what the matcher may take for a path: about two seconds of the worst expressions. */
#define WORK_MAX 1000000000u

struct conf_allow_paths {
	struct expression allow, deny;
	uint64_t work;
};

int
conf_allow_paths_new(const struct conf_node *class, struct conf_allow_paths **out)
{
	struct conf_allow_paths *x = calloc(1, sizeof *x);

	if (x == NULL)
		return -ENOMEM;
	compile(&x->allow, class, "allow-configuration");
	compile(&x->deny, class, "deny-configuration");
	*out = x;
	return 0;
}

void
conf_allow_paths_free(struct conf_allow_paths *x)
{
	if (x == NULL)
		return;
	release(&x->allow);
	release(&x->deny);
	free(x);
}

enum conf_allow
conf_allow_configuration(struct conf_allow_paths *x, const char *path)
{
	const size_t len = strnlen(path, CONF_ALLOW_PATH_MAX + 1);

	x->work += len * len;
	if (len > CONF_ALLOW_PATH_MAX || x->work > WORK_MAX)
		return CONF_ALLOW_NO;
	return decide(match(&x->allow, path), match(&x->deny, path));
}

bool
conf_allow_gives(const struct conf_node *class)
{
	return conf_tree_find(class, "allow-commands") != NULL;
}
