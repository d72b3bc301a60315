/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf_allow.h"
#include "conf_bound.h"
#include "conf_change.h"
#include "conf_check.h"
#include "conf_groups.h"
#include "conf_parse.h"
#include "conf_perm.h"
#include "conf_reach.h"
#include "conf_view.h"

/* ---- what classes give ---- */

struct class
{
	const char *name;
	uint32_t perm;
	const struct conf_node *node; /* NULL: Junos's own */
};

/* The classes that a Junos router has from the start. */
static const struct class classes[] = {
    {"operator", CONF_PERM_EVERYBODY | CONF_PERM_READ | CONF_PERM_OPERATE},
    {"read-only", CONF_PERM_EVERYBODY | CONF_PERM_READ | CONF_PERM_VIEW},
    {"super-user", CONF_PERM_ALL},
    {"superuser", CONF_PERM_ALL},
    {"unauthorized", CONF_PERM_EVERYBODY},
};

static const struct conf_node *
login_of(const struct conf *c)
{
	return conf_tree_find(conf_tree_find(&c->effect->root, "system"), "login");
}

static uint32_t
class_perm(const struct conf_node *class)
{
	const struct conf_node *words = conf_tree_find(class, "permissions");
	uint32_t perm = CONF_PERM_EVERYBODY;

	for (uint32_t i = 0; words && i < words->nword; i++)
		for (const struct conf_choice *c = words->row->choice; c->word; c++)
			if (strcmp(c->word, words->word[i].text) == 0)
				perm |= c->gives;
	return perm;
}

static int
by_class(const void *a, const void *b)
{
	return strcmp(((const struct class *)a)->name, ((const struct class *)b)->name);
}

static int
by_login(const void *a, const void *b)
{
	return strcmp(((const struct conf_login *)a)->name, ((const struct conf_login *)b)->name);
}

static size_t
count(const struct conf_node *parent, const char *name)
{
	const struct conf_node *n;
	size_t k = 0;

	if (parent)
		TAILQ_FOREACH (n, &parent->child, entry)
			k += !n->inactive && strcmp(n->row->name, name) == 0;
	return k;
}

/* Sorted; what the configuration defines comes before a class of the same name that Junos has. */
static struct class *
classes_of(const struct conf_node *login, size_t *n)
{
	const struct conf_node *m;
	struct class *v = calloc(count(login, "class") + ARRAY_LEN(classes), sizeof *v);

	*n = 0;
	if (v == NULL)
		return NULL;
	if (login)
		TAILQ_FOREACH (m, &login->child, entry)
			if (!m->inactive && strcmp(m->row->name, "class") == 0)
				v[(*n)++] = (struct class){m->word[0].text, class_perm(m), m};
	qsort(v, *n, sizeof *v, by_class);
	for (size_t i = 0, own = *n; i < ARRAY_LEN(classes); i++)
		if (own == 0 || bsearch(&classes[i], v, own, sizeof *v, by_class) == NULL)
			v[(*n)++] = classes[i];
	qsort(v, *n, sizeof *v, by_class);
	return v;
}

int
conf_perm_logins(struct conf *c)
{
	const struct conf_node *login = login_of(c), *m, *class;
	size_t n;
	cleanup_free struct class *v = classes_of(login, &n);

	c->login = calloc(count(login, "user") + 1, sizeof *c->login);
	if (v == NULL || c->login == NULL)
		return -ENOMEM;
	for (m = login ? TAILQ_FIRST(&login->child) : NULL; m; m = TAILQ_NEXT(m, entry)) {
		const struct class *hit = NULL;

		if (m->inactive || strcmp(m->row->name, "user") != 0)
			continue;
		if ((class = conf_tree_find(m, "class")) != NULL)
			hit = bsearch(&(struct class){.name = class->word[0].text}, v, n, sizeof *v, by_class);
		c->login[c->nlogin++] = (struct conf_login){
		    m->word[0].text, hit ? hit->perm : CONF_PERM_EVERYBODY, m, hit ? hit->node : NULL};
	}
	qsort(c->login, c->nlogin, sizeof *c->login, by_login);
	return 0;
}

const struct conf_login *
conf_perm_login(const struct conf *c, const char *name)
{
	return c->nlogin ? bsearch(&(struct conf_login){.name = name}, c->login, c->nlogin, sizeof *c->login, by_login)
			 : NULL;
}

uint32_t
conf_perm_of(const struct conf *c, const char *user)
{
	const struct conf_login *l = conf_perm_login(c, user);

	return l ? l->perm : CONF_PERM_EVERYBODY;
}

