/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_index.h"

#include <errno.h>
#include <string.h>

#include "conf_lex.h"

#define SLOTS_MIN 1024
#define ADD_STEPS 8 /* what one that is put in takes, to looking at one */

struct slot {
	uint64_t hash;
	struct conf_node *node; /* NULL: free */
	uint32_t value;         /* VALUE_NONE: the statement itself */
};
#define VALUE_NONE UINT32_MAX

struct conf_index {
	struct slot *slot;
	size_t n, room; /* a power of two, at most half full */
	bool whole;
	bool nested; /* an opaque subtree has statements in statements */
};

/* ---- hashes: FNV-1a, mixed with the address of what it belongs to, which no text chooses ---- */

static uint64_t
hash_octets(uint64_t h, const void *p, size_t len)
{
	const uint8_t *s = p;

	for (size_t i = 0; i < len; i++)
		h = (h ^ s[i]) * 0x100000001b3u;
	return h;
}

static uint64_t
hash_begin(const void *owner, const void *what)
{
	return hash_octets(hash_octets(0xcbf29ce484222325u, &owner, sizeof owner), &what, sizeof what);
}

static uint64_t
hash_word(uint64_t h, struct slice s)
{
	return hash_octets(hash_octets(h, s.p, s.len), "", 1);
}

static uint64_t
hash_end(uint64_t h)
{
	h = (h ^ (h >> 32)) * 0x9e3779b97f4a7c15u;
	return h ^ (h >> 29);
}

static uint64_t
hash_child(const struct conf_node *parent, const struct conf_schema *row, struct slice key)
{
	return hash_end(hash_word(hash_begin(parent, row), key));
}

static uint64_t
hash_value(const struct conf_node *n, struct slice value)
{
	return hash_end(hash_word(hash_begin(n, NULL), value));
}

/* ---- the table ---- */

int
conf_index_new(struct conf_index **out)
{
	struct conf_index *x = calloc(1, sizeof *x);

	if (x == NULL)
		return -ENOMEM;
	*out = x;
	return 0;
}

void
conf_index_free(struct conf_index *x)
{
	if (x)
		free(x->slot);
	free(x);
}

bool
conf_index_is_whole(const struct conf_index *x)
{
	return x->whole;
}

void
conf_index_stale(struct conf_index *x)
{
	x->whole = false;
}

static void
put(struct slot *v, size_t room, struct slot s)
{
	size_t i = s.hash & (room - 1);

	while (v[i].node)
		i = (i + 1) & (room - 1);
	v[i] = s;
}

static int
add(struct conf_index *x, uint64_t hash, struct conf_node *n, uint32_t value)
{
	if (2 * (x->n + 1) > x->room) {
		const size_t room = x->room ? 2 * x->room : SLOTS_MIN;
		struct slot *v = calloc(room, sizeof *v);

		if (v == NULL)
			return -ENOMEM;
		for (size_t i = 0; i < x->room; i++)
			if (x->slot[i].node)
				put(v, room, x->slot[i]);
		free(x->slot);
		x->slot = v;
		x->room = room;
	}
	put(x->slot, x->room, (struct slot){hash, n, value});
	x->n++;
	return 0;
}

/* The next with that hash, from *i on, which is behind it afterwards. */
static const struct slot *
next(const struct conf_index *x, uint64_t hash, size_t *i)
{
	const struct slot *s;

	while (x->room && (s = &x->slot[*i & (x->room - 1)])->node) {
		++*i;
		if (s->hash == hash)
			return s;
	}
	return NULL;
}

/* ---- what is asked ---- */

static struct slice
key_of(const struct conf_node *n)
{
	return slice_of(n->row->kind == CONF_LIST ? n->word[0].text : "");
}

struct conf_node *
conf_index_child(
    const struct conf_index *x, const struct conf_node *parent, const struct conf_schema *row, struct slice key)
{
	const uint64_t hash = hash_child(parent, row, key);
	const struct slot *s;

	for (size_t i = hash; (s = next(x, hash, &i)) != NULL;)
		if (s->value == VALUE_NONE && s->node->parent == parent && s->node->row == row &&
		    slice_eq(key, key_of(s->node).p))
			return s->node;
	return NULL;
}

