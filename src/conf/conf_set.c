/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "conf_set.h"

int
conf_set_tapped(struct conf *c, const struct conf_node *n)
{
	if (n->nword == 1 && strcmp(n->word[0].text, "all") == 0)
		return 0;
	c->tapped = calloc(n->nword, sizeof *c->tapped);
	if (c->tapped == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n->nword; i++)
		memcpy(c->tapped[i], n->word[i].text, strlen(n->word[i].text));
	c->ntapped = n->nword;
	c->tap_all = false;
	return 0;
}

/* A routing instance alone: only its interfaces. */
int
conf_set_instance(struct conf *c, const struct conf_node *n)
{
	c->instance = calloc(n->nword, sizeof *c->instance);
	if (c->instance == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n->nword; i++)
		memcpy(c->instance[i], n->word[i].text, strlen(n->word[i].text));
	c->ninstance = n->nword;
	if (conf_tree_find(n->parent, "tapped-interfaces") == NULL)
		c->tap_all = false;
	return 0;
}

/* One that is not Junos's from the start says nothing. */
static void
copies_class(struct conf *c, const char *name)
{
	static const struct {
		const char *word;
		uint32_t dscp, priority;
	} class[] = {{"best-effort", 0, 0}, {"assured-forwarding", 10, 4}, {"expedited-forwarding", 46, 6},
	    {"network-control", 48, 7}};

	for (size_t i = 0; i < ARRAY_LEN(class); i++)
		if (strcmp(name, class[i].word) == 0) {
			c->copy_dscp = class[i].dscp;
			c->copy_priority = class[i].priority;
		}
}

/* Before dscp and socket-priority, which may say something else. */
int
conf_set_class(struct conf *c, const struct conf_node *n)
{
	copies_class(c, n->word[0].text);
	return 0;
}

/* The word behind these, in an opaque subtree, however they are spread over braces; the last one counts. */
static const struct conf_word *
word_behind(const struct conf_node *n, const char *const *path, size_t len, size_t at)
{
	const struct conf_word *found = NULL, *w;
	const struct conf_node *child;

	if (n->inactive)
		return NULL;
	for (uint32_t i = 0; i < n->nword; i++) {
		if (at == len)
			return &n->word[i];
		if (strcmp(n->word[i].text, path[at++]) != 0)
			return NULL;
	}
	TAILQ_FOREACH (child, &n->child, entry)
		if ((w = word_behind(child, path, len, at)) != NULL)
			found = w;
	return found;
}

/* As on Junos the class of what comes out of an interface stands where everybody sees it.  Comes before the
 * statements of flow-tap itself. */
int
conf_set_cos(struct conf *c, const struct conf_node *n)
{
	static const char *const kinds[] = {"interface", "tunnel-interface"};
	const struct conf_node *tap = conf_tree_find(conf_tree_find(&c->effect->root, "services"), "flow-tap"), *leaf;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct conf_word *class;
		cleanup_free char *name = NULL;
		char *dot;

		if ((leaf = conf_tree_find(tap, kinds[i])) == NULL)
			continue;
		if ((name = strdup(leaf->word[0].text)) == NULL)
			return -ENOMEM;
		if ((dot = strrchr(name, '.')) != NULL)
			*dot = '\0';
		class = word_behind(n,
		    (const char *const[]){"interfaces", name, "unit", dot ? dot + 1 : "0", "forwarding-class"}, 5, 0);
		if (class)
			copies_class(c, class->text);
	}
	return 0;
}

int
conf_set_source(struct conf *c, const struct conf_node *n)
{
	c->source = calloc(n->nword, sizeof *c->source);
	if (c->source == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n->nword; i++)
		(void)ip_parse((struct slice){n->word[i].text, strlen(n->word[i].text)}, &c->source[i]);
	c->nsource = n->nword;
	return 0;
}

/* The array's size is nagency rounded up to a power of two. */
static int
agency_grow(struct conf *c)
{
	struct conf_agency *v;

	if (c->nagency & (c->nagency - 1))
		return 0;
	v = reallocarray(c->agency, c->nagency ? c->nagency * 2 : 1, sizeof *v);
	if (v == NULL)
		return -ENOMEM;
	c->agency = v;
	return 0;
}

