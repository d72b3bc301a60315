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

int
conf_set_agency(struct conf *c, const struct conf_node *n)
{
	const char *user = conf_set_agency_user(n)->text;
	struct conf_agency *a;
	int r = agency_grow(c);

	if (r < 0)
		return r;
	a = &c->agency[c->nagency++];
	memset(a, 0, sizeof *a);
	memcpy(a->name, n->word[0].text, strlen(n->word[0].text));
	memcpy(a->user, user, strlen(user));
	return 0;
}

int
conf_set_family(struct conf *c, const struct conf_node *n)
{
	if (strcmp(n->word[0].text, "inet") == 0)
		c->family_inet = true;
	else
		c->family_inet6 = true;
	return 0;
}
