/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "conf_check.h"
#include "conf_groups.h"
#include "conf_perm.h"
#include "conf_set.h"
#include "conf_value.h"

/* A key and where it stands; owner names what it belongs to. */
struct entry {
	const char *key;
	const struct conf_word *word;
	const char *owner;
};

static int
by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int d = strcmp(x->key, y->key);

	if (d == 0)
		d = (x->word->line > y->word->line) - (x->word->line < y->word->line);
	if (d == 0)
		d = (x->word->column > y->word->column) - (x->word->column < y->word->column);
	return d;
}

static struct entry
entry_of(const struct conf_word *w, const char *owner)
{
	return (struct entry){w->text, w, owner};
}

/* Sorts; of all keys that stand there again the one that comes first in the text, or NULL.
 * *first: the one before it. */
static const struct entry *
repeated(struct entry *v, size_t n, const struct entry **first)
{
	const struct entry *found = NULL;

	qsort(v, n, sizeof *v, by_key);
	for (size_t i = 1; i < n; i++)
		if (strcmp(v[i].key, v[i - 1].key) == 0 && (found == NULL || v[i].word->line < found->word->line)) {
			found = &v[i];
			*first = &v[i - 1];
		}
	return found;
}

static int
unique_refuse(struct entry *v, size_t n, struct conf_error *err)
{
	const struct entry *first, *again = repeated(v, n, &first);

	if (again == NULL)
		return 0;
	return conf_error_set(
	    err, conf_tree_word_at(again->word), "given twice: the first is on line %u", first->word->line);
}

/* The keys of a list that begins with node n, or the values of the leaf-list n. */
static int
unique_keys(const struct conf_node *n, struct conf_error *err)
{
	const bool list = n->row->kind == CONF_LIST;
	const struct conf_node *m;
	cleanup_free struct entry *v = NULL;
	size_t count = 0;

	for (m = n; m && m->row == n->row; m = TAILQ_NEXT(m, entry))
		count += m->nword;
	v = calloc(count, sizeof *v);
	if (v == NULL)
		return conf_error_errno(err, -ENOMEM);
	count = 0;
	for (m = n; m && m->row == n->row; m = TAILQ_NEXT(m, entry))
		for (uint32_t i = 0; i < (list ? 1 : m->nword); i++)
			v[count++] = entry_of(&m->word[i], NULL);
	return unique_refuse(v, count, err);
}

/* Inactive statements too: a statement is there once, active or not. */
static int
unique(const struct conf_node *parent, struct conf_error *err)
{
	const struct conf_schema *row = NULL;
	const struct conf_node *n;
	int r = 0;

	if (conf_tree_is_opaque(parent))
		return 0;
	TAILQ_FOREACH (n, &parent->child, entry) {
		if (n->row != row && (n->row->kind == CONF_LIST || n->row->kind == CONF_LEAF_LIST) &&
		    (r = unique_keys(n, err)) < 0)
			return r;
		row = n->row;
		if ((r = unique(n, err)) < 0)
			return r;
	}
	return 0;
}

static void
defaults(struct conf *c)
{
	const struct conf_schema *row = NULL;

	c->tap_all = true;
	while ((row = conf_schema_walk(row)) != NULL)
		if (row->size && row->dflt)
			conf_value_store(row, row->dflt, c);
}

static int
apply(struct conf *c, const struct conf_node *parent)
{
	const struct conf_node *n;
	int r;

	if (conf_tree_is_opaque(parent))
		return 0;
	TAILQ_FOREACH (n, &parent->child, entry) {
		if (n->inactive)
			continue;
		if (n->row->set && (r = n->row->set(c, n)) < 0)
			return r;
		if (n->row->size)
			conf_value_store(n->row, n->nword ? n->word[0].text : NULL, c);
		if ((r = apply(c, n)) < 0)
			return r;
	}
	return 0;
}

/* ---- rules between statements ---- */