const struct conf_word *
conf_set_agency_user(const struct conf_node *n)
{
	const struct conf_node *user = conf_tree_find(n, "user");

	return user ? &user->word[0] : &n->word[0];
}

/* The checks have passed: what is there is right. */
static uint64_t
number_below(const struct conf_node *n, const char *name, uint64_t dflt)
{
	const struct conf_node *leaf = conf_tree_find(n, name);

	if (leaf)
		(void)slice_u64((struct slice){leaf->word[0].text, strlen(leaf->word[0].text)}, UINT64_MAX, &dflt);
	return dflt;
}

static struct slice
word_of(const struct conf_node *n)
{
	return (struct slice){n->word[0].text, strlen(n->word[0].text)};
}

static int
agency_dests(struct conf_agency *a, const struct conf_node *n)
{
	const struct conf_node *d, *port;
	uint32_t count = 0;

	TAILQ_FOREACH (d, &n->child, entry)
		count += !d->inactive && strcmp(conf_tree_name(d), "content-destination") == 0;
	if (count == 0)
		return 0;
	if ((a->dest = calloc(count, sizeof *a->dest)) == NULL)
		return -ENOMEM;
	TAILQ_FOREACH (d, &n->child, entry) {
		struct conf_dest *out = &a->dest[a->ndest];

		if (d->inactive || strcmp(conf_tree_name(d), "content-destination") != 0)
			continue;
		*out = (struct conf_dest){.port_lo = 1, .port_hi = UINT16_MAX};
		(void)conf_prefix_parse(word_of(d), &out->addr, &out->len);
		if ((port = conf_tree_find(d, "port")) != NULL)
			(void)conf_ports_parse(word_of(port), &out->port_lo, &out->port_hi);
		a->ndest++;
	}
	return 0;
}

static void
agency_limits(struct conf_agency *a, const struct conf_node *n)
{
	const struct conf_node *limit = conf_tree_find(n, "copy-limit");

	a->max_criteria = (uint32_t)number_below(n, "maximum-criteria", 0);
	a->max_sessions = (uint32_t)number_below(n, "maximum-sessions", 32);
	a->packets_per_s = number_below(limit, "packets-per-second", 0);
	a->bytes_per_s = number_below(limit, "bytes-per-second", 0);
	a->burst_ms = (uint32_t)number_below(limit, "burst", 100);
}

int
conf_set_agency(struct conf *c, const struct conf_node *n)
{
	const char *user = conf_set_agency_user(n)->text;
	const struct conf_node *authority;
	struct conf_agency *a;
	int r = agency_grow(c);

	if (r < 0)
		return r;
	a = &c->agency[c->nagency++];
	memset(a, 0, sizeof *a);
	memcpy(a->name, n->word[0].text, strlen(n->word[0].text));
	memcpy(a->user, user, strlen(user));
	if ((authority = conf_tree_find(n, "authority")) != NULL)
		a->standing = strcmp(authority->word[0].text, "standing") == 0;
	agency_limits(a, n);
	return agency_dests(a, n);
}

/* Each key of the officer's. */
int
conf_set_officer(struct conf *c, const struct conf_node *n)
{
	const struct conf_node *k;

	TAILQ_FOREACH (k, &n->child, entry) {
		struct conf_signer *v;

		if (k->inactive ||
		    (strcmp(conf_tree_name(k), "ssh-ed25519") != 0 && strcmp(conf_tree_name(k), "ssh-rsa") != 0))
			continue;
		if ((v = reallocarray(c->signer, c->nsigner + 1, sizeof *v)) == NULL)
			return -ENOMEM;
		c->signer = v;
		v[c->nsigner++] = (struct conf_signer){n->word[0].text, k->word[0].text};
	}
	return 0;
}

int
conf_set_family(struct conf *c, const struct conf_node *n)
{
	if (strcmp(n->word[0].text, "inet") == 0)
		c->family_inet = true;
	else if (strcmp(n->word[0].text, "inet6") == 0)
		c->family_inet6 = true;
	return 0;
}