int64_t
conf_index_value(const struct conf_index *x, const struct conf_node *n, struct slice value)
{
	const uint64_t hash = hash_value(n, value);
	const struct slot *s;

	for (size_t i = hash; (s = next(x, hash, &i)) != NULL;)
		if (s->value != VALUE_NONE && s->node == n && slice_eq(value, n->word[s->value].text))
			return s->value;
	return -ENOENT;
}

static bool
is_word(const struct conf_word *w, const char *word)
{
	cleanup_buf struct buf text = {0};

	if (!w->quoted)
		return strcmp(w->text, word) == 0;
	conf_lex_unquote(&text, slice_of(w->text));
	return text.err == 0 && slice_eq((struct slice){(char *)text.p, text.len}, word);
}

static bool
is_statement(const struct conf_node *n, struct conf_path words)
{
	if (n->nword != words.n)
		return false;
	for (uint32_t i = 0; i < n->nword; i++)
		if (!is_word(&n->word[i], words.word[i]))
			return false;
	return true;
}

bool
conf_index_opaque(const struct conf_index *x, const struct conf_node *n, struct conf_path words, bool *known)
{
	uint64_t hash = hash_begin(n, n);
	const struct slot *s;

	*known = x->whole && !x->nested;
	for (size_t i = 0; i < words.n; i++)
		hash = hash_word(hash, slice_of(words.word[i]));
	hash = hash_end(hash);
	for (size_t i = hash; (s = next(x, hash, &i)) != NULL;)
		if (s->value == VALUE_NONE && s->node->parent == n && s->node->row == NULL &&
		    is_statement(s->node, words))
			return true;
	return false;
}

/* ---- what is in it ---- */

static int
add_opaque(struct conf_index *x, struct conf_node *n)
{
	uint64_t hash = hash_begin(n->parent, n->parent);

	x->nested |= n->parent->row == NULL || n->parent->nword > 0;
	for (uint32_t i = 0; i < n->nword; i++) {
		cleanup_buf struct buf text = {0};
		struct slice s = slice_of(n->word[i].text);

		if (n->word[i].quoted) {
			conf_lex_unquote(&text, s);
			if (text.err)
				return text.err;
			s = (struct slice){text.len ? (char *)text.p : "", text.len};
		}
		hash = hash_word(hash, s);
	}
	return add(x, hash_end(hash), n, VALUE_NONE);
}

int
conf_index_add(struct conf_index *x, struct conf_node *n)
{
	if (!x->whole)
		return 0;
	return n->row ? add(x, hash_child(n->parent, n->row, key_of(n)), n, VALUE_NONE) : add_opaque(x, n);
}

int
conf_index_add_value(struct conf_index *x, struct conf_node *n, uint32_t i)
{
	return x->whole ? add(x, hash_value(n, slice_of(n->word[i].text)), n, i) : 0;
}

/* The newest before those of the same name: where there are several, it is the one that is meant. */
static int
add_below(struct conf_index *x, struct conf_tree *t, struct conf_node *parent)
{
	struct conf_node *n;
	int r;

	TAILQ_FOREACH_REVERSE(n, &parent->child, conf_nodes, entry)
	{
		t->steps += ADD_STEPS;
		if ((r = conf_index_add(x, n)) < 0)
			return r;
		for (uint32_t i = 0; n->row && n->row->kind == CONF_LEAF_LIST && i < n->nword;
		     i++, t->steps += ADD_STEPS)
			if ((r = conf_index_add_value(x, n, i)) < 0)
				return r;
		if ((r = add_below(x, t, n)) < 0)
			return r;
	}
	return 0;
}

int
conf_index_refresh(struct conf_index *x, struct conf_tree *t)
{
	int r;

	if (x->whole)
		return 0;
	if (x->room)
		memset(x->slot, 0, x->room * sizeof *x->slot);
	x->n = 0;
	x->nested = false;
	x->whole = true;
	if ((r = add_below(x, t, &t->root)) < 0)
		x->whole = false;
	return r;
}