/* ---- the view ---- */

static void
tree_print(struct conf_tree *t, struct buf *out)
{
	conf_print(&(struct conf){.tree = t}, out);
}

int
conf_perm_view(const struct conf *c, uint32_t perm, struct buf *out)
{
	struct conf_tree *t;
	int r = conf_view_make(c->tree, perm, &t);

	if (r < 0)
		return r;
	tree_print(t, out);
	conf_tree_free(t);
	return out->err;
}

/* ---- the judgement ---- */

/* All of a row: the first ones are given. */
static bool
same_all(const struct conf_node *a, const struct conf_node *b)
{
	for (; a && b; a = conf_view_next(a), b = conf_view_next(b))
		if (!conf_view_same(a, b))
			return false;
	return a == b;
}

static int
refuse(struct conf_error *err, const struct conf_schema *row, const struct conf_node *n)
{
	cleanup_buf struct buf path = {0};
	const struct conf_at at = n ? conf_tree_at(n) : (struct conf_at){0};

	conf_schema_path(row, &path);
	if (path.err)
		return path.err;
	(void)conf_error_set(err, at, "you have no permission to change %.*s", (int)path.len, (const char *)path.p);
	return -EPERM;
}

static int judge(const struct conf_schema *parent, const struct conf_node *was, const struct conf_node *is,
    uint32_t perm, struct conf_error *err);

/* One that holds others. */
static int
judge_holder(const struct conf_schema *row, const struct conf_node *a, const struct conf_node *b, uint32_t perm,
    struct conf_error *err)
{
	if ((a && a->inactive) != (b && b->inactive) && !conf_view_changes_all(row, perm))
		return refuse(err, row, b);
	return judge(row, a, b, perm, err);
}

/* Groups: what may be changed in one is what may be changed where it stands without it. */
static int
judge_entries(const struct conf_schema *row, const struct conf_node *was, const struct conf_node *is, uint32_t perm,
    struct conf_error *err)
{
	const struct conf_node *n;
	int r = 0;

	for (n = conf_view_child(is, row); r == 0 && n; n = conf_view_next(n))
		r = judge_holder(row, conf_view_entry(was, n), n, perm, err);
	for (n = conf_view_child(was, row); r == 0 && n; n = conf_view_next(n))
		if (conf_view_entry(is, n) == NULL)
			r = judge_holder(row, n, NULL, perm, err);
	return r;
}

/* Candidate against view, branch by branch.  A holder that is deactivated takes what is below with it. */
static int
judge(const struct conf_schema *parent, const struct conf_node *was, const struct conf_node *is, uint32_t perm,
    struct conf_error *err)
{
	const struct conf_schema *row = conf_schema_first(parent);
	int r = 0;

	for (; r == 0 && row; row = conf_schema_next(row)) {
		const struct conf_node *a = conf_view_child(was, row), *b = conf_view_child(is, row);

		if (conf_view_is_branch(row))
			r = perm & row->change || same_all(a, b) ? 0 : refuse(err, row, b);
		else if (row->kind == CONF_LIST)
			r = judge_entries(row, was, is, perm, err);
		else
			r = judge_holder(row, a, b, perm, err);
	}
	return r;
}

/* Who lacks a right gives it to nobody: neither to a class, nor to a user, nor by a password or key of one
 * who has it.  flow-tap-operation, which not even root has, is given by those who configure flow-tap. */
static bool
may_give(uint32_t perm, uint32_t what)
{
	what &= ~CONF_PERM_VIEW; /* what any user of a router sees */
	if (perm & CONF_PERM_FLOW_TAP_CONTROL)
		what &= ~CONF_PERM_FLOW_TAP_OPERATION;
	return (what & ~perm) == 0;
}

static int
judge_grant(struct conf_error *err, uint32_t perm, uint32_t before, uint32_t after, const struct conf_node *n)
{
	if (may_give(perm, before) && may_give(perm, after))
		return 0;
	(void)conf_error_set(err, (struct conf_at){0},
	    "you have no permission to change system login %s %s, which has permissions that you do not have",
	    n->row->name, n->word[0].text);
	return -EPERM;
}

static int
by_key(const void *a, const void *b)
{
	const struct conf_node *x = *(const struct conf_node *const *)a, *y = *(const struct conf_node *const *)b;

	return x->row == y->row ? strcmp(x->word[0].text, y->word[0].text) : x->row < y->row ? -1 : 1;
}

