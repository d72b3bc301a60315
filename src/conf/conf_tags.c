/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_tags.h"

#include "conf_edit.h"

static void
marked_remove(struct conf_tree *t, struct conf_node *to, const struct conf_node *from)
{
	const struct conf_node *n;
	struct conf_node *m;

	TAILQ_FOREACH (n, &from->child, entry) {
		if ((m = conf_edit_counterpart(to, n)) == NULL)
			continue;
		if (n->replace)
			conf_tree_remove(t, m);
		else
			marked_remove(t, m, n);
	}
}

int
conf_tags_replace(struct conf_tree *t, const struct conf_tree *from)
{
	marked_remove(t, &t->root, &from->root);
	return conf_edit_merge(t, from);
}