static const struct conf_node *
flow_tap(const struct conf *c)
{
	return conf_tree_find(conf_tree_find(&c->effect->root, "services"), "flow-tap");
}

/* The next active sibling of the same row. */
static const struct conf_node *
another(const struct conf_node *n)
{
	const struct conf_schema *row = n->row;

	do
		n = TAILQ_NEXT(n, entry);
	while (n && n->row == row && n->inactive);
	return n && n->row == row ? n : NULL;
}

/* The vendor's rule, and ours: there is one tap. */
static int
rule_capture(const struct conf *c, struct conf_error *err)
{
	const struct conf_node *dfc = conf_tree_find(
	    conf_tree_find(&c->effect->root, "services"), "dynamic-flow-capture");
	const struct conf_node *tap = flow_tap(c);

	if (dfc == NULL || tap == NULL)
		return 0;
	return conf_error_set(err, conf_tree_at(dfc),
	    "dynamic-flow-capture (line %u) and flow-tap (line %u) cannot be configured on one router: remove one of "
	    "them",
	    dfc->line, tap->line);
}

static int
rule_tapped(const struct conf *c, struct conf_error *err)
{
	const struct conf_node *n = conf_tree_find(flow_tap(c), "tapped-interfaces");

	for (uint32_t i = 0; n && n->nword > 1 && i < n->nword; i++)
		if (strcmp(n->word[i].text, "all") == 0)
			return conf_error_set(err, conf_tree_word_at(&n->word[i]),
			    "all stands alone, not among names: delete it to have only those");
	return 0;
}

static int
rule_directories(const struct conf *c, struct conf_error *err)
{
	const struct conf_node *n = conf_tree_find(flow_tap(c), "run-directory");

	if (strcmp(c->state_dir, c->run_dir) != 0)
		return 0;
	if (n == NULL)
		n = conf_tree_find(flow_tap(c), "state-directory");
	return conf_error_set(
	    err, conf_tree_word_at(&n->word[0]), "state-directory and run-directory must be different");
}