/* The classes and users, active or not, sorted. */
static const struct conf_node **
entries(const struct conf_node *login, size_t *n)
{
	const struct conf_node *m, **v;

	*n = 0;
	if (login)
		TAILQ_FOREACH (m, &login->child, entry)
			*n += m->row->kind == CONF_LIST;
	if ((v = calloc(*n + 1, sizeof *v)) == NULL)
		return NULL;
	*n = 0;
	if (login)
		TAILQ_FOREACH (m, &login->child, entry)
			if (m->row->kind == CONF_LIST)
				v[(*n)++] = m;
	qsort(v, *n, sizeof *v, by_key);
	return v;
}

static uint32_t
login_perm(const struct conf_login *l)
{
	return l ? l->perm | (conf_allow_gives(l->class) ? CONF_PERM_ALL : 0) : 0;
}

static uint32_t
entry_perm(const struct conf *c, const struct conf_node *n)
{
	if (n == NULL)
		return 0;
	if (strcmp(n->row->name, "class") == 0)
		return class_perm(n) | (conf_allow_gives(n) ? CONF_PERM_ALL : 0);
	return login_perm(conf_perm_login(c, n->word[0].text));
}

/* The same pairs, and those that one has alone, in one walk through both. */
static int
judge_logins(const struct conf *now, const struct conf *next, uint32_t perm, struct conf_error *err)
{
	size_t na, nb, i = 0, k = 0;
	cleanup_free const struct conf_node **a = entries(login_of(now), &na), **b = entries(login_of(next), &nb);
	int r = 0;

	if (a == NULL || b == NULL)
		return -ENOMEM;
	while (r == 0 && (i < na || k < nb)) {
		const int d = i == na ? 1 : k == nb ? -1 : by_key(&a[i], &b[k]);
		const struct conf_node *x = d <= 0 ? a[i++] : NULL, *y = d >= 0 ? b[k++] : NULL;
		const uint32_t before = entry_perm(now, x), after = entry_perm(next, y);

		if (before != after || !conf_view_same(x, y))
			r = judge_grant(err, perm, before, after, y ? y : x);
	}
	return r;
}

/* ---- groups ---- */

static int
refuse_inherited(struct conf_error *err)
{
	(void)conf_error_set(err, (struct conf_at){0},
	    "you have no permission to change all that would be inherited from groups in another way");
	return -EPERM;
}

/* What comes of groups is changed by nobody who may not change it where it stands; who may not see it is not told
 * what it is. */
static int
judge_effect(const struct conf *now, const struct conf *next, uint32_t perm, struct conf_error *err)
{
	int r;

	if (now->effect == now->tree && next->effect == next->tree)
		return 0;
	r = judge(NULL, &now->effect->root, &next->effect->root, perm, err);
	return r == -EPERM ? refuse_inherited(err) : r;
}

/* What stands in groups of users and classes reaches those that come later, whoever applies it: it takes all that a
 * class can give.  Who may not see the groups that apply is not told that they say something of users. */
static int
judge_groups(const struct conf *now, const struct conf *next, uint32_t perm, struct conf_error *err)
{
	const struct conf_node *at = NULL;
	int r = conf_reach_compare(now->tree, next->tree, &at);

	if (r <= 0 || may_give(perm, CONF_PERM_ALL | CONF_PERM_FLOW_TAP_OPERATION))
		return r < 0 ? r : 0;
	if (r == CONF_REACH_APPLY)
		return refuse_inherited(err);
	(void)conf_error_set(err, (struct conf_at){0},
	    "you have no permission to change %s %s in a group: it takes every permission, for it reaches users that "
	    "come later",
	    at->row->name, at->word[0].text);
	return -EPERM;
}

static int
judge_grants(const struct conf *now, const struct conf *next, uint32_t perm, struct conf_error *err)
{
	int r = judge_logins(now, next, perm, err);

	return r < 0 ? r : judge_groups(now, next, perm, err);
}

/* ---- the whole ---- */

static int
whole_make(const struct conf *now, const struct conf_tree *then, uint32_t perm, struct conf **next)
{
	cleanup_buf struct buf text = {0};
	struct conf_tree *tree;
	struct conf_error err;
	int r = conf_view_merge(now->tree, then, perm, &tree);

	if (r < 0)
		return r;
	tree_print(tree, &text);
	conf_tree_free(tree);
	r = text.err;
	return r < 0 ? r : conf_parse((const char *)text.p, text.len, next, &err);
}

