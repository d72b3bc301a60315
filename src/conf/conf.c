/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "conf_check.h"
#include "conf_parse.h"

int
conf_parse(const char *text, size_t len, struct conf **out, struct conf_error *err)
{
	return conf_parse_known((struct slice){text ? text : "", len}, 0, out, err);
}

int
conf_parse_known(struct slice text, uint32_t hidden, struct conf **out, struct conf_error *err)
{
	struct conf *c = calloc(1, sizeof *c);
	int r;

	*err = (struct conf_error){0};
	if (c == NULL)
		return conf_error_errno(err, -ENOMEM);
	if ((r = conf_parse_tree_known(text, hidden, &c->tree, err)) < 0 || (r = conf_check(c, err)) < 0) {
		conf_free(c);
		return r;
	}
	*out = c;
	return 0;
}

/* All of the file, at most CONF_TEXT_MAX bytes of it. */
static int
file_read(const char *path, struct buf *out)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	for (;;) {
		uint8_t *room = buf_room(out, 65536);

		if (room == NULL)
			return -ENOMEM;
		n = read(fd, room, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		out->len += (size_t)n;
		if (out->len > CONF_TEXT_MAX)
			return -EFBIG;
	}
}

int
conf_load(const char *path, struct conf **out, struct conf_error *err)
{
	cleanup_buf struct buf text = {0};
	int r = file_read(path, &text);

	if (r < 0)
		return conf_error_errno(err, r);
	return conf_parse((const char *)text.p, text.len, out, err);
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	if (c->effect != c->tree)
		conf_tree_free(c->effect);
	conf_tree_free(c->tree);
	free(c->tapped);
	free(c->instance);
	free(c->source);
	for (uint32_t i = 0; i < c->nagency; i++)
		free(c->agency[i].dest);
	free(c->agency);
	free(c->login);
	free(c->signer);
	free(c);
}

bool
conf_dest_allowed(const struct conf_agency *a, const struct ip_addr *addr, uint16_t port)
{
	for (uint32_t i = 0; i < a->ndest; i++) {
		const struct conf_dest *d = &a->dest[i];
		struct ip_addr first = ip_first(addr, d->len);

		if (d->addr.family == addr->family && ip_equal(&first, &d->addr) && port >= d->port_lo &&
		    port <= d->port_hi)
			return true;
	}
	return false;
}

static int
by_name(const void *key, const void *agency)
{
	return strcmp(key, ((const struct conf_agency *)agency)->name);
}

const struct conf_agency *
conf_agency_find(const struct conf *c, const char *name)
{
	return c->nagency ? bsearch(name, c->agency, c->nagency, sizeof *c->agency, by_name) : NULL;
}
