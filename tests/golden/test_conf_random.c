/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_conf_random [COUNT [SEED]] - random configurations, made by walking the
 * schema, so that a new statement is tried without a change here.  Each must
 * have the properties of conf_property.h, and so must what is left of some of
 * them when cut at every byte or with bytes changed.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../lib/conf_property.h"
#include "conf_schema.h"

#define CUT_EVERY 500   /* of how many one is cut at every byte */
#define CHANGE_EVERY 10 /* of how many one is changed, CHANGES times */
#define CHANGES 20
#define GROUPS 3

static uint64_t state;

struct gen {
	struct buf out;
	unsigned names;       /* given so far, so that each is new */
	bool groups;          /* there are GROUPS of them, which may be named */
	const char *avoid[2]; /* of statements that exclude each other, one each; NULL: neither */
};

/* 0 .. n-1, by xorshift64*. */
static unsigned
pick(unsigned n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static bool
rarely(void)
{
	return pick(1000) == 0;
}

static void
put(struct gen *g, const char *s)
{
	buf_put(&g->out, s, strlen(s));
}

/* Blanks and comments; a comment right behind a word would be part of it. */
static void
gap(struct gen *g)
{
	static const char *const some[] = {"\n", "\t", "  ", " # c\n", " #\r\n", " /* a */ ", " /* a\n   b */", " /**/",
	    "\n# x # y\n", " /* ## \"; */ # z\n"};

	put(g, pick(4) ? " " : some[pick(sizeof some / sizeof *some)]);
}

static void
quoted(struct gen *g)
{
	static const char *const some[] = {"a", "\\\"", "\\\\", "\\n", " ", ";", "#", "{", "\xc3\xa9", "/*", "\\"};

	put(g, "\"v");
	for (unsigned n = pick(6); n > 0; n--)
		put(g, some[pick(sizeof some / sizeof *some - 1)]);
	if (rarely())
		put(g, "\\"); /* and so without an end */
	buf_printf(&g->out, "%u\"", g->names++);
}

static const char *
choice(const struct conf_choice *c, unsigned n)
{
	unsigned count = 0;

	while (c[count].word)
		count++;
	return c[n % count].word;
}

static void
plain(struct gen *g, const struct conf_schema *row)
{
	struct buf *b = &g->out;

	switch (row->type) {
	case CONF_NUMBER:
		buf_printf(b, "%" PRIu64,
		    row->min +
			pick(row->max - row->min < UINT32_MAX ? (unsigned)(row->max - row->min) + 1 : UINT32_MAX));
		break;
	case CONF_CHOICE:
		put(g, choice(row->choice, g->names++));
		break;
	case CONF_ADDRESS:
		buf_printf(b, pick(2) ? "2001:DB8:0:0::%x" : "192.0.2.%u", g->names++ % 250 + 1);
		break;
	case CONF_PREFIX:
		buf_printf(b, pick(2) ? "2001:DB8:0:%x::1/48" : "10.%u.0.1/16", g->names++ % 250 + 1);
		break;
	case CONF_PORTS:
		buf_printf(b, pick(2) ? "%u" : "1-%u", g->names++ % 60000 + 1);
		break;
	case CONF_PATH:
		buf_printf(b, "/d%u/e", g->names++);
		break;
	case CONF_JUNOS:
		buf_printf(b, "vt-%u/0/0.0", g->names++);
		break;
	default:
		/* a user's class is the one name that must be known elsewhere */
		put(g, row->kind == CONF_LEAF && row->type == CONF_NAME ? "operator" : "n");
		if (row->kind != CONF_LEAF || row->type != CONF_NAME)
			buf_printf(b, "%u", g->names++);
	}
}

static void
value(struct gen *g, const struct conf_schema *row)
{
	const char *quote = pick(8) ? "" : "\"";

	if (rarely()) {
		put(g, "!");
	} else if (row->inherit) {
		buf_printf(&g->out, "g%u", g->names++ % GROUPS);
	} else if (row->kind == CONF_LIST && conf_schema_is_grouped(row) && pick(3) == 0) {
		buf_printf(&g->out, pick(2) ? "<n*%u>" : "<n?[!%u]*>", g->names++ % 10);
	} else if (row->type == CONF_TEXT) {
		quoted(g);
	} else if (row->type == CONF_KEY) {
		buf_printf(&g->out, "\"%s AAAA%u= c\"",
		    strcmp(row->name, "ssh-ecdsa") == 0 ? "ecdsa-sha2-nistp256" : row->name, g->names++);
	} else {
		put(g, quote);
		plain(g, row);
		put(g, quote);
	}
}

static void
opaque(struct gen *g, unsigned depth)
{
	static const char *const word[] = {"unit", "0", "vt-0/0/0", "[ a b ]", "inactive:", "a/*b", "<*>", "[ ]"};

	put(g, "{");
	for (unsigned n = pick(4); n > 0; n--) {
		gap(g);
		put(g, pick(10) ? "fpc" : "inactive: pic");
		for (unsigned k = pick(3); k > 0; k--) {
			gap(g);
			if (pick(4))
				put(g, word[pick(sizeof word / sizeof *word)]);
			else
				quoted(g);
		}
		gap(g);
		if (depth < 4 && pick(3) == 0)
			opaque(g, depth + 1);
		else
			put(g, ";");
	}
	gap(g);
	put(g, "}");
}

static void block(struct gen *g, const struct conf_schema *parent);

static void
statement(struct gen *g, const struct conf_schema *row)
{
	gap(g);
	if (row->inherit != CONF_INHERIT_GROUP && pick(row->kind == CONF_LIST ? 10 : 60) == 0)
		put(g, "inactive: ");
	put(g, rarely() ? "what" : row->name);
	gap(g);
	if (row->kind == CONF_LEAF_LIST && pick(2)) {
		put(g, "[ ");
		for (unsigned n = pick(row->inherit ? GROUPS : 4) + 1; n > 0; n--) {
			value(g, row);
			gap(g);
		}
		put(g, "]");
	} else if (row->type != CONF_NONE) {
		value(g, row);
	}
	gap(g);
	if (row->kind == CONF_OPAQUE) {
		if (pick(3) == 0)
			put(g, pick(2) ? "percentage 90 " : "[ a \"b c\" ] d ");
		if (pick(6))
			opaque(g, 0);
		else
			put(g, ";");
	} else if (row->kind == CONF_CONTAINER || (row->kind == CONF_LIST && (row->inherit || pick(2))))
		block(g, row);
	else
		put(g, ";");
}

static bool
avoided(const struct gen *g, const struct conf_schema *row)
{
	return g->avoid[0] && (strcmp(row->name, g->avoid[0]) == 0 || strcmp(row->name, g->avoid[1]) == 0);
}

static void
statements(struct gen *g, const struct conf_schema *parent)
{
	const struct conf_schema *row = conf_schema_first(parent);

	for (; row; row = conf_schema_next(row)) {
		const bool many = row->kind == CONF_LIST || row->kind == CONF_LEAF_LIST;
		unsigned n = avoided(g, row)                      ? 0
			     : row->inherit && !g->groups         ? 0
			     : row->inherit == CONF_INHERIT_GROUP ? GROUPS
			     : row->inherit                       ? pick(3) == 0
			     : many                               ? pick(4)
			     : row->kind == CONF_CONTAINER        ? pick(4) != 0
								  : pick(2);

		/* more than once is right for a container and wrong for a leaf */
		if (n && pick(row->kind == CONF_CONTAINER ? 10 : 100) == 0)
			n++;

		/* the keys of a list of choices follow each other, from the first */
		if (row->kind == CONF_LIST && row->type == CONF_CHOICE) {
			g->names = 0;
			n = pick(40) ? pick(3) : 3;
		}
		while (n-- > 0)
			statement(g, row);
		g->names += 1000;
	}
}

static void
block(struct gen *g, const struct conf_schema *parent)
{
	if (pick(10) == 0) {
		put(g, ";");
		return;
	}
	put(g, "{");
	statements(g, parent);
	gap(g);
	put(g, "}");
}

static void
cut(const struct buf *b)
{
	for (size_t n = 0; n < b->len; n++) {
		/* its own memory, so that a read past the end is seen */
		char *copy = malloc(n + 1);

		if (copy == NULL)
			abort();
		memcpy(copy, b->p, n);
		conf_property_check(copy, n);
		free(copy);
	}
}

static void
change(struct buf *b)
{
	static const char some[] = "{}[];\"#/*\\ \n\0a.";

	for (unsigned i = 0; i < CHANGES && b->len; i++) {
		uint8_t *at = &b->p[pick((unsigned)b->len)], was = *at;

		*at = (uint8_t)(pick(2) ? was ^ 1u << pick(8) : (uint8_t)some[pick(sizeof some)]);
		conf_property_check((char *)b->p, b->len);
		*at = was;
	}
}

int
main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000, accepted = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	struct gen g = {0};

	if (seed == 0 && getrandom(&seed, sizeof seed, 0) != sizeof seed)
		return 1;
	state = seed | 1;
	printf("seed %" PRIu64 "\n", seed | 1);
	fflush(stdout);
	for (unsigned i = 0; i < count; i++) {
		buf_reset(&g.out);
		g.names = pick(1000);
		g.groups = pick(10) == 0;
		g.avoid[0] = !pick(40) ? NULL : pick(8) ? "dynamic-flow-capture" : "flow-tap";
		g.avoid[1] = pick(2) ? "interface" : "tunnel-interface";
		statements(&g, NULL);
		accepted += conf_property_check((char *)g.out.p, g.out.len);
		if (i % CUT_EVERY == 0)
			cut(&g.out);
		if (i % CHANGE_EVERY == 0)
			change(&g.out);
	}
	buf_free(&g.out);
	printf("%u configurations, %u accepted\n", count, accepted);
	/* a generator whose work is refused tests only the first error */
	return accepted < count / 4;
}