/* What is wrong with the whole, and not with what he sees, is told to nobody but who sees it. */
static int
whole(const struct conf *now, const struct conf *mine, uint32_t perm, struct conf **next, struct conf_error *err)
{
	int r = whole_make(now, mine->tree, perm, next);

	if (r == -EINVAL)
		snprintf(err->expected, sizeof err->expected, "the configuration would not be valid as a whole");
	if (r < 0)
		return r;
	if ((r = judge_effect(now, *next, perm, err)) < 0 || (r = judge_grants(now, *next, perm, err)) < 0)
		conf_free(TAKE_PTR(*next));
	return r;
}

/* Octets of the character that begins there; 0: it is not UTF-8. */
static size_t
utf8_len(const uint8_t *p, size_t left)
{
	const size_t len = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;

	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
	    (*p == 0xf4 && p[1] > 0x8f))
		return 0; /* too long, half of a pair, beyond the last */
	return len;
}

/* What is not could be shown to nobody: answers to operators are JSON. */
static int
utf8_check(struct slice text, struct conf_error *err)
{
	struct conf_at at = {1, 1, {"", 0}};

	for (size_t i = 0, len; i < text.len; i += len) {
		if ((len = utf8_len((const uint8_t *)text.p + i, text.len - i)) == 0)
			return conf_error_set(err, at, "expected characters in UTF-8");
		at.column++;
		if (text.p[i] == '\n') {
			at.line++;
			at.column = 1;
		}
	}
	return 0;
}

/* What he may not change is refused before it is worked out what it would stand for. */
static int
judge_written(const struct conf *now, const struct conf_tree *mine, uint32_t perm, struct conf_error *err)
{
	struct conf_tree *seen;
	int r = conf_bound_check(mine, err);

	if (r < 0 || (r = conf_groups_bounded(mine, err)) < 0 || (perm & CONF_PERM_ALL_OF_IT) == CONF_PERM_ALL_OF_IT)
		return r;
	if ((r = conf_view_make(now->tree, perm, &seen)) < 0)
		return r;
	r = judge(NULL, &seen->root, &mine->root, perm, err);
	conf_tree_free(seen);
	return r;
}

int
conf_perm_judge(const struct conf *now, struct slice text, uint32_t perm, struct conf **next, struct conf_error *err)
{
	struct conf *mine = calloc(1, sizeof *mine);
	int r;

	*next = NULL;
	*err = (struct conf_error){0};
	if (mine == NULL)
		return conf_error_errno(err, -ENOMEM);
	if ((r = utf8_check(text, err)) == 0 && (r = conf_parse_tree_known(text, ~perm, &mine->tree, err)) == 0 &&
	    (r = judge_written(now, mine->tree, perm, err)) == 0)
		r = conf_check(mine, err);
	if (r < 0)
		;
	else if ((perm & CONF_PERM_ALL_OF_IT) != CONF_PERM_ALL_OF_IT)
		r = whole(now, mine, perm, next, err);
	else if ((r = judge_grants(now, mine, perm, err)) == 0)
		*next = TAKE_PTR(mine);
	conf_free(mine);
	return r;
}

struct expressions {
	struct conf_allow_paths *class;
	struct conf_error *err;
};

static int
expression_ask(void *arg, const char *path)
{
	const struct expressions *x = arg;
	const char *own = path;

	/* of a statement in a group both are asked: where it stands, and what it would be */
	if (strncmp(path, "groups ", 7) == 0 && (own = strchr(path + 7, ' ')) != NULL)
		own++;
	if (conf_allow_configuration(x->class, path) != CONF_ALLOW_NO &&
	    (own == NULL || conf_allow_configuration(x->class, own) != CONF_ALLOW_NO))
		return 0;
	if (strlen(path) > CONF_ALLOW_PATH_MAX)
		(void)conf_error_set(x->err, (struct conf_at){0},
		    "your class does not let you change statements of more than %d octets, as %.64s",
		    CONF_ALLOW_PATH_MAX, path);
	else
		(void)conf_error_set(x->err, (struct conf_at){0}, "your class does not let you change %.128s", path);
	return -EPERM;
}

int
conf_perm_expressions(const struct conf *now, const struct conf *next, const char *login, struct conf_error *err)
{
	const struct conf_login *l = login ? conf_perm_login(now, login) : NULL;
	struct expressions x = {.err = err};
	int r;

	if (l == NULL || conf_tree_find(l->class, "deny-configuration") == NULL)
		return 0;
	if ((r = conf_allow_paths_new(l->class, &x.class)) < 0)
		return r;
	if ((r = conf_change_each(now->tree, next->tree, expression_ask, &x)) == 0 &&
	    (now->effect != now->tree || next->effect != next->tree))
		r = conf_change_each(now->effect, next->effect, expression_ask, &x);
	conf_allow_paths_free(x.class);
	return r;
}
