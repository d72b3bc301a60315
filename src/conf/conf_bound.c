/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_bound.h"

#include <errno.h>
#include <string.h>

#include "conf_perm.h"
#include "conf_print.h"
#include "conf_view.h"

/* The rest is what holds the others, and which groups apply. */
enum part { REST, PORTS, FLOW_TAP, LOGIN, PARTS };

struct size {
	size_t statements, values, text;
};

static const struct size most[PARTS] = {
    [REST] = {CONF_STATEMENTS_MAX / 32, CONF_STATEMENTS_MAX / 32, CONF_TEXT_MAX / 32},
    [PORTS] = {CONF_BOUND_STATEMENTS, CONF_BOUND_STATEMENTS, CONF_BOUND_TEXT},
    [FLOW_TAP] = {CONF_BOUND_STATEMENTS, CONF_BOUND_STATEMENTS, CONF_BOUND_TEXT},
    [LOGIN] = {CONF_BOUND_STATEMENTS, CONF_BOUND_STATEMENTS, CONF_BOUND_TEXT},
};

static enum part
part_of(const struct conf_schema *row)
{
	switch (row->change) {
	case CONF_PERM_PORTS_CONTROL:
		return PORTS;
	case CONF_PERM_FLOW_TAP_CONTROL:
		return FLOW_TAP;
	case CONF_PERM_LOGIN_CONTROL:
		return LOGIN;
	default:
		return REST;
	}
}

static void
count(struct size *size, const struct conf_node *n)
{
	const struct conf_node *c;

	size->statements++;
	size->values += n->nword;
	TAILQ_FOREACH (c, &n->child, entry)
		count(size, c);
}

/* Its text is what is left in the buffer for a moment. */
static int
branch_add(struct size *size, const struct conf_node *n, unsigned depth, struct buf *text)
{
	count(size, n);
	buf_reset(text);
	conf_print_node(n, depth, text);
	size->text += text->len;
	return text->err;
}

static int
below_add(struct size *size, const struct conf_node *parent, unsigned depth, struct buf *text)
{
	const struct conf_node *n;
	int r = 0;

	size[REST].text += conf_tree_comments_len(parent->above) + conf_tree_comments_len(parent->beside) +
			   conf_tree_comments_len(parent->within);
	TAILQ_FOREACH (n, &parent->child, entry) {
		if (conf_view_is_branch(n->row))
			r = branch_add(&size[part_of(n->row)], n, depth, text);
		else {
			size[REST].statements++;
			size[REST].values += n->nword;
			r = below_add(size, n, depth + 1, text);
		}
		if (r < 0)
			break;
	}
	return r;
}

int
conf_bound_check(const struct conf_tree *t, struct conf_error *err)
{
	struct size size[PARTS] = {0};
	cleanup_buf struct buf text = {0};
	int r = below_add(size, &t->root, 0, &text);

	if (r < 0)
		return conf_error_errno(err, r);
	for (enum part i = REST; i < PARTS; i++)
		if (size[i].statements > most[i].statements || size[i].values > most[i].values ||
		    size[i].text > most[i].text)
			return conf_error_set(err, (struct conf_at){0},
			    "what one permission changes is at most %zu statements, as many values, and %zu octets",
			    most[i].statements, most[i].text);
	return 0;
}