static int
rule_agencies(const struct conf *c, struct conf_error *err)
{
	cleanup_free struct entry *v = calloc(c->nagency + 1, sizeof *v);
	const struct conf_node *n = conf_tree_find(flow_tap(c), "agency");
	const struct entry *first, *again;
	size_t count = 0;

	if (v == NULL)
		return conf_error_errno(err, -ENOMEM);
	for (; n; n = another(n)) {
		const struct conf_word *user = conf_set_agency_user(n);

		if (count == CONF_AGENCIES_MAX)
			return conf_error_set(
			    err, conf_tree_word_at(&n->word[0]), "at most %d agencies", CONF_AGENCIES_MAX);
		if (strcmp(user->text, "root") == 0)
			return conf_error_set(err, conf_tree_word_at(user), "root can't be an agency's user");
		v[count++] = entry_of(user, n->word[0].text);
	}
	again = repeated(v, count, &first);
	if (again == NULL)
		return 0;
	return conf_error_set(err, conf_tree_word_at(again->word), "already the user of agency %s on line %u",
	    first->owner, first->word->line);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The classes that users may have, sorted; the array is owned by the caller, or NULL. */
static const char **
class_names(const struct conf_node *login, size_t *count)
{
	static const char *const junos[] = {"operator", "read-only", "super-user", "superuser", "unauthorized"};
	const struct conf_node *const first = conf_tree_find(login, "class"), *n;
	const char **v;

	*count = ARRAY_LEN(junos);
	for (n = first; n; n = another(n))
		++*count;
	v = calloc(*count, sizeof *v);
	if (v == NULL)
		return NULL;
	memcpy(v, junos, sizeof junos);
	*count = ARRAY_LEN(junos);
	for (n = first; n; n = another(n))
		v[(*count)++] = n->word[0].text;
	qsort(v, *count, sizeof *v, by_name);
	return v;
}

static int
rule_classes(const struct conf *c, struct conf_error *err)
{
	const struct conf_node *login = conf_tree_find(conf_tree_find(&c->effect->root, "system"), "login"), *n, *class;
	size_t count;
	cleanup_free const char **v = class_names(login, &count);

	if (v == NULL)
		return conf_error_errno(err, -ENOMEM);
	for (n = conf_tree_find(login, "user"); n; n = another(n)) {
		if (strcmp(n->word[0].text, "root") == 0)
			return conf_error_set(
			    err, conf_tree_word_at(&n->word[0]), "root has all permissions without being named");
		class = conf_tree_find(n, "class");
		if (class && bsearch(&class->word[0].text, v, count, sizeof *v, by_name) == NULL)
			return conf_error_set(err, conf_tree_word_at(&class->word[0]),
			    "expected a class that system login defines, or super-user, operator, read-only or "
			    "unauthorized");
	}
	return 0;
}

/* A number is one user's. */
static int
rule_numbers(const struct conf *c, struct conf_error *err)
{
	cleanup_free struct entry *v = calloc(c->nlogin + 1, sizeof *v);
	const struct entry *first, *again;
	size_t count = 0;

	if (v == NULL)
		return conf_error_errno(err, -ENOMEM);
	for (uint32_t i = 0; i < c->nlogin; i++) {
		const struct conf_node *uid = conf_tree_find(c->login[i].node, "uid");

		if (uid)
			v[count++] = entry_of(&uid->word[0], c->login[i].name);
	}
	if ((again = repeated(v, count, &first)) == NULL)
		return 0;
	return conf_error_set(err, conf_tree_word_at(again->word), "already the number of user %s on line %u",
	    first->owner, first->word->line);
}

/* The key itself, between its type and the remark. */
static struct slice
key_blob(const char *line)
{
	const char *p = strchr(line, ' ') + 1;

	return (struct slice){p, strcspn(p, " ")};
}

/* Whose signature it is must be plain: two officers have no key in common, whatever the remarks. */
static int
rule_officers(const struct conf *c, struct conf_error *err)
{
	const struct conf_node *n = conf_tree_find(conf_tree_find(flow_tap(c), "warrants"), "officer");

	for (uint32_t i = 0; i < c->nsigner; i++)
		for (uint32_t k = 0; k < i; k++) {
			const struct slice one = key_blob(c->signer[i].key), two = key_blob(c->signer[k].key);

			if (one.len == two.len && memcmp(one.p, two.p, one.len) == 0 &&
			    strcmp(c->signer[i].officer, c->signer[k].officer) != 0)
				return conf_error_set(err, conf_tree_word_at(&n->word[0]),
				    "officers %s and %s have a key in common", c->signer[k].officer,
				    c->signer[i].officer);
		}
	return 0;
}

static int
agency_by_name(const void *a, const void *b)
{
	const struct conf_agency *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int
conf_check(struct conf *c, struct conf_error *err)
{
	static int (*const rules[])(const struct conf *, struct conf_error *) = {
	    rule_capture, rule_tapped, rule_agencies, rule_directories, rule_classes, rule_numbers, rule_officers};
	int r;

	defaults(c);
	if ((r = unique(&c->tree->root, err)) < 0)
		return r;
	c->effect = c->tree;
	if (conf_groups_any(c->tree) && (r = conf_groups_expand(c->tree, false, &c->effect, err)) < 0)
		return r;
	if ((r = apply(c, &c->effect->root)) < 0 || (r = conf_perm_logins(c)) < 0)
		return conf_error_errno(err, r);
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if ((r = rules[i](c, err)) < 0)
			return r;
	if (conf_tree_find(flow_tap(c), "family") == NULL)
		c->family_inet = c->family_inet6 = true;
	if (c->nagency)
		qsort(c->agency, c->nagency, sizeof *c->agency, agency_by_name);
	return 0;
}
