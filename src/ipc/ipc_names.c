/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: ipc_names_ ipc_named_ ipc_numbers_ */
#include "ipc_names.h"

#include <errno.h>
#include <stdlib.h>

#define NAME_LEAST (1 + 4 + 2)      /* octets of an encoded struct ipc_name */
#define FOUND_LEAST (4 + 4 + 4 + 2) /* of a struct ipc_name_found */

/* So many can be there at most; a count that promises more is wrong, and asks for no memory. */
static int
count_get(struct rd *r, size_t least, uint32_t *n)
{
	*n = rd_u32(r);
	if (r->err == 0 && (*n > IPC_NAMES_MAX || *n > (size_t)(r->end - r->p) / least))
		r->err = -EBADMSG;
	return r->err;
}

static void
name_put(struct buf *b, const struct ipc_name *m)
{
	buf_put_u8(b, m->kind);
	buf_put_u32(b, m->number);
	buf_put_str(b, m->name);
}

static void
name_get(struct ipc_name *m, struct rd *r)
{
	m->kind = rd_u8(r);
	m->number = rd_u32(r);
	rd_cstr(r, m->name, sizeof m->name);
	if (r->err == 0 &&
	    (m->kind < IPC_NAME_USER || m->kind > IPC_NAME_GROUP ||
		(m->kind == IPC_NAME_USER_NUMBER ? m->name[0] != '\0' : m->name[0] == '\0' || m->number)))
		r->err = -EBADMSG;
}

void
ipc_names_put(struct buf *b, const struct ipc_names *m)
{
	buf_put_u32(b, m->n);
	for (uint32_t i = 0; i < m->n; i++)
		name_put(b, &m->v[i]);
}

int
ipc_names_get(struct ipc_names *m, struct rd *r)
{
	struct ipc_names v = {0};

	if (count_get(r, NAME_LEAST, &v.n) < 0)
		return r->err;
	if ((v.v = calloc((size_t)v.n + 1, sizeof *v.v)) == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < v.n; i++)
		name_get(&v.v[i], r);
	if (r->err)
		free(v.v);
	else
		*m = v;
	return r->err;
}

static void
found_put(struct buf *b, const struct ipc_name_found *m)
{
	buf_put_u32(b, m->err);
	buf_put_u32(b, m->number);
	buf_put_u32(b, m->group);
	buf_put_str(b, m->name);
}

static void
found_get(struct ipc_name_found *m, struct rd *r)
{
	m->err = rd_u32(r);
	m->number = rd_u32(r);
	m->group = rd_u32(r);
	rd_cstr(r, m->name, sizeof m->name);
	if (r->err == 0 && (m->err > 4095 || m->number == UINT32_MAX || (m->err && (m->number || m->group))))
		r->err = -EBADMSG;
}

void
ipc_named_put(struct buf *b, const struct ipc_named *m)
{
	buf_put_u32(b, m->err);
	buf_put_str(b, m->why);
	buf_put_u32(b, m->n);
	for (uint32_t i = 0; i < m->n; i++)
		found_put(b, &m->v[i]);
}

int
ipc_named_get(struct ipc_named *m, struct rd *r)
{
	struct ipc_named v = {.err = rd_u32(r)};

	rd_cstr(r, v.why, sizeof v.why);
	if (count_get(r, FOUND_LEAST, &v.n) == 0 && (v.err > 4095 || (v.err && v.n)))
		r->err = -EBADMSG;
	if (r->err)
		return r->err;
	if ((v.v = calloc((size_t)v.n + 1, sizeof *v.v)) == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < v.n; i++)
		found_get(&v.v[i], r);
	if (r->err)
		free(v.v);
	else
		*m = v;
	return r->err;
}

void
ipc_numbers_put(struct buf *b, const struct ipc_numbers *m)
{
	buf_put_u32(b, m->n);
	for (uint32_t i = 0; i < m->n; i++)
		buf_put_u32(b, m->uid[i]);
}

int
ipc_numbers_get(struct ipc_numbers *m, struct rd *r)
{
	struct ipc_numbers v = {0};

	if (count_get(r, sizeof *v.uid, &v.n) < 0)
		return r->err;
	if ((v.uid = calloc((size_t)v.n + 1, sizeof *v.uid)) == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < v.n; i++)
		v.uid[i] = rd_u32(r);
	*m = v;
	return 0;
}
